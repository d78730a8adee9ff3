"""What is done for a citizen for whom nobody is on duty: steps in time. No step hangs up."""

from __future__ import annotations

from acd.calls.call import Call
from acd.calls.record import EventKind
from acd.calls.states import Stage
from acd.legs import OperatorLegs
from acd.operators.operator import Device, Phone
from acd.queueing.eligibility import on_duty
from acd.queueing.queue import WaitingQueue
from acd.rules.rules import ALL_PHONES, ANYBODY, OverflowStep
from acd.transfers.directory import Directory

LOOK_AGAIN_S = 5.0  # whether those who are on duty still are


class Overflow:
    """Carries the plan out for each waiting call; a part of the dispatcher.

    A call that overflows keeps its place in the queue, so an operator who becomes ready gets it
    too, and the first answer wins. After the last step the plan begins again.
    """

    def __init__(
        self, queue: WaitingQueue, operator_legs: OperatorLegs, directory: Directory
    ) -> None:
        self._queue, self._operator_legs, self._directory = queue, operator_legs, directory
        self._plan, self._again_s = (
            operator_legs.rules.overflow,
            operator_legs.rules.overflow_again_s,
        )

    def watch(self, call: Call, now: float) -> None:
        """A call has begun to wait."""
        if self._plan:
            call.overflow = 0
            self._arm(call, now + self._plan[0].after_s)

    def _arm(self, call: Call, when: float) -> None:
        call.overflow_at(self._operator_legs.timers.at(when, lambda at: self._due(call, at)))

    def _due(self, call: Call, now: float) -> None:
        if call.stage not in (Stage.QUEUED, Stage.RINGING):
            return
        step = self._plan[call.overflow]
        if not self._on_duty(call, now):
            self._take(call, step, now)
            call.overflow = (call.overflow + 1) % len(self._plan)
            following = self._plan[call.overflow].after_s
            wait = following - step.after_s if following > step.after_s else self._again_s
        else:
            wait = LOOK_AGAIN_S
        self._arm(call, now + max(wait, 1.0))

    def _take(self, call: Call, step: OverflowStep, now: float) -> None:
        if call not in self._queue:
            return  # a phone rings for it after all
        call.note(EventKind.OVERFLOW, now, step=call.overflow + 1, to=step.to)
        if step.to == ANYBODY:
            self._queue.age(call)
            return
        rung = {leg.phone for leg in call.legs.values()}
        for address in self._addresses(step.to, now):
            if address not in rung:
                self._operator_legs.ring(call, address, None, now)
        if call.legs:
            call.move(Stage.RINGING)

    def _addresses(self, to: str, now: float) -> list[str]:
        if to == ALL_PHONES:
            phones = list(self._operator_legs.roster.phones.values())
            for phone in (rung := [one for one in phones if self._can_ring(one)]):
                phone.device = Device.IN_USE
            return [phone.number for phone in rung]
        agency = self._directory.agencies.find(to)
        # both numbers at once: nobody waits for the first one's silence
        return list(self._directory.addresses(agency, now)) if agency else []

    def _on_duty(self, call: Call, now: float) -> int:
        roster = self._operator_legs.roster
        return on_duty(
            roster.operators.values(), roster.phones, call, now, self._operator_legs.rules
        )

    @staticmethod
    def _can_ring(phone: Phone) -> bool:
        return phone.device in (Device.FREE, Device.UNKNOWN)
