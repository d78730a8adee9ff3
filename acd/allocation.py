"""Who gets which call: one pure function that touches nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from acd.calls import Call
from acd.operators import Device, Operator, Phone, State, Status
from acd.rules import Rules
from acd.strategies import STRATEGIES


class Offer(NamedTuple):
    """A decision: ring `phone`, where `operator` sits, for `call`."""

    call: Call
    operator: Operator
    phone: Phone


def available(operator: Operator, phones: Mapping[str, Phone], now: float) -> bool:
    """An operator can be offered a call: ready, idle, rested, at a phone that can be rung."""
    if operator.status is not Status.READY or operator.state is not State.IDLE:
        return False
    if operator.not_before > now or operator.phone is None:
        return False
    phone = phones.get(operator.phone)
    return phone is not None and phone.device in (Device.FREE, Device.UNKNOWN)


def allocate(
    queue: Iterable[Call],
    operators: Iterable[Operator],
    phones: Mapping[str, Phone],
    now: float,
    rules: Rules,
) -> list[Offer]:
    """Decide the offers of this moment: each waiting call, in the order of service, to the free
    operator whom its category's strategy puts first; to the preferred one, if that one is free.

    Reads no further in `queue` than there are free operators, so its length costs nothing.
    """
    free = [one for one in operators if available(one, phones, now)]
    offers = []
    for call in queue if free else ():
        strategy = STRATEGIES[rules.category(call.record.category).strategy]
        chosen = min(free, key=lambda one: (one.id != call.preferred, *strategy(one, call)))
        offers.append(Offer(call, chosen, phones[chosen.phone or ""]))
        free.remove(chosen)
        if not free:
            break
    return offers
