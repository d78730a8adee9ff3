"""Makes values fit their columns, and plain again: what the outside sends must never fail a write.

Callers choose their own names and numbers, so texts come in any length and with any sign. They are
cut to the column's length and lose what PostgreSQL refuses (NUL, halves of surrogate pairs);
numbers are brought into range; times are seconds since the epoch outside, moments in UTC inside.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Any

from sqlalchemy import JSON, BigInteger, Float, Integer, String

from models.tables import Base, UtcDateTime

Values = Mapping[str, Any]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LATEST_S = 253_402_214_400.0
"""The last day of the year 9999, where datetime ends, in seconds since the epoch."""
_JSON_TEXT = 1000  # characters of one text inside an event's data
_JSON_DEPTH = 6


def moment(seconds: float | datetime) -> datetime:
    """Return seconds since the epoch as a moment in UTC; what is no time becomes the epoch."""
    # nearly every one is of this kind, and there are five in a record
    if type(seconds) is float and 0.0 <= seconds <= LATEST_S:
        return datetime.fromtimestamp(seconds, UTC)
    if isinstance(seconds, datetime):
        return seconds
    value = float(seconds)
    if not math.isfinite(value):
        return _EPOCH
    return datetime.fromtimestamp(min(max(value, 0.0), LATEST_S), UTC)


def seconds(value: datetime) -> float:
    """Return a moment as seconds since the epoch."""
    return value.timestamp()


def _text(value: object, length: int) -> str:
    cut = str(value)[:length] if not isinstance(value, str) else value[:length]
    if "\0" in cut:
        cut = cut.replace("\0", "")
    return cut if cut.isascii() else cut.encode("utf-8", "replace").decode()


def _whole(value: float, bits: int) -> int | None:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    top = (1 << (bits - 1)) - 1
    return min(max(int(value), -top), top)


def _real(value: float) -> float | None:
    number = float(value)
    return number if math.isfinite(number) else None


def as_json(value: object, depth: int = 0) -> Any:
    """Keep of a value what JSON can hold; anything else is kept as its text."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return _text(value, _JSON_TEXT)
    if isinstance(value, int):
        return _whole(value, 64)
    if isinstance(value, float):
        return _real(value)
    if depth < _JSON_DEPTH and isinstance(value, Mapping):
        return {_text(name, _JSON_TEXT): as_json(one, depth + 1) for name, one in value.items()}
    if depth < _JSON_DEPTH and isinstance(value, list | tuple):
        return [as_json(one, depth + 1) for one in value]
    return _text(value, _JSON_TEXT)


def _text_of(length: int) -> Callable[[Any], str]:
    def fitted(value: Any) -> str:
        if type(value) is str and len(value) <= length and value.isascii() and "\0" not in value:
            return value
        return _text(value, length)

    return fitted


def _whole_of(bits: int) -> Callable[[Any], int | None]:
    top = (1 << (bits - 1)) - 1

    def fitted(value: Any) -> int | None:
        return value if type(value) is int and -top <= value <= top else _whole(value, bits)

    return fitted


def _fitter(kind: object) -> Callable[[Any], Any]:
    match kind:
        case UtcDateTime():
            return moment
        case String():
            return _text_of(kind.length or _JSON_TEXT)
        case BigInteger():
            return _whole_of(64)
        case Integer():
            return _whole_of(32)
        case Float():
            return _real
        case JSON():
            return as_json
        case _:
            return lambda value: value


@cache
def _fitters(model: type[Base]) -> dict[str, Callable[[Any], Any]]:
    return {column.name: _fitter(column.type) for column in model.__table__.columns}


@cache
def columns_of(model: type[Base]) -> frozenset[str]:
    """Return the names of the table's columns."""
    return frozenset(_fitters(model))


def fit(model: type[Base], values: Values) -> dict[str, Any]:
    """Return `values` as the columns of the table can hold them; None stays None.

    Raises KeyError for a name that is no column, TypeError or ValueError for a value that cannot
    be made to fit (a word where a number belongs).
    """
    fitters = _fitters(model)
    return {
        name: fitters[name](value) if value is not None else None for name, value in values.items()
    }


def plain(row: Values) -> dict[str, Any]:
    """Return a row that was read with its moments as seconds since the epoch; undoes `fit`."""
    return {
        name: seconds(value) if isinstance(value, datetime) else value
        for name, value in row.items()
    }
