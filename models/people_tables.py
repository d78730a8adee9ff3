"""The tables of who may use the line by a token, or listen with a PIN."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from models.base import ID, NAME, NUMBER, WORD, Base
from models.marks import FREE_TEXT, NOT_PERSONAL, OF_OPERATOR


class PersonRow(Base):
    """A person (`ngalam112.accounts.people.Person`); a row stays when they have ended."""

    __tablename__ = "people"

    id: Mapped[str] = mapped_column(String(WORD), primary_key=True, info=OF_OPERATOR)
    name: Mapped[str] = mapped_column(String(NAME), info=OF_OPERATOR)
    role: Mapped[str] = mapped_column(String(WORD), info=NOT_PERSONAL)
    pin_hash: Mapped[str | None] = mapped_column(String(255), info=OF_OPERATOR)
    made_at: Mapped[datetime] = mapped_column(info=NOT_PERSONAL)
    changed_at: Mapped[datetime] = mapped_column(info=NOT_PERSONAL)
    ended_at: Mapped[datetime | None] = mapped_column(info=NOT_PERSONAL)
    agency: Mapped[str | None] = mapped_column(String(WORD), info=NOT_PERSONAL)


class TokenRow(Base):
    """A token of a person's (`ngalam112.accounts.people.Token`); of its secret only a digest."""

    __tablename__ = "tokens"

    id: Mapped[str] = mapped_column(String(ID), primary_key=True, info=NOT_PERSONAL)
    person: Mapped[str] = mapped_column(String(WORD), info=OF_OPERATOR)
    digest: Mapped[str] = mapped_column(String(NUMBER), info=NOT_PERSONAL)
    note: Mapped[str] = mapped_column(String(NAME), info=FREE_TEXT)
    made_at: Mapped[datetime] = mapped_column(info=NOT_PERSONAL)
    expires_at: Mapped[datetime] = mapped_column(info=NOT_PERSONAL)
    revoked_at: Mapped[datetime | None] = mapped_column(info=NOT_PERSONAL)
    used_at: Mapped[datetime | None] = mapped_column(info=OF_OPERATOR)
