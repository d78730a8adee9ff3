"""Erases one number, a few records at a time, until nothing is left that may be erased."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from models.database import Database
from ngalam112.personal_data.records import (
    Erasing,
    Left,
    erase_calls,
    erase_incident,
    erase_items,
    erase_texts,
)
from ngalam112.personal_data.writing import ROWS, bit_by_bit, check_in_time, writing
from privacy.holds import Holds
from reports.privacy_holds import standing_holds
from reports.privacy_subject import Subject, find_subject, parts

LetGo = Callable[[Sequence[str], Sequence[str]], Awaitable[None]]
"""Has whoever serves let go of these calls and incidents, before they are erased; what is recorded
of them is written when it returns."""

_MOST_PASSES = 3
_CHANGED = "was changed while it was erased"


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What has come of an erasure. `erased`: how many, by what they are. `has_place`: the city's
    list had the number; who has the list takes it out of it.
    """

    erased: dict[str, int]
    left: list[Left]
    texts_kept: list[str]
    has_place: bool

    @property
    def is_whole(self) -> bool:
        """Whether nothing of the number is left."""
        return not self.left


async def look(
    database: Database, caller: str, *, why: str, by: str, now: float, country: str
) -> Outcome:
    """Return what an erasure would do now. Raises a DatabaseError."""
    how = _how(why=why, by=by, now=now, country=country, writes=False)
    subject = await _subject(database, caller, country)
    await _pass(database, subject, how)
    return _outcome(how, subject)


async def erase(
    database: Database,
    caller: str,
    *,
    let_go: LetGo,
    why: str,
    by: str,
    now: float,
    country: str,
) -> Outcome:
    """Erase all of a number that lives no more and is not on hold. Raises a DatabaseError.

    Before each look whoever serves has written what it has recorded. The last look comes after the
    last write: what was changed meanwhile and is still there then is left.
    """
    erased: dict[str, int] = {}
    texts_kept: dict[str, None] = {}
    has_place = False
    for turn in range(_MOST_PASSES + 1):
        await let_go([], [])
        seen = _how(why=why, by=by, now=now, country=country, writes=False)
        subject = await _subject(database, caller, country)
        has_place = has_place or subject.has_place
        await _pass(database, subject, seen)
        if turn == _MOST_PASSES or not any(seen.erased.values()):
            break
        how = _how(why=why, by=by, now=now, country=country, writes=True)
        await _pass(database, subject, how, let_go)
        for what, ids in how.erased.items():
            erased[what] = erased.get(what, 0) + len(ids)
        texts_kept.update(dict.fromkeys(how.texts_kept))
    left = seen.left + [
        Left(what.removesuffix("s"), id, _CHANGED)
        for what, ids in seen.erased.items()
        for id in ids
    ]
    return Outcome(erased=erased, left=left, texts_kept=list(texts_kept), has_place=has_place)


def _outcome(how: Erasing, subject: Subject) -> Outcome:
    return Outcome(
        erased={what: len(ids) for what, ids in how.erased.items() if ids},
        left=how.left,
        texts_kept=how.texts_kept,
        has_place=subject.has_place,
    )


def _how(*, why: str, by: str, now: float, country: str, writes: bool) -> Erasing:
    return Erasing(why=why, by=by, now=now, holds=Holds(), country=country, writes=writes)


async def _subject(database: Database, caller: str, country: str) -> Subject:
    async with database.session() as session:
        return await find_subject(session, caller, country)


async def _nobody(calls: Sequence[str], incidents: Sequence[str]) -> None:
    """Who only looks takes nothing from anybody."""


async def _pass(
    database: Database, subject: Subject, how: Erasing, let_go: LetGo = _nobody
) -> None:
    for ids, erase_some in (
        (subject.items, erase_items),
        (subject.texts, erase_texts),
        (subject.calls, erase_calls),
    ):
        calls = ids is subject.calls
        for some in parts(ids, ROWS):
            await _some(
                database,
                how,
                lambda at, do=erase_some, part=some: do(at, part, how),  # type: ignore[misc]
                lambda part=some if calls else []: let_go(part, []),  # type: ignore[misc]
            )
    if subject.has_place:
        async with database.session() as session:
            how.holds = await standing_holds(session)
        held = how.holds.over(callers=[subject.caller])
        how.stays("registered place", "", held.words if held is not None else None)
    for id in subject.incidents:
        await _some(
            database,
            how,
            lambda at, id=id: erase_incident(at, id, how, caller=subject.caller),  # type: ignore[misc]
            lambda id=id: let_go([], [id]),  # type: ignore[misc]
        )


async def _some(
    database: Database,
    how: Erasing,
    work: Callable[[AsyncConnection], Awaitable[None]],
    let_go: Callable[[], Awaitable[None]],
) -> None:
    """Do some of it: in a transaction with a pause behind it, or only looking.

    The holds are those that stand in that very transaction.
    """
    let_go_at = time.monotonic()
    if how.writes:
        await let_go()

    async def turn() -> None:
        async with writing(database) if how.writes else _reading(database) as connection:
            how.holds = await standing_holds(connection)
            if how.writes:
                check_in_time(let_go_at)
            await work(connection)

    if how.writes:
        await bit_by_bit(turn)
    else:
        await turn()


@asynccontextmanager
async def _reading(database: Database) -> AsyncIterator[AsyncConnection]:
    async with database.engine.connect() as connection:
        yield connection
