"""Wrap-up is exact to its deadline, grows, ends early, and goes on after a restart."""

from __future__ import annotations

import pytest
from factories import Desk, an_operator
from hypothesis import given
from hypothesis import strategies as st

from acd.operators.operator import Operator, Status
from acd.operators.roster import MOST_EXTENSIONS, NoMoreWrapUp, NoSuchOperator, NotInWrapUp
from acd.operators.states import State


def a_desk(seconds: float = 10.0, now: float = 100.0) -> tuple[Desk, Operator]:
    """An operator whose wrap-up has just begun."""
    desk = Desk()
    one = desk.operator()
    one.state, one.call = State.TALKING, "call-c1"
    desk.dispatcher.wrap_ups.begin(one, seconds, now)
    return desk, one


def told(desk: Desk) -> list[tuple[float, str, str | None]]:
    return [(at, kind, reason) for _, at, kind, _, reason in desk.journal.operator_events]


def test_a_wrap_up_begins_is_kept_and_ends_at_its_deadline() -> None:
    desk, one = a_desk()
    assert (one.state, one.call, desk.timers.next()) == (State.WRAP_UP, None, 110.0)
    assert desk.journal.rows["1001"]["wrap_up_until"] == 110.0
    desk.timers.fire(109.99)
    assert one.state is State.WRAP_UP
    desk.timers.fire(110.0)
    assert (one.state, one.idle_since, one.wrap_up_until) == (State.IDLE, 110.0, 0.0)
    assert desk.journal.rows["1001"]["wrap_up_until"] is None
    assert told(desk) == [(100.0, "wrap_up", "10"), (110.0, "wrap_up_end", "done")]


def test_no_wrap_up_at_all_is_idle_at_once() -> None:
    desk, one = a_desk(seconds=0.0)
    assert (one.state, told(desk), desk.timers.next()) == (State.IDLE, [], None)


def test_a_longer_wrap_up_ends_exactly_so_much_later() -> None:
    desk, one = a_desk()
    desk.dispatcher.wrap_ups.extend("1001", 30.0, 104.0)
    assert desk.journal.rows["1001"]["wrap_up_until"] == 140.0
    desk.timers.fire(110.0)
    assert one.state is State.WRAP_UP
    desk.timers.fire(140.0)
    assert one.state is State.IDLE
    assert told(desk) == [
        (100.0, "wrap_up", "10"),
        (104.0, "wrap_up_end", "extended"),
        (104.0, "wrap_up", "36"),
        (140.0, "wrap_up_end", "done"),
    ]


def test_three_times_longer_and_no_more_until_the_next_one() -> None:
    desk, one = a_desk()
    wrap_ups = desk.dispatcher.wrap_ups
    for _ in range(MOST_EXTENSIONS):
        wrap_ups.extend("1001", 30.0, 101.0)
    with pytest.raises(NoMoreWrapUp, match="3 times"):
        wrap_ups.extend("1001", 30.0, 101.0)
    assert one.wrap_up_until == 200.0
    desk.timers.fire(200.0)
    wrap_ups.begin(one, 10.0, 300.0)
    wrap_ups.extend("1001", 30.0, 301.0)
    assert one.wrap_up_until == 340.0


def test_an_early_end_leaves_the_status_and_the_old_deadline_does_no_harm() -> None:
    desk, one = a_desk()
    desk.roster.pause("1001", "prayer", 101.0)
    desk.roster.end_wrap_up("1001", 103.0)
    assert (one.state, one.status, one.idle_since) == (State.IDLE, Status.PAUSED, 103.0)
    desk.dispatcher.wrap_ups.begin(one, 60.0, 105.0)
    desk.timers.fire(110.0)
    assert (one.state, one.wrap_up_until) == (State.WRAP_UP, 165.0)
    assert told(desk)[2:] == [(103.0, "wrap_up_end", "early"), (105.0, "wrap_up", "60")]


def test_becoming_ready_is_an_early_end() -> None:
    desk, one = a_desk()
    desk.roster.ready("1001", 102.0)
    assert (one.state, one.status) == (State.IDLE, Status.READY)
    assert told(desk)[1:] == [(102.0, "wrap_up_end", "early"), (102.0, "ready", None)]


@pytest.mark.parametrize("state", [state for state in State if state is not State.WRAP_UP])
def test_who_is_not_in_wrap_up_cannot_make_it_longer_or_end_it(state: State) -> None:
    desk = Desk()
    desk.operator().state = state
    before = repr(desk.operator())
    with pytest.raises(NotInWrapUp, match="1001 is not in wrap-up"):
        desk.dispatcher.wrap_ups.extend("1001", 30.0, 100.0)
    with pytest.raises(NotInWrapUp):
        desk.roster.end_wrap_up("1001", 100.0)
    with pytest.raises(NoSuchOperator):
        desk.dispatcher.wrap_ups.extend("9", 30.0, 100.0)
    assert (repr(desk.operator()), told(desk), desk.timers.next()) == (before, [], None)


def test_the_end_of_a_wrap_up_brings_the_next_call() -> None:
    desk, one = a_desk()
    desk.queued("c2", 101.0)
    desk.timers.fire(110.0)
    assert one.state is State.OFFERED


def restarted(wrap_up_until: float, now: float) -> tuple[Desk, Operator]:
    """A new engine that has read an operator whose wrap-up was to end then."""
    desk = Desk(operators=0)
    desk.roster.add_operator(an_operator(wrap_up_until=wrap_up_until))
    desk.dispatcher.wrap_ups.restore(now)
    return desk, desk.operator()


def test_after_a_restart_the_rest_of_a_wrap_up_goes_on() -> None:
    desk, one = restarted(110.0, now=104.0)
    assert (one.state, desk.timers.next()) == (State.WRAP_UP, 110.0)
    desk.timers.fire(110.0)
    assert (one.state, one.idle_since) == (State.IDLE, 110.0)
    assert told(desk) == [(110.0, "wrap_up_end", "done")]


def test_a_wrap_up_that_ended_while_no_engine_lived_ended_in_time() -> None:
    desk, one = restarted(110.0, now=500.0)
    assert (one.state, one.idle_since, one.wrap_up_until) == (State.IDLE, 110.0, 0.0)
    assert told(desk) == [(110.0, "wrap_up_end", "done")]


def test_who_was_in_no_wrap_up_is_left_alone_by_a_restart() -> None:
    desk, one = restarted(0.0, now=500.0)
    assert (one.state, one.idle_since, told(desk)) == (State.IDLE, 10.0, [])


@given(st.lists(st.sampled_from(["begin", "extend", "ready", "end", "wait"]), max_size=25))
def test_each_wrap_up_that_is_told_has_one_end_and_keeps_its_word(acts: list[str]) -> None:
    desk, one = a_desk()
    now = 100.0
    for act in acts:
        now += 3.0
        desk.timers.fire(now)
        try:
            match act:
                case "begin" if one.state is State.IDLE:
                    desk.dispatcher.wrap_ups.begin(one, 10.0, now)
                case "extend":
                    desk.dispatcher.wrap_ups.extend("1001", 5.0, now)
                case "ready":
                    desk.roster.ready("1001", now)
                case "end":
                    desk.roster.end_wrap_up("1001", now)
        except (NotInWrapUp, NoMoreWrapUp):
            pass
    while (due := desk.timers.next()) is not None:
        desk.timers.fire(due)
    events = [one for one in told(desk) if one[1].startswith("wrap_up")]
    assert len(events) % 2 == 0
    for (at, kind, wanted), (end, end_kind, why) in zip(events[::2], events[1::2], strict=True):
        assert (kind, end_kind) == ("wrap_up", "wrap_up_end")
        late = end - (at + float(wanted or 0))
        assert 0 <= late < 3.0 if why == "done" else late <= 0
