"""What supervisors ask of the calls, on both databases."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime, timedelta, timezone
from typing import Any, get_args

import msgspec
import pytest
from sqlalchemy.ext.asyncio import AsyncSession

from acd.calls.record import CallRecord, LegRecord, Outcome
from acd.work_items.callbacks import KIND
from acd.work_items.item import Step, WorkItem
from acd.work_items.states import ItemOutcome, ItemState
from models.database import Database
from models.tables import CallRow, WorkItemRow
from models.writing import upsert
from reports.callbacks import callbacks, show_callback
from reports.calls import LIVE, list_calls, show_call
from reports.errors import (
    BadQuestion,
    NoSuchCall,
    NoSuchCallback,
    SeveralCallbacks,
    SeveralCalls,
)
from reports.figures_groups import By
from reports.summary import summary

pytest_plugins = ("databases",)

NOON = datetime(2026, 4, 13, 12, tzinfo=timezone(timedelta(hours=7)))


@pytest.fixture
async def session(database: Database) -> AsyncIterator[AsyncSession]:
    async with database.session() as opened:
        yield opened


async def keep(session: AsyncSession, *records: CallRecord) -> None:
    await upsert(session, CallRow, [record.row() for record in records])
    await session.commit()


def a_record(call_id: str, minutes: float = 0, **changes: Any) -> CallRecord:
    """A lost call, so many minutes after noon."""
    at = NOON.timestamp() + 60 * minutes
    given: dict[str, Any] = {
        "outcome": Outcome.LOST_QUEUE,
        "ended_at": at + 30,
        "caller_number": "08123456789",
    }
    return CallRecord(call_id=call_id, arrived_at=at, **(given | changes))


async def test_an_empty_database_has_a_summary_that_adds_up(session: AsyncSession) -> None:
    for by in (None, *get_args(By)):
        total = await summary(session, by=by)
        assert (total.offered, total.adds_up, total.groups) == (0, True, {})
    assert await list_calls(session) == []
    with pytest.raises(NoSuchCall, match="There is no call 'x'"):
        await show_call(session, "x")


async def test_calls_are_read_on_page_by_page_with_none_left_out(session: AsyncSession) -> None:
    # three of one moment, and one beyond a page
    await keep(session, *(a_record(f"c{n}", minutes=n // 3) for n in range(7)))
    pages, last = [], None
    while page := await list_calls(session, limit=2, before=last):
        pages.append([one.call_id for one in page])
        last = page[-1].call_id
        if len(pages) == 1:
            await keep(session, a_record("new", minutes=10))
    assert pages == [["c6", "c5"], ["c4", "c3"], ["c2", "c1"], ["c0"]]
    for unknown in ("x", "c", "", "c\0", "\ud800"):
        with pytest.raises(BadQuestion, match="There is no row"):
            await list_calls(session, before=unknown)


async def test_a_summary_counts_from_its_begin_on_and_not_its_end(session: AsyncSession) -> None:
    await keep(session, *(a_record(f"c{n}", minutes=n) for n in range(4)))
    total = await summary(session, NOON + timedelta(minutes=1), NOON + timedelta(minutes=3))
    assert (total.offered, total.lost_queue, total.lost_queue_percent) == (2, 2, 100.0)


async def test_who_takes_over_by_a_transfer_is_in_the_report_by_operator(
    session: AsyncSession,
) -> None:
    first = LegRecord(leg="a", operator="1001", phone="101")
    second = LegRecord(leg="b", operator="1002", phone="102", how="transfer")
    agency = LegRecord(leg="c", phone="sip:110@192.0.2.1", how="transfer")
    later = LegRecord(leg="d", operator="1001", phone="101", how="callback")
    answered: dict[str, Any] = {"outcome": Outcome.ANSWERED, "operator": "1001"}
    await keep(
        session,
        a_record("handed", legs=[first, second, agency, later], **answered),
        a_record("kept", legs=[first], **answered),
        a_record("lost"),
    )
    total = await summary(session, by="operator")
    parts = {name: (one.offered, one.answered, one.taken) for name, one in total.groups.items()}
    assert parts == {"1001": (2, 2, 2), "1002": (0, 0, 1), "none": (1, 0, 0)}
    assert total.taken == 3
    assert total.adds_up


async def test_hours_come_in_the_order_of_time_and_names_in_theirs(session: AsyncSession) -> None:
    await keep(
        session,
        a_record("late", minutes=90, operator="1002"),
        a_record("early", minutes=-1, operator="1003"),
        a_record("middle", minutes=0, operator=None),
    )
    by_hour = await summary(session, by="hour")
    assert list(by_hour.groups) == [f"2026-04-13T{hour}:00+07:00" for hour in (11, 12, 13)]
    by_operator = await summary(session, by="operator")
    assert list(by_operator.groups) == ["1002", "1003", "none"]
    assert by_operator.adds_up


async def test_a_summary_can_be_sent_as_json(session: AsyncSession) -> None:
    await keep(session, a_record("one"))
    sent = msgspec.json.decode(msgspec.json.encode(await summary(session, NOON, by="category")))
    assert sent["groups"]["none"]["offered"] == 1
    assert sent["since"] == "2026-04-13T12:00:00+07:00"


async def test_a_test_call_is_in_no_total(session: AsyncSession) -> None:
    await keep(
        session, a_record("one"), a_record("tried", 1, outcome=Outcome.TEST, ended_by="line")
    )
    found = await summary(session)
    assert (found.offered, found.lost_queue, found.adds_up) == (1, 1, True)
    assert [one.call_id for one in await list_calls(session, outcome="test")] == ["tried"]


async def test_calls_are_listed_newest_first_and_by_what_is_asked(session: AsyncSession) -> None:
    await keep(
        session,
        a_record("a", 0),
        a_record("b", 1, outcome=Outcome.ANSWERED, caller_number="+62341112"),
        a_record("c", 2, outcome=None, ended_at=None, caller_number="100%_"),
    )

    async def ids(**question: Any) -> list[str]:
        return [record.call_id for record in await list_calls(session, **question)]

    assert await ids() == ["c", "b", "a"]
    assert await ids(limit=1) == ["c"]
    assert await ids(outcome="answered") == ["b"]
    assert await ids(outcome=LIVE) == ["c"]
    assert await ids(caller="341") == ["b"]
    assert await ids(caller="%") == ["c"]
    assert await ids(caller="+628123456789") == ["a"], "the same number in another spelling"
    assert await ids(caller="\ud800\0") == []
    assert await ids(since=NOON + timedelta(minutes=1), until=NOON + timedelta(minutes=2)) == ["b"]
    with pytest.raises(BadQuestion, match=r"choose one of answered, lost_menu, .*, live\.$"):
        await ids(outcome="won")


async def test_a_call_is_shown_by_the_begin_of_its_id_if_no_other_has_it(
    session: AsyncSession,
) -> None:
    await keep(session, a_record("abc1"), a_record("abc2"), a_record("abc"), a_record("%"))
    assert (await show_call(session, "abc1")).record == a_record("abc1")
    assert (await show_call(session, "abc")).record.call_id == "abc"
    assert (await show_call(session, "%")).record.call_id == "%"
    with pytest.raises(SeveralCalls, match="give more of it"):
        await show_call(session, "ab")
    with pytest.raises(NoSuchCall):
        await show_call(session, "")
    with pytest.raises(NoSuchCall):
        await show_call(session, "a%")


def a_callback(id: str, minutes: float, **changes: Any) -> WorkItem:
    lost = NOON.timestamp() + 60 * minutes
    about = {"call_id": f"call-{id}", "number": "0811", "reason": "lost_queue"}
    return WorkItem(
        **{"id": id, "kind": KIND, "created_at": lost, "waits_since": lost, **about, **changes}
    )


async def test_callbacks_are_listed_by_what_they_are(session: AsyncSession) -> None:
    steps = [Step(at=5.0, state="waiting"), Step(at=6.0, state="offered", operator="1001")]
    ended = {"state": ItemState.CLOSED, "ended_at": NOON.timestamp() + 900}
    items = [
        a_callback("ab2", 2, history=steps, due_at=NOON.timestamp() + 700),
        a_callback("ab1", 1, number=""),
        a_callback("cd", 3, outcome=ItemOutcome.REACHED, **ended),
        a_callback("ef", 4, kind="another"),
    ]
    await upsert(session, WorkItemRow, [one.row() for one in items])

    async def ids(*asked: Any) -> list[str]:
        return [one.id for one in await callbacks(session, *asked)]

    assert await ids() == ["ab1", "ab2"]
    assert await ids(None, None, "all") == ["ab1", "ab2", "cd"]
    assert await ids(None, None, "reached") == ["cd"]
    assert await ids(NOON + timedelta(minutes=2), NOON + timedelta(minutes=3), "all") == ["ab2"]
    with pytest.raises(BadQuestion, match=r"choose one of open, all, reached, .*by_hand\.$"):
        await ids(None, None, "won")
    assert await show_callback(session, "ab2") == items[0]
    assert await show_callback(session, "c") == items[2]
    assert (await show_callback(session, "call-cd")).id == "cd"
    with pytest.raises(SeveralCallbacks, match="give more of the id"):
        await show_callback(session, "ab")
    for nobody in ("", "ef", "%", "x\0"):
        with pytest.raises(NoSuchCallback):
            await show_callback(session, nobody)


async def test_a_line_that_lost_nobody_owes_nothing(session: AsyncSession) -> None:
    await keep(session, a_record("hung_up", ended_by="caller"))
    assert await callbacks(session) == []
