"""The engine's HTTP API on loopback: what the command line and Prometheus ask and want done.

Everything but /healthz needs `Authorization: Bearer <api_token>`. Answers are JSON; what cannot be
done is {"error": one sentence}. Changes go through the engine's one writer; questions about the
past are answered in a thread with a database connection of its own, so that no call waits for a
report.
"""

from __future__ import annotations

import asyncio
import hmac
import os
import time
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import structlog
from aiohttp import web

from models.database import Database
from ngalam112 import __version__
from ngalam112.api import incident_queries, queries, text_queries, time_ranges
from ngalam112.api.agencies import AgencyRoutes
from ngalam112.api.changes import Changes, json_response, reply
from ngalam112.api.connection_limit import (
    MOST_CONNECTIONS,
    SILENCE_S,
    ConnectionLimit,
    body_in_time,
)
from ngalam112.api.incident_lookup import IncidentLookup
from ngalam112.api.incidents import IncidentChanges
from ngalam112.api.late_codes import LateCodes
from ngalam112.api.metrics import CONTENT_TYPE, CountingJournal, metrics_text
from ngalam112.api.notices import NoticeRoutes
from ngalam112.api.places import Places
from ngalam112.api.privacy import PrivacyRoutes
from ngalam112.api.refusals import LARGEST_BODY, Handler, errors, refusal
from ngalam112.api.state import line_state, living_calls
from ngalam112.api.texts import TextChanges
from ngalam112.api.trail import AccessTrail
from ngalam112.api.warnings import WarningRoutes, warning_summary
from ngalam112.api.written import after_writing
from ngalam112.config.settings import Settings
from ngalam112.engine.engine import Engine

log = structlog.get_logger("api")

HOST = "127.0.0.1"


class ApiError(Exception):
    """The API cannot be served; the message says why and what to do."""


class Api:
    """The API of one engine, whose `journal` counts calls and knows the recorder."""

    def __init__(
        self,
        engine: Engine,
        database: Database,
        settings: Settings,
        journal: CountingJournal,
    ) -> None:
        self._engine, self._database, self._settings = engine, database, settings
        self._journal = journal
        self._recorder = journal.recorder
        self._started = time.monotonic()
        self.listening = asyncio.Event()
        self._limit: ConnectionLimit | None = None
        self._authorization = f"Bearer {settings.secrets.api_token}".encode()
        # one report and one look-up at a time: they share the interpreter with the calls
        self._reporting, self._looking_up = asyncio.Semaphore(1), asyncio.Semaphore(1)
        self._changes = Changes(engine, database, settings, journal)
        self._notices = NoticeRoutes(engine, settings)
        self._warnings = WarningRoutes(engine, settings)
        self._places = Places(engine, database, settings)
        self._privacy = PrivacyRoutes(engine, database, journal)
        self._trail = AccessTrail(self._recorder, settings.country)
        self._agencies = AgencyRoutes(engine, database, settings)
        self._text_changes = TextChanges(engine, settings)
        self.lookup = IncidentLookup(engine, database, journal)
        self._incidents = IncidentChanges(engine, database, settings, journal, self.lookup)
        self._late_codes = LateCodes(engine, self.lookup)

    async def run(self) -> None:
        """Serve until cancelled; raises ApiError if the port is taken."""
        runner = web.AppRunner(
            self._application(),
            access_log=None,
            shutdown_timeout=1.0,
            keepalive_timeout=SILENCE_S,
            lingering_time=SILENCE_S,
        )
        await runner.setup()
        port = self._settings.api_port
        listener: asyncio.Server | None = None
        try:
            try:
                assert runner.server is not None
                self._limit = limit = ConnectionLimit(runner.server)
                loop = asyncio.get_running_loop()
                listener = await loop.create_server(limit, HOST, port, backlog=MOST_CONNECTIONS)
            except OSError as error:
                raise ApiError(
                    f"Port {port} cannot be used for the API ({error.strerror}); is another "
                    "engine running? Set NGALAM112_API_PORT to another one."
                ) from None
            self.listening.set()
            log.info("api_up", port=port)
            await self._late_codes.run()
        finally:
            if listener is not None:
                listener.close()
            await runner.cleanup()

    def _application(self) -> web.Application:
        application = web.Application(
            middlewares=[errors, self._authorize, self._trail.middleware],
            client_max_size=LARGEST_BODY,
        )
        route = application.router
        route.add_get("/healthz", self._healthz)
        route.add_get("/metrics", self._metrics)
        route.add_get("/api/status", self._status)
        route.add_get("/api/operators", self._operators)
        route.add_get("/api/phones", self._phones)
        route.add_get("/api/calls", self._past(queries.calls, self._looking_up))
        route.add_get("/api/calls/{id}", self._past(queries.call, self._looking_up))
        route.add_get("/api/summary", self._past(queries.totals, self._reporting))
        route.add_get("/api/callbacks", self._past(queries.lost_calls, self._reporting))
        route.add_get("/api/callbacks/{id}", self._past(queries.lost_call, self._looking_up))
        route.add_post("/api/callbacks/{id}/take", self._changes.take_callback)
        route.add_post("/api/callbacks/{id}/close", self._changes.close_callback)
        route.add_get("/api/places", self._past(queries.registered_places, self._looking_up))
        route.add_post("/api/places", self._places.add)
        route.add_delete("/api/places/{number}", self._places.remove)
        route.add_post("/api/privacy/let_go", self._privacy.let_go)
        route.add_get("/api/agencies", self._agencies.list)
        route.add_get("/api/agencies/{id}", self._agencies.show)
        route.add_put("/api/agencies", self._agencies.put_all)
        route.add_put("/api/agencies/{id}", self._agencies.put)
        route.add_delete("/api/agencies/{id}", self._agencies.retire)
        route.add_get("/api/texts", self._past(text_queries.texts, self._looking_up))
        route.add_get("/api/texts/{id}", self._past(text_queries.text, self._looking_up))
        for path, question in (incident_queries.STORED | incident_queries.OF_ONE).items():
            asked = self._past(question, self._looking_up)
            route.add_get(path, after_writing(self._recorder, asked))
        for path, handler in self._incidents.routes():
            route.add_post(path, handler)
        for action in ("answer", "take", "close"):
            route.add_post(f"/api/texts/{{id}}/{action}", getattr(self._text_changes, action))
        route.add_post("/api/calls/{id}/disposition", self._changes.dispose_call)
        route.add_post("/api/phones", self._changes.add_phone)
        route.add_post("/api/operators", self._changes.add_operator)
        route.add_delete("/api/phones/{number}", self._changes.remove_phone)
        route.add_delete("/api/operators/{id}", self._changes.remove_operator)
        route.add_get("/api/warnings", self._warnings.list)
        route.add_get("/api/notices", self._notices.list)
        route.add_post("/api/notices", self._notices.set)
        route.add_delete("/api/notices/{name}", self._notices.clear)
        for action in ("login", "logout", "pause", "ready", "wrap_up", "skills"):
            route.add_post(
                f"/api/operators/{{id}}/{action}", getattr(self._changes, f"{action}_operator")
            )
        return application

    @web.middleware
    async def _authorize(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if self._limit is not None:
            self._limit.has_asked(request)
        given = request.headers.get("Authorization", "").encode("utf-8", "surrogateescape")
        if request.path != "/healthz" and not hmac.compare_digest(given, self._authorization):
            return refusal(401, "Give the line's API token: Authorization: Bearer TOKEN.")
        await body_in_time(request)
        return await handler(request)

    # --- what is ------------------------------------------------------------------------------

    async def _healthz(self, _: web.Request) -> web.Response:
        links = self._links()
        down = [name for name, up in links.items() if not up]
        if not (links["ari"] and links["ami"]):
            return reply({"ok": False, "down": down}, 503)
        # citizens are served without the database too
        return reply({"ok": True, "down": down} if down else {"ok": True})

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

    async def _metrics(self, _: web.Request) -> web.Response:
        body = metrics_text(self._engine, self._journal)
        return web.Response(body=body, headers={"Content-Type": CONTENT_TYPE})

    async def _status(self, _: web.Request) -> web.Response:
        engine, state = self._engine, line_state(self._engine)
        return reply(
            {
                "engine": {
                    "version": __version__,
                    "pid": os.getpid(),
                    "uptime_s": round(time.monotonic() - self._started, 1),
                    **self._links(),
                    "inbox": len(engine.inbox),
                    **self._keeping(),
                    "event_errors": engine.event_errors,
                    "clock_ahead_s": round(engine.clock.ahead(), 3),
                },
                "queue": {"length": state.queue_length, "longest_wait_s": state.longest_wait_s},
                "calls": state.calls,
                "operators": {
                    "status": state.operators_by_status,
                    "state": state.operators_by_state,
                },
                "phones": state.phones,
                "load": state.load,
                "warnings": warning_summary(engine, self._settings),
                "living": living_calls(engine),
            }
        )

    async def _operators(self, _: web.Request) -> web.Response:
        zone = ZoneInfo(self._settings.timezone)
        operators = self._engine.roster.operators.values()
        return reply({"operators": queries.operator_rows(operators, zone)})

    async def _phones(self, _: web.Request) -> web.Response:
        roster = self._engine.roster
        phones, operators = roster.phones.values(), roster.operators.values()
        return reply({"phones": queries.phone_rows(phones, operators)})

    # --- what was -----------------------------------------------------------------------------

    def _past(self, question: queries.Question, turn: asyncio.Semaphore) -> Handler:
        async def handler(request: web.Request) -> web.Response:
            params = {**request.query, **request.match_info}

            def answer() -> bytes:
                return msgspec.json.encode(
                    asyncio.run(queries.ask(question, self._settings, params))
                )

            async with turn:
                return json_response(await asyncio.to_thread(answer))

        return handler


def _iso(at: float | None, zone: ZoneInfo) -> str | None:
    return None if at is None else time_ranges.local(at, zone).isoformat(timespec="seconds")
