"""Has reports computed in a process of their own, so that no call waits for one.

The process is started by the first report and kept until none was asked for in a while. One report
is computed at a time; one that takes too long is ended with its process.
"""

from __future__ import annotations

import asyncio
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Awaitable, Callable, Mapping

import msgspec
import structlog

from ngalam112.api.refusals import known_error
from ngalam112.api.report_process import Asked, Told
from ngalam112.config.settings import PROJECT, Settings
from pbx import processes
from reports.errors import ReportFailed

log = structlog.get_logger("reports")

LONGEST_S = 50.0
"""A report takes no longer: who asks by the command line waits for a minute."""

IDLE_S = 300.0
LARGEST = 64 * 1024 * 1024
"""Bytes of an answer."""

_END_S = 1.0


class ReportWorker:
    """The process for the line with these settings. `longest_s`: for one report."""

    def __init__(
        self, settings: Settings, longest_s: float = LONGEST_S, idle_s: float = IDLE_S
    ) -> None:
        self._settings, self._longest_s, self._idle_s = settings, longest_s, idle_s
        self.start: Callable[..., Awaitable[Process]] = processes.start
        self._process: Process | None = None
        self._turn = asyncio.Lock()
        self._idle: asyncio.TimerHandle | None = None
        self._ending: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int | None:
        """Of the process; None while there is none."""
        running = self._process is not None and self._process.returncode is None
        return self._process.pid if running and self._process is not None else None

    async def ask(self, path: str, params: Mapping[str, str], behind: int) -> bytes:
        """Return the answer to a question of the API as JSON.

        Raises what the question raises, and ReportFailed.
        """
        asked = Asked(path=path, params=dict(params), behind=behind)
        async with self._turn:
            self._stay()
            try:
                async with asyncio.timeout(self._longest_s):
                    told, answer = await self._told(asked)
            except TimeoutError:
                await self._end()
                raise ReportFailed(
                    f"The report was not ready in {self._longest_s:g} s; ask for a shorter time, or"
                    " use `ngalam112 report`, which has no limit."
                ) from None
            except BaseException:
                await self._end()  # what it would say next is the answer to this question
                raise
            finally:
                self._leave_later()
        if not told.error:
            return answer
        error = known_error(told.kind, told.error)
        if error is None:
            log.error("report_failed", path=path, error=told.error)
            raise ReportFailed("The report could not be computed; the engine's log tells why.")
        raise error

    async def close(self) -> None:
        """End the process."""
        self._stay()
        await self._end()

    async def _told(self, asked: Asked) -> tuple[Told, bytes]:
        line = msgspec.json.encode(asked) + b"\n"
        for _ in range(2):  # a process that has died meanwhile is replaced once
            process = await self._running()
            assert process.stdin is not None and process.stdout is not None
            try:
                process.stdin.write(line)
                await process.stdin.drain()
                told = await process.stdout.readline()
                answer = await process.stdout.readline()
            except ConnectionError:
                answer = b""
            if answer.endswith(b"\n"):
                return msgspec.json.decode(told, type=Told), answer[:-1]
            await self._end()
        raise ReportFailed("The process that computes reports has died; see the engine's log.")

    async def _running(self) -> Process:
        if self._process is None or self._process.returncode is not None:
            self._process = await self.start(
                *(sys.executable, "-m", "ngalam112.api.report_process"),
                stdin=PIPE,
                stdout=PIPE,
                limit=LARGEST,
                cwd=PROJECT,
                env=self._settings.environment(),
            )
            log.info("report_process_up", pid=self._process.pid)
        return self._process

    async def _end(self) -> None:
        process, self._process = self._process, None
        # at once: it only reads, and nothing of it is kept
        await processes.end(process, signal.SIGKILL, within=_END_S)

    def _stay(self) -> None:
        if self._idle is not None:
            self._idle.cancel()

    def _leave_later(self) -> None:
        loop = asyncio.get_running_loop()
        self._idle = loop.call_later(self._idle_s, self._leave)

    def _leave(self) -> None:
        if not self._turn.locked():
            self._ending = asyncio.create_task(self._end(), name="report process ends")
