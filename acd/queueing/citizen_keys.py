"""What a citizen's keys mean outside the menu: who cannot speak can press.

While a silent citizen waits, any key says that somebody is there and cannot speak: the call goes
before all others. In a talk a key is an answer (4 is yes, 5 is no); it is noted with its time.
"""

from __future__ import annotations

from collections.abc import Mapping

from acd.calls.call import Call
from acd.calls.record import EventKind
from acd.calls.states import Stage
from acd.queueing.queue import WaitingQueue

MOST_KEYS = 200
"""So many keys of one call are noted; who presses more is no citizen, but a machine."""


class CitizenKeys:
    """The keys of all citizens who are not in the menu. `answers`: what a key means, by digit."""

    def __init__(self, queue: WaitingQueue, answers: Mapping[str, str]) -> None:
        self._queue, self._answers = queue, answers

    def pressed(self, call: Call, digit: str, now: float) -> None:
        """A citizen pressed a key in a talk, or waits, which counts only of who is silent."""
        if call.hung_up_by is not None or call.keys >= MOST_KEYS:
            return
        if call.stage is Stage.TALKING:
            self._note(call, digit, now, means=self._answers.get(digit, ""))
        elif call.silent and call.stage in (Stage.QUEUED, Stage.RINGING):
            # noted behind the change, so that the next engine knows of both or of neither; who is a
            # nuisance stays behind the others, for any machine can press a key
            if call.head_start_s >= 0:
                self._queue.age(call)
            self._note(call, digit, now)

    def _note(self, call: Call, digit: str, now: float, **more: str) -> None:
        call.keys += 1
        call.note(EventKind.KEY, now, digit=digit, stage=call.stage.value, **more)
