"""What is computed from a softphone's events and SIP messages."""

from __future__ import annotations

import math
import struct

import pytest

from lab.actors.baresip import netstring
from lab.actors.phone_facts import (
    Audio,
    PhoneEvent,
    SipMessage,
    SoftphoneError,
    Transfer,
    follow_calls,
    follow_transfer,
    parse_audio,
    parse_message,
    read_trace,
    refer_to,
)
from lab.audio.tones import tone_share

OWN = "127.0.0.1:5062"
OK = (
    "SIP/2.0 200 OK\r\nCall-ID: one\r\nCSeq: 7 INVITE\r\n"
    'From: "Sari" <sip:101@127.0.0.1>;tag=ours\r\nTo: <sip:102@127.0.0.1>;tag=theirs\r\n\r\nv=0\r\n'
)


def traced(text: str, way: str = f"127.0.0.1:5060 -> {OWN}") -> bytes:
    return f"\x1b[36;1m#\nUDP {way}\n{text}\x1b[;m\n".encode()


def received(start: str, body: str = "", **headers: str) -> SipMessage:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return SipMessage(sent=False, start=start, headers={"call-id": "one", **named}, body=body)


def notified(status: str, state: str = "active") -> SipMessage:
    return received("NOTIFY sip:101@x SIP/2.0", f"SIP/2.0 {status}\r\n", subscription_state=state)


def event(kind: str, call: str = "one", **more: str) -> PhoneEvent:
    return PhoneEvent(kind=kind, call=call, **more)


def test_a_netstring_counts_bytes_not_letters() -> None:
    assert netstring("é".encode()) == b"2:\xc3\xa9,"


def test_a_message_is_taken_apart() -> None:
    message = parse_message(OK, sent=False)
    assert (message.code, message.method, message.body) == (200, "INVITE", "v=0\n")
    assert message.header("call-id") == "one"
    assert message.header("subscription-state") == ""


def test_messages_are_found_in_the_output_and_who_sent_them() -> None:
    bye = "BYE sip:101@127.0.0.1 SIP/2.0\r\nCSeq: 8 BYE\r\n\r\n"
    output = b"ready\n" + traced(OK) + b"call: hold\n" + traced(bye, f"{OWN} -> 127.0.0.1:5060")
    messages, rest = read_trace(output, OWN)
    assert [(one.method, one.sent) for one in messages] == [("INVITE", False), ("BYE", True)]
    assert rest == b"\n"


def test_a_message_that_comes_in_pieces_is_found_once_wherever_it_is_cut() -> None:
    output = traced(OK)
    for cut in range(len(output)):
        first, rest = read_trace(output[:cut], OWN)
        then, _ = read_trace(rest + output[cut:], OWN)
        assert [one.code for one in first + then] == [200], cut


def test_a_call_goes_from_ringing_to_its_end_with_the_reason() -> None:
    events = [
        event("REGISTER_OK", call=""),
        event("CALL_INCOMING", peer="sip:0811@x", display_name="POLISI 0811"),
        event("CALL_ESTABLISHED", peer="sip:0811@x", display_name="POLISI 0811"),
    ]
    call = follow_calls(events)["one"]
    assert (call.state, call.peer, call.display_name) == (
        "established",
        "sip:0811@x",
        "POLISI 0811",
    )
    ended = [*events, event("CALL_CLOSED", param="486 Busy Here"), event("CALL_RTCP")]
    call = follow_calls(ended)["one"]
    assert (call.state, call.reason, call.display_name) == (
        "closed",
        "486 Busy Here",
        "POLISI 0811",
    )


def test_baresip_ends_a_call_whose_transfer_failed() -> None:
    call = follow_calls([event("CALL_ESTABLISHED"), event("TRANSFER_FAILED", param="603 Decline")])
    assert (call["one"].state, call["one"].reason) == ("closed", "603 Decline")


@pytest.mark.parametrize(
    ("messages", "transfer", "is_open", "succeeded"),
    [
        ([], Transfer(), True, False),
        ([received("SIP/2.0 401 No", cseq="2 REFER")], Transfer(), True, False),
        ([received("SIP/2.0 603 No", cseq="2 REFER")], Transfer(603), False, False),
        ([received("SIP/2.0 202 Yes", cseq="2 REFER")], Transfer(202), True, False),
        ([notified("100 Trying")], Transfer(0, (100,)), True, False),
        (
            [notified("180 Ringing"), notified("200 OK", "terminated;reason=noresource")],
            Transfer(0, (180, 200), True),
            False,
            True,
        ),
        ([notified("486 Busy", "terminated")], Transfer(0, (486,), True), False, False),
        (
            [notified("100 Trying", "terminated;reason=timeout")],
            Transfer(0, (100,), True),
            True,
            False,
        ),
    ],
)
def test_a_transfer_is_what_was_answered_and_notified(
    messages: list[SipMessage], transfer: Transfer, is_open: bool, succeeded: bool
) -> None:
    seen = follow_transfer(messages, "one")
    assert seen == transfer
    assert (seen.is_open, seen.succeeded) == (is_open, succeeded)


def test_a_transfer_of_another_call_does_not_count() -> None:
    assert follow_transfer([notified("200 OK")], "two") == Transfer()


def test_a_call_that_we_dialled_is_replaced_by_its_tags_as_the_other_side_sees_them() -> None:
    answer = parse_message(OK, sent=False)
    assert refer_to([answer], "one") == (
        "<sip:102@127.0.0.1?Replaces=one%3Bto-tag%3Dtheirs%3Bfrom-tag%3Dours>"
    )


def test_a_call_that_we_answered_is_replaced_the_other_way_round() -> None:
    answer = parse_message(OK, sent=True)
    assert refer_to([answer], "one") == (
        "<sip:101@127.0.0.1?Replaces=one%3Bto-tag%3Dours%3Bfrom-tag%3Dtheirs>"
    )


def test_a_call_that_has_not_rung_cannot_be_replaced() -> None:
    with pytest.raises(SoftphoneError, match="has not rung"):
        refer_to([received("SIP/2.0 100 Trying", cseq="7 INVITE")], "one")


def test_packets_are_counted_over_all_senders() -> None:
    said = "member 0x1: lost=0\n IP=x psent=250 rcvd=153\n psent=0 rcvd=175\n TX: packets=340"
    assert parse_audio(said) == Audio(sent=340, received=328)
    assert parse_audio("") == Audio(sent=0, received=0)


def tone(hz: int, level: float = 8000.0) -> bytes:
    values = (int(level * math.sin(2 * math.pi * hz * at / 8000)) for at in range(8000))
    return b"".join(struct.pack("<h", value) for value in values)


def test_a_tone_is_known_among_others() -> None:
    assert tone_share(tone(400), 8000, 400) > 0.99
    assert tone_share(tone(400), 8000, 700) < 0.01
    assert tone_share(tone(400)[:8000] + tone(700)[:8000], 8000, 400) == pytest.approx(
        0.5, abs=0.01
    )


def test_silence_holds_no_tone() -> None:
    assert tone_share(bytes(16000), 8000, 400) == 0.0
    assert tone_share(b"", 8000, 400) == 0.0
