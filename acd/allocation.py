"""Who gets which call: one pure function that touches nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from acd.calls import Call
from acd.operators import Device, Operator, Phone, State, Status


class Offer(NamedTuple):
    """A decision: ring `phone`, where `operator` sits, for `call`."""

    call: Call
    operator: Operator
    phone: Phone


def longest_idle(operator: Operator) -> tuple[float, int, str]:
    """Sort key: who has been idle longest comes first, then who has taken fewest calls."""
    return (operator.idle_since, operator.calls_taken, operator.id)


def available(operator: Operator, phones: Mapping[str, Phone], now: float) -> bool:
    """An operator can be offered a call: ready, idle, rested, at a phone that can be rung."""
    if operator.status is not Status.READY or operator.state is not State.IDLE:
        return False
    if operator.not_before > now or operator.phone is None:
        return False
    phone = phones.get(operator.phone)
    return phone is not None and phone.device in (Device.FREE, Device.UNKNOWN)


def allocate(
    queue: Iterable[Call], operators: Iterable[Operator], phones: Mapping[str, Phone], now: float
) -> list[Offer]:
    """Decide the offers of this moment: the first of the queue to whoever has idled longest.

    `queue` comes in the order of service. Reads no further in it than there are free operators,
    so its length costs nothing.
    """
    free = sorted((one for one in operators if available(one, phones, now)), key=longest_idle)
    if not free:
        return []
    return [
        Offer(call, operator, phones[operator.phone or ""])
        for call, operator in zip(queue, free, strict=False)
    ]
