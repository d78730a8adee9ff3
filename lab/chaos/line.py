"""A line as in production: `ngalam112 up` as a child process, with all that it starts.

Own ports, own state folder, own database. When the block is left, the line is stopped, whatever has
happened to its parts, and nothing of it is left.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiohttp

from lab.actors.sipp import free_port
from lab.chaos import processes
from lab.machine.waiting import comes_true
from lab.machine.wallclock import WallClock
from models.database import Database, upgrade
from ngalam112.accounts.admin import add_operator, add_phone, new_password
from ngalam112.cli.client import Client, ClientError
from ngalam112.config.settings import PROJECT, Settings, load_settings
from ngalam112.config.sounds import reuse_sounds
from ngalam112.process.running_line import RunningLine, healthy
from pbx.processes import end, start
from pbx.programs import Programs

UP_WITHIN_S = 60.0
STOP_WITHIN_S = 30.0
_CLOCK = ("LD_PRELOAD", "FAKETIME")
# a Python program that is `up` in plays; tests have one that starts engines sooner
_UP_PROGRAM = "NGALAM112_CHAOS_UP"
_UP = """
import json, os, sys
os.environ.update(json.loads(sys.argv.pop(1)))
from ngalam112.cli.app import main
main()
"""
# Alembic has one context for a whole process: of lines that are made beside each other, one at a
# time has its tables made
_upgrading = asyncio.Lock()
Say = Callable[[str], None]


class ChaosFailed(Exception):
    """A scenario could not be played; the message says what went wrong."""


def line_settings(home: Path, timezone: str, **changes: Any) -> Settings:
    """The settings of a line of its own beside any other: free ports, short wrap-up."""
    ports = ("sip_port", "ari_port", "ami_port", "api_port")
    given: dict[str, Any] = {name: free_port() for name in ports}
    # never the city's own database, and citizens from here only
    given |= {"bind": "127.0.0.1", "trunk_match": ["127.0.0.0/8"], "database_url": ""}
    given |= {"rtp_ports": "20000-29999", "wrap_up_s": 0.5, "timezone": timezone}
    given["phone_silence_s"] = 0  # SIPp's phones send no audio
    return load_settings(home=home, **{**given, **changes})


class ChaosLine:
    """One line under test, with so many desks.

    `operators`: whose own phone each phone is. `clock`: what its processes take for the wall clock,
    but for Asterisk and the supervisor.
    """

    def __init__(
        self,
        settings: Settings,
        programs: Programs,
        sounds: Path,
        desks: int,
        clock: WallClock | None = None,
    ) -> None:
        self._clock = clock
        self.settings, self.programs, self.home = settings, programs, settings.home
        self._sounds = sounds
        self.operators = {str(201 + index): str(1001 + index) for index in range(desks)}
        self.passwords = {phone: new_password() for phone in self.operators}
        self.client = Client(settings, 5.0)
        self._up: asyncio.subprocess.Process | None = None

    async def __aenter__(self) -> ChaosLine:
        try:
            await self._prepare()
            await self.start()
        except BaseException:
            await self.__aexit__()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await asyncio.shield(asyncio.ensure_future(self._stop()))

    async def _prepare(self) -> None:
        self.home.mkdir(parents=True, exist_ok=True, mode=0o700)
        await asyncio.to_thread(reuse_sounds, self._sounds, self.home)
        async with _upgrading:
            await upgrade(self.settings.url)
        async with Database(self.settings.url) as database:
            for phone, operator in self.operators.items():
                await add_phone(database, phone, self.passwords[phone], None)
                await add_operator(database, operator, f"Petugas {operator}", "654321", phone)

    async def start(self) -> None:
        """Start `ngalam112 up`, and wait until the line serves."""
        with (self.home / "up.txt").open("ab") as said:
            self._up = await start(
                # whoever ends this play by force ends the line as well
                *("setpriv", "--pdeathsig", "TERM", "--", sys.executable, *self._command()),
                cwd=PROJECT,
                env=self.settings.environment(),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                start_new_session=True,
            )
        serves, limit = await comes_true(self.served, UP_WITHIN_S)
        if not serves:
            raise ChaosFailed(f"The line did not serve within {limit}: {self.last_words()}")

    def _command(self) -> list[str]:
        """What Python runs: `up`, or `up` whose children see the clock that can be set."""
        if self._clock is None:
            other = os.environ.get(_UP_PROGRAM)
            return [other, "up"] if other else ["-m", "ngalam112", "up"]
        with self._clock.seen():
            seen = {name: value for name, value in os.environ.items() if name.startswith(_CLOCK)}
        return ["-c", _UP, json.dumps(seen), "up"]

    def last_words(self) -> str:
        """What `up` said last."""
        text = (self.home / "up.txt").read_text("utf-8", "replace").strip()
        return text.splitlines()[-1][:300] if text else "it said nothing."

    async def served(self) -> bool:
        """Whether the engine says that it serves; raises ChaosFailed if `up` has ended."""
        if self._up is not None and self._up.returncode is not None:
            raise ChaosFailed(f"The line has ended: {self.last_words()}")
        return await healthy(self.settings)

    async def log_in(self, phones: list[str]) -> None:
        """Log the operators in whose own phones these are."""
        for phone in phones:
            path = f"/api/operators/{self.operators[phone]}/login"
            await asyncio.to_thread(self.client.post, path, {"phone": phone})

    async def ask(self, path: str) -> Any:
        """Ask the engine; None while there is none that answers."""
        with contextlib.suppress(ClientError):
            return await asyncio.to_thread(self.client.get, path)
        return None

    async def stages(self) -> dict[str, int]:
        """How many calls are in which stage, as the engine tells; empty if it does not."""
        status = await self.ask("/api/status")
        return (
            {}
            if status is None
            else {name: count for name, count in status["calls"].items() if count}
        )

    async def command(self, *words: str) -> bytes | None:
        """What a command of ours prints about this line; None if it fails."""
        process = await start(
            *(sys.executable, "-m", "ngalam112", *words),
            cwd=PROJECT,
            env=self.settings.environment(),
            stdout=asyncio.subprocess.PIPE,
        )
        out, _ = await process.communicate()
        return out if process.returncode == 0 else None

    # --- its processes ----------------------------------------------------------------------

    def engine(self) -> int | None:
        """The engine that serves."""
        return processes.serving(self.home)

    async def stands_by(self, within: float, count: int = 1) -> bool:
        """Wait until one engine serves and `count` others could in the next moment."""

        def there() -> bool:
            others = processes.standing_by(self.home)
            return len(others) >= count and self.engine() is not None

        return bool((await comes_true(there, within))[0])

    def kill_up(self) -> None:
        """Kill the supervisor: nothing is started again until `start`."""
        assert self._up is not None
        processes.kill(self._up.pid)

    async def up_has_ended(self) -> None:
        """Wait for the end of a supervisor that was killed."""
        assert self._up is not None
        await self._up.wait()
        self._up = None

    async def held(self) -> tuple[int, int] | None:
        """How many channels and bridges Asterisk holds; None if it does not say."""
        try:
            return await RunningLine(self.settings, self.programs).held()
        except (OSError, aiohttp.ClientError):
            return None

    async def _stop(self) -> None:
        await end(self._up, within=STOP_WITHIN_S)
        await asyncio.to_thread(processes.sweep, self.home)
