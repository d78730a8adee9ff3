"""Work that is no call, with callbacks as the first kind; which call follows which."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_ID, _WORD, _NUMBER, _NOTE = (sa.String(length) for length in (40, 32, 64, 255))
_AT = sa.DateTime(timezone=True)
_LIVES = sa.text("ended_at IS NULL")


def upgrade() -> None:
    """Add the table, and two columns which nothing that is there needs."""
    op.create_table(
        "work_items",
        sa.Column("id", _ID, nullable=False),
        sa.Column("kind", _WORD, nullable=False),
        sa.Column("state", _WORD, nullable=False),
        sa.Column("category", _WORD, nullable=True),
        sa.Column("language", _WORD, nullable=False),
        sa.Column("call_id", _ID, nullable=False),
        sa.Column("number", _NUMBER, nullable=False),
        sa.Column("reason", _WORD, nullable=False),
        sa.Column("created_at", _AT, nullable=False),
        sa.Column("waits_since", _AT, nullable=False),
        sa.Column("due_at", _AT, nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("operator", _WORD, nullable=True),
        sa.Column("phone", _WORD, nullable=True),
        sa.Column("channel", sa.String(150), nullable=True),
        sa.Column("talk", _ID, nullable=True),
        sa.Column("history", sa.JSON(), nullable=False),
        sa.Column("changes", sa.Integer(), nullable=False),
        sa.Column("ended_at", _AT, nullable=True),
        sa.Column("outcome", _WORD, nullable=True),
        sa.Column("closed_by", _WORD, nullable=True),
        sa.Column("note", _NOTE, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_work_items"),
    )
    op.create_index("ix_work_items_call_id", "work_items", ["call_id"])
    op.create_index("ix_work_items_created_at", "work_items", ["created_at"])
    op.create_index(
        "ix_work_items_open",
        "work_items",
        ["created_at"],
        sqlite_where=_LIVES,
        postgresql_where=_LIVES,
    )
    for name in ("redial_of", "callback_of"):
        op.add_column("calls", sa.Column(name, _ID, nullable=True))


def downgrade() -> None:
    """Remove them."""
    with op.batch_alter_table("calls") as table:
        for name in ("callback_of", "redial_of"):
            table.drop_column(name)
    op.drop_table("work_items")
