"""Alarms with begin, end and who has acknowledged them; and over which trunk a call has come."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0022"
branch_labels = None
depends_on = None

_IS_ON = sa.text("ended_at IS NULL")


def upgrade() -> None:
    """Add the table and the column; an older engine fills neither, and needs neither."""
    op.create_table(
        "alarms",
        sa.Column("id", sa.String(40), nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("about", sa.String(255), nullable=False),
        sa.Column("text", sa.String(255), nullable=False),
        sa.Column("began_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("acknowledged_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("acknowledged_by", sa.String(64), nullable=True),
        sa.Column("changes", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_alarms"),
    )
    op.create_index("ix_alarms_began_at", "alarms", ["began_at"])
    op.create_index(
        "ix_alarms_on",
        "alarms",
        ["began_at"],
        sqlite_where=_IS_ON,
        postgresql_where=_IS_ON,
    )
    op.add_column("calls", sa.Column("trunk", sa.String(64), nullable=True))


def downgrade() -> None:
    """Remove both."""
    with op.batch_alter_table("calls") as calls:
        calls.drop_column("trunk")
    op.drop_table("alarms")
