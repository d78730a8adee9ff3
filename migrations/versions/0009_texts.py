"""Conversations by messages, and the messages."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_IS_OPEN = sa.text("closed_at IS NULL")


def _moment(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def _word(name: str, length: int = 32, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.String(length=length), nullable=nullable)


def _count(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.Integer(), nullable=nullable)


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "text_conversations",
        _word("id", 40),
        _word("number", 64),
        _word("name", 128),
        _word("address", 255),
        _word("peer", 64),
        _word("category", nullable=True),
        _word("language"),
        _word("state"),
        _moment("opened_at"),
        _moment("waits_since"),
        _word("operator", nullable=True),
        _word("phone", nullable=True),
        _moment("answered_at", nullable=True),
        _moment("citizen_at"),
        _moment("operator_at", nullable=True),
        _count("received"),
        _count("dropped"),
        _word("call_id", 40, nullable=True),
        _word("outcome", nullable=True),
        _moment("closed_at", nullable=True),
        _word("closed_by", nullable=True),
        _word("note", 255),
        _count("changes"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_text_conversations")),
    )
    op.create_index(op.f("ix_text_conversations_number"), "text_conversations", ["number"])
    op.create_index(op.f("ix_text_conversations_opened_at"), "text_conversations", ["opened_at"])
    op.create_index(
        "ix_text_conversations_open",
        "text_conversations",
        ["opened_at"],
        sqlite_where=_IS_OPEN,
        postgresql_where=_IS_OPEN,
    )
    op.create_table(
        "text_messages",
        _word("id", 40),
        _word("conversation_id", 40),
        _moment("at"),
        _word("author"),
        _word("body", 1000),
        _word("state"),
        _count("attempts"),
        _count("status", nullable=True),
        _moment("settled_at", nullable=True),
        _word("address", 255),
        _word("peer", 64),
        _count("changes"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_text_messages")),
    )
    op.create_index("ix_text_messages_conversation", "text_messages", ["conversation_id", "at"])


def downgrade() -> None:
    """Drop them, with what they hold."""
    op.drop_table("text_messages")
    op.drop_table("text_conversations")
