"""A person of the role agency works for one: which."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; older engines write rows without it."""
    op.add_column("people", sa.Column("agency", sa.String(32), nullable=True))


def downgrade() -> None:
    """Remove it; whoever worked for an agency cannot be known any more, and has no role."""
    op.execute("DELETE FROM people WHERE role = 'agency'")
    op.drop_column("people", "agency")
