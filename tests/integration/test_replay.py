"""A past time played on the board ends with the totals of the report, on both databases."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from databases import with_tables
from lines import line_settings
from report_calls import DAY, calls_of_a_day, keep_calls
from test_commands import run

from acd.calls.record import CallEvent
from acd.operators.operator import Operator
from models.database import Database
from models.tables import OperatorRow, OperatorStateRow
from models.writing import insert_new, upsert
from ngalam112.cli.live.replaying import Player
from reports.check import _same
from reports.errors import BadQuestion
from reports.figures import SHORT_S, Figures
from reports.summary import summary

pytest_plugins = ("databases",)

DAYS = 10
ZONE = "Asia/Jakarta"


def calls_of_days(days: int, a_day: int) -> list[list[CallEvent]]:
    """The events of calls of several days, each other ones."""
    return [
        [_of_day(one, day) for one in events]
        for day in range(days)
        for events in calls_of_a_day(a_day, seed=day)
    ]


def _of_day(one: CallEvent, day: int) -> CallEvent:
    data = one.data
    if "asterisk_id" in data:
        data = {**data, "asterisk_id": f"{day}-{data['asterisk_id']}"}
    call_id, at = f"{day}-{one.call_id}", one.at + 86_400 * day
    return msgspec.structs.replace(one, call_id=call_id, at=at, data=data)


async def keep_a_shift(database: Database, at: datetime) -> None:
    """Sari logs in at a moment, talks a minute later, then pauses."""
    sari = Operator(id="1001", name="Sari")
    steps = [
        (0, "ready", "idle", None),
        (60, "ready", "talking", None),
        (200, "paused", "talking", "meal"),
        (300, "paused", "idle", "meal"),
    ]
    rows: list[dict[str, Any]] = [
        {
            "id": f"s{n}",
            "operator": "1001",
            "at": at.timestamp() + seconds,
            "status": status,
            "state": state,
            "pause_reason": reason,
            "phone": "101",
            "call_id": "",
            "text_id": None,
        }
        for n, (seconds, status, state, reason) in enumerate(steps)
    ]
    async with database.session() as session:
        await upsert(session, OperatorRow, [sari.row()])
        await insert_new(session, OperatorStateRow, rows)
        await session.commit()


def assert_alike(found: Figures, expected: Figures) -> None:
    """All figures are the same; a millisecond is what the databases round."""
    for name in Figures.__struct_fields__:
        ours, theirs = (msgspec.to_builtins(getattr(one, name)) for one in (found, expected))
        assert _same(name, ours, theirs), (name, ours, theirs)


async def test_ten_days_a_thousand_times_as_fast_end_with_the_totals_of_the_report(
    database: Database,
) -> None:
    async with database.engine.begin() as connection:
        await keep_calls(connection, calls_of_days(DAYS, 40))
    until = DAY + timedelta(days=DAYS)
    player = Player(database, DAY, until, ZONE, SHORT_S)
    await player.begin()
    offered, waited = [0], 0
    while not player.is_over:
        snapshot = await player.play(player.at + 1000)  # one frame a second
        offered.append(snapshot["totals"]["offered"])
        waited = max(waited, snapshot["queue"]["length"])
    async with database.session() as session:
        expected = await summary(session, DAY, until, tz=ZONE)
    assert expected.adds_up and expected.offered > DAYS * 30
    assert_alike(player.line.figures(), expected)
    assert offered == sorted(offered) and offered[-1] == expected.offered
    assert snapshot["queue"]["length"] == 0 and waited > 0
    assert player.at < until.timestamp() + 3600


async def test_a_part_of_a_day_has_who_called_then_and_what_became_of_them_later(
    database: Database,
) -> None:
    async with database.engine.begin() as connection:
        await keep_calls(connection, calls_of_a_day(200))
    since, until = DAY + timedelta(hours=5), DAY + timedelta(hours=5, minutes=47)
    player = Player(database, since, until, ZONE, SHORT_S)
    await player.begin()
    await player.play(until.timestamp() + 86_400)
    async with database.session() as session:
        expected = await summary(session, since, until, tz=ZONE)
    assert player.is_over and expected.offered > 2
    assert_alike(player.line.figures(), expected)


async def test_operators_do_what_they_did_since_when_they_did(database: Database) -> None:
    await keep_a_shift(database, DAY + timedelta(minutes=30))
    player = Player(database, DAY, DAY + timedelta(hours=1), ZONE, SHORT_S)
    await player.begin()
    assert (await player.play(DAY.timestamp() + 60))["people"] == []
    begun = DAY.timestamp() + 1800
    (one,) = (await player.play(begun + 90))["people"]
    assert (one["name"], one["status"], one["state"], one["for_s"]) == (
        "Sari",
        "ready",
        "talking",
        30,
    )
    (one,) = (await player.play(begun + 360))["people"]
    assert (one["status"], one["state"], one["pause_reason"]) == ("paused", "idle", "meal")
    later = Player(database, DAY + timedelta(hours=1), DAY + timedelta(hours=2), ZONE, SHORT_S)
    await later.begin()
    (one,) = (await later.play(begun + 3600))["people"]
    assert (one["state"], one["for_s"]) == ("idle", 3300), "since before the begin"


def test_a_time_that_is_none_or_longer_than_a_month_is_refused() -> None:
    for days in (0, -1, 40):
        with pytest.raises(BadQuestion, match="31 days at most"):
            Player(None, DAY, DAY + timedelta(days=days), ZONE, SHORT_S)  # type: ignore[arg-type]


async def test_the_command_plays_a_day_in_lines_where_there_is_no_terminal(tmp_path: Path) -> None:
    settings = line_settings(tmp_path / "home")
    settings.home.mkdir(parents=True)
    await with_tables(settings.url)
    async with Database(settings.url) as database, database.engine.begin() as connection:
        await keep_calls(connection, calls_of_a_day(60))
    day = ("2026-11-23", "2026-11-23")
    ran = await run(settings, "live", "--replay", *day, "--speed", "1000000")
    told = await run(settings, "report", "summary", "--from", day[0], "--to", day[1], "-f", "json")
    figures = json.loads(told.out)
    assert ran.code == 0, ran.err
    *_, totals, lost, within = ran.out.splitlines()
    assert totals.startswith(f"Offered {figures['offered']} = {figures['answered']} answered")
    assert f"{figures['lost_queue']} queue" in lost
    assert f"in 10 s {figures['within_10s_percent']:.1f} %" in within
