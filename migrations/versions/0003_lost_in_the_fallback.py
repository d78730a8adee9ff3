"""Who was not answered in the fallback was lost there."""

from __future__ import annotations

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Tell the losses of the fallback from its answers; a call that is up is neither yet."""
    op.execute(
        "UPDATE calls SET outcome = 'lost_fallback' WHERE outcome = 'fallback'"
        " AND operator_answered_at IS NULL AND ended_at IS NOT NULL"
    )


def downgrade() -> None:
    """Call both of them the fallback's again."""
    op.execute("UPDATE calls SET outcome = 'fallback' WHERE outcome = 'lost_fallback'")
