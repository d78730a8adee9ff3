"""Decides which calls Asterisk has refused by itself, and which were never acknowledged. Pure.

Both are told by copies: of INVITEs, of refusals and of ACKs.

Such a call never reaches the dialplan: no engine hears of it, and it has no record. Told apart are
answers to what was asked within a call (To has a tag), of a call that got a channel (Asterisk adds
`Reason` to its answers then) unless it was beyond the bound of its address, to one whose caller has
hung up (487), and answers that are followed by another try of the same call: with a password (401),
without the extension (420). Source: RFC 3261, sections 8.1.3.5 and 22.2.

Who never acknowledges the answer (200) is no phone, or has lost the way to us: Asterisk sends the
answer again, each time waiting for ACK, and ends the call after 32 s (section 13.3.1.4); the engine
does so earlier (`ngalam112.engine.unacknowledged`).
"""

from __future__ import annotations

import re

import msgspec

from ngalam112.config.provision import BOUND_CAUSE
from pbx.hep import LONGEST_CALL_ID, Copy

SURE_AFTER_S = 5.0
"""Who has not tried again by then has not got in."""
MOST_REMEMBERED = 4096
LONGEST_DIALLED = 32
UNACKNOWLEDGED_S = 40.0
"""By then Asterisk has ended who never acknowledged an answer, late as it may have come."""
PATH_S = 2.0
"""An ACK for another call so long after an INVITE shows that our answers arrive there."""
MOST_PATHS = 1024

_INVITE, _ACK, _CANCELLED = b"INVITE ", b"ACK ", 487
_NUMBER = re.compile(rb"^CSeq[ \t]*:\s*(\d{1,10})\s+INVITE\b", re.IGNORECASE | re.MULTILINE)
_IN_A_CALL = re.compile(rb"^(?:To|t)[ \t]*:.*;\s*tag\s*=", re.IGNORECASE | re.MULTILINE)
_HAS_CHANNEL = re.compile(
    rb"^Reason[ \t]*:(?!.*\bcause=%d\b)" % BOUND_CAUSE, re.IGNORECASE | re.MULTILINE
)
_STATUS = re.compile(rb"SIP/2\.0 ([4-6]\d\d)\b")
# what follows the number begins with ;, else an address without @ would be read again and again
_DIALLED = re.compile(rb"INVITE\s+(?:sips?:([^@\s;]*)(?:;[^@\s]*)?@|tel:([^\s;]*))", re.IGNORECASE)
_STRANGE = re.compile(r"[^0-9A-Za-z+*#._-]")


class Refusal(msgspec.Struct, frozen=True):
    """A call from the address `source` to the number `dialled` was refused with this SIP status."""

    source: str
    status: int
    dialled: str


class _Invite(msgspec.Struct):
    """An INVITE for a new call, of `heard`. `answer`: with what it was refused `at`, 0: it was not.

    `acknowledged`: the caller has got an answer.
    """

    number: int
    source: str
    dialled: str
    heard: float
    answer: int = 0
    at: float = 0.0
    acknowledged: bool = False


class RefusedCalls:
    """The calls of the last moments, by Call-ID; the oldest are forgotten for newer ones."""

    def __init__(self) -> None:
        self._calls: dict[str, _Invite] = {}
        self._open: dict[str, float] = {}  # when those that nobody has acknowledged were heard
        self._doubtful: dict[str, _Invite] = {}  # refused, the longest ago first
        self._sure: list[Refusal] = []
        self._acked: dict[str, float] = {}  # addresses: when their last ACK came, the latest last

    @property
    def waiting(self) -> bool:
        """Whether `sure` has or will have something to tell."""
        return bool(self._doubtful or self._sure)

    def heard(self, copy: Copy, now: float) -> None:
        """A copy is here: of an INVITE or an ACK that came in, or of a refusal."""
        call_id = copy.call_id[:LONGEST_CALL_ID]
        if copy.packet.startswith(_ACK):
            if (call := self._calls.get(call_id)) is not None:
                self._has_acked(call.source, now)
            self.acknowledged(call_id)
            return
        head = copy.packet.partition(b"\r\n\r\n")[0]
        found = _NUMBER.search(head)
        if found is None:
            return
        if head.startswith(_INVITE):
            self._invited(call_id, head, _Invite(int(found[1]), copy.sender, _dialled(head), now))
        else:
            self._refused(call_id, head, int(found[1]), now)

    def unacknowledged(self, call_id: str, now: float) -> bool:
        """Whether this call may be one that is never acknowledged; no, if nothing is known of it.

        A copy that is lost makes nobody wait for longer than Asterisk lets such a call live.
        """
        call = self._calls.get(call_id)
        return call is not None and not call.acknowledged and now < call.heard + UNACKNOWLEDGED_S

    def acknowledged(self, call_id: str) -> None:
        """The caller has got an answer, for an ACK has come or something else that says so."""
        if (call := self._calls.get(call_id)) is not None:
            call.acknowledged = True
            self._open.pop(call_id, None)

    def open_for(self, seconds: float, now: float) -> list[str]:
        """The calls that were heard so long ago, and nobody has acknowledged an answer since.

        Left out are those to whose address nothing may get through: from there no ACK has come
        since, for another call either. A failure of the network ends nobody.
        """
        found = []
        for call_id, heard in self._open.items():
            if heard > now - seconds:
                break
            if self.is_open(call_id):
                found.append(call_id)
        return found

    def is_open(self, call_id: str) -> bool:
        """Whether nobody has acknowledged a call's answer, and others of the same address have."""
        heard = self._open.get(call_id)
        if heard is None:
            return False
        return self._acked.get(self._calls[call_id].source, 0.0) >= heard + PATH_S

    def _has_acked(self, source: str, now: float) -> None:
        self._acked.pop(source, None)
        self._acked[source] = now
        if len(self._acked) > MOST_PATHS:
            del self._acked[next(iter(self._acked))]

    def forget_open(self) -> None:
        """What was not heard for a moment may have been ACKs: nobody is unacknowledged by now."""
        for call_id in list(self._open):
            self.acknowledged(call_id)

    def address_of(self, call_id: str) -> str:
        """Where the INVITE of a call came from; "" if that is not known."""
        call = self._calls.get(call_id)
        return "" if call is None else call.source

    def sure(self, now: float) -> list[Refusal]:
        """Return the calls that have not got in, each once."""
        for call_id, call in list(self._doubtful.items()):
            if now - call.at < SURE_AFTER_S:
                break
            self._settle(call_id)
        found, self._sure = self._sure, []
        return found

    def _invited(self, call_id: str, head: bytes, invite: _Invite) -> None:
        before = self._calls.get(call_id)
        if _IN_A_CALL.search(head) or (before is not None and before.number == invite.number):
            return
        # another try of a call that was refused
        self._doubtful.pop(call_id, None)
        self._calls.pop(call_id, None)
        self._calls[call_id] = invite
        self._open.pop(call_id, None)
        self._open[call_id] = invite.heard
        self._forget_old(invite.heard)

    def _forget_old(self, now: float) -> None:
        """Forget calls of which nothing more is to be known, and the oldest of too many."""
        while self._calls:
            oldest = next(iter(self._calls))
            young = now < self._calls[oldest].heard + UNACKNOWLEDGED_S
            if young and len(self._calls) <= MOST_REMEMBERED:
                return
            self._settle(oldest)
            del self._calls[oldest]
            self._open.pop(oldest, None)

    def _refused(self, call_id: str, head: bytes, number: int, now: float) -> None:
        call, status = self._calls.get(call_id), _STATUS.match(head)
        if call is None or status is None or call.number != number or call.answer:
            return
        if int(status[1]) == _CANCELLED or _HAS_CHANNEL.search(head):
            return
        call.answer, call.at = int(status[1]), now
        self._open.pop(call_id, None)
        self._doubtful[call_id] = call

    def _settle(self, call_id: str) -> None:
        if (call := self._doubtful.pop(call_id, None)) is not None:
            self._sure.append(Refusal(call.source, call.answer, call.dialled))


def _dialled(head: bytes) -> str:
    found = _DIALLED.match(head)
    dialled = (found[1] or found[2] or b"") if found is not None else b""
    return _STRANGE.sub("?", dialled[:LONGEST_DIALLED].decode("ascii", "replace"))
