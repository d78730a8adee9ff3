"""The figures of the national report: what JSON has, and what the sheets are made of."""

from __future__ import annotations

from datetime import datetime

import msgspec

LIVE, OPEN = "live", "open"
NO_CATEGORY, OTHER_CATEGORY, OTHER_AGENCY = "no_category", "other_category", "other_agency"
NOT_KNOWN, OUTSIDE = "not_known", "outside"
HANDLED, CANCELLED, AT_WORK = "handled", "cancelled", "at_work"
"""Parts beside those that our own lists name."""


class Part(msgspec.Struct, kw_only=True):
    """Calls and incidents of one kind. `lost`: before anybody answered; `other`: live, served by
    the fallback or by recorded information.
    """

    id: str
    calls: int = 0
    answered: int = 0
    lost: int = 0
    other: int = 0
    incidents: int = 0


class AgencyPart(msgspec.Struct, kw_only=True):
    """An agency's dispatches of the month's incidents.

    `told` is the sum of those accepted, declined, unanswered, called off (the incident was over
    before) and waiting. `reached`, `overdue`: of all of them, whatever came of it. Times to accept
    are in milliseconds.
    """

    id: str
    name: str
    told: int = 0
    reached: int = 0
    accepted: int = 0
    declined: int = 0
    unanswered: int = 0
    called_off: int = 0
    waiting: int = 0
    overdue: int = 0
    accept_median_ms: int | None = None
    accept_p95_ms: int | None = None


class Times(msgspec.Struct, kw_only=True):
    """How long something took, in milliseconds; None where there is nothing to measure."""

    id: str
    measured: int
    median_ms: int | None
    p95_ms: int | None
    target_s: int
    within: int
    within_percent: float | None


class Check(msgspec.Struct, kw_only=True):
    """A whole and the sum of its parts, which must be the same."""

    name: str
    whole: int
    parts: int


class NationalReport(msgspec.Struct, kw_only=True):
    """The month. Times of the clock are in the line's zone.

    `offered`: all calls of citizens; `outcomes` are its parts. `incidents`: those that were opened
    and stand for themselves; `merged`: those that another one stands for, in no table. `classes`,
    `groups`, `categories`, `kecamatan`, `days`, `hours`: each has all calls and all incidents in
    its parts. `test_calls` are no citizens', and in no sum. `month_over`: whether nothing can come
    any more.
    """

    month: str
    tz: str
    since: datetime
    until: datetime
    made_at: datetime
    month_over: bool
    mapping_version: str
    categories_version: str
    offered: int
    outcomes: dict[str, int]
    test_calls: int
    callbacks_owed: int
    callbacks: dict[str, int]
    incidents: int
    merged: int
    progress: dict[str, int]
    classes: list[Part]
    groups: list[Part]
    categories: list[Part]
    kecamatan: list[Part]
    days: list[Part]
    hours: list[Part]
    agencies: list[AgencyPart]
    times: list[Times]
    checks: list[Check]
    adds_up: bool
