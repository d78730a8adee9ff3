"""Whom the line owes a call, and when it is tried: pure decisions."""

from __future__ import annotations

from acd.calls.record import CallRecord, Outcome
from acd.rules.callbacks import CallbackRules

KIND = "callback"
"""`WorkItem.kind` of a callback."""

CUT_OFF = ("cut_off", "asterisk", "line_stopped")
"""`ended_by` of calls that no person has ended: they died with Asterisk (the engine's word, and the
fallback's), or the line hung them up when it was stopped."""

NO_ACK = "no_ack"
"""`ended_by` of a call that the line has ended because nobody has acknowledged its answer, and
nothing was heard either (`ngalam112.engine.unacknowledged`)."""

WAS_CUT_OFF, BY_OPERATOR, BY_CITIZEN = "cut_off", "operator", "asked"
"""`WorkItem.reason` beside the outcomes of lost calls: see `owed`; an operator wanted it; the
citizen did, by a key after a notice, and hung up informed."""

_LOST = (Outcome.LOST_MENU, Outcome.LOST_QUEUE, Outcome.LOST_RINGING, Outcome.LOST_FALLBACK)


def owed(record: CallRecord) -> str | None:
    """Why the citizen of a call that has ended is to be called; None if nobody owes that."""
    if record.outcome is Outcome.TEST:
        return None
    if record.ended_by in CUT_OFF:
        return WAS_CUT_OFF
    if record.outcome is Outcome.ANSWERED and _waited_again(record):
        return Outcome.LOST_QUEUE.value
    if record.wants_callback and record.outcome is Outcome.INFORMATION:
        return BY_CITIZEN
    return record.outcome.value if record.outcome in _LOST else None


def _waited_again(record: CallRecord) -> bool:
    """Whether a citizen who was answered was alone at the end: the operator was lost, or had handed
    the call to a category.
    """
    end = record.ended_at
    left = [leg.left_at for leg in record.legs]
    return bool(left) and all(at is not None and end is not None and at < end for at in left)


def is_misdial(record: CallRecord, rules: CallbackRules) -> bool:
    """Whether a lost call was so short that it may have been dialled by mistake."""
    if record.ended_at is None or record.ended_by in CUT_OFF:
        return False
    return record.ended_at - record.arrived_at < rules.misdial_s


def next_try_s(attempts: int, busy: bool, rules: CallbackRules) -> float | None:
    """How long after a try in vain the next one comes; None if there is none.

    `attempts`: how many there were, counted from 1. `busy`: the citizen was on the phone.
    """
    if attempts >= rules.tries:
        return None
    if busy or not rules.gaps_s:
        return rules.busy_after_s
    return rules.gaps_s[min(attempts, len(rules.gaps_s)) - 1]
