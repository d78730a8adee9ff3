"""What can be asked of a line's database about incidents (`ngalam112.api.queries`)."""

from __future__ import annotations

import time
from typing import Annotated
from zoneinfo import ZoneInfo

import msgspec

from acd.config_file import DistributionError
from acd.numbers.caller import same_caller
from acd.numbers.withheld import Withheld, seen
from incidents.dispatch import Dispatch
from incidents.incident import Entry, EntryKind, Incident
from incidents.states import IncidentClass, IncidentState
from incidents.working_calendar import CalendarError
from models.database import Database
from ngalam112.api.asked import Before, ById, Limit, OfPeriod, one_of, period_of
from ngalam112.api.queries import Answer, not_shown, with_times
from ngalam112.config.routing import load_agreed_times
from ngalam112.config.settings import Settings
from reports.dispatches import Which as SentWhich
from reports.dispatches import dispatches_of, list_dispatches
from reports.duplicates import proposed
from reports.incidents import Which, list_incidents, show_incident
from reports.privacy_holds import restricted_callers
from reports.texts import texts_of


class OfIncidents(OfPeriod, forbid_unknown_fields=True):
    """The newest incidents that were opened in a time."""

    which: Annotated[str, one_of(Which, IncidentState)] = Which.OPEN.value
    incident_class: Annotated[str, one_of(IncidentClass)] | None = msgspec.field(
        default=None, name="class"
    )
    category: (
        Annotated[str, msgspec.Meta(description="An id of the city's tree of categories.")] | None
    ) = None
    caller: (
        Annotated[str, msgspec.Meta(description="Who told of it: a number in any spelling.")] | None
    ) = None
    text: (
        Annotated[str, msgspec.Meta(description="Words, or begins of words, that it has.")] | None
    ) = None
    limit: Limit = 100
    before: Before | None = None


class OfDispatches(msgspec.Struct, forbid_unknown_fields=True):
    """Dispatches of incidents that are not over."""

    which: Annotated[str, one_of(SentWhich)] = SentWhich.OPEN.value
    limit: Limit = 100


async def incidents(database: Database, settings: Settings, asked: OfIncidents) -> Answer:
    """The newest incidents."""
    since, until = period_of(asked.since, asked.until, settings)
    async with database.session() as session:
        found = await list_incidents(
            session,
            since,
            until,
            which=asked.which,
            incident_class=asked.incident_class,
            category=asked.category,
            caller=asked.caller,
            text=asked.text,
            country=settings.country,
            limit=asked.limit,
            before=asked.before,
        )
        restricted = await restricted_callers(session) if asked.caller else frozenset()
    if asked.caller and same_caller(asked.caller, settings.country) in restricted:
        return {"incidents": [], **not_shown(len(found))}
    return {"incidents": [incident_row(one, settings) for one in found]}


async def incident(database: Database, settings: Settings, asked: ById) -> Answer:
    """One incident with all that is known of it, by its number, its id or that of a call."""
    async with database.session() as session:
        found = await show_incident(session, asked.id)
        sent = await dispatches_of(session, found.incident.id)
        same = await proposed(session, found.incident, settings.country)
        texts = await texts_of(session, found.incident)
    return {
        "incident": incident_row(found.incident, settings),
        "due": _due(found.incident, settings),
        "entries": [_entry_row(one, settings) for one in found.entries],
        "dispatches": [dispatch_row(one, settings) for one in sent],
        "texts": [
            with_times(msgspec.to_builtins(one), ZoneInfo(settings.timezone)) for one in texts
        ],
        "merged": [incident_row(one, settings) for one in found.merged],
        "proposals": [
            {"because": one.because, "incident": incident_row(one.incident, settings)}
            for one in same
        ],
    }


async def dispatches(database: Database, settings: Settings, asked: OfDispatches) -> Answer:
    """Dispatches of incidents that are not over, the oldest first."""
    async with database.session() as session:
        found = await list_dispatches(session, asked.which, asked.limit)
    return {
        "dispatches": [
            {
                **dispatch_row(one.dispatch, settings),
                "incident": incident_row(one.incident, settings),
            }
            for one in found
        ]
    }


def dispatch_row(one: Dispatch, settings: Settings) -> Answer:
    """Return a dispatch as JSON has it."""
    zone = ZoneInfo(settings.timezone)
    row = with_times(msgspec.to_builtins(one), zone)
    rows = [{"try_at": None, "delivered_at": None} | one for one in row["deliveries"]]
    return row | {"deliveries": [with_times(one, zone) for one in rows]}


def incident_row(one: Incident, settings: Settings) -> Answer:
    """Return an incident as JSON has it, with as much of withheld numbers as people may see."""
    row = with_times(msgspec.to_builtins(one), ZoneInfo(settings.timezone))
    return row | {"contacts": [_contact(contact, settings) for contact in row["contacts"]]}


def _due(one: Incident, settings: Settings) -> Answer | None:
    """The agreed time that runs, and in how many working days it comes (fewer than 0: it came)."""
    if one.due_at is None:
        return None
    row: Answer = with_times({"for": one.due_for, "at": one.due_at}, ZoneInfo(settings.timezone))
    try:
        row["working_days"] = load_agreed_times(settings).days_left(one.due_at, time.time())
    except (DistributionError, CalendarError, ValueError):
        row["working_days"] = None  # the doctor tells what is wrong with the file
    return row


def _entry_row(entry: Entry, settings: Settings) -> Answer:
    row = with_times(msgspec.to_builtins(entry), ZoneInfo(settings.timezone))
    data = row["data"]
    if "due_at" in data:
        data = with_times(data, ZoneInfo(settings.timezone))
    if entry.kind is EntryKind.CONTACT:
        data = _contact(data, settings)
    elif "contact" in data:
        data = data | {"contact": _contact(data["contact"], settings)}
    return row | {"data": data}


def _contact(contact: Answer, settings: Settings) -> Answer:
    how, withheld = Withheld(settings.withheld_numbers), bool(contact.get("withheld"))
    if not withheld or how is Withheld.SHOWN:
        return contact
    return contact | {"number": seen(str(contact.get("number", "")), True, how), "name": ""}


STORED = {"/api/incidents": incidents, "/api/dispatches": dispatches}
"""Which question of the database stands for which path of the API."""


STORED_ONE = {"/api/incidents": incident}
"""... of one, by its number or id."""
