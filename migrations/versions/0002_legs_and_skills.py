"""Legs, holds and transfers of a call; an operator's skills, and what survives a restart."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns; what is there has had no holds, no transfers and no skills."""
    op.add_column("calls", sa.Column("legs", sa.JSON(), server_default="[]", nullable=False))
    op.add_column("calls", sa.Column("holds", sa.Integer(), server_default="0", nullable=False))
    op.add_column(
        "calls", sa.Column("held_ms", sa.BigInteger(), server_default="0", nullable=False)
    )
    op.add_column("calls", sa.Column("transfers", sa.Integer(), server_default="0", nullable=False))
    op.add_column("operators", sa.Column("skills", sa.JSON(), server_default="{}", nullable=False))
    op.add_column(
        "operators", sa.Column("weight", sa.Integer(), server_default="1", nullable=False)
    )
    op.add_column(
        "operators", sa.Column("misses", sa.Integer(), server_default="0", nullable=False)
    )
    op.add_column("operators", sa.Column("offered_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column(
        "operators", sa.Column("wrap_up_until", sa.DateTime(timezone=True), nullable=True)
    )


def downgrade() -> None:
    """Remove them."""
    with op.batch_alter_table("operators") as table:
        for name in ("wrap_up_until", "offered_at", "misses", "weight", "skills"):
            table.drop_column(name)
    with op.batch_alter_table("calls") as table:
        for name in ("transfers", "held_ms", "holds", "legs"):
            table.drop_column(name)
