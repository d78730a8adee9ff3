"""Looks at the line every two seconds, and has the writer keep which alarms begin and end.

What a look finds is decided by `ngalam112.alarms.rules`, as for `ngalam112 watch`; it counts what
the engine holds, once, however many wait.
"""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import Callable
from typing import Any

import structlog

from acd.calls.ids import new_id
from journal.disk_thread import DiskThread
from ngalam112.alarms.rules import CHANGE, CHANGED_S, Limits, Seen, found
from ngalam112.api.queries import Answer
from ngalam112.api.recordings import recording_summary
from ngalam112.api.state import dispatches_by_state, line_state, trunk_state
from ngalam112.config.settings import Settings
from ngalam112.engine.engine import Engine
from ngalam112.recordings.standing import Standing, read_standing

log = structlog.get_logger("alarms")

EVERY_S = 2.0
FIRST_WITHIN_S = 10.0
"""So long the first look waits for what Asterisk holds: before, nothing is up yet."""
GAP_S = 5.0
"""So long no engine may have served before that is an alarm; a change of engines takes less."""
DISK_S = 1.0
SERVED_BY = "alarms_served_by"
"""The key of the fact which engine looked last."""


class AlarmWatch:
    """The looks of one engine. `engine_state`: as the status tells it."""

    def __init__(
        self, engine: Engine, settings: Settings, engine_state: Callable[[], Answer]
    ) -> None:
        self._engine, self._settings, self._engine_state = engine, settings, engine_state
        self._limits = Limits(
            wait_s=settings.alarm_wait_s, disk_percent=settings.alarm_disk_percent
        )
        self._disk = DiskThread("alarms", DISK_S)
        self._changed_at: float | None = None
        self._served_until: float | None = None

    def remember(self, facts: dict[str, Any], seen_at: float | None) -> None:
        """Know that another engine served before.

        `facts`: what it kept. `seen_at`: when Asterisk answered it last, by the monotonic clock.
        """
        clock, journal = self._engine.clock, self._engine.journal
        if facts.get(SERVED_BY):
            self._changed_at = clock.now()
        # a beat of before the machine's start says nothing
        if seen_at is not None and seen_at <= time.monotonic():
            self._served_until = clock.at(seen_at)
        journal.keep(SERVED_BY, new_id(clock.now()))

    async def run(self) -> None:
        """Look until cancelled; a look that fails is no reason to serve no calls."""
        begun = time.monotonic()
        while not self._engine.restored and time.monotonic() - begun < FIRST_WITHIN_S:
            await asyncio.sleep(0.1)
        await self._engine.do(self._tell_gap)
        while True:
            try:
                await self.look()
            except Exception:
                log.exception("alarms_not_looked_for")
            await asyncio.sleep(EVERY_S)

    async def look(self) -> None:
        """Take one look."""
        free, standing = await asyncio.to_thread(self._on_disk)
        await self._engine.do(lambda now: self._look(free, standing, now))

    def _look(self, free: float | None, standing: Standing | None, now: float) -> None:
        engine = self._engine
        alarms = found(self._seen(free, standing), self._limits)
        if self._changed_at is not None and now - self._changed_at < CHANGED_S:
            alarms["change"] = CHANGE
        engine.alarms.look(alarms, now)

    def _seen(self, free: float | None, standing: Standing | None) -> Seen:
        engine, state, roster = self._engine, line_state(self._engine), self._engine.roster
        feed = engine.warning_feed
        status = {
            "engine": self._engine_state(),
            "queue": {"length": state.queue_length, "longest_wait_s": state.longest_wait_s},
            "load": {"at_door": state.load.at_door},
            "operators": {"status": state.operators_by_status},
            "dispatches": dispatches_by_state(engine.dispatches),
            "warnings": {"feed": "away" if feed.health.away_since is not None else "up"},
            "trunk": trunk_state(engine),
            "recordings": recording_summary(standing),
        }
        return Seen(
            status=status,
            operators=[
                {"status": one.status.value, "phone": one.phone}
                for one in roster.operators.values()
            ],
            phones=[
                {"number": one.number, "device": one.device.value} for one in roster.phones.values()
            ],
            disk_percent=free,
        )

    def _on_disk(self) -> tuple[float | None, Standing | None]:
        """How much of the disk is free, in percent, and how it stands with the recordings."""
        try:
            told: tuple[float, Standing | None] = self._disk.do(self._read)
        except OSError:
            return None, None
        return told

    def _read(self) -> tuple[float, Standing | None]:
        usage = shutil.disk_usage(self._settings.home)
        records = self._settings.recordings != "off"
        standing = read_standing(self._settings.recordings_standing) if records else None
        return 100 * usage.free / usage.total, standing

    def _tell_gap(self, now: float) -> None:
        """That no engine has served for a while is known only now that one does."""
        since = self._served_until
        if since is not None and now - since > GAP_S:
            text = f"no engine served calls for {now - since:.0f} s; the fallback had them"
            self._engine.alarms.was_on("engine", text, since, now)
