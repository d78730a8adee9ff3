"""What can be asked about agencies: of the engine, which knows them all, or of a database."""

from __future__ import annotations

from collections.abc import Mapping
from zoneinfo import ZoneInfo

import msgspec

from acd.agencies.agency import Agency, by_id
from acd.agencies.changes import NoSuchAgency, in_use
from models.database import Database
from ngalam112.accounts.agencies import load_agencies
from ngalam112.api.asked import ById
from ngalam112.api.queries import Answer, with_times
from ngalam112.config.settings import Settings


class OfAgencies(msgspec.Struct, forbid_unknown_fields=True):
    """`retired`: those that are retired too."""

    retired: bool = False


def agency_row(one: Agency, settings: Settings) -> Answer:
    """Return an agency as JSON has it, and how it can be reached."""
    row = with_times(one.row(), ZoneInfo(settings.timezone))
    return row | {"ways": one.ways(bool(settings.carrier))}


def listed(known: Mapping[str, Agency], settings: Settings, asked: OfAgencies) -> Answer:
    """The agencies in use."""
    found = sorted(known.values(), key=lambda one: one.id)
    shown = found if asked.retired else in_use(found)
    return {"agencies": [agency_row(one, settings) for one in shown]}


def shown(known: Mapping[str, Agency], settings: Settings, id: str) -> Answer:
    """One agency, retired or not."""
    one = known.get(id)
    if one is None:
        raise NoSuchAgency(id)
    return {"agency": agency_row(one, settings)}


async def _stored_list(database: Database, settings: Settings, asked: OfAgencies) -> Answer:
    return listed(by_id(await load_agencies(database)), settings, asked)


async def _stored_one(database: Database, settings: Settings, asked: ById) -> Answer:
    return shown(by_id(await load_agencies(database)), settings, asked.id)


STORED = {"/api/agencies": _stored_list}
"""Which question of the database stands for which path of the API."""

STORED_ONE = {"/api/agencies": _stored_one}
"""... of one, by its id."""
