"""Which operators may have a call at this moment: skills, and circles that widen while it waits."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from acd.calls.record import OWN_LANGUAGE
from acd.operators.operator import Device, Operator, Phone, Status
from acd.queueing.queue import cap_at
from acd.queueing.waiting import Waiting
from acd.rules.rules import Ring, Rules

LANGUAGE = "lang:"
_OWN = LANGUAGE + OWN_LANGUAGE


def level(operator: Operator, call: Waiting) -> int:
    """How good an operator is for a call: 0 (not at all) to 9 (best).

    There are two kinds of skills, categories and languages. Who states any of a kind has these
    only: 0 for all others. Who states none of a kind is not judged by it. The lowest of what is
    judged counts; who is judged by nothing is a generalist, of level 1 for every call. All speak
    the line's own language, so in that only who states it is judged by it.
    """
    if not operator.skills:
        return 1
    spoken = {one: of for one, of in operator.skills.items() if one.startswith(LANGUAGE)}
    judged = []
    wanted = _language(call)
    if wanted in spoken or (spoken and wanted != _OWN):
        judged.append(spoken.get(wanted, 0))
    if len(spoken) < len(operator.skills) and call.category is not None:
        judged.append(operator.skills.get(call.category, 0))
    return min(judged, default=1)


def eligible(operator: Operator, call: Waiting, now: float, rules: Rules) -> bool:
    """Whether an operator may have a call now, as far as skills go.

    Grows with the waiting time only: whoever may have a call may have it later too, and may have
    every earlier call of the same category and language.
    """
    least = _least_level(call, now, rules)
    return least == 0 or level(operator, call) >= least


def eligible_ones(
    operators: Iterable[Operator], call: Waiting, now: float, rules: Rules
) -> list[Operator]:
    """Who of these operators may have a call now; what the call asks for is looked up once."""
    least = _least_level(call, now, rules)
    return [one for one in operators if least == 0 or level(one, call) >= least]


def on_duty(
    operators: Iterable[Operator],
    phones: Mapping[str, Phone],
    call: Waiting,
    now: float,
    rules: Rules,
) -> int:
    """How many operators serve such a call by now: who is ready, at work or not, at a phone."""
    ready = (one for one in operators if one.status is Status.READY and _is_there(one, phones))
    return len(eligible_ones(ready, call, now, rules))


def _is_there(operator: Operator, phones: Mapping[str, Phone]) -> bool:
    phone = phones.get(operator.phone or "")
    return phone is not None and phone.device is not Device.UNREACHABLE


def next_widening(call: Waiting, now: float, rules: Rules) -> float | None:
    """When more operators become eligible for a call; None if everybody is by now."""
    least = _least_level(call, now, rules)
    if least == 0:
        return None
    arrived = call.waits_from
    wider = [arrived + ring.after_s for ring in _rings(call, rules) if ring.min_level < least]
    return min(at for at in (*wider, cap_at(call, rules)) if at > now)


def _least_level(call: Waiting, now: float, rules: Rules) -> int:
    # sums, not differences: the same numbers that next_widening gives to a timer
    if call.aged or now >= cap_at(call, rules):
        return 0
    arrived, rings = call.waits_from, _rings(call, rules)
    reached = [ring.min_level for ring in rings if now >= arrived + ring.after_s]
    # a clock before the call's arrival is at the first ring
    return min(reached, default=rings[0].min_level)


def _rings(call: Waiting, rules: Rules) -> tuple[Ring, ...]:
    return rules.rings_of(call.category)


def _language(call: Waiting) -> str:
    # en-GB and en_US are en: who speaks one understands the other
    spoken = call.language.lower().replace("_", "-")
    return LANGUAGE + spoken.partition("-")[0]
