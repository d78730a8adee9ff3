"""The deadlines of wrap-ups: when the work after a call begins, grows longer, and is over.

What a wrap-up is stands in the roster; its end is a stored time (`Operator.wrap_up_until`), so a
restart of the engine changes nothing: `restore` arms the deadlines anew.
"""

from __future__ import annotations

from acd.operators.operator import Operator
from acd.operators.roster import Roster
from acd.operators.states import State
from acd.timers import Timers


class WrapUps:
    """All wrap-ups of the line."""

    def __init__(self, roster: Roster, timers: Timers) -> None:
        self._roster, self._timers = roster, timers

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
                operator.move(State.WRAP_UP, None)
                self._arm(operator)
            elif operator.wrap_up_until > 0:
                # over while no engine lived: idle since that moment, so that nobody loses a place
                self._roster.wrapped_up(operator, "done", operator.wrap_up_until)

    def _arm(self, operator: Operator) -> None:
        until = operator.wrap_up_until
        self._timers.at(until, lambda now: self._over(operator, until, now))

    def _over(self, operator: Operator, until: float, now: float) -> None:
        # one that was ended early, made longer, or has begun anew since, is none of this deadline's
        if operator.state is State.WRAP_UP and operator.wrap_up_until == until:
            self._roster.wrapped_up(operator, "done", now)
