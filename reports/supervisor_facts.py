"""Reads what the supervisor's reports tell beside the calls: agencies, callbacks, operators."""

from __future__ import annotations

from array import array
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from itertools import chain
from typing import Any

import msgspec
from sqlalchemy import func, literal_column, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session

from acd.calls.record import Outcome
from acd.operators.operator import MISSED
from acd.work_items.callbacks import KIND
from acd.work_items.states import ItemOutcome, ItemState
from incidents.dispatch import DispatchState
from incidents.states import IncidentClass
from models.tables import (
    CallRow,
    DispatchRow,
    IncidentRow,
    OperatorEventRow,
    TextConversationRow,
    WorkItemRow,
)
from reports import sums
from reports.calls import arrived, within
from reports.figures import mean, percentile
from reports.figures_count import has_taken
from reports.parts import Cell, Part, part, seconds, share
from reports.reading import json_values, moments, raw_rows
from reports.said import Said
from reports.summary import OFFERED
from reports.sums import Period, Sql, end_after, windows

_ACCEPTED = (DispatchState.ACKNOWLEDGED, DispatchState.DONE)


async def beside(
    session: AsyncSession, since: datetime | None, until: datetime | None
) -> dict[str, int]:
    """Count what is in no total of the calls: tests, texts, calls of the line; and incidents."""
    calls = select(func.count()).select_from(CallRow).where(*arrived(since, until))
    tests = calls.where(CallRow.outcome == Outcome.TEST.value)
    made = calls.where(CallRow.callback_of.is_not(None))
    texts = select(func.count()).where(*within(TextConversationRow.opened_at, since, until))
    incidents = select(func.count()).where(*within(IncidentRow.opened_at, since, until))
    found = {
        "test calls": tests,
        "calls that the line made": made,
        "text conversations": texts.select_from(TextConversationRow),
        "incidents opened": incidents.select_from(IncidentRow),
    }
    counts = {name: int(await session.scalar(query) or 0) for name, query in found.items()}
    for one in (IncidentClass.PRANK, IncidentClass.GHOST):
        query = incidents.where(IncidentRow.incident_class == one.value)
        counts[f"of them {one.value}"] = int(
            await session.scalar(query.select_from(IncidentRow)) or 0
        )
    return counts


async def operator_parts(
    session: AsyncSession, since: datetime | None, until: datetime | None
) -> list[Part]:
    """Each operator: calls taken and spoken in, answer times and holds, offers that were missed."""
    event = OperatorEventRow
    found = await session.execute(
        select(event.operator, func.count())
        .where(*within(event.at, since, until), event.kind == MISSED)
        .group_by(event.operator)
    )
    misses = {row[0]: row[1] for row in found}
    return [await session.run_sync(_operators, (since, until), misses)]


class _Work:
    """What was counted of an operator."""

    def __init__(self) -> None:
        self.taken = self.spoke = self.held_ms = 0
        self.spoke_ms = 0.0
        self.answer, self.ring = array("q"), array("q")


class _Leg(msgspec.Struct, gc=False):
    """What is read of a leg; the defaults are those of `LegRecord`."""

    operator: str | None = None
    how: str = "answered"
    joined_at: float = 0.0
    left_at: float | None = None
    reason: str | None = None


_LEGS = msgspec.json.Decoder(list[list[_Leg]]).decode


def _operators(session: Session, period: Period, misses: Mapping[str, int]) -> Part:
    sql = Sql(session)
    found: dict[str, _Work] = defaultdict(_Work)
    every, with_legs = end_after(sums.AT_MOST), [*OFFERED, literal_column(sql.some_legs)]
    # without groups: for them SQLite would sort the legs
    legs = {"legs": sql.legs(sql.some_legs)}
    for _, row in windows(session, legs, with_legs, period, every):
        for leg in chain.from_iterable(sql.lists(row["legs"], _LEGS)):
            if has_taken(leg.operator, leg.how, leg.reason):
                work = found[leg.operator]
                work.taken += 1
                if leg.left_at is not None:
                    work.spoke += 1
                    work.spoke_ms += 1000 * (leg.left_at - leg.joined_at)
    answered = [
        CallRow.operator != "",
        CallRow.operator_answered_at.is_not(None),
        CallRow.outcome == Outcome.ANSWERED,
    ]
    first = {
        "operator": "operator",
        "answer": sql.many(sql.ms("arrived_at", "operator_answered_at"), "0 = 0"),
        "held": sql.sum("held_ms"),
        "ring": sql.many("ring_ms", "ring_ms IS NOT NULL"),
    }
    for _, row in windows(session, first, [*with_legs, *answered], period, every, ["operator"]):
        work = found[row["operator"]]
        work.answer.extend(sql.numbers(row["answer"]))
        work.ring.extend(sql.numbers(row["ring"]))
        work.held_ms += row["held"] or 0
    rows = [
        [
            name,
            work.taken,
            len(work.answer),
            seconds(mean(work.answer)),
            seconds(mean(work.ring)),
            seconds(work.spoke_ms / work.spoke) if work.spoke else None,
            seconds(work.spoke_ms),
            seconds(work.held_ms),
            misses.get(name, 0),
        ]
        for name, work in sorted({**{one: _Work() for one in misses}, **found}.items())
    ]
    columns = (
        "operator, taken, answered=first, answer_mean=answer s, ring_mean=ring s, talk_mean=talk s,"
        " talk_all=all talk s, held_all=all hold s, missed"
    )
    return part("operators", "Operators", columns, rows)


async def agency_parts(
    session: AsyncSession, since: datetime | None, until: datetime | None
) -> list[Part]:
    """Each agency that was told of an incident opened in this time: receipt and acceptance."""
    return [await session.run_sync(_agencies, since, until)]


def _agencies(session: Session, since: datetime | None, until: datetime | None) -> Part:
    one = DispatchRow.__table__.c
    query = (
        select(one.agency, one.state, one.created_at, one.arrived_at, one.acknowledged_at)
        .join(IncidentRow, IncidentRow.id == DispatchRow.incident_id)
        .where(*within(IncidentRow.opened_at, since, until))
    )
    moment = moments(session)
    states: dict[str, Counter[str]] = defaultdict(Counter)
    receipt: dict[str, array[int]] = defaultdict(lambda: array("q"))
    accept: dict[str, array[int]] = defaultdict(lambda: array("q"))
    for rows in raw_rows(session, query):
        for agency, state, told, reached, accepted in rows:
            states[agency][state] += 1
            for times, at in ((receipt, reached), (accept, accepted)):
                if at is not None:
                    took = (moment(at) - moment(told)).total_seconds()
                    times[agency].append(max(0, round(took * 1000)))
    rows = []
    for agency, counts in sorted(states.items()):
        reached, accepted = sorted(receipt[agency]), sorted(accept[agency])
        rows.append(
            [
                agency,
                counts.total(),
                len(reached),
                *(seconds(percentile(reached, p)) for p in (50, 95)),
                sum(counts[one.value] for one in _ACCEPTED),
                counts[DispatchState.DECLINED.value],
                counts[DispatchState.OVERDUE.value] + counts[DispatchState.RELIEVED.value],
                *(seconds(percentile(accepted, p)) for p in (50, 95)),
            ]
        )
    columns = (
        "agency, told, reached, receipt_p50=median s, receipt_p95=95 % s, accepted, declined,"
        " not_in_time=late, accept_p50=median s, accept_p95=95 % s"
    )
    return part("agencies", "Agencies", columns, rows)


async def callback_parts(
    session: AsyncSession, since: datetime | None, until: datetime | None
) -> list[Part]:
    """The callbacks of calls that were lost in this time: what came of them, and how soon."""
    return await session.run_sync(_callbacks, since, until)


def _callbacks(session: Session, since: datetime | None, until: datetime | None) -> list[Part]:
    one = WorkItemRow.__table__.c
    query = select(one.outcome, one.created_at, one.history).where(
        *within(WorkItemRow.created_at, since, until), WorkItemRow.kind == KIND
    )
    moment, json = moments(session), json_values(session)
    outcomes: Counter[str | None] = Counter()
    delays = array("q")
    for rows in raw_rows(session, query):
        for outcome, lost, history in rows:
            outcomes[outcome] += 1
            if outcome == ItemOutcome.REACHED and (at := _talked_at(json(history))) is not None:
                begin = moment(lost)
                delays.append(max(0, round((at - _epoch(begin)) * 1000)))
    owed, ordered = outcomes.total(), sorted(delays)
    told: list[list[Cell]] = [[Said("owed"), owed, share(owed, owed)]]
    for result in ItemOutcome:
        count = outcomes[result.value]
        told.append([Said(result.value.replace("_", " ")), count, share(count, owed)])
    told.append([Said("open"), outcomes[None], share(outcomes[None], owed)])
    delay = [seconds(one) for one in (mean(ordered), *(percentile(ordered, p) for p in (50, 95)))]
    return [
        part("callbacks", "Callbacks", "outcome, callbacks, percent=%", told),
        part(
            "delay",
            "From the loss to the talk, s",
            "measured, mean, p50=median, p95=95 %",
            [[len(ordered), *delay]],
        ),
    ]


def _talked_at(history: Sequence[Any]) -> float | None:
    talks = (one["at"] for one in history if one["state"] == ItemState.TALKING)
    return next(talks, None)


def _epoch(moment: datetime) -> float:
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
