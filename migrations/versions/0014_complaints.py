"""Incidents have agreed times, names in other systems, a number that was told, public words."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

_HAS_DUE = sa.text("due_at IS NOT NULL")
_IS_PUBLISHED = sa.text("published_at IS NOT NULL")
_MOMENTS = (
    *("forwarded_at", "reported_at", "followed_up_at", "replied_at"),
    *("due_at", "number_told_at", "published_at"),
)


def upgrade() -> None:
    """Add the columns; older engines write rows without them."""
    for name in _MOMENTS:
        op.add_column("incidents", sa.Column(name, sa.DateTime(timezone=True), nullable=True))
    op.add_column("incidents", sa.Column("due_for", sa.String(32), nullable=True))
    op.add_column(
        "incidents", sa.Column("references", sa.JSON(), nullable=False, server_default="[]")
    )
    op.add_column("incidents", sa.Column("publication", sa.JSON(), nullable=True))
    op.create_index(
        "ix_incidents_published",
        "incidents",
        ["opened_at"],
        sqlite_where=_IS_PUBLISHED,
        postgresql_where=_IS_PUBLISHED,
    )
    op.create_index(
        "ix_incidents_due",
        "incidents",
        ["due_at"],
        sqlite_where=_HAS_DUE,
        postgresql_where=_HAS_DUE,
    )
    op.create_table(
        "incident_references",
        sa.Column("incident_id", sa.String(40), nullable=False),
        sa.Column("system", sa.String(32), nullable=False),
        sa.Column("reference", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint(
            "incident_id", "system", "reference", name=op.f("pk_incident_references")
        ),
    )
    op.create_index(
        "ix_incident_references_reference", "incident_references", ["reference", "system"]
    )


def downgrade() -> None:
    """Remove them, with what they hold."""
    op.drop_table("incident_references")
    for name in ("due", "published"):
        op.drop_index(f"ix_incidents_{name}", "incidents")
    for name in ("publication", "references", "due_for", *reversed(_MOMENTS)):
        op.drop_column("incidents", name)
