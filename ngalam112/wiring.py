"""The composition root: the one place that makes the parts of an engine and binds them together."""

from __future__ import annotations

from functools import partial
from typing import NamedTuple
from zoneinfo import ZoneInfo

from acd.calls.journal import Journal
from acd.calls.owners import Owners
from acd.dispatcher import Dispatcher
from acd.feature_codes.code_calls import CodeCalls
from acd.monitors import Monitors
from acd.operator_calls import OperatorCalls
from acd.operators.roster import Roster
from acd.text_offers import TextOffers
from acd.texts.intake import Intake
from acd.texts.limits import TextLimits
from acd.texts.texts import Texts
from acd.timers import Timers
from acd.work_offers import WorkOffers
from deliveries.attempt import Attempt
from incidents.book import IncidentBook
from incidents.by_phone import DispatchByPhone
from incidents.categories import Categories
from incidents.dispatches import Dispatches
from incidents.held import opens_in
from incidents.numbers import Numbers
from ivr.agency_calls import AgencyCalls
from ivr.line_tests import LineTests
from ivr.reception import Reception
from ngalam112.accounts.pins import pin_matches
from ngalam112.api.monitors import note
from ngalam112.config.provision import AMI_USER, APP, ARI_USER
from ngalam112.config.routing import (
    RoutingConfig,
    audio_of_languages,
    directory_of,
    load_routing,
    rules_of,
)
from ngalam112.config.settings import Settings
from ngalam112.engine.ari_switch import AriSwitch
from ngalam112.engine.asterisk_requests import AsteriskRequests
from ngalam112.engine.ban_keeper import BanKeeper
from ngalam112.engine.bans import Bans
from ngalam112.engine.clock import SteadyClock
from ngalam112.engine.engine import Engine
from ngalam112.engine.event_router import Do, EventRouter
from ngalam112.engine.inbox import Inbox
from ngalam112.engine.place_finder import PlaceFinder
from ngalam112.engine.recording_pauses import RecordingPauses
from ngalam112.engine.refusal_counts import RefusalCounts
from ngalam112.engine.report_sender import ReportSender
from ngalam112.engine.text_sender import TextSender
from ngalam112.engine.text_service import TextService, own_address
from ngalam112.engine.text_spool import TextSpool, peer_check
from ngalam112.engine.trunk_probe import TrunkProbe
from ngalam112.engine.unacknowledged import UnacknowledgedCalls
from ngalam112.engine.voice_sender import VoiceSender
from ngalam112.engine.warning_feed import WarningFeed
from ngalam112.recovery.reconnect import Reconnect
from pbx.ami import AmiLink
from pbx.ari import AriClient
from pbx.endpoints import ECHO
from pbx.sip_message import SipMessages

_LANES = 4  # for the requests of calls, beside the event socket


class Parts(NamedTuple):
    """An engine, and what restores its calls after each connect."""

    engine: Engine
    reconnect: Reconnect


def build(settings: Settings, journal: Journal, routing: RoutingConfig | None = None) -> Parts:
    """Make all parts of one engine, inside the running event loop; nothing runs yet.

    Raises the errors of `load_routing` if no routing config is given.
    """
    routing = routing or load_routing(settings)
    inbox, timers = Inbox(), Timers()
    ari = AriClient(
        host="127.0.0.1",
        port=settings.ari_port,
        app=APP,
        user=ARI_USER,
        password=settings.secrets.ari_password,
        on_event=inbox.post,
        on_up=lambda: reconnect.up(),
        on_down=lambda: reconnect.down(),
        lanes=_LANES,
    )
    ami = AmiLink(
        host="127.0.0.1",
        port=settings.ami_port,
        user=AMI_USER,
        password=settings.secrets.ami_password,
        on_event=inbox.post,
        on_attempt=lambda one: ban_keeper.attempt(one),
    )
    clock = SteadyClock()
    bans = Bans([*settings.trunk_match, *settings.untrusted_match, *settings.never_ban])
    etc = settings.asterisk_home / "etc"
    ban_keeper = BanKeeper(bans, etc, ari, journal, clock.now)
    requests = AsteriskRequests(ari, inbox, settings.door_file)
    refusals = RefusalCounts(
        (one for one in (settings.number, settings.test_number) if one),
        [*settings.trunk_match, *settings.untrusted_match],
        journal,
        clock.now,
    )
    place_finder = PlaceFinder(
        settings, lambda act: inbox.post(Do(act)), refusals.heard, refusals.deaf
    )
    messages = SipMessages(settings.number)
    sender = TextSender(
        ari,
        messages,
        settings.carrier,
        f"{own_address(settings.bind)}:{settings.sip_port}",
        settled=lambda id, status: inbox.post(
            Do(lambda now: router.texts.outbox.settled(id, status, now))
        ),
        shown=lambda id: inbox.post(Do(lambda now: router.texts.view.shown(id, now))),
        phone_failed=lambda phone: inbox.post(
            Do(lambda now: router.texts.phone_failed(phone, now))
        ),
    )
    router = _router(settings, journal, routing, inbox, timers, ari, requests, place_finder, sender)
    place_finder.locations = router.locations
    router.reception.unacknowledged = lambda call: refusals.unacknowledged(call.sip_id)
    if routing.distribution.limits.at_once_per_address:
        router.claims.address_of = refusals.address_of
    spool = TextSpool(settings.texts_file, peer_check(settings.trunk_match))
    reports, dispatches = _dispatches(settings, journal, routing, inbox, timers, router)
    agencies = router.dispatcher.transfers.directory.agencies
    router.dispatch_codes.on_dispatch = DispatchByPhone(router.incidents, dispatches, agencies)
    tell = router.dispatcher.operator_legs.switch.tell
    pauses = RecordingPauses(ami, tell, journal, clock.now)
    router.dispatcher.transfers.record = pauses.pressed
    router.dispatcher.load.backlog = lambda: ari.waiting + len(inbox)
    engine = Engine(
        settings,
        journal,
        routing,
        clock=clock,
        inbox=inbox,
        timers=timers,
        ari=ari,
        ami=ami,
        router=router,
        ban_keeper=ban_keeper,
        place_finder=place_finder,
        refusals=refusals,
        reports=reports,
        dispatches=dispatches,
        text_service=TextService(
            router.texts,
            Intake(router.texts, sender, journal),
            router.text_offers,
            spool,
            sender,
            messages,
            inbox,
            journal,
            bind=settings.bind,
            port=settings.text_port,
            ahead=clock.ahead,
        ),
        warning_feed=WarningFeed(settings, journal, clock.now),
        recording_pauses=pauses,
        unacknowledged=UnacknowledgedCalls(
            router, refusals, requests.ask_for_audio, lambda act: inbox.post(Do(act))
        ),
        trunk_probe=TrunkProbe(ari, settings.trunk_probe, clock.now),
    )
    router.codes.throttle.supervisor_pin = engine.people.supervisor_pin
    reconnect = Reconnect(engine, requests.tell_full)
    return Parts(engine, reconnect)


def _router(
    settings: Settings,
    journal: Journal,
    routing: RoutingConfig,
    inbox: Inbox,
    timers: Timers,
    ari: AriClient,
    requests: AsteriskRequests,
    place_finder: PlaceFinder,
    sender: TextSender,
) -> EventRouter:
    tree, distribution = routing.menu, routing.distribution
    roster = Roster(journal, settings.misses_to_pause)
    languages = audio_of_languages(settings)
    switch = AriSwitch(ari, str(settings.sounds), inbox.post, settings.carrier, languages)
    dispatcher = Dispatcher(
        switch,
        roster,
        timers,
        rules_of(settings, tree, distribution),
        directory_of(settings, distribution),
    )
    owners = Owners()
    codes = CodeCalls(
        switch,
        roster,
        timers,
        dispatcher.wrap_ups,
        owners=owners,
        playbacks=dispatcher.playbacks,
        free_phone=dispatcher.operator_legs.free_phone,
        pin_matches=pin_matches,
        journal=journal,
        distribution=distribution,
        extension_s=settings.wrap_up_extension_s,
    )

    def answer_in_words(channel: str, prompt: str, now: float) -> None:
        switch.answer(channel)
        codes.say(channel, prompt, now)

    reception = Reception(switch, dispatcher, timers, tree)
    offers = WorkOffers(dispatcher, owners)
    tickets = TextOffers(offers, dispatcher, journal, answer_in_words)
    tickets.texts = texts = Texts(
        sender,
        tickets,
        roster,
        timers,
        dispatcher.rules,
        journal,
        TextLimits(
            most_open=settings.text_most_open,
            burst=settings.text_burst,
            per_minute=settings.text_per_minute,
            citizen_silent_s=settings.text_citizen_silent_s,
            operator_silent_s=settings.text_operator_silent_s,
        ),
        category=reception.default_category,
    )
    operator_calls = OperatorCalls(dispatcher, owners, journal, answer_in_words)
    router = EventRouter(
        switch=switch,
        journal=journal,
        timers=timers,
        dispatcher=dispatcher,
        reception=reception,
        owners=owners,
        codes=codes,
        operator_calls=operator_calls,
        offers=offers,
        line_tests=LineTests(
            dispatcher,
            owners,
            journal,
            echo=ECHO,
            most=settings.test_most,
            echo_s=settings.test_echo_s,
            has_place=lambda record: record.place_source is not None,
        ),
        agency_calls=AgencyCalls(dispatcher, owners, operator_calls, codes.say),
        monitors=Monitors(dispatcher, owners, journal),
        texts=texts,
        text_offers=tickets,
        incidents=IncidentBook(
            journal,
            timers,
            dispatcher.rules.incidents,
            Numbers(journal.keep, ZoneInfo(settings.timezone)),
            country=settings.country,
            category_of=partial(incident_category, routing.categories),
            priorities=routing.categories.priorities,
            due=routing.agreed_times.due,
        ),
        claim=requests.claim,
        ask_where=requests.ask_where,
        tell_full=requests.tell_full,
        fetch_place=place_finder.fetch,
    )
    router.know_codes(routing.categories)
    router.monitors.on_heard = partial(note, journal)
    return router


def _dispatches(
    settings: Settings,
    journal: Journal,
    routing: RoutingConfig,
    inbox: Inbox,
    timers: Timers,
    router: EventRouter,
) -> tuple[ReportSender, Dispatches]:
    """Make what tells agencies of incidents, by all ways."""
    calls, directory = router.agency_calls, router.dispatcher.transfers.directory

    def attempted(dispatch: str, index: int, attempt: Attempt) -> None:
        inbox.post(Do(lambda now: dispatches.attempted(dispatch, index, attempt, now)))

    voice = VoiceSender(
        settings,
        ring=lambda report: inbox.post(Do(lambda now: calls.ring(report, now))),
        stop=lambda dispatch: inbox.post(Do(lambda now: calls.stop(dispatch, now))),
        attempted=attempted,
    )
    reports = ReportSender(settings, routing.categories, attempted, voice)
    dispatches = Dispatches(
        journal,
        timers,
        router.incidents,
        directory.agencies,
        reports,
        directory=directory,
        opens=opens_in(ZoneInfo(settings.timezone), routing.agreed_times.calendar.is_holiday),
    )
    calls.attempted, calls.heard = dispatches.attempted, dispatches.heard
    calls.accept = dispatches.accepted_by_phone
    return reports, dispatches


def incident_category(categories: Categories, menu_category: str | None) -> str | None:
    """The category of an incident whose call has waited for this one of the menu's, if any is."""
    found = categories.of_menu(menu_category or "")
    return None if found is None else found.id
