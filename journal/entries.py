"""What the lines of the local journal say, and the state that they add up to. Touches no file."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from acd.operators.operator import Phone
from journal.row_kinds import BY_TABLE, CALLS, OPERATORS
from models.rows import as_json

Row = tuple[str, dict[str, Any]]  # table, values
Numbered = dict[str, tuple[int, dict[str, Any]]]
"""Rows by what names them, each with the number of the entry that it came with."""

UNKNOWN_ROW = "unknown_row:"
"""The key of a row that this version has no table for is this, and where it stood."""


class Entry(msgspec.Struct, frozen=True, array_like=True, tag="rows"):
    """Rows that go to the database together; `n` counts the entries, over all engines."""

    n: int
    rows: tuple[Row, ...]


class _Whom(msgspec.Struct, frozen=True):
    # what is named by `id` may point to a call too, or to none; what else it is, is not read here
    call_id: Any = ""
    id: Any = ""


class Glance(msgspec.Struct, frozen=True, array_like=True, tag="rows"):
    """An entry of which only is read whom it tells of; a tenth of the work."""

    n: int
    rows: tuple[tuple[str, _Whom], ...]

    @property
    def ids(self) -> set[str]:
        """The ids of the rows that the entry tells of."""
        named = (whom.id or whom.call_id for _, whom in self.rows)
        return {one for one in named if one and isinstance(one, str)}


class Summary(msgspec.Struct, frozen=True, array_like=True, tag="summary"):
    """What the start of an engine has to know of a segment, without reading it.

    `first`, `last`: the numbers of its first and its last entry; `count`: of its entries. `ids`:
    the rows that they tell of. `damaged`: lines that cannot be understood.
    """

    first: int
    last: int
    count: int
    ids: list[str]
    damaged: int


class Fact(msgspec.Struct, frozen=True, array_like=True, tag="fact"):
    """Something that is for the next engine only."""

    key: str
    value: msgspec.Raw


class PhoneLine(msgspec.Struct, frozen=True, array_like=True):
    """A phone as it is kept."""

    number: str
    password: str
    contact: str | None


class State(msgspec.Struct, array_like=True, tag="state"):
    """The begin of a segment. `others`: the rows of further tables, by the table's name.

    New fields come at the end and have a default: earlier and later versions read each other's.
    """

    last: int = 0
    operators: Numbered = {}
    calls: Numbered = {}
    phones: list[PhoneLine] = []
    facts: dict[str, msgspec.Raw] = {}
    others: dict[str, Numbered] = {}

    def rows(self, table: str) -> Numbered:
        """The rows of a table."""
        if table == CALLS.table:
            return self.calls
        if table == OPERATORS.table:
            return self.operators
        return self.others.setdefault(table, {})


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """What an earlier engine left.

    `operators`, `calls`, and `others` by the table's name: their last rows, of what has an end only
    those without one. `newer`: the ids of rows of which the database does not have the last word
    yet, ended ones too. `facts`: what was kept by `Journal.keep`.
    """

    operators: dict[str, dict[str, Any]] = {}
    calls: dict[str, dict[str, Any]] = {}
    others: dict[str, dict[str, dict[str, Any]]] = {}
    phones: tuple[Phone, ...] = ()
    newer: frozenset[str] = frozenset()
    facts: dict[str, Any] = {}


Anything = Entry | Fact | State
encode = msgspec.json.Encoder(enc_hook=str).encode
_decode = msgspec.json.Decoder(Anything).decode
_glance = msgspec.json.Decoder(Glance).decode
_summary = msgspec.json.Decoder(Summary).decode


def encoded(entry: Entry) -> bytes:
    """Return the entry as JSON; never fails."""
    try:
        return encode(entry)
    except (TypeError, ValueError, OverflowError, RecursionError):
        # something that no JSON can hold: keep of it what fits
        rows = tuple(
            (table, {name: as_json(one) for name, one in values.items()})
            for table, values in entry.rows
        )
        return encode(Entry(entry.n, rows))


def decoded(body: bytes | None) -> Anything | None:
    """Return what the body of a line says; None if it is damaged."""
    if body is None:
        return None
    try:
        found: Anything = _decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None
    return found


def glanced(body: bytes | None) -> Glance | None:
    """Return whom an entry tells of; None for a damaged line and for one that is no entry."""
    if body is None:
        return None
    try:
        found: Glance = _glance(body)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None
    return found


def summed(bodies: Iterable[bytes | None]) -> bytes:
    """Return the summary of a segment's lines as JSON."""
    first = last = count = damaged = 0
    ids = set[str]()
    for body in bodies:
        damaged += body is None
        entry = glanced(body)
        if entry is not None and entry.n > last:
            first, last, count = first or entry.n, entry.n, count + 1
            ids |= entry.ids
    return encode(Summary(first, last, count, sorted(ids), damaged))


def summary_of(body: bytes | None) -> Summary | None:
    """Return what a summary says; None if there is none that can be understood."""
    if body is None:
        return None
    try:
        return _summary(body)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None


def note(state: State, line: Anything) -> None:
    """Change the state by a line."""
    match line:
        case Entry(n=n, rows=rows):
            state.last = n
            for table, values in rows:
                kind = BY_TABLE.get(table)
                if kind is None or kind.key is None:
                    continue
                if kind.is_needed(values):
                    state.rows(table)[values[kind.key]] = (n, values)
                else:
                    state.rows(table).pop(values[kind.key], None)
        case Fact(key=key, value=value):
            if bytes(value) == b"null":
                state.facts.pop(key, None)
            else:
                state.facts[key] = value.copy()
        case State():
            state.last = line.last
            state.operators, state.calls = line.operators, line.calls
            state.phones = line.phones
            state.facts = {key: value.copy() for key, value in line.facts.items()}
            state.others = line.others


def restate(state: State, table: str, rows: Iterable[dict[str, Any]]) -> None:
    """Put these rows in place of the table's; a number is kept where there is one."""
    key, known = BY_TABLE[table].key, state.rows(table)
    if key is None:
        raise ValueError(f"The rows of {table} have nothing that names them.")
    found = {row[key]: (known.get(row[key], (0,))[0], row) for row in rows}
    known.clear()
    known.update(found)


def kept_of(state: State, newer: Iterable[str], drained: int) -> Kept:
    """Return the state as the next engine wants it; the database has all entries up to `drained`.

    `newer`: who is in the other entries.
    """
    rows = (state.operators, state.calls, *state.others.values())
    not_drained = {id for some in rows for id, (n, _) in some.items() if n > drained}
    return Kept(
        operators={id: row for id, (_, row) in state.operators.items()},
        calls={id: row for id, (_, row) in state.calls.items()},
        others={
            table: {id: row for id, (_, row) in known.items()}
            for table, known in state.others.items()
        },
        phones=tuple(Phone(one.number, one.password, one.contact) for one in state.phones),
        newer=frozenset(not_drained.union(newer)),
        facts={key: msgspec.json.decode(value) for key, value in state.facts.items()},
    )


def joined(old: State, ours: State) -> State:
    """Return the state of both, where ours counts more."""
    return State(
        last=max(old.last, ours.last),
        operators=old.operators | ours.operators,
        calls=old.calls | ours.calls,
        phones=ours.phones or old.phones,
        facts=old.facts | ours.facts,
        others={
            table: old.others.get(table, {}) | ours.others.get(table, {})
            for table in old.others.keys() | ours.others.keys()
        },
    )
