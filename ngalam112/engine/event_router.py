"""Routes every event, in order, to the part that owns its channel. Called by the one writer only.

Nothing here awaits. `EventRouter.handle(event, now)` is called by the engine's inbox loop only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import msgspec
import structlog

from acd.callbacks.by_hand import CallbacksByHand
from acd.callbacks.jobs import CallbackJobs
from acd.callbacks.verifications import Verifications
from acd.calls.call import Call, Leg
from acd.calls.journal import Journal
from acd.calls.live_calls import LiveCalls
from acd.calls.owners import Owners
from acd.calls.record import CallRecord
from acd.calls.states import Stage
from acd.calls.target import Target
from acd.dispatcher import Dispatcher
from acd.feature_codes.code_calls import CodeCalls
from acd.feature_codes.dispatch_codes import DispatchCodes
from acd.feature_codes.dispositions import CategoryCode, Dispositions
from acd.leaving import BeingErased, Leaving
from acd.legs import BROKEN_DIALOG, NO_AUDIO, NORMAL
from acd.monitors import Monitors
from acd.numbers.nuisance import NuisanceNumbers
from acd.operator_calls import OperatorCalls
from acd.operators.operator import Device, Operator, device_of
from acd.queueing.calls_at_once import CallsAtOnce
from acd.rules.load_shedding import Shed
from acd.switch import Switch
from acd.text_offers import TextOffers
from acd.texts.ports import CLOSE as CLOSE_TEXT
from acd.texts.ports import NO_TEXT, TEXT_CLOSED
from acd.texts.texts import Texts
from acd.timers import Timers
from acd.transfers.talking_on import TalkingOn
from acd.work_offers import WorkOffers
from incidents.book import IncidentBook
from incidents.categories import Categories
from incidents.incident import EntryKind
from incidents.numbers import short_number
from incidents.verifications import IncidentVerifications
from ivr.agency_calls import AgencyCalls
from ivr.line_tests import LineTests
from ivr.number_teller import NumberTeller
from ivr.reception import Reception
from ngalam112.engine.admission import Admission
from ngalam112.engine.ari_switch import (
    Connected,
    ConnectFailed,
    Joined,
    JoinFailed,
    MusicLost,
    RingFailed,
    SayFailed,
)
from ngalam112.engine.citizen_channels import CitizenChannels
from ngalam112.engine.claims import Claimed, Claims, caller_of
from ngalam112.engine.fallback_calls import FallbackCalls
from ngalam112.engine.locations import Fetch, Locations
from ngalam112.engine.phone_channels import PhoneChannels
from pbx.ami import DeviceState, PhoneSeen
from pbx.ari_types import (
    ApplicationReplaced,
    CallBroadcast,
    Channel,
    ChannelDestroyed,
    ChannelDtmfReceived,
    ChannelHangupRequest,
    ChannelHold,
    ChannelStateChange,
    ChannelTalkingStarted,
    ChannelTransfer,
    ChannelUnhold,
    PlaybackFinished,
    StasisEnd,
    StasisStart,
)

log = structlog.get_logger("router")

SOFT_DEVICE = 1  # AST_SOFTHANGUP_DEV, of the flags that a soft hang-up has in place of a cause


class Whereabouts(msgspec.Struct, frozen=True):
    """Whether a citizen's channel that has left us lives on, in the dialplan."""

    channel: str
    lives: bool


class Do(msgspec.Struct, frozen=True):
    """Something that the API wants done by the writer; `act(now)` must not wait."""

    act: Callable[[float], Any]


class EventRouter:
    """Knows all living calls, and hands each event to the part that owns its channel.

    `gone_meanwhile`: channels that went while the calls were being restored, known or not;
    `entered_meanwhile`: those that came to us then, and are served already;
    `music_lost`: those of which it is not known whether their music plays.
    """

    def __init__(
        self,
        *,
        switch: Switch,
        journal: Journal,
        timers: Timers,
        dispatcher: Dispatcher,
        reception: Reception,
        owners: Owners,
        codes: CodeCalls,
        operator_calls: OperatorCalls,
        offers: WorkOffers,
        line_tests: LineTests,
        agency_calls: AgencyCalls,
        monitors: Monitors,
        texts: Texts,
        text_offers: TextOffers,
        incidents: IncidentBook,
        claim: Callable[[str], None],
        ask_where: Callable[[str], None],
        tell_full: Callable[[bool], None] = lambda _: None,
        fetch_place: Fetch = lambda channel, references: None,
    ) -> None:
        self.live = LiveCalls(journal, timers)
        self.calls = self.live.calls
        self._leaving = Leaving(timers)  # calls that are being erased
        self.replaced = False
        self.switch, self.dispatcher, self.reception = switch, dispatcher, reception
        self._owners, self.codes, self.operator_calls = owners, codes, operator_calls
        self.offers = offers
        self.callbacks = CallbackJobs(offers, operator_calls, dispatcher, self.live, journal)
        self.callbacks_by_hand = CallbacksByHand(self.callbacks, offers, operator_calls, dispatcher)
        self.verifications = Verifications(
            offers, operator_calls, dispatcher, self.live, journal, self.callbacks
        )
        self.incident_verifications = IncidentVerifications(incidents, self.verifications)
        journal.on_arrived = self.callbacks.call_arrived
        journal.on_answered = incidents.call_answered
        journal.on_ended = self._call_ended
        self.incidents = incidents
        incidents.lives = lambda id: self.live.lives(id) or id in texts.places.by_id
        texts.on_begun, texts.on_closed = incidents.text_begun, incidents.text_closed
        texts.view.number_of = self._number_of
        self.line_tests, self.texts, self.text_offers = line_tests, texts, text_offers
        self.agency_calls, self.monitors = agency_calls, monitors
        codes.on_listen = monitors.from_phone
        texts.call_of = self._call_of
        rules, load = dispatcher.rules, dispatcher.load
        self.nuisance = NuisanceNumbers(rules.nuisance, journal.keep, rules.country)
        legs = dispatcher.operator_legs
        self.dispositions = Dispositions(rules.dispositions, self.nuisance, legs)
        self.dispositions.on_said = self._said
        dispatcher.wrap_ups.code_missing = self._code_missing
        codes.dispositions = self.dispositions
        dispatcher.transfers.dispose = self.dispositions.pressed
        self.dispatch_codes = codes.dispatch_codes = DispatchCodes(legs)
        dispatcher.transfers.tell_agency = self.dispatch_codes.pressed
        dispatcher.transfers.on_joined = self._joined
        operator_calls.on_talks_on = self._talks_on
        numbers = NumberTeller(dispatcher, self.live, incidents, texts)
        dispatcher.transfers.tell_number, incidents.on_coded = numbers.pressed, numbers.coded
        self.claims = Claims(
            self.live,
            journal,
            timers,
            claim=claim,
            may_claim=load.arrives,
            ask_where=ask_where,
            nuisance=self.nuisance,
            at_once=CallsAtOnce(
                rules.caller_limits, self.calls, rules.nuisance.never, rules.country
            ),
            country=dispatcher.rules.country,
        )
        self._notices = dispatcher.announcements.notices
        self.admission = Admission(dispatcher, reception, timers, tell_full)
        load.at_door = self.admission.order.ahead.__len__
        load.channels = lambda: (
            len(self.calls) - len(self.admission.waiting) + len(dispatcher.operator_legs.legs)
        )
        self.fallback = FallbackCalls(
            self.live, self.claims, self.admission, reception, dispatcher, timers
        )
        country = dispatcher.rules.country
        self.locations = Locations(self.live, journal, fetch_place, country=country)
        self._citizens = CitizenChannels(
            self.live,
            self.claims,
            self.admission,
            self.locations,
            self.fallback,
            reception,
            dispatcher,
            ask_where,
        )
        self.phones = owners.others = PhoneChannels(self.live, dispatcher, operator_calls)
        self.gone_meanwhile: set[str] = set()
        self.entered_meanwhile: set[str] = set()
        self.music_lost: set[str] = set()

    def know_codes(self, categories: Categories) -> None:
        """Know the categories of incidents that operators dial behind *4."""
        self.dispositions.categories = {
            one.code: CategoryCode(one.id, one.national_class.value) for one in categories.rows
        }
        self.dispatcher.transfers.codes = self.dispositions.codes

    def handle(self, event: object, now: float) -> None:  # noqa: C901, PLR0912, PLR0915 - a case an event
        """Let one event happen, then offer calls to whoever is free."""
        match event:
            case ChannelDtmfReceived(digit=digit, channel=channel):
                if (call := self.calls.get(channel.id)) is None:
                    self._owners.of(channel.id).digit(channel.id, digit, now)
                elif call.notices and self._notices.digit(call, digit, now):
                    pass  # in the queue: the citizen wants to be called back
                elif not self.reception.digit(call, digit, now):
                    self.dispatcher.keys.pressed(call, digit, now)
            case ChannelTalkingStarted(channel=channel):
                if (call := self.calls.get(channel.id)) is not None:
                    self.reception.heard(call, now)
            case ChannelStateChange(channel=channel):
                if channel.state == "Ringing":
                    self.dispatcher.operator_legs.leg_ringing(channel.id, now)
            case PlaybackFinished(playback=playback):
                self.dispatcher.playbacks.ended(playback.id, playback.state == "failed", now)
            case CallBroadcast(channel=channel):
                self.claims.arrived(channel, now)
            case Claimed(channel=channel_id, ours=ours):
                self.claims.claimed(channel_id, ours, now)
            case StasisStart(replace_channel=Channel() as replaced):
                self.phones.took_the_place(event)
                self.monitors.back(replaced.id)
            case StasisStart(args=args, channel=channel):
                self._entered(args, channel, now)
            case ChannelHangupRequest(channel=channel, cause=cause, soft=soft):
                self._hanging_up(channel.id, cause, soft, now)
            case Whereabouts(channel=channel_id, lives=lives):
                self._found(channel_id, lives, now)
            case StasisEnd(channel=channel):
                if not self._citizens.left(channel, now):
                    # of a leg that came in, ChannelDestroyed is not told once it has left us
                    self.gone(channel.id, NORMAL, now)
            case ChannelDestroyed(channel=channel, cause=cause):
                self.gone(channel.id, cause, now)
            case ChannelHold(channel=channel):
                self.dispatcher.operator_legs.held(channel.id, now)
            case ChannelUnhold(channel=channel):
                self.dispatcher.operator_legs.unheld(channel.id, now)
            case ChannelTransfer(state=None):
                self.phones.referred(event, now)
            case ChannelTransfer(state=state, referred_by=by) if state != "channel_progress":
                if by.source_channel is not None:
                    self.dispatcher.transfers.told(by.source_channel.id)
            case Joined(bridge=bridge, leg=leg):
                self.dispatcher.transfers.joined(bridge, leg, now)
            case JoinFailed(bridge=bridge, leg=leg, why=why):
                self.dispatcher.transfers.join_failed(bridge, leg, why, now)
                self.monitors.join_failed(bridge, now)
            case Connected(bridge=bridge):
                self.dispatcher.connected(bridge, now)
            case ConnectFailed(bridge=bridge, why=why):
                self.dispatcher.connect_failed(bridge, why, now)
            case RingFailed(leg=leg):
                self._owners.of(leg).ring_failed(leg, now)
            case MusicLost(channel=channel_id):
                self._music_lost(channel_id, now)
            case SayFailed(playback=playback_id):
                self.dispatcher.playbacks.ended(playback_id, True, now)
            case PhoneSeen(phone=phone):
                self.dispatcher.roster.phone_registered(phone, now)
            case DeviceState(phone=phone, state=state):
                self.dispatcher.roster.device(phone, device_of(state))
            case Do(act=act):
                act(now)
            case ApplicationReplaced():
                self.replaced = True
                log.error("application_replaced", what="another engine has taken this line over")
        self.dispatcher.settle(now)

    def _entered(self, args: list[str], channel: Channel, now: float) -> None:
        """A channel has come to us; the dialplan's arguments tell whose it is."""
        if self.dispatcher.away and args[:1] != ["operator"]:
            self.entered_meanwhile.add(channel.id)
        match args:
            case ["number" | "code", phone, *_]:
                self.dispatcher.roster.phone_seen(phone, Device.IN_USE)
        match args:
            case ["citizen", *said]:
                self._citizens.entered(channel, now, *said[:2])
            case ["unclaimed", *said]:
                self._citizens.unclaimed(channel, now, *said[:2])
            case ["returned"]:
                self.fallback.returned(channel, now)
            case ["operator", *_]:
                self._owners.of(channel.id).answered(channel.id, now)
            case ["number", phone, number]:
                self.operator_calls.dialled(channel.id, phone, number.rstrip("#"), now)
            case ["test", *codec]:
                self.line_tests.entered(channel.id, caller_of(channel), "".join(codec), now)
            case ["monitor"]:
                self.monitors.entered(channel.id, now)
            case ["whisper", prompt, *more]:
                self.codes.say(channel.id, prompt, now, *more)
            case ["code", phone, code]:
                self._code(channel.id, phone, code, now)
            case _:
                log.warning("unexpected_channel", channel=channel.id, args=args)
                self.switch.hang_up(channel.id)

    def _code(self, channel_id: str, phone: str, code: str, now: float) -> None:
        """A phone has dialled a code."""
        if code == "*16":
            self.callbacks_by_hand.from_phone(channel_id, phone, now)
        elif code == "*18":
            self._verify(channel_id, phone, now)
        elif code == CLOSE_TEXT:
            closed = self.texts.close_at(phone, now)
            self.switch.answer(channel_id)
            self.codes.say(channel_id, TEXT_CLOSED if closed else NO_TEXT, now)
        else:
            self.codes.dialled(channel_id, phone, code, now)

    def _verify(self, channel_id: str, phone: str, now: float) -> None:
        """An operator wants to hear from the caller of the last call whether it is so."""
        one = self.dispatcher.roster.at_phone(phone)
        prompt = "operator_not_logged_in"
        if one is not None:
            call = self.dispatcher.operator_legs.call_of(one.id)
            record = None if call is None else call.record
            prompt = self.incident_verifications.by_phone(record, one.id, now)
        self.switch.answer(channel_id)
        self.codes.say(channel_id, prompt, now)

    def _said(
        self, call_id: str, what: str | None, category: str | None, operator: str | None, now: float
    ) -> None:
        """Somebody has said what a call was."""
        self.incidents.said(call_id, what, category, operator, now)
        if what is not None and operator is not None:
            self.dispatcher.wrap_ups.coded(operator, now)

    def _joined(self, leg: Leg, by: Leg, how: str, now: float) -> None:
        """Somebody else talks with the citizen."""
        if leg.target is not None:
            who = _whom(leg.target) | {"how": how}
            self.incidents.note_talk(leg.call.id, EntryKind.JOINED, by.operator, now, who)

    def _talks_on(self, both: TalkingOn, now: float) -> None:
        """The citizen has hung up, and two talk on."""
        by, who = both.by, _whom(both.target)
        self.monitors.left(by.id)
        self.incidents.note_talk(by.call.id, EntryKind.TALKS_ON, by.operator, now, who)

    def _code_missing(self, operator: Operator, now: float) -> float:
        """How much longer an operator has to stay in wrap-up for the code of the last call."""
        within, load = self.dispatcher.rules.incidents.code_within_s, self.dispatcher.load
        call = self.dispatcher.operator_legs.last_calls.get(operator.id)
        if within <= 0 or call is None or load.sheds(Shed.WHISPERS):
            return 0.0
        incident, ended_at = self.incidents.of_call(call.id), call.record.ended_at
        if incident is None or incident.coded_at is not None:
            return 0.0
        return max(0.0, (now if ended_at is None else ended_at) + within - now)

    def _call_ended(self, record: CallRecord, at: float, again: bool) -> None:
        if self.verifications.by_caller:  # as at hardly any call's end
            self.verifications.call_ended(record, at)
        self.callbacks.call_ended(record, at, again)
        self.incidents.call_ended(record, at, again=again)

    def _music_lost(self, channel_id: str, now: float) -> None:
        call = self.calls.get(channel_id)
        if self.dispatcher.away:
            self.music_lost.add(channel_id)  # until it is known who is still there
        elif call is not None and call.stage in (Stage.QUEUED, Stage.RINGING):
            self.dispatcher.announcements.resume(call, now)

    def _number_of(self, text_id: str) -> str:
        """The number of a text conversation's incident, as people say it."""
        incident = self.incidents.of_call(text_id)
        return short_number(incident.number) if incident is not None else ""

    def _call_of(self, number: str) -> str | None:
        """The id of the call of this number that is up."""
        call = self.live.of_caller(number, self.dispatcher.rules.country)
        return call.id if call is not None else None

    def known_call(self, call_id: str) -> Call | None:
        """A call that this engine has in mind: one that lives, has just ended, or was the last."""
        live = self.live
        places = (self.calls, self.fallback.calls, live.finished)
        known = (call for place in places for call in place.values())
        last = self.dispatcher.operator_legs.last_calls.values()
        return next((call for call in (*known, *last) if call.id == call_id), None)

    def forget_calls(self, ids: Iterable[str], until: float) -> None:
        """Have ended calls in mind no more, for the database is about to know them otherwise.

        Nothing of them is altered. Until then nobody changes them (`check_unchanged`).
        """
        last = self.dispatcher.operator_legs.last_calls
        leaving = set(ids)
        for operator, call in list(last.items()):
            if call.id in leaving and call.record.ended_at is not None:
                del last[operator]
        self._leaving.add(leaving, until)

    def is_leaving(self, call_id: str) -> bool:
        """Whether a call's record is being changed in the database."""
        return call_id in self._leaving

    def check_unchanged(self, call_id: str) -> None:
        """Raise BeingErased where a call's record is being changed in the database."""
        if call_id in self._leaving:
            raise BeingErased("The call is being erased; try again in a minute.")

    def is_unknown(self, channel_id: str) -> bool:
        """Whether a channel is of nobody whom this engine knows, or has known just now."""
        live = self.live
        places = (self.calls, self.fallback.calls, live.finished, live.to_hang_up)
        return not any(channel_id in place for place in places)

    def _found(self, channel_id: str, lives: bool, now: float) -> None:
        """Asterisk has told whether a citizen who has left us lives on."""
        call = self.calls.get(channel_id)
        if call is None:
            return
        if lives and not call.record.events:
            self.claims.waits_for(call, now)
        elif lives and call.stage is not Stage.ENDED:
            self.fallback.fell_back(call, now)
        else:
            self.gone(channel_id, NORMAL, now)

    def _hanging_up(self, channel_id: str, cause: int, soft: bool, now: float) -> None:
        call = self.calls.get(channel_id)
        if call is not None:
            if not soft:
                self._citizens.hanging_up(call, cause)
            return
        if soft:
            # by Asterisk: for want of audio; or else by whoever ends its channels, and no person
            cause = NO_AUDIO if cause & SOFT_DEVICE else BROKEN_DIALOG
        goes_with = self.phones.hanging_up(channel_id, cause)
        if goes_with is not None:
            # whoever waits need not wait until Asterisk has tidied up
            self.gone(channel_id, goes_with, now)

    def gone(self, channel_id: str, cause: int, now: float) -> None:
        """A channel is gone, whoever's it was."""
        if self.dispatcher.away:
            self.gone_meanwhile.add(channel_id)
            self.entered_meanwhile.discard(channel_id)
        call = self.calls.get(channel_id)
        if call is not None:
            self._citizens.gone(call, cause, now)
            return
        self.live.is_hung_up(channel_id)
        self._owners.of(channel_id).gone(channel_id, cause, now)

    def looks_again(self) -> None:
        """What Asterisk holds is looked at anew: what happened before that is in it."""
        self.gone_meanwhile.clear()
        self.entered_meanwhile.clear()
        self.phones.answered_meanwhile.clear()

    def channels_of_phones(self) -> set[str]:
        """The channels of phones that dialled or ring for a work item, of whom they called, of
        test calls, of agencies that incidents are read out to, and of whoever listens to talks.
        """
        parts = (
            *(self.operator_calls, self.codes, self.offers),
            *(self.line_tests, self.agency_calls, self.monitors),
        )
        return set[str]().union(*(part.channels() for part in parts))


def _whom(target: Target) -> dict[str, str]:
    return {"kind": target.kind.value, "to": target.to, "name": target.name}
