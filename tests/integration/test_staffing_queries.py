"""What operators did and what staffing needs, read from both databases."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import delete
from sqlalchemy.ext.asyncio import AsyncSession

from acd.calls.record import CallRecord, Outcome
from acd.operators.operator import Operator
from models.database import Database
from models.tables import CallRow, OperatorRow, OperatorStateRow
from models.writing import insert_new, upsert
from reports.errors import BadQuestion
from reports.operator_times import operator_times
from reports.staffing import Patience, Quarter, Ready
from reports.staffing_facts import read_patience, read_quarters, read_ready

pytest_plugins = ("databases",)

NOON = datetime(2025, 11, 3, 12, tzinfo=UTC)
START = NOON.timestamp()


@pytest.fixture
async def session(database: Database) -> AsyncIterator[AsyncSession]:
    async with database.session() as opened:
        yield opened


async def keep_states(session: AsyncSession, operator: str, *changes: tuple[Any, ...]) -> None:
    """Keep what an operator did: seconds after noon, status, state and the reason of a pause."""
    rows = []
    for number, (seconds, status, state, *reason) in enumerate(changes):
        rows.append(
            {
                "id": f"{operator}-{number:03}",
                "operator": operator,
                "at": START + seconds,
                "status": status,
                "state": state,
                "pause_reason": reason[0] if reason else None,
                "phone": "101",
                "call_id": None,
                "text_id": None,
            }
        )
    await upsert(session, OperatorRow, [Operator(operator, "Sari").row()])
    await insert_new(session, OperatorStateRow, rows)
    await session.commit()


async def keep_calls(session: AsyncSession, *calls: CallRecord) -> None:
    await upsert(session, CallRow, [one.row() for one in calls])
    await session.commit()


def a_call(number: int, seconds: float, outcome: Outcome | None, **changes: Any) -> CallRecord:
    at = START + seconds
    given = {"outcome": outcome, "queued_at": at, "ended_at": at + 60}
    return CallRecord(call_id=f"c{number}", arrived_at=at, **(given | changes))


async def test_what_began_before_the_range_goes_on_in_it_by_operator(
    session: AsyncSession,
) -> None:
    shift = [
        (-500.0, "paused", "idle", "meal"),
        (-100.0, "ready", "idle"),
        (10.0, "ready", "talking"),
        (70.5, "ready", "wrap_up"),
        (70.5, "ready", "idle"),  # of one moment: the order of the ids counts
        (90.0, "paused", "idle", "prayer"),
        (150.0, "ready", "idle"),
    ]
    await keep_states(session, "1001", *shift)
    await keep_states(session, "1002", (-900.0, "ready", "idle"), (-800.0, "logged_out", "idle"))
    await keep_states(session, "1003", (-900.0, "ready", "idle"))
    until = NOON + timedelta(seconds=100)
    found = await operator_times(session, NOON, until, NOON + timedelta(days=1))
    assert [(one.operator, one.logged_in_ms) for one in found] == [
        ("1001", 100_000),
        ("1003", 100_000),
    ]
    assert (found[0].idle_ms, found[0].talking_ms) == (29_500, 60_500)
    assert (found[0].wrap_up_ms, found[0].paused) == (0, {"prayer": 10_000})
    (one, _) = await operator_times(session, NOON, until, NOON + timedelta(seconds=30))
    assert one.logged_in_ms == 30_000, "what is still to come is not counted"
    with pytest.raises(BadQuestion, match="ends before it begins"):
        await operator_times(session, NOON, until, NOON)


async def test_who_was_removed_since_has_the_times_of_before(session: AsyncSession) -> None:
    removed = [(-7200.0, "ready", "idle"), (50.0, "logged_out", "idle")]
    await keep_states(session, "1009", *removed)
    await session.execute(delete(OperatorRow).where(OperatorRow.id == "1009"))
    until = NOON + timedelta(seconds=100)
    (one,) = await operator_times(session, NOON, until, NOON + timedelta(days=1))
    assert (one.operator, one.logged_in_ms, one.idle_ms) == ("1009", 50_000, 50_000)


async def test_calls_are_summed_by_quarters_of_an_hour(session: AsyncSession) -> None:
    await keep_calls(
        session,
        a_call(1, 0.0, Outcome.ANSWERED, talk_ms=30_000, wait_ms=4_000),
        a_call(2, 899.9, Outcome.ANSWERED, talk_ms=50_000, wait_ms=6_000),
        a_call(3, 900.0, Outcome.LOST_QUEUE, wait_ms=20_000),
        a_call(4, 1000.0, Outcome.LOST_MENU, queued_at=None),
        a_call(5, 1000.0, Outcome.FALLBACK, queued_at=None, talk_ms=1_000),
        a_call(6, 1100.0, Outcome.TEST),
        a_call(7, 1100.0, Outcome.CALLBACK, callback_of="c3", talk_ms=9_000),
        a_call(8, 3600.0, Outcome.ANSWERED, talk_ms=9_000, wait_ms=9_000),
    )
    wrap_up = [(100.0, "ready", "wrap_up"), (112.5, "ready", "idle"), (950.0, "ready", "wrap_up")]
    await keep_states(session, "1001", *wrap_up)
    until, first = NOON + timedelta(hours=1), int(START)
    assert await read_quarters(session, NOON, until) == [
        Quarter(first, 2, 2, 80.0, pytest.approx(12.5, abs=1e-3)),
        Quarter(first + 900, 2, 1, 1.0, 0.0),
    ]
    assert await read_patience(session, NOON, until) == Patience(30.0, 1)


async def test_who_was_ready_is_known_from_the_first_state_on(session: AsyncSession) -> None:
    until = NOON + timedelta(seconds=100)
    assert await read_ready(session, NOON, until) is None
    await keep_states(
        session,
        "1001",
        (10.0, "logged_out", "idle"),
        (20.0, "ready", "idle"),
        (30.0, "ready", "talking"),
        (60.0, "paused", "talking"),
        (80.0, "ready", "idle"),
    )
    found = await read_ready(session, NOON, until)
    assert found == ([Ready(START + 20, START + 60), Ready(START + 80, START + 100)], START + 10)
    await keep_states(session, "1002", (-50.0, "ready", "idle"))
    found = await read_ready(session, NOON, until)
    assert found is not None and found[1] == START - 50
    assert Ready(START, START + 100) in found[0]
