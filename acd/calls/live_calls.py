"""The calls that live, by their citizens' channels: the one place that makes and ends them."""

from __future__ import annotations

from collections.abc import Callable

from acd.calls.call import Call
from acd.calls.checkpoint import CALL, CallCheckpoint
from acd.calls.ids import new_id
from acd.calls.journal import Journal
from acd.calls.record import CallRecord
from acd.numbers.caller import same_caller
from acd.timers import Timers

KNOWN_S = 5.0
"""A call that is over is known so much longer, for what the fallback may still tell of it."""

OnEnd = Callable[[Call, int, float, float | None], None]


class LiveCalls:
    """All calls of one line.

    `calls`: those that live; `finished`: those that ended within `KNOWN_S`; both by channel.
    `to_hang_up`: channels of calls that an earlier engine ended, with the calls' ids.
    `on_end(call, cause, now, ended_at)`: what else ends with a call; set by whoever routes events.
    """

    def __init__(self, journal: Journal, timers: Timers) -> None:
        self._journal, self._timers = journal, timers
        self.calls: dict[str, Call] = {}
        self.finished: dict[str, Call] = {}
        self.to_hang_up: dict[str, str] = {}
        self.on_end: OnEnd = lambda call, cause, now, ended_at: None

    def new(self, channel: str, arrived_at: float) -> Call:
        """Begin a call by the citizen's channel; it has no events yet."""
        record = CallRecord(call_id=new_id(arrived_at), arrived_at=arrived_at)
        call = self.calls[channel] = Call(channel=channel, record=record, journal=self._journal)
        return call

    def remember(self, record: CallRecord, kept: CallCheckpoint | None = None) -> None:
        """Know an earlier engine's call by its open record, until Asterisk has been asked."""
        call = Call(channel=record.asterisk_id, record=record, journal=self._journal)
        if kept is not None:
            call.remember(kept)
        self.calls[call.channel] = call

    def lives(self, call_id: str) -> bool:
        """Whether the call with this id is up."""
        return any(call.id == call_id for call in self.calls.values())

    def of_caller(self, number: str, country: str) -> Call | None:
        """The call of this telephone number that is up, in whatever spelling."""
        wanted = same_caller(number, country)
        if wanted is None:
            return None
        end = wanted[-6:]  # a quick look first: there may be thousands
        for call in self.calls.values():
            caller = call.record.caller_number
            if caller.endswith(end) and same_caller(caller, country) == wanted:
                return call
        return None

    def over(self, call: Call, cause: int, now: float, *, ended_at: float | None = None) -> None:
        """End a call whose citizen has gone. `cause`: Q.850; `ended_at`: when, if before now."""
        del self.calls[call.channel]
        self.finished[call.channel] = call
        self._timers.at(now + KNOWN_S, lambda _: self._forget(call))
        self.on_end(call, cause, now, ended_at)

    def _forget(self, call: Call) -> None:
        self.finished.pop(call.channel, None)

    def is_hung_up(self, channel: str) -> None:
        """A channel is gone: forget the order to hang it up, if there was one."""
        call_id = self.to_hang_up.pop(channel, None)
        if call_id is not None:
            self._journal.keep(CALL + call_id, None)
