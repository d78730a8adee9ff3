"""Ends calls whose answer nobody acknowledges: mostly no phones, with forged addresses.

Each holds a channel and two audio ports, for 65 s if Asterisk ends it. It is ended `END_AFTER_S`
after its answer, by when Asterisk has sent that four times (RFC 3261, 13.3.1.4): if neither ACK nor
audio has come, nothing comes through from there, and no operator could hear the citizen. What is
not known to be so ends nobody: copies that are off or were lost, an earlier engine's calls, a
question that Asterisk does not answer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import msgspec
import structlog

from acd.calls.call import Call
from acd.calls.states import Stage
from acd.legs import NORMAL
from acd.work_items.callbacks import NO_ACK
from ngalam112.engine.event_router import EventRouter
from ngalam112.engine.refusal_counts import RefusalCounts
from pbx.ari_reply import Reply

log = structlog.get_logger("unacknowledged")

END_AFTER_S = 4.0
LOOK_S = 0.5
_WAIT = (Stage.CLAIMED, Stage.MENU, Stage.INFORMATION, Stage.QUEUED)
"""Where a citizen may be to be ended: whoever has an operator has been heard."""

Ask = Callable[[str, Callable[[Reply], None]], None]
Post = Callable[[Callable[[float], None]], None]


class _Value(msgspec.Struct):
    value: str


class UnacknowledgedCalls:
    """`ask(channel, then)`: ask Asterisk for the number of audio packets that have come on it.

    `post(act)`: have the writer call `act(now)`. `ended`: calls since the start.
    """

    def __init__(self, router: EventRouter, copies: RefusalCounts, ask: Ask, post: Post) -> None:
        self._router, self._copies, self._ask, self._post = router, copies, ask, post
        self.ended = 0

    async def run(self) -> None:
        """Look until cancelled; it costs something only while there are such calls."""
        while True:
            await asyncio.sleep(LOOK_S)
            if self._copies.open_for(END_AFTER_S):
                self._post(self.look)

    def look(self, now: float) -> None:
        """Ask for the audio of the calls that are due; called by the writer."""
        due = set(self._copies.open_for(END_AFTER_S))
        for call in list(self._router.calls.values()) if due else ():
            if call.sip_id in due and _is_due(call, now):
                self._ask_for_audio(call)

    def _ask_for_audio(self, call: Call) -> None:
        self._ask(call.channel, lambda reply: self._post(lambda now: self.told(call, reply, now)))

    def told(self, call: Call, reply: Reply, now: float) -> None:
        """Asterisk has told how much audio has come; called by the writer."""
        try:
            packets = int(msgspec.json.decode(reply.body, type=_Value).value) if reply.ok else None
        except (msgspec.MsgspecError, ValueError):
            packets = None
        if packets is None or self._router.calls.get(call.channel) is not call:
            return
        if packets:
            self._copies.acknowledged(call.sip_id)
        elif call.sip_id in self._copies.open_for(END_AFTER_S) and _is_due(call, now):
            self._end(call, now)

    def _end(self, call: Call, now: float) -> None:
        self.ended += 1
        log.info("call_never_acknowledged", call_id=call.id)
        dispatcher = self._router.dispatcher
        self._router.reception.gone(call, now)
        call.hanging_up = True  # the next engine does it if this order gets lost
        dispatcher.finish(call, NO_ACK, NORMAL, now)
        dispatcher.switch.hang_up(call.channel)


def _is_due(call: Call, now: float) -> bool:
    up = call.up_since
    has_record = call.record.events > 0
    return has_record and up is not None and now - up >= END_AFTER_S and call.stage in _WAIT
