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
_AT_WORK = sa.text("over_at IS NULL AND merged_into IS NULL")
_MERGED = sa.text("merged_into IS NOT NULL")
_TO_WATCH = sa.text("(state IN ('sending', 'sent', 'overdue') OR late_report)")
_NO_ROW = sa.text("id IS NULL")
_WORDS = sa.text("array_to_tsvector(array_remove(string_to_array(words, ' '), ''))")

# A key of its own, for SQLite may number the rows of `incidents` anew (VACUUM). Words come as runs
# of letters and digits: what is not ASCII belongs to a word. Whoever makes `incidents` anew, as
# alembic does to change a column, drops the triggers with it, and has to make them again.
_SEARCH_OF_SQLITE = (
    """CREATE TABLE incident_words_keys (
        key INTEGER NOT NULL PRIMARY KEY, incident_id VARCHAR(40) NOT NULL UNIQUE
    )""",
    """CREATE VIRTUAL TABLE incident_words
        USING fts5 (words, content='', tokenize='ascii', prefix='1 2 3')""",
    """CREATE TRIGGER incident_words_added AFTER INSERT ON incidents BEGIN
        INSERT INTO incident_words_keys (incident_id) VALUES (new.id);
        INSERT INTO incident_words (rowid, words)
            SELECT key, new.words FROM incident_words_keys WHERE incident_id = new.id;
    END""",
    """CREATE TRIGGER incident_words_changed AFTER UPDATE OF words ON incidents
        WHEN old.words IS NOT new.words BEGIN
        INSERT INTO incident_words (incident_words, rowid, words)
            SELECT 'delete', key, old.words FROM incident_words_keys WHERE incident_id = new.id;
        INSERT INTO incident_words (rowid, words)
            SELECT key, new.words FROM incident_words_keys WHERE incident_id = new.id;
    END""",
    """CREATE TRIGGER incident_words_dropped AFTER DELETE ON incidents BEGIN
        INSERT INTO incident_words (incident_words, rowid, words)
            SELECT 'delete', key, old.words FROM incident_words_keys WHERE incident_id = old.id;
        DELETE FROM incident_words_keys WHERE incident_id = old.id;
    END""",
)


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
        sa.Column("words", sa.String(length=1300), nullable=False, server_default=""),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_incidents")),
    )
    for name in ("number", "opened_at"):
        op.create_index(op.f(f"ix_incidents_{name}"), "incidents", [name])
    for name, column in (("state", "state"), ("class", "incident_class"), ("category", "category")):
        op.create_index(f"ix_incidents_{name}_opened_at", "incidents", [column, "opened_at"])
    _partial("ix_incidents_not_coded", "incidents", "opened_at", _NOT_CODED)
    _partial("ix_incidents_not_settled", "incidents", "opened_at", _NOT_SETTLED)
    _partial("ix_incidents_at_work", "incidents", "opened_at", _AT_WORK)
    _partial("ix_incidents_merged", "incidents", "opened_at", _MERGED)
    _partial("ix_incidents_merged_into", "incidents", "merged_into", _MERGED)
    op.create_index(
        "ix_incidents_id_begin",
        "incidents",
        ["id"],
        postgresql_ops={"id": "varchar_pattern_ops"},
        sqlite_where=_NO_ROW,
    )
    _make_search()
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
        sa.Column("arrived_at", _AT, nullable=True),
        sa.Column("changes", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_dispatches")),
    )
    op.create_index(op.f("ix_dispatches_incident_id"), "dispatches", ["incident_id"])
    _partial("ix_dispatches_not_settled", "dispatches", "created_at", _NOT_SETTLED)
    _partial("ix_dispatches_to_watch", "dispatches", "created_at", _TO_WATCH)


def _make_search() -> None:
    """Let incidents be found by words: with what the database has built in, which needs no rights.

    PostgreSQL: without fastupdate, for a search would read the list of what waits for its place.
    """
    if op.get_bind().dialect.name == "sqlite":
        for statement in _SEARCH_OF_SQLITE:
            op.execute(statement)
        return
    op.create_index(
        "ix_incidents_words",
        "incidents",
        [_WORDS],
        postgresql_using="gin",
        postgresql_with={"fastupdate": "off"},
    )


def downgrade() -> None:
    """Drop them, with what they hold."""
    if op.get_bind().dialect.name == "sqlite":
        for table in ("incident_words", "incident_words_keys"):
            op.drop_table(table)
    tables = ("incident_contacts", "incident_calls", "incident_entries", "incidents")
    for table in ("dispatches", *tables):
        op.drop_table(table)
