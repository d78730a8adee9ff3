"""Every question that people ask of the incidents and dispatches, with what it is asked for."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from random import Random
from typing import Any

import msgspec
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from incidents.incident import Incident
from models.tables import IncidentRow
from reports.complaints import to_close
from reports.dispatches import Which as SentWhich
from reports.dispatches import dispatches_of, list_dispatches
from reports.duplicates import proposed
from reports.errors import NoSuchIncident
from reports.incidents import (
    Which,
    by_id,
    find_incident,
    incident_of,
    list_incidents,
    of_call,
    show_incident,
)

MOST_KNOWN = 200


class Known(msgspec.Struct):
    """What is asked for: incidents of all times, open ones, and those that others are merged into.

    `nuisance`: a caller who has told of very many.
    """

    any: list[Incident]
    open: list[Incident]
    targets: list[str]
    newest: datetime
    nuisance: str


Ask = Callable[[AsyncSession, Known, Random], Awaitable[Any]]
"""Asks once, for something drawn; returns what was found."""


async def known(session: AsyncSession, lot: Random, nuisance: str) -> Known:
    """Choose what the questions are asked for."""
    rows = (await session.execute(select(IncidentRow.id, IncidentRow.opened_at))).all()
    ids = [row.id for row in lot.sample(rows, min(MOST_KNOWN, len(rows)))]
    query = select(IncidentRow.__table__).where(IncidentRow.id.in_(ids))
    merged = await list_incidents(session, which=Which.MERGED, limit=MOST_KNOWN)
    return Known(
        any=[incident_of(row) for row in (await session.execute(query)).mappings()],
        open=await list_incidents(session),
        targets=[one.merged_into for one in merged if one.merged_into is not None],
        newest=max(row.opened_at for row in rows),
        nuisance=nuisance,
    )


def _listed(**asked: Any) -> Ask:
    """A list; what is callable among `asked` is drawn from what is known."""

    async def ask(session: AsyncSession, of: Known, lot: Random) -> Any:
        drawn = {name: one(of, lot) if callable(one) else one for name, one in asked.items()}
        return await list_incidents(session, **drawn)

    return ask


def _one(of: Known, lot: Random) -> Incident:
    return lot.choice(of.any)


def _category(of: Known, lot: Random) -> str | None:
    return _one(of, lot).category


def _caller(of: Known, lot: Random) -> str:
    return _one(of, lot).contacts[0].number


def _nuisance(of: Known, lot: Random) -> str:
    return of.nuisance


def _words_of(of: Known, lot: Random) -> str:
    one = _one(of, lot)
    return f"{one.description} {one.place}"


def _begins(of: Known, lot: Random) -> str:
    return " ".join(word[:3] for word in _words_of(of, lot).split()[-2:])


def _month(of: Known, lot: Random) -> datetime:
    return of.newest - timedelta(days=30 * lot.randrange(1, 55))


def _found(ask: Callable[[AsyncSession, Incident], Awaitable[Any]]) -> Ask:
    async def asked(session: AsyncSession, of: Known, lot: Random) -> Any:
        return await ask(session, _one(of, lot))

    return asked


async def _merged(session: AsyncSession, of: Known, lot: Random) -> Any:
    return await show_incident(session, lot.choice(of.targets))


async def _proposed(session: AsyncSession, of: Known, lot: Random) -> Any:
    return await proposed(session, lot.choice(of.open))


async def _proposed_in_the_dark(session: AsyncSession, of: Known, lot: Random) -> Any:
    one = msgspec.structs.replace(
        lot.choice(of.open), id="another", lat=None, lon=None, kelurahan=None, contacts=[]
    )
    return await proposed(session, one)


async def _by_reference(session: AsyncSession, one: Incident) -> Any:
    with contextlib.suppress(NoSuchIncident):
        return await find_incident(session, f"LAPOR:{one.number}")


def _sent(which: str) -> Ask:
    async def ask(session: AsyncSession, of: Known, lot: Random) -> Any:
        return await list_dispatches(session, which)

    return ask


_HOSTILE = (
    '" OR * NEAR(',
    "a",
    "' & | ! <-> :*",
    "jal " * 2500,
    "\0\ud800 \u00e9\u4e2d",
    "%",
)


def _hostile(of: Known, lot: Random) -> str:
    return lot.choice(_HOSTILE)


QUESTIONS: dict[str, Ask] = {
    **{f"list {which}": _listed(which=which) for which in [*Which, "dispatched", "closed"]},
    "list of a month": _listed(
        which="all", since=_month, until=lambda of, lot: of.newest - timedelta(days=20)
    ),
    "list of a class": _listed(which="all", incident_class="emergency"),
    "list of a category": _listed(which="all", category=_category),
    "list of a class, category, month": _listed(
        which="all", incident_class="emergency", category=_category, since=_month
    ),
    "list of a caller": _listed(which="all", caller=_caller),
    "list of a nuisance caller": _listed(which="all", caller=_nuisance),
    "list of a caller, open": _listed(caller=_nuisance),
    "text, all words of one": _listed(which="all", text=_words_of),
    "text, two begins": _listed(which="all", text=_begins),
    "text, a word of nearly all": _listed(which="all", text="jalan"),
    "text, a word of years ago": _listed(which="all", text="covid"),
    "text, one letter": _listed(which="all", text=lambda of, lot: lot.choice("abjkmpstz")),
    "text, open": _listed(text=_begins),
    "text, category, month": _listed(which="all", text="jalan", category=_category, since=_month),
    "text, words never together": _listed(which="all", text="ular asap kabel"),
    "text, nobody's": _listed(which="all", text="xyzzy"),
    "text, hostile": _listed(which="all", text=_hostile),
    "by number": _found(lambda session, one: find_incident(session, one.number)),
    "by reference": _found(_by_reference),
    "complaints to close": lambda session, of, lot: to_close(session, of.newest, None, 50),
    "by id": _found(lambda session, one: by_id(session, one.id)),
    "by the begin of an id": _found(lambda session, one: find_incident(session, one.id[:18])),
    "by a call's id": _found(lambda session, one: of_call(session, one.call_ids[0])),
    "shown with its timeline": _found(lambda session, one: show_incident(session, one.id)),
    "shown with those merged": _merged,
    "proposals": _proposed,
    "proposals by text": _proposed_in_the_dark,
    **{f"dispatches {which}": _sent(which) for which in SentWhich},
    "dispatches of one": _found(lambda session, one: dispatches_of(session, one.id)),
}
"""By their names, in the order in which they are shown."""
