"""A wrap-up goes on until the call's incident is coded, if the city wants that."""

from __future__ import annotations

from factories import LineDesk, a_channel

from acd.operators.states import State
from acd.rules.incidents import IncidentRules
from pbx.ari_types import ChannelDestroyed, StasisStart


def a_desk(code_within_s: float = 60.0) -> LineDesk:
    return LineDesk(wrap_up_s=10.0, incidents=IncidentRules(code_within_s=code_within_s))


def after_a_talk(desk: LineDesk) -> None:
    call = desk.citizen_talks(now=110.0)
    desk.handle(ChannelDestroyed(a_channel(call.channel), 16), now=120.0)


def dial(desk: LineDesk, code: str, now: float) -> None:
    desk.handle(StasisStart(["code", "101", code], a_channel("op", number="101")), now=now)
    desk.handle(ChannelDestroyed(a_channel("op"), 16), now=now)


def state(desk: LineDesk) -> State:
    return desk.roster.operators["1001"].state


def wrap_ups(desk: LineDesk) -> list[tuple[float, str, str | None]]:
    events = desk.journal.operator_events
    return [(at, kind, why) for _, at, kind, _, why in events if kind.startswith("wrap_up")]


def test_the_code_ends_a_wrap_up_that_waits_for_it() -> None:
    desk = a_desk()
    after_a_talk(desk)
    desk.timers.fire(130.0)
    assert state(desk) is State.WRAP_UP
    dial(desk, "*43", 140.0)
    assert state(desk) is State.IDLE
    assert wrap_ups(desk) == [
        (120.0, "wrap_up", "10"),
        (130.0, "wrap_up_end", "not_coded"),
        (130.0, "wrap_up", "50"),
        (140.0, "wrap_up_end", "coded"),
    ]


def test_a_code_that_is_given_before_changes_nothing_of_the_wrap_up() -> None:
    desk = a_desk()
    after_a_talk(desk)
    dial(desk, "*43", 125.0)
    assert state(desk) is State.WRAP_UP
    desk.timers.fire(130.0)
    assert state(desk) is State.IDLE


def test_nobody_is_kept_longer_than_the_limit() -> None:
    desk = a_desk()
    after_a_talk(desk)
    desk.timers.fire(130.0)
    desk.timers.fire(179.9)
    assert state(desk) is State.WRAP_UP
    desk.timers.fire(180.0)
    assert state(desk) is State.IDLE
    assert wrap_ups(desk)[-1] == (180.0, "wrap_up_end", "done")


def test_without_the_rule_a_wrap_up_is_as_long_as_it_was() -> None:
    desk = a_desk(0.0)
    after_a_talk(desk)
    desk.timers.fire(130.0)
    assert state(desk) is State.IDLE


def test_a_line_that_sheds_work_keeps_nobody() -> None:
    desk = a_desk()
    after_a_talk(desk)
    desk.dispatcher.load.sheds = lambda what: True  # type: ignore[method-assign]
    desk.timers.fire(130.0)
    assert state(desk) is State.IDLE


def test_the_next_engine_keeps_the_time() -> None:
    desk = a_desk()
    after_a_talk(desk)
    desk.timers.fire(130.0)
    after = desk.next_engine(now=140.0)
    assert state(after) is State.WRAP_UP
    after.timers.fire(180.0)
    assert state(after) is State.IDLE
