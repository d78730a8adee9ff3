"""The access trail says why somebody has listened to a talk."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; older engines write rows without it."""
    op.add_column("access_trail", sa.Column("reason", sa.Text(), nullable=True))


def downgrade() -> None:
    """Remove it."""
    op.drop_column("access_trail", "reason")
