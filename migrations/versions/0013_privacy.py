"""Requests of citizens, legal holds, purges, breaches, and who has looked at what."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

_ID, _WORD, _NUMBER, _LINE, _TEXT = (sa.String(length) for length in (40, 32, 64, 255, 1000))
_AT = sa.DateTime(timezone=True)
_IS_OPEN = sa.text("closed_at IS NULL")
_HOLDS = sa.text("released_at IS NULL")


def _key(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.Integer(), nullable=False)


def upgrade() -> None:
    """Make the tables; work items are found by the number from now on."""
    op.create_table(
        "privacy_requests",
        _key("id"),
        sa.Column("kind", _WORD, nullable=False),
        sa.Column("caller", _WORD, nullable=False),
        sa.Column("number", _NUMBER, nullable=False),
        sa.Column("state", _WORD, nullable=False),
        sa.Column("received_at", _AT, nullable=False),
        sa.Column("due_at", _AT, nullable=False),
        sa.Column("taken_by", _WORD, nullable=False),
        sa.Column("verified", _LINE, nullable=False),
        sa.Column("closed_at", _AT, nullable=True),
        sa.Column("entries", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_privacy_requests")),
    )
    for name in ("caller", "received_at"):
        op.create_index(op.f(f"ix_privacy_requests_{name}"), "privacy_requests", [name])
    _open("ix_privacy_requests_open", "privacy_requests")
    op.create_table(
        "privacy_entries",
        sa.Column("about", _WORD, nullable=False),
        _key("about_id"),
        _key("seq"),
        sa.Column("at", _AT, nullable=False),
        sa.Column("kind", _WORD, nullable=False),
        sa.Column("by", _WORD, nullable=False),
        sa.Column("text", _TEXT, nullable=False),
        sa.PrimaryKeyConstraint("about", "about_id", "seq", name=op.f("pk_privacy_entries")),
    )
    op.create_table(
        "privacy_holds",
        _key("id"),
        sa.Column("kind", _WORD, nullable=False),
        sa.Column("target", _NUMBER, nullable=False),
        sa.Column("reason", _LINE, nullable=False),
        sa.Column("placed_by", _WORD, nullable=False),
        sa.Column("placed_at", _AT, nullable=False),
        sa.Column("released_by", _WORD, nullable=True),
        sa.Column("released_at", _AT, nullable=True),
        sa.Column("released_because", _LINE, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_privacy_holds")),
    )
    op.create_index(
        "ix_privacy_holds_kept",
        "privacy_holds",
        ["kind", "target"],
        sqlite_where=_HOLDS,
        postgresql_where=_HOLDS,
    )
    op.create_table(
        "privacy_purges",
        _key("id"),
        sa.Column("began_at", _AT, nullable=False),
        sa.Column("ended_at", _AT, nullable=True),
        sa.Column("by", _WORD, nullable=False),
        sa.Column("whole_at", _AT, nullable=False),
        sa.Column("classes", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_privacy_purges")),
    )
    op.create_table(
        "privacy_breaches",
        _key("id"),
        sa.Column("found_at", _AT, nullable=False),
        sa.Column("due_at", _AT, nullable=False),
        sa.Column("what", _TEXT, nullable=False),
        sa.Column("people", sa.Integer(), nullable=True),
        sa.Column("reported_by", _WORD, nullable=False),
        sa.Column("subjects_told_at", _AT, nullable=True),
        sa.Column("authority_told_at", _AT, nullable=True),
        sa.Column("closed_at", _AT, nullable=True),
        sa.Column("entries", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_privacy_breaches")),
    )
    _open("ix_privacy_breaches_open", "privacy_breaches")
    op.create_table(
        "access_trail",
        sa.Column("id", _ID, nullable=False),
        sa.Column("at", _AT, nullable=False),
        sa.Column("who", _NUMBER, nullable=False),
        sa.Column("source", _WORD, nullable=False),
        sa.Column("kind", _WORD, nullable=False),
        sa.Column("target", _NUMBER, nullable=False),
        sa.Column("command", _NUMBER, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_access_trail")),
    )
    op.create_index(op.f("ix_access_trail_at"), "access_trail", ["at"])
    op.create_index("ix_access_trail_kind_target_at", "access_trail", ["kind", "target", "at"])
    op.create_index(op.f("ix_work_items_number"), "work_items", ["number"])


def _open(name: str, table: str) -> None:
    op.create_index(name, table, ["due_at"], sqlite_where=_IS_OPEN, postgresql_where=_IS_OPEN)


def downgrade() -> None:
    """Drop them, with what they hold."""
    op.drop_index(op.f("ix_work_items_number"), "work_items")
    for table in (
        "access_trail",
        "privacy_breaches",
        "privacy_purges",
        "privacy_holds",
        "privacy_entries",
        "privacy_requests",
    ):
        op.drop_table(table)
