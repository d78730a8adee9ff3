"""The engine: binds every part together (the only place that does), lives, and stops.

One inbox, one writer: ARI, AMI, timers, the API and failed requests post events; `_write` hands
them one by one to the `Line`. Everything that waits (sockets, database, HTTP) is a named task.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import msgspec
import structlog

from acd.calls.checkpoint import kept_calls, kept_claims, to_hang_up
from acd.calls.record import CallRecord
from acd.dispatcher import Dispatcher
from acd.feature_codes.code_calls import CodeCalls
from acd.operator_calls import InternalCalls
from acd.operators.roster import Roster
from acd.ports import Journal
from acd.timers import Timers
from ivr.reception import Reception
from ngalam112.accounts.pins import pin_matches
from ngalam112.config.provision import (
    AMI_USER,
    APP,
    ARI_USER,
    phones_read,
    phones_unread,
    provision_agencies,
    provision_phones,
)
from ngalam112.config.routing import Rulebook, directory_of, load_rulebook, rules_of
from ngalam112.config.settings import Settings
from ngalam112.engine.ari_switch import AriSwitch
from ngalam112.engine.claims import Claimed
from ngalam112.engine.clock import CLOCK, SteadyClock
from ngalam112.engine.event_router import Do, Line, Whereabouts
from ngalam112.engine.fallback_calls import lives_on
from ngalam112.recovery import recheck
from ngalam112.recovery.fallback_records import glance
from ngalam112.recovery.reclaim_from_fallback import keep_taking_back
from ngalam112.recovery.restore_calls import TakeUp, take_up
from ngalam112.recovery.snapshot import snapshot
from pbx.ami import AmiLink
from pbx.ari import AriClient
from pbx.ari_reply import LOST, AriError, ChannelGone, Reply
from pbx.ari_types import CallBroadcast

log = structlog.get_logger("engine")
T = TypeVar("T")

_LANES = 4  # for the requests of calls, beside the event socket
TAKE_UP_AGAIN_S = 0.5  # Asterisk answers, but not this; citizens wait

ASTERISK = "asterisk"
"""The key of the fact which run of Asterisk the calls are in."""


class Engine:
    """All parts of one line, bound together. Made inside the running event loop."""

    def __init__(
        self, settings: Settings, journal: Journal, rulebook: Rulebook | None = None
    ) -> None:
        rulebook = rulebook or load_rulebook(settings)
        tree, self.distribution = rulebook.menu, rulebook.distribution
        self.menu = tree
        self.settings = settings
        self.clock = SteadyClock()
        self.event_errors = 0
        self._inbox: deque[object] = deque()
        self._door: deque[object] = deque()
        self._wake = asyncio.Event()
        self._taking_up: asyncio.Task[None] | None = None
        self._taking_back: asyncio.Task[None] | None = None
        self.taken_up = False  # connected, and what Asterisk holds is known
        self._rendering = asyncio.Lock()
        self.on_serving: Callable[[], None] = lambda: None
        self._journal = journal
        self._asterisk = ""  # which run of Asterisk we knew last
        self._lost_at: float | None = None  # when it was seen last, while it is not seen
        self.ari = AriClient(
            host="127.0.0.1",
            port=settings.ari_port,
            app=APP,
            user=ARI_USER,
            password=settings.secrets.ari_password,
            on_event=self.post,
            on_up=self._ari_up,
            on_down=self._ari_down,
            lanes=_LANES,
        )
        self.ami = AmiLink(
            host="127.0.0.1",
            port=settings.ami_port,
            user=AMI_USER,
            password=settings.secrets.ami_password,
            on_event=self.post,
        )
        self.timers = Timers()
        self.roster = Roster(journal, settings.misses_to_pause)
        switch = AriSwitch(self.ari, str(settings.sounds), self.post, settings.carrier)
        self.dispatcher = Dispatcher(
            switch,
            self.roster,
            self.timers,
            rules_of(settings, tree, self.distribution),
            directory_of(settings, self.distribution),
        )
        self.dispatcher.away = True  # until it is known what Asterisk holds
        self.wrap_ups = self.dispatcher.wrap_ups
        self.reception = Reception(switch, self.dispatcher, self.timers, tree)
        codes = CodeCalls(
            switch,
            self.roster,
            self.timers,
            self.wrap_ups,
            settle=self.dispatcher.settle,
            pin_matches=pin_matches,
            distribution=self.distribution,
            extension_s=settings.wrap_up_extension_s,
        )

        def answer_in_words(channel: str, prompt: str, now: float) -> None:
            switch.answer(channel)
            codes.say(channel, prompt, now)

        self.line = Line(
            switch=switch,
            journal=journal,
            timers=self.timers,
            dispatcher=self.dispatcher,
            reception=self.reception,
            codes=codes,
            internal=InternalCalls(self.dispatcher, answer_in_words),
            claim=self._claim,
            ask_where=self._ask_where,
            tell_door=self._tell_door,
        )
        self.dispatcher.load.backlog = lambda: self.ari.waiting + self.inbox_depth

    @property
    def inbox_depth(self) -> int:
        """Events that wait for the writer: the back-pressure of the engine."""
        return len(self._inbox) + len(self._door)

    def post(self, event: object) -> None:
        """Put an event into the inbox; never blocks.

        Who is at the door comes first, for the fallback serves whom nobody claims in time.
        """
        (self._door if isinstance(event, CallBroadcast) else self._inbox).append(event)
        self._wake.set()

    async def do(self, act: Callable[[float], T]) -> T:
        """Have the writer call `act(now)` and return what it returns, or raise what it raises."""
        answer: asyncio.Future[T] = asyncio.get_running_loop().create_future()

        def run(now: float) -> None:
            try:
                answer.set_result(act(now))
            except Exception as error:
                answer.set_exception(error)

        self.post(Do(run))
        return await answer

    async def run(self, *, first_within: float = 30.0) -> None:
        """Serve until cancelled; a task that dies ends the engine (its supervisor restarts it)."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._write(), name="writer")
            tasks.create_task(self.ami.run(), name="ami")
            tasks.create_task(self.ari.run(first_within=first_within), name="ari")

    async def bring_phones(self) -> None:
        """Render phones and agencies, and have Asterisk read what is new; no call is touched.

        Without a connection to Asterisk it reads them after the next one. Raises an AriError.
        """
        async with self._rendering:
            phones = list(self.roster.phones.values())
            await asyncio.to_thread(provision_phones, self.settings, phones)
            await asyncio.to_thread(provision_agencies, self.settings, self.distribution)
            if self.ari.connected and phones_unread(self.settings):
                await self.ari.call("PUT", "asterisk/modules/res_pjsip.so", timeout=15.0)
                try:
                    await self.ari.call("PUT", "asterisk/modules/app_queue.so", timeout=15.0)
                except ChannelGone:
                    # an Asterisk that runs since before the fallback had its queue
                    log.warning("fallback_has_no_queue")
                phones_read(self.settings)

    def ping(self, answered: Callable[[], None]) -> None:
        """Ask Asterisk whether it answers this engine; nothing follows if it does not."""

        def then(reply: Reply) -> None:
            if reply.ok and not self.line.replaced:
                answered()

        if self.ari.connected:
            self.ari.send("GET", "asterisk/ping", then=then)

    def hang_up_all(self, now: float) -> None:
        """The whole line stops: end every call, with its record."""
        for call in list(self.line.calls.values()):
            if call.record.events:
                self.dispatcher.finish(call, "line_stopped", None, now)
            self.ari.send("DELETE", f"channels/{call.channel}")

    async def _write(self) -> None:
        loop, inbox, door, clock = asyncio.get_running_loop(), self._inbox, self._door, self.clock
        while True:
            # kept before any request that follows from it leaves: the sockets' turn comes later
            with self._journal.together():
                # so many at a time, so that the sockets get their turn in a burst
                for _ in range(min(self.inbox_depth, 100)):
                    self._handle((door or inbox).popleft())
                self._fire_timers(clock.now())
            if inbox or door:
                await asyncio.sleep(0)
                continue
            due = self.timers.next()
            alarm = None
            if due is not None:
                alarm = loop.call_later(max(0.0, due - clock.now()), self._wake.set)
            await self._wake.wait()
            self._wake.clear()
            if alarm is not None:
                alarm.cancel()

    def _handle(self, event: object) -> None:
        try:
            self.line.handle(event, self.clock.now())
            if self.line.fallback.calls and self.taken_up:
                self._take_back()
        except Exception:
            # one call's trouble must not become everybody's; the metric and the log tell
            self.event_errors += 1
            log.exception("event_failed", kind=type(event).__name__)

    def _fire_timers(self, now: float) -> None:
        try:
            self.timers.fire(now)
        except Exception:
            self.event_errors += 1
            log.exception("deadline_failed")

    def _ask_where(self, channel: str) -> None:
        def then(reply: Reply) -> None:
            # where the connection is lost, the next one takes the line up
            if reply is not LOST:
                self.post(Whereabouts(channel, lives_on(reply)))

        self.ari.send("GET", f"channels/{channel}", then=then)

    def _tell_door(self, full: bool) -> None:
        """Tell the dialplan whether to ask for claims: while others wait, who comes waits too."""
        # without the file it asks, which costs no more than time
        with contextlib.suppress(OSError):
            if full:
                self.settings.door_file.touch(0o600)
            else:
                self.settings.door_file.unlink(missing_ok=True)

    def _claim(self, channel: str) -> None:
        def then(reply: Reply) -> None:
            if not reply.ok:
                log.warning("claim_refused", channel=channel, status=reply.status)
            self.post(Claimed(channel, reply.ok))

        self.ari.claim(channel, then)

    def remember(
        self, records: Iterable[CallRecord], facts: dict[str, Any], seen_at: float | None = None
    ) -> None:
        """Know the calls that were up when the last engine stopped; Asterisk tells their fate.

        `facts`: what that engine kept for us. `seen_at`: when Asterisk answered it last, by the
        monotonic clock. Times of calls and wrap-ups that go on are the last engine's, so they go
        on by its clock.
        """
        records = list(records)
        if records or any(one.wrap_up_until for one in self.roster.operators.values()):
            self.clock.go_on_from(facts.get(CLOCK))
        self._journal.keep(CLOCK, msgspec.to_builtins(self.clock.anchor))
        calls = kept_calls(facts)
        for record in records:
            self.line.remember(record, calls.pop(record.call_id, None))
        self.line.to_hang_up.update(to_hang_up(calls))
        self.line.door.claims.update(kept_claims(facts))
        self._asterisk = str(facts.get(ASTERISK, ""))
        # a beat of before the machine's start says nothing
        if seen_at is not None and seen_at <= time.monotonic():
            self._lost_at = self.clock.at(seen_at)

    def _ari_up(self) -> None:
        if self._taking_up is not None:
            self._taking_up.cancel()  # it looks at a connection that is lost
        # the fallback may have lost them meanwhile, with Asterisk
        self.line.calls.update(self.line.fallback.calls)
        self.line.fallback.calls.clear()
        self.line.looks_again()
        knew = frozenset(self.line.calls), frozenset(self.dispatcher.desks.legs)
        self._taking_up = asyncio.create_task(self._take_up(*knew), name="take up")

    def _ari_down(self) -> None:
        self.taken_up = False
        if self._taking_back is not None:
            self._taking_back.cancel()
        self._lost_at = self.clock.now()
        self.dispatcher.away = True

    async def _take_up(self, calls: frozenset[str], legs: frozenset[str]) -> None:
        playbacks = [one.playback for one in self.line.calls.values() if one.playback]
        offers = recheck.offers_of(self.line)
        while True:
            try:
                live = await snapshot(self.ari, playbacks)
                spool = await asyncio.to_thread(glance, self.settings.spool, self.clock.anchor)
                break
            except (AriError, msgspec.MsgspecError) as error:
                log.error("take_up_failed", error=str(error))
            if not self.ari.connected:
                return  # the next connection takes the line up
            await asyncio.sleep(TAKE_UP_AGAIN_S)
        another = bool(self._asterisk) and live.started != self._asterisk
        found = TakeUp(
            live=live,
            calls=calls,
            legs=legs,
            lost_at=(self._lost_at or self.clock.now()) if another else None,
            ended=spool.ended,
            spooled=spool.noted,
            served=spool.served,
        )
        try:
            await self.do(lambda now: take_up(self.line, found, now))
        except Exception:
            self.event_errors += 1
            log.exception("take_up_failed")
        self._tell_door(len(self.line.admission) > 0)
        self._asterisk, self._lost_at = live.started, None
        self._journal.keep(ASTERISK, live.started)
        log.info("serving", app=APP, legs=len(live.legs), asterisk_is_another=another)
        self.taken_up = True
        self._take_back()
        self.on_serving()
        try:
            await self.bring_phones()
        except (AriError, OSError) as error:
            log.error("phones_not_brought", error=str(error))
        await self._look_again(offers)

    async def _look_again(self, offers: frozenset[str]) -> None:
        await asyncio.sleep(recheck.AFTER_S)
        before = recheck.known(self.line, offers)
        try:
            live = await snapshot(self.ari)
            await self.do(lambda now: recheck.look(self.line, before, live, now))
        except (AriError, msgspec.MsgspecError) as error:
            log.error("second_look_failed", error=str(error))
        except Exception:
            self.event_errors += 1
            log.exception("second_look_failed")

    def _take_back(self) -> None:
        """Look after the citizens in the fallback, unless somebody does already."""
        if self._taking_back is None or self._taking_back.done():
            line = self.line
            looking = keep_taking_back(
                self.ari,
                self.ami,
                is_here=line.calls.__contains__,
                is_wanted=lambda: bool(line.fallback.calls),
                tell=lambda live: self.post(Do(lambda now: line.fallback.seen_alive(live, now))),
            )
            self._taking_back = asyncio.create_task(looking, name="take back")
