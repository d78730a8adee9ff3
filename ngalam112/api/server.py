"""The engine's HTTP API on loopback: what the command line and Prometheus ask and want done.

What there is says `ngalam112.api.table`. Everything but /healthz needs `Authorization: Bearer
TOKEN`: the line's own, or a person's (`askers`). Answers are JSON; what cannot be done is
{"error": one sentence}. Changes go through the engine's one writer; questions about the past are
answered in a thread with a database connection of its own, and reports in a process of their own,
so that no call waits for one.
"""

from __future__ import annotations

import asyncio

import msgspec
import structlog
from aiohttp import web

from models.database import Database
from ngalam112.api import queries
from ngalam112.api.agencies import AgencyRoutes
from ngalam112.api.agency_desk import AgencyDesk
from ngalam112.api.alarm_watch import AlarmWatch
from ngalam112.api.alarms import AlarmRoutes
from ngalam112.api.askers import ASKER, Gate
from ngalam112.api.categories import CategoryRoutes
from ngalam112.api.changes import Changes
from ngalam112.api.complaint_closing import ComplaintClosing
from ngalam112.api.connection_limit import (
    MOST_CONNECTIONS,
    SILENCE_S,
    ConnectionLimit,
    body_in_time,
)
from ngalam112.api.incident_lookup import IncidentLookup
from ngalam112.api.incidents import IncidentChanges
from ngalam112.api.late_codes import LateCodes
from ngalam112.api.line import LineNow
from ngalam112.api.live import LiveRoutes
from ngalam112.api.metrics import CountingJournal
from ngalam112.api.monitors import MonitorRoutes
from ngalam112.api.notices import NoticeRoutes
from ngalam112.api.openapi import Document
from ngalam112.api.people import PeopleRoutes
from ngalam112.api.places import Places
from ngalam112.api.privacy import PrivacyRoutes
from ngalam112.api.recordings import RecordingRoutes
from ngalam112.api.refusals import LARGEST_BODY, Handler, errors
from ngalam112.api.report_worker import ReportWorker
from ngalam112.api.routes import Route, Turn, bound, guarded, in_turn
from ngalam112.api.status_questions import StatusQuestions
from ngalam112.api.table import ROUTES
from ngalam112.api.texts import TextChanges
from ngalam112.api.trail import AccessTrail
from ngalam112.api.waiting_calls import WaitingCalls
from ngalam112.api.warnings import WarningRoutes
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
        self._settings, self._journal = settings, journal
        self.listening = asyncio.Event()
        self._limit: ConnectionLimit | None = None
        self._clock, people = engine.clock, PeopleRoutes(engine, database, settings)
        self._gate = Gate(settings.secrets.api_token, engine.people, people.note_use)
        # one report and one look-up at a time: look-ups share the interpreter with the calls
        self._turns = {one: asyncio.Semaphore(1) for one in Turn}
        self.reports = ReportWorker(settings)
        self._trail = AccessTrail(journal.recorder, settings.country)
        self.lookup = IncidentLookup(engine, database, journal)
        line = LineNow(engine, settings, journal)
        self.alarm_watch = AlarmWatch(engine, settings, line.engine_state)
        self.live = LiveRoutes(engine, settings, line.engine_state)
        self._parts = (
            line,
            self.live,
            Document(ROUTES),
            IncidentChanges(engine, settings, journal, self.lookup),
            AgencyDesk(engine, settings, self.lookup),
            Changes(engine, database, settings, journal, self.lookup),
            TextChanges(engine, settings),
            AgencyRoutes(engine, database, settings),
            CategoryRoutes(engine, database, settings),
            Places(engine, database, settings),
            people,
            PrivacyRoutes(engine, database, journal),
            NoticeRoutes(engine, settings),
            MonitorRoutes(engine),
            RecordingRoutes(engine),
            WaitingCalls(engine, settings),
            WarningRoutes(engine, settings),
            AlarmRoutes(engine, database, settings),
        )
        self._late_codes = LateCodes(engine, self.lookup)
        self.status_questions = StatusQuestions(engine, self.lookup)
        self.closing = ComplaintClosing(engine, database, self.lookup)

    async def run(self) -> None:
        """Serve until cancelled; raises ApiError if the port is taken."""
        runner = web.AppRunner(
            self.application(),
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
            self.live.feed.stop()
            if listener is not None:
                listener.close()
            await runner.cleanup()
            await self.reports.close()

    async def run_beside(self) -> None:
        """Do what needs the API's parts and is asked for by nobody, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.closing.run(), name="complaints")
            tasks.create_task(self.status_questions.run(), name="status questions")
            tasks.create_task(self.alarm_watch.run(), name="alarms")

    def application(self) -> web.Application:
        """Return what serves the routes of the table."""
        application = web.Application(
            middlewares=[errors, self._authorize, self._trail.middleware],
            client_max_size=LARGEST_BODY,
        )
        for route in ROUTES:
            handler = guarded(route, self._handler(route))
            if route.method == "GET":  # and HEAD
                application.router.add_get(route.path, handler)
            else:
                application.router.add_route(route.method, route.path, handler)
        return application

    def _handler(self, route: Route) -> Handler:
        if route.turn is None:
            return bound(route, self._parts)
        ask = self._report if route.turn is Turn.REPORT else self._look_up
        asked = in_turn(route, ask, self._turns[route.turn])
        return after_writing(self._journal.recorder, asked) if route.fresh else asked

    async def _look_up(self, route: Route, params: dict[str, str]) -> bytes:
        return await asyncio.to_thread(self._ask, route.handler, params)

    async def _report(self, route: Route, params: dict[str, str]) -> bytes:
        return await self.reports.ask(route.path, params, self._journal.recorder.backlog)

    def _ask(self, question: queries.Question, params: dict[str, str]) -> bytes:
        return msgspec.json.encode(asyncio.run(queries.ask(question, self._settings, params)))

    @web.middleware
    async def _authorize(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if self._limit is not None:
            self._limit.has_asked(request)
        if request.path != "/healthz":
            request[ASKER] = self._gate.asker(request, self._clock.now())
        await body_in_time(request)
        return await handler(request)
