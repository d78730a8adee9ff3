"""Calls between the engine and the fallback: who has left us without hanging up, and who is back.

The fallback serves a citizen whom the rescuer has taken out of Stasis, or whom nobody has claimed.
A call that we know stays known, and what the script notes goes into the call's own record.
"""

from __future__ import annotations

from collections.abc import Container

import msgspec
import structlog

from acd.calls.call import Call
from acd.calls.live_calls import LiveCalls
from acd.calls.record import TAKEN_BACK, EventKind, Served
from acd.calls.states import Stage
from acd.dispatcher import Dispatcher
from acd.recovery.resume import Resumption
from acd.timers import Timers
from ivr.reception import Reception
from ngalam112.engine.admission import Admission
from ngalam112.engine.claims import Claims
from ngalam112.engine.clock import age_s
from pbx.ari_reply import Reply
from pbx.ari_types import Channel, address_of

log = structlog.get_logger("fallback")

FALLBACK_CONTEXTS = ("orphaned", "fallback")
HANGUP_EXTENSION = "h"
TELLS_WITHIN_S = 5.0  # the script of a call that is over has written its note by then


def lives_on(reply: Reply) -> bool:
    """Whether Asterisk's answer to the question for a channel says that somebody is still there.

    A channel that has been hung up is there until the dialplan has done what follows a hang-up,
    which takes a while if it has to note the end because our beat is old.
    """
    if reply.gone:
        return False
    try:
        return msgspec.json.decode(reply.body, type=Channel).dialplan.exten != HANGUP_EXTENSION
    except msgspec.MsgspecError:
        return True  # not told: who is there must not be forgotten


class FallbackCalls:
    """The calls of a line that are with the fallback, by the citizens' channels (`calls`)."""

    def __init__(
        self,
        live: LiveCalls,
        claims: Claims,
        admission: Admission,
        reception: Reception,
        dispatcher: Dispatcher,
        timers: Timers,
    ) -> None:
        self.calls: dict[str, Call] = {}
        self._live, self._claims, self._admission = live, claims, admission
        self._reception, self._dispatcher, self._timers = reception, dispatcher, timers

    @staticmethod
    def may_be_rescued(call: Call) -> bool:
        """Whether a citizen has left us without having hung up.

        Whoever thought us dead takes citizens out of Stasis; the event is the same as at an end.
        """
        return call.hung_up_by is None and call.stage is not Stage.ENDED and call.record.events > 0

    def fell_back(self, call: Call, now: float) -> None:
        """The fallback has the citizen: it tells the rest, or we take the citizen back."""
        del self._live.calls[call.channel]
        self.calls[call.channel] = call
        self._reception.gone(call, now)
        self._admission.gone(call)
        self._dispatcher.fell_back(call, now)
        log.info("fell_back", call_id=call.id)

    def returned(self, channel: Channel, now: float) -> None:
        """Taken back out of the fallback: to the old place, or before all others if unknown."""
        call = self.calls.pop(channel.id, None)
        if call is None:
            call = self._live.calls.get(channel.id)
            if call is not None and (call.stage is not Stage.CLAIMED or not call.record.events):
                return  # here already
        if call is None:
            call = self._live.new(channel.id, now - age_s(channel.creationtime))
            call.aged = True
            self._claims.note_arrival(
                call,
                channel.caller.number,
                channel.caller.name,
                channel.dialplan.exten,
                withheld=channel.channelvars.withheld != "",
                trunk=address_of(channel.channelvars.trunk),
            )
        self._live.calls[channel.id] = call
        call.rearm(None)
        if channel.state != "Up":
            self._dispatcher.switch.answer(channel.id)  # taken before the script could answer
        self._reception.skip(call, now)
        Resumption(self._dispatcher).wait(call, [], now, told=False)
        log.info("reclaimed", call_id=call.id)

    def _known(self, channel_id: str) -> Call | None:
        """The call of a citizen's channel that this engine knows, wherever it is."""
        known = (self._live.calls, self.calls, self._live.finished)
        found = (calls.get(channel_id) for calls in known)
        return next((call for call in found if call is not None and call.record.events), None)

    def served(self, channel_id: str, what: Served, now: float) -> bool:
        """Note what the fallback did in the call's own record; False if the call is not known."""
        call = self._known(channel_id)
        if call is None:
            return False
        lives = channel_id in self._live.calls
        # a script that was killed could not say that we took the citizen
        about = {**what.about, "status": TAKEN_BACK} if lives else what.about
        call.note(EventKind.FALLBACK, what.at, **about)
        if lives:
            return True
        if what.ended_at is None:
            if channel_id in self.calls:
                self._end_soon(call, now)  # on the way to us, or hung up on it
        elif channel_id in self.calls:
            self._ended_away(call, what.ended_by, now, what.ended_at)
        else:
            at = max(what.ended_at, call.record.latest)
            again = call.record.ended_at is not None
            call.note(EventKind.ENDED, at, ended_by=what.ended_by, hangup_cause=None, again=again)
        return True

    def seen_alive(self, live: Container[str], now: float) -> None:
        """Whoever of those in the fallback does not live any more ends, unless it tells how."""
        for channel, call in self.calls.items():
            if channel not in live and call.timer is None:
                self._end_soon(call, now)

    def _end_soon(self, call: Call, now: float) -> None:
        def end(at: float) -> None:
            if self.calls.get(call.channel) is call:
                self._ended_away(call, "unknown", at, now)

        call.rearm(self._timers.at(now + TELLS_WITHIN_S, end))

    def _ended_away(self, call: Call, ended_by: str | None, now: float, ended_at: float) -> None:
        self._live.calls[call.channel] = self.calls.pop(call.channel)
        call.hung_up_by = ended_by or "unknown"
        self._live.over(call, 0, now, ended_at=ended_at)
