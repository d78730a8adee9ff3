"""The engine as a process: waits for the leader lock, opens what it kept, runs, stops in order.

SIGTERM stops the engine alone: calls stay up in Asterisk and the next engine takes them over.
SIGINT is the end of the whole line: living calls are ended, with their records. An engine that
waits ends at once by either.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from datetime import UTC, datetime
from functools import partial
from typing import Any

import structlog
import uvloop

from acd.calls.record import CallRecord, Served
from journal.database_writer import DatabaseWriter
from journal.disk_thread import DiskHangs, DiskThread
from journal.write_ahead_log import WriteAheadLog
from models.database import Database
from ngalam112.api.link_server import LinkServer
from ngalam112.api.metrics import CountingJournal
from ngalam112.api.open311_server import Open311Server
from ngalam112.api.places import know_places
from ngalam112.api.server import Api
from ngalam112.config.agencies import sources_of
from ngalam112.config.logs import open_log
from ngalam112.config.routing import RoutingConfig, load_routing
from ngalam112.config.settings import Settings
from ngalam112.engine.engine import Engine
from ngalam112.process import pidfiles
from ngalam112.process.clock_watch import watch_clock
from ngalam112.process.heartbeat import BeatFile, Heartbeat, Notifier, read_beat
from ngalam112.process.leader_lock import LeaderLock
from ngalam112.process.log_rotation import keep_logs_short
from ngalam112.process.open_files import allow_many_files
from ngalam112.process.report_mails import ReportMails
from ngalam112.process.warm_up import calm_the_collector, warm_up
from ngalam112.recovery.fallback_records import KnownCall, glance, read_spool
from ngalam112.recovery.last_calls import bring_last_calls
from ngalam112.recovery.late_database import record, remember
from ngalam112.recovery.snapshot import known_call
from ngalam112.recovery.startup_state import StartupState, known_by
from ngalam112.wiring import build
from pbx.ari_reply import ChannelGone
from reports.calls import list_calls

log = structlog.get_logger("service")

SPOOL_EVERY_S = 2.0
TEND_EVERY_S = 1.0
DRAIN_S = 10.0
HAND_OVER_S = 0.2  # the next engine drains on, and citizens wait for its turn
GOODBYE_S = 2.0
MOST_LATER = 20  # calls of one citizen, in the seconds until the fallback's record was read

# who starts an engine need not wait longer than until it waits, or serves
_NEWS = {"waiting": ("READY=1",), "serving": ("READY=1",), "stopping": ("STOPPING=1",)}


class _Stopped(Exception):
    """Somebody asked the engine to stop; ends its task group."""


class _Life:
    """What one engine process is at the moment, and who is told of it."""

    def __init__(self, settings: Settings, name: str) -> None:
        self.settings, self.state = settings, "starting"
        self.told: asyncio.Future[signal.Signals] = asyncio.get_running_loop().create_future()
        self.notifier = Notifier()
        self.heartbeat = Heartbeat(self.notifier)
        self.lock = LeaderLock(settings.home / "engine.lock")
        self.routing: RoutingConfig | None = None
        self._file = settings.run / f"engine-{name}.pid"
        self._disk = DiskThread("pid file")
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, self._tell, number)

    def _tell(self, number: signal.Signals) -> None:
        if not self.told.done():
            self.told.set_result(number)

    def next_waits(self) -> bool:
        """Whether another engine waits for its turn."""
        found = pidfiles.engines(self.settings.run).values()
        return any(one.state == "waiting" and one.pid != os.getpid() for one in found)

    def leaves_turn(self) -> None:
        """Stop as if told so by SIGTERM: calls stay up, and the next engine serves."""
        self._tell(signal.SIGTERM)

    def becomes(self, state: str) -> None:
        """Say what it is from now on: waiting, taking_over, serving or stopping."""
        if self.state == state:
            return
        self.state = state
        with contextlib.suppress(DiskHangs):
            self._disk.do(partial(pidfiles.write, self._file, os.getpid(), state))
        self.notifier.say(*_NEWS.get(state, ()), f"STATUS={state}")
        log.info("engine_is", state=state, pid=os.getpid())

    async def becomes_leader(self) -> bool:
        """Wait for the leader lock; returns whether it came before somebody said stop."""
        if self.lock.take():
            return True
        self.routing = await warm_up(self.settings)
        self.becomes("waiting")
        comes = asyncio.create_task(self.lock.wait(), name="leader lock")
        either: set[asyncio.Future[Any]] = {comes, self.told}
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        comes.cancel()
        return not self.told.done()

    def leave(self) -> None:
        """The end of this process: the next one's turn."""
        with contextlib.suppress(DiskHangs):
            self._disk.do(partial(pidfiles.remove, self._file, os.getpid()))
        self.lock.give()


def main(settings: Settings, name: str = "1") -> int:
    """Run the engine until it is told to stop; returns the exit code."""
    allow_many_files()
    with open_log(settings.log_file, settings.log_level):
        return uvloop.run(live(settings, name))


async def live(settings: Settings, name: str) -> int:
    """Wait for the leader lock, serve until told to stop; raises the first error that ends it."""
    life = _Life(settings, name)
    try:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(life.heartbeat.run(), name="heartbeat")
            if await life.becomes_leader():
                life.becomes("taking_over")
                await _serve_and_drain(life)
            raise _Stopped
    except* _Stopped:
        log.info("engine_stopped")
    except* Exception as group:
        error = group.exceptions[0]
        while isinstance(error, ExceptionGroup):
            error = error.exceptions[0]
        log.error("engine_failed", error=str(error), kind=type(error).__name__)
        raise error from None
    finally:
        life.leave()
    return 0


async def _serve_and_drain(life: _Life) -> None:
    """Serve; whatever ends it, the database gets what it takes before the next engine's turn."""
    database = Database(life.settings.url)
    local = await asyncio.to_thread(WriteAheadLog, life.settings.journal)
    recorder = DatabaseWriter(database, local)
    try:
        await _serve(life, database, recorder)
    finally:
        await asyncio.to_thread(local.close)
        await database.engine.dispose()


async def _serve(life: _Life, database: Database, recorder: DatabaseWriter) -> None:
    settings, journal, kept = life.settings, CountingJournal(recorder), recorder.local.kept
    routing = life.routing if life.routing is not None else load_routing(settings)
    sources = sources_of(settings, routing.distribution)
    opening = StartupState(
        database, settings.url, recorder, sources, tuple(routing.categories.own.values())
    )
    stored = await opening.first(may_do_without=bool(kept.phones))
    engine, reconnect = build(settings, journal, routing)
    known = known_by(kept, stored)
    seen_at = read_beat(settings.beat)
    is_stored = stored is not None
    remember(engine, reconnect, recorder, known, seen_at=seen_at, is_stored=is_stored)
    log.info(
        "engine_started",
        pid=os.getpid(),
        phones=len(known.phones),
        operators=len(known.operators),
        calls=len(known.calls),
        backlog=recorder.backlog,
    )
    api = Api(engine, database, settings, journal)
    api.alarm_watch.remember(kept.facts, seen_at)
    beat = BeatFile(settings.beat)

    def serves() -> None:
        life.becomes("serving")
        # at once, for the rescuer may be about to take our citizens to the fallback
        engine.ping(beat.touch)

    engine.on_serving = serves
    life.heartbeat.proof = lambda: engine.do(lambda _: None)
    life.heartbeat.ask_asterisk = lambda: engine.ping(beat.touch)
    calm_the_collector()
    writing = asyncio.create_task(
        record(engine, recorder, None if is_stored else opening), name="recorder"
    )
    try:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(_until_told(life, engine), name="signals")
            tasks.create_task(api.run(), name="api")
            tasks.create_task(api.run_beside(), name="beside the api")
            tasks.create_task(LinkServer(engine, settings, api.lookup).run(), name="links")
            tasks.create_task(Open311Server(engine, settings).run(), name="open311")
            # another program at the port must be told before the line is taken over in Asterisk
            await api.listening.wait()
            tasks.create_task(engine.run(), name="engine")
            tasks.create_task(_spool(engine, database, journal), name="spool")
            tasks.create_task(bring_last_calls(engine, database, recorder), name="last calls")
            tasks.create_task(_tend(recorder.local), name="journal")
            for name, work in {
                "registered places": know_places(engine, settings),
                "logs": keep_logs_short(settings),
                "report mails": ReportMails(settings, engine.clock.now).run(),
            }.items():
                tasks.create_task(work, name=name)
            tasks.create_task(watch_clock(engine, life.next_waits, life.leaves_turn), name="clock")
            tasks.create_task(_unless_it_fails(writing), name="recording")
    finally:
        life.becomes("stopping")
        life.heartbeat.proof = life.heartbeat.ask_asterisk = None
        beat.close()
        line_ends = life.told.done() and life.told.result() is signal.SIGINT
        left = await recorder.close(DRAIN_S if line_ends else HAND_OVER_S)
        opening.give_up()
        writing.cancel()
        await asyncio.gather(writing, return_exceptions=True)
        if left:
            log.warning("entries_left_for_the_next_engine", count=left)


async def _unless_it_fails(writing: asyncio.Task[None]) -> None:
    await asyncio.shield(writing)


async def _tend(journal: WriteAheadLog) -> None:
    while True:
        journal.tend()
        await asyncio.sleep(TEND_EVERY_S)


async def _until_told(life: _Life, engine: Engine) -> None:
    number = await asyncio.shield(life.told)  # an engine that fails was not told
    life.becomes("stopping")
    log.info("stopping", signal=number.name, calls=len(engine.router.calls))
    if number is signal.SIGINT:
        await engine.do(engine.hang_up_all)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(GOODBYE_S):
                while engine.router.calls:
                    await asyncio.sleep(0.02)
    raise _Stopped


class _Calls:
    """Implements `fallback_records.Calls`: the stored calls, and those that are up."""

    def __init__(self, engine: Engine, database: Database, journal: CountingJournal) -> None:
        self._engine, self._database, self._journal = engine, database, journal

    async def known(self, asterisk_id: str) -> KnownCall | None:
        """The call as it is written."""
        return await known_call(self._database, asterisk_id)

    async def served(self, asterisk_id: str, served: Served) -> bool:
        """Note it in a call that is up; raises ConnectionError while it is not known who is."""

        def note(now: float) -> bool:
            if not self._engine.restored:
                raise ConnectionError("Asterisk is away, so nobody knows which calls are up.")
            return self._engine.router.fallback.served(asterisk_id, served, now)

        return await self._engine.do(note)

    async def lives(self, asterisk_id: str) -> bool:
        """Whether Asterisk still has the channel; raises an AriError if it does not tell."""
        try:
            await self._engine.ari.call("GET", f"channels/{asterisk_id}")
        except ChannelGone:
            return False
        return True

    async def made(self, record: CallRecord) -> None:
        """Let what the citizen has called since then count in the place of a loss."""
        if not record.caller_number:
            return  # nobody knows whose other calls these would be
        await self._journal.recorder.flushed()
        since = datetime.fromtimestamp(record.ended_at or record.arrived_at, UTC)
        number, country = record.caller_number, self._engine.dispatcher.rules.country
        async with self._database.session() as session:
            later = await list_calls(
                session, since=since, caller=number, limit=MOST_LATER, country=country
            )
        callbacks = self._engine.router.callbacks
        await self._engine.do(partial(callbacks.count_later_calls, later[::-1]))


async def _spool(engine: Engine, database: Database, journal: CountingJournal) -> None:
    """Read what the fallback left, for ever; the database's troubles end with it, not this."""
    folder, calls = engine.settings.spool, _Calls(engine, database, journal)

    async def written() -> None:
        # An engine that stood still has events to read of calls that the fallback served meanwhile.
        # Without their records, those calls would get two.
        await engine.ari.caught_up()
        await engine.do(lambda _: None)
        await journal.recorder.flushed()

    while True:
        try:
            # before that a call which the fallback has ended would be taken for one that is up
            if engine.restored:
                count = await read_spool(
                    folder,
                    journal,
                    calls,
                    flushed=written,
                    now=time.time(),
                    clock=engine.clock.anchor,
                )
                if count:
                    log.info("fallback_records_read", count=count)
                left = await asyncio.to_thread(glance, folder, engine.clock.anchor)
                await engine.do(partial(engine.router.callbacks.fallback_has, left.callers))
        except Exception:
            log.exception("fallback_records_failed")
        await asyncio.sleep(SPOOL_EVERY_S)
