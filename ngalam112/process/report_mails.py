"""Has the reports that are due mailed by a process of their own, beside the engine that serves.

The engine looks every 20 s at two small files; a process (`report schedule send-due`, at nice 10)
computes and sends, so no call waits for a report or a mail server. Whoever takes over the line goes
on with what the files say.
"""

from __future__ import annotations

import asyncio
import signal
import sys
from asyncio.subprocess import PIPE
from collections.abc import Callable
from zoneinfo import ZoneInfo

import msgspec
import structlog

from ngalam112.config.report_schedules import read_mailed, read_schedules
from ngalam112.config.settings import PROJECT, Settings, SettingsError
from pbx import processes
from reports.figures_groups import shifts_of
from reports.schedules import Mailed, due

log = structlog.get_logger("report_mails")

EVERY_S = 20.0
WITHIN_S = 900.0
_END_S = 1.0


class ReportMails:
    """What looks for one engine; `now`: its clock, which nobody sets, as the machine's may be."""

    def __init__(self, settings: Settings, now: Callable[[], float]) -> None:
        self._settings, self._now = settings, now

    async def run(self) -> None:
        """Look until cancelled; nothing that fails ends it, for the next look comes."""
        while True:
            await asyncio.sleep(EVERY_S)
            try:
                await self.look()
            except (SettingsError, OSError, TimeoutError) as error:
                log.error("report_mails_fail", error=str(error) or type(error).__name__)
            except Exception:
                log.exception("report_mails_fail")

    async def look(self) -> None:
        """Have mailed what is due, and log what became of it. Raises SettingsError, OSError."""
        now = self._now()
        if not await asyncio.to_thread(self._is_due, now):
            return
        process = await processes.start(
            *(sys.executable, "-m", "ngalam112", "report", "schedule", "send-due", f"--now={now}"),
            stdout=PIPE,
            cwd=PROJECT,
            env=self._settings.environment(),
        )
        try:
            assert process.stdout is not None
            async with asyncio.timeout(WITHIN_S):
                async for line in process.stdout:
                    _log(msgspec.json.decode(line, type=Mailed))
                if await process.wait():
                    log.error("report_mails_fail", code=process.returncode)
        finally:
            await processes.end(process, signal.SIGKILL, within=_END_S)

    def _is_due(self, now: float) -> bool:
        settings, schedules = self._settings, read_schedules(self._settings)
        zone, shifts = ZoneInfo(settings.timezone), shifts_of(settings.shifts)
        known = read_mailed(settings) if schedules else {}
        return bool(due(schedules, known, shifts, zone, now))


def _log(one: Mailed) -> None:
    about = {"schedule": one.schedule, "attempts": one.attempts}
    if one.sent_at is not None:
        log.info("report_mailed", **about, why=one.why)
    elif one.given_up_at is not None:
        log.error("report_mail_given_up", **about, why=one.why)
    else:
        log.warning("report_mail_fails", **about, why=one.why)
