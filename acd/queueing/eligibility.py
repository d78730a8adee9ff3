"""Which operators may have a call at this moment: skills, and circles that widen while it waits."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from acd.languages import OWN_LANGUAGE, primary
from acd.operators.operator import Device, Operator, Phone, Status
from acd.queueing.queue import cap_at
from acd.queueing.waiting import Waiting
from acd.rules.rules import Rules

LANGUAGE = "lang:"
_OWN = LANGUAGE + OWN_LANGUAGE
_ANY = LANGUAGE  # a call that has waited long enough for who speaks its language


def level(operator: Operator, call: Waiting) -> int:
    """How good an operator is for a call: 0 (not at all) to 9 (best).

    There are two kinds of skills, categories and languages. Who states any category has these only:
    0 for all others; who states none is not judged by it. All speak the line's own language, so in
    that only who states it is judged by it; in any other who states it, and 0 is who does not. The
    lowest of what is judged counts; who is judged by nothing is a generalist, of level 1.
    """
    return _level(operator, call.category, _language(call))


def _level(operator: Operator, category: str | None, wanted: str) -> int:
    """As `level`; `wanted`: the skill in a language, or _ANY where that does not matter."""
    if not operator.skills:
        return 1 if wanted in (_OWN, _ANY) else 0
    spoken = {one: of for one, of in operator.skills.items() if one.startswith(LANGUAGE)}
    judged = []
    if wanted != _ANY and (wanted != _OWN or wanted in spoken):
        judged.append(spoken.get(wanted, 0))
    if len(spoken) < len(operator.skills) and category is not None:
        judged.append(operator.skills.get(category, 0))
    return min(judged, default=1)


def eligible(operator: Operator, call: Waiting, now: float, rules: Rules) -> bool:
    """Whether an operator may have a call now, as far as skills go.

    Grows with the waiting time only: whoever may have a call may have it later too, and may have
    every earlier call of the same category and language.
    """
    return bool(eligible_ones((operator,), call, now, rules))


def eligible_ones(
    operators: Iterable[Operator], call: Waiting, now: float, rules: Rules
) -> list[Operator]:
    """Who of these operators may have a call now; what the call asks for is looked up once."""
    least = _least_level(call, now, rules)
    if least == 0:
        return list(operators)
    category, wanted, language = call.category, _OWN, call.language
    if language != OWN_LANGUAGE:
        enough = now >= _language_until(call, rules)
        wanted = _ANY if enough else LANGUAGE + primary(language)
    return [one for one in operators if _level(one, category, wanted) >= least]


def speaks(operator: Operator, language: str) -> bool:
    """Whether an operator has a language as a skill; all have the line's own."""
    own = primary(language) == OWN_LANGUAGE
    return own or LANGUAGE + primary(language) in operator.skills


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
    wider = [
        arrived + ring.after_s for ring in rules.rings_of(call.category) if ring.min_level < least
    ]
    if call.language != OWN_LANGUAGE:
        wider.append(_language_until(call, rules))
    return min(at for at in (*wider, cap_at(call, rules)) if at > now)


def _least_level(call: Waiting, now: float, rules: Rules) -> int:
    # sums, not differences: the same numbers that next_widening gives to a timer
    if call.aged or now >= cap_at(call, rules):
        return 0
    arrived, rings = call.waits_from, rules.rings_of(call.category)
    reached = [ring.min_level for ring in rings if now >= arrived + ring.after_s]
    # a clock before the call's arrival is at the first ring
    return min(reached, default=rings[0].min_level)


def _language_until(call: Waiting, rules: Rules) -> float:
    return call.waits_from + rules.language_s


def _language(call: Waiting) -> str:
    spoken = call.language
    return _OWN if spoken == OWN_LANGUAGE else LANGUAGE + primary(spoken)
