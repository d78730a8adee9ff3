"""A breach of personal data: who has to be told by when (UU 27/2022, article 46). Pure.

Within 3x24 hours the people concerned and the authority are told in writing: which data, when and
how it came to be, and what is done about it.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

from privacy.errors import NotLegal

DUE_S = 3 * 24 * 3600.0
ABOUT = "breach"
"""What its steps are about, in the table of steps."""


class Told(StrEnum):
    """Who is told."""

    SUBJECTS = "subjects"
    AUTHORITY = "authority"


class Breach(msgspec.Struct, frozen=True, kw_only=True):
    """The row of `privacy_breaches`; the fields are the columns, times in seconds since the epoch.

    `found_at`: when it was noticed, from which the deadline counts; that is stored. `people`: how
    many are concerned, if known. `entries`: how many steps it has.
    """

    id: int
    found_at: float
    due_at: float
    what: str
    people: int | None = None
    reported_by: str = ""
    subjects_told_at: float | None = None
    authority_told_at: float | None = None
    closed_at: float | None = None
    entries: int = 0

    def told_at(self, whom: Told) -> float | None:
        """When these were told; None if they were not."""
        return self.subjects_told_at if whom is Told.SUBJECTS else self.authority_told_at

    @property
    def untold(self) -> tuple[Told, ...]:
        """Who still has to be told."""
        return tuple(whom for whom in Told if self.told_at(whom) is None)

    def is_overdue(self, now: float) -> bool:
        """Whether somebody should have been told by now."""
        return self.closed_at is None and bool(self.untold) and now > self.due_at


def check_telling(breach: Breach, whom: Told, text: str) -> None:
    """Raise NotLegal unless a notice can be written down, with how it was given."""
    if breach.closed_at is not None:
        raise NotLegal(f"Breach {breach.id} is closed already.")
    if breach.told_at(whom) is not None:
        raise NotLegal(f"The {whom} were told of breach {breach.id} already.")
    if not text.strip():
        raise NotLegal(f"Say how the {whom} were told: give --how.")


def check_closing(breach: Breach, text: str) -> None:
    """Raise NotLegal unless a breach can be closed.

    One of which somebody was not told needs a reason for that, as each one does for its end.
    """
    if breach.closed_at is not None:
        raise NotLegal(f"Breach {breach.id} is closed already.")
    if not text.strip():
        missing = " and ".join(breach.untold)
        why = f", and why the {missing} were not told" if missing else ""
        raise NotLegal(f"Say what was done about breach {breach.id}{why}: give --reason.")
