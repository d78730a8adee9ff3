"""Calls that Asterisk refused before any engine heard of them: sums of an hour, by address."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table; an older engine writes no rows of it, and needs none."""
    op.create_table(
        "refused_calls",
        sa.Column("id", sa.String(40), nullable=False),
        sa.Column("hour", sa.DateTime(timezone=True), nullable=False),
        sa.Column("source", sa.String(64), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("calls", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_refused_calls"),
    )
    op.create_index("ix_refused_calls_hour", "refused_calls", ["hour"])


def downgrade() -> None:
    """Remove it."""
    op.drop_table("refused_calls")
