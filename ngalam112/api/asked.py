"""What can be asked for in the API's lists: the types of the parameters of questions.

A parameter that does not exist, or cannot be understood, is refused in one sentence.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, TypeVar, get_args
from zoneinfo import ZoneInfo

import msgspec

from acd.calls.record import Outcome
from acd.work_items.states import ItemOutcome
from ngalam112.api import time_ranges
from ngalam112.config.settings import Settings
from reports.callbacks import ALL, OPEN
from reports.calls import LIVE
from reports.figures_groups import By
from reports.kinds import KINDS

MOST_CALLS = 10_000
"""The most rows of one list."""

S = TypeVar("S", bound=msgspec.Struct)


class Misunderstood(ValueError):
    """A question has a parameter that does not exist, or a value that cannot be used."""


def one_of(*choices: type[StrEnum] | str) -> msgspec.Meta:
    """Tell in the document which texts a parameter may be; the question itself refuses others."""
    names = [
        name
        for one in choices
        for name in ([one] if isinstance(one, str) else [each.value for each in one])
    ]
    return msgspec.Meta(extra_json_schema={"enum": names})


Limit = Annotated[int, msgspec.Meta(ge=1, le=MOST_CALLS, description="At most so many.")]
Before = Annotated[
    str, msgspec.Meta(description="The id of the last row that you have: what comes behind it.")
]
Since = Annotated[
    str,
    msgspec.Meta(
        description="From then on: today, yesterday, 2026-11-23 or 2026-11-23T08:00.",
        examples=["today", "2026-11-23", "2026-11-23T08:00"],
    ),
]
Until = Annotated[
    str,
    msgspec.Meta(
        description="Before then, said as `from`; a day that is named belongs to it.",
        examples=["today", "2026-11-23", "2026-11-23T08:00"],
    ),
]


class ById(msgspec.Struct, forbid_unknown_fields=True):
    """`id`: or the begin of it, if no other begins so."""

    id: str


class NoParameters(msgspec.Struct, forbid_unknown_fields=True):
    """A question without parameters."""


class OfPeriod(msgspec.Struct, forbid_unknown_fields=True):
    """A time."""

    since: Since | None = msgspec.field(default=None, name="from")
    until: Until | None = msgspec.field(default=None, name="to")


class OfCalls(OfPeriod, forbid_unknown_fields=True):
    """The newest calls that arrived in a time. `caller`: a part of the number."""

    outcome: Annotated[str, one_of(Outcome, LIVE)] | None = None
    caller: Annotated[str, msgspec.Meta(description="A part of the caller's number.")] | None = None
    limit: Limit = 100
    before: Before | None = None


class OfPlaces(msgspec.Struct, forbid_unknown_fields=True):
    """Places of fixed numbers."""

    number: Annotated[str, msgspec.Meta(description="A number, in any spelling.")] = ""
    limit: Limit = 100


class OfCallbacks(OfPeriod, forbid_unknown_fields=True):
    """Callbacks of calls that were lost in a time."""

    which: Annotated[str, one_of(OPEN, ALL, ItemOutcome)] = OPEN


class OfTotals(OfPeriod, forbid_unknown_fields=True):
    """Totals of a time."""

    by: Annotated[str, one_of(*get_args(By))] | None = None


class OfReport(OfPeriod, forbid_unknown_fields=True, kw_only=True):
    """A report of a time; `from` may also be `last shift` or `this month`."""

    kind: Annotated[str, one_of(*KINDS)]
    by: Annotated[str, one_of(*get_args(By))] | None = None


def understood(params: Mapping[str, str], kind: type[S]) -> S:
    """Return the parameters of a question in their types; raises Misunderstood."""
    try:
        return msgspec.convert(dict(params), kind, strict=False)
    except msgspec.ValidationError as error:
        raise Misunderstood(f"The question cannot be understood: {error}.") from None


def period_of(
    since: str | None, until: str | None, settings: Settings
) -> tuple[datetime | None, datetime | None]:
    """Return the moments of a period that somebody typed; raises TimeError."""
    zone, now = ZoneInfo(settings.timezone), datetime.now(UTC)
    return (
        None if since is None else time_ranges.begin(since, zone, now),
        None if until is None else time_ranges.end(until, zone, now),
    )
