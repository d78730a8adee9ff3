"""The tables. Times are UTC; every text has a largest length, which `models.rows.fit` keeps to.

`calls` holds one record a call, as `acd.calls.record.fold` computes it; `call_events`,
`operator_events` and `operator_states` are only ever added to. Each column says whether it is
personal (`models.marks`).
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

# they belong to the tables of this version as those below do
from models.alarm_tables import AlarmRow as AlarmRow
from models.base import ID as ID
from models.base import NAME as NAME
from models.base import NUMBER as NUMBER
from models.base import TEXT as TEXT
from models.base import WORD as WORD
from models.base import Base as Base
from models.base import UtcDateTime as UtcDateTime
from models.marks import (
    BY_KEY,
    FREE_TEXT,
    NOT_PERSONAL,
    OF_AGENCY,
    OF_CALLER,
    OF_CONTACT,
    OF_OPERATOR,
)
from models.people_tables import PersonRow as PersonRow
from models.people_tables import TokenRow as TokenRow
from models.privacy_tables import AccessTrailRow as AccessTrailRow
from models.privacy_tables import PrivacyBreachRow as PrivacyBreachRow
from models.privacy_tables import PrivacyEntryRow as PrivacyEntryRow
from models.privacy_tables import PrivacyHoldRow as PrivacyHoldRow
from models.privacy_tables import PrivacyPurgeRow as PrivacyPurgeRow
from models.privacy_tables import PrivacyRequestRow as PrivacyRequestRow
from models.recording_tables import RecordingRow as RecordingRow

# A partial index is used by a question that has its condition word for word, and by no other: what
# is sent as a parameter is not known when the plan is made.
HAS_ASTERISK_ID = text("asterisk_id <> ''")
"""For a question about `asterisk_id`: that it is not empty."""

HAS_DUE = text("due_at IS NOT NULL")
"""For a question about `due_at`: that an agreed time runs."""

IS_PUBLISHED = text("published_at IS NOT NULL")
"""For a question about what was published."""

_JSON_OR_NULL = JSON(none_as_null=True)

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

    call_id: Mapped[str] = mapped_column(String(ID), primary_key=True, info=NOT_PERSONAL)
    asterisk_id: Mapped[str] = mapped_column(String(150), info=NOT_PERSONAL)
    caller_number: Mapped[str] = mapped_column(String(NUMBER), index=True, info=OF_CALLER)
    caller_name: Mapped[str] = mapped_column(String(NAME), info=OF_CALLER)
    called_number: Mapped[str] = mapped_column(String(NUMBER), info=NOT_PERSONAL)
    language: Mapped[str] = mapped_column(String(WORD), info=NOT_PERSONAL)
    category: Mapped[str | None] = mapped_column(String(WORD), info=NOT_PERSONAL)
    category_source: Mapped[str] = mapped_column(String(WORD), info=NOT_PERSONAL)
    arrived_at: Mapped[datetime] = mapped_column(index=True, info=NOT_PERSONAL)
    menu_done_at: Mapped[datetime | None] = mapped_column(info=NOT_PERSONAL)
    queued_at: Mapped[datetime | None] = mapped_column(info=NOT_PERSONAL)
    first_offer_at: Mapped[datetime | None] = mapped_column(info=NOT_PERSONAL)
    last_offer_at: Mapped[datetime | None] = mapped_column(info=NOT_PERSONAL)
    operator_answered_at: Mapped[datetime | None] = mapped_column(info=NOT_PERSONAL)
    ended_at: Mapped[datetime | None] = mapped_column(info=NOT_PERSONAL)
    operator: Mapped[str | None] = mapped_column(String(WORD), info=OF_OPERATOR)
    phone: Mapped[str | None] = mapped_column(String(WORD), info=OF_OPERATOR)
    outcome: Mapped[str | None] = mapped_column(String(WORD), info=NOT_PERSONAL)
    ended_by: Mapped[str | None] = mapped_column(String(WORD), info=NOT_PERSONAL)
    hangup_cause: Mapped[int | None] = mapped_column(info=NOT_PERSONAL)
    wait_ms: Mapped[int | None] = mapped_column(BigInteger, info=NOT_PERSONAL)
    ring_ms: Mapped[int | None] = mapped_column(BigInteger, info=NOT_PERSONAL)
    talk_ms: Mapped[int | None] = mapped_column(BigInteger, info=NOT_PERSONAL)
    loss_percent: Mapped[float | None] = mapped_column(info=NOT_PERSONAL)
    jitter_ms: Mapped[float | None] = mapped_column(info=NOT_PERSONAL)
    offers: Mapped[int] = mapped_column(info=NOT_PERSONAL)
    informed: Mapped[bool] = mapped_column(info=NOT_PERSONAL)
    events: Mapped[int] = mapped_column(info=NOT_PERSONAL)
    legs: Mapped[list[dict[str, Any]]] = mapped_column(info=BY_KEY)
    holds: Mapped[int] = mapped_column(info=NOT_PERSONAL)
    held_ms: Mapped[int] = mapped_column(BigInteger, info=NOT_PERSONAL)
    transfers: Mapped[int] = mapped_column(info=NOT_PERSONAL)
    redial_of: Mapped[str | None] = mapped_column(String(ID), info=NOT_PERSONAL)
    callback_of: Mapped[str | None] = mapped_column(String(ID), info=NOT_PERSONAL)
    wants_callback: Mapped[bool] = mapped_column(info=NOT_PERSONAL)
    place_source: Mapped[str | None] = mapped_column(String(WORD), info=NOT_PERSONAL)
    lat: Mapped[float | None] = mapped_column(info=OF_CALLER)
    lon: Mapped[float | None] = mapped_column(info=OF_CALLER)
    radius_m: Mapped[float | None] = mapped_column(info=OF_CALLER)
    place: Mapped[str | None] = mapped_column(String(255), info=OF_CALLER)
    kelurahan: Mapped[str | None] = mapped_column(String(NUMBER), info=OF_CALLER)
    kecamatan: Mapped[str | None] = mapped_column(String(NUMBER), info=NOT_PERSONAL)
    withheld: Mapped[bool] = mapped_column(info=NOT_PERSONAL)
    silent: Mapped[bool] = mapped_column(info=NOT_PERSONAL)
    nuisance: Mapped[str | None] = mapped_column(String(WORD), info=NOT_PERSONAL)
    disposition: Mapped[str | None] = mapped_column(String(WORD), info=NOT_PERSONAL)
    trunk: Mapped[str | None] = mapped_column(String(NUMBER), info=NOT_PERSONAL)


class WorkItemRow(Base):
    """Work that is no call, as a callback; the columns: `acd.work_items.item.WorkItem`."""

    __tablename__ = "work_items"
    __table_args__ = (
        # what a restarted engine asks first: what is open?
        Index("ix_work_items_open", "created_at", sqlite_where=_LIVES, postgresql_where=_LIVES),
    )

    id: Mapped[str] = mapped_column(String(ID), primary_key=True, info=NOT_PERSONAL)
    kind: Mapped[str] = mapped_column(String(WORD), info=NOT_PERSONAL)
    state: Mapped[str] = mapped_column(String(WORD), info=NOT_PERSONAL)
    category: Mapped[str | None] = mapped_column(String(WORD), info=NOT_PERSONAL)
    language: Mapped[str] = mapped_column(String(WORD), info=NOT_PERSONAL)
    call_id: Mapped[str] = mapped_column(String(ID), index=True, info=NOT_PERSONAL)
    number: Mapped[str] = mapped_column(String(NUMBER), index=True, info=OF_CALLER)
    reason: Mapped[str] = mapped_column(String(WORD), info=NOT_PERSONAL)
    created_at: Mapped[datetime] = mapped_column(index=True, info=NOT_PERSONAL)
    waits_since: Mapped[datetime] = mapped_column(info=NOT_PERSONAL)
    due_at: Mapped[datetime | None] = mapped_column(info=NOT_PERSONAL)
    attempts: Mapped[int] = mapped_column(info=NOT_PERSONAL)
    operator: Mapped[str | None] = mapped_column(String(WORD), info=OF_OPERATOR)
    phone: Mapped[str | None] = mapped_column(String(WORD), info=OF_OPERATOR)
    channel: Mapped[str | None] = mapped_column(String(150), info=OF_OPERATOR)
    talk: Mapped[str | None] = mapped_column(String(ID), info=NOT_PERSONAL)
    history: Mapped[list[dict[str, Any]]] = mapped_column(info=BY_KEY)
    changes: Mapped[int] = mapped_column(info=NOT_PERSONAL)
    misdial: Mapped[bool] = mapped_column(info=NOT_PERSONAL)
    withheld: Mapped[bool] = mapped_column(info=NOT_PERSONAL)
    ended_at: Mapped[datetime | None] = mapped_column(info=NOT_PERSONAL)
    outcome: Mapped[str | None] = mapped_column(String(WORD), info=NOT_PERSONAL)
    closed_by: Mapped[str | None] = mapped_column(String(WORD), info=OF_OPERATOR)
    note: Mapped[str] = mapped_column(String(255), info=FREE_TEXT)


class CallEventRow(Base):
    """One thing that happened to one call; `seq` counts from 1 within the call."""

    __tablename__ = "call_events"

    call_id: Mapped[str] = mapped_column(
        ForeignKey("calls.call_id"), primary_key=True, info=NOT_PERSONAL
    )
    seq: Mapped[int] = mapped_column(primary_key=True, info=NOT_PERSONAL)
    at: Mapped[datetime] = mapped_column(info=NOT_PERSONAL)
    kind: Mapped[str] = mapped_column(String(WORD), info=NOT_PERSONAL)
    data: Mapped[dict[str, Any]] = mapped_column(info=BY_KEY)


class PhoneRow(Base):
    """A SIP account; `contact` is a fixed SIP address of a phone that does not register."""

    __tablename__ = "phones"

    number: Mapped[str] = mapped_column(String(WORD), primary_key=True, info=OF_OPERATOR)
    password: Mapped[str] = mapped_column(String(NAME), info=OF_OPERATOR)
    contact: Mapped[str | None] = mapped_column(String(255), info=OF_OPERATOR)
    created_at: Mapped[datetime] = mapped_column(
        default=lambda: datetime.now(UTC), info=NOT_PERSONAL
    )


class OperatorRow(Base):
    """A person who answers. `status`: logged_out, ready or paused; `phone`: where logged in."""

    __tablename__ = "operators"

    id: Mapped[str] = mapped_column(String(WORD), primary_key=True, info=OF_OPERATOR)
    name: Mapped[str] = mapped_column(String(NAME), info=OF_OPERATOR)
    pin_hash: Mapped[str] = mapped_column(String(255), info=OF_OPERATOR)
    home_phone: Mapped[str | None] = mapped_column(String(WORD), info=OF_OPERATOR)
    status: Mapped[str] = mapped_column(String(WORD), info=OF_OPERATOR)
    pause_reason: Mapped[str | None] = mapped_column(String(255), info=OF_OPERATOR)
    phone: Mapped[str | None] = mapped_column(String(WORD), info=OF_OPERATOR)
    status_since: Mapped[datetime] = mapped_column(info=OF_OPERATOR)
    idle_since: Mapped[datetime] = mapped_column(info=OF_OPERATOR)
    calls_taken: Mapped[int] = mapped_column(info=OF_OPERATOR)
    talk_s: Mapped[float] = mapped_column(info=OF_OPERATOR)
    skills: Mapped[dict[str, Any]] = mapped_column(info=OF_OPERATOR)
    weight: Mapped[int] = mapped_column(info=OF_OPERATOR)
    misses: Mapped[int] = mapped_column(info=OF_OPERATOR)
    offered_at: Mapped[datetime | None] = mapped_column(info=OF_OPERATOR)
    wrap_up_until: Mapped[datetime | None] = mapped_column(info=OF_OPERATOR)


class OperatorEventRow(Base):
    """An operator logged in or out, paused, became ready, missed a call; `id` sorts by time."""

    __tablename__ = "operator_events"
    __table_args__ = (Index("ix_operator_events_operator_at", "operator", "at"),)

    id: Mapped[str] = mapped_column(String(ID), primary_key=True, info=NOT_PERSONAL)
    operator: Mapped[str] = mapped_column(String(WORD), info=OF_OPERATOR)
    at: Mapped[datetime] = mapped_column(index=True, info=OF_OPERATOR)
    kind: Mapped[str] = mapped_column(String(WORD), info=OF_OPERATOR)
    phone: Mapped[str | None] = mapped_column(String(WORD), info=OF_OPERATOR)
    reason: Mapped[str | None] = mapped_column(String(255), info=OF_OPERATOR)


class OperatorStateRow(Base):
    """What an operator has chosen and does from `at` on, until their next row; only ever added to.

    `state`: as the calls tell (`acd.operators.states.State`). `call_id`: the call or work item
    that it is about, or the channel of an operator's own call; "" is none. `text_id`: the text
    conversation that the operator has besides. `id` sorts the changes of one moment.
    """

    __tablename__ = "operator_states"
    __table_args__ = (Index("ix_operator_states_operator_at", "operator", "at"),)

    id: Mapped[str] = mapped_column(String(ID), primary_key=True, info=NOT_PERSONAL)
    operator: Mapped[str] = mapped_column(String(WORD), info=OF_OPERATOR)
    at: Mapped[datetime] = mapped_column(index=True, info=OF_OPERATOR)
    status: Mapped[str] = mapped_column(String(WORD), info=OF_OPERATOR)
    state: Mapped[str] = mapped_column(String(WORD), info=OF_OPERATOR)
    pause_reason: Mapped[str | None] = mapped_column(String(255), info=OF_OPERATOR)
    phone: Mapped[str | None] = mapped_column(String(WORD), info=OF_OPERATOR)
    call_id: Mapped[str | None] = mapped_column(String(150), info=OF_OPERATOR)
    text_id: Mapped[str | None] = mapped_column(String(ID), info=NOT_PERSONAL)


class RefusedCallsRow(Base):
    """The calls of an hour that Asterisk refused before any engine heard of them, as sums.

    `source`: an address of the trunks' networks; `elsewhere` is everybody else, and `trunk` the
    addresses that were too many. `status`: of SIP. Each engine has rows of its own.
    """

    __tablename__ = "refused_calls"

    id: Mapped[str] = mapped_column(String(ID), primary_key=True, info=NOT_PERSONAL)
    hour: Mapped[datetime] = mapped_column(index=True, info=NOT_PERSONAL)
    source: Mapped[str] = mapped_column(String(NUMBER), info=NOT_PERSONAL)
    status: Mapped[int] = mapped_column(info=NOT_PERSONAL)
    calls: Mapped[int] = mapped_column(info=NOT_PERSONAL)


class RegisteredPlaceRow(Base):
    """Where a fixed number is, as the city has listed it.

    `caller`: the key that all spellings of the number share (`acd.numbers.caller.same_caller`).
    `address`: in words; of one without an address what the map says.
    """

    __tablename__ = "registered_places"

    caller: Mapped[str] = mapped_column(String(WORD), primary_key=True, info=OF_CALLER)
    number: Mapped[str] = mapped_column(String(NUMBER), info=OF_CALLER)
    address: Mapped[str] = mapped_column(String(255), info=OF_CALLER)
    lat: Mapped[float | None] = mapped_column(info=OF_CALLER)
    lon: Mapped[float | None] = mapped_column(info=OF_CALLER)
    kelurahan: Mapped[str | None] = mapped_column(String(NUMBER), info=OF_CALLER)
    kecamatan: Mapped[str | None] = mapped_column(String(NUMBER), info=OF_CALLER)
    changed_at: Mapped[datetime] = mapped_column(info=NOT_PERSONAL)


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
            "ix_incidents_due",
            "due_at",
            sqlite_where=HAS_DUE,
            postgresql_where=HAS_DUE,
        ),
        Index(
            "ix_incidents_published",
            "opened_at",
            sqlite_where=IS_PUBLISHED,
            postgresql_where=IS_PUBLISHED,
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

    id: Mapped[str] = mapped_column(String(ID), primary_key=True, info=NOT_PERSONAL)
    number: Mapped[str] = mapped_column(String(WORD), index=True, info=NOT_PERSONAL)
    state: Mapped[str] = mapped_column(String(WORD), info=NOT_PERSONAL)
    incident_class: Mapped[str | None] = mapped_column(String(WORD), info=NOT_PERSONAL)
    category: Mapped[str | None] = mapped_column(String(WORD), info=NOT_PERSONAL)
    priority: Mapped[int] = mapped_column(info=NOT_PERSONAL)
    opened_at: Mapped[datetime] = mapped_column(index=True, info=NOT_PERSONAL)
    opened_by: Mapped[str] = mapped_column(String(WORD), info=OF_OPERATOR)
    description: Mapped[str] = mapped_column(String(TEXT), info=FREE_TEXT)
    place: Mapped[str] = mapped_column(String(255), info=OF_CONTACT)
    place_source: Mapped[str | None] = mapped_column(String(WORD), info=NOT_PERSONAL)
    lat: Mapped[float | None] = mapped_column(info=OF_CONTACT)
    lon: Mapped[float | None] = mapped_column(info=OF_CONTACT)
    kelurahan: Mapped[str | None] = mapped_column(String(NUMBER), info=OF_CONTACT)
    kecamatan: Mapped[str | None] = mapped_column(String(NUMBER), info=NOT_PERSONAL)
    contacts: Mapped[list[dict[str, Any]]] = mapped_column(info=BY_KEY)
    answers: Mapped[dict[str, Any]] = mapped_column(info=BY_KEY)
    call_ids: Mapped[list[str]] = mapped_column(info=NOT_PERSONAL)
    merged_into: Mapped[str | None] = mapped_column(String(ID), info=NOT_PERSONAL)
    dispatches: Mapped[list[str]] = mapped_column(info=NOT_PERSONAL)
    verification: Mapped[str | None] = mapped_column(String(ID), info=NOT_PERSONAL)
    verified_at: Mapped[datetime | None] = mapped_column(info=NOT_PERSONAL)
    verified_by: Mapped[str | None] = mapped_column(String(WORD), info=OF_OPERATOR)
    coded_at: Mapped[datetime | None] = mapped_column(info=NOT_PERSONAL)
    settled_at: Mapped[datetime | None] = mapped_column(info=NOT_PERSONAL)
    changed_at: Mapped[datetime] = mapped_column(info=NOT_PERSONAL)
    over_at: Mapped[datetime | None] = mapped_column(info=NOT_PERSONAL)
    version: Mapped[int] = mapped_column(info=NOT_PERSONAL)
    forwarded_at: Mapped[datetime | None] = mapped_column(info=NOT_PERSONAL)
    reported_at: Mapped[datetime | None] = mapped_column(info=NOT_PERSONAL)
    followed_up_at: Mapped[datetime | None] = mapped_column(info=NOT_PERSONAL)
    replied_at: Mapped[datetime | None] = mapped_column(info=NOT_PERSONAL)
    due_at: Mapped[datetime | None] = mapped_column(info=NOT_PERSONAL)
    due_for: Mapped[str | None] = mapped_column(String(WORD), info=NOT_PERSONAL)
    references: Mapped[list[dict[str, Any]]] = mapped_column(server_default="[]", info=BY_KEY)
    number_told_at: Mapped[datetime | None] = mapped_column(info=NOT_PERSONAL)
    published_at: Mapped[datetime | None] = mapped_column(info=NOT_PERSONAL)
    publication: Mapped[dict[str, Any] | None] = mapped_column(
        JSON(none_as_null=True), info=NOT_PERSONAL
    )
    words: Mapped[str] = mapped_column(String(1300), server_default="", info=FREE_TEXT)


class IncidentEntryRow(Base):
    """One entry of the timeline of an incident (`incidents.incident.Entry`)."""

    __tablename__ = "incident_entries"

    # no foreign key: a row that the database refuses must not take the other ones along
    incident_id: Mapped[str] = mapped_column(String(ID), primary_key=True, info=NOT_PERSONAL)
    seq: Mapped[int] = mapped_column(primary_key=True, info=NOT_PERSONAL)
    at: Mapped[datetime] = mapped_column(info=NOT_PERSONAL)
    kind: Mapped[str] = mapped_column(String(WORD), info=NOT_PERSONAL)
    by: Mapped[str] = mapped_column(String(WORD), info=OF_OPERATOR)
    source: Mapped[str] = mapped_column(String(WORD), info=NOT_PERSONAL)
    data: Mapped[dict[str, Any]] = mapped_column(info=BY_KEY)


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

    id: Mapped[str] = mapped_column(String(ID), primary_key=True, info=NOT_PERSONAL)
    incident_id: Mapped[str] = mapped_column(String(ID), index=True, info=NOT_PERSONAL)
    agency: Mapped[str] = mapped_column(String(WORD), info=NOT_PERSONAL)
    state: Mapped[str] = mapped_column(String(WORD), info=NOT_PERSONAL)
    deliveries: Mapped[list[dict[str, Any]]] = mapped_column(info=BY_KEY)
    origin: Mapped[str | None] = mapped_column(String(WORD), info=NOT_PERSONAL)
    step: Mapped[int] = mapped_column(info=NOT_PERSONAL)
    created_at: Mapped[datetime] = mapped_column(info=NOT_PERSONAL)
    created_by: Mapped[str] = mapped_column(String(WORD), info=OF_OPERATOR)
    due_at: Mapped[datetime | None] = mapped_column(info=NOT_PERSONAL)
    acknowledged_at: Mapped[datetime | None] = mapped_column(info=NOT_PERSONAL)
    acknowledged_by: Mapped[str | None] = mapped_column(String(WORD), info=OF_AGENCY)
    late_report: Mapped[bool] = mapped_column(info=NOT_PERSONAL)
    settled_at: Mapped[datetime | None] = mapped_column(info=NOT_PERSONAL)
    note: Mapped[str] = mapped_column(String(255), info=FREE_TEXT)
    arrived_at: Mapped[datetime | None] = mapped_column(info=NOT_PERSONAL)
    changes: Mapped[int] = mapped_column(info=NOT_PERSONAL)


class IncidentCallRow(Base):
    """Which incident a call, or a text conversation, belongs to; `call_id` is the id of either."""

    __tablename__ = "incident_calls"

    call_id: Mapped[str] = mapped_column(String(ID), primary_key=True, info=NOT_PERSONAL)
    incident_id: Mapped[str] = mapped_column(String(ID), index=True, info=NOT_PERSONAL)


class IncidentContactRow(Base):
    """Who has told of an incident, to be found by the number.

    `caller`: the key that all spellings of the number share (`acd.numbers.caller.same_caller`).
    """

    __tablename__ = "incident_contacts"

    incident_id: Mapped[str] = mapped_column(String(ID), primary_key=True, info=NOT_PERSONAL)
    caller: Mapped[str] = mapped_column(String(WORD), primary_key=True, index=True, info=OF_CONTACT)


class IncidentReferenceRow(Base):
    """What another system calls an incident, to be found by it.

    A row stays when the reference is taken back: the incident itself tells which ones it has.
    """

    __tablename__ = "incident_references"
    __table_args__ = (Index("ix_incident_references_reference", "reference", "system"),)

    incident_id: Mapped[str] = mapped_column(String(ID), primary_key=True, info=NOT_PERSONAL)
    system: Mapped[str] = mapped_column(String(WORD), primary_key=True, info=NOT_PERSONAL)
    reference: Mapped[str] = mapped_column(String(NUMBER), primary_key=True, info=NOT_PERSONAL)


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

    id: Mapped[str] = mapped_column(String(ID), primary_key=True, info=NOT_PERSONAL)
    number: Mapped[str] = mapped_column(String(NUMBER), index=True, info=OF_CALLER)
    name: Mapped[str] = mapped_column(String(NAME), info=OF_CALLER)
    address: Mapped[str] = mapped_column(String(255), info=OF_CALLER)
    peer: Mapped[str] = mapped_column(String(NUMBER), info=OF_CALLER)
    category: Mapped[str | None] = mapped_column(String(WORD), info=NOT_PERSONAL)
    language: Mapped[str] = mapped_column(String(WORD), info=NOT_PERSONAL)
    state: Mapped[str] = mapped_column(String(WORD), info=NOT_PERSONAL)
    opened_at: Mapped[datetime] = mapped_column(index=True, info=NOT_PERSONAL)
    waits_since: Mapped[datetime] = mapped_column(info=NOT_PERSONAL)
    operator: Mapped[str | None] = mapped_column(String(WORD), info=OF_OPERATOR)
    phone: Mapped[str | None] = mapped_column(String(WORD), info=OF_OPERATOR)
    taken_at: Mapped[datetime | None] = mapped_column(info=NOT_PERSONAL)
    answered_at: Mapped[datetime | None] = mapped_column(info=NOT_PERSONAL)
    citizen_at: Mapped[datetime] = mapped_column(info=NOT_PERSONAL)
    operator_at: Mapped[datetime | None] = mapped_column(info=NOT_PERSONAL)
    received: Mapped[int] = mapped_column(info=NOT_PERSONAL)
    dropped: Mapped[int] = mapped_column(info=NOT_PERSONAL)
    call_id: Mapped[str | None] = mapped_column(String(ID), info=NOT_PERSONAL)
    outcome: Mapped[str | None] = mapped_column(String(WORD), info=NOT_PERSONAL)
    closed_at: Mapped[datetime | None] = mapped_column(info=NOT_PERSONAL)
    closed_by: Mapped[str | None] = mapped_column(String(WORD), info=OF_OPERATOR)
    note: Mapped[str] = mapped_column(String(255), info=FREE_TEXT)
    changes: Mapped[int] = mapped_column(info=NOT_PERSONAL)


class TextMessageRow(Base):
    """A message of a conversation (`acd.texts.conversation.TextMessage`)."""

    __tablename__ = "text_messages"
    __table_args__ = (Index("ix_text_messages_conversation", "conversation_id", "at"),)

    id: Mapped[str] = mapped_column(String(ID), primary_key=True, info=NOT_PERSONAL)
    # no foreign key: a row that the database refuses must not take the other ones along
    conversation_id: Mapped[str] = mapped_column(String(ID), info=NOT_PERSONAL)
    at: Mapped[datetime] = mapped_column(info=NOT_PERSONAL)
    author: Mapped[str] = mapped_column(String(WORD), info=OF_OPERATOR)
    body: Mapped[str] = mapped_column(String(TEXT), info=FREE_TEXT)
    state: Mapped[str] = mapped_column(String(WORD), info=NOT_PERSONAL)
    attempts: Mapped[int] = mapped_column(info=NOT_PERSONAL)
    status: Mapped[int | None] = mapped_column(info=NOT_PERSONAL)
    settled_at: Mapped[datetime | None] = mapped_column(info=NOT_PERSONAL)
    address: Mapped[str] = mapped_column(String(255), info=OF_CALLER)
    peer: Mapped[str] = mapped_column(String(NUMBER), info=OF_CALLER)
    changes: Mapped[int] = mapped_column(info=NOT_PERSONAL)


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

    id: Mapped[str] = mapped_column(String(WORD), primary_key=True, info=NOT_PERSONAL)
    number: Mapped[str] = mapped_column(String(ID), info=NOT_PERSONAL)
    name: Mapped[str] = mapped_column(String(NAME), info=NOT_PERSONAL)
    kind: Mapped[str] = mapped_column(String(WORD), info=NOT_PERSONAL)
    voice: Mapped[str] = mapped_column(String(255), info=OF_AGENCY)
    fallback: Mapped[str] = mapped_column(String(255), info=OF_AGENCY)
    mail: Mapped[str] = mapped_column(String(255), info=OF_AGENCY)
    webhook: Mapped[str] = mapped_column(String(255), info=OF_AGENCY)
    hours: Mapped[str] = mapped_column(String(WORD), info=NOT_PERSONAL)
    holidays: Mapped[bool] = mapped_column(info=NOT_PERSONAL)
    categories: Mapped[list[str]] = mapped_column(info=NOT_PERSONAL)
    kecamatan: Mapped[list[str]] = mapped_column(info=NOT_PERSONAL)
    chain: Mapped[list[str]] = mapped_column(info=OF_AGENCY)
    acknowledge_s: Mapped[float] = mapped_column(info=NOT_PERSONAL)
    report_s: Mapped[float] = mapped_column(info=NOT_PERSONAL)
    changed_at: Mapped[datetime] = mapped_column(info=NOT_PERSONAL)
    retired_at: Mapped[datetime | None] = mapped_column(info=NOT_PERSONAL)


class CategoryRow(Base):
    """A category of incidents (`incidents.categories.Category`). Rows are retired and never
    deleted: incidents name them, and an empty table is one that has never been filled.
    """

    __tablename__ = "categories"

    id: Mapped[str] = mapped_column(String(WORD), primary_key=True, info=NOT_PERSONAL)
    code: Mapped[str] = mapped_column(String(WORD), info=NOT_PERSONAL)
    name: Mapped[dict[str, Any]] = mapped_column(info=NOT_PERSONAL)
    parent: Mapped[str | None] = mapped_column(String(WORD), info=NOT_PERSONAL)
    national_class: Mapped[str] = mapped_column(String(WORD), info=NOT_PERSONAL)
    priority: Mapped[int | None] = mapped_column(info=NOT_PERSONAL)
    menu: Mapped[str | None] = mapped_column(String(NAME), info=NOT_PERSONAL)
    apco: Mapped[str] = mapped_column(String(NAME), info=NOT_PERSONAL)
    questions: Mapped[list[dict[str, Any]]] = mapped_column(info=NOT_PERSONAL)
    agencies: Mapped[list[str]] = mapped_column(info=NOT_PERSONAL)
    version: Mapped[int] = mapped_column(info=NOT_PERSONAL)
    changed_at: Mapped[datetime] = mapped_column(info=NOT_PERSONAL)
    retired_at: Mapped[datetime | None] = mapped_column(info=NOT_PERSONAL)
