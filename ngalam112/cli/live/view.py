"""What a board is made from, and the pieces of text that it is made of. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
from rich.cells import cell_len, set_cell_size

from ngalam112.terminal import safe

Snapshot = Mapping[str, Any]
"""As `/api/live` pushes it, or as a replay makes it: some parts may be missing there."""


class Silent(NamedTuple):
    """No answer comes at the moment; why, in the words of the system."""

    why: str


class Replay(msgspec.Struct, frozen=True, kw_only=True):
    """How far a replay is. `speed`: seconds of the line in one second."""

    at: str
    speed: float
    over: bool = False


class View(msgspec.Struct, frozen=True, kw_only=True):
    """One look at the line.

    `snapshot`: the newest there is. `silent_since`: since when no answer comes, as a time of day.
    `alarms`: what is said of those that are on, by key. `acknowledged`: by whom, by key.
    `selected`: the id of an operator.
    """

    snapshot: Snapshot | None = None
    silent_since: str = ""
    alarms: Mapping[str, str] = {}
    acknowledged: Mapping[str, str] = {}
    selected: str = ""
    replay: Replay | None = None


class Span(NamedTuple):
    """Some text, and how it looks."""

    text: str
    style: str = ""


Row = list[Span]
"""One line of the board."""


class Column(NamedTuple):
    """A column of a table: its width in cells, and whether its texts stand to the right."""

    width: int
    right: bool = False


def fitted(text: str, width: int, *, right: bool = False) -> str:
    """Return the text in exactly so many cells; what is too long ends in a dot of three."""
    text = safe(text)
    if cell_len(text) > width:
        return set_cell_size(text, max(0, width - 1)) + "…" if width > 0 else ""
    room = " " * (width - cell_len(text))
    return room + text if right else text + room


def cells(texts: Sequence[str], columns: Sequence[Column]) -> str:
    """Return the texts of a row in their columns, a space between each."""
    pairs = zip(texts, columns, strict=False)
    return " ".join(fitted(text, one.width, right=one.right) for text, one in pairs)


def clock(seconds: float | None) -> str:
    """Return how long something has been: 0:43, 12:05, 1:02:03, 5 d; a dash if that is unknown."""
    if seconds is None:
        return "-"
    whole = max(0, int(seconds))
    if whole >= 4 * 86_400:
        return f"{whole // 86_400} d"
    minutes, hours = whole // 60 % 60, whole // 3600
    return f"{hours}:{minutes:02}:{whole % 60:02}" if hours else f"{minutes}:{whole % 60:02}"


def time_of_day(moment: str) -> str:
    """Return the time of day of a moment as the API tells it."""
    return moment[11:19]
