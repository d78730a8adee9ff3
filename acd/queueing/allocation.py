"""Who gets which call: one pure function that touches nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from heapq import heapify, heappop, heapreplace
from itertools import islice
from typing import NamedTuple

from acd.calls.call import Call
from acd.operators.operator import Operator, Phone, available
from acd.operators.states import State
from acd.queueing.eligibility import eligible_ones
from acd.queueing.queue import WaitingQueue, service_key
from acd.queueing.strategies import STRATEGIES
from acd.rules.rules import Rules


class Desk(NamedTuple):
    """A free operator, and the phone where that operator sits."""

    operator: Operator
    phone: Phone


class Offer(NamedTuple):
    """A decision: ring the phones of these desks for `call`; the first answer wins."""

    call: Call
    desks: list[Desk]


def allocate(
    queue: WaitingQueue,
    operators: Iterable[Operator],
    phones: Mapping[str, Phone],
    now: float,
    rules: Rules,
) -> list[Offer]:
    """Decide the offers of this moment: each waiting call, in the order of service, to the eligible
    free operator whom its category's strategy puts first, or to the preferred one; or to all.

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
        _, call, lane = heads[0]
        chosen = _choose(call, free.values(), now, rules)
        following = next(lane, None) if chosen else None  # nobody for this one: nobody for the lane
        if following is None:
            heappop(heads)
        else:
            heapreplace(heads, (service_key(following), following, lane))
        if chosen:
            offers.append(Offer(call, [Desk(one, phones[one.phone or ""]) for one in chosen]))
        for one in chosen:
            del free[one.id]
    return offers


def _choose(call: Call, free: Iterable[Operator], now: float, rules: Rules) -> list[Operator]:
    """Choose who of the free operators gets a call; none if none may have it."""
    may = eligible_ones(free, call, now, rules)
    strategy = STRATEGIES[rules.category(call.record.category).strategy]
    if strategy.rings_all:
        return sorted(may, key=lambda one: strategy.key(one, call))[: rules.ring_all_most]
    if call.preferred is not None:
        for one in may:
            if one.id == call.preferred:
                return [one]
    return [min(may, key=lambda one: strategy.key(one, call))] if may else []
