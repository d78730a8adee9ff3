"""How busy the line is: when work is shed, when calls are held back, and when that ends."""

from __future__ import annotations

from dataclasses import replace

import pytest
from factories import AUDIO, OFTEN, LineDesk, a_channel
from hypothesis import given
from hypothesis import strategies as st

from acd.rules.load_shedding import Level, Limits, Load, LoadWatch, Shed, admits, decide
from acd.timers import Timers
from ngalam112.engine.claims import Claimed
from pbx import ari_types as ari

LIMITS = Limits(capacity_cps=10, capacity_channels=100, most_cps=20, most_channels=200)
NORMAL, SHEDDING, FULL = Level
LOADS = st.builds(
    Load, cps=st.integers(0, 50), claimed_cps=st.integers(0, 50), channels=st.integers(0, 500)
)


class Watched:
    """A watch with as many channels as the test says."""

    def __init__(self, limits: Limits = LIMITS) -> None:
        self.channels, self.timers = 0, Timers()
        self.watch = LoadWatch(self.timers, limits)
        self.watch.channels = lambda: self.channels
        self._calls = 0

    def calls(self, count: int, now: float) -> int:
        """So many calls come at once; returns how many of them are to be claimed."""
        self._calls += count
        names = range(self._calls - count, self._calls)
        return sum(self.watch.arrives(f"c{name}", now) for name in names)


@pytest.mark.parametrize(
    ("cps", "channels", "before", "level"),
    [
        (10, 100, NORMAL, NORMAL),
        (11, 0, NORMAL, SHEDDING),
        (0, 101, NORMAL, SHEDDING),
        (9, 0, SHEDDING, SHEDDING),
        (8, 80, SHEDDING, NORMAL),
        (21, 0, NORMAL, FULL),
        (0, 201, SHEDDING, FULL),
        (17, 0, FULL, FULL),
        (16, 160, FULL, SHEDDING),
        (9, 0, FULL, SHEDDING),
        (0, 0, FULL, NORMAL),
    ],
)
def test_a_level_begins_above_its_limit_and_ends_well_below_it(
    cps: int, channels: int, before: Level, level: Level
) -> None:
    assert decide(Load(cps=cps, channels=channels), LIMITS, before) is level


@OFTEN
@given(LOADS, st.sampled_from(Level))
def test_the_line_is_full_as_long_as_citizens_wait_at_the_door(load: Load, before: Level) -> None:
    assert decide(replace(load, at_door=1), LIMITS, before) is FULL


@OFTEN
@given(LOADS, st.sampled_from(Level))
def test_a_level_that_is_decided_again_for_the_same_load_stays(load: Load, before: Level) -> None:
    level = decide(load, LIMITS, before)
    assert decide(load, LIMITS, level) is level


@OFTEN
@given(LOADS)
def test_nothing_is_refused_below_the_hard_limit(load: Load) -> None:
    below = load.claimed_cps < LIMITS.most_cps and load.channels < LIMITS.most_channels
    assert admits(load, LIMITS) is below
    assert not admits(replace(load, backlog=LIMITS.most_backlog), LIMITS), "the machine is too slow"


def test_of_a_rush_as_many_are_claimed_as_can_be_and_the_others_are_counted() -> None:
    watched = Watched()
    assert watched.calls(50, now=100.0) == 20
    assert (watched.watch.held_back, watched.watch.level) == (30, FULL)
    assert watched.calls(50, now=101.1) == 20, "in the next second as many again"
    assert (watched.watch.held_back, watched.watch.level) == (60, FULL)


def test_the_door_that_asks_again_gets_the_same_word_and_is_counted_once() -> None:
    watched = Watched()
    watched.channels = 200
    assert not watched.watch.arrives("a", 100.0)
    watched.channels = 0
    assert not watched.watch.arrives("a", 100.2)
    assert watched.watch.held_back == 1
    assert watched.watch.arrives("a", 140.0), "by then it is another call"


def test_the_line_is_normal_again_by_itself_when_no_call_comes_any_more() -> None:
    watched = Watched()
    watched.calls(50, now=100.0)
    while (at := watched.timers.next()) is not None:
        assert at < 105.0
        watched.timers.fire(at)
    assert watched.watch.level is NORMAL


def test_a_normal_line_has_no_timer_and_sheds_nothing() -> None:
    watched = Watched()
    watched.calls(5, now=100.0)
    assert watched.timers.next() is None
    assert not any(watched.watch.sheds(work) for work in Shed)
    assert not watched.watch.shed


def test_what_is_shed_is_counted_by_kind() -> None:
    watched = Watched()
    watched.calls(15, now=100.0)
    assert watched.watch.level is SHEDDING
    assert all(watched.watch.sheds(work) for work in (*Shed, Shed.QUALITY))
    assert watched.watch.shed == {Shed.ANNOUNCEMENTS: 1, Shed.WHISPERS: 1, Shed.QUALITY: 2}


# --- in the line --------------------------------------------------------------------------------


def test_a_call_beyond_the_hard_limit_is_not_claimed_and_leaves_no_trace() -> None:
    desk = LineDesk(limits=Limits(capacity_channels=1, most_channels=2))
    for channel in ("c1", "c2", "c3"):
        desk.handle(ari.CallBroadcast(a_channel(channel)))
    assert desk.claims == ["c1", "c2"] == list(desk.router.calls)
    desk.handle(*(Claimed(channel, True) for channel in desk.claims))
    assert [desk.citizen(channel).channel for channel in ("c1", "c2")] == ["c1", "c2"]
    desk.handle(ari.StasisEnd(a_channel("c1")))
    desk.handle(ari.CallBroadcast(a_channel("c4")))
    assert desk.claims == ["c1", "c2", "c4"]
    assert len(desk.journal.records) == 2


def test_while_citizens_wait_at_the_door_nobody_passes_them() -> None:
    watched = Watched()
    watched.watch.at_door = lambda: 1
    assert not watched.watch.arrives("a", 100.0)
    assert watched.watch.takes_in(100.0)
    watched.watch.at_door = lambda: 0
    assert watched.calls(50, now=100.1) == 19, "who was taken in counts as well"


def test_quality_and_whispers_are_left_undone_above_capacity() -> None:
    for busy in (False, True):
        desk = LineDesk(whisper=True)
        desk.dispatcher.load.level = SHEDDING if busy else NORMAL
        call = desk.citizen()
        desk.press("2")
        desk.dispatcher.leg_answered(call.leg or "", 103.0)
        desk.dispatcher.connected(call.bridge or "", 103.0)
        assert desk.switch.told("tell") == ([] if busy else [call.leg])
        desk.handle(ari.StasisEnd(a_channel(audio=AUDIO)), now=110.0)
        assert ("quality" in desk.journal.kinds(call.id)) is not busy


def test_operators_legs_are_channels_too() -> None:
    line = LineDesk()
    line.citizen()
    line.press("2")
    assert line.dispatcher.load.channels() == 2
