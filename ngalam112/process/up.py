"""`ngalam112 up`: the whole line in the foreground: Asterisk, three engines, the rescuer.

A part that dies is started again at once; an engine whose heartbeat stops is killed. Asterisk is
never ended for another part's sake. If this process itself dies, all go on, and the next `up` finds
them; Ctrl-C or SIGTERM ends the whole line in order and leaves nothing running.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import secrets as random_secrets
import signal
from collections.abc import Iterator
from functools import partial

from rich.console import Console

from acd.operators.operator import Operator, Phone
from models.database import Database, Unreachable
from ngalam112.accounts.admin import add_operator, add_phone, load_roster
from ngalam112.config.provision import phones_are_rendered, provision_phones
from ngalam112.config.settings import Settings
from ngalam112.process.open_files import allow_many_files
from ngalam112.process.parts import (
    ENGINES,
    asterisk_part,
    engine_part,
    recordings_part,
    rescue_part,
)
from ngalam112.process.running_line import EngineFailed, healthy, line_asterisk, prepare
from ngalam112.process.supervisor import Part, Supervisor, tell
from ngalam112.terminal import console
from pbx.programs import Programs

FIRST_PHONES = ("101", "102", "103", "104")
_SERVES_WITHIN_S = 30.0
_IN_USE = ("taking_over", "serving", "stopping")


class AnotherUp(Exception):
    """The line is kept by another `ngalam112 up`."""


def main(settings: Settings) -> int:
    """Run the line until Ctrl-C or SIGTERM; returns the exit code."""
    allow_many_files()
    with _only_one(settings):
        return asyncio.run(_run(settings, console()))


@contextlib.contextmanager
def _only_one(settings: Settings) -> Iterator[None]:
    settings.home.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = settings.home / "up.lock"
    with open(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), "r+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise AnotherUp(
                f"The line in {settings.home} is kept by another `ngalam112 up` (pid "
                f"{file.read().strip()}); stop that one, or set NGALAM112_HOME for another line."
            ) from None
        file.truncate()
        file.write(f"{os.getpid()}\n")
        file.flush()
        yield


async def _run(settings: Settings, screen: Console) -> int:
    programs = Programs.find()
    line = SupervisedLine(settings, programs)
    stop = asyncio.Event()
    try:
        if found := line.find():
            screen.print(f"Found running, and kept from now on: {', '.join(found)}.")
            words = partial(screen.print, "The line goes on. Stop: Ctrl-C")
        else:
            await prepare(settings, programs)
            operators, phones = await _first_accounts(settings, screen)
            if phones:
                provision_phones(settings, phones)
            words = partial(_announce, settings, screen, operators, phones)
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        if not found:
            await line.start()
        words()
        await line.keep_until(stop)
        screen.print("Stopping the line...")
        await line.stop()
        screen.print("The line has stopped.")
    finally:
        line.close()
    return 0


class SupervisedLine:
    """All parts of one line, each with its supervisor."""

    def __init__(self, settings: Settings, programs: Programs) -> None:
        self._settings = settings
        self._asterisk = line_asterisk(settings, programs)

        def supervised(part: Part) -> Supervisor:
            return Supervisor(part, settings.run, tell)

        self.asterisk = supervised(asterisk_part(settings, programs))
        self.engines = [supervised(engine_part(settings, name)) for name in ENGINES]
        self.rescuer = supervised(rescue_part(settings))
        records = settings.recordings != "off"
        self._beside = [supervised(recordings_part(settings))] if records else []

    @property
    def _all(self) -> list[Supervisor]:
        return [self.asterisk, *self.engines, self.rescuer, *self._beside]

    def find(self) -> list[str]:
        """Take on what runs already, left by a supervisor that died; returns the names."""
        return [one.part.name for one in self._all if one.find()]

    async def start(self) -> None:
        """Start what serves citizens, and wait until it does; whatever fails ends all.

        Engines that wait are started by `keep_until`, so that they delay nobody.
        """
        try:
            self.asterisk.start()
            await self._asterisk.booted(self.asterisk.lives)
            for one in (self.engines[0], self.rescuer):
                one.start()
            await self._serves(self.engines[0])
        except Exception:
            await self.stop()
            raise

    async def _serves(self, engine: Supervisor) -> None:
        try:
            async with asyncio.timeout(_SERVES_WITHIN_S):
                while not await healthy(self._settings):
                    if not engine.lives():
                        raise EngineFailed(engine.last_words().removeprefix("ngalam112: "))
                    await asyncio.sleep(0.05)
        except TimeoutError:
            raise EngineFailed(
                f"No engine served within {_SERVES_WITHIN_S:.0f} s; see {self._settings.log_file}."
            ) from None

    async def keep_until(self, stop: asyncio.Event) -> None:
        """Keep all parts running until `stop` is set; then they still run."""
        async with asyncio.TaskGroup() as tasks:
            keeping = [tasks.create_task(one.keep(), name=one.part.name) for one in self._all]
            await stop.wait()
            for task in keeping:
                task.cancel()

    async def stop(self) -> None:
        """End all: the rescuer, the engine that waits, the one that serves, Asterisk."""
        await self.rescuer.end(signal.SIGTERM, within=5.0)
        for one in sorted(self.engines, key=_serves_last):
            await one.end(signal.SIGINT, within=20.0)
        await self.asterisk.end(signal.SIGTERM, within=10.0)
        for one in self._beside:
            await one.end(signal.SIGTERM, within=5.0)

    def close(self) -> None:
        """Let go of all parts; what runs goes on."""
        for one in self._all:
            one.close()


def _serves_last(engine: Supervisor) -> bool:
    process = engine.process
    return process is not None and process.state in _IN_USE


async def _first_accounts(
    settings: Settings, screen: Console
) -> tuple[list[Operator], list[Phone]]:
    try:
        return await _accounts(settings, screen)
    except Unreachable:
        if not phones_are_rendered(settings):
            raise
        return [], []  # `prepare` has told it


async def _accounts(settings: Settings, screen: Console) -> tuple[list[Operator], list[Phone]]:
    async with Database(settings.url) as database:
        operators, phones = await load_roster(database)
        if not phones and not operators:
            screen.print("First start: making four phones and four operators.")
            for index, number in enumerate(FIRST_PHONES):
                made = await add_phone(database, number, None, None)
                screen.print(f"  phone {number}, password {made.password} (shown only now)")
                who, pin = f"100{index + 1}", f"{random_secrets.randbelow(10**6):06d}"
                await add_operator(database, who, f"Petugas {index + 1}", pin, number)
                screen.print(f"  operator {who}, PIN {pin} (shown only now), phone {number}")
            operators, phones = await load_roster(database)
    return operators, phones


def _announce(
    settings: Settings, screen: Console, operators: list[Operator], phones: list[Phone]
) -> None:
    # whole lines: a path that is broken in two cannot be copied
    say = partial(screen.print, soft_wrap=True)
    where = f"{settings.bind}:{settings.sip_port}"
    say(f"\nThe line answers: dial {settings.number} at {where} (SIP).")
    say(f"Citizens may call from: {', '.join(settings.trunk_match)}; no registration needed.\n")
    say("Phones for softphones (dial *11 to log in, *12 out, *13 pause, *14 ready); a new")
    say("password: ngalam112 phone add NUMBER --replace")
    for phone in phones:
        who = [one for one in operators if one.home_phone == phone.number]
        names = ", ".join(f"{one.id} {one.name}" for one in who) or "nobody's own phone"
        say(f"  user {phone.number}  {names}")
    say(f"\nLog: {settings.log_file}\nStatus: ngalam112 status    Stop: Ctrl-C\n")
