"""Pauses recordings of calls, for words that are to be kept nowhere, and lets them go on.

Asterisk keeps whether one is paused, on the citizen's channel, for as long as the call lives; so an
engine that dies loses nothing, and the next one needs to know nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

import msgspec
import structlog

from acd.calls.call import Leg
from acd.calls.ids import new_id
from acd.calls.journal import Journal
from acd.feature_codes.recording_codes import FAILED, GOES_ON, PAUSED
from pbx.ami import AmiError
from privacy.trail import TABLE, Look, Looked

log = structlog.get_logger("recordings")


class NotRecorded(Exception):
    """The recording of an operator's talk cannot be paused; the message says why."""


class Recorder(Protocol):
    """What pauses recordings (`pbx.ami.AmiLink`)."""

    async def pause_recording(self, channel: str, paused: bool) -> None:
        """Let silence stand in the recording of a channel; raises an AmiError."""


class RecordingPauses:
    """`tell(leg, prompt)`: lets an operator hear what came of it."""

    def __init__(
        self,
        ami: Recorder,
        tell: Callable[[str, str], None],
        journal: Journal,
        clock: Callable[[], float],
    ) -> None:
        self._ami, self._tell, self._journal, self._clock = ami, tell, journal, clock
        self._tasks: set[asyncio.Task[None]] = set()

    def pressed(self, leg: Leg, on: bool) -> None:
        """An operator has pressed it in a talk, and hears what came of it."""
        task = asyncio.create_task(self._pressed(leg, on))
        self._tasks.add(task)  # else it may be gone before it is done
        task.add_done_callback(self._tasks.discard)

    async def _pressed(self, leg: Leg, on: bool) -> None:
        try:
            await self.change(leg.call.channel, leg.call.id, on, leg.operator or leg.phone)
            said = GOES_ON if on else PAUSED
        except AmiError as error:
            log.warning("recording_not_paused", call_id=leg.call.id, error=str(error))
            said = FAILED
        self._tell(leg.id, said)

    async def change(self, channel: str, call_id: str, on: bool, by: str) -> None:
        """Pause the recording of a call, or let it go on; who did so stands in the access trail.

        Raises an AmiError.
        """
        await self._ami.pause_recording(channel, not on)
        now = self._clock()
        look = Look(
            id=new_id(now),
            at=now,
            who=by[:64],
            source="line",
            kind=Looked.CALL,
            target=call_id,
            command="recording goes on" if on else "recording paused",
        )
        self._journal.row(TABLE, msgspec.to_builtins(look))
