"""The deadlines of wrap-ups: when the work after a call begins, grows longer, and is over.

What a wrap-up is stands in the roster; its end is a stored time (`Operator.wrap_up_until`), so a
restart of the engine changes nothing: `restore` arms the deadlines anew.
"""

from __future__ import annotations

from collections.abc import Callable

from acd.operators.operator import Operator
from acd.operators.roster import Roster
from acd.operators.states import State
from acd.timers import Timers


class WrapUps:
    """All wrap-ups of the line.

    `code_missing(operator, now)`: for how many seconds more the operator has to stay, as nobody has
    said yet what the last call was; 0: for none. Set by whoever routes events.
    """

    def __init__(self, roster: Roster, timers: Timers) -> None:
        self._roster, self._timers = roster, timers
        self.code_missing: Callable[[Operator, float], float] = lambda operator, now: 0.0
        self._wait_for_code: set[str] = set()

    def begin(self, operator: Operator, seconds: float, now: float) -> None:
        """The operator's call is over; without any wrap-up the operator is idle at once."""
        if seconds <= 0:
            self._roster.idle(operator, now)
            return
        self._roster.wrap_up(operator, seconds, now)
        self._arm(operator)

    def extend(self, operator_id: str, seconds: float, now: float) -> Operator:
        """Make a wrap-up longer; raises NotInWrapUp, NoMoreWrapUp or NoSuchOperator."""
        operator = self._roster.extend_wrap_up(operator_id, seconds, now)
        self._arm(operator)
        return operator

    def restore(self, now: float) -> None:
        """Take up the wrap-ups that an earlier engine left: the rest of each, and no more."""
        for operator in self._roster.operators.values():
            if operator.wrap_up_until > now:
                self._roster.changes.move(operator, State.WRAP_UP, None, now)
                self._arm(operator)
            elif operator.wrap_up_until > 0:
                # over while no engine lived: idle since that moment, so that nobody loses a place
                self._roster.wrapped_up(operator, "done", operator.wrap_up_until)

    def _arm(self, operator: Operator) -> None:
        until = operator.wrap_up_until
        self._timers.at(until, lambda now: self._over(operator, until, now))

    def _over(self, operator: Operator, until: float, now: float) -> None:
        # one that was ended early, made longer, or has begun anew since, is none of this deadline's
        if operator.state is not State.WRAP_UP or operator.wrap_up_until != until:
            return
        more = self.code_missing(operator, now)
        if more > 0:
            self._roster.wait_for_code(operator, more, now)
            self._wait_for_code.add(operator.id)
            self._arm(operator)
            return
        self._wait_for_code.discard(operator.id)
        self._roster.wrapped_up(operator, "done", now)

    def coded(self, operator_id: str, now: float) -> None:
        """The operator has said what the last call was: a wrap-up that waits for that is over."""
        operator = self._roster.operators.get(operator_id)
        waits = operator_id in self._wait_for_code
        self._wait_for_code.discard(operator_id)
        if operator is not None and waits and operator.state is State.WRAP_UP:
            self._roster.wrapped_up(operator, "coded", now)
