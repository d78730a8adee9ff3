"""The engine as a process: opens journal and database, binds and runs all parts, stops in order.

SIGTERM stops the engine alone: calls stay up in Asterisk and the next engine takes them over.
SIGINT is the end of the whole line: living calls are ended, with their records.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time

import structlog
import uvloop

from acd.journal_lines import Kept
from acd.local_journal import LocalJournal
from acd.recorder import Recorder
from models.database import Database
from ngalam112.api.metrics import CountingJournal
from ngalam112.api.server import Api
from ngalam112.engine import Engine
from ngalam112.logs import open_log
from ngalam112.opening import Known, Opening, known_by, learn
from ngalam112.provision import provision_phones
from ngalam112.recovery import is_known
from ngalam112.settings import Settings
from ngalam112.spool import read_spool
from pbx.ari_reply import AriError

log = structlog.get_logger("service")

SPOOL_EVERY_S = 2.0
TEND_EVERY_S = 1.0
DRAIN_S = 10.0
GOODBYE_S = 2.0


class _Stopped(Exception):
    """Somebody asked the engine to stop; ends its task group."""


def main(settings: Settings) -> int:
    """Run the engine until it is told to stop; returns the exit code."""
    with open_log(settings.log_file, settings.log_level):
        return uvloop.run(serve(settings))


async def serve(settings: Settings) -> int:
    """Serve until SIGTERM or SIGINT; raises the first error that ends the engine."""
    database = Database(settings.url)
    local = LocalJournal(settings.journal)
    recorder = Recorder(database, local)
    opening = Opening(database, settings.url, recorder)
    try:
        await _serve(settings, database, recorder, opening)
    except* _Stopped:
        log.info("engine_stopped")
    except* Exception as group:
        error = group.exceptions[0]
        while isinstance(error, ExceptionGroup):
            error = error.exceptions[0]
        log.error("engine_failed", error=str(error), kind=type(error).__name__)
        raise error from None
    finally:
        opening.give_up()
        await asyncio.to_thread(local.close)
        await database.engine.dispose()
    return 0


async def _serve(
    settings: Settings, database: Database, recorder: Recorder, opening: Opening
) -> None:
    kept = recorder.local.kept
    # read before the engine is made, so that a database or a file that is wrong ends it at once
    stored = await opening.first(may_do_without=bool(kept.phones))
    journal = CountingJournal(recorder)
    engine = Engine(settings, journal)
    known = known_by(kept, stored)
    _remember(engine, recorder, known, kept, is_stored=stored is not None)
    provision_phones(settings, known.phones)
    log.info(
        "engine_started",
        pid=os.getpid(),
        phones=len(known.phones),
        operators=len(known.operators),
        calls=len(known.calls),
        backlog=recorder.backlog,
    )
    api = Api(engine, database, settings, journal)
    writing = asyncio.create_task(
        _record(settings, engine, recorder, None if stored is not None else opening)
    )
    try:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(_until_told(engine), name="signals")
            tasks.create_task(api.run(), name="api")
            # a second engine must fail at the port before it takes the line over in Asterisk
            await api.listening.wait()
            tasks.create_task(engine.run(), name="engine")
            tasks.create_task(_spool(settings, database, journal), name="spool")
            tasks.create_task(_tend(recorder.local), name="journal")
            tasks.create_task(_unless_it_fails(writing), name="recorder")
    finally:
        left = await recorder.close(DRAIN_S)
        writing.cancel()
        await asyncio.gather(writing, return_exceptions=True)
        if left:
            log.warning("entries_left_for_the_next_engine", count=left)


def _remember(
    engine: Engine, recorder: Recorder, known: Known, kept: Kept, *, is_stored: bool
) -> None:
    """Let the engine know its line, before it serves."""
    for phone in known.phones:
        engine.roster.add_phone(phone)
    for operator in known.operators:
        engine.roster.add_operator(operator)
    engine.remember(known.calls, kept.facts)
    if is_stored:
        recorder.local.restate(
            [one.row() for one in known.operators], [one.row() for one in known.calls]
        )
        recorder.local.keep_phones(known.phones)
        _say_last(engine, recorder, set(kept.newer))
    engine.wrap_ups.restore(engine.clock.now())


def _say_last(engine: Engine, recorder: Recorder, newer: set[str]) -> None:
    """What waits of these operators is older than what the database has: say how they are now."""
    recorder.operators_after = recorder.local.last
    for id in newer & engine.roster.operators.keys():
        recorder.operator_state(engine.roster.operators[id].row())


async def _record(
    settings: Settings, engine: Engine, recorder: Recorder, opening: Opening | None
) -> None:
    """Write into the database, as soon as it is there; `opening`: where it is not there yet."""
    if opening is not None:
        stored = await opening.at_last()
        await engine.do(lambda _: _learn(engine, recorder, stored))
        phones = list(engine.roster.phones.values())
        await asyncio.to_thread(provision_phones, settings, phones)
        with contextlib.suppress(AriError):  # Asterisk reads them when it is there again
            await engine.reload_phones()
        log.info("database_is_there", phones=len(phones), backlog=recorder.backlog)
    await recorder.run()


def _learn(engine: Engine, recorder: Recorder, stored: Known) -> None:
    local, roster = recorder.local, engine.roster
    newer = {id for id in roster.operators if local.is_newer(id)}
    learn(roster, stored, newer)
    _say_last(engine, recorder, newer)
    local.keep_phones(roster.phones.values())


async def _unless_it_fails(writing: asyncio.Task[None]) -> None:
    await asyncio.shield(writing)


async def _tend(journal: LocalJournal) -> None:
    while True:
        journal.tend()
        await asyncio.sleep(TEND_EVERY_S)


async def _until_told(engine: Engine) -> None:
    told: asyncio.Future[signal.Signals] = asyncio.get_running_loop().create_future()

    def tell(number: signal.Signals) -> None:
        if not told.done():
            told.set_result(number)

    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, tell, number)
    number = await told
    log.info("stopping", signal=number.name, calls=len(engine.line.calls))
    if number is signal.SIGINT:
        await engine.do(engine.hang_up_all)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(GOODBYE_S):
                while engine.line.calls:
                    await asyncio.sleep(0.02)
    raise _Stopped


async def _spool(settings: Settings, database: Database, journal: CountingJournal) -> None:
    """Read what the fallback left, for ever; the database's troubles end with it, not this."""
    while True:
        try:
            count = await read_spool(
                settings.spool,
                journal,
                is_known=lambda asterisk_id: is_known(database, asterisk_id),
                flushed=journal.recorder.flushed,
                now=time.time(),
            )
            if count:
                log.info("fallback_records_read", count=count)
        except Exception:
            log.exception("spool_failed")
        await asyncio.sleep(SPOOL_EVERY_S)
