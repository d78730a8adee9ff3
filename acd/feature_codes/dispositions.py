"""What a call was, as its operator says by `*41` (prank), `*42` (ghost), `*43` (real) or by a
category's code, or as the supervisor does; `*40` takes it back. A mark makes the caller's number a
nuisance, with others.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec

from acd.calls.call import Call, Leg
from acd.calls.record import EventKind
from acd.legs import OperatorLegs
from acd.numbers.nuisance import NuisanceNumbers
from acd.rules.dispositions import DISPOSITIONS, Disposition

UNDONE, UNKNOWN, NOBODY = "disposition_undone", "disposition_unknown", "disposition_nobody"
CATEGORY = "disposition_category"
PROMPTS = (UNDONE, UNKNOWN, NOBODY, CATEGORY, *(one.prompt for one in DISPOSITIONS.values()))
UNDO = "0"


class NoSuchDisposition(ValueError):
    """A disposition that is not in the data; the message lists those that are."""


class CategoryCode(msgspec.Struct, frozen=True):
    """A category of the incidents that has a code: its id, and the class of such an incident."""

    category: str
    incident_class: str


OnSaid = Callable[[str, str | None, str | None, str | None, float], None]


class Dispositions:
    """Notes what calls were. `known`: by the digit that is dialled behind *4.

    `categories`: of the incidents, by their codes. `on_said(call_id, class, category, operator,
    now)`: somebody has said what a call was; both None: that is taken back.
    """

    def __init__(
        self,
        known: Mapping[str, Disposition],
        nuisance: NuisanceNumbers,
        operator_legs: OperatorLegs,
    ) -> None:
        self._known, self._nuisance, self._legs = known, nuisance, operator_legs
        self._by_name = {one.name: one for one in known.values()}
        self.categories: Mapping[str, CategoryCode] = {}
        self.on_said: OnSaid = lambda call_id, what, category, operator, now: None

    @property
    def codes(self) -> list[str]:
        """All codes that can be dialled behind *4."""
        return [UNDO, *self._known, *self.categories]

    def dialled(self, operator: str, code: str, now: float) -> str:
        """An operator has dialled *4 and a code, about the call of now or the last one.

        Returns the prompt that tells what came of it.
        """
        call = self._legs.call_of(operator)
        return NOBODY if call is None else self._by_code(call, code, operator, now)

    def pressed(self, leg: Leg, code: str, now: float) -> None:
        """An operator has pressed it in the talk, and hears what came of it."""
        self._legs.switch.tell(leg.id, self._by_code(leg.call, code, leg.operator, now))

    def check(self, name: str | None) -> None:
        """Raise NoSuchDisposition unless it is one of the data, or None: taken back."""
        if name is not None and name not in self._by_name:
            known = ", ".join(self._by_name) or "none at all"
            raise NoSuchDisposition(f"There is no disposition {name[:32]!r}; known are: {known}.")

    def say(
        self,
        call: Call,
        name: str | None,
        operator: str | None,
        now: float,
        category: str | None = None,
    ) -> None:
        """Note that a call was this; None takes back what was said. `category`: of its incident."""
        self.check(name)
        meant = self._by_name.get(name or "")
        if name is None or (meant is not None and meant.incident_class is not None):
            what = None if meant is None else meant.incident_class
            self.on_said(call.id, what, category, operator, now)
        before, record = call.record.disposition, call.record
        if name == before:
            return
        call.note(EventKind.DISPOSITION, now, disposition=name, operator=operator)
        if meant is not None and meant.nuisance:
            self._nuisance.mark(call.id, record.caller_number, now, record.ended_at)
        elif meant is not None and meant.real:
            self._nuisance.is_real(call.id, record.caller_number, now)
        else:
            self._nuisance.unmark(call.id, record.caller_number, now)

    def _by_code(self, call: Call, code: str, operator: str | None, now: float) -> str:
        meant, category = self._known.get(code), self.categories.get(code)
        if category is not None:
            names = (
                one.name
                for one in self._known.values()
                if one.incident_class == category.incident_class
            )
            if (name := next(names, None)) is not None:
                self.say(call, name, operator, now, category.category)
            else:
                self.on_said(call.id, category.incident_class, category.category, operator, now)
            return CATEGORY
        if meant is None and code != UNDO:
            return UNKNOWN
        self.say(call, None if meant is None else meant.name, operator, now)
        return UNDONE if meant is None else meant.prompt
