"""Work that is no call, with callbacks as the first kind; which call follows which."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_ID, _WORD, _NUMBER, _NOTE = (sa.String(length) for length in (40, 32, 64, 255))
_AT = sa.DateTime(timezone=True)
_LIVES = sa.text("ended_at IS NULL")
_WAS_CUT_OFF = sa.text("ended_by IN ('cut_off', 'asterisk', 'line_stopped')")
# Who was cut off within a day, and neither called back nor served since: until now that was a list.
# What has letters, as `anonymous`, is nobody's number.
_OWED = sa.text(
    """
    INSERT INTO work_items (
        id, kind, state, category, language, call_id, number, reason, created_at, waits_since,
        due_at, attempts, history, changes, note
    )
    SELECT call_id, 'callback', 'waiting', category, language, call_id, caller_number, 'cut_off',
        ended_at, arrived_at, ended_at, 0, '[]', 1, ''
    FROM calls
    WHERE ended_by IN ('cut_off', 'asterisk', 'line_stopped') AND ended_at >= :since
        AND CAST(legs AS TEXT) NOT LIKE '%"callback"%'
        AND NOT EXISTS (
            SELECT 1 FROM calls AS later
            WHERE later.caller_number = calls.caller_number
                AND length(later.caller_number) > 4
                AND lower(later.caller_number) = upper(later.caller_number)
                AND later.operator_answered_at >= calls.ended_at
        )
    """
)


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
        sa.Column("misdial", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("withheld", sa.Boolean(), server_default=sa.false(), nullable=False),
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
    since = datetime.now(UTC) - timedelta(days=1)
    op.get_bind().execute(_OWED.bindparams(sa.bindparam("since", since, type_=_AT)))
    op.drop_index("ix_calls_cut_off", table_name="calls")


def downgrade() -> None:
    """Remove them."""
    op.create_index(
        "ix_calls_cut_off",
        "calls",
        ["ended_at"],
        sqlite_where=_WAS_CUT_OFF,
        postgresql_where=_WAS_CUT_OFF,
    )
    with op.batch_alter_table("calls") as table:
        for name in ("callback_of", "redial_of"):
            table.drop_column(name)
    op.drop_table("work_items")
