"""Starts the rescuer (`agi_scripts/rescue.py`) as a part of a line."""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path

from ngalam112.config.settings import PROJECT, Settings
from pbx.processes import end, start

RESCUE_SCRIPT = PROJECT / "agi_scripts" / "rescue.py"
STOP_S = 5.0


def rescuer_command(settings: Settings) -> list[str]:
    """The command that runs the rescuer of this line until SIGTERM."""
    beat = settings.beat
    given = (settings.ami_port, settings.rescue_secret_file, beat)
    return [sys.executable, "-IS", str(RESCUE_SCRIPT), *map(str, given)]


def rescuer_log(settings: Settings) -> Path:
    """Where what it says goes."""
    return settings.log_file.with_name("rescue.log")


class RescuerProcess:
    """The rescuer as a child process: `async with RescuerProcess(settings): ...`."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Start it; it finds Asterisk by itself, whenever that comes."""
        with rescuer_log(self._settings).open("ab") as log:
            self._process = await start(
                *rescuer_command(self._settings),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    async def ended(self) -> int:
        """Wait for its end; returns the exit code."""
        assert self._process is not None
        return await self._process.wait()

    async def stop(self) -> None:
        """Stop it, by force if it does not go in time."""
        await end(self._process, signal.SIGTERM, within=STOP_S)

    async def __aenter__(self) -> RescuerProcess:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()
