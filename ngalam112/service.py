"""The engine as a process: opens the database, binds and runs all parts, stops in order.

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

from acd.recorder import Recorder
from models.database import Database, upgrade
from ngalam112.admin import load_roster
from ngalam112.api.metrics import CountingJournal
from ngalam112.api.server import Api
from ngalam112.engine import Engine
from ngalam112.logs import open_log
from ngalam112.provision import provision_phones
from ngalam112.recovery import is_known, open_calls
from ngalam112.settings import Settings
from ngalam112.spool import read_spool

log = structlog.get_logger("service")

SPOOL_EVERY_S = 2.0
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
    await upgrade(settings.url)
    async with Database(settings.url) as database:
        recorder = Recorder(database)
        writing = asyncio.create_task(recorder.run(), name="recorder")
        try:
            await _serve(settings, database, recorder)
        except* _Stopped:
            log.info("engine_stopped")
        except* Exception as group:
            error = group.exceptions[0]
            while isinstance(error, ExceptionGroup):
                error = error.exceptions[0]
            log.error("engine_failed", error=str(error), kind=type(error).__name__)
            raise error from None
        finally:
            left = await recorder.close(DRAIN_S)
            writing.cancel()
            await asyncio.gather(writing, return_exceptions=True)
            if left:
                log.error("records_left_behind", count=left)
    return 0


async def _serve(settings: Settings, database: Database, recorder: Recorder) -> None:
    journal = CountingJournal(recorder)
    engine = Engine(settings, journal)
    operators, phones = await load_roster(database)
    for phone in phones:
        engine.roster.add_phone(phone)
    for operator in operators:
        engine.roster.add_operator(operator)
    engine.wrap_ups.restore(engine.clock.now())
    engine.remember(await open_calls(database), {})
    provision_phones(settings, phones)
    log.info("engine_started", pid=os.getpid(), phones=len(phones), operators=len(operators))
    api = Api(engine, database, settings, journal)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(_until_told(engine), name="signals")
        tasks.create_task(api.run(), name="api")
        # a second engine must fail at the port before it takes the line over in Asterisk
        await api.listening.wait()
        tasks.create_task(engine.run(), name="engine")
        tasks.create_task(_spool(settings, database, journal), name="spool")


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
