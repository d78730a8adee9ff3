"""The commands for staffing and for what operators did, as people and programs read them."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest
from databases import with_tables
from lines import line_settings
from test_commands import failed_in_one_line, run
from test_staffing_queries import NOON, START, a_call, keep_calls, keep_states

from acd.calls.record import Outcome
from models.database import Database

DAY_S = 86_400.0
SHIFT = [
    (0.0, "ready", "idle"),
    (100.0, "ready", "talking"),
    (400.0, "paused", "idle", "=cmd|' /C calc'!A0"),
    (500.0, "paused", "idle", "meal"),
    (600.0, "logged_out", "idle"),
]
SCREEN = {"COLUMNS": "80"}


@pytest.fixture
async def settings(tmp_path: Path) -> Any:
    """The settings of a line that is down, with two weeks of calls: ten each noon."""
    found = line_settings(tmp_path / "home")
    found.home.mkdir(parents=True)
    await with_tables(found.url)
    return found


async def fill(settings: Any, days: int = 14) -> None:
    async with Database(settings.url) as database, database.session() as session:
        await keep_states(session, "1001", *SHIFT)
        calls = [
            a_call(
                day * 10 + number,
                day * DAY_S + number * 30.0,
                Outcome.LOST_QUEUE if number == 9 else Outcome.ANSWERED,
                talk_ms=None if number == 9 else 120_000,
                wait_ms=30_000 if number == 9 else 2_000,
            )
            for day in range(days)
            for number in range(10)
        ]
        await keep_calls(session, *calls)


def of_two_weeks(*more: str) -> tuple[str, ...]:
    return ("staffing", "--from", "2025-11-03", "--to", "2025-11-16", *more)


async def test_a_week_fits_on_a_screen_and_a_day_tells_all_its_figures(settings: Any) -> None:
    await fill(settings)
    ran = await run(settings, *of_two_weeks(), **SCREEN)
    assert (ran.code, ran.err) == (0, "")
    lines = ran.out.splitlines()
    assert max(map(len, lines)) <= 80 and len(lines) <= 32
    assert lines[0].startswith("For 95 % within 5 s, by 140 calls from 2025-11-03 19:00")
    (seven,) = [line.split() for line in lines if line.startswith("19:00")]
    assert seven[:3] == ["19:00", "10.0", "120"] and seven[3].endswith("!")
    assert "patience 48 s (14 gave up)" in lines[-1]
    day = await run(settings, *of_two_weeks("--weekday", "tuesday", "--operators", "9"), **SCREEN)
    (evening,) = [line.split() for line in day.out.splitlines() if line.startswith("19:00")]
    assert evening[:5] == ["19:00", "10", "40", "120", "1.333"]
    assert evening[6:] == ["9", "100.0", "%"]
    assert max(map(len, day.out.splitlines())) <= 80


async def test_programs_get_every_hour_of_the_week(settings: Any) -> None:
    await fill(settings)
    ran = await run(settings, *of_two_weeks("--format", "json", "--target", "80/20"))
    found = json.loads(ran.out)
    assert (found["target_percent"], found["target_s"], len(found["hours"])) == (80.0, 20.0, 168)
    ran = await run(settings, *of_two_weeks("--format", "csv"))
    rows = list(csv.DictReader(io.StringIO(ran.out)))
    assert len(rows) == 168
    (evening,) = [one for one in rows if (one["weekday"], one["hour"]) == ("friday", "19")]
    assert (evening["peak_per_hour"], evening["load"]) == ("40.0", "1.333")


async def test_what_cannot_be_computed_is_one_sentence(settings: Any) -> None:
    await fill(settings, days=3)
    ran = await run(settings, *of_two_weeks())
    failed_in_one_line(ran, "27 answered calls of 13")
    ran = await run(settings, *of_two_weeks("--target", "95"))
    failed_in_one_line(ran, "'95' is no target")
    ran = await run(settings, *of_two_weeks("--weekday", "noday"))
    failed_in_one_line(ran, "There is no weekday 'noday'")
    ran = await run(settings, "staffing", "--from", "2025-11-05", "--to", "2025-11-04")
    failed_in_one_line(ran, "ends before it begins")


async def test_what_operators_did_is_told_with_the_reasons_of_their_pauses(settings: Any) -> None:
    await fill(settings)
    asked = ("report", "operator-times", "--from", "2025-11-03", "--to", "2025-11-03")
    ran = await run(settings, *asked, **SCREEN)
    assert (ran.code, ran.err) == (0, "")
    assert max(map(len, ran.out.splitlines())) <= 80
    lines = [line.split() for line in ran.out.splitlines()]
    assert ["1001", "0:10:00", "0:01:40", "-", "0:05:00", "-", "0:03:20", "75.0"] in lines
    assert ["1001", "meal", "0:01:40"] in lines
    ran = await run(settings, *asked, "--format", "json")
    (one,) = json.loads(ran.out)
    assert (one["logged_in_ms"], one["paused"]["meal"]) == (600_000, 100_000)
    ran = await run(settings, *asked, "--format", "csv")
    (row,) = csv.DictReader(io.StringIO(ran.out))
    assert (row["paused_ms"], row["paused_meal_ms"]) == ("200000", "100000")
    ran = await run(
        settings, "report", "operator-times", "--from", "2025-10-01", "--to", "2025-10-01"
    )
    assert ran.out == "Nobody was logged in.\n"


def test_the_calls_are_of_the_evening_in_malang() -> None:
    assert NOON.timestamp() == START and NOON.hour + 7 == 19
