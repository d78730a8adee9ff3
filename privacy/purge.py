"""What a purge takes of each class, and where the next one goes on. Pure.

A purge walks the records of a class in order of time, from where the last one has come to, up to
the age at which they go. What is on hold or not over is passed over, and the next purge begins
there again. Once in a while everything is walked anew, for a record can come to another class.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum

import msgspec

from acd.calls.record import Outcome

DAY_S = 86_400.0
WHOLE_AGAIN_S = 30 * DAY_S
"""So long after a walk from the very beginning comes the next one."""


class Stage(StrEnum):
    """What is taken: the persons out of a record, or the record."""

    PERSONAL = "personal"
    ROW = "row"


class Progress(msgspec.Struct, kw_only=True):
    """How far a purge has come in one class and stage.

    `through`: all before this moment is done. `done`: records that went. `left`: those that were
    passed over.
    """

    through: float = 0.0
    done: int = 0
    left: int = 0


class Run(msgspec.Struct, kw_only=True):
    """The row of `privacy_purges`. `whole_at`: when everything was walked last.

    `classes`: by the class and the stage, as `calls.prank/personal`.
    """

    id: int
    began_at: float
    by: str
    whole_at: float
    classes: dict[str, Progress] = {}
    ended_at: float | None = None


def key_of(name: str, stage: Stage) -> str:
    """Under which a run keeps how far it has come."""
    return f"{name}/{stage}"


def begin_of(last: Run | None, now: float) -> tuple[float, Mapping[str, float]]:
    """Return when everything was walked last, and from where each class is to be walked now."""
    if last is None or now - last.whole_at >= WHOLE_AGAIN_S:
        return now, {}
    return last.whole_at, {name: one.through for name, one in last.classes.items()}


def cutoff_of(days: int, now: datetime) -> datetime:
    """Return the moment before which records go that are kept for so many days."""
    return now - timedelta(days=days)


OUTCOMES: Mapping[str, tuple[Outcome, ...]] = {
    "answered": (Outcome.ANSWERED,),
    "information": (Outcome.INFORMATION,),
    "lost": (
        Outcome.LOST_MENU,
        Outcome.LOST_QUEUE,
        Outcome.LOST_RINGING,
        Outcome.LOST_FALLBACK,
    ),
    "fallback": (Outcome.FALLBACK,),
    "callback": (Outcome.CALLBACK,),
    "test": (Outcome.TEST,),
}
"""Which outcomes make a class of calls, where no operator has said that it was a prank or ghost."""

MARKED = ("prank", "ghost")
"""Classes of calls that an operator's word makes, whatever the outcome was."""
