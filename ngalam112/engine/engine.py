"""The engine: one inbox, one writer.

ARI, AMI, timers, the API and failed requests post events into the inbox; `_write` hands them one
by one to the `EventRouter`. Everything that waits (sockets, database, HTTP) is a named task. The
parts are made and bound together in `ngalam112.wiring`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import TypeVar

import structlog

from acd.agencies.agency import Agency
from acd.agencies.register import AGENCIES, Register
from acd.calls.journal import Journal
from acd.timers import Timers
from incidents.categories import Category
from incidents.category_changes import CATEGORIES, fact
from incidents.dispatches import Dispatches
from ngalam112.accounts.known_people import People
from ngalam112.alarms.book import AlarmBook
from ngalam112.config.agencies import doubts, provision_agencies
from ngalam112.config.provision import phones_read, phones_unread, provision_phones
from ngalam112.config.routing import RoutingConfig
from ngalam112.config.settings import Settings
from ngalam112.engine.ban_keeper import BanKeeper
from ngalam112.engine.clock import SteadyClock
from ngalam112.engine.event_router import EventRouter
from ngalam112.engine.inbox import Inbox
from ngalam112.engine.place_finder import PlaceFinder
from ngalam112.engine.recording_pauses import RecordingPauses
from ngalam112.engine.refusal_counts import RefusalCounts
from ngalam112.engine.report_sender import ReportSender
from ngalam112.engine.text_service import TextService
from ngalam112.engine.trunk_probe import TrunkProbe
from ngalam112.engine.unacknowledged import UnacknowledgedCalls
from ngalam112.engine.warning_feed import WarningFeed
from pbx.ami import AmiLink
from pbx.ari import AriClient
from pbx.ari_reply import ChannelGone, Reply

log = structlog.get_logger("engine")
T = TypeVar("T")


class Engine:
    """All parts of one line, while it serves. Made inside the running event loop.

    `restored`: connected, and what Asterisk holds is known. `on_serving()`: called when it becomes
    true. `on_fallback_calls()`: called after each event while citizens are with the fallback.
    `agencies_stored`, `categories_stored`: the database has told which there are.
    """

    def __init__(
        self,
        settings: Settings,
        journal: Journal,
        routing: RoutingConfig,
        *,
        clock: SteadyClock,
        inbox: Inbox,
        timers: Timers,
        ari: AriClient,
        ami: AmiLink,
        router: EventRouter,
        ban_keeper: BanKeeper,
        place_finder: PlaceFinder,
        refusals: RefusalCounts,
        reports: ReportSender,
        dispatches: Dispatches,
        text_service: TextService,
        warning_feed: WarningFeed,
        recording_pauses: RecordingPauses,
        unacknowledged: UnacknowledgedCalls,
        trunk_probe: TrunkProbe,
    ) -> None:
        self.settings, self.journal = settings, journal
        self.menu, self.distribution = routing.menu, routing.distribution
        self.categories, self.agreed_times = routing.categories, routing.agreed_times
        self.clock, self.inbox, self.timers = clock, inbox, timers
        self.ari, self.ami, self.router = ari, ami, router
        self.ban_keeper, self.place_finder, self.refusals = ban_keeper, place_finder, refusals
        self.text_service, self.warning_feed = text_service, warning_feed
        self.recording_pauses, self.unacknowledged = recording_pauses, unacknowledged
        self.trunk_probe = trunk_probe
        self.alarms = AlarmBook(journal)
        self.dispatches, self._reports, self.people = dispatches, reports, People(journal.keep)
        self.dispatcher, self.reception = router.dispatcher, router.reception
        self.roster, self.wrap_ups = self.dispatcher.roster, self.dispatcher.wrap_ups
        self.restored = self.agencies_stored = self.categories_stored = False
        self.event_errors = 0
        self.on_serving: Callable[[], None] = lambda: None
        self.on_fallback_calls: Callable[[], None] = lambda: None
        self._rendering = asyncio.Lock()

    async def do(self, act: Callable[[float], T]) -> T:
        """Have the writer call `act(now)` and return what it returns, or raise what it raises."""
        return await self.inbox.do(act)

    async def run(self, *, first_within: float = 30.0) -> None:
        """Serve until cancelled; a task that dies ends the engine (its supervisor restarts it)."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._write(), name="writer")
            tasks.create_task(self.ami.run(), name="ami")
            tasks.create_task(self.ban_keeper.run(), name="bans")
            tasks.create_task(self.place_finder.run(), name="places")
            tasks.create_task(self.refusals.run(), name="refusals")
            tasks.create_task(self.unacknowledged.run(), name="unacknowledged")
            tasks.create_task(self.text_service.run(), name="texts")
            tasks.create_task(self._reports.run(), name="reports")
            tasks.create_task(self.warning_feed.run(), name="warnings")
            tasks.create_task(self.trunk_probe.run(), name="trunk")
            tasks.create_task(self.ari.run(first_within=first_within), name="ari")

    async def bring_phones(self) -> None:
        """Render phones and agencies, and have Asterisk read what is new; no call is touched.

        Without a connection to Asterisk it reads them after the next one. Raises an AriError.
        """
        async with self._rendering:
            phones = list(self.roster.phones.values())
            await asyncio.to_thread(provision_phones, self.settings, phones)
            await self._write_agencies()
            if self.ari.connected and phones_unread(self.settings):
                await self.ari.call("PUT", "asterisk/modules/res_pjsip.so", timeout=15.0)
                try:
                    await self.ari.call("PUT", "asterisk/modules/app_queue.so", timeout=15.0)
                except ChannelGone:
                    # an Asterisk that runs since before the fallback had its queue
                    log.warning("fallback_has_no_queue")
                phones_read(self.settings)

    @property
    def agencies(self) -> Register:
        """The agencies as the line uses them now."""
        return self.dispatcher.transfers.directory.agencies

    def know_agencies(self, agencies: Iterable[Agency], *, stored: bool) -> None:
        """Use these agencies from now on; what rings or talks goes on as it is.

        `stored`: the database has them, so the next engine is told of them.
        """
        self.agencies.know(agencies)
        self.dispatches.agencies_changed(self.clock.now())
        if not stored:
            return
        self.agencies_stored = True
        self.journal.keep(AGENCIES, self.agencies.fact())

    def know_categories(self, categories: Iterable[Category], *, stored: bool) -> None:
        """Use these categories from now on: for the next code, incident and report.

        `stored`: the database has them, so the next engine is told of them.
        """
        self.categories.know(categories)
        self.router.know_codes(self.categories)
        if not stored:
            return
        self.categories_stored = True
        self.journal.keep(CATEGORIES, fact(self.categories.own.values()))

    def doubt_categories(self) -> None:
        """Say in the log that nobody reads the city's file of categories any more."""
        if self.settings.has_categories_file:
            what = "categories are in the database now (ngalam112 category list); the file is"
            log.warning(
                "categories_file_passed_over",
                file=str(self.settings.categories_file),
                what=f"{what} passed over: take NGALAM112_CATEGORIES_FILE out of the settings",
            )

    def doubt_agencies(self) -> None:
        """Say in the log what does not fit between the agencies and the distribution file."""
        found, file = doubts(self.distribution, self.agencies.by_id.values()), "distribution file"
        if found.left_over:
            log.warning(
                "agencies_in_distribution_file",
                file=str(self.settings.distribution_file),
                not_among_the_agencies=found.unknown,
                what=f"agencies are in the database now (ngalam112 agency list); those in the"
                f" {file} are not read any more: take them out",
            )
        if found.missing:
            what = f"overflow or fallback of the {file} names what is no agency: it is passed over"
            log.warning("agencies_not_there", names=found.missing, what=what)

    async def bring_agencies(self) -> None:
        """Write down whom Asterisk rings for citizens of whom no engine knows. Raises OSError."""
        async with self._rendering:
            await self._write_agencies()

    async def _write_agencies(self) -> None:
        now = Register(self.agencies.by_id.values())
        await asyncio.to_thread(provision_agencies, self.settings, self.distribution, now)

    def ping(self, answered: Callable[[], None]) -> None:
        """Ask Asterisk whether it answers this engine; nothing follows if it does not."""

        def then(reply: Reply) -> None:
            if reply.ok and not self.router.replaced:
                answered()

        if self.ari.connected:
            self.ari.send("GET", "asterisk/ping", then=then)

    def is_idle(self) -> bool:
        """Whether nothing is open whose seconds are counted: no call, no talk and no wrap-up."""
        router = self.router
        open_now = router.calls or router.channels_of_phones() or router.fallback.calls
        wrap_up = any(one.wrap_up_until for one in self.roster.operators.values())
        return self.restored and not (open_now or wrap_up)

    def hang_up_all(self, now: float) -> None:
        """The whole line stops: end every call, with its record."""
        self.router.line_tests.stop(now)
        self.router.agency_calls.stop_all()
        self.router.monitors.stop_all()
        for call in list(self.router.calls.values()):
            if call.record.events:
                self.dispatcher.finish(call, "line_stopped", None, now)
            self.ari.send("DELETE", f"channels/{call.channel}")

    async def _write(self) -> None:
        inbox, clock = self.inbox, self.clock
        while True:
            # kept before any request that follows from it leaves: the sockets' turn comes later
            with self.journal.together():
                # so many at a time, so that the sockets get their turn in a burst
                for _ in range(min(len(inbox), 100)):
                    self._handle(inbox.take())
                self._fire_timers(clock.now())
            if len(inbox):
                await asyncio.sleep(0)
                continue
            due = self.timers.next()
            await inbox.filled(None if due is None else max(0.0, due - clock.now()))

    def _handle(self, event: object) -> None:
        try:
            self.router.handle(event, self.clock.now())
            if self.router.fallback.calls and self.restored:
                self.on_fallback_calls()
        except Exception:
            # one call's trouble must not become everybody's; the metric and the log tell
            self.event_errors += 1
            log.exception("event_failed", kind=type(event).__name__)
            self._settle()

    def _fire_timers(self, now: float) -> None:
        try:
            if self.timers.fire(now):
                self.dispatcher.settle(now)
        except Exception:
            self.event_errors += 1
            log.exception("deadline_failed")
            self._settle()

    def _settle(self) -> None:
        """Offer calls after an error too: whoever is free by what came before it is not to wait."""
        try:
            self.dispatcher.settle(self.clock.now())
        except Exception:
            log.exception("settle_failed")
