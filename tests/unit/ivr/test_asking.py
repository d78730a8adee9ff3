"""In the menu a citizen asks for a complaint by its number, and is never stranded there."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from factories import THE_MENU, LineDesk
from hypothesis import given
from hypothesis import strategies as st

from acd.calls.call import Call
from acd.calls.record import Outcome
from acd.calls.states import Stage
from ivr.menu import Key, MenuTree, menu_problems
from ivr.status_dialogue import ASK, END, KEY_S, LOOK_S, UNKNOWN, Found
from ngalam112.config.settings import PROJECT
from ngalam112.engine.event_router import Do
from pbx.ari_types import Playback, PlaybackFinished

MAIN = THE_MENU.menus["main"]
TREE: MenuTree = msgspec.structs.replace(
    THE_MENU,
    menus={
        **THE_MENU.menus,
        "main": msgspec.structs.replace(
            MAIN, keys={**MAIN.keys, "9": Key(category="general", status=True)}
        ),
    },
)


class Asking:
    """A citizen who has pressed the key; what is looked up is kept in `asked`."""

    def __init__(self) -> None:
        self.desk = LineDesk(tree=TREE)
        self.asked: list[str] = []
        self.desk.reception.look_up = lambda call, digits: self.asked.append(digits)
        self.call: Call = self.desk.citizen()
        self.desk.press("9")

    def types(self, typed: str, now: float = 106.0) -> None:
        for key in typed:
            self.desk.press(key, now=now)

    def found(self, *prompts: str, now: float = 107.0) -> None:
        self.desk.reception.found(self.call, Found(prompts), now)

    def heard(self) -> tuple[str, ...]:
        return tuple(self.desk.switch.last("say").more[1:])

    def has_heard_all(self, now: float) -> None:
        playing = self.desk.switch.playing()[0]
        self.desk.handle(PlaybackFinished(Playback(playing, "done")), now=now)


def test_the_number_is_typed_looked_up_and_told_and_who_hangs_up_then_is_not_lost() -> None:
    one = Asking()
    assert one.heard() == (ASK,) and one.call.stage is Stage.INFORMATION
    one.types("2026103#")
    assert one.asked == ["2026103"]
    one.found("status_opened")
    assert one.heard() == ("status_opened", END)
    one.desk.router.gone(one.call.channel, 16, 110.0)
    assert one.call.record.outcome is Outcome.INFORMATION


def test_who_hangs_up_while_typing_counts_as_information_too() -> None:
    one = Asking()
    one.types("20")
    one.desk.router.gone(one.call.channel, 16, 107.0)
    assert one.call.record.outcome is Outcome.INFORMATION


def test_the_first_digit_cuts_the_words_off() -> None:
    one = Asking()
    playback = one.desk.switch.playing()[0]
    one.types("2")
    assert playback in one.desk.switch.told("stop")


@pytest.mark.parametrize("typed", ["0", "12*0", "9#"])
def test_zero_and_what_cannot_be_looked_up_lead_to_an_operator(typed: str) -> None:
    one = Asking()
    one.types(typed)
    if one.asked:
        found = one.desk.reception.found
        one.desk.handle(Do(lambda now: found(one.call, Found(failed=True), now)), now=107.0)
    assert one.call.stage is Stage.RINGING and one.call.record.category == "general"


def test_silence_leads_to_an_operator_also_while_nobody_finds_anything() -> None:
    one = Asking()
    one.has_heard_all(110.0)
    one.desk.timers.fire(110.0 + KEY_S)
    assert one.call.stage is Stage.QUEUED or one.call.stage is Stage.RINGING
    other = Asking()
    other.types("12#", now=106.0)
    other.desk.timers.fire(106.0 + LOOK_S)
    assert other.call.stage is not Stage.INFORMATION


def test_nobody_who_can_look_means_an_operator() -> None:
    desk = LineDesk(tree=TREE)
    call = desk.citizen()
    for key in "91#":
        desk.press(key)
    desk.timers.fire(106.0)
    assert call.stage is not Stage.INFORMATION


def test_an_unknown_number_is_asked_for_again() -> None:
    one = Asking()
    one.types("12#")
    one.found()
    assert one.heard() == (UNKNOWN, ASK) and one.call.stage is Stage.INFORMATION


def test_the_words_are_in_the_citizen_s_language() -> None:
    desk = LineDesk(tree=TREE)
    desk.citizen()
    desk.press("8")
    desk.press("9")
    assert desk.switch.last("say").more[1:] == (f"en/{ASK}",)


def test_the_next_engine_goes_on_and_looks_up_again() -> None:
    one = Asking()
    one.types("123#")
    after = one.desk.next_engine()
    asked: list[str] = []
    after.reception.look_up = lambda call, digits: asked.append(digits)
    (call,) = after.router.calls.values()
    assert after.reception.resume(call, False, 108.0)
    assert asked == ["123"] and call.stage is Stage.INFORMATION
    after.reception.found(call, Found(("status_closed",)), 109.0)
    assert after.switch.last("say").more[1:] == ("status_closed", END)


@given(st.lists(st.sampled_from([*"0123456789*#", "end", "found", "none", "time"]), max_size=25))
def test_whatever_happens_the_citizen_hears_something_or_gets_an_operator(
    steps: list[str],
) -> None:
    one, now = Asking(), 106.0
    for what in steps:
        now += 0.5
        match what:
            case "end":
                if one.call.playback is not None:
                    one.has_heard_all(now)
            case "found":
                one.found("status_opened", now=now)
            case "none":
                one.found(now=now)
            case "time":
                now += 3.0
                one.desk.timers.fire(now)
            case key:
                one.desk.press(key, now=now)
    if one.call.stage is Stage.INFORMATION:
        assert (one.desk.timers.next() or 0) <= 106.0 + 300.0
        one.desk.timers.fire(106.0 + 300.0)
    assert one.call.stage in (Stage.QUEUED, Stage.RINGING)


@pytest.mark.parametrize(
    ("key", "says"),
    [
        ("{ status = true, menu = 'covid' }", "status goes with a category"),
        ("{ status = true, category = 'general', information = 'covid' }", "not with information"),
    ],
)
def test_a_key_that_makes_no_sense_is_refused(tmp_path: Path, key: str, says: str) -> None:
    text = (PROJECT / "ivr" / "menu.toml").read_text()
    file = tmp_path / "menu.toml"
    file.write_text(text.replace("[menus.main.keys]\n", f"[menus.main.keys]\n9 = {key}\n"))
    assert any(says in one for one in menu_problems(file))
