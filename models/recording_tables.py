"""The table of the recordings of calls (`ngalam112.recordings`)."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from models.base import ID, WORD, Base
from models.marks import NOT_PERSONAL

KEPT, GOING, GONE = "kept", "going", "gone"
"""The states of a recording: there; its file is to be removed; only its row is left."""

IS_GOING = text("state = 'going'")
"""For a question about the recordings whose file is to be removed, word for word."""


class RecordingRow(Base):
    """One recording; rows are never removed, for each vouches for those before it.

    `id`: 1, 2, 3 in the order of the chain. `asterisk_id`: the citizen's channel, as in `calls`.
    `path`: below the folder of recordings. `missing_ms`: of the call, but not of what was heard:
    silence stands there. `state`: kept, going (its file is to be removed) or gone.
    """

    __tablename__ = "recordings"
    __table_args__ = (
        Index("ix_recordings_going", "id", sqlite_where=IS_GOING, postgresql_where=IS_GOING),
    )

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False, info=NOT_PERSONAL)
    asterisk_id: Mapped[str] = mapped_column(String(150), unique=True, info=NOT_PERSONAL)
    call_id: Mapped[str | None] = mapped_column(String(ID), index=True, info=NOT_PERSONAL)
    path: Mapped[str] = mapped_column(String(255), info=NOT_PERSONAL)
    arrived_at: Mapped[datetime] = mapped_column(index=True, info=NOT_PERSONAL)
    ended_at: Mapped[datetime] = mapped_column(info=NOT_PERSONAL)
    duration_ms: Mapped[int] = mapped_column(BigInteger, info=NOT_PERSONAL)
    missing_ms: Mapped[int] = mapped_column(BigInteger, info=NOT_PERSONAL)
    bytes: Mapped[int] = mapped_column(BigInteger, info=NOT_PERSONAL)
    sha256: Mapped[str] = mapped_column(String(64), info=NOT_PERSONAL)
    chain: Mapped[str] = mapped_column(String(64), info=NOT_PERSONAL)
    state: Mapped[str] = mapped_column(String(WORD), info=NOT_PERSONAL)
    filed_at: Mapped[datetime] = mapped_column(info=NOT_PERSONAL)
    gone_because: Mapped[str] = mapped_column(String(64), info=NOT_PERSONAL)
