"""Texts that a report says to people: English, and able to be said in another language. Pure.

What comes from data (operators, categories, addresses) is plain text, and no catalogue is ever
asked for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime


class Said(str):
    """A sentence or title of ours, in English.

    `template`: it with names in braces, by which a catalogue knows it; `values`: what stands there:
    numbers, texts of ours, and plain texts.
    """

    template: str
    values: Mapping[str, object]

    def __new__(cls, template: str, **values: object) -> Said:
        """Return the text with its values filled in."""
        filled = {name: _plain(value) for name, value in values.items()}
        made = super().__new__(cls, template.format(**filled) if values else template)
        made.template, made.values = template, values
        return made


class NamedTime(str):
    """The name of a time: an hour, a shift, a day, a month. `by`: which of these (`By`)."""

    by: str
    at: datetime
    shift: str

    def __new__(cls, name: str, by: str) -> NamedTime:
        """Return the time that a group is named after (`reports.figures_groups`)."""
        day, _, shift = name.partition(" ") if by == "shift" else (name, "", "")
        shown = name.replace("T", " ")[:16] if by in ("hour", "15min") else name
        made = super().__new__(cls, shown)
        made.by, made.shift = by, shift
        at = datetime.fromisoformat(f"{day}-01" if by == "month" else day)
        made.at = at.replace(tzinfo=None)  # the name is by the city's clock already
        return made


TIMES = ("15min", "hour", "shift", "day", "month")
"""The groupings whose groups have the name of a time."""


def _plain(value: object) -> object:
    return f"{value:g}" if isinstance(value, float) else value
