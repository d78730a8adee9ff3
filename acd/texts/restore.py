"""Reads back the rows that an earlier engine has kept."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

import msgspec
import structlog

log = structlog.get_logger("texts")
T = TypeVar("T")


def understood(rows: Iterable[Mapping[str, Any]], kind: type[T]) -> list[T]:
    """The rows that make sense; an engine must start whatever an earlier one has left."""
    found = []
    for row in rows:
        try:
            found.append(msgspec.convert(dict(row), kind))
        except msgspec.ValidationError as error:
            log.error("text_not_restored", id=str(row.get("id")), error=str(error))
    return found
