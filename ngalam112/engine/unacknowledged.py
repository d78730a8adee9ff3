"""Ends calls whose answer nobody acknowledges: mostly no phones, with forged addresses.

Each holds a channel and two audio ports, for 65 s if Asterisk ends it. It is ended `END_AFTER_S`
after its answer, by when Asterisk has sent that four times (RFC 3261, 13.3.1.4), if no ACK has
come, Asterisk has twice heard no audio, `APART_S` apart, and other calls of the same address have
been acknowledged meanwhile: else the network may have failed, and comes back. What is not known to
be so ends nobody: copies that are off or were lost, an earlier engine's calls, a question that
Asterisk does not answer.
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
ASK_AFTER_S = 2.0
APART_S = 1.9
"""An Asterisk that stood still answers at once that it heard nothing: the second answer counts."""
LOOK_S = 0.5
MOST_ASKED = 20
"""So many questions may be without an answer, for they count as work that waits."""
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
        self._asked: set[str] = set()
        self._unheard: dict[str, float] = {}  # channels: when Asterisk first had heard nothing
        self.ended = 0

    async def run(self) -> None:
        """Look until cancelled; it costs something only while there are such calls."""
        while True:
            await asyncio.sleep(LOOK_S)
            if self._copies.open_for(ASK_AFTER_S):
                self._post(self.look)

    def look(self, now: float) -> None:
        """Ask for the audio of the calls that are due; called by the writer."""
        calls = self._router.calls
        self._unheard = {one: at for one, at in self._unheard.items() if one in calls}
        due = set(self._copies.open_for(ASK_AFTER_S))
        for call in list(calls.values()) if due else ():
            if len(self._asked) >= MOST_ASKED:
                return
            if call.sip_id in due and _may_end(call) and self._is_to_be_asked(call, now):
                self._ask_for_audio(call)

    def _is_to_be_asked(self, call: Call, now: float) -> bool:
        if call.channel in self._asked or _up_for(call, now) < ASK_AFTER_S:
            return False
        return call.channel not in self._unheard or self._is_due(call, now)

    def _is_due(self, call: Call, now: float) -> bool:
        first = self._unheard.get(call.channel, now)
        return now - first >= APART_S and _up_for(call, now) >= END_AFTER_S

    def _ask_for_audio(self, call: Call) -> None:
        self._asked.add(call.channel)
        self._ask(call.channel, lambda reply: self._post(lambda now: self.told(call, reply, now)))

    def told(self, call: Call, reply: Reply, now: float) -> None:
        """Asterisk has told how much audio has come; called by the writer."""
        self._asked.discard(call.channel)
        try:
            packets = int(msgspec.json.decode(reply.body, type=_Value).value) if reply.ok else None
        except (msgspec.MsgspecError, ValueError):
            packets = None
        if packets is None or self._router.calls.get(call.channel) is not call:
            return
        if packets:
            self._copies.acknowledged(call.sip_id)
        elif self._copies.is_open(call.sip_id) and _may_end(call):
            if self._is_due(call, now):
                self._end(call, now)
            else:
                self._unheard.setdefault(call.channel, now)

    def _end(self, call: Call, now: float) -> None:
        self.ended += 1
        log.info("call_never_acknowledged", call_id=call.id)
        dispatcher = self._router.dispatcher
        self._router.reception.gone(call, now)
        call.hanging_up = True  # the next engine does it if this order gets lost
        dispatcher.finish(call, NO_ACK, NORMAL, now)
        dispatcher.switch.hang_up(call.channel)


def _may_end(call: Call) -> bool:
    return call.record.events > 0 and call.up_since is not None and call.stage in _WAIT


def _up_for(call: Call, now: float) -> float:
    return 0.0 if call.up_since is None else now - call.up_since
