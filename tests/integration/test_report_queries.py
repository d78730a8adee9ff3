"""What supervisors ask of the calls, on both databases."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime, timedelta, timezone
from typing import Any, get_args

import msgspec
import pytest
from sqlalchemy.ext.asyncio import AsyncSession

from acd.calls.record import CallRecord, LegRecord, Outcome
from models.database import Database
from models.tables import CallRow
from models.writing import upsert
from reports.callbacks import callbacks
from reports.calls import LIVE, list_calls, show_call
from reports.errors import BadQuestion, NoSuchCall, SeveralCalls
from reports.summary import By, summary

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


async def test_who_was_cut_off_is_owed_a_call_and_nobody_else(session: AsyncSession) -> None:
    def cut_off(call_id: str, minutes: float, number: str, **changes: Any) -> CallRecord:
        return a_record(call_id, minutes, ended_by="cut_off", caller_number=number, **changes)

    called_back = [LegRecord(leg="l9", how="callback", joined_at=NOON.timestamp() + 300)]
    answered = {"outcome": Outcome.ANSWERED, "operator_answered_at": NOON.timestamp() + 5}
    answered_since = {**answered, "operator_answered_at": NOON.timestamp() + 545}
    await keep(
        session,
        cut_off("waited", 1, "0811", category="fire"),
        cut_off("talked", 0, "0812", operator="1001", **answered),
        cut_off("withheld", 2, ""),
        cut_off("in_the_menu", 3, "0813", outcome=Outcome.LOST_MENU),
        cut_off("called_back", 4, "0814", legs=called_back),
        cut_off("served_since", 5, "0815"),
        a_record("redial", 9, caller_number="0815", ended_by="operator", **answered_since),
        cut_off("lost_again", 6, "0816"),
        a_record("in_vain", 9, caller_number="0816", ended_by="caller"),
        cut_off("served_before", 9, "0817"),
        a_record("earlier", 7, caller_number="0817", ended_by="caller", **answered),
        a_record("by_the_fallback", 10, caller_number="0818", ended_by="asterisk"),
        a_record("hung_up", 11, caller_number="0819", ended_by="caller"),
    )
    owed = await callbacks(session)
    assert [(one.call_id, one.stage, one.reason) for one in owed] == [
        ("talked", "talking", "cut_off"),
        ("waited", "queue", "cut_off"),
        ("withheld", "queue", "cut_off"),
        ("in_the_menu", "menu", "cut_off"),
        ("lost_again", "queue", "cut_off"),
        ("served_before", "queue", "cut_off"),
        ("by_the_fallback", "queue", "cut_off"),
    ]
    assert (owed[1].category, owed[0].operator) == ("fire", "1001")
    later = await callbacks(session, since=NOON + timedelta(minutes=8))
    assert [one.call_id for one in later] == ["served_before", "by_the_fallback"]


async def test_only_a_later_answer_to_the_same_caller_clears_a_debt(session: AsyncSession) -> None:
    def lost(call_id: str, number: str, ended_by: str = "cut_off") -> CallRecord:
        return a_record(call_id, 5, caller_number=number, ended_by=ended_by)

    def served(number: str, arrived: float, answered: float) -> CallRecord:
        return a_record(
            f"{number} {arrived}",
            arrived,
            caller_number=number,
            ended_by="caller",
            outcome=Outcome.ANSWERED,
            operator_answered_at=NOON.timestamp() + 60 * answered,
        )

    withheld = ("anonymous", "unknown", "restricted", "unavailable", "invalid", "", "0000")
    await keep(
        session,
        *(lost(f"withheld {number}", number) for number in withheld),
        *(served(number, 9, 9) for number in withheld),
        lost("stopped", "0811", "line_stopped"),
        lost("served since, by another carrier", "081234567890"),
        served("+6281234567890", 9, 9),
        lost("arrived later and served before the cut", "0812"),
        served("0812", 5.1, 5.2),
        lost("arrived before and served since", "0813"),
        served("0813", 1, 9),
    )
    assert {one.call_id for one in await callbacks(session)} == {
        *(f"withheld {number}" for number in withheld),
        "stopped",
        "arrived later and served before the cut",
    }


async def test_a_line_that_cut_nobody_off_owes_nothing(session: AsyncSession) -> None:
    await keep(session, a_record("hung_up", ended_by="caller"))
    assert await callbacks(session) == []
