"""The reports read out of both databases are what the figures are of the same calls."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import get_args

import msgspec
import pytest
from report_calls import DAY, calls_of_a_day, keep_calls
from sqlalchemy import text

from acd.calls.record import CallRecord
from models.database import Database
from models.tables import RefusedCallsRow
from reports import reading, sums
from reports.check import check
from reports.figures import Figures
from reports.figures_count import CallFacts
from reports.figures_groups import SHIFTS, By, grouping
from reports.languages import words_of
from reports.parts import Part, Report
from reports.refused import ELSEWHERE
from reports.summary import figures, grouped, summaries, summary
from reports.supervisor import group_parts

pytest_plugins = ("databases",)

CALLS = 150


@pytest.fixture
async def records(database: Database) -> list[CallRecord]:
    async with database.engine.begin() as connection:
        return await keep_calls(connection, calls_of_a_day(CALLS))


def report_with(*parts: Part) -> Report:
    return Report(name="a", title="a", since=None, until=None, tz="Asia/Jakarta", parts=parts)


def facts(record: CallRecord) -> CallFacts:
    row = msgspec.structs.asdict(record)
    for name in ("arrived_at", "operator_answered_at", "ended_at"):
        at = row[name]  # the database keeps microseconds
        row[name] = None if at is None else datetime.fromtimestamp(round(at, 6), UTC)
    row["legs"] = msgspec.to_builtins(record.legs)
    return CallFacts(**{name: row[name] for name in CallFacts._fields})


async def test_what_is_read_in_parts_is_what_the_calls_are(
    database: Database, records: list[CallRecord], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "AT_ONCE", 40)
    monkeypatch.setattr(sums, "AT_MOST", timedelta(hours=5))
    monkeypatch.setattr(sums, "DAY", timedelta(hours=3))
    offered = [facts(one) for one in records if not one.callback_of and one.outcome != "test"]
    assert 80 < len(offered) < CALLS
    async with database.session() as session:
        found = await summary(session, DAY, DAY + timedelta(days=1))
        expected = figures(offered)
        for name in Figures.__struct_fields__:
            assert getattr(found, name) == getattr(expected, name), name
        for by in get_args(By):
            found = await summary(session, by=by)
            key_of = grouping(by, "Asia/Jakarta")
            assert key_of is not None
            groups = grouped(offered, key_of)
            if by == "operator":  # whoever took over has taken, too
                assert found.groups["1004"].taken > 0 == found.groups["1004"].offered
                taken = sum(one.taken for one in found.groups.values())
                assert taken == found.taken == expected.taken
            for name, one in groups.items():
                one.taken = found.groups[name].taken if by == "operator" else one.taken
                assert found.groups[name] == one, (by, name)


async def test_by_trunk_who_had_every_call_refused_has_a_row_and_all_adds_up(
    database: Database, records: list[CallRecord]
) -> None:
    quiet = DAY - timedelta(days=9)
    async with database.session() as session:
        for hour in (DAY, quiet):
            for number, source in enumerate((ELSEWHERE, "192.0.2.1", "192.0.2.1")):
                of = f"{hour.timestamp()}-{number}"
                session.add(
                    RefusedCallsRow(id=of, hour=hour, source=source, status=400 + number, calls=3)
                )
        for begin, offered in ((DAY, True), (quiet, False)):
            found = await summary(session, begin, begin + timedelta(days=1), "trunk")
            (groups,) = group_parts(found)
            *rows, total = [(row[0], row[1], row[-1]) for row in groups.rows]
            assert total == ("total", found.offered, 9) and bool(found.offered) is offered
            assert sum(row[2] for row in rows) == 9  # type: ignore[misc]
            assert ("192.0.2.1", 0, 6) in rows and (ELSEWHERE, 0, 3) in rows
            said = words_of("id").report(report_with(groups)).parts[0].rows
            assert "asal lain" in [row[0] for row in said]


@pytest.mark.parametrize("some", [("day", "category", "kecamatan"), ("shift", "hour", "operator")])
async def test_several_groupings_at_once_are_what_each_is_alone(
    database: Database, records: list[CallRecord], some: tuple[By, ...]
) -> None:
    async with database.session() as session:
        found = await summaries(session, DAY, None, some, "Asia/Jakarta", 5.0, SHIFTS)
        assert found == [await summary(session, DAY, by=by) for by in some]
        assert [list(one.groups) for one in found] == [
            list((await summary(session, DAY, by=by)).groups) for by in some
        ]


async def test_records_and_reports_that_are_what_the_events_say_pass_the_check(
    database: Database, records: list[CallRecord]
) -> None:
    async with database.session() as session:
        found = await check(session, DAY, None, page=40)
        assert (found.calls, found.wrong, found.disagreements) == (CALLS, 0, [])
        assert found.events > 3 * CALLS and found.figures > 30
        assert (await check(session, DAY + timedelta(days=1), None)).calls == 0


CHANGES = {
    "UPDATE calls SET outcome = 'lost_menu' WHERE call_id = '{id}'": "outcome",
    "UPDATE calls SET talk_ms = talk_ms + 5000 WHERE call_id = '{id}'": "talk_ms",
    "UPDATE calls SET operator = '1009' WHERE call_id = '{id}'": "operator",
    "UPDATE calls SET legs = '[]' WHERE call_id = '{id}'": "legs",
    "UPDATE call_events SET kind = 'trouble' WHERE call_id = '{id}' AND seq = 5": "legs",
    "DELETE FROM call_events WHERE call_id = '{id}'": "events",
}


@pytest.mark.parametrize("change", CHANGES)
async def test_one_row_that_was_altered_by_hand_is_named(
    database: Database, records: list[CallRecord], change: str
) -> None:
    altered = next(
        one.call_id for one in records if len(one.legs) == 1 and one.outcome == "answered"
    )
    async with database.engine.begin() as connection:
        await connection.execute(text(change.format(id=altered)))
    async with database.session() as session:
        found = await check(session, DAY, None)
    assert found.wrong
    named = {one.call for one in found.disagreements}
    assert named <= {altered, ""} and altered in named
    assert CHANGES[change] in {one.what for one in found.disagreements if one.call == altered}
