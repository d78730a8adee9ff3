"""Has reports to agencies spoken into files, one at a time, and then rung by `ivr.agency_calls`.

A dispatch has a further file when the incident has changed; all go when it is settled. What an
earlier engine has left is removed at the start, for its calls are hung up.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import NamedTuple
from uuid import uuid4

import structlog
from msgspec.structs import replace

from deliveries.attempt import Attempt, Failed, Reason
from incidents.dispatch import Dispatch
from incidents.incident import Incident
from incidents.report import Report
from ivr.agency_calls import REPORTS, SpokenReport
from ngalam112.config.notice_audio import MOST_SIGNS, NoticeError
from ngalam112.config.report_audio import make_report_audio, remove_report_audio
from ngalam112.config.settings import Settings
from ngalam112.config.sounds import SoundError
from pbx.programs import ProgramMissing, Programs

log = structlog.get_logger("reports")

_MOST_WAITING = 1000


class _Job(NamedTuple):
    """What is to be rung once it is spoken; its audio is not known yet."""

    report: SpokenReport
    words: str


class _Audio(NamedTuple):
    name: str
    words: str
    seconds: float


class VoiceSender:
    """Makes the audio of reports.

    `ring(report)`: what has audio. `stop(dispatch)`: ring for that one no more. `attempted`: what
    came of a report that cannot be spoken. All are told to the one writer.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        ring: Callable[[SpokenReport], None],
        stop: Callable[[str], None],
        attempted: Callable[[str, int, Attempt], None],
    ) -> None:
        self._settings, self._ring, self._stop = settings, ring, stop
        self._attempted = attempted
        self._waiting: asyncio.Queue[_Job] = asyncio.Queue(_MOST_WAITING)
        # by dispatch, the newest last: one that is heard, or waits to be, may have an older one
        self._audio: dict[str, list[_Audio]] = {}
        self._rung: set[str] = set()  # dispatches that are not settled
        self._unused: asyncio.Queue[str] = asyncio.Queue()

    def send(self, dispatch: Dispatch, index: int, incident: Incident, report: Report) -> None:
        """Have the report spoken and the agency rung; returns at once."""
        delivery = dispatch.deliveries[index]
        spoken = SpokenReport(
            dispatch=dispatch.id,
            index=index,
            agency=dispatch.agency,
            address=delivery.address,
            attempts=delivery.attempts,
            prompt="",
            seconds=0.0,
            call_ids=tuple(incident.call_ids[-1:]),
        )
        try:
            self._waiting.put_nowait(_Job(spoken, report.spoken(MOST_SIGNS)))
        except asyncio.QueueFull:
            detail = f"{_MOST_WAITING} reports are waiting to be spoken."
            full = Failed(Reason.TRY_LATER, retry=True, detail=detail)
            self._attempted(dispatch.id, index, full)
            return
        self._rung.add(dispatch.id)

    def stop(self, dispatch_id: str, *, settled: bool) -> None:
        """Ring for a dispatch no more; once it is settled its file is removed."""
        if dispatch_id not in self._rung:
            return
        self._stop(dispatch_id)
        if settled:
            self._rung.discard(dispatch_id)
            self._drop(dispatch_id)

    def _drop(self, dispatch_id: str) -> None:
        for audio in self._audio.pop(dispatch_id, []):
            self._unused.put_nowait(audio.name)

    async def run(self) -> None:
        """Speak, one report at a time, until cancelled."""
        await asyncio.to_thread(remove_report_audio, self._settings)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._speak_on(), name="spoken reports")
            tasks.create_task(self._remove_on(), name="files of reports")

    async def _remove_on(self) -> None:
        while True:
            name = await self._unused.get()
            await asyncio.to_thread(remove_report_audio, self._settings, name)

    async def _speak_on(self) -> None:
        while True:
            job = await self._waiting.get()
            if job.report.dispatch not in self._rung:
                continue  # settled meanwhile
            try:
                audio = await self._spoken(job)
            except Exception as error:
                # one report's trouble must not become the next one's
                log.exception("report_not_spoken", dispatch=job.report.dispatch)
                known = isinstance(error, NoticeError | SoundError | ProgramMissing)
                detail = str(error)[:200] if known else type(error).__name__
                failed = Failed(Reason.NOT_SENDABLE, retry=True, detail=detail)
                self._attempted(job.report.dispatch, job.report.index, failed)
                continue
            if job.report.dispatch in self._rung:
                prompt = f"{REPORTS}/{audio.name}"
                self._ring(replace(job.report, prompt=prompt, seconds=audio.seconds))

    async def _spoken(self, job: _Job) -> _Audio:
        dispatch = job.report.dispatch
        for audio in self._audio.get(dispatch, []):
            if audio.words == job.words:
                return audio
        # never named by what is in a table
        name = uuid4().hex
        seconds = await asyncio.to_thread(
            lambda: make_report_audio(self._settings, Programs.find(), name, job.words)
        )
        made = _Audio(name, job.words, seconds)
        self._audio.setdefault(dispatch, []).append(made)
        if dispatch not in self._rung:
            self._drop(dispatch)  # settled meanwhile
        return made
