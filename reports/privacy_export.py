"""All that the line has of one number, as that person may read it (`privacy.redaction`)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from acd.calls.record import CallEvent
from incidents.incident import Entry
from models.rows import plain
from models.tables import (
    Base,
    CallEventRow,
    CallRow,
    IncidentEntryRow,
    IncidentRow,
    PrivacyRequestRow,
    RegisteredPlaceRow,
    TextConversationRow,
    TextMessageRow,
    WorkItemRow,
)
from privacy.keys import EVENT_KEYS, Keys, keys_of
from privacy.redaction import IsMine, entry_shown, incident_shown, is_alone, shown
from reports.privacy_incidents import merged_in
from reports.privacy_subject import Subject, find_subject, is_of, rows_of

_NOT_THEIRS = ("channel", "asterisk_id", "peer", "changes", "version", "events", "caller")
"""Columns that tell nothing of a person, and much of how the line works."""


class Export(msgspec.Struct, frozen=True, kw_only=True):
    """What is handed out; times are ISO 8601 in the line's zone. Each list is in order of time."""

    number: str
    made_at: str
    calls: list[dict[str, Any]]
    callbacks: list[dict[str, Any]]
    incidents: list[dict[str, Any]]
    texts: list[dict[str, Any]]
    registered_place: dict[str, Any] | None
    requests: list[dict[str, Any]]


async def export_of(
    session: AsyncSession, number: str, caller: str, country: str, zone: ZoneInfo, now: datetime
) -> Export:
    """Gather all of a number. `caller`: its key. `now` needs a time zone."""

    def is_mine(text: str) -> bool:
        return is_of(text, caller, country)

    subject = await find_subject(session, caller, country)
    made = {
        "calls": await _calls(session, subject, is_mine),
        "callbacks": await _rows(session, WorkItemRow, WorkItemRow.id, subject.items, is_mine),
        "incidents": await _incidents(session, subject, is_mine),
        "texts": await _texts(session, subject, is_mine),
        "requests": await _rows(
            session, PrivacyRequestRow, PrivacyRequestRow.caller, [caller], is_mine
        ),
    }
    of_places = await _rows(
        session, RegisteredPlaceRow, RegisteredPlaceRow.caller, [caller], is_mine
    )
    place = of_places[0] if of_places else None
    return Export(
        number=number,
        made_at=now.astimezone(zone).isoformat(timespec="seconds"),
        registered_place=_in_zone(place, zone),
        **{name: _in_zone(rows, zone) for name, rows in made.items()},
    )


@cache
def _keys(model: type[Base]) -> Keys:
    return keys_of(model.__table__)  # type: ignore[arg-type]


def _own(row: Mapping[str, Any], keys: Keys, is_mine: IsMine) -> dict[str, Any]:
    """A row of the subject's own, as they may read it, without what is empty."""
    found = shown(plain(row), keys, is_mine)
    return {
        name: value
        for name, value in found.items()
        if name not in _NOT_THEIRS and value not in (None, "", [])
    }


async def _rows(
    session: AsyncSession, model: type[Base], column: Any, ids: Iterable[str], is_mine: IsMine
) -> list[dict[str, Any]]:
    keys = _keys(model)
    return [
        _own(row, keys, is_mine)
        async for row in rows_of(session, model.__table__, column, ids, column)
    ]


async def _calls(session: AsyncSession, subject: Subject, is_mine: IsMine) -> list[dict[str, Any]]:
    calls = await _rows(session, CallRow, CallRow.call_id, subject.calls, is_mine)
    events: dict[str, list[dict[str, Any]]] = defaultdict(list)
    table = CallEventRow.__table__
    order = (table.c.call_id, table.c.seq)
    async for row in rows_of(session, table, table.c.call_id, subject.calls, *order):
        event = msgspec.convert(plain(row), CallEvent)
        data = shown(event.data, EVENT_KEYS[event.kind], is_mine)
        data.pop("asterisk_id", None)
        events[event.call_id].append({"at": event.at, "kind": event.kind.value, "data": data})
    return sorted(
        ({**one, "history": events[one["call_id"]]} for one in calls),
        key=lambda one: one["arrived_at"],
    )


async def _incidents(
    session: AsyncSession, subject: Subject, is_mine: IsMine
) -> list[dict[str, Any]]:
    timelines: dict[str, list[Entry]] = defaultdict(list)
    table = IncidentEntryRow.__table__
    order = (table.c.incident_id, table.c.seq)
    async for row in rows_of(session, table, table.c.incident_id, subject.incidents, *order):
        entry = msgspec.convert(plain(row), Entry)
        timelines[entry.incident_id].append(entry)
    found = []
    mine = {*subject.calls, *subject.texts}
    of_incidents = IncidentRow.__table__
    async for row in rows_of(session, of_incidents, of_incidents.c.id, subject.incidents):
        below = await merged_in(session, row["id"])
        others = msgspec.to_builtins([contact for of in below for contact in of.contacts])
        alone = is_alone([*row["contacts"], *others], is_mine)
        one = incident_shown(plain(row), _keys(IncidentRow), alone, is_mine)
        one["call_ids"] = [call for call in row["call_ids"] if call in mine]
        found.append(
            {name: value for name, value in one.items() if value not in (None, "", [], {})}
            | {
                "timeline": [
                    entry_shown(each, alone, is_mine, mine) for each in timelines[row["id"]]
                ]
            }
        )
    return sorted(found, key=lambda one: one["opened_at"])


async def _texts(session: AsyncSession, subject: Subject, is_mine: IsMine) -> list[dict[str, Any]]:
    conversation = TextConversationRow
    texts = await _rows(session, conversation, conversation.id, subject.texts, is_mine)
    messages: dict[str, list[dict[str, Any]]] = defaultdict(list)
    table = TextMessageRow.__table__
    query = (
        select(table)
        .where(table.c.conversation_id.in_(subject.texts))
        .order_by(table.c.at, table.c.id)
    )
    for row in (await session.execute(query)).mappings():
        one = _own(dict(row), _keys(TextMessageRow), is_mine)
        messages[one.pop("conversation_id")].append(one)
    return [{**one, "messages": messages[one["id"]]} for one in texts]


def _in_zone(value: Any, zone: ZoneInfo) -> Any:
    """Return the value with its moments as ISO 8601 in a time zone."""
    if isinstance(value, list):
        return [_in_zone(one, zone) for one in value]
    if not isinstance(value, dict):
        return value
    return {
        name: _moment(one, zone)
        if isinstance(one, int | float) and (name == "at" or name.endswith(("_at", "_since")))
        else _in_zone(one, zone)
        for name, one in value.items()
    }


def _moment(at: float, zone: ZoneInfo) -> str:
    return datetime.fromtimestamp(at, zone).isoformat(timespec="seconds")
