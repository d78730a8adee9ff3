"""Where a citizen is, in the record of the call; the city's list of fixed numbers."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_COLUMNS = (
    ("place_source", sa.String(32)),
    ("lat", sa.Double()),
    ("lon", sa.Double()),
    ("radius_m", sa.Double()),
    ("place", sa.String(255)),
    ("kelurahan", sa.String(64)),
    ("kecamatan", sa.String(64)),
)


def upgrade() -> None:
    """Add the columns, which may be empty, and the table."""
    for name, kind in _COLUMNS:
        op.add_column("calls", sa.Column(name, kind, nullable=True))
    op.create_table(
        "registered_places",
        sa.Column("caller", sa.String(32), nullable=False),
        sa.Column("number", sa.String(64), nullable=False),
        sa.Column("address", sa.String(255), nullable=False),
        sa.Column("lat", sa.Double(), nullable=True),
        sa.Column("lon", sa.Double(), nullable=True),
        sa.Column("kelurahan", sa.String(64), nullable=True),
        sa.Column("kecamatan", sa.String(64), nullable=True),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("caller", name=op.f("pk_registered_places")),
    )


def downgrade() -> None:
    """Remove them."""
    op.drop_table("registered_places")
    with op.batch_alter_table("calls") as table:
        for name, _ in reversed(_COLUMNS):
            table.drop_column(name)
