"""Every column, and every key of what is kept as JSON, says whether it is personal, and whose."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from enum import StrEnum

import pytest
from sqlalchemy import JSON, Column, Integer, MetaData, Table

from acd.calls.record import EventKind
from incidents.incident import EntryKind
from models.marks import Mark, NotMarked, mark_of
from models.tables import Base
from ngalam112.config.settings import PROJECT
from privacy.keys import COLUMN_KEYS, ENTRY_KEYS, EVENT_KEYS, Keys, keys_of, mark_of_key

TABLES = Base.metadata.tables
BY_KIND = {("call_events", "data"), ("incident_entries", "data")}
SOURCES = ("acd", "ivr", "incidents", "ngalam112")
OF_NO_ENTRY = {"version", "now", "by", "category_of"}


@pytest.mark.parametrize("table", TABLES.values(), ids=lambda table: table.name)
def test_every_column_says_whether_it_is_personal(table: Table) -> None:
    assert {mark_of(column) for column in table.columns} <= set(Mark)


def test_a_column_that_says_nothing_is_named() -> None:
    silent = Column("colour", Integer)
    Table("cars", MetaData(), silent)
    with pytest.raises(NotMarked, match=r"cars\.colour does not say"):
        mark_of(silent)


def test_what_is_kept_as_json_and_may_be_personal_has_a_table_of_its_keys() -> None:
    by_key = {
        (table.name, column.name)
        for table in TABLES.values()
        for column in table.columns
        if mark_of(column) is Mark.BY_KEY
    }
    assert by_key == COLUMN_KEYS.keys() | BY_KIND
    assert all(isinstance(TABLES[table].c[name].type, JSON) for table, name in by_key)


def test_the_numbers_names_and_texts_of_citizens_are_marked_as_theirs() -> None:
    found = {
        f"{table.name}.{column.name}"
        for table in TABLES.values()
        for column in table.columns
        if mark_of(column) in (Mark.CALLER, Mark.CONTACT, Mark.FREE_TEXT)
    }
    assert found >= {
        "calls.caller_number",
        "calls.caller_name",
        "calls.place",
        "calls.lat",
        "work_items.number",
        "work_items.note",
        "incidents.description",
        "incidents.place",
        "incidents.words",
        "incident_contacts.caller",
        "text_conversations.number",
        "text_conversations.address",
        "text_messages.body",
        "registered_places.address",
    }


def test_no_kind_of_event_is_forgotten() -> None:
    assert EVENT_KEYS.keys() == set(EventKind)
    assert ENTRY_KEYS.keys() == set(EntryKind)


def test_a_key_that_nobody_has_thought_of_counts_as_a_text() -> None:
    assert mark_of_key(EVENT_KEYS[EventKind.ENDED], "last_words") is Mark.FREE_TEXT


def test_the_marks_of_a_table_have_those_of_its_json() -> None:
    keys = keys_of(TABLES["incidents"])
    assert keys["description"] is Mark.FREE_TEXT
    assert isinstance(keys["contacts"], Mapping) and keys["contacts"]["name"] is Mark.CONTACT


def told(kinds: type[StrEnum]) -> Iterator[tuple[StrEnum, str]]:
    """Each key that our code writes into an event of a kind, as far as it stands there."""
    for path in (path for source in SOURCES for path in (PROJECT / source).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            named = [
                one.attr
                for one in node.args
                if isinstance(one, ast.Attribute)
                and isinstance(one.value, ast.Name)
                and one.value.id == kinds.__name__
            ]
            if len(named) != 1:
                continue
            given = [one.arg for one in node.keywords if one.arg]
            given += [
                key.value
                for one in node.args
                if isinstance(one, ast.Dict)
                for key in one.keys
                if isinstance(key, ast.Constant)
            ]
            yield from ((kinds[named[0]], key) for key in given if key not in OF_NO_ENTRY)


@pytest.mark.parametrize(
    ("kinds", "tables", "least"),
    [(EventKind, EVENT_KEYS, 45), (EntryKind, ENTRY_KEYS, 15)],
    ids=["calls", "incidents"],
)
def test_every_key_that_the_code_writes_is_in_the_table(
    kinds: type[StrEnum], tables: Mapping[StrEnum, Keys], least: int
) -> None:
    found = set(told(kinds))
    assert len(found) >= least
    assert {(kind.value, key) for kind, key in found if key not in tables[kind]} == set()
