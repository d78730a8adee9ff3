"""Which calls Asterisk has refused by itself, and which it only seems to have."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ngalam112.config.provision import BOUND_CAUSE
from ngalam112.engine import refused_calls
from ngalam112.engine.refused_calls import (
    MOST_PATHS,
    SURE_AFTER_S,
    UNACKNOWLEDGED_S,
    Refusal,
    RefusedCalls,
)
from pbx.hep import Copy

LATER = SURE_AFTER_S


def invite(
    call_id: str = "a", number: int = 1, to_tag: str = "", uri: str = "sip:112@10.0.0.1"
) -> Copy:
    tag = f";tag={to_tag}" if to_tag else ""
    head = f"INVITE {uri} SIP/2.0\r\nTo: <{uri}>{tag}\r\nCSeq: {number} INVITE\r\n\r\nv=0\r\n"
    return Copy("192.0.2.1", call_id, head.encode())


def answer(
    status: int, call_id: str = "a", number: int = 1, *headers: str, method: str = "INVITE"
) -> Copy:
    lines = (f"SIP/2.0 {status} No", "To: <sip:112@x>;tag=1", f"CSeq: {number} {method}", *headers)
    return Copy("10.0.0.1", call_id, ("\r\n".join(lines) + "\r\n\r\n").encode())


def told(*copies: Copy, at: float = LATER) -> list[Refusal]:
    calls = RefusedCalls()
    for copy in copies:
        calls.heard(copy, 0.0)
    return calls.sure(at)


@pytest.mark.parametrize("status", [401, 403, 404, 420, 488, 500, 503, 603])
def test_a_call_that_is_refused_and_not_tried_again_is_told_once(status: int) -> None:
    calls = RefusedCalls()
    # both are sent again as long as one of the two has not come
    for copy in (invite(), invite(), answer(status), invite(), answer(status)):
        calls.heard(copy, 0.0)
    assert calls.sure(LATER - 0.1) == []
    assert calls.sure(LATER) == [Refusal("192.0.2.1", status, "112")]
    calls.heard(answer(status), LATER)
    assert not calls.waiting
    assert calls.sure(2 * LATER) == []


@pytest.mark.parametrize(
    ("what", "copies"),
    [
        ("it has a channel", (invite(), answer(486, "a", 1, "Reason: Q.850;cause=17"))),
        ("the caller hung up", (invite(), answer(487))),
        ("it came in the second try", (invite(), answer(401), invite(number=2))),
        ("it is a change in a call", (invite(), invite(number=2, to_tag="x"), answer(488, "a", 2))),
        ("it is of a call that is gone", (invite(to_tag="x"), answer(481))),
        ("it is of another request", (invite(), answer(401, method="REGISTER"))),
        ("a phone refused us", (answer(486, "ours"),)),
        ("it is no refusal", (invite(), answer(200), answer(180))),
    ],
)
def test_what_is_no_refused_call(what: str, copies: tuple[Copy, ...]) -> None:
    assert told(*copies) == [], what


def test_who_shows_a_wrong_password_twice_is_one_call() -> None:
    tries = (invite(), answer(401), invite(number=2), answer(401, number=2))
    assert told(*tries) == [Refusal("192.0.2.1", 401, "112")]


@pytest.mark.parametrize(
    ("uri", "dialled"),
    [
        ("sip:112;phone-context=x@h", "112"),
        ("sips:+62112@h:5061;a=b", "+62112"),
        ("tel:1-1-2;x=y", "1-1-2"),
        ("sip:10.0.0.1", ""),
        ("sip:" + "9" * 99 + "@h", "9" * 32),
        ("sip:a'\x1b[2J\xff@h", "a??"),
    ],
)
def test_what_was_dialled_is_short_and_harmless(uri: str, dialled: str) -> None:
    (found,) = told(invite(uri=uri), answer(404))
    assert found.dialled.startswith(dialled) and len(found.dialled) <= 32
    assert found.dialled.isascii() and found.dialled.isprintable()


def test_a_long_address_without_a_number_holds_nobody_up() -> None:
    began = time.process_time()
    (found,) = told(invite(uri="sip:" + "a" * 20_000), answer(404))
    assert found.dialled == ""
    assert time.process_time() - began < 0.5, "by the square of its length it is seconds"


def ack(call_id: str = "a") -> Copy:
    return Copy("192.0.2.1", call_id, b"ACK sip:112@h SIP/2.0\r\nCSeq: 1 ACK\r\n\r\n")


def test_a_call_is_doubtful_until_its_answer_is_acknowledged_and_not_for_ever() -> None:
    calls, long_id = RefusedCalls(), "x" * 1000
    assert not calls.unacknowledged("a", 0.0), "of an earlier engine, or without copies"
    for call_id in ("a", "b", long_id):
        calls.heard(invite(call_id), 0.0)
    assert calls.unacknowledged("a", 32.0)
    assert calls.unacknowledged(long_id[:255], 32.0), "as ARI tells it"
    calls.heard(ack(), 32.0)
    calls.heard(ack("nobody's"), 32.0)
    assert not calls.unacknowledged("a", 32.0)
    assert calls.unacknowledged("b", 32.0)
    assert not calls.unacknowledged("b", UNACKNOWLEDGED_S)


def test_the_ack_of_a_refusal_says_nothing_of_the_next_try() -> None:
    calls = RefusedCalls()
    for copy in (invite(), answer(401), ack(), invite(number=2)):
        calls.heard(copy, 0.0)
    assert calls.unacknowledged("a", 1.0)


def test_a_flood_is_counted_and_not_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refused_calls, "MOST_REMEMBERED", 10)
    calls = RefusedCalls()
    for number in range(100):
        calls.heard(invite(f"c{number}"), 0.0)
        calls.heard(answer(401, f"c{number}"), 0.0)
    assert len(calls.sure(0.0)) == 90
    assert len(calls.sure(LATER)) == 10


def test_calls_of_which_nothing_more_is_to_be_known_are_forgotten() -> None:
    calls = RefusedCalls()
    for number in range(10):
        calls.heard(invite(f"c{number}"), 0.0)
    calls.heard(answer(401, "c9"), 0.0)
    calls.heard(invite("later"), UNACKNOWLEDGED_S)
    assert list(calls._calls) == ["later"]
    assert [one.status for one in calls.sure(UNACKNOWLEDGED_S)] == [401]


@given(st.lists(st.tuples(st.booleans(), st.binary(max_size=80)), max_size=20))
def test_whatever_is_said_breaks_nothing(packets: list[tuple[bool, bytes]]) -> None:
    calls = RefusedCalls()
    for is_invite, noise in packets:
        begin = b"INVITE sip:1@h SIP/2.0\r\n" if is_invite else b"SIP/2.0 488 x\r\n"
        calls.heard(Copy("192.0.2.1", "a", begin + noise + b"\r\nCSeq: 1 INVITE\r\n"), 0.0)
        calls.heard(Copy("192.0.2.1", "a", noise), 0.0)
    assert len(calls.sure(LATER)) <= 1


def another_is_acknowledged(calls: RefusedCalls, at: float) -> None:
    """Our answers arrive at that address at this moment."""
    calls.heard(invite(f"well-{at}"), at)
    calls.heard(ack(f"well-{at}"), at)


def test_addresses_from_which_acks_have_come_are_not_remembered_without_end() -> None:
    calls = RefusedCalls()
    for number in range(2 * MOST_PATHS):
        source = f"10.{number // 65536}.{number // 256 % 256}.{number % 256}"
        calls.heard(Copy(source, "a", b"INVITE sip:112@h SIP/2.0\r\nCSeq: 1 INVITE\r\n\r\n"), 1.0)
        calls.heard(Copy(source, "a", b"ACK sip:112@h SIP/2.0\r\n\r\n"), 1.0)
    assert len(calls._acked) <= MOST_PATHS


def test_a_call_is_open_until_it_is_acknowledged_refused_or_not_heard_for_sure() -> None:
    calls = RefusedCalls()
    for at, call_id in enumerate("abcd"):
        calls.heard(invite(call_id), float(at))
    assert calls.open_for(4.0, 5.0) == [], "nobody at that address has acknowledged anything"
    another_is_acknowledged(calls, 3.0)
    assert calls.open_for(4.0, 5.0) == ["a", "b"]
    calls.heard(ack("a"), 5.0)
    calls.heard(answer(486, "c", 1, "Reason: Q.850;cause=17"), 5.0)
    calls.heard(answer(404, "d"), 5.0)
    assert calls.open_for(0.0, 9.0) == ["b", "c"], "who has a channel is told by the ACK"
    calls.forget_open()  # the socket was gone for a moment, and ACKs with it
    assert calls.open_for(0.0, 9.0) == []
    assert not calls.unacknowledged("b", 9.0)
    calls.heard(invite("e"), 10.0)
    another_is_acknowledged(calls, 12.0)
    assert calls.open_for(1.0, 11.0 + UNACKNOWLEDGED_S) == ["e"]
    calls.heard(invite("f"), 10.0 + UNACKNOWLEDGED_S)
    another_is_acknowledged(calls, 12.0 + UNACKNOWLEDGED_S)
    assert calls.open_for(0.0, 12.0 + UNACKNOWLEDGED_S) == ["f"]


def test_a_call_beyond_the_bound_of_its_address_is_counted_though_it_had_a_channel() -> None:
    refusal = answer(503, "a", 1, f"Reason: Q.850;cause={BOUND_CAUSE};text=x")
    assert told(invite(), refusal) == [Refusal("192.0.2.1", 503, "112")]


def test_the_address_of_a_call_is_known_while_it_is_young() -> None:
    calls = RefusedCalls()
    calls.heard(invite("a"), 0.0)
    assert (calls.address_of("a"), calls.address_of("b")) == ("192.0.2.1", "")
