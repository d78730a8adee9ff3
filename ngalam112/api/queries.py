"""What can be asked of a line's database: the API's answers, which the command line can also give.

A question gets the database, the settings and its parameters as texts, and returns what JSON can
hold, with times as ISO 8601 in the line's zone. With the engine up the API answers, with the
engine down the command line asks the same questions itself.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Annotated, Any, TypeVar
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
from ngalam112.config.settings import Settings
from reports.callbacks import OPEN, callbacks, show_callback
from reports.calls import LIVE, list_calls, show_call
from reports.privacy_holds import restricted_callers
from reports.summary import summary

_WITH_NUMBER = (EventKind.ARRIVED, EventKind.CALLED_BACK)
"""The events that tell the caller's number."""

MOST_CALLS = 10_000
"""The most calls of one list."""

Params = Mapping[str, str]
Answer = dict[str, Any]
Question = Callable[[Database, Settings, Params], Awaitable[Answer]]
S = TypeVar("S", bound=msgspec.Struct)


class Misunderstood(ValueError):
    """A question has a parameter that does not exist, or a value that cannot be used."""


class _OfCalls(msgspec.Struct, forbid_unknown_fields=True):
    since: str | None = None
    until: str | None = None
    outcome: str | None = None
    caller: str | None = None
    limit: Annotated[int, msgspec.Meta(ge=1, le=MOST_CALLS)] = 100


class _OfPlaces(msgspec.Struct, forbid_unknown_fields=True):
    number: str = ""
    limit: Annotated[int, msgspec.Meta(ge=1, le=MOST_CALLS)] = 100


class _OfPeriod(msgspec.Struct, forbid_unknown_fields=True):
    since: str | None = msgspec.field(default=None, name="from")
    until: str | None = msgspec.field(default=None, name="to")


class _OfCallbacks(_OfPeriod, forbid_unknown_fields=True):
    which: str = OPEN


class _OfTotals(_OfPeriod, forbid_unknown_fields=True):
    by: str | None = None


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
        return await question(database, settings, params)
    except (OSError, SQLAlchemyError) as error:
        raise database.unreachable(error) from None


async def ask_stored(question: Question, settings: Settings, params: Params) -> Answer:
    """Put a question to a database that no engine has open; it is never made by being asked.

    Raises what `ask` raises, and SchemaError if the tables are not those of this version.
    """
    async with open_stored(settings) as database:
        return await ask(question, settings, params, database)


@asynccontextmanager
async def open_stored(settings: Settings) -> AsyncIterator[Database]:
    """Open the line's database for reading; raises SchemaError if it is not as this version's."""
    database = Database(settings.url)
    if database.file is not None and not database.file.exists():
        raise SchemaError(
            f"The database {database.name} does not exist yet; run `ngalam112 db upgrade`."
        )
    async with database:
        await database.check_schema()
        yield database


async def calls(database: Database, settings: Settings, params: Params) -> Answer:
    """The newest calls; parameters: since, until, outcome, caller (a part of the number), limit."""
    asked = understood(params, _OfCalls)
    since, until = period_of(asked.since, asked.until, settings)
    async with database.session() as session:
        found = await list_calls(
            session, since, until, asked.outcome, asked.caller, asked.limit, settings.country
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


async def call(database: Database, settings: Settings, params: Params) -> Answer:
    """One call with its events; parameter: id, or the begin of it."""
    zone = ZoneInfo(settings.timezone)
    async with database.session() as session:
        found = await show_call(session, params["id"])
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


async def totals(database: Database, settings: Settings, params: Params) -> Answer:
    """The totals; parameters: from, to, by (hour, category or operator)."""
    asked = understood(params, _OfTotals)
    since, until = period_of(asked.since, asked.until, settings)
    async with database.session() as session:
        # a grouping that does not exist is refused there
        found = await summary(session, since, until, asked.by, tz=settings.timezone)  # type: ignore[arg-type]
    answer: Answer = msgspec.to_builtins(found)
    return answer


async def lost_calls(database: Database, settings: Settings, params: Params) -> Answer:
    """Who is to be called back; parameters: from, to (of the loss), which."""
    asked = understood(params, _OfCallbacks)
    since, until = period_of(asked.since, asked.until, settings)
    async with database.session() as session:
        found = await callbacks(session, since, until, asked.which)
    return {"callbacks": [item_row(one, settings) for one in found]}


async def lost_call(database: Database, settings: Settings, params: Params) -> Answer:
    """One callback with its history; parameter: id of it or of its call, or the begin of it."""
    async with database.session() as session:
        found = await show_callback(session, params["id"])
    return {"callback": item_row(found, settings)}


async def registered_places(database: Database, settings: Settings, params: Params) -> Answer:
    """The places of fixed numbers; parameters: number (in any spelling), limit."""
    asked = understood(params, _OfPlaces)
    found = await load_places(
        database, number=asked.number, country=settings.country, limit=asked.limit
    )
    return {"places": [place_row(one) for one in found]}


async def stored_operators(database: Database, settings: Settings, _: Params) -> Answer:
    """All operators as they were last kept; what they are doing, only the engine knows."""
    operators, _phones = await load_roster(database)
    rows = operator_rows(operators, ZoneInfo(settings.timezone))
    return {"operators": [{**row, "state": None, "call": None} for row in rows]}


async def stored_phones(database: Database, _settings: Settings, _: Params) -> Answer:
    """All phones; whether they can be reached, only the engine knows."""
    operators, phones = await load_roster(database)
    return {"phones": [{**row, "device": None} for row in phone_rows(phones, operators)]}


async def stored_status(database: Database, _settings: Settings, _: Params) -> Answer:
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
        name: _iso(value, zone) if _is_moment(name) and value is not None else value
        for name, value in row.items()
    }


def _is_moment(name: str) -> bool:
    return name == "at" or name.endswith(("_at", "_since"))


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


def understood(params: Params, kind: type[S]) -> S:
    """Return the parameters of a question in their types; raises Misunderstood."""
    try:
        return msgspec.convert(dict(params), kind, strict=False)
    except msgspec.ValidationError as error:
        raise Misunderstood(f"The question cannot be understood: {error}.") from None


def period_of(
    since: str | None, until: str | None, settings: Settings
) -> tuple[datetime | None, datetime | None]:
    """Return the moments of a period that somebody typed; raises TimeError."""
    zone, now = ZoneInfo(settings.timezone), datetime.now(UTC)
    return (
        None if since is None else time_ranges.begin(since, zone, now),
        None if until is None else time_ranges.end(until, zone, now),
    )


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
