"""Who hears music while waiting, and who is told words instead."""

from __future__ import annotations

from factories import LineDesk, a_call
from fakes import FakeSwitch

from acd.calls.call import Call
from acd.queueing.music import EVERY_S, STAY, WORDS_OF_MUSIC, Music
from acd.rules.load_shedding import Limits
from acd.timers import Timers


class Waiting:
    """Some who wait one after the other, each known by a channel."""

    def __init__(self, most: int) -> None:
        self.switch, self.timers = FakeSwitch(), Timers()
        self.said: list[tuple[float, str]] = []
        self.music = Music(self.switch, self.timers, most, self._say)

    def _say(self, call: Call, now: float) -> None:
        self.said.append((now, call.channel))

    def call(self, channel: str, now: float = 100.0) -> Call:
        call = a_call(channel)
        self.music.begin(call, now)
        return call

    def until(self, end: float) -> None:
        while (at := self.timers.next()) is not None and at <= end:
            self.timers.fire(at)


def test_those_who_came_first_hear_music_and_the_others_words_every_ten_seconds() -> None:
    waiting = Waiting(most=2)
    for channel in ("c1", "c2", "c3"):
        waiting.call(channel)
    assert waiting.switch.told("music") == ["c1", "c2"]
    waiting.until(125.0)
    assert waiting.said == [(100.0, "c3"), (110.0, "c3"), (120.0, "c3")]
    assert (waiting.music.listeners, waiting.music.without) == (2, 1)


def test_who_was_told_words_hears_music_once_there_is_room() -> None:
    waiting = Waiting(most=1)
    first, second = waiting.call("c1"), waiting.call("c2")
    waiting.music.end(first)
    waiting.until(110.0)
    assert waiting.switch.told("music") == ["c1", "c2"]
    assert waiting.music.is_heard(second)
    waiting.until(200.0)
    assert waiting.said == [(100.0, "c2")], "and no words any more"


def test_who_is_served_is_told_nothing_more() -> None:
    waiting = Waiting(most=0)
    call = waiting.call("c1")
    waiting.music.end(call)
    assert waiting.timers.next() is None
    assert (waiting.music.listeners, waiting.music.without) == (0, 0)


def test_the_words_of_very_many_cost_no_more_than_so_much_a_second() -> None:
    waiting, many = Waiting(most=60), 3000
    for index in range(many):
        waiting.call(f"c{index}", now=100.0 + index / 1000)
    a_second = 60 * WORDS_OF_MUSIC
    before = len(waiting.said)
    waiting.until(203.0)  # who came first was told after ten seconds, when few waited
    at_first = len(waiting.said) - before
    assert at_first <= many
    waiting.until(303.0)
    later = len(waiting.said) - before - at_first
    assert later <= 100 * a_second * 1.05
    assert later >= many * 0.9, "each of them, once in 100 s"


def test_the_dialplans_music_goes_on_where_there_is_room_and_ends_where_there_is_none() -> None:
    waiting = Waiting(most=1)
    waiting.music.goes_on(a_call("c1"), 100.0)
    assert waiting.switch.did == []
    waiting.music.goes_on(a_call("c2"), 100.0)
    assert waiting.switch.told("unhold") == ["c2"]
    assert waiting.said == [(100.0, "c2")]


def test_in_the_line_words_are_cut_off_by_an_answer() -> None:
    desk = LineDesk(limits=Limits(most_music=0))
    call = desk.citizen()
    desk.press("2")
    said = desk.switch.last("say")
    assert said.more[1:] == (STAY,)
    assert call.words == said.more[0]
    desk.dispatcher.leg_answered(call.leg or "", 103.0)
    assert desk.switch.told("stop")[-1:] == [said.more[0]]
    desk.timers.fire(103.0 + EVERY_S)
    assert desk.switch.last("say") == said, "who talks is told nothing"
