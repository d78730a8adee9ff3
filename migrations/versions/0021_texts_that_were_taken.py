"""Text conversations know when an operator took them first, which opens an incident."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; older engines write rows without it."""
    taken_at = sa.Column("taken_at", sa.DateTime(timezone=True), nullable=True)
    op.add_column("text_conversations", taken_at)


def downgrade() -> None:
    """Remove it."""
    op.drop_column("text_conversations", "taken_at")
