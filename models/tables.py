"""The tables. Times are UTC; every text has a largest length, which `models.rows.fit` keeps to.

`calls` holds one record a call, as `acd.calls.record.fold` computes it; `call_events` and
`operator_events` are only ever added to.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    DateTime,
    ForeignKey,
    Index,
    MetaData,
    String,
    TypeDecorator,
    text,
)
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

ID = 40  # characters of an id of ours
NUMBER = 64  # ... of a number that somebody dialled or dials from
NAME = 128  # ... of a name
WORD = 32  # ... of a word out of a fixed list
TEXT = 1000  # ... of a message or a description


class UtcDateTime(TypeDecorator[datetime]):
    """A moment. It must have a time zone when it is written and has UTC when it is read."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Turn a moment into UTC; SQLite keeps it without the zone."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"The time {value} has no time zone; give it one, such as UTC.")
        if value.tzinfo is not UTC:
            value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Give a moment that was read its zone."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Base(DeclarativeBase):
    """What all tables share: the types and the names of keys, equal on every database."""

    metadata = MetaData(
        naming_convention={
            "pk": "pk_%(table_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s",
            "ix": "ix_%(table_name)s_%(column_0_name)s",
            "uq": "uq_%(table_name)s_%(column_0_name)s",
        }
    )
    type_annotation_map = {  # noqa: RUF012
        datetime: UtcDateTime,
        dict[str, Any]: JSON,
        list[dict[str, Any]]: JSON,
        list[str]: JSON,
    }


# A partial index is used by a question that has its condition word for word, and by no other: what
# is sent as a parameter is not known when the plan is made.
HAS_ASTERISK_ID = text("asterisk_id <> ''")
"""For a question about `asterisk_id`: that it is not empty."""

_LIVES = text("ended_at IS NULL")
_IN_USE = text("retired_at IS NULL")


_NOT_CODED = text("coded_at IS NULL")
_NOT_SETTLED = text("settled_at IS NULL")
_AT_WORK = text("over_at IS NULL AND merged_into IS NULL")
_MERGED = text("merged_into IS NOT NULL")

TO_WATCH = text("(state IN ('sending', 'sent', 'overdue') OR late_report)")
"""For a question about dispatches that somebody may have to see to."""

# every word is a lexeme as it is: no parser of PostgreSQL's takes it for a host or a number
WORDS = text("array_to_tsvector(array_remove(string_to_array(words, ' '), ''))")
"""For a question about `incidents.words` to PostgreSQL: the words, as its index has them."""

IS_OPEN = text("closed_at IS NULL")
"""For a question about the conversations that are not closed."""


class CallRow(Base):
    """A call record; the columns are the fields of `acd.calls.record.CallRecord`."""

    __tablename__ = "calls"
    __table_args__ = (
        Index(
            "uq_calls_asterisk_id",
            "asterisk_id",
            unique=True,
            sqlite_where=HAS_ASTERISK_ID,
            postgresql_where=HAS_ASTERISK_ID,
        ),
        # what a restarted engine asks first: which calls were alive?
        Index("ix_calls_live", "arrived_at", sqlite_where=_LIVES, postgresql_where=_LIVES),
        # an id by its begin: PostgreSQL sorts the primary key as a language does, where what begins
        # alike need not stand together; SQLite does not, and keeps nothing here
        Index(
            "ix_calls_call_id_begin",
            "call_id",
            postgresql_ops={"call_id": "varchar_pattern_ops"},
            sqlite_where=text("call_id IS NULL"),
        ),
    )

    call_id: Mapped[str] = mapped_column(String(ID), primary_key=True)
    asterisk_id: Mapped[str] = mapped_column(String(150))
    caller_number: Mapped[str] = mapped_column(String(NUMBER), index=True)
    caller_name: Mapped[str] = mapped_column(String(NAME))
    called_number: Mapped[str] = mapped_column(String(NUMBER))
    language: Mapped[str] = mapped_column(String(WORD))
    category: Mapped[str | None] = mapped_column(String(WORD))
    category_source: Mapped[str] = mapped_column(String(WORD))
    arrived_at: Mapped[datetime] = mapped_column(index=True)
    menu_done_at: Mapped[datetime | None]
    queued_at: Mapped[datetime | None]
    first_offer_at: Mapped[datetime | None]
    last_offer_at: Mapped[datetime | None]
    operator_answered_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    operator: Mapped[str | None] = mapped_column(String(WORD))
    phone: Mapped[str | None] = mapped_column(String(WORD))
    outcome: Mapped[str | None] = mapped_column(String(WORD))
    ended_by: Mapped[str | None] = mapped_column(String(WORD))
    hangup_cause: Mapped[int | None]
    wait_ms: Mapped[int | None] = mapped_column(BigInteger)
    ring_ms: Mapped[int | None] = mapped_column(BigInteger)
    talk_ms: Mapped[int | None] = mapped_column(BigInteger)
    loss_percent: Mapped[float | None]
    jitter_ms: Mapped[float | None]
    offers: Mapped[int]
    informed: Mapped[bool]
    events: Mapped[int]
    legs: Mapped[list[dict[str, Any]]]
    holds: Mapped[int]
    held_ms: Mapped[int] = mapped_column(BigInteger)
    transfers: Mapped[int]
    redial_of: Mapped[str | None] = mapped_column(String(ID))
    callback_of: Mapped[str | None] = mapped_column(String(ID))
    wants_callback: Mapped[bool]
    place_source: Mapped[str | None] = mapped_column(String(WORD))
    lat: Mapped[float | None]
    lon: Mapped[float | None]
    radius_m: Mapped[float | None]
    place: Mapped[str | None] = mapped_column(String(255))
    kelurahan: Mapped[str | None] = mapped_column(String(NUMBER))
    kecamatan: Mapped[str | None] = mapped_column(String(NUMBER))
    withheld: Mapped[bool]
    silent: Mapped[bool]
    nuisance: Mapped[str | None] = mapped_column(String(WORD))
    disposition: Mapped[str | None] = mapped_column(String(WORD))


class WorkItemRow(Base):
    """Work that is no call, as a callback; the columns: `acd.work_items.item.WorkItem`."""

    __tablename__ = "work_items"
    __table_args__ = (
        # what a restarted engine asks first: what is open?
        Index("ix_work_items_open", "created_at", sqlite_where=_LIVES, postgresql_where=_LIVES),
    )

    id: Mapped[str] = mapped_column(String(ID), primary_key=True)
    kind: Mapped[str] = mapped_column(String(WORD))
    state: Mapped[str] = mapped_column(String(WORD))
    category: Mapped[str | None] = mapped_column(String(WORD))
    language: Mapped[str] = mapped_column(String(WORD))
    call_id: Mapped[str] = mapped_column(String(ID), index=True)
    number: Mapped[str] = mapped_column(String(NUMBER))
    reason: Mapped[str] = mapped_column(String(WORD))
    created_at: Mapped[datetime] = mapped_column(index=True)
    waits_since: Mapped[datetime]
    due_at: Mapped[datetime | None]
    attempts: Mapped[int]
    operator: Mapped[str | None] = mapped_column(String(WORD))
    phone: Mapped[str | None] = mapped_column(String(WORD))
    channel: Mapped[str | None] = mapped_column(String(150))
    talk: Mapped[str | None] = mapped_column(String(ID))
    history: Mapped[list[dict[str, Any]]]
    changes: Mapped[int]
    misdial: Mapped[bool]
    withheld: Mapped[bool]
    ended_at: Mapped[datetime | None]
    outcome: Mapped[str | None] = mapped_column(String(WORD))
    closed_by: Mapped[str | None] = mapped_column(String(WORD))
    note: Mapped[str] = mapped_column(String(255))


class CallEventRow(Base):
    """One thing that happened to one call; `seq` counts from 1 within the call."""

    __tablename__ = "call_events"

    call_id: Mapped[str] = mapped_column(ForeignKey("calls.call_id"), primary_key=True)
    seq: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime]
    kind: Mapped[str] = mapped_column(String(WORD))
    data: Mapped[dict[str, Any]]


class PhoneRow(Base):
    """A SIP account; `contact` is a fixed SIP address of a phone that does not register."""

    __tablename__ = "phones"

    number: Mapped[str] = mapped_column(String(WORD), primary_key=True)
    password: Mapped[str] = mapped_column(String(NAME))
    contact: Mapped[str | None] = mapped_column(String(255))
    created_at: Mapped[datetime] = mapped_column(default=lambda: datetime.now(UTC))


class OperatorRow(Base):
    """A person who answers. `status`: logged_out, ready or paused; `phone`: where logged in."""

    __tablename__ = "operators"

    id: Mapped[str] = mapped_column(String(WORD), primary_key=True)
    name: Mapped[str] = mapped_column(String(NAME))
    pin_hash: Mapped[str] = mapped_column(String(255))
    home_phone: Mapped[str | None] = mapped_column(String(WORD))
    status: Mapped[str] = mapped_column(String(WORD))
    pause_reason: Mapped[str | None] = mapped_column(String(255))
    phone: Mapped[str | None] = mapped_column(String(WORD))
    status_since: Mapped[datetime]
    idle_since: Mapped[datetime]
    calls_taken: Mapped[int]
    talk_s: Mapped[float]
    skills: Mapped[dict[str, Any]]
    weight: Mapped[int]
    misses: Mapped[int]
    offered_at: Mapped[datetime | None]
    wrap_up_until: Mapped[datetime | None]


class OperatorEventRow(Base):
    """An operator logged in or out, paused, became ready, missed a call; `id` sorts by time."""

    __tablename__ = "operator_events"
    __table_args__ = (Index("ix_operator_events_operator_at", "operator", "at"),)

    id: Mapped[str] = mapped_column(String(ID), primary_key=True)
    operator: Mapped[str] = mapped_column(String(WORD))
    at: Mapped[datetime] = mapped_column(index=True)
    kind: Mapped[str] = mapped_column(String(WORD))
    phone: Mapped[str | None] = mapped_column(String(WORD))
    reason: Mapped[str | None] = mapped_column(String(255))


class RegisteredPlaceRow(Base):
    """Where a fixed number is, as the city has listed it.

    `caller`: the key that all spellings of the number share (`acd.numbers.caller.same_caller`).
    `address`: in words; of one without an address what the map says.
    """

    __tablename__ = "registered_places"

    caller: Mapped[str] = mapped_column(String(WORD), primary_key=True)
    number: Mapped[str] = mapped_column(String(NUMBER))
    address: Mapped[str] = mapped_column(String(255))
    lat: Mapped[float | None]
    lon: Mapped[float | None]
    kelurahan: Mapped[str | None] = mapped_column(String(NUMBER))
    kecamatan: Mapped[str | None] = mapped_column(String(NUMBER))
    changed_at: Mapped[datetime]


class IncidentRow(Base):
    """An emergency, a complaint or a question (`incidents.incident.Incident`).

    `words`: those of its description and place (`incidents.words.kept_words`). SQLite keeps them in
    the tables of `schema.SEARCH` as well, by triggers.
    """

    __tablename__ = "incidents"
    __table_args__ = (
        Index(
            "ix_incidents_not_coded",
            "opened_at",
            sqlite_where=_NOT_CODED,
            postgresql_where=_NOT_CODED,
        ),
        Index(
            "ix_incidents_not_settled",
            "opened_at",
            sqlite_where=_NOT_SETTLED,
            postgresql_where=_NOT_SETTLED,
        ),
        Index(
            "ix_incidents_at_work",
            "opened_at",
            sqlite_where=_AT_WORK,
            postgresql_where=_AT_WORK,
        ),
        Index(
            "ix_incidents_merged",
            "opened_at",
            sqlite_where=_MERGED,
            postgresql_where=_MERGED,
        ),
        Index(
            "ix_incidents_merged_into",
            "merged_into",
            sqlite_where=_MERGED,
            postgresql_where=_MERGED,
        ),
        # an id by its begin, as that of a call
        Index(
            "ix_incidents_id_begin",
            "id",
            postgresql_ops={"id": "varchar_pattern_ops"},
            sqlite_where=text("id IS NULL"),
        ),
        Index(
            "ix_incidents_words",
            WORDS,
            postgresql_using="gin",
            postgresql_with={"fastupdate": "off"},
        ).ddl_if(dialect="postgresql"),
        Index("ix_incidents_state_opened_at", "state", "opened_at"),
        Index("ix_incidents_class_opened_at", "incident_class", "opened_at"),
        Index("ix_incidents_category_opened_at", "category", "opened_at"),
    )

    id: Mapped[str] = mapped_column(String(ID), primary_key=True)
    number: Mapped[str] = mapped_column(String(WORD), index=True)
    state: Mapped[str] = mapped_column(String(WORD))
    incident_class: Mapped[str | None] = mapped_column(String(WORD))
    category: Mapped[str | None] = mapped_column(String(WORD))
    priority: Mapped[int]
    opened_at: Mapped[datetime] = mapped_column(index=True)
    opened_by: Mapped[str] = mapped_column(String(WORD))
    description: Mapped[str] = mapped_column(String(TEXT))
    place: Mapped[str] = mapped_column(String(255))
    place_source: Mapped[str | None] = mapped_column(String(WORD))
    lat: Mapped[float | None]
    lon: Mapped[float | None]
    kelurahan: Mapped[str | None] = mapped_column(String(NUMBER))
    kecamatan: Mapped[str | None] = mapped_column(String(NUMBER))
    contacts: Mapped[list[dict[str, Any]]]
    answers: Mapped[dict[str, Any]]
    call_ids: Mapped[list[str]]
    merged_into: Mapped[str | None] = mapped_column(String(ID))
    dispatches: Mapped[list[str]]
    verification: Mapped[str | None] = mapped_column(String(ID))
    verified_at: Mapped[datetime | None]
    verified_by: Mapped[str | None] = mapped_column(String(WORD))
    coded_at: Mapped[datetime | None]
    settled_at: Mapped[datetime | None]
    changed_at: Mapped[datetime]
    over_at: Mapped[datetime | None]
    version: Mapped[int]
    words: Mapped[str] = mapped_column(String(1300), server_default="")


class IncidentEntryRow(Base):
    """One entry of the timeline of an incident (`incidents.incident.Entry`)."""

    __tablename__ = "incident_entries"

    # no foreign key: a row that the database refuses must not take the other ones along
    incident_id: Mapped[str] = mapped_column(String(ID), primary_key=True)
    seq: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime]
    kind: Mapped[str] = mapped_column(String(WORD))
    by: Mapped[str] = mapped_column(String(WORD))
    source: Mapped[str] = mapped_column(String(WORD))
    data: Mapped[dict[str, Any]]


class DispatchRow(Base):
    """An agency that was told of an incident (`incidents.dispatch.Dispatch`)."""

    __tablename__ = "dispatches"
    __table_args__ = (
        Index(
            "ix_dispatches_not_settled",
            "created_at",
            sqlite_where=_NOT_SETTLED,
            postgresql_where=_NOT_SETTLED,
        ),
        Index(
            "ix_dispatches_to_watch",
            "created_at",
            sqlite_where=TO_WATCH,
            postgresql_where=TO_WATCH,
        ),
    )

    id: Mapped[str] = mapped_column(String(ID), primary_key=True)
    incident_id: Mapped[str] = mapped_column(String(ID), index=True)
    agency: Mapped[str] = mapped_column(String(WORD))
    state: Mapped[str] = mapped_column(String(WORD))
    deliveries: Mapped[list[dict[str, Any]]]
    origin: Mapped[str | None] = mapped_column(String(WORD))
    step: Mapped[int]
    created_at: Mapped[datetime]
    created_by: Mapped[str] = mapped_column(String(WORD))
    due_at: Mapped[datetime | None]
    acknowledged_at: Mapped[datetime | None]
    acknowledged_by: Mapped[str | None] = mapped_column(String(WORD))
    late_report: Mapped[bool]
    settled_at: Mapped[datetime | None]
    note: Mapped[str] = mapped_column(String(255))
    arrived_at: Mapped[datetime | None]
    changes: Mapped[int]


class IncidentCallRow(Base):
    """Which incident a call belongs to."""

    __tablename__ = "incident_calls"

    call_id: Mapped[str] = mapped_column(String(ID), primary_key=True)
    incident_id: Mapped[str] = mapped_column(String(ID), index=True)


class IncidentContactRow(Base):
    """Who has told of an incident, to be found by the number.

    `caller`: the key that all spellings of the number share (`acd.numbers.caller.same_caller`).
    """

    __tablename__ = "incident_contacts"

    incident_id: Mapped[str] = mapped_column(String(ID), primary_key=True)
    caller: Mapped[str] = mapped_column(String(WORD), primary_key=True, index=True)


class TextConversationRow(Base):
    """A conversation by messages (`acd.texts.conversation.ConversationRecord`)."""

    __tablename__ = "text_conversations"
    __table_args__ = (
        Index(
            "ix_text_conversations_open",
            "opened_at",
            sqlite_where=IS_OPEN,
            postgresql_where=IS_OPEN,
        ),
    )

    id: Mapped[str] = mapped_column(String(ID), primary_key=True)
    number: Mapped[str] = mapped_column(String(NUMBER), index=True)
    name: Mapped[str] = mapped_column(String(NAME))
    address: Mapped[str] = mapped_column(String(255))
    peer: Mapped[str] = mapped_column(String(NUMBER))
    category: Mapped[str | None] = mapped_column(String(WORD))
    language: Mapped[str] = mapped_column(String(WORD))
    state: Mapped[str] = mapped_column(String(WORD))
    opened_at: Mapped[datetime] = mapped_column(index=True)
    waits_since: Mapped[datetime]
    operator: Mapped[str | None] = mapped_column(String(WORD))
    phone: Mapped[str | None] = mapped_column(String(WORD))
    answered_at: Mapped[datetime | None]
    citizen_at: Mapped[datetime]
    operator_at: Mapped[datetime | None]
    received: Mapped[int]
    dropped: Mapped[int]
    call_id: Mapped[str | None] = mapped_column(String(ID))
    outcome: Mapped[str | None] = mapped_column(String(WORD))
    closed_at: Mapped[datetime | None]
    closed_by: Mapped[str | None] = mapped_column(String(WORD))
    note: Mapped[str] = mapped_column(String(255))
    changes: Mapped[int]


class TextMessageRow(Base):
    """A message of a conversation (`acd.texts.conversation.TextMessage`)."""

    __tablename__ = "text_messages"
    __table_args__ = (Index("ix_text_messages_conversation", "conversation_id", "at"),)

    id: Mapped[str] = mapped_column(String(ID), primary_key=True)
    # no foreign key: a row that the database refuses must not take the other ones along
    conversation_id: Mapped[str] = mapped_column(String(ID))
    at: Mapped[datetime]
    author: Mapped[str] = mapped_column(String(WORD))
    body: Mapped[str] = mapped_column(String(TEXT))
    state: Mapped[str] = mapped_column(String(WORD))
    attempts: Mapped[int]
    status: Mapped[int | None]
    settled_at: Mapped[datetime | None]
    address: Mapped[str] = mapped_column(String(255))
    peer: Mapped[str] = mapped_column(String(NUMBER))
    changes: Mapped[int]


class AgencyRow(Base):
    """An agency (`acd.agencies.agency.Agency`). Rows are retired and never deleted: records name
    them, and an empty table is one that has never been filled.
    """

    __tablename__ = "agencies"
    __table_args__ = (
        Index(
            "uq_agencies_number",
            "number",
            unique=True,
            sqlite_where=_IN_USE,
            postgresql_where=_IN_USE,
        ),
    )

    id: Mapped[str] = mapped_column(String(WORD), primary_key=True)
    number: Mapped[str] = mapped_column(String(ID))
    name: Mapped[str] = mapped_column(String(NAME))
    kind: Mapped[str] = mapped_column(String(WORD))
    voice: Mapped[str] = mapped_column(String(255))
    fallback: Mapped[str] = mapped_column(String(255))
    mail: Mapped[str] = mapped_column(String(255))
    webhook: Mapped[str] = mapped_column(String(255))
    hours: Mapped[str] = mapped_column(String(WORD))
    holidays: Mapped[bool]
    categories: Mapped[list[str]]
    kecamatan: Mapped[list[str]]
    chain: Mapped[list[str]]
    acknowledge_s: Mapped[float]
    report_s: Mapped[float]
    changed_at: Mapped[datetime]
    retired_at: Mapped[datetime | None]
