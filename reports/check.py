"""Counts calls again from their events, and says where the records or a report disagree.

A record is the fold of its events (`acd.calls.record.fold`) and nothing else, and a report the sum
of records: so both can be told to be right without trusting what wrote them.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
from sqlalchemy import or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from acd.calls.record import CallEvent, CallRecord, fold
from models.rows import plain
from models.tables import CallEventRow, CallRow
from reports.calls import arrived, record_of
from reports.figures import Figures
from reports.figures_count import COUNTED_OF, Tally, takers
from reports.summary import summary

PAGE = 500
"""How many calls are read at once."""

MOST_TOLD = 1000
"""So many disagreements are told; more are only counted."""

_NEAR_S, _NEAR_MS = 0.001, 1  # the database keeps times to the microsecond
_MOMENTS = {
    *("arrived_at", "menu_done_at", "queued_at", "first_offer_at", "last_offer_at"),
    *("operator_answered_at", "ended_at", "joined_at", "left_at"),
}


class Disagreement(msgspec.Struct, frozen=True, kw_only=True):
    """One value that is not what it should be. `call`: its id, or "" of a figure of the report."""

    call: str
    what: str
    found: str
    expected: str


class Checked(msgspec.Struct, kw_only=True):
    """What was compared. `wrong`: how many disagreements there are, of which some are told."""

    calls: int = 0
    events: int = 0
    figures: int = 0
    wrong: int = 0
    disagreements: list[Disagreement] = []

    def tell(self, call: str, what: str, found: Any, expected: Any) -> None:
        """Note a disagreement."""
        self.wrong += 1
        if len(self.disagreements) < MOST_TOLD:
            one = Disagreement(call=call, what=what, found=str(found), expected=str(expected))
            self.disagreements.append(one)


async def check(
    session: AsyncSession, since: datetime | None, until: datetime | None, page: int = PAGE
) -> Checked:
    """Compare the calls of a time with their events, and the report with what they add up to.

    The session must see one state of the database throughout.
    """
    checked, tally = Checked(), Tally()
    async for records in _pages(session, since, until, page):
        events = await _events(session, [one.call_id for one in records])
        made = []
        for record in records:
            own = events.get(record.call_id, [])
            checked.calls += 1
            checked.events += len(own)
            made.append(expected := fold(record.call_id, own))
            if not own:
                checked.tell(record.call_id, "events", "none", "at least one")
            for what, found, right in _differences(record, expected):
                checked.tell(record.call_id, what, found, right)
        _count(tally, [one for one in made if one.callback_of is None and one.outcome != "test"])
    _compare(checked, await summary(session, since, until), tally.figures())
    return checked


def _count(tally: Tally, records: Sequence[CallRecord]) -> None:
    columns: list[list[Any]] = [[getattr(one, name) for one in records] for name in COUNTED_OF]
    for n, name in enumerate(COUNTED_OF):
        if name in _MOMENTS:
            columns[n] = [None if at is None else _moment(at) for at in columns[n]]
    tally.add(columns)
    legs = [msgspec.to_builtins(leg) for one in records for leg in one.legs]
    tally.taken += sum(1 for _ in takers(legs))


def _moment(at: float) -> datetime:
    return datetime.fromtimestamp(round(at, 6), UTC)


def _compare(checked: Checked, found: Figures, expected: Figures) -> None:
    """Compare the figures of the report with those of the records that were made again."""
    for name in Figures.__struct_fields__:
        checked.figures += 1
        ours, theirs = getattr(found, name), getattr(expected, name)
        if not _same(name, msgspec.to_builtins(ours), msgspec.to_builtins(theirs)):
            checked.tell("", name, ours, theirs)


def _differences(record: CallRecord, expected: CallRecord) -> list[tuple[str, Any, Any]]:
    found, right = msgspec.to_builtins(record), msgspec.to_builtins(expected)
    return [
        (name, value, right[name])
        for name, value in found.items()
        if not _same(name, value, right[name])
    ]


def _same(name: str, found: Any, expected: Any) -> bool:
    """Whether two values are alike, as far as the database keeps them."""
    if isinstance(found, list) and isinstance(expected, list):
        pairs = zip(found, expected, strict=False)
        return len(found) == len(expected) and all(_same(name, *pair) for pair in pairs)
    if isinstance(found, dict) and isinstance(expected, dict):
        keys = {*found, *expected}
        return all(_same(key, found.get(key), expected.get(key)) for key in keys)
    numbers = isinstance(found, int | float) and isinstance(expected, int | float)
    if numbers and name in _MOMENTS:
        return bool(abs(found - expected) <= _NEAR_S)
    if numbers and name.endswith("_ms") and name != "held_ms":  # which an event tells
        return bool(abs(found - expected) <= _NEAR_MS)
    if isinstance(found, float) and numbers:
        return bool(abs(found - expected) <= 1e-6 * max(1.0, abs(expected)))
    return bool(found == expected)


async def _events(session: AsyncSession, ids: Sequence[str]) -> dict[str, list[CallEvent]]:
    rows = await session.execute(
        select(CallEventRow.__table__)
        .where(CallEventRow.call_id.in_(ids))
        .order_by(CallEventRow.call_id, CallEventRow.seq)
    )
    found: dict[str, list[CallEvent]] = {}
    for row in rows.mappings():
        event = msgspec.convert(plain(dict(row)), CallEvent)
        found.setdefault(event.call_id, []).append(event)
    return found


async def _pages(
    session: AsyncSession, since: datetime | None, until: datetime | None, page: int
) -> AsyncIterator[Sequence[CallRecord]]:
    """Read the calls of a time page by page."""
    moment, id = CallRow.arrived_at, CallRow.call_id
    after: list[Any] = []
    while True:
        query = select(CallRow.__table__).where(*arrived(since, until), *after)
        rows = (await session.execute(query.order_by(moment, id).limit(page))).mappings().all()
        if rows:
            yield [record_of(row) for row in rows]
        if len(rows) < page:
            return
        last = rows[-1]
        # the first condition is the one that an index can use
        after = [moment >= last["arrived_at"]]
        after.append(or_(moment > last["arrived_at"], id > last["call_id"]))
