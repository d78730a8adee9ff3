"""The only place that changes what an operator has chosen and does, and keeps each change.

A row of `operator_states` holds all of it from its time on, until the operator's next row. So the
rows of an operator, in order of time, leave no gap and no overlap (`reports.operator_times`).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from acd.calls.ids import new_id
from acd.calls.journal import Journal
from acd.calls.states import check
from acd.operators.operator import Operator, Status
from acd.operators.states import OPERATOR_MOVES, State

OPERATOR_STATES = "operator_states"


class OperatorChanges:
    """Writes status, pause reason, phone, state, call and text conversation of operators.

    What leaves all of them as they are is no change, and keeps nothing.
    """

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._series, self._count = "", 0

    def move(self, one: Operator, state: State, call: str | None, now: float) -> None:
        """Do something else, for `call` (an id, or the channel of an operator's own call).

        Raises IllegalMove, and changes nothing, if it is not legal.
        """
        check(OPERATOR_MOVES, one.state, state)
        if state is not one.state or call != one.call:
            if state is not one.state:
                one.state_since = now
            one.state, one.call = state, call
            self._journal.rows_together(self._row(one, now))

    def move_with_row(self, one: Operator, state: State, call: str | None, now: float) -> None:
        """As `move`, and keep in the same entry what else the next engine has to know of them."""
        check(OPERATOR_MOVES, one.state, state)
        changed = state is not one.state or call != one.call
        if state is not one.state:
            one.state_since = now
        one.state, one.call = state, call
        changes = (self._row(one, now),) if changed else ()
        self._journal.operator_state(one.row(), *changes)

    def choose(
        self, one: Operator, status: Status, reason: str | None, phone: str | None, now: float
    ) -> None:
        """The operator has chosen a status, at that phone; `reason`: of a pause."""
        changed = (one.status, one.pause_reason, one.phone) != (status, reason, phone)
        one.status, one.pause_reason, one.phone = status, reason, phone
        one.status_since = now
        changes = (self._row(one, now),) if changed else ()
        self._journal.operator_state(one.row(), *changes)

    def give_text(self, one: Operator, text: str | None, now: float) -> None:
        """The operator has this text conversation from now on, or none."""
        if text != one.text:
            one.text = text
            self._journal.rows_together(self._row(one, now))

    def restate(self, operators: Iterable[Operator], now: float) -> None:
        """Keep how all of them are now, once an engine knows which calls have lived on.

        So what an earlier engine kept last goes on up to here, and no longer.
        """
        for one in operators:
            self._journal.rows_together(self._row(one, now))

    def _row(self, one: Operator, now: float) -> tuple[str, dict[str, Any]]:
        # changes of the same moment stay in their order: their ids sort
        self._series = self._series or new_id(now)
        self._count += 1
        return OPERATOR_STATES, {
            "id": f"{self._series}{self._count:010x}",
            "operator": one.id,
            "at": now,
            "status": one.status,
            "state": one.state,
            "pause_reason": one.pause_reason,
            "phone": one.phone,
            # none is "": an engine of before this table does not count an entry with null there
            "call_id": one.call or "",
            "text_id": one.text,
        }
