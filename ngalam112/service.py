"""The engine as a process: waits for its turn, opens the database, runs all parts, stops in order.

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
from typing import Any

import structlog
import uvloop

from acd.recorder import Recorder
from models.database import Database, upgrade
from ngalam112 import pidfiles
from ngalam112.admin import load_roster
from ngalam112.api.metrics import CountingJournal
from ngalam112.api.server import Api
from ngalam112.engine import Engine
from ngalam112.heart import BeatFile, Heart, Notifier
from ngalam112.logs import open_log
from ngalam112.recovery import is_known, open_calls
from ngalam112.rulebook import Rulebook
from ngalam112.settings import Settings
from ngalam112.spool import read_spool
from ngalam112.standby import Turn
from ngalam112.warmup import warm_up

log = structlog.get_logger("service")

SPOOL_EVERY_S = 2.0
DRAIN_S = 10.0
GOODBYE_S = 2.0


class _Stopped(Exception):
    """Somebody asked the engine to stop; ends its task group."""


class _Life:
    """What one engine process is at the moment, and who is told of it."""

    def __init__(self, settings: Settings, name: str) -> None:
        self.settings, self.state = settings, "starting"
        self.told: asyncio.Future[signal.Signals] = asyncio.get_running_loop().create_future()
        self.notifier = Notifier()
        self.heart = Heart(self.notifier)
        self.turn = Turn(settings.home / "engine.lock")
        self.rulebook: Rulebook | None = None
        self._file = settings.run / f"engine-{name}.pid"
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, self._tell, number)

    def _tell(self, number: signal.Signals) -> None:
        if not self.told.done():
            self.told.set_result(number)

    def becomes(self, state: str) -> None:
        """Say what it is from now on: waiting, taking_over, serving or stopping."""
        if self.state == state:
            return
        self.state = state
        pidfiles.write(self._file, os.getpid(), state)
        word = "STOPPING=1" if state == "stopping" else "READY=1"
        self.notifier.say(word, f"STATUS={state}")
        log.info("engine_is", state=state, pid=os.getpid())

    async def turn_comes(self) -> bool:
        """Wait for the turn; returns whether it came before somebody said stop."""
        if self.turn.take():
            return True
        self.rulebook = await warm_up(self.settings)
        self.becomes("waiting")
        comes = asyncio.create_task(self.turn.comes(), name="turn")
        either: set[asyncio.Future[Any]] = {comes, self.told}
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        comes.cancel()
        return not self.told.done()

    def leave(self) -> None:
        """The end of this process: the next one's turn."""
        pidfiles.remove(self._file, os.getpid())
        self.turn.give()


def main(settings: Settings, name: str = "1") -> int:
    """Run the engine until it is told to stop; returns the exit code."""
    with open_log(settings.log_file, settings.log_level):
        return uvloop.run(live(settings, name))


async def live(settings: Settings, name: str) -> int:
    """Wait for the turn, then serve until told to stop; raises the first error that ends it."""
    life = _Life(settings, name)
    try:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(life.heart.run(), name="heart")
            if await life.turn_comes():
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
    """Serve; whatever ends it, what is in memory is written before the next engine's turn."""
    await upgrade(life.settings.url)
    async with Database(life.settings.url) as database:
        recorder = Recorder(database)
        writing = asyncio.create_task(recorder.run(), name="recorder")
        try:
            await _serve(life, database, recorder)
        finally:
            left = await recorder.close(DRAIN_S)
            writing.cancel()
            await asyncio.gather(writing, return_exceptions=True)
            if left:
                log.error("records_left_behind", count=left)


async def _serve(life: _Life, database: Database, recorder: Recorder) -> None:
    settings, journal = life.settings, CountingJournal(recorder)
    engine = Engine(settings, journal, life.rulebook)
    operators, phones = await load_roster(database)
    for phone in phones:
        engine.roster.add_phone(phone)
    for operator in operators:
        engine.roster.add_operator(operator)
    engine.wrap_ups.restore(engine.clock.now())
    engine.remember(await open_calls(database), {})
    log.info("engine_started", pid=os.getpid(), phones=len(phones), operators=len(operators))
    api = Api(engine, database, settings, journal)
    beat = BeatFile(settings.home / "engine.beat")
    engine.on_serving = lambda: life.becomes("serving")
    life.heart.proof = lambda: engine.do(lambda _: None)
    life.heart.ask_asterisk = lambda: engine.ping(beat.touch)
    try:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(_until_told(life, engine), name="signals")
            tasks.create_task(api.run(), name="api")
            # another program at the port must be told before the line is taken over in Asterisk
            await api.listening.wait()
            tasks.create_task(engine.run(), name="engine")
            tasks.create_task(_spool(settings, database, journal), name="spool")
    finally:
        life.becomes("stopping")
        life.heart.proof = life.heart.ask_asterisk = None
        beat.close()


async def _until_told(life: _Life, engine: Engine) -> None:
    number = await life.told
    life.becomes("stopping")
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
