"""A database with two callers in it: what the line may have of a person, in every table."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec
from sqlalchemy import select

from acd.calls.record import CallEvent, CallRecord, EventKind
from acd.calls.record import fold as fold_call
from acd.texts.conversation import ConversationRecord, TextMessage
from acd.texts.states import MessageState, TextState
from acd.work_items.callbacks import KIND
from acd.work_items.item import Step, WorkItem
from acd.work_items.states import ItemOutcome, ItemState
from incidents.incident import Entry, EntryKind, Incident
from incidents.incident import fold as fold_incident
from models.database import Database
from models.rows import plain
from models.tables import (
    Base,
    CallEventRow,
    CallRow,
    IncidentCallRow,
    IncidentContactRow,
    IncidentEntryRow,
    IncidentRow,
    RegisteredPlaceRow,
    TextConversationRow,
    TextMessageRow,
    WorkItemRow,
)
from models.writing import insert_new, upsert

SRI, BUDI = "081234567890", "081299999999"
SRI_KEY, BUDI_KEY = "+6281234567890", "+6281299999999"
SRI_ABROAD = "+62 812-3456-7890"
NOON = 1_776_000_000.0
LATER = NOON + 86_400.0
"""A day later: all has settled."""

OF_SRI = (SRI, SRI_KEY, SRI_ABROAD, "Sri Rahayu", "Jalan Ijen 1", "Oro-oro Dowo", "diabetes")
OF_BUDI = (BUDI, BUDI_KEY, "Budi Santoso", "Jalan Bandung 9")
OPERATOR = "1001"

K, E = EventKind, EntryKind


def events_of(
    call_id: str, number: str, name: str, at: float, *more: tuple[EventKind, dict[str, Any]]
) -> list[CallEvent]:
    """The events of a call, ten seconds apart; it has an end if `more` has one."""
    about = {"caller_number": number, "caller_name": name, "called_number": "112"}
    steps = [(K.ARRIVED, {"asterisk_id": call_id, "language": "id", **about}), *more]
    return [
        CallEvent(call_id=call_id, seq=seq, at=at + 10.0 * (seq - 1), kind=kind, data=data)
        for seq, (kind, data) in enumerate(steps, 1)
    ]


LEG = {"operator": OPERATOR, "phone": "101", "leg": "l1"}
TALK: tuple[tuple[EventKind, dict[str, Any]], ...] = (
    (K.DIGIT, {"digit": "4", "menu": "main"}),
    (K.MENU_DONE, {"category": "fire", "category_source": "menu"}),
    (K.QUEUED, {"category": "fire", "position": 1}),
    (
        K.LOCATED,
        {
            "source": "value",
            "lat": -7.9712,
            "lon": 112.6213,
            "radius_m": 25.0,
            "place": "Jalan Ijen 1",
            "kelurahan": "Oro-oro Dowo",
            "kecamatan": "Klojen",
        },
    ),
    (K.OFFERED, LEG),
    (K.ANSWERED, LEG),
    (K.KEY, {"digit": "4", "stage": "talking", "means": "yes"}),
)
ENDED = (K.ENDED, {"ended_by": "caller", "hangup_cause": 16})


def entries_of(
    incident: str, at: float, *steps: tuple[EntryKind, dict[str, Any]], by: str = OPERATOR
) -> list[Entry]:
    """The timeline of an incident, a minute apart."""
    return [
        Entry(
            incident_id=incident,
            seq=seq,
            at=at + 60.0 * (seq - 1),
            kind=kind,
            by=by,
            source="phone",
            data=data,
        )
        for seq, (kind, data) in enumerate(steps, 1)
    ]


SRI_CONTACT = {"number": SRI, "name": "Sri Rahayu", "wants_outcome": True, "withheld": False}
BUDI_CONTACT = {"number": BUDI, "name": "Budi Santoso", "wants_outcome": False, "withheld": False}
WHERE = {
    "place": "Jalan Ijen 1",
    "kelurahan": "Oro-oro Dowo",
    "kecamatan": "Klojen",
    "lat": -7.9712,
    "lon": 112.6213,
    "source": "value",
}
OVER = ((E.CODED, {"class": "emergency"}), (E.MOVED, {"state": "closed", "reason": "Sri is well"}))
FIRST = {"number": "2026-000001", "category": "fire", "calls": ["s1"], "contact": SRI_CONTACT}
ALONE = (
    (E.OPENED, FIRST | WHERE),
    (E.DESCRIBED, {"description": f"Sri has diabetes, her son is {BUDI}"}),
    (E.NOTED, {"text": f"call her back: {SRI}"}),
    (E.ANSWERED, {"question": "inside", "answer": "Sri's mother"}),
    (E.CONTACT, SRI_CONTACT | {"name": "Sri"}),
    *OVER,
)
SHARED = (
    (E.OPENED, {"number": "2026-000002", "calls": ["b1"], "contact": BUDI_CONTACT}),
    (E.LOCATED, {"place": "Jalan Bandung 9", "kecamatan": "Klojen", "source": "supervisor"}),
    (E.CALL_LINKED, {"call_id": "s2"}),
    (E.CONTACT, SRI_CONTACT),
    (E.NOTED, {"text": "Budi Santoso and Sri Rahayu saw the same smoke"}),
    *OVER,
)


def an_item(id: str, number: str, **changes: Any) -> WorkItem:
    """A callback that has reached its citizen."""
    given: dict[str, Any] = {
        "state": ItemState.CLOSED,
        "call_id": id,
        "created_at": NOON,
        "ended_at": NOON + 300,
        "outcome": ItemOutcome.REACHED,
        "note": "she was asleep",
        "closed_by": OPERATOR,
        "history": [Step(at=NOON, state="waiting", operator=OPERATOR)],
        "changes": 4,
    }
    return WorkItem(id=f"w-{id}", kind=KIND, number=number, **(given | changes))


def a_text(id: str, number: str, **changes: Any) -> ConversationRecord:
    """A conversation that is closed."""
    given: dict[str, Any] = {
        "name": "Sri Rahayu",
        "address": f"{number}@198.51.100.7",
        "peer": "198.51.100.7:5060",
        "state": TextState.CLOSED,
        "opened_at": NOON,
        "closed_at": NOON + 300,
        "operator": OPERATOR,
        "note": "diabetes",
        "changes": 3,
    }
    return ConversationRecord(id=id, number=number, **(given | changes))


async def add_call(database: Database, events: list[CallEvent]) -> CallRecord:
    """Write a call's events and its record."""
    record = fold_call(events[0].call_id, events)
    async with database.engine.begin() as connection:
        await upsert(connection, CallRow, [record.row()])
        await insert_new(connection, CallEventRow, [msgspec.structs.asdict(one) for one in events])
    return record


async def add_incident(
    database: Database, entries: list[Entry], keys: Iterable[str] = (), calls: Iterable[str] = ()
) -> Incident:
    """Write an incident's timeline, its row, and by what it is found."""
    incident = fold_incident(entries[0].incident_id, entries)
    links = [{"call_id": one, "incident_id": incident.id} for one in calls]
    contacts = [{"incident_id": incident.id, "caller": one} for one in keys]
    async with database.engine.begin() as connection:
        await upsert(connection, IncidentRow, [incident.row()])
        await insert_new(
            connection, IncidentEntryRow, [msgspec.structs.asdict(one) for one in entries]
        )
        await upsert(connection, IncidentCallRow, links)
        await insert_new(connection, IncidentContactRow, contacts)
    return incident


async def fill(database: Database) -> None:
    """Write all of Sri and of Budi."""
    sri, budi = "Sri Rahayu", "Budi Santoso"
    await add_call(database, events_of("s1", SRI, sri, NOON, *TALK, ENDED))
    await add_call(database, events_of("s2", SRI_ABROAD, sri, NOON + 600, *TALK, ENDED))
    # a point that the map does not know: the nation counts that there is one
    point = {"source": "value", "lat": -8.5123, "lon": 112.9123, "radius_m": 25.0, "place": None}
    await add_call(database, events_of("s3", SRI_KEY, sri, NOON + 900, (K.LOCATED, point), ENDED))
    await add_call(database, events_of("b1", BUDI, budi, NOON + 500, *TALK[:3], ENDED))
    await add_incident(database, entries_of("i1", NOON, *ALONE), [SRI_KEY], ["s1"])
    await add_incident(
        database, entries_of("i2", NOON + 500, *SHARED), [SRI_KEY, BUDI_KEY], ["b1", "s2"]
    )
    message = {"conversation_id": "t1", "state": MessageState.READ, "settled_at": NOON + 60}
    messages = [
        TextMessage(id="m1", at=NOON, author="citizen", body="Jalan Ijen 1, diabetes", **message),
        TextMessage(id="m2", at=NOON + 9, author=OPERATOR, body="Kami datang", **message),
    ]
    place = {"caller": SRI_KEY, "number": SRI, "address": "Jalan Ijen 1", "lat": -7.97}
    place |= {"lon": 112.62, "kelurahan": "Oro-oro Dowo", "kecamatan": "Klojen"}
    async with database.engine.begin() as connection:
        items = [an_item("s3", SRI_KEY).row(), an_item("b1", BUDI).row()]
        await upsert(connection, WorkItemRow, items)
        texts = [a_text("t1", SRI), a_text("t2", BUDI, name="Budi Santoso", note="")]
        await upsert(
            connection, TextConversationRow, [msgspec.structs.asdict(one) for one in texts]
        )
        await upsert(connection, TextMessageRow, [msgspec.structs.asdict(one) for one in messages])
        await upsert(connection, RegisteredPlaceRow, [place | {"changed_at": NOON}])


async def rows_of(database: Database, model: type[Base]) -> list[dict[str, Any]]:
    """All rows of a table, in the order of their keys, with times as seconds."""
    table = model.__table__
    async with database.session() as session:
        found = await session.execute(select(table).order_by(*table.primary_key))
        return [plain(dict(row)) for row in found.mappings()]


async def whole_text(database: Database) -> str:
    """Everything that all tables hold, but the tables of privacy itself, as one text."""
    found = []
    for mapper in Base.registry.mappers:
        name = mapper.local_table.name
        if not name.startswith("privacy_") and name != "access_trail":
            found.append(repr(await rows_of(database, mapper.class_)))
    return "\n".join(found)


async def check_folds(database: Database) -> None:
    """Assert that every record is what its events, or its timeline, come to."""
    events = [msgspec.convert(one, CallEvent) for one in await rows_of(database, CallEventRow)]
    for row in await rows_of(database, CallRow):
        record = msgspec.convert(row, CallRecord)
        assert fold_call(record.call_id, [e for e in events if e.call_id == record.call_id]) == (
            record
        )
    entries = [msgspec.convert(one, Entry) for one in await rows_of(database, IncidentEntryRow)]
    for row in await rows_of(database, IncidentRow):
        incident = msgspec.convert(row, Incident)
        assert fold_incident(incident.id, [e for e in entries if e.incident_id == incident.id]) == (
            incident
        )
        assert row["words"] == incident.row()["words"]
