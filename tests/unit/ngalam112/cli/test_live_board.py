"""What the board shows, small and on a wall, in both languages; `boards/` has how it looked."""

from __future__ import annotations

import re
from typing import Any

import pytest
from boards import a_person, a_snapshot, a_view, as_kept
from rich.cells import cell_len

from ngalam112.alarms.rules import KINDS, Limits
from ngalam112.cli.live import words as catalogue
from ngalam112.cli.live.board import board
from ngalam112.cli.live.plain import EVERY_S, PlainLines
from ngalam112.cli.live.view import Replay, View, clock, fitted
from ngalam112.cli.live.watching import Watching
from ngalam112.cli.live.words import LANGUAGES, Words


def shown(view: View, language: str = "en", width: int = 80, height: int = 23) -> str:
    """The board as text; each line has been held to its width."""
    lines = [
        "".join(one.text for one in row) for row in board(view, Words(language), width, height)
    ]
    assert len(lines) == height and {cell_len(one) for one in lines} == {width}
    return "\n".join(one.rstrip() for one in lines) + "\n"


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(("width", "height", "people"), [(80, 24, 8), (200, 60, 40)])
def test_the_board_looks_as_it_did(language: str, width: int, height: int, people: int) -> None:
    view = a_view(snapshot=a_snapshot(people))
    text = shown(view, language, width, height - 1)  # the last line has the keys
    assert as_kept(f"board_{width}x{height}_{language}", text), text


@pytest.mark.parametrize(("width", "height"), [(80, 23), (40, 10), (20, 4), (1, 1), (300, 100)])
@pytest.mark.parametrize("people", [0, 1, 300])
def test_any_size_is_filled_and_nothing_is_wider(width: int, height: int, people: int) -> None:
    shown(a_view(snapshot=a_snapshot(people)), "id", width, height)
    shown(View(), "en", width, height)
    shown(View(silent_since="19:00:00"), "en", width, height)


def test_who_is_selected_is_seen_and_how_many_are_not() -> None:
    text = shown(a_view(snapshot=a_snapshot(100), selected="1077"))
    assert re.search(r"> 1077 ", text) and "1001" not in text
    rows = len(re.findall(r" 1\d\d\d  ", text))
    assert f"... {100 - rows} more" in text


def test_while_no_answer_comes_the_last_state_stays_and_says_of_when_it_is() -> None:
    alarms = {"engine": "nobody listens"}
    text = shown(a_view(silent_since="19:32:06", alarms=alarms))
    assert "No answer from the engine since 19:32:06; asking again." in text
    assert "of 19:32:05" in text and "fire" in text and "nobody listens" not in text
    assert "No alarm" not in text


def test_many_alarms_leave_room_for_the_queue() -> None:
    text = shown(a_view(alarms={f"phone {n}": f"phone {n} is away" for n in range(9)}))
    assert "and 7 more alarms" in text and "QUEUE" in text


def test_what_a_stranger_has_chosen_moves_no_cursor_and_no_column() -> None:
    people = [a_person(0, name="\x1b[2J\u202eevil\n" * 3), a_person(1, name="漢字" * 20)]
    text = shown(a_view(snapshot=a_snapshot(0) | {"people": people}))
    assert "\x1b" not in text and "\u202e" not in text


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"status": "paused", "state": "idle", "pause_reason": None}, "pause "),
        ({"status": "paused", "state": "holding"}, "holds, pause"),
        ({"status": "ready", "state": "calling"}, "calls"),
        ({"status": "logged_out", "state": "talking", "phone": "101"}, "talks"),
        ({"status": "ready", "state": "idle", "phone": None}, "no phone"),
        ({"status": "ready", "state": "idle", "device": "unreachable"}, "101 away"),
    ],
)
def test_what_an_operator_does_is_said_in_words(changes: dict[str, Any], says: str) -> None:
    snapshot = a_snapshot() | {"people": [a_person(0, **changes)]}
    assert says in shown(a_view(snapshot=snapshot))


def test_a_replay_has_the_totals_in_the_place_of_the_engine() -> None:
    snapshot = {name: a_snapshot()[name] for name in ("at", "queue", "operators", "categories")}
    snapshot |= {"waiting": [], "people": [a_person(0, phone="", device=None)]}
    counts = {"offered": 20, "answered": 12, "information": 1, "fallback": 2, "live": 1}
    counts |= {"lost_menu": 1, "lost_queue": 2, "lost_ringing": 1, "lost_fallback": 0}
    within = {"ten": "80.0", "twenty": "90.0", "p50": "6.1", "p95": "18.0"}
    replay = Replay(at="2026-11-23 19:00:00", speed=60)
    view = View(snapshot=snapshot | {"totals": counts, "within": within}, replay=replay)
    text = shown(view)
    assert "REPLAY 2026-11-23 19:00:00, 60 times as fast" in text
    assert "Offered 20 = 12 answered + 1 information + 2 by fallback + 1 live" in text
    assert "+ 4 lost (1 menu, 2 queue, 1 ringing, 0 fallback)" in text
    assert "in 10 s 80.0 %" in text and "alarm" not in text.lower()


def test_both_languages_have_each_text_with_the_same_values() -> None:
    for key, (english, indonesian) in catalogue._TEXTS.items():
        names = [sorted(re.findall(r"{(\w+)", one)) for one in (english, indonesian)]
        assert names[0] == names[1], key


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(None, "-"), (-3, "0:00"), (59.9, "0:59"), (3600, "1:00:00"), (86_400 * 5, "5 d")],
)
def test_how_long_something_has_been(seconds: float | None, said: str) -> None:
    assert clock(seconds) == said


def test_a_text_is_cut_where_a_sign_is_two_cells_wide() -> None:
    assert [fitted("漢字", n) for n in (4, 3, 2, 1, 0)] == ["漢字", "漢…", " …", "…", ""]


def test_plain_lines_come_where_something_changes_and_once_a_minute() -> None:
    lines, snapshot = PlainLines(Words("en")), a_snapshot()
    first = lines.line(snapshot, {"wait": ""}, 0.0)
    assert first is not None and "\x1b" not in first
    assert first.startswith("19:32:05  QUEUE 5") and "police 3" in first and "ALARM wait" in first
    assert first.endswith("longest 0:43")
    longer = snapshot | {"queue": {"length": 5, "longest_wait_s": 44.2}}
    assert lines.line(longer, {"wait": ""}, 1.0) is None
    assert lines.line(longer, {}, 2.0) is not None
    assert lines.line(longer, {}, 3.0 + EVERY_S) is not None
    assert lines.silent("19:33:00") is not None and lines.silent("19:33:00") is None
    assert lines.line(longer, {}, 64.0) is not None, "it has come back"


def test_the_alarms_of_a_snapshot_are_those_of_the_watch() -> None:
    watching = Watching(Limits(), lambda at: f"{at:.0f}")
    watching.came(a_snapshot(), 100.0)
    assert set(watching.alarms) == {"wait", "phone 104", "dispatches"}
    watching.silent("nobody listens", 105.0)
    watching.silent("nobody listens", 109.0)
    assert watching.view().silent_since == "100" and "engine" in watching.alarms
    watching.came(a_snapshot(), 110.0)
    assert watching.silent_since == "" and "engine" not in watching.alarms
    assert watching.selected == "1001"
    watching.select(99)
    assert watching.selected == "1008"


def test_what_is_kept_is_shown_too_and_who_has_acknowledged_it_after_the_others() -> None:
    watching = Watching(Limits(), lambda at: "19:32:06")
    kept = [
        {"id": "a1", "alarm": "wait", "text": "kept text", "acknowledged_by": "Rini"},
        {"id": "a2", "alarm": "recordings", "text": "make room", "acknowledged_by": None},
    ]
    watching.came(a_snapshot(alarms=kept), 100.0)
    assert next(iter(watching.alarms)) == "wait" and watching.alarms["recordings"] == "make room"
    assert watching.not_acknowledged() == {"a2": "recordings"}
    rows = board(watching.view(), Words("en"), 200, 60)
    alarms = [row[0] for row in rows if row[0].text.startswith("ALARM")]
    assert "Rini" in alarms[-1].text and alarms[-1].style == "red"
    assert "a citizen has waited" in alarms[-1].text, "as it is seen now"
    assert {one.style for one in alarms[:-1]} == {"bold white on red"}
    in_indonesian = board(watching.view(), Words("id"), 200, 60)
    assert any("(diketahui Rini)" in row[0].text for row in in_indonesian)


def test_every_kind_of_alarm_has_words_in_both_languages() -> None:
    assert set(KINDS) == catalogue._ALARMS_IN_INDONESIAN.keys()
