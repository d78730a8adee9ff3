"""Who asks for a call back while hearing of a known big incident."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; nobody could ask before."""
    op.add_column(
        "calls",
        sa.Column("wants_callback", sa.Boolean(), server_default=sa.false(), nullable=False),
    )


def downgrade() -> None:
    """Remove it."""
    with op.batch_alter_table("calls") as table:
        table.drop_column("wants_callback")
