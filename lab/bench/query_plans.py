"""How a database gets at the rows of a question: what was asked, and the steps of its plans."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import msgspec
from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncConnection

from models.database import Database

Asked = list[tuple[str, Any]]
"""Statements with their parameters."""


_CTE = re.compile(r"(\w+)(?:\(\w+\))? AS\s*\(")
_OF_ROWS_READ = ("Bitmap Heap Scan", "Subquery Scan", "CTE Scan", "WorkTable Scan")


class Read(msgspec.Struct, frozen=True):
    """One step that reads. `index`: by which one; "" where the table itself is read.

    `bounded`: only what a condition leaves is read; else all of it, or as much as a limit lets.
    """

    step: str
    index: str
    bounded: bool


@contextmanager
def questions(database: Database) -> Iterator[Asked]:
    """Collect what is asked of the database."""
    asked: Asked = []

    def note(_c: object, _cursor: object, statement: str, parameters: Any, *_: object) -> None:
        if statement.lstrip().startswith(("SELECT", "WITH", "SET LOCAL")):
            asked.append((statement, parameters))

    event.listen(database.engine.sync_engine, "before_cursor_execute", note)
    try:
        yield asked
    finally:
        event.remove(database.engine.sync_engine, "before_cursor_execute", note)


async def reads(connection: AsyncConnection, asked: Asked) -> list[Read]:
    """Return what the database's plans for these questions read; to be asked in a transaction."""
    if connection.dialect.name == "postgresql":
        explain, step_of = "EXPLAIN (FORMAT JSON)", _of_postgresql
    else:
        explain, step_of = "EXPLAIN QUERY PLAN", _of_sqlite
    found: list[Read] = []
    for statement, parameters in asked:
        if statement.startswith("SET"):
            await connection.exec_driver_sql(statement)
            continue
        made = _CTE.findall(statement)
        for row in await connection.exec_driver_sql(f"{explain} {statement}", parameters):
            found += [one for one in step_of(row) if one.step.split()[1] not in made]
    return found


def _of_sqlite(row: Any) -> Iterator[Read]:
    step: str = row.detail
    if not step.startswith(("SCAN", "SEARCH")) or "CONSTANT ROW" in step:
        return
    table, _, how = step.partition(" USING ")
    words = how.replace("COVERING ", "").split()
    index = words[1] if words[:1] == ["INDEX"] else " ".join(words[:2])
    if "VIRTUAL TABLE" in step:  # of FTS5: "M" begins how a word is looked up
        table, _, plan = step.partition(" VIRTUAL TABLE INDEX ")
        yield Read(step, table.split()[-1], "M" in plan)
        return
    yield Read(step, index, step.startswith("SEARCH"))


def _of_postgresql(row: Any) -> Iterator[Read]:
    nodes = [one["Plan"] for one in (json.loads(row[0]) if isinstance(row[0], str) else row[0])]
    while nodes:
        node = nodes.pop()
        nodes += node.get("Plans", [])
        kind = node["Node Type"]
        if kind.endswith("Scan") and kind not in _OF_ROWS_READ:
            index = node.get("Index Name", "")
            what = index or node.get("Relation Name", "the table")
            yield Read(f"{kind} of {what}", index, "Index Cond" in node)
