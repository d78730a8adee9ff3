"""Agencies are rows; the first start fills the table."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

_IN_USE = sa.text("retired_at IS NULL")


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "agencies",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("number", sa.String(40), nullable=False),
        sa.Column("name", sa.String(128), nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("voice", sa.String(255), nullable=False),
        sa.Column("fallback", sa.String(255), nullable=False),
        sa.Column("mail", sa.String(255), nullable=False),
        sa.Column("webhook", sa.String(255), nullable=False),
        sa.Column("hours", sa.String(32), nullable=False),
        sa.Column("holidays", sa.Boolean(), nullable=False),
        sa.Column("categories", sa.JSON(), nullable=False),
        sa.Column("kecamatan", sa.JSON(), nullable=False),
        sa.Column("chain", sa.JSON(), nullable=False),
        sa.Column("acknowledge_s", sa.Double(), nullable=False),
        sa.Column("report_s", sa.Double(), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("retired_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_agencies")),
    )
    op.create_index(
        "uq_agencies_number",
        "agencies",
        ["number"],
        unique=True,
        sqlite_where=_IN_USE,
        postgresql_where=_IN_USE,
    )


def downgrade() -> None:
    """Remove it; the distribution file may still have what it had."""
    op.drop_table("agencies")
