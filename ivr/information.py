"""Lines of recorded information: pieces with the time in which each is true. Pure.

`Information.next_piece` decides what is played; a piece whose time is over is never begun.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import msgspec

MOST_PIECES = 50
PROMPTS = ("information_keys", "information_end")
"""What is said of the keys where the menu file names nothing else."""

_NAME = re.compile(r"[a-z0-9_]{1,64}")
_FIELDS = {"prompt", "from", "until"}


class Piece(msgspec.Struct, frozen=True, kw_only=True):
    """One prompt, true from `begins` on and before `ends`, seconds since the epoch."""

    prompt: str
    begins: float = 0.0
    ends: float = math.inf

    def is_true(self, now: float) -> bool:
        """Whether the piece may be played now."""
        return self.begins <= now < self.ends


class Information(msgspec.Struct, frozen=True, kw_only=True):
    """One line: its pieces, heard one after the other."""

    pieces: tuple[Piece, ...]

    def next_piece(self, after: int, now: float) -> int | None:
        """The index of the first piece behind `after` (-1: of all) that is true, or None."""
        for index in range(max(after, -1) + 1, len(self.pieces)):
            if self.pieces[index].is_true(now):
                return index
        return None

    def prompts(self) -> set[str]:
        """The names of all its prompts, true now or not."""
        return {piece.prompt for piece in self.pieces}


class InformationKeys(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What keys do while information is heard; each other key asks for an operator.

    `repeat`: the piece from its beginning. `skip`: on to the next one. `back`: the menu.
    `prompt`: what tells so before the first piece; `end_prompt`: and behind the last one, after
    which the citizen has `silence_s` until an operator is found. No prompt: nothing is said.
    """

    repeat: str = "1"
    skip: str = "2"
    back: str = "*"
    prompt: str = PROMPTS[0]
    end_prompt: str = PROMPTS[1]
    silence_s: float = 3.0

    def problems(self) -> list[str]:
        """What is wrong, as clauses."""
        found = []
        keys = [self.repeat, self.skip, self.back]
        if any(len(key) != 1 or key not in "0123456789*#" for key in keys):
            found.append("information_keys: a key is one of 0 to 9, * or #")
        if len(set(keys)) < len(keys):
            found.append("information_keys: repeat, skip and back must be different keys")
        if not 0 < self.silence_s <= 30:
            found.append("information_keys: silence_s must be above 0 and at most 30")
        for prompt in (self.prompt, self.end_prompt):
            if prompt and not _NAME.fullmatch(prompt):
                found.append(f"information_keys: the prompt {prompt[:64]!r} must be a-z, 0-9 and _")
        return found


class _Read(NamedTuple):
    information: dict[str, Information]
    problems: list[str]


def read_information(listed: Any, timezone: str) -> _Read:
    """Read the table `information` of a menu file: name -> list of pieces; never raises.

    `timezone`: of days and times that have none of their own.
    """
    zone, found, problems = ZoneInfo(timezone), dict[str, Information](), list[str]()
    if not isinstance(listed, Mapping):
        return _Read({}, ["information must be a table of lists of pieces"])
    for name, pieces in listed.items():
        where = f"information {str(name)[:64]}"
        if not _NAME.fullmatch(name):
            problems.append(f"{where}: a name must be a-z, 0-9 and _ only")
        if not isinstance(pieces, list) or not 0 < len(pieces) <= MOST_PIECES:
            problems.append(f"{where}: it must be a list of 1 to {MOST_PIECES} pieces")
            continue
        read = []
        for number, piece in enumerate(pieces, 1):
            try:
                read.append(_piece(piece, zone))
            except ValueError as error:
                problems.append(f"{where}, piece {number}: {error}")
        found[name] = Information(pieces=tuple(read))
    return _Read(found, problems)


def _piece(given: Any, zone: ZoneInfo) -> Piece:
    if not isinstance(given, Mapping) or "prompt" not in given:
        raise ValueError('it must look like { prompt = "info_covid", until = 2027-12-31 }')
    for name in given.keys() - _FIELDS:
        raise ValueError(f"{str(name)[:64]!r} is none of {', '.join(sorted(_FIELDS))}")
    prompt = given["prompt"]
    if not isinstance(prompt, str) or not _NAME.fullmatch(prompt):
        raise ValueError(f"the prompt {str(prompt)[:64]!r} must be a-z, 0-9 and _ only")
    begins = _moment(given["from"], zone, "from") if "from" in given else 0.0
    ends = _moment(given["until"], zone, "until", last=True) if "until" in given else math.inf
    if begins >= ends:
        raise ValueError("from must be before until")
    return Piece(prompt=prompt, begins=begins, ends=ends)


def _moment(given: Any, zone: ZoneInfo, name: str, *, last: bool = False) -> float:
    """Return a day or a time of TOML in seconds since the epoch; a `last` day belongs to it."""
    try:
        if isinstance(given, datetime):
            return (given if given.tzinfo else given.replace(tzinfo=zone)).timestamp()
        if isinstance(given, date):
            day = given + timedelta(days=1) if last else given
            return datetime(day.year, day.month, day.day, tzinfo=zone).timestamp()
    except (OverflowError, ValueError):
        pass
    raise ValueError(f"{name} must be a day like 2026-12-31 or a time like 2026-12-31T18:00:00")
