"""For tests: a line that a real `ngalam112 up` keeps, with its players; ended by its pid files."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import fork_server
from databases import with_tables
from lines import PASSWORD, PIN, Line, eventually, line_settings

from models.database import Database
from ngalam112.accounts.admin import add_operator, add_phone
from ngalam112.config.settings import Settings
from ngalam112.process import pidfiles
from ngalam112.process.parts import ENGINES
from ngalam112.process.running_line import RunningLine
from pbx import processes
from pbx.programs import Programs


class Up:
    """`ngalam112 up` as a process.

    `forked`: it and its engines are forked off a process that has imported everything; else each
    is started by the interpreter, as in production.
    """

    def __init__(self, settings: Settings, *, forked: bool = True) -> None:
        self.settings, self._forked = settings, forked
        self._output = settings.home / "up.out"
        self._process: Any = None

    async def start(self) -> None:
        """Start it; what it says is added to what the ones before it said."""
        with self._output.open("ab") as output:
            forks = {fork_server.FORKS: "1"} if self._forked else {}
            start = fork_server.start if self._forked else processes.start
            self._process = await start(
                *(sys.executable, "-m", "ngalam112", "up"),
                env=self.settings.environment() | forks,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    async def end(self, number: signal.Signals) -> int:
        """End it by a signal; returns the exit code."""
        assert self._process is not None
        if self._process.returncode is None:
            self._process.send_signal(number)
        async with asyncio.timeout(60):
            return int(await self._process.wait())

    def said(self) -> str:
        """All that it and the ones before it have said."""
        return self._output.read_text("utf-8")

    # --- its parts --------------------------------------------------------------------------

    def engine(self, state: str) -> pidfiles.Process | None:
        """The engine that is in this state."""
        found = pidfiles.engines(self.settings.run).values()
        return next((one for one in found if one.state == state), None)

    async def engine_that(self, state: str, *, but: int = 0, within: float = 20.0) -> int:
        """Wait for an engine in this state that has another pid than `but`; returns its pid."""

        def there() -> int:
            found = self.engine(state)
            return found.pid if found is not None and found.pid != but else 0

        return int(await eventually(there, within, f"an engine that is {state}, not {but}"))

    async def all_engines(self) -> set[int]:
        """Wait until one serves and all others wait; returns their pids."""

        def there() -> set[int]:
            found = list(pidfiles.engines(self.settings.run).values())
            states = sorted(one.state for one in found)
            wanted = ["serving", *["waiting"] * (len(ENGINES) - 1)]
            return {one.pid for one in found} if states == wanted else set()

        return set(await eventually(there, 30.0, "all engines"))

    def asterisk(self) -> int:
        """Asterisk's pid; 0 if it does not live."""
        found = pidfiles.read(self.settings.run / "asterisk.pid")
        return found.pid if found is not None else 0

    def parts(self) -> list[int]:
        """The pids of all parts that live."""
        found = (pidfiles.read(path) for path in self.settings.run.glob("*.pid"))
        return [one.pid for one in found if one is not None]

    async def kill_all(self) -> None:
        """Leave nothing behind, whatever the test has done."""
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()

        def none_lives() -> bool:
            # one may have been started a moment ago, and have its file only now
            for pid in self.parts():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            return not self.parts()

        await eventually(none_lives, what="no part is left")


@asynccontextmanager
async def kept_line(
    home: Path,
    programs: Programs,
    sounds: Path,
    *,
    desks: int = 2,
    forked: bool = True,
    **changes: Any,
) -> AsyncIterator[tuple[Line, Up]]:
    """A line that `ngalam112 up` keeps: one engine serves, the others wait. `forked`: see `Up`."""
    settings = line_settings(home, **changes)
    for name in ("sounds", "music"):
        shutil.copytree(sounds / name, home / name)
    await with_tables(settings.url)
    async with Database(settings.url) as database:
        for number in (str(101 + index) for index in range(desks)):
            await add_phone(database, number, PASSWORD, None)
            await add_operator(database, f"1{number}", f"Petugas {number}", PIN, number)
    up = Up(settings, forked=forked)
    try:
        await up.start()
        await eventually(lambda: "Stop: Ctrl-C" in up.said(), 60, "the line serves")
        await up.engine_that("waiting")
        line = Line(settings, programs, RunningLine(settings, programs))
        async with line.players:
            yield line, up
    finally:
        await up.kill_all()
