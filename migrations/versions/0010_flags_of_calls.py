"""Calls know whether the number was withheld, and whether the caller was silent."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns; older engines write rows without them."""
    for name in ("withheld", "silent"):
        op.add_column(
            "calls", sa.Column(name, sa.Boolean(), server_default=sa.false(), nullable=False)
        )


def downgrade() -> None:
    """Remove them."""
    with op.batch_alter_table("calls") as table:
        for name in ("silent", "withheld"):
            table.drop_column(name)
