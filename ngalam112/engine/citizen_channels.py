"""What happens to citizens' channels: they enter, hang up, leave for the fallback, and end."""

from __future__ import annotations

from collections.abc import Callable

from acd.calls.call import Call
from acd.calls.live_calls import LiveCalls
from acd.calls.record import EventKind
from acd.calls.states import Stage
from acd.dispatcher import Dispatcher
from acd.languages import OWN_LANGUAGE
from acd.legs import NORMAL
from acd.recovery.resume import Resumption
from acd.rules.load_shedding import Shed
from ivr.reception import Reception
from ngalam112.engine.admission import Admission
from ngalam112.engine.claims import Claims
from ngalam112.engine.clock import age_s
from ngalam112.engine.fallback_calls import FallbackCalls
from ngalam112.engine.locations import Locations
from ngalam112.engine.unheard_trunks import UnheardTrunks
from pbx.ari_types import Channel, address_of
from pbx.quality import leg_quality

_PEOPLE = ("caller", "operator")


class CitizenChannels:
    """The channels of all citizens; `live` has their calls.

    `ask_where(channel)`: ask Asterisk whether a channel that has left us lives on elsewhere.
    """

    def __init__(
        self,
        live: LiveCalls,
        claims: Claims,
        admission: Admission,
        locations: Locations,
        fallback: FallbackCalls,
        reception: Reception,
        dispatcher: Dispatcher,
        ask_where: Callable[[str], None],
    ) -> None:
        self._live, self._claims, self._admission = live, claims, admission
        self._locations = locations
        self._fallback, self._reception, self._dispatcher = fallback, reception, dispatcher
        self._ask_where = ask_where
        self._trunks = UnheardTrunks()
        live.on_end = self._ended

    def entered(
        self, channel: Channel, now: float, priority: str = "", languages: str = ""
    ) -> None:
        """A citizen whom we claimed.

        `priority`, `languages`: the headers Resource-Priority and Accept-Language, or "".
        """
        call = self._live.calls.get(channel.id) or self._live.new(channel.id, now)
        if call.record.events:
            self._found_before(call, channel, priority, now)
            return
        self._arrives(call, channel, priority, languages, now)
        self._reception.welcome(call, now)

    def unclaimed(
        self, channel: Channel, now: float, priority: str = "", languages: str = ""
    ) -> None:
        """Nobody has claimed this citizen in time; the dialplan has answered and plays music."""
        arrived = now - age_s(channel.creationtime)
        call = self._live.calls.get(channel.id) or self._live.new(channel.id, arrived)
        if call.record.events:
            self._found_before(call, channel, priority, now)
            return
        # an engine that was late has seen the call's first question late as well
        call.record.arrived_at, call.up_since = min(call.record.arrived_at, arrived), now
        self._arrives(call, channel, priority, languages, now)
        self._admission.came(call, now)
        if not call.behind:
            self._dispatcher.load.unclaimed(channel.id, now)

    def _arrives(
        self, call: Call, channel: Channel, priority: str, languages: str, now: float
    ) -> None:
        call.resource_priority, call.sip_id = priority, channel.protocol_id
        call.rearm(None)
        caller, language = channel.caller, OWN_LANGUAGE
        if languages:
            language = self._reception.language_of(languages)
        self._claims.note_arrival(
            call,
            caller.number,
            caller.name,
            channel.dialplan.exten,
            language=language,
            withheld=channel.channelvars.withheld != "",
            trunk=address_of(channel.channelvars.trunk),
        )
        self._located(call, channel, now)

    def _located(self, call: Call, channel: Channel, now: float) -> None:
        """Who comes without a place costs no more than to see that nothing is known of any."""
        call.sip_id = channel.protocol_id
        if self._locations.waiting or self._locations.registered:
            self._locations.arrived(call, now)

    def _found_before(self, call: Call, channel: Channel, priority: str, now: float) -> None:
        """Taking up the line has found the call first, and could not know its priority or place."""
        self._located(call, channel, now)
        if priority and not call.resource_priority:
            call.resource_priority = priority
            self._admission.has_priority(call)
            call.keep()

    def hanging_up(self, call: Call, cause: int) -> None:
        """The citizen has hung up; the channel goes in a moment."""
        if call.hung_up_by is None:
            call.hung_up_by, call.cause = "caller", cause or NORMAL

    def left(self, channel: Channel, now: float) -> bool:
        """A channel has left us. False if it is for good; else it is asked whether it lives on."""
        call = self._live.calls.get(channel.id)
        if call is None:
            return False
        self._quality(call, channel.channelvars.audio_quality, now)
        if not self._fallback.may_be_rescued(call):
            return False
        self._ask_where(channel.id)
        return True

    def gone(self, call: Call, cause: int, now: float) -> None:
        """The citizen's channel is gone."""
        if call.record.events:
            self._live.over(call, call.cause or cause, now)
        elif call.timer is not None:
            self._claims.never_came(call, now)
        # else the answer to its claim is still to come, and decides who keeps its record

    def _ended(self, call: Call, cause: int, now: float, ended_at: float | None) -> None:
        """A call is over: whatever was done for it ends, and its place is kept for a redial."""
        if self._dispatcher.away:
            Resumption(self._dispatcher).over(call, now if ended_at is None else ended_at)
        self._reception.gone(call, now if ended_at is None else ended_at)
        if call.sip_id in self._locations.waiting:  # hung up before the call was handed over
            self._locations.arrived(call, now)
        if call.sip_id in self._locations.calls:
            self._locations.ended(call)
        if call.channel in self._admission.waiting:
            self._admission.gone(call)
        call.hanging_up = False
        waited = call.stage is not Stage.TALKING and call.stage is not Stage.ENDED
        self._dispatcher.citizen_gone(call, cause, now, ended_at=ended_at)
        if waited:
            self._claims.redials.gave_up(call, now)
        record = call.record
        if record.ended_by in _PEOPLE and (record.operator_answered_at or not record.queued_at):
            # who waited in vain is nobody's nuisance
            self._tell_nuisance(call, now)
        call.keep()
        self._dispatcher.load.look(now)

    def _tell_nuisance(self, call: Call, now: float) -> None:
        record, ended_at = call.record, call.record.ended_at or now
        talked = record.operator_answered_at is not None
        seconds = ended_at - (record.operator_answered_at or record.arrived_at)
        self._claims.nuisance.ended(call.id, record.caller_number, seconds, talked, now)

    def _quality(self, call: Call, told: str, now: float) -> None:
        if told and call.record.events and not self._dispatcher.load.sheds(Shed.QUALITY):
            heard = leg_quality(told)
            call.note(
                EventKind.QUALITY,
                now,
                leg="citizen",
                loss_percent=heard.loss_percent,
                jitter_ms=heard.jitter_ms,
            )
            trunk, answered_at = call.record.trunk or "", call.record.operator_answered_at
            if heard.loss_percent is not None:
                if self._trunks.in_a_row:
                    self._trunks.heard(trunk)
            elif trunk and answered_at is not None:
                self._trunks.not_heard(trunk, now - answered_at, now)
