"""What is done for a citizen for whom nobody is on duty: steps in time. No step hangs up."""

from __future__ import annotations

from typing import TYPE_CHECKING

from acd.calls import Call, Stage
from acd.operators import Device, Phone, Status
from acd.records import EventKind
from acd.rules import ALL_PHONES, ANYBODY, OverflowStep
from acd.skills import eligible

if TYPE_CHECKING:
    from acd.dispatcher import Dispatcher


def nobody_on_duty(call: Call, dispatcher: Dispatcher, now: float) -> bool:
    """Whether no operator who may have this call is ready, idle or not."""
    phones = dispatcher.roster.phones
    return not any(
        one.status is Status.READY
        and one.phone in phones
        and phones[one.phone].device is not Device.UNREACHABLE
        and eligible(one, call, now, dispatcher.rules)
        for one in dispatcher.roster.operators.values()
    )


class Overflow:
    """Carries the plan out for each waiting call; a part of the dispatcher.

    A call that overflows keeps its place in the queue, so an operator who becomes ready gets it
    too, and the first answer wins. After the last step the plan begins again.
    """

    def __init__(self, dispatcher: Dispatcher, plan: tuple[OverflowStep, ...], again_s: float):
        self._dispatcher, self._plan, self._again_s = dispatcher, plan, again_s

    def watch(self, call: Call, now: float) -> None:
        """A call has begun to wait."""
        if self._plan:
            call.overflow = 0
            self._arm(call, now + self._plan[0].after_s)

    def _arm(self, call: Call, when: float) -> None:
        call.overflow_at(self._dispatcher.timers.at(when, lambda at: self._due(call, at)))

    def _due(self, call: Call, now: float) -> None:
        if call.stage not in (Stage.QUEUED, Stage.RINGING):
            return
        step = self._plan[call.overflow]
        if nobody_on_duty(call, self._dispatcher, now):
            self._take(call, step, now)
            call.overflow = (call.overflow + 1) % len(self._plan)
        following = self._plan[call.overflow].after_s
        wait = following - step.after_s if following > step.after_s else self._again_s
        self._arm(call, now + max(wait, 1.0))

    def _take(self, call: Call, step: OverflowStep, now: float) -> None:
        dispatcher = self._dispatcher
        if call not in dispatcher.queue:
            return  # a phone rings for it after all
        call.note(EventKind.OVERFLOW, now, step=call.overflow + 1, to=step.to)
        if step.to == ANYBODY:
            dispatcher.queue.age(call)
            dispatcher.settle(now)
            return
        rung = {leg.phone for leg in call.legs.values()}
        for address in self._addresses(step.to, now):
            if address not in rung:
                dispatcher.ring(call, address, None, now)
        if call.legs:
            call.stage = Stage.RINGING

    def _addresses(self, to: str, now: float) -> list[str]:
        dispatcher = self._dispatcher
        if to == ALL_PHONES:
            phones = list(dispatcher.roster.phones.values())
            for phone in (rung := [one for one in phones if self._can_ring(one)]):
                phone.device = Device.IN_USE
            return [phone.number for phone in rung]
        agency = dispatcher.transfers.directory.agencies.get(to)
        # both numbers at once: nobody waits for the first one's silence
        return list(dispatcher.transfers.directory.addresses(agency, now)) if agency else []

    @staticmethod
    def _can_ring(phone: Phone) -> bool:
        return phone.device in (Device.FREE, Device.UNKNOWN)
