"""Incidents know whether their caller has confirmed them, and whether that is under way."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns; older engines write rows without them."""
    op.add_column("incidents", sa.Column("verification", sa.String(40), nullable=True))
    op.add_column("incidents", sa.Column("verified_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("incidents", sa.Column("verified_by", sa.String(32), nullable=True))


def downgrade() -> None:
    """Remove them, one by one: a copy of the table would lose the triggers of its search."""
    for name in ("verified_by", "verified_at", "verification"):
        op.drop_column("incidents", name)
