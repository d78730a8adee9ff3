"""What a softphone's events and SIP messages tell: its calls, its transfers, its audio.

Decides nothing and talks to nobody: all here is computed from what `lab.actors.baresip` heard.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from urllib.parse import quote

import msgspec

# baresip colours each message that it traces
_TRACED = re.compile(rb"\x1b\[36;1m#\r?\n\w+ (\S+) -> (\S+)\r?\n(.*?)\x1b\[;m", re.DOTALL)


class SoftphoneError(Exception):
    """The softphone could not do what it was told; the message says which phone, what and why."""


class PhoneEvent(msgspec.Struct, frozen=True, kw_only=True):
    """What baresip tells of itself, such as CALL_INCOMING or REGISTER_OK."""

    kind: str = msgspec.field(name="type")
    call: str = msgspec.field(name="id", default="")
    param: str = ""
    direction: str = ""
    peer: str = msgspec.field(name="peeruri", default="")
    display_name: str = msgspec.field(name="peerdisplayname", default="")


class SipMessage(msgspec.Struct, frozen=True, kw_only=True):
    """One SIP message that the phone sent or received."""

    sent: bool
    start: str
    headers: dict[str, str]
    body: str = ""

    @property
    def method(self) -> str:
        """The method of a request, or that which a response is to."""
        return self.start.split()[0] if not self.code else self.header("cseq").split()[-1]

    @property
    def code(self) -> int:
        """The status of a response; 0 for a request."""
        return int(self.start.split()[1]) if self.start.startswith("SIP/2.0 ") else 0

    def header(self, name: str) -> str:
        """The first header of this name (in small letters), or nothing."""
        return self.headers.get(name, "")


class PhoneCall:
    """One call as the phone sees it; `state` is dialling, incoming, established or closed."""

    def __init__(self, call_id: str, state: str) -> None:
        self.id, self.state = call_id, state
        self.peer = self.display_name = self.reason = ""

    def __repr__(self) -> str:
        return f"<{self.state} call {self.id} with {self.peer} {self.reason}>"


class Transfer(msgspec.Struct, frozen=True):
    """What became of a REFER: its answer, and the statuses that the line notified (sipfrag)."""

    answer: int = 0
    notified: tuple[int, ...] = ()
    ended: bool = False

    @property
    def is_open(self) -> bool:
        """Whether neither success nor failure was told; `ended` may be true then all the same."""
        told = self.notified[-1] if self.notified else 0
        return self.answer < 300 and told < 200

    @property
    def succeeded(self) -> bool:
        """Whether the line said that the other side has answered."""
        return bool(self.notified) and 200 <= self.notified[-1] < 300


class Audio(msgspec.Struct, frozen=True):
    """RTP packets that the phone has sent and received in one call."""

    sent: int
    received: int


def parse_message(text: str, *, sent: bool) -> SipMessage:
    """Take a SIP message apart."""
    head, _, body = text.replace("\r\n", "\n").partition("\n\n")
    start, *lines = head.splitlines()
    headers: dict[str, str] = {}
    for line in lines:
        name, _, value = line.partition(":")
        headers.setdefault(name.strip().lower(), value.strip())
    return SipMessage(sent=sent, start=start, headers=headers, body=body)


def read_trace(output: bytes, own: str) -> tuple[list[SipMessage], bytes]:
    """The messages that are whole in baresip's output, and what is left after them.

    `own` is the phone's address and port, by which what it sent is known.
    """
    messages: list[SipMessage] = []
    done = 0
    for found in _TRACED.finditer(output):
        text = found[3].decode("utf-8", "replace")
        messages.append(parse_message(text, sent=found[1].decode() == own))
        done = found.end()
    return messages, output[done:]


def follow_calls(events: Sequence[PhoneEvent]) -> dict[str, PhoneCall]:
    """The calls that these events tell of, as they stand."""
    states = {
        "CALL_INCOMING": "incoming",
        "CALL_ESTABLISHED": "established",
        "CALL_CLOSED": "closed",
        "TRANSFER_FAILED": "closed",
    }
    calls: dict[str, PhoneCall] = {}
    for event in events:
        if not event.call:
            continue
        call = calls.setdefault(event.call, PhoneCall(event.call, "dialling"))
        if call.state == "closed":
            continue
        call.peer = event.peer or call.peer
        call.display_name = event.display_name or call.display_name
        call.state = states.get(event.kind, call.state)
        call.reason = event.param if call.state == "closed" else ""
    return calls


def follow_transfer(messages: Sequence[SipMessage], call: str) -> Transfer:
    """What these messages tell of a REFER in this call."""
    transfer = Transfer()
    for message in messages:
        if message.header("call-id") != call or message.sent:
            continue
        if message.method == "REFER" and message.code not in (0, 401, 407):
            transfer = msgspec.structs.replace(transfer, answer=message.code)
        elif message.method == "NOTIFY" and not message.code:
            told = re.match(r"SIP/2\.0 (\d{3})", message.body)
            codes = (int(told[1]),) if told else ()
            transfer = msgspec.structs.replace(
                transfer,
                notified=transfer.notified + codes,
                ended=message.header("subscription-state").startswith("terminated"),
            )
    return transfer


def refer_to(messages: Sequence[SipMessage], call: str) -> str:
    """The Refer-To that replaces this call: its other side's address and its dialog's tags.

    A call that still rings can be replaced too, if the other side has said so.
    """
    for message in reversed(messages):
        if (
            message.header("call-id") != call
            or message.method != "INVITE"
            or not (180 <= message.code < 300)
        ):
            continue
        ours, theirs = ("to", "from") if message.sent else ("from", "to")
        tags = [message.header(side).partition("tag=")[2] for side in (theirs, ours)]
        peer = re.search(r"<([^>]+)>", message.header(theirs))
        replaces = quote(f"{call};to-tag={tags[0]};from-tag={tags[1]}", safe="")
        return f"<{peer[1] if peer else ''}?Replaces={replaces}>"
    raise SoftphoneError(f"Call {call} has not rung, so nothing can replace it.")


def parse_audio(said: str) -> Audio:
    """Read the packet counts out of baresip's audio_debug."""
    sent = re.search(r"TX: packets=(\d+)", said)
    return Audio(int(sent[1]) if sent else 0, sum(map(int, re.findall(r"rcvd=(\d+)", said))))
