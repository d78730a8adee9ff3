"""Which callbacks are open, by the lost call and by the citizen; and who is on the line now."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from acd.calls.record import CallRecord
from acd.numbers.caller import same_caller
from acd.work_items.item import Work
from acd.work_items.states import ItemState

WITH_OPERATOR = (ItemState.OFFERED, ItemState.RINGING, ItemState.TALKING)
"""An operator's phone rings for it, or an operator has it."""


class OpenCallbacks:
    """The index of all open callbacks. `by_call`: by the id of the lost call.

    `with_fallback`: the numbers of the citizens whom the fallback has.

    `rung_otherwise(caller, work)`: whether a citizen is rung for something else than this.
    """

    def __init__(self, country: str) -> None:
        self._country = country
        self.by_call: dict[str, Work] = {}
        self._by_caller: dict[str, list[Work]] = {}
        self.rung_otherwise: Callable[[str | None, Work], bool] = lambda caller, work: False
        self._calling: dict[str, list[str]] = {}  # the ids of the calls of who is on the line
        self.with_fallback: frozenset[str] = frozenset()
        self._callers_with_fallback: frozenset[str | None] = frozenset()

    def add(self, work: Work) -> None:
        """Know one more."""
        self.by_call[work.item.call_id] = work
        caller = self._caller(work.item.number)
        if caller is not None:
            self._by_caller.setdefault(caller, []).append(work)

    def forget(self, work: Work) -> None:
        """It is open no more."""
        self.by_call.pop(work.item.call_id, None)
        caller = self._caller(work.item.number)
        if caller is not None and work in (same := self._by_caller.get(caller, [])):
            same.remove(work)
            if not same:
                del self._by_caller[caller]

    def of(self, number: str) -> Sequence[Work]:
        """Those for whoever calls from this number; none for a number that is nobody's."""
        caller = self._caller(number)
        return () if caller is None else self._by_caller.get(caller, ())

    def arrived(self, record: CallRecord) -> None:
        """A citizen is on the line."""
        caller = self._caller(record.caller_number)
        if caller is not None:
            self._calling.setdefault(caller, []).append(record.call_id)

    def left(self, record: CallRecord) -> None:
        """... and has hung up."""
        caller = self._caller(record.caller_number) or ""
        left = [one for one in self._calling.pop(caller, ()) if one != record.call_id]
        if left:
            self._calling[caller] = left

    def fallback_has(self, numbers: frozenset[str]) -> None:
        """The fallback has the citizens of these numbers, or its records of them are not read."""
        self.with_fallback = numbers
        self._callers_with_fallback = frozenset(map(self._caller, numbers)) - {None}

    def is_on_the_line(self, work: Work) -> bool:
        """Whether the citizen's number calls us now, or is called by us for another callback.

        Also with the fallback, where we do not see the call.
        """
        caller = self._caller(work.item.number)
        if caller in self._calling or caller in self._callers_with_fallback:
            return True
        if self.rung_otherwise(caller, work):
            return True
        same = self.of(work.item.number)
        return any(one is not work and one.item.state in WITH_OPERATOR for one in same)

    def _caller(self, number: str) -> str | None:
        return same_caller(number, self._country)
