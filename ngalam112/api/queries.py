"""What can be asked of a line's database: the API's answers, which the command line can also give.

A question gets the database, the settings and its parameters as texts, and returns what JSON can
hold, with times as ISO 8601 in the line's zone. With the engine up the API answers, with the
engine down the command line asks the same questions itself.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Any, get_type_hints
from zoneinfo import ZoneInfo

import msgspec
from sqlalchemy.exc import SQLAlchemyError

from acd.calls.record import CallEvent, CallRecord, EventKind
from acd.numbers.caller import same_caller
from acd.numbers.withheld import Withheld, seen
from acd.operators.operator import Operator, Phone, Status
from acd.work_items.item import WorkItem
from models.database import Database, SchemaError
from ngalam112.accounts.admin import load_roster
from ngalam112.accounts.places import load_places, place_row
from ngalam112.api import time_ranges
from ngalam112.api.asked import (
    MOST_CALLS,
    ById,
    NoParameters,
    OfCallbacks,
    OfCalls,
    OfPlaces,
    OfTotals,
    period_of,
    understood,
)
from ngalam112.api.shown import is_moment
from ngalam112.config.settings import Settings
from reports.callbacks import callbacks, show_callback
from reports.calls import LIVE, list_calls, show_call
from reports.figures_groups import shifts_of
from reports.privacy_holds import restricted_callers
from reports.summary import summary

_WITH_NUMBER = (EventKind.ARRIVED, EventKind.CALLED_BACK)
"""The events that tell the caller's number."""

Params = Mapping[str, str]
Answer = dict[str, Any]
Question = Callable[[Database, Settings, Any], Awaitable[Answer]]
"""Its third parameter is called `asked`, and of the type of the question's parameters."""


def asked_of(question: Question) -> type[msgspec.Struct]:
    """Return the type of the parameters of a question."""
    kind: type[msgspec.Struct] = get_type_hints(question, include_extras=True)["asked"]
    return kind


async def ask(
    question: Question, settings: Settings, params: Params, database: Database | None = None
) -> Answer:
    """Put a question to the database (opened for it if none is given).

    Raises Misunderstood, TimeError, a ReportError or a DatabaseError.
    """
    if database is None:
        async with Database(settings.url) as opened:
            return await ask(question, settings, params, opened)
    try:
        return await question(database, settings, understood(params, asked_of(question)))
    except (OSError, SQLAlchemyError) as error:
        raise database.unreachable(error) from None


async def ask_stored(question: Question, settings: Settings, params: Params) -> Answer:
    """Put a question to a database that no engine has open; it is never made by being asked.

    Raises what `ask` raises, and SchemaError if the tables are not those of this version.
    """
    async with open_stored(settings, read_only=True) as database:
        return await ask(question, settings, params, database)


@asynccontextmanager
async def open_stored(settings: Settings, *, read_only: bool = False) -> AsyncIterator[Database]:
    """Open the line's database; raises SchemaError if it is not as this version's."""
    database = Database(settings.url, read_only=read_only)
    if database.file is not None and not database.file.exists():
        raise SchemaError(
            f"The database {database.name} does not exist yet; run `ngalam112 db upgrade`."
        )
    async with database:
        await database.check_schema()
        yield database


async def calls(database: Database, settings: Settings, asked: OfCalls) -> Answer:
    """The newest calls."""
    since, until = period_of(asked.since, asked.until, settings)
    async with database.session() as session:
        found = await list_calls(
            session,
            since,
            until,
            asked.outcome,
            asked.caller,
            asked.limit,
            settings.country,
            asked.before,
        )
        restricted = await restricted_callers(session) if asked.caller else frozenset()
    shown = [
        one for one in found if same_caller(one.caller_number, settings.country) not in restricted
    ]
    answer = {"calls": [call_row(one, settings) for one in shown]}
    return answer | not_shown(len(found) - len(shown))


def not_shown(count: int) -> Answer:
    """How many of a list are restricted (UU 27/2022, article 41): counted, and not shown."""
    return {"restricted": count} if count else {}


async def call(database: Database, settings: Settings, asked: ById) -> Answer:
    """One call, with all that happened to it."""
    zone = ZoneInfo(settings.timezone)
    async with database.session() as session:
        found = await show_call(session, asked.id)
    events = [
        {
            "seq": one.seq,
            "at": _iso(one.at, zone),
            "kind": one.kind.value,
            "data": _seen_data(one, found.record, settings),
        }
        for one in found.events
    ]
    return {"call": call_row(found.record, settings), "events": events}


async def totals(database: Database, settings: Settings, asked: OfTotals) -> Answer:
    """How many calls there were, what became of them, and how fast they were answered."""
    since, until = period_of(asked.since, asked.until, settings)
    async with database.session() as session:
        # a grouping that does not exist is refused there
        found = await summary(
            session,
            since,
            until,
            asked.by,  # type: ignore[arg-type]
            tz=settings.timezone,
            short_s=settings.short_abandon_s,
            shifts=shifts_of(settings.shifts),
        )
    answer: Answer = msgspec.to_builtins(found)
    return answer


async def lost_calls(database: Database, settings: Settings, asked: OfCallbacks) -> Answer:
    """Whom the line owes a call, or has owed one."""
    since, until = period_of(asked.since, asked.until, settings)
    async with database.session() as session:
        found = await callbacks(session, since, until, asked.which)
    return {"callbacks": [item_row(one, settings) for one in found]}


async def lost_call(database: Database, settings: Settings, asked: ById) -> Answer:
    """One callback with its history, by its id or that of its call."""
    async with database.session() as session:
        found = await show_callback(session, asked.id)
    return {"callback": item_row(found, settings)}


async def registered_places(database: Database, settings: Settings, asked: OfPlaces) -> Answer:
    """The places of fixed numbers."""
    found = await load_places(
        database, number=asked.number, country=settings.country, limit=asked.limit
    )
    return {"places": [place_row(one) for one in found]}


async def stored_operators(database: Database, settings: Settings, asked: NoParameters) -> Answer:
    """All operators as they were last kept; what they are doing, only the engine knows."""
    operators, _phones = await load_roster(database)
    rows = operator_rows(operators, ZoneInfo(settings.timezone))
    return {"operators": [{**row, "state": None, "call": None} for row in rows]}


async def stored_phones(database: Database, _settings: Settings, asked: NoParameters) -> Answer:
    """All phones; whether they can be reached, only the engine knows."""
    operators, phones = await load_roster(database)
    return {"phones": [{**row, "device": None} for row in phone_rows(phones, operators)]}


async def stored_status(database: Database, _settings: Settings, asked: NoParameters) -> Answer:
    """What is known of the line while the engine is down."""
    operators, phones = await load_roster(database)
    async with database.session() as session:
        living = await list_calls(session, outcome=LIVE, limit=MOST_CALLS)
    by_status = Counter({status.value: 0 for status in Status})
    by_status.update(one.status.value for one in operators)
    return {
        "engine": None,
        "operators": {"status": dict(by_status)},
        "phones": {"known": len(phones)},
        "calls": {"without_an_end": len(living)},
    }


def call_row(record: CallRecord, settings: Settings) -> Answer:
    """Return a call record as JSON has it, with as much of a withheld number as people may see."""
    zone, how = ZoneInfo(settings.timezone), Withheld(settings.withheld_numbers)
    row = with_times(msgspec.to_builtins(record), zone)
    row["caller_number"] = seen(record.caller_number, record.withheld, how)
    if record.withheld and how is not Withheld.SHOWN:
        row["caller_name"] = ""
    return row | {"legs": [with_times(leg, zone) for leg in row["legs"]]}


def item_row(item: WorkItem, settings: Settings) -> Answer:
    """Return a work item as JSON has it, with as much of a withheld number as people may see."""
    zone, how = ZoneInfo(settings.timezone), Withheld(settings.withheld_numbers)
    row = with_times(msgspec.to_builtins(item), zone)
    row["number"] = seen(item.number, item.withheld, how)
    return row | {"history": [with_times(one, zone) for one in row["history"]]}


def _seen_data(event: CallEvent, record: CallRecord, settings: Settings) -> Answer:
    """Return what an event tells, without what people may not see of who calls."""
    how = Withheld(settings.withheld_numbers)
    if not record.withheld or how is Withheld.SHOWN:
        return event.data
    data = dict(event.data)
    for name in ("caller_number", "to") if event.kind in _WITH_NUMBER else ():
        if name in data:
            data[name] = seen(str(data[name]), True, how)
    return data | {"caller_name": ""} if "caller_name" in data else data


def with_times(row: Answer, zone: ZoneInfo) -> Answer:
    """Return the row with its moments (`..._at`, `at`, `..._since`) as ISO 8601."""
    return {
        name: _iso(value, zone) if is_moment(name) and value is not None else value
        for name, value in row.items()
    }


def operator_rows(operators: Iterable[Operator], zone: ZoneInfo) -> list[Answer]:
    """Return operators as JSON has them, without their PINs."""
    return [
        {
            "id": one.id,
            "name": one.name,
            "status": one.status.value,
            "state": one.state.value,
            "phone": one.phone,
            "home_phone": one.home_phone,
            "pause_reason": one.pause_reason,
            "status_since": _iso(one.status_since, zone) if one.status_since else None,
            "calls_taken": one.calls_taken,
            "skills": one.skills,
            "weight": one.weight,
            "wrap_up_until": _iso(one.wrap_up_until, zone) if one.wrap_up_until else None,
            "call": one.call,
            "text": one.text,
        }
        for one in sorted(operators, key=lambda one: one.id)
    ]


def phone_rows(phones: Iterable[Phone], operators: Iterable[Operator]) -> list[Answer]:
    """Return phones as JSON has them, without their passwords, and who is logged in there."""
    who = {one.phone: one.id for one in operators if one.status is not Status.LOGGED_OUT}
    return [
        {
            "number": one.number,
            "contact": one.contact,
            "device": one.device.value,
            "operator": who.get(one.number),
        }
        for one in sorted(phones, key=lambda one: one.number)
    ]


def _iso(seconds: float, zone: ZoneInfo) -> str:
    return time_ranges.local(seconds, zone).isoformat(timespec="milliseconds")


STORED: dict[str, Question] = {
    "/api/calls": calls,
    "/api/summary": totals,
    "/api/callbacks": lost_calls,
    "/api/places": registered_places,
    "/api/operators": stored_operators,
    "/api/phones": stored_phones,
    "/api/status": stored_status,
}
"""Which question of the database stands for which path of the API."""

STORED_ONE: dict[str, Question] = {"/api/calls": call, "/api/callbacks": lost_call}
"""... for which path with an id behind it."""
