"""Finds all that the line has of one number, in whatever spelling it was written."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Any

import msgspec
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from acd.numbers.caller import same_caller, without_separators
from models.tables import (
    CallRow,
    IncidentContactRow,
    RegisteredPlaceRow,
    TextConversationRow,
    WorkItemRow,
)
from privacy.requests import LONGEST_CALLER

AT_ONCE = 500
"""So many ids are asked for by one question."""

_PAGE = 2000  # numbers that are looked at together
_TAIL = 4  # last digits, by which most other numbers are told at a glance

Asking = AsyncSession | AsyncConnection


class Subject(msgspec.Struct, frozen=True, kw_only=True):
    """The ids of all records of one caller; `caller` is the key of the number.

    `incidents`: those of which the caller has told. `has_place`: the city's list has the number.
    """

    caller: str
    calls: tuple[str, ...] = ()
    items: tuple[str, ...] = ()
    texts: tuple[str, ...] = ()
    incidents: tuple[str, ...] = ()
    has_place: bool = False

    @property
    def is_known(self) -> bool:
        """Whether the line has anything."""
        return bool(self.calls or self.items or self.texts or self.incidents or self.has_place)


async def find_subject(session: Asking, caller: str, country: str) -> Subject:
    """Return where a caller stands; `caller`: the key of the number, `country` as in its making."""
    of_calls = await _spellings(session, CallRow.caller_number, caller, country)
    of_items = await _spellings(session, WorkItemRow.number, caller, country)
    of_texts = await _spellings(session, TextConversationRow.number, caller, country)
    contacts = select(IncidentContactRow.incident_id).where(IncidentContactRow.caller == caller)
    place = select(RegisteredPlaceRow.caller).where(RegisteredPlaceRow.caller == caller)
    return Subject(
        caller=caller,
        calls=await _ids(session, CallRow.call_id, CallRow.caller_number, of_calls),
        items=await _ids(session, WorkItemRow.id, WorkItemRow.number, of_items),
        texts=await _ids(session, TextConversationRow.id, TextConversationRow.number, of_texts),
        incidents=tuple(sorted((await session.execute(contacts)).scalars())),
        has_place=(await session.execute(place)).first() is not None,
    )


async def _spellings(
    session: Asking, column: InstrumentedAttribute[str], caller: str, country: str
) -> list[str]:
    """All ways in which a number stands in a column, which has an index, so it alone is read."""
    tail = caller[-_TAIL:]
    found: list[str] = []
    after = ""
    while True:
        query = select(column).where(column > after).order_by(column).distinct().limit(_PAGE)
        page = (await session.execute(query)).scalars().all()
        found += [
            one
            for one in page
            if without_separators(one).endswith(tail) and is_of(one, caller, country)
        ]
        if len(page) < _PAGE:
            return found
        after = page[-1]


def is_of(number: str, caller: str, country: str) -> bool:
    """Whether a number, however it is written, is that of this caller."""
    found = same_caller(number, country)
    return found is not None and found[:LONGEST_CALLER] == caller


async def _ids(
    session: Asking,
    id: InstrumentedAttribute[str],
    number: InstrumentedAttribute[str],
    spellings: Sequence[str],
) -> tuple[str, ...]:
    found: list[str] = []
    for some in parts(spellings):
        found += (await session.execute(select(id).where(number.in_(some)))).scalars()
    return tuple(sorted(found))


def parts(ids: Iterable[str], size: int = AT_ONCE) -> Iterable[Sequence[str]]:
    """Give out ids a few at a time."""
    all_of_them = list(ids)
    for first in range(0, len(all_of_them), size):
        yield all_of_them[first : first + size]


async def rows_of(
    session: Asking, table: Any, column: Any, ids: Iterable[str], *order: Any
) -> AsyncIterator[dict[str, Any]]:
    """Read the rows of a table whose column has one of these ids."""
    for some in parts(ids):
        query = select(table).where(column.in_(some)).order_by(*order)
        for row in (await session.execute(query)).mappings():
            yield dict(row)
