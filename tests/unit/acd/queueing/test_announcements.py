"""What waiting citizens are told: the figures, and when they are said and when not."""

from __future__ import annotations

from typing import Any

from factories import OFTEN, a_call, a_phone, an_operator
from fakes import FakeJournal, FakeSwitch
from hypothesis import given
from hypothesis import strategies as st

from acd.calls.call import Call
from acd.calls.owners import Playbacks
from acd.operators.operator import Device, Status
from acd.operators.states import State
from acd.queueing.announcements import PROMPTS, Announcements, expected_wait_s, figure, words
from acd.queueing.eligibility import on_duty
from acd.rules.load_shedding import Shed
from acd.rules.rules import Announce, Rules
from acd.timers import Timers

POSITIONS = st.integers(1, 5000)
HANDLES = st.floats(0, 7200)
BOTH = st.sampled_from(["position", "wait"])


class Waiting:
    """One caller in the queue, 100 s on the clock, two operators who take a minute a call."""

    def __init__(self, **how: Any) -> None:
        self.switch, self.timers, self.call = FakeSwitch(), Timers(), a_call()
        self.position: int | None = 4
        self.busy = False
        self.playbacks = Playbacks()
        self.told = Announcements(
            self.switch,
            self.timers,
            Announce(**({"mode": "wait"} | how)),
            playbacks=self.playbacks,
            position=lambda call: self.position,
            operators=lambda call, now: 2,
            sheds=self.too_busy,
            late=lambda: False,
            most_music=1,
            journal=FakeJournal(),
            calls=list,
        )
        self.told.handled(60.0)
        self.told.waiting(self.call, 100.0)

    def too_busy(self, work: Shed) -> bool:
        return self.busy and work is Shed.ANNOUNCEMENTS

    def said(self, until: float) -> list[tuple[float, tuple[str, ...]]]:
        """What is said up to then, each with its time; every playback ends at once."""
        begun = []
        while (at := self.timers.next()) is not None and at <= until:
            count = len(self.switch.all("say"))
            self.timers.fire(at)
            for did in self.switch.all("say")[count:]:
                begun.append((at, tuple(did.more[1:])))
                assert self.playbacks.ended(did.more[0], False, at)
        return begun

    def playing(self) -> str:
        """Let the first figure begin; returns its playback."""
        self.timers.fire(103.0)
        return str(self.switch.last("say").more[0])


def test_the_figure_comes_within_five_seconds_and_all_of_it_again_every_thirty() -> None:
    assert Waiting().said(165) == [
        (103.0, ("queue_minutes_2",)),  # the music has just said that they are in line
        (130.0, ("queue_wait", "queue_minutes_2")),
        (160.0, ("queue_wait", "queue_minutes_2")),
    ]


def test_the_first_figure_does_not_cut_off_the_words_of_the_music() -> None:
    assert Waiting(text_s=4.0).said(110)[0][0] == 104.2


def test_the_place_is_told_where_that_is_wanted() -> None:
    assert Waiting(mode="position").said(104) == [(103.0, ("queue_position_4",))]


def test_where_it_is_off_only_the_music_speaks() -> None:
    waiting = Waiting(mode="off")
    assert waiting.timers.next() is None
    assert [did.what for did in waiting.switch.did] == ["music"]


def test_an_announcement_costs_two_requests_and_the_music_comes_back_by_itself() -> None:
    waiting = Waiting()
    waiting.said(135)
    did = [(did.what, did.to) for did in waiting.switch.did]
    assert did == [("music", "c1"), *[("say", "c1"), ("music", "c1")] * 2]
    assert [did.more for did in waiting.switch.all("music")] == [(), (1,), (2,)]


def test_who_is_not_in_the_queue_at_the_moment_hears_no_figure() -> None:
    waiting = Waiting()
    waiting.position = None  # a phone rings for the call
    assert waiting.said(135) == [(130.0, ("queue_wait",))]


def test_a_figure_never_grows() -> None:
    waiting = Waiting()
    assert waiting.said(104)[0][1] == ("queue_minutes_2",)
    waiting.position = 12
    assert waiting.said(131)[0][1] == ("queue_wait",)
    waiting.position = 2
    assert waiting.said(161)[0][1] == ("queue_wait", "queue_minutes_1")
    waiting.position = 4
    assert waiting.said(191)[0][1] == ("queue_wait",)


def test_an_answer_cuts_off_what_plays_and_nothing_comes_after_it() -> None:
    waiting = Waiting()
    playback = waiting.playing()
    waiting.told.stop(waiting.call)
    assert waiting.switch.told("stop") == [playback]
    assert waiting.timers.next() is None
    assert not waiting.playbacks.ended(playback, False, 104.0), "what was cut off is forgotten"


def test_an_answer_while_nothing_plays_costs_no_request() -> None:
    waiting = Waiting()
    waiting.said(104)
    waiting.told.stop(waiting.call)
    assert waiting.switch.told("stop") == []
    assert waiting.timers.next() is None


def test_who_could_not_be_connected_is_told_again_but_no_larger_figure() -> None:
    waiting = Waiting()
    waiting.said(104)
    waiting.told.stop(waiting.call)
    waiting.position = 12
    waiting.told.again(waiting.call, 110.0)
    assert waiting.said(145) == [(140.0, ("queue_wait",))]


def test_who_waits_anew_after_a_talk_begins_anew() -> None:
    waiting = Waiting()
    waiting.said(104)
    waiting.position = 12
    waiting.told.waiting(waiting.call, 200.0)
    assert waiting.said(204) == [(203.0, ("queue_minutes_6",))]


def test_a_call_that_has_ended_is_told_nothing() -> None:
    waiting = Waiting()
    waiting.told.forget(waiting.call)
    waiting.told.again(waiting.call, 110.0)
    assert waiting.timers.next() is None


def test_words_that_could_not_be_played_change_nothing() -> None:
    waiting = Waiting()
    assert waiting.playbacks.ended(waiting.playing(), False, 104.0)
    assert waiting.said(131) == [(130.0, ("queue_wait", "queue_minutes_2"))]


def test_words_whose_end_was_lost_are_stopped_before_the_next() -> None:
    waiting = Waiting()
    playback = waiting.playing()
    waiting.timers.fire(130.0)
    assert [did.what for did in waiting.switch.did] == [
        "music",
        *("say", "music"),
        *("stop", "say", "music"),
    ]
    assert waiting.switch.told("stop") == [playback]


def test_from_the_end_of_another_playback_nothing_follows() -> None:
    assert not Waiting().playbacks.ended("of a code", False, 104.0)


def test_the_average_is_of_the_last_fifty_calls() -> None:
    told = Waiting().told
    for seconds in [1000.0] * 10 + [30.0] * 50:
        told.handled(seconds)
    assert told.handle_s == 30.0


def test_on_duty_is_who_is_ready_at_a_phone_that_is_there_at_work_or_not() -> None:
    phones = {
        "101": a_phone(),
        "102": a_phone("102", device=Device.IN_USE),
        "103": a_phone("103", device=Device.UNREACHABLE),
    }
    people = [
        an_operator(),
        an_operator("1002", phone="102", state=State.TALKING),
        an_operator("1003", phone="103"),
        an_operator("1004", phone="101", status=Status.PAUSED),
        an_operator("1005", phone=None),
        an_operator("1006", phone="101", skills={"fire": 9}),
    ]
    call: Call = a_call(category="police")
    assert on_duty(people, phones, call, 100.0, Rules()) == 2


@OFTEN
@given(POSITIONS, st.integers(0, 500), st.none() | HANDLES)
def test_a_wait_is_known_only_with_operators_and_an_average(
    position: int, operators: int, handle_s: float | None
) -> None:
    wait = expected_wait_s(position, operators, handle_s)
    assert (wait is None) == (operators == 0 or handle_s is None)


@OFTEN
@given(POSITIONS, st.integers(1, 500), HANDLES)
def test_a_wait_grows_with_the_line_and_shrinks_with_the_operators(
    position: int, operators: int, handle_s: float
) -> None:
    wait = expected_wait_s(position, operators, handle_s)
    longer = expected_wait_s(position + 1, operators, handle_s)
    shorter = expected_wait_s(position, operators + 1, handle_s)
    assert wait is not None and longer is not None and shorter is not None
    assert 0 <= shorter <= wait <= longer


@OFTEN
@given(
    st.none() | POSITIONS,
    st.none() | st.floats(0, 1e6),
    st.sampled_from(["off", "position", "wait"]),
)
def test_whatever_is_said_has_a_prompt(position: Any, expected: Any, mode: Any) -> None:
    assert set(words(figure(position, expected, mode), mode)) <= set(PROMPTS)


@OFTEN
@given(st.floats(0, 1e6), st.floats(0, 1e6))
def test_a_longer_wait_is_never_told_as_fewer_minutes(one: float, other: float) -> None:
    less, more = (figure(1, wait, "wait") for wait in sorted((one, other)))
    assert less is not None and more is not None and less <= more


@OFTEN
@given(st.lists(st.tuples(st.none() | st.integers(1, 40), HANDLES), max_size=12), BOTH)
def test_whatever_happens_to_the_line_figures_only_fall(
    steps: list[tuple[int | None, float]], mode: Any
) -> None:
    waiting, figures = Waiting(mode=mode), []
    for count, (position, handle_s) in enumerate(steps):
        waiting.position = position
        waiting.told.handled(handle_s)
        for _, prompts in waiting.said(103.0 + 30 * count):
            figures += [int(one.rpartition("_")[2]) for one in prompts if one != "queue_wait"]
    assert figures == sorted(figures, reverse=True)


def test_minutes_are_said_as_people_say_them() -> None:
    told = {0: 0, 59: 0, 60: 1, 89: 1, 90: 2, 600: 10, 601: 11, 9999: 11}
    assert {wait: figure(1, wait, "wait") for wait in told} == told
    assert (figure(20, None, "position"), figure(21, None, "position")) == (20, None)


def test_a_line_that_is_too_busy_says_nothing_and_goes_on_with_the_next_period() -> None:
    waiting = Waiting()
    waiting.busy = True
    assert waiting.said(135) == []
    assert [did.what for did in waiting.switch.did] == ["music"]
    waiting.busy = False
    assert waiting.said(165) == [(160.0, ("queue_wait", "queue_minutes_2"))]
