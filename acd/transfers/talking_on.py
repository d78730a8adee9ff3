"""Who talks on when the citizen has hung up: an operator with the agency that was called.

The citizen's call is over all the same, and its record says when. Pure: nothing is changed here.
"""

from __future__ import annotations

from typing import NamedTuple

from acd.calls.call import Call, Form, Leg, Transfer
from acd.calls.states import LegStage, Step
from acd.calls.target import Kind, Target

CITIZEN_LEFT, NOT_ANSWERED = "talk_citizen_left", "talk_not_answered"
PROMPTS = (CITIZEN_LEFT, NOT_ANSWERED)
"""What the operator hears: that the citizen has hung up; ... and that nobody answers."""


class TalkingOn(NamedTuple):
    """`by`, an operator's leg, and `agency`, in `bridge`; None: the agency still rings."""

    by: Leg
    agency: Leg
    target: Target
    bridge: str | None


def who_talks_on(call: Call) -> TalkingOn | None:
    """Return the operator and the agency that have something to tell each other, or None.

    Those who consult apart; or of those in the citizen's bridge the operator who came first and the
    agency that came last; or an operator who waits for an agency that is rung by keys. Nobody else
    stays: a call has two sides once the citizen is gone.
    """
    transfer = call.transfer
    if transfer is not None and (transfer.left or transfer.target.kind is not Kind.AGENCY):
        transfer = None
    called = None if transfer is None else transfer.other
    if transfer is not None and called is not None and transfer.step is Step.CONSULTING:
        return TalkingOn(transfer.by, called, transfer.target, transfer.bridge)
    talkers = call.talkers()
    operators = [leg for leg in talkers if leg.operator is not None]
    agencies = [leg for leg in talkers if leg.operator is None]
    if operators and agencies and call.bridge is not None:
        agency = agencies[-1]
        return TalkingOn(operators[0], agency, agency.target or _as_rung(agency), call.bridge)
    if transfer is not None and called is not None and _waits(transfer):
        return TalkingOn(transfer.by, called, transfer.target, None)
    return None


def _waits(transfer: Transfer) -> bool:
    """Whether an operator waits for somebody who rings; who has sent REFER wanted to go."""
    rings = transfer.step is Step.RINGING and transfer.by.stage is LegStage.TALKING
    return rings and transfer.form is Form.KEYS and not transfer.at_once


def _as_rung(agency: Leg) -> Target:
    """An agency of which an earlier engine knew what was dialled for it."""
    return Target(Kind.AGENCY, agency.phone, agency.phone, (agency.phone,))
