"""How the command line changes agencies: through the engine, or, while it is down, in the database.

A file is checked whole before anything of it goes to the engine, so that the lines at fault are
named; the engine checks again what it is given.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from acd.agencies.agency import Agency, Change, agency_of, by_id
from acd.agencies.changes import AgencyError, changed
from ngalam112.cli.client import Client, EngineDown
from ngalam112.cli.common import kept_database, tell
from ngalam112.config.settings import Settings

if TYPE_CHECKING:
    from acd.agencies.files import Given
    from acd.agencies.first import Sources

_PATH = "/api/agencies"


def change(settings: Settings, changes: Sequence[Change]) -> list[dict[str, Any]]:
    """Make the changes, all or none; return the agencies as JSON has them."""
    try:
        body = {"agencies": [msgspec.to_builtins(one) for one in changes]}
        answer: list[dict[str, Any]] = Client(settings).put(_PATH, body)["agencies"]
        return answer
    except EngineDown:
        made = asyncio.run(_offline(settings, changes))
        tell("engine is down: kept in the database, takes effect when the line starts")
        return made


async def _offline(settings: Settings, changes: Sequence[Change]) -> list[dict[str, Any]]:
    from ngalam112.accounts.agencies import change_agencies
    from ngalam112.api.agency_queries import agency_row

    sources = _sources(settings)
    about = ",".join(one.id for one in changes)
    async with kept_database(settings, f"PUT {_PATH}", about) as database:
        found = by_id(await change_agencies(database, sources, changes, time.time()))
    return [agency_row(found[one.id], settings) for one in changes]


def _sources(settings: Settings) -> Sources:
    from acd.config_file import load_distribution
    from ngalam112.config.agencies import sources_of

    return sources_of(settings, load_distribution(settings.distribution_file))


def take_in(settings: Settings, given: Sequence[Given]) -> int | None:
    """Take in what a file says; return how many agencies are new or other than before.

    None with the engine down. Raises Unusable, which names the lines at fault.
    """
    from acd.agencies.files import Unusable

    try:
        try:
            there = known(Client(settings).get(_PATH, {"retired": "true"})["agencies"])
        except EngineDown:
            change(settings, [one.change for one in given])
            return None
        fresh = _checked(settings, there, given)
    except AgencyError as error:
        wrong = [
            (given[one.at].line, f"agency {one.id[:40]!r}: {one.what}") for one in error.problems
        ]
        raise Unusable(wrong) from None
    if fresh:
        change(settings, fresh)
    return len(fresh)


def _checked(
    settings: Settings, there: Mapping[str, Agency], given: Sequence[Given]
) -> list[Change]:
    """What of a file changes anything, and no more of each; raises AgencyError."""
    client = Client(settings)
    phones, operators = client.get("/api/phones")["phones"], client.get("/api/operators")
    taken = {one["number"]: f"that of phone {one['number']}" for one in phones}
    taken |= {one["id"]: f"that of operator {one['id']}" for one in operators["operators"]}
    terms = _sources(settings).terms.with_taken(taken)
    fresh = {one.id for one in changed(there, [one.change for one in given], terms, time.time())}
    return [_slim(one.change, there) for one in given if one.change.id in fresh]


def _slim(wanted: Change, there: Mapping[str, Agency]) -> Change:
    """The change without what is so already: a request has its bounds."""
    old = there.get(wanted.id) or Agency(id=wanted.id, number="", name="")
    values = wanted.values()
    return Change(
        id=wanted.id,
        **{name: value for name, value in values.items() if value != getattr(old, name)},
    )


def known(rows: Iterable[Mapping[str, Any]]) -> dict[str, Agency]:
    """Return the agencies that the API has listed, by their ids; without their times."""
    names = {*Agency.__struct_fields__} - {"changed_at", "retired_at"}
    return by_id(
        agency_of(
            {name: row[name] for name in names}
            | ({"retired_at": 0.0} if row["retired_at"] is not None else {})
        )
        for row in rows
    )
