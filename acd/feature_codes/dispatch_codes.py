"""`*5` and an agency's number: it is told of the incident of the call of now, or the last one."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum

import structlog

from acd.calls.call import Leg
from acd.legs import OperatorLegs

log = structlog.get_logger("acd")


class Outcome(StrEnum):
    """What came of it; a prompt each."""

    SENT = "sent"
    RING_IT = "ring_it"  # noted, and the operator has to tell the agency
    NO_AGENCY = "no_agency"
    HAS_IT = "has_it"
    NO_CALL = "no_call"
    OVER = "over"
    NOT_BY_PHONE = "not_by_phone"  # this engine does not have the incident in hand

    @property
    def prompt(self) -> str:
        """What the operator hears."""
        return f"dispatch_{self.value}"


PROMPTS = tuple(one.prompt for one in Outcome)

OnDispatch = Callable[[str, str, str | None, float], Outcome]


class DispatchCodes:
    """Has agencies told of calls' incidents.

    `on_dispatch(call_id, number, operator, now)`: tells the agency with this number; set by whoever
    follows dispatches.
    """

    def __init__(self, operator_legs: OperatorLegs) -> None:
        self._legs = operator_legs
        self.on_dispatch: OnDispatch = lambda call_id, number, operator, now: Outcome.NOT_BY_PHONE

    def dialled(self, operator: str, number: str, now: float) -> str:
        """An operator has dialled it; returns the prompt that tells what came of it."""
        call = self._legs.call_of(operator)
        if call is None:
            return Outcome.NO_CALL.prompt
        return self._dispatch(call.id, number, operator, now)

    def pressed(self, leg: Leg, number: str, now: float) -> None:
        """An operator has pressed it in the talk, and hears what came of it."""
        prompt = self._dispatch(leg.call.id, number, leg.operator, now)
        self._legs.switch.tell(leg.id, prompt)

    def _dispatch(self, call_id: str, number: str, operator: str | None, now: float) -> str:
        outcome = self.on_dispatch(call_id, number, operator, now)
        log.info("dispatched_by_phone", call_id=call_id, agency=number, outcome=outcome.value)
        return outcome.prompt
