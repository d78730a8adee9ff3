"""The table of alarms (`ngalam112.alarms`)."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from models.base import ID, NUMBER, WORD, Base
from models.marks import NOT_PERSONAL, OF_OPERATOR

IS_ON = text("ended_at IS NULL")
"""For a question about the alarms that are on, word for word."""


class AlarmRow(Base):
    """An alarm (`ngalam112.alarms.alarm.Alarm`), from its begin on."""

    __tablename__ = "alarms"
    __table_args__ = (
        Index("ix_alarms_on", "began_at", sqlite_where=IS_ON, postgresql_where=IS_ON),
    )

    id: Mapped[str] = mapped_column(String(ID), primary_key=True, info=NOT_PERSONAL)
    kind: Mapped[str] = mapped_column(String(WORD), info=NOT_PERSONAL)
    about: Mapped[str] = mapped_column(String(255), info=NOT_PERSONAL)
    text: Mapped[str] = mapped_column(String(255), info=NOT_PERSONAL)
    began_at: Mapped[datetime] = mapped_column(index=True, info=NOT_PERSONAL)
    ended_at: Mapped[datetime | None] = mapped_column(info=NOT_PERSONAL)
    acknowledged_at: Mapped[datetime | None] = mapped_column(info=NOT_PERSONAL)
    acknowledged_by: Mapped[str | None] = mapped_column(String(NUMBER), info=OF_OPERATOR)
    changes: Mapped[int] = mapped_column(info=NOT_PERSONAL)
