"""A nuisance's calls are served behind the others, and are served in any case."""

from __future__ import annotations

import pytest
from factories import OFTEN, Desk, LineDesk, a_call, a_channel, a_leg
from hypothesis import given
from hypothesis import strategies as st

from acd.calls.call import Call
from acd.calls.record import EventKind
from acd.numbers.nuisance import Nuisance
from acd.queueing.queue import WaitingQueue, cap_at, head_start
from acd.rules.rules import Rules
from ngalam112.engine.ari_switch import Connected
from pbx.ari_types import ChannelDestroyed, StasisEnd, StasisStart

NUMBER, OTHER = "081234567890", "081234567891"
RULES = Nuisance(calls=2, behind_s=300.0)


def call_and_give_up(desk: LineDesk, channel: str, now: float, number: str = NUMBER) -> Call:
    call = desk.citizen(channel, now, number=number)
    desk.press("2", channel, now + 1)
    desk.handle(StasisEnd(a_channel(channel)), now=now + 2)
    desk.handle(ChannelDestroyed(a_channel(channel), 16), now=now + 2)
    desk.elsewhere.discard(channel)
    return call


def a_nuisance(desk: LineDesk, channel: str = "n", now: float = 100.0) -> Call:
    """The third call of one number."""
    for index in range(2):
        call_and_give_up(desk, f"{channel}{index}", now - 20 + index * 5)
    call = desk.citizen(channel, now, number=NUMBER)
    desk.press("2", channel, now + 1)
    return call


def order(desk: LineDesk) -> list[str]:
    return [one.channel for one in desk.dispatcher.queue]  # type: ignore[attr-defined]


def test_who_comes_later_is_served_before_a_nuisance() -> None:
    desk = LineDesk(operators=0, nuisance=RULES)
    call = a_nuisance(desk)
    assert call.record.nuisance == "calls"
    assert call.record.redial_of and call.waits_since is None, "no old place"
    desk.citizen("o", 150.0, number=OTHER)
    desk.press("2", "o", 151.0)
    assert order(desk) == ["o", "n"]


def test_a_nuisance_is_served_when_nobody_else_waits_and_the_operator_sees_why() -> None:
    desk = LineDesk(1, nuisance=RULES)
    for one in desk.roster.operators.values():
        one.not_before = 99.0
    call = a_nuisance(desk)
    assert call.leg is not None
    assert desk.switch.last("ring").more[1][0] == f"POLISI BERULANG {NUMBER}"


def test_no_key_and_no_silence_brings_a_nuisance_before_the_others() -> None:
    desk = LineDesk(operators=0, nuisance=RULES)
    call = a_nuisance(desk)
    call.silent = True
    desk.press("1", "n", 103.0)
    assert (call.aged, call.head_start_s) == (False, -300.0)
    assert desk.journal.events[call.id][-1].kind is EventKind.KEY


def test_whom_an_operator_has_spoken_with_is_no_nuisance_any_more() -> None:
    call, rules = a_call(), Rules(nuisance=RULES)
    call.record.nuisance = "marks"
    assert head_start(call, rules) == -300.0
    call.record.operator_answered_at = 200.0
    assert head_start(call, rules) == 0.0


def test_the_next_engine_keeps_it_behind_the_others() -> None:
    desk = LineDesk(operators=0, nuisance=RULES)
    a_nuisance(desk)
    desk.citizen("o", 150.0, number=OTHER)
    desk.press("2", "o", 151.0)
    after = desk.next_engine(now=160.0)
    after.restore_calls(a_leg("n"), a_leg("o"), now=160.0)
    assert order(after) == ["o", "n"]
    assert after.router.nuisance.arrived(NUMBER, 161.0) == "calls"


@OFTEN
@given(
    st.lists(
        st.tuples(st.floats(0, 900), st.booleans(), st.sampled_from(["police", "fire"])),
        max_size=25,
    ),
    st.floats(0, 600),
)
def test_a_nuisance_is_passed_by_who_comes_up_to_so_much_later_and_by_nobody_else(
    arrivals: list[tuple[float, bool, str]], behind_s: float
) -> None:
    rules, queue, calls = Rules(nuisance=Nuisance(behind_s=behind_s)), WaitingQueue(), []
    for index, (at, is_nuisance, category) in enumerate(arrivals):
        call = a_call(f"c{index:03}", at=1000.0 + at, category=category)
        call.record.nuisance = "calls" if is_nuisance else None
        call.head_start_s = head_start(call, rules)
        calls.append(call)
        queue.add(call)

    def counts_from(call: Call) -> float:
        return call.record.arrived_at + (behind_s if call.record.nuisance else 0.0)

    def check() -> None:
        served = list(queue)
        assert [counts_from(one) for one in served] == sorted(map(counts_from, served))  # type: ignore[arg-type]

    check()
    now = 1500.0
    aged = [one for one in calls if cap_at(one, rules) <= now]
    for one in aged:
        queue.age(one)
    order = sorted(aged, key=lambda one: (counts_from(one), one.record.arrived_at, one.id))
    assert list(queue)[: len(aged)] == order
    for one in calls:
        assert cap_at(one, rules) == pytest.approx(counts_from(one) + 120.0)


def talk(desk: LineDesk, call: Call, now: float, seconds: float) -> None:
    leg = call.leg or ""
    desk.handle(StasisStart(["operator"], a_channel(leg)), now=now)
    desk.handle(Connected(call.bridge or ""), now=now)
    desk.handle(StasisEnd(a_channel(call.channel)), now=now + seconds)
    desk.handle(ChannelDestroyed(a_channel(call.channel), 16), now=now + seconds)
    desk.handle(ChannelDestroyed(a_channel(leg), 16), now=now + seconds)


def test_codes_mark_the_last_call_and_the_call_of_now_and_take_it_back() -> None:
    desk = LineDesk(1, nuisance=RULES, wrap_up_s=0.0)
    call = desk.citizen("c1", 100.0, number=NUMBER)
    desk.press("2", "c1", 101.0)
    leg = call.leg or ""
    desk.handle(StasisStart(["operator"], a_channel(leg)), now=105.0)
    desk.handle(Connected(call.bridge or ""), now=105.0)
    for digit in "*41":
        desk.dispatcher.transfers.pressed(leg, digit, 110.0)
    assert call.record.disposition == "prank"
    assert desk.switch.last("tell").more == ("disposition_prank",)
    desk.handle(ChannelDestroyed(a_channel("c1"), 16), now=120.0)
    for code, said, disposition in (
        ("*42", "disposition_ghost", "ghost"),
        ("*49", "disposition_unknown", "ghost"),
        ("*40", "disposition_undone", None),
        ("*43", "disposition_real", "real"),
    ):
        desk.handle(StasisStart(["code", "101", code], a_channel("p1")), now=125.0)
        assert desk.switch.playing()[1] == said
        assert call.record.disposition == disposition
        desk.handle(ChannelDestroyed(a_channel("p1"), 16), now=126.0)
    noted = [one for one in desk.journal.events[call.id] if one.kind is EventKind.DISPOSITION]
    assert [one.data["disposition"] for one in noted] == ["prank", "ghost", None, "real"]
    assert {one.data["operator"] for one in noted} == {"1001"}


def test_who_has_had_no_call_has_nothing_to_mark() -> None:
    desk = LineDesk(1)
    desk.handle(StasisStart(["code", "101", "*41"], a_channel("p1")), now=125.0)
    assert desk.switch.playing()[1] == "disposition_nobody"
    desk.handle(StasisStart(["code", "999", "*41"], a_channel("p2")), now=125.0)
    assert desk.switch.playing()[1] == "operator_not_logged_in"


def test_two_marks_make_a_nuisance_and_a_long_talk_clears_it() -> None:
    desk = LineDesk(1, nuisance=Nuisance(marks=2, real_s=60.0), wrap_up_s=0.0)
    now = 1000.0
    for index, seconds in enumerate((20.0, 20.0, 70.0)):
        call = desk.citizen(f"c{index}", now, number=NUMBER)
        desk.press("2", f"c{index}", now + 1)
        assert call.record.nuisance == ("marks" if index == 2 else None)
        talk(desk, call, now + 5, seconds)
        if index < 2:
            desk.handle(StasisStart(["code", "101", "*42"], a_channel("p")), now=now + 30)
            assert desk.switch.playing()[1] == "disposition_ghost"
            desk.handle(ChannelDestroyed(a_channel("p"), 16), now=now + 31)
        now += 200
    call = desk.citizen("c9", now, number=NUMBER)
    assert call.record.nuisance is None


def test_a_desk_without_a_nuisance_keeps_no_fact_of_callers() -> None:
    desk = Desk(1)
    desk.talking()
    assert not [one for one in desk.journal.facts if one.startswith("caller:")]
