"""Routes every event, in order, to the part that owns its channel. Called by the one writer only.

Nothing here awaits. `EventRouter.handle(event, now)` is called by the engine's inbox loop only.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import structlog

from acd.calls.call import Call
from acd.calls.journal import Journal
from acd.calls.live_calls import LiveCalls
from acd.calls.record import EventKind
from acd.calls.states import Stage
from acd.dispatcher import Dispatcher
from acd.feature_codes.code_calls import CodeCalls
from acd.legs import dialable
from acd.operator_calls import OperatorCalls
from acd.operators.operator import device_of
from acd.rules.load_shedding import Shed
from acd.switch import Switch
from acd.timers import Timers
from ivr.reception import Reception
from ngalam112.engine.admission import Admission
from ngalam112.engine.ari_switch import (
    Connected,
    ConnectFailed,
    Joined,
    JoinFailed,
    RingFailed,
    SayFailed,
)
from ngalam112.engine.claims import Claimed, Claims
from ngalam112.engine.clock import age_s
from ngalam112.engine.fallback_calls import FallbackCalls
from pbx.ami import DeviceState
from pbx.ari_types import (
    ApplicationReplaced,
    CallBroadcast,
    Channel,
    ChannelDestroyed,
    ChannelDtmfReceived,
    ChannelHangupRequest,
    ChannelHold,
    ChannelStateChange,
    ChannelTransfer,
    ChannelUnhold,
    PlaybackFinished,
    StasisEnd,
    StasisStart,
)
from pbx.quality import leg_quality

log = structlog.get_logger("router")

NORMAL = 16


class Whereabouts(msgspec.Struct, frozen=True):
    """Whether a citizen's channel that has left us lives on, in the dialplan."""

    channel: str
    lives: bool


class Do(msgspec.Struct, frozen=True):
    """Something that the API wants done by the writer; `act(now)` must not wait."""

    act: Callable[[float], Any]


class EventRouter:
    """Knows all living calls, and hands each event to the part that owns its channel."""

    def __init__(
        self,
        *,
        switch: Switch,
        journal: Journal,
        timers: Timers,
        dispatcher: Dispatcher,
        reception: Reception,
        codes: CodeCalls,
        operator_calls: OperatorCalls,
        claim: Callable[[str], None],
        ask_where: Callable[[str], None],
        tell_full: Callable[[bool], None] = lambda _: None,
    ) -> None:
        self.live = LiveCalls(journal, timers)
        self.live.on_end = self._ended
        self.calls = self.live.calls
        self.replaced = False
        self.switch = switch
        self.dispatcher, self.reception, self.codes = dispatcher, reception, codes
        self.operator_calls = operator_calls
        self._ask_where = ask_where
        self.claims = Claims(
            self.live, journal, timers, claim=claim, may_claim=dispatcher.load.arrives
        )
        self.admission = Admission(dispatcher, reception, timers, tell_full)
        dispatcher.load.at_door = self.admission.__len__
        dispatcher.load.channels = lambda: (
            len(self.calls) - len(self.admission) + len(dispatcher.operator_legs.legs)
        )
        self.fallback = FallbackCalls(
            self.live, self.claims, self.admission, reception, dispatcher, timers
        )
        # what happens to channels that are not known yet, while the line is being taken up
        self.gone_meanwhile: set[str] = set()
        self.answered_meanwhile: list[str] = []

    def handle(self, event: object, now: float) -> None:  # noqa: C901, PLR0912, PLR0915 - a case an event
        """Let one event happen."""
        match event:
            case ChannelDtmfReceived(digit=digit, channel=channel):
                self._pressed(channel.id, digit, now)
            case ChannelStateChange(channel=channel):
                if channel.state == "Ringing":
                    self.dispatcher.operator_legs.leg_ringing(channel.id, now)
            case PlaybackFinished(playback=playback):
                self._playback_ended(playback.id, playback.state == "failed", now)
            case CallBroadcast(channel=channel):
                self.claims.arrived(channel, now)
            case Claimed(channel=channel_id, ours=ours):
                self.claims.claimed(channel_id, ours, now)
            case StasisStart(replace_channel=Channel(), channel=channel):
                self._took_the_place(event, now)
            case StasisStart(args=args, channel=channel):
                self._entered(args, channel, now)
            case ChannelHangupRequest(channel=channel, cause=cause):
                self._hanging_up(channel.id, cause, now)
            case Whereabouts(channel=channel_id, lives=lives):
                self._found(channel_id, lives, now)
            case StasisEnd(channel=channel):
                self._quality(channel, now)
                if self.fallback.may_be_rescued(channel.id):
                    self._ask_where(channel.id)
                else:
                    # of a leg that came in, ChannelDestroyed is not told once it has left us
                    self.gone(channel.id, NORMAL, now)
            case ChannelDestroyed(channel=channel, cause=cause):
                self.gone(channel.id, cause, now)
            case ChannelHold(channel=channel):
                self.dispatcher.operator_legs.held(channel.id, now)
            case ChannelUnhold(channel=channel):
                self.dispatcher.operator_legs.unheld(channel.id, now)
            case ChannelTransfer(state=None):
                self._referred(event, now)
            case ChannelTransfer(state=state, referred_by=by) if state != "channel_progress":
                if by.source_channel is not None:
                    self.dispatcher.transfers.told(by.source_channel.id)
            case Joined(bridge=bridge, leg=leg):
                self.dispatcher.transfers.joined(bridge, leg, now)
                self.dispatcher.settle(now)
            case JoinFailed(bridge=bridge, leg=leg, why=why):
                self.dispatcher.transfers.join_failed(bridge, leg, why, now)
            case Connected(bridge=bridge):
                self.dispatcher.connected(bridge, now)
            case ConnectFailed(bridge=bridge, why=why):
                self.dispatcher.connect_failed(bridge, why, now)
            case RingFailed(leg=leg):
                if not self.operator_calls.gone(leg, now):
                    self.dispatcher.ring_failed(leg, now)
            case SayFailed(playback=playback_id):
                self._playback_ended(playback_id, True, now)
            case DeviceState(phone=phone, state=state):
                if self.dispatcher.roster.device(phone, device_of(state)):
                    self.dispatcher.settle(now)
            case Do(act=act):
                act(now)
                self.dispatcher.settle(now)
            case ApplicationReplaced():
                self.replaced = True
                log.error("application_replaced", what="another engine has taken this line over")

    # --- a citizen's leg ----------------------------------------------------------------------

    def looks_again(self) -> None:
        """What Asterisk holds is looked at anew: what happened before that is in it."""
        self.gone_meanwhile.clear()
        self.answered_meanwhile.clear()

    def channels_of_phones(self) -> set[str]:
        """The channels of phones that dialled something, and of whom they called."""
        return self.operator_calls.channels() | self.codes.channels()

    def _found(self, channel_id: str, lives: bool, now: float) -> None:
        """Asterisk has told whether a citizen who has left us lives on."""
        call = self.calls.get(channel_id)
        if call is not None and lives and call.stage is not Stage.ENDED:
            self.fallback.fell_back(call, now)
        elif call is not None:
            self.gone(channel_id, NORMAL, now)

    def _entered(self, args: list[str], channel: Channel, now: float) -> None:
        match args:
            case ["citizen", *priority]:
                call = self.calls.get(channel.id) or self.live.new(channel.id, now)
                if call.record.events:
                    self._found_before(call, priority[0] if priority else "")
                    return
                call.resource_priority = priority[0] if priority else ""
                call.rearm(None)
                caller = channel.caller
                self.claims.note_arrival(call, caller.number, caller.name, channel.dialplan.exten)
                self.reception.welcome(call, now)
            case ["unclaimed", *priority]:
                self._unclaimed(channel, priority[0] if priority else "", now)
            case ["returned"]:
                self.fallback.returned(channel, now)
            case ["operator", *_]:
                self._answered(channel.id, now)
            case ["number", phone, number]:
                self.operator_calls.dialled(channel.id, phone, number.rstrip("#"), now)
            case ["whisper", prompt]:
                self.codes.say(channel.id, prompt, now)
            case ["code", phone, "*16"]:
                self.operator_calls.call_back(channel.id, phone, now)
            case ["code", phone, code]:
                self.codes.dialled(channel.id, phone, code, now)
            case _:
                log.warning("unexpected_channel", channel=channel.id, args=args)
                self.switch.hang_up(channel.id)

    def _unclaimed(self, channel: Channel, priority: str, now: float) -> None:
        """Nobody has claimed this citizen in time; the dialplan has answered and plays music."""
        arrived = now - age_s(channel.creationtime)
        call = self.calls.get(channel.id) or self.live.new(channel.id, arrived)
        if call.record.events:
            self._found_before(call, priority)
            return
        # an engine that was late has seen the call's first question late as well
        call.record.arrived_at = min(call.record.arrived_at, arrived)
        call.resource_priority = priority
        call.rearm(None)
        caller = channel.caller
        self.claims.note_arrival(call, caller.number, caller.name, channel.dialplan.exten)
        self.admission.came(call, now)
        self.dispatcher.load.unclaimed(channel.id, now)

    def _found_before(self, call: Call, priority: str) -> None:
        """Taking up the line has found the call first, and could not know its priority."""
        if priority and not call.resource_priority:
            call.resource_priority = priority
            self.admission.has_priority(call)
            call.keep()

    def _answered(self, leg: str, now: float) -> None:
        if self.operator_calls.answered(leg, now):
            return
        if self.dispatcher.away and leg not in self.dispatcher.operator_legs.legs:
            self.answered_meanwhile.append(leg)  # rung by an earlier engine, as it seems
        else:
            self.dispatcher.leg_answered(leg, now)

    def _hanging_up(self, channel_id: str, cause: int, now: float) -> None:
        call, who = self.calls.get(channel_id), "caller"
        if call is None:
            leg = self.dispatcher.operator_legs.legs.get(channel_id)
            # while somebody else talks with the citizen, or is to, the call goes on
            if leg is None or leg.call.talkers() != [leg] or leg.call.transfer is not None:
                return
            call, who = leg.call, "operator"
        if call.hung_up_by is None:
            call.hung_up_by, call.cause = who, cause or NORMAL
        if who == "operator":
            # the phone has said BYE: whoever waits need not wait until Asterisk has tidied up
            self.gone(channel_id, cause or NORMAL, now)

    def gone(self, channel_id: str, cause: int, now: float) -> None:
        """A channel is gone, whoever's it was."""
        if self.dispatcher.away:
            self.gone_meanwhile.add(channel_id)
        call = self.calls.get(channel_id)
        if call is None:
            self.live.is_hung_up(channel_id)
            if self.codes.gone(channel_id):
                # a phone that has called in vain hears so in words, like one that dialled a code
                self.dispatcher.operator_legs.free_phone(channel_id)
                self.dispatcher.settle(now)
            elif not self.operator_calls.gone(channel_id, now):
                self.dispatcher.leg_gone(channel_id, cause, now)
        elif call.record.events:
            self.live.over(call, call.cause or cause, now)
        elif call.timer is not None:
            self.claims.never_came(call, now)
        # else the answer to its claim is still to come, and decides who keeps its record

    def _ended(self, call: Call, cause: int, now: float, ended_at: float | None) -> None:
        """A call is over: whatever was done for it ends, and its place is kept for a redial."""
        self.reception.gone(call)
        if call.channel in self.admission.waiting:
            self.admission.gone(call)
        call.hanging_up = False
        waited = call.stage is not Stage.TALKING and call.stage is not Stage.ENDED
        self.dispatcher.citizen_gone(call, cause, now, ended_at=ended_at)
        if waited:
            self.claims.redials.gave_up(call, now)
        call.keep()
        self.dispatcher.load.look(now)

    # --- what phones ask for in a talk --------------------------------------------------------

    def _pressed(self, channel_id: str, digit: str, now: float) -> None:
        call = self.calls.get(channel_id)
        if call is not None:
            self.reception.digit(call, digit, now)
        elif channel_id in self.dispatcher.operator_legs.legs:
            self.dispatcher.transfers.pressed(channel_id, digit, now)
        else:
            self.codes.digit(channel_id, digit, now)

    def _referred(self, event: ChannelTransfer, now: float) -> None:
        source, refer_to = event.referred_by.source_channel, event.refer_to
        transfers, number = self.dispatcher.transfers, refer_to.requested_destination.destination
        if source is None:
            return
        leg = self.dispatcher.operator_legs.legs.get(source.id)
        if leg is None:
            # a call among colleagues; or a leg that has just gone: Asterisk tells that so too
            log.warning("refer_refused", channel=source.id)
            transfers.decline(source.id)
            return
        second = refer_to.destination_channel
        if second is None and not refer_to.requested_destination.protocol_id:
            transfers.referred(leg.id, dialable(number), now)
            return
        consulted = None
        if second is not None and transfers.may_hand_over(leg):
            consulted = self.operator_calls.hand_over(second.id, leg, now)
        if consulted is None:
            transfers.refuse(leg, now)
        else:
            transfers.replaced(leg, consulted, now)
            self.dispatcher.settle(now)

    def _took_the_place(self, event: StasisStart, now: float) -> None:
        """Someone came in by INVITE with Replaces: out again, and the one whose place it was back.

        Asterisk serves such a call whoever sends it; only who knows a dialog's tags can.
        """
        replaced = event.replace_channel
        assert replaced is not None
        log.warning("replaces_refused", channel=event.channel.id, instead_of=replaced.id)
        self.switch.hang_up(event.channel.id)
        leg = self.dispatcher.operator_legs.legs.get(replaced.id)
        call = self.calls.get(replaced.id)
        here = call.bridge if call is not None else None
        bridge = self.dispatcher.transfers.bridge_of(leg) if leg is not None else here
        if bridge is not None:
            self.switch.join(bridge, replaced.id)

    # --- the rest -----------------------------------------------------------------------------

    def _playback_ended(self, playback: str, failed: bool, now: float) -> None:
        if not (
            self.reception.playback_ended(playback, failed, now)
            or self.dispatcher.announcements.playback_ended(playback)
        ):
            self.codes.playback_ended(playback, now)

    def _quality(self, channel: Channel, now: float) -> None:
        call, told = self.calls.get(channel.id), channel.channelvars.audio_quality
        if not told or call is None or not call.record.events:
            return
        if not self.dispatcher.load.sheds(Shed.QUALITY):
            heard = leg_quality(told)
            call.note(
                EventKind.QUALITY,
                now,
                leg="citizen",
                loss_percent=heard.loss_percent,
                jitter_ms=heard.jitter_ms,
            )
