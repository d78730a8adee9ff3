"""Citizens who wait for admission until there is room, in order of arrival; one channel each.

The dialplan sends here whom no engine claimed in time while one beats: there was no room
(`acd.rules.load_shedding`), or the engine was late. They are answered and hear the music with "you
are in line, do not hang up", or words (`acd.queueing.music`); nothing more is done for them until
there is room. Then the oldest is taken in (or whom the carrier gave priority): into the menu, or
straight into the queue if the line is full.

Who is beyond a limit of the number or address waits behind all others
(`acd.queueing.admission_order`). For them the line is neither full nor closed.
"""

from __future__ import annotations

from collections.abc import Callable

import structlog

from acd.calls.call import Call
from acd.calls.states import Stage
from acd.dispatcher import Dispatcher
from acd.queueing.admission_order import AdmissionOrder
from acd.queueing.queue import head_start
from acd.rules.load_shedding import Level
from acd.timers import Timer, Timers
from ivr.reception import Reception

log = structlog.get_logger("admission")

LOOK_AGAIN_S = 0.05


class Admission:
    """Those who wait to be taken in: `waiting`, by their channels. It takes no longer for more.

    `tell` is told when the first one waits and when nobody does any more, for the dialplan need not
    ask for a claim in between. Those who wait behind all others do not count. `order`: of all.
    """

    def __init__(
        self,
        dispatcher: Dispatcher,
        reception: Reception,
        timers: Timers,
        tell: Callable[[bool], None],
    ) -> None:
        self._dispatcher, self._reception = dispatcher, reception
        self._timers, self._tell = timers, tell
        self.waiting: dict[str, Call] = {}  # by the citizens' channels
        self.order = AdmissionOrder()
        self._told = False
        self._timer: Timer | None = None

    def __len__(self) -> int:
        return len(self.waiting)

    def came(self, call: Call, now: float) -> None:
        """A citizen whose call has its record is here, answered, and hears the music."""
        self._keep(call)
        self._take_in(now)
        if call.channel in self.waiting:
            self._dispatcher.announcements.music.goes_on(call, now)

    def is_closed(self, now: float) -> bool:
        """Whether whoever comes now has to wait, because others do or because there is no room."""
        return bool(self.order.ahead) or self._dispatcher.load.is_full(now)

    def restored(self, call: Call, now: float, *, new: bool = False) -> None:
        """A citizen has waited here while no engine watched, and goes on waiting; answered.

        `new`: who has not been told yet to be in line, and is told at once.
        """
        music = self._dispatcher.announcements.music
        if call.channel in self.waiting:
            music.again(call)  # what was asked for last may be lost with the connection
            return
        self._keep(call)
        self._tell_if_changed()
        self._dispatcher.load.look(now)
        self._look_again(now)
        if new:
            music.goes_on(call, now)
        else:
            music.restored(call, now)

    def has_priority(self, call: Call) -> None:
        """The carrier's priority of a citizen who may wait here is known only now."""
        if call.channel in self.waiting:
            self._keep(call)

    def gone(self, call: Call) -> None:
        """The call is over, or is served in another way."""
        if self.waiting.pop(call.channel, None) is not None:
            self.order.remove(call.channel)
            self._tell_if_changed()

    def _tell_if_changed(self) -> None:
        if self._told is not bool(self.order.ahead):
            self._told = not self._told
            self._tell(self._told)

    def _keep(self, call: Call) -> None:
        self.waiting[call.channel] = call
        ahead = head_start(call, self._dispatcher.rules)
        since = call.waits_from
        self.order.add(call.channel, since - ahead, behind=call.behind)

    def _take_in(self, now: float) -> None:
        """Take in as many as there is room for, the oldest first; look again if some are left."""
        load, order = self._dispatcher.load, self.order
        while self.waiting:
            channel = order.next(now, spare=not order.ahead and load.has_spare(now))
            call = self.waiting.get(channel or "")
            if call is None:
                self._look_again(now)
                break
            if call.stage is not Stage.CLAIMED:
                # put into the queue when the line was taken up
                order.remove(call.channel)
                del self.waiting[call.channel]
                continue
            if not load.takes_in(now):
                self._look_again(now)
                break
            order.admitted(call.channel, now)
            del self.waiting[call.channel]
            self._serve(call, full=load.level is Level.FULL, now=now)
        self._tell_if_changed()

    def _serve(self, call: Call, *, full: bool, now: float) -> None:
        log.info("admitted", call_id=call.id, waited_s=round(now - call.record.arrived_at, 1))
        if full:
            self._reception.skip(call, now)
            self._dispatcher.enqueue(call, now)
        else:
            self._dispatcher.announcements.forget(call)
            self._reception.welcome(call, now, answered=True)

    def _look_again(self, now: float) -> None:
        if self._timer is None:
            self._timer = self._timers.at(now + LOOK_AGAIN_S, self._looks)

    def _looks(self, now: float) -> None:
        self._timer = None
        self._take_in(now)
