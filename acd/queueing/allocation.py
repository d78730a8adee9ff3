"""Who gets which call or work item: one pure function that touches nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from heapq import heapify, heappop, heapreplace
from itertools import islice
from typing import NamedTuple

from acd.operators.operator import Operator, Phone, available
from acd.operators.states import State
from acd.queueing.eligibility import eligible_ones
from acd.queueing.queue import WaitingQueue, service_key
from acd.queueing.strategies import STRATEGIES
from acd.queueing.waiting import Waiting
from acd.rules.rules import Rules


class Desk(NamedTuple):
    """A free operator, and the phone where that operator sits."""

    operator: Operator
    phone: Phone


class Offer(NamedTuple):
    """A decision: ring the phones of these desks for `one`; the first answer wins."""

    one: Waiting
    desks: list[Desk]


def allocate(
    queue: WaitingQueue,
    operators: Iterable[Operator],
    phones: Mapping[str, Phone],
    now: float,
    rules: Rules,
) -> list[Offer]:
    """Decide the offers of this moment: all that waits, in the order of service, to the eligible
    free operator whom its category's strategy puts first, or to the preferred one; or to all. Who
    has a text conversation is offered no other one, and a call if nobody without one is free.

    Once they are carried out, no free operator is beside a call that this operator may have. Reads
    no more calls than there are free operators and lanes, so the queue's length costs nothing.
    """
    idle = State.IDLE  # on a busy line most are at work: one look passes them over
    free = {one.id: one for one in operators if one.state is idle and available(one, phones, now)}
    if not free:
        return []
    heads = [
        (service_key(first), first, lane) for lane in queue.lanes() for first in islice(lane, 1)
    ]
    heapify(heads)
    offers = []
    while free and heads:
        _, waiting, lane = heads[0]
        chosen = _choose(waiting, free.values(), now, rules)
        following = next(lane, None) if chosen else None  # nobody for this one: nobody for the lane
        if following is None:
            heappop(heads)
        else:
            heapreplace(heads, (service_key(following), following, lane))
        if chosen:
            offers.append(Offer(waiting, [Desk(one, phones[one.phone or ""]) for one in chosen]))
        for one in chosen:
            del free[one.id]
    return offers


def _choose(waiting: Waiting, free: Iterable[Operator], now: float, rules: Rules) -> list[Operator]:
    """Choose who of the free operators gets it; none if none may have it."""
    may = eligible_ones(free, waiting, now, rules)
    for one in may:  # no more than a look at each where nobody has a text
        if one.text is not None:
            without = [other for other in may if other.text is None]
            may = without if without or waiting.is_text else may
            break
    strategy = STRATEGIES[rules.category(waiting.category).strategy]
    if strategy.rings_all and waiting.rings_several:
        return sorted(may, key=lambda one: strategy.key(one, waiting))[: rules.ring_all_most]
    if waiting.preferred is not None:
        for one in may:
            if one.id == waiting.preferred:
                return [one]
    return [min(may, key=lambda one: strategy.key(one, waiting))] if may else []
