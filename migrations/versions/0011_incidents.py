"""Incidents, their timelines, by which calls and callers they are found, and their dispatches."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

_ID, _WORD, _NUMBER, _PLACE, _TEXT = (sa.String(length) for length in (40, 32, 64, 255, 1000))
_AT = sa.DateTime(timezone=True)
_NOT_CODED = sa.text("coded_at IS NULL")
_NOT_SETTLED = sa.text("settled_at IS NULL")


def _partial(name: str, table: str, column: str, where: sa.TextClause) -> None:
    op.create_index(name, table, [column], sqlite_where=where, postgresql_where=where)


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "incidents",
        sa.Column("id", _ID, nullable=False),
        sa.Column("number", _WORD, nullable=False),
        sa.Column("state", _WORD, nullable=False),
        sa.Column("incident_class", _WORD, nullable=True),
        sa.Column("category", _WORD, nullable=True),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("opened_at", _AT, nullable=False),
        sa.Column("opened_by", _WORD, nullable=False),
        sa.Column("description", _TEXT, nullable=False),
        sa.Column("place", _PLACE, nullable=False),
        sa.Column("place_source", _WORD, nullable=True),
        sa.Column("lat", sa.Double(), nullable=True),
        sa.Column("lon", sa.Double(), nullable=True),
        sa.Column("kelurahan", _NUMBER, nullable=True),
        sa.Column("kecamatan", _NUMBER, nullable=True),
        sa.Column("contacts", sa.JSON(), nullable=False),
        sa.Column("answers", sa.JSON(), nullable=False),
        sa.Column("call_ids", sa.JSON(), nullable=False),
        sa.Column("merged_into", _ID, nullable=True),
        sa.Column("dispatches", sa.JSON(), nullable=False),
        sa.Column("coded_at", _AT, nullable=True),
        sa.Column("settled_at", _AT, nullable=True),
        sa.Column("changed_at", _AT, nullable=False),
        sa.Column("over_at", _AT, nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_incidents")),
    )
    for name in ("number", "opened_at", "merged_into"):
        op.create_index(op.f(f"ix_incidents_{name}"), "incidents", [name])
    for name, column in (("state", "state"), ("class", "incident_class"), ("category", "category")):
        op.create_index(f"ix_incidents_{name}_opened_at", "incidents", [column, "opened_at"])
    _partial("ix_incidents_not_coded", "incidents", "opened_at", _NOT_CODED)
    _partial("ix_incidents_not_settled", "incidents", "opened_at", _NOT_SETTLED)
    op.create_table(
        "incident_entries",
        sa.Column("incident_id", _ID, nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("at", _AT, nullable=False),
        sa.Column("kind", _WORD, nullable=False),
        sa.Column("by", _WORD, nullable=False),
        sa.Column("source", _WORD, nullable=False),
        sa.Column("data", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("incident_id", "seq", name=op.f("pk_incident_entries")),
    )
    op.create_table(
        "incident_calls",
        sa.Column("call_id", _ID, nullable=False),
        sa.Column("incident_id", _ID, nullable=False),
        sa.PrimaryKeyConstraint("call_id", name=op.f("pk_incident_calls")),
    )
    op.create_index(op.f("ix_incident_calls_incident_id"), "incident_calls", ["incident_id"])
    op.create_table(
        "incident_contacts",
        sa.Column("incident_id", _ID, nullable=False),
        sa.Column("caller", _WORD, nullable=False),
        sa.PrimaryKeyConstraint("incident_id", "caller", name=op.f("pk_incident_contacts")),
    )
    op.create_index(op.f("ix_incident_contacts_caller"), "incident_contacts", ["caller"])
    op.create_table(
        "dispatches",
        sa.Column("id", _ID, nullable=False),
        sa.Column("incident_id", _ID, nullable=False),
        sa.Column("agency", _WORD, nullable=False),
        sa.Column("state", _WORD, nullable=False),
        sa.Column("deliveries", sa.JSON(), nullable=False),
        sa.Column("origin", _WORD, nullable=True),
        sa.Column("step", sa.Integer(), nullable=False),
        sa.Column("created_at", _AT, nullable=False),
        sa.Column("created_by", _WORD, nullable=False),
        sa.Column("due_at", _AT, nullable=True),
        sa.Column("acknowledged_at", _AT, nullable=True),
        sa.Column("acknowledged_by", _WORD, nullable=True),
        sa.Column("late_report", sa.Boolean(), nullable=False),
        sa.Column("settled_at", _AT, nullable=True),
        sa.Column("note", _PLACE, nullable=False),
        sa.Column("changes", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_dispatches")),
    )
    op.create_index(op.f("ix_dispatches_incident_id"), "dispatches", ["incident_id"])
    op.create_index("ix_dispatches_state_created_at", "dispatches", ["state", "created_at"])
    _partial("ix_dispatches_not_settled", "dispatches", "created_at", _NOT_SETTLED)


def downgrade() -> None:
    """Drop them, with what they hold."""
    tables = ("incident_contacts", "incident_calls", "incident_entries", "incidents")
    for table in ("dispatches", *tables):
        op.drop_table(table)
