"""The tables of what is done with personal data: requests, holds, purges, breaches, who looked."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Index, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from models.base import ID, NUMBER, TEXT, WORD, Base
from models.marks import FREE_TEXT, NOT_PERSONAL, OF_CALLER, OF_OPERATOR

_IS_OPEN = text("closed_at IS NULL")
_HOLDS = text("released_at IS NULL")


class PrivacyRequestRow(Base):
    """What a citizen has asked for (`privacy.requests.Request`).

    `caller`: the key that all spellings of the number share (`acd.numbers.caller.same_caller`).
    """

    __tablename__ = "privacy_requests"
    __table_args__ = (
        Index(
            "ix_privacy_requests_open",
            "due_at",
            sqlite_where=_IS_OPEN,
            postgresql_where=_IS_OPEN,
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True, info=NOT_PERSONAL)
    kind: Mapped[str] = mapped_column(String(WORD), info=NOT_PERSONAL)
    caller: Mapped[str] = mapped_column(String(WORD), index=True, info=OF_CALLER)
    number: Mapped[str] = mapped_column(String(NUMBER), info=OF_CALLER)
    state: Mapped[str] = mapped_column(String(WORD), info=NOT_PERSONAL)
    received_at: Mapped[datetime] = mapped_column(index=True, info=NOT_PERSONAL)
    due_at: Mapped[datetime] = mapped_column(info=NOT_PERSONAL)
    taken_by: Mapped[str] = mapped_column(String(WORD), info=OF_OPERATOR)
    verified: Mapped[str] = mapped_column(String(255), info=FREE_TEXT)
    closed_at: Mapped[datetime | None] = mapped_column(info=NOT_PERSONAL)
    entries: Mapped[int] = mapped_column(info=NOT_PERSONAL)


class PrivacyEntryRow(Base):
    """One step of a request or a breach; only ever added to. `about`: request or breach."""

    __tablename__ = "privacy_entries"

    about: Mapped[str] = mapped_column(String(WORD), primary_key=True, info=NOT_PERSONAL)
    about_id: Mapped[int] = mapped_column(primary_key=True, info=NOT_PERSONAL)
    seq: Mapped[int] = mapped_column(primary_key=True, info=NOT_PERSONAL)
    at: Mapped[datetime] = mapped_column(info=NOT_PERSONAL)
    kind: Mapped[str] = mapped_column(String(WORD), info=NOT_PERSONAL)
    by: Mapped[str] = mapped_column(String(WORD), info=OF_OPERATOR)
    text: Mapped[str] = mapped_column(String(TEXT), info=FREE_TEXT)


class PrivacyHoldRow(Base):
    """A legal hold: what neither a purge nor an erasure touches (`privacy.holds`).

    `target`: the id of a call or an incident, or the key of a number.
    """

    __tablename__ = "privacy_holds"
    __table_args__ = (
        Index(
            "ix_privacy_holds_kept",
            "kind",
            "target",
            sqlite_where=_HOLDS,
            postgresql_where=_HOLDS,
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True, info=NOT_PERSONAL)
    kind: Mapped[str] = mapped_column(String(WORD), info=NOT_PERSONAL)
    target: Mapped[str] = mapped_column(String(NUMBER), info=OF_CALLER)
    reason: Mapped[str] = mapped_column(String(255), info=FREE_TEXT)
    placed_by: Mapped[str] = mapped_column(String(WORD), info=OF_OPERATOR)
    placed_at: Mapped[datetime] = mapped_column(info=NOT_PERSONAL)
    released_by: Mapped[str | None] = mapped_column(String(WORD), info=OF_OPERATOR)
    released_at: Mapped[datetime | None] = mapped_column(info=NOT_PERSONAL)
    released_because: Mapped[str] = mapped_column(String(255), info=FREE_TEXT)


class PrivacyPurgeRow(Base):
    """One run of the purge, with how far it has come in each class (`privacy.purge.Progress`)."""

    __tablename__ = "privacy_purges"

    id: Mapped[int] = mapped_column(primary_key=True, info=NOT_PERSONAL)
    began_at: Mapped[datetime] = mapped_column(info=NOT_PERSONAL)
    ended_at: Mapped[datetime | None] = mapped_column(info=NOT_PERSONAL)
    by: Mapped[str] = mapped_column(String(WORD), info=OF_OPERATOR)
    whole_at: Mapped[datetime] = mapped_column(info=NOT_PERSONAL)
    classes: Mapped[dict[str, Any]] = mapped_column(info=NOT_PERSONAL)


class PrivacyBreachRow(Base):
    """A breach of personal data, and who was told of it (`privacy.breaches.Breach`)."""

    __tablename__ = "privacy_breaches"
    __table_args__ = (
        Index(
            "ix_privacy_breaches_open",
            "due_at",
            sqlite_where=_IS_OPEN,
            postgresql_where=_IS_OPEN,
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True, info=NOT_PERSONAL)
    found_at: Mapped[datetime] = mapped_column(info=NOT_PERSONAL)
    due_at: Mapped[datetime] = mapped_column(info=NOT_PERSONAL)
    what: Mapped[str] = mapped_column(String(TEXT), info=FREE_TEXT)
    people: Mapped[int | None] = mapped_column(info=NOT_PERSONAL)
    reported_by: Mapped[str] = mapped_column(String(WORD), info=OF_OPERATOR)
    subjects_told_at: Mapped[datetime | None] = mapped_column(info=NOT_PERSONAL)
    authority_told_at: Mapped[datetime | None] = mapped_column(info=NOT_PERSONAL)
    closed_at: Mapped[datetime | None] = mapped_column(info=NOT_PERSONAL)
    entries: Mapped[int] = mapped_column(info=NOT_PERSONAL)


class AccessTrailRow(Base):
    """Who has looked at what, when, by which command; only ever added to.

    `kind`, `target`: what was looked at, as call and its id; of a number, its key. `reason`: why,
    where that was asked.
    """

    __tablename__ = "access_trail"
    __table_args__ = (Index("ix_access_trail_kind_target_at", "kind", "target", "at"),)

    id: Mapped[str] = mapped_column(String(ID), primary_key=True, info=NOT_PERSONAL)
    at: Mapped[datetime] = mapped_column(index=True, info=NOT_PERSONAL)
    who: Mapped[str] = mapped_column(String(NUMBER), info=OF_OPERATOR)
    source: Mapped[str] = mapped_column(String(WORD), info=NOT_PERSONAL)
    kind: Mapped[str] = mapped_column(String(WORD), info=NOT_PERSONAL)
    target: Mapped[str] = mapped_column(String(NUMBER), info=OF_CALLER)
    command: Mapped[str] = mapped_column(String(NUMBER), info=NOT_PERSONAL)
    reason: Mapped[str | None] = mapped_column(Text, info=FREE_TEXT)
