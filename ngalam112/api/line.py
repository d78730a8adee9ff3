"""The API of the line as it is now: health, metrics, status, operators and phones."""

from __future__ import annotations

import os
import time
from typing import Any
from zoneinfo import ZoneInfo

from aiohttp import web

from ngalam112 import __version__
from ngalam112.api import queries, time_ranges
from ngalam112.api.bodies import reply
from ngalam112.api.metrics import CONTENT_TYPE, CountingJournal, metrics_text
from ngalam112.api.queries import Answer
from ngalam112.api.recordings import recording_metrics, recording_summary, standing_of
from ngalam112.api.state import dispatches_by_state, line_state, living_calls, trunk_state
from ngalam112.api.warnings import warning_summary
from ngalam112.config.settings import Settings
from ngalam112.engine.engine import Engine
from reports.refused import reason


class LineNow:
    """The handlers; they read, in the event loop's thread."""

    def __init__(self, engine: Engine, settings: Settings, journal: CountingJournal) -> None:
        self._engine, self._settings, self._journal = engine, settings, journal
        self._recorder = journal.recorder
        self._started = time.monotonic()

    async def healthz(self) -> web.Response:
        """Whether calls can be served; for whoever watches the line, without a token."""
        links = self._links()
        down = [name for name, up in links.items() if not up]
        if not (links["ari"] and links["ami"]):
            return reply({"ok": False, "down": down}, 503)
        # citizens are served without the database too
        return reply({"ok": True, "down": down} if down else {"ok": True})

    async def metrics(self) -> web.Response:
        """What has happened, counted, for Prometheus."""
        standing = await standing_of(self._settings)
        body = metrics_text(self._engine, self._journal, recording_metrics(standing))
        return web.Response(body=body, headers={"Content-Type": CONTENT_TYPE})

    async def status(self) -> Answer:
        """The line as it is now: links, queue, operators, phones, living calls."""
        standing = await standing_of(self._settings)
        engine, state = self._engine, line_state(self._engine)
        return {
            "engine": self.engine_state(),
            "queue": {"length": state.queue_length, "longest_wait_s": state.longest_wait_s},
            "calls": state.calls,
            "operators": {
                "status": state.operators_by_status,
                "state": state.operators_by_state,
            },
            "phones": state.phones,
            "load": state.load,
            "trunk": trunk_state(engine),
            "dispatches": dispatches_by_state(engine.dispatches),
            "warnings": warning_summary(engine, self._settings),
            "recordings": recording_summary(standing),
            "refused_before": self._refused_before(),
            "living": living_calls(engine),
        }

    def engine_state(self) -> Answer:
        """The engine that serves: its links, and how it stands with what is kept."""
        engine = self._engine
        return {
            "version": __version__,
            "pid": os.getpid(),
            "uptime_s": round(time.monotonic() - self._started, 1),
            **self._links(),
            "inbox": len(engine.inbox),
            **self._keeping(),
            "event_errors": engine.event_errors,
            "clock_ahead_s": round(engine.clock.ahead(), 3),
        }

    async def operators(self) -> Answer:
        """All operators, and what they are doing."""
        zone = ZoneInfo(self._settings.timezone)
        operators = self._engine.roster.operators.values()
        return {"operators": queries.operator_rows(operators, zone)}

    async def phones(self) -> Answer:
        """All phones, and who is logged in there."""
        roster = self._engine.roster
        phones, operators = roster.phones.values(), roster.operators.values()
        return {"phones": queries.phone_rows(phones, operators)}

    def _refused_before(self) -> list[dict[str, Any]]:
        """Whose calls Asterisk refused within a day, the last first."""
        zone = ZoneInfo(self._settings.timezone)
        return [
            {
                "source": one.source,
                "trunk": one.trunk,
                "status": one.status,
                "reason": reason(one.status),
                "dialled": one.dialled,
                "calls": one.calls,
                "since": _iso(one.since, zone),
                "at": _iso(one.at, zone),
            }
            for one in self._engine.refusals.lately()
        ]

    def _links(self) -> dict[str, bool]:
        engine, recorder = self._engine, self._recorder
        return {
            # an engine that another one has replaced gets no calls any more
            "ari": engine.ari.connected and not engine.router.replaced,
            "ami": engine.ami.connected,
            "database": recorder.failing_since is None,
        }

    def _keeping(self) -> dict[str, Any]:
        """How it stands with what is kept; the times are None where all is well."""
        recorder, zone = self._recorder, ZoneInfo(self._settings.timezone)
        return {
            "backlog": recorder.backlog,
            "database_away_since": _iso(recorder.failing_since, zone),
            "journal_failing_since": _iso(recorder.local.failing_since, zone),
            "entries_lost": recorder.local.lost,
        }


def _iso(at: float | None, zone: ZoneInfo) -> str | None:
    return None if at is None else time_ranges.local(at, zone).isoformat(timespec="seconds")
