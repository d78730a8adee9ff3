"""What keeps the events of calls and operators; the package `journal` implements it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, Protocol

from acd.calls.record import CallEvent, CallRecord

OfCall = Callable[[CallRecord, float], None]
OfEnd = Callable[[CallRecord, float, bool], None]


class Journal(Protocol):
    """Keeps what happened. Returns at once and never fails; writing is its own affair.

    `on_arrived`, `on_answered`, `on_ended`: called with the record and the time after an event of
    this kind, on whatever way it came, so that nothing that has to follow from it can be missed.
    The third that `on_ended` is given: the call had an end before, and only more is known of it
    now.
    """

    on_arrived: OfCall
    on_answered: OfCall
    on_ended: OfEnd

    def call_event(self, event: CallEvent, record: CallRecord) -> None:
        """Keep an event, and the record as it is after it."""

    def operator_event(
        self, operator: str, at: float, kind: str, phone: str | None, reason: str | None
    ) -> None:
        """Keep that an operator logged in or out, paused, became ready, missed a call..."""

    def operator_state(self, row: dict[str, Any], *changes: tuple[str, dict[str, Any]]) -> None:
        """Keep the operator's status and fairness (a row of `operators`) over a restart.

        `changes`: rows of other tables that go with it.
        """

    def row(self, table: str, values: dict[str, Any]) -> None:
        """Keep a row of a table as it is from now on; the last word about a row counts."""

    def rows_together(self, *rows: tuple[str, dict[str, Any]]) -> None:
        """Keep rows of several tables that the database takes together, or not at all."""

    def keep(self, key: str, value: Any | None) -> None:
        """Keep a fact for the next engine only, and for no table; None forgets it.

        The last value counts; it must be something that JSON can hold.
        """

    def together(self) -> AbstractContextManager[None]:
        """Keep all that happens in the block at its end, at once; no await may be in it."""
