"""Calls know that the number was withheld, the caller silent or a nuisance, and what it was."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns; older engines write rows without them."""
    for name in ("withheld", "silent"):
        op.add_column(
            "calls", sa.Column(name, sa.Boolean(), server_default=sa.false(), nullable=False)
        )
    for name in ("nuisance", "disposition"):
        op.add_column("calls", sa.Column(name, sa.String(32), nullable=True))


def downgrade() -> None:
    """Remove them."""
    with op.batch_alter_table("calls") as table:
        for name in ("disposition", "nuisance", "silent", "withheld"):
            table.drop_column(name)
