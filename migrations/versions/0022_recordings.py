"""Recordings of calls, chained row by row."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

_GOING = sa.text("state = 'going'")


def upgrade() -> None:
    """Add the table; an older engine knows nothing of it, and needs nothing."""
    op.create_table(
        "recordings",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("asterisk_id", sa.String(150), nullable=False),
        sa.Column("call_id", sa.String(40), nullable=True),
        sa.Column("path", sa.String(255), nullable=False),
        sa.Column("arrived_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("duration_ms", sa.BigInteger(), nullable=False),
        sa.Column("missing_ms", sa.BigInteger(), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("chain", sa.String(64), nullable=False),
        sa.Column("state", sa.String(32), nullable=False),
        sa.Column("filed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("gone_because", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_recordings"),
        sa.UniqueConstraint("asterisk_id", name="uq_recordings_asterisk_id"),
    )
    op.create_index("ix_recordings_call_id", "recordings", ["call_id"])
    op.create_index("ix_recordings_arrived_at", "recordings", ["arrived_at"])
    op.create_index(
        "ix_recordings_going",
        "recordings",
        ["id"],
        sqlite_where=_GOING,
        postgresql_where=_GOING,
    )


def downgrade() -> None:
    """Remove it; the files stay where they are."""
    op.drop_table("recordings")
