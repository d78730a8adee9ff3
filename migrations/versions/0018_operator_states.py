"""What operators have chosen and done, from change to change, for times and staffing."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table; an older engine writes no rows of it, and needs none."""
    op.create_table(
        "operator_states",
        sa.Column("id", sa.String(40), nullable=False),
        sa.Column("operator", sa.String(32), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("status", sa.String(32), nullable=False),
        sa.Column("state", sa.String(32), nullable=False),
        sa.Column("pause_reason", sa.String(255), nullable=True),
        sa.Column("phone", sa.String(32), nullable=True),
        sa.Column("call_id", sa.String(150), nullable=True),
        sa.Column("text_id", sa.String(40), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_operator_states"),
    )
    op.create_index("ix_operator_states_at", "operator_states", ["at"])
    op.create_index("ix_operator_states_operator_at", "operator_states", ["operator", "at"])


def downgrade() -> None:
    """Remove it."""
    op.drop_table("operator_states")
