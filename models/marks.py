"""What a column holds of people: the one place that says which marks there are and reads them.

Each column of `models.tables` has a mark in its definition (`info=`), and so has each key of what
is kept as JSON (`privacy.keys`).
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from sqlalchemy import Column

_NAME = "mark"


class Mark(StrEnum):
    """Whose personal data it is, or what else."""

    CALLER = "caller"  # who calls or writes: number, name, where they are
    CONTACT = "contact"  # who has told of an incident, and where it is
    OPERATOR = "operator"  # who works here, at which phone
    AGENCY = "agency"  # by whom and where an institution is reached
    FREE_TEXT = "free text"  # anything may stand in it, of anybody
    BY_KEY = "by key"  # JSON, whose keys have a mark each
    NOT_PERSONAL = "not personal"


Info = dict[Any, Any]

OF_CALLER: Info = {_NAME: Mark.CALLER}
OF_CONTACT: Info = {_NAME: Mark.CONTACT}
OF_OPERATOR: Info = {_NAME: Mark.OPERATOR}
OF_AGENCY: Info = {_NAME: Mark.AGENCY}
FREE_TEXT: Info = {_NAME: Mark.FREE_TEXT}
BY_KEY: Info = {_NAME: Mark.BY_KEY}
NOT_PERSONAL: Info = {_NAME: Mark.NOT_PERSONAL}


class NotMarked(LookupError):
    """A column does not say whether it is personal."""


def mark_of(column: Column[Any]) -> Mark:
    """Return what the column holds; raises NotMarked if its definition does not say so."""
    found = column.info.get(_NAME)
    if found is None:
        raise NotMarked(
            f"The column {column.table.name}.{column.name} does not say whether it is personal; "
            "give it a mark of models.marks (info=)."
        )
    return Mark(found)
