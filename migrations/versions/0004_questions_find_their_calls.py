"""Indexes for the questions that read every call: who is owed a call, and an id by its begin."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_WAS_CUT_OFF = sa.text("ended_by IN ('cut_off', 'asterisk', 'line_stopped')")


def upgrade() -> None:
    """Make the indexes; that of the ids is for PostgreSQL, and in SQLite nothing is in it."""
    op.create_index(
        "ix_calls_cut_off",
        "calls",
        ["ended_at"],
        unique=False,
        sqlite_where=_WAS_CUT_OFF,
        postgresql_where=_WAS_CUT_OFF,
    )
    op.create_index(
        "ix_calls_call_id_begin",
        "calls",
        ["call_id"],
        unique=False,
        postgresql_ops={"call_id": "varchar_pattern_ops"},
        sqlite_where=sa.text("call_id IS NULL"),
    )


def downgrade() -> None:
    """Drop them."""
    op.drop_index("ix_calls_call_id_begin", "calls")
    op.drop_index("ix_calls_cut_off", "calls")
