"""Serves published complaints to anybody by Open311 GeoReport v2: read-only, off as shipped.

A small server beside the API, on a port of its own. Questions are answered one at a time, in a
thread with a database connection of its own, so that no call waits.
"""

from __future__ import annotations

import asyncio
import logging
from datetime import datetime
from zoneinfo import ZoneInfo

import structlog
from aiohttp import web

from models.database import Database, DatabaseError
from ngalam112.api import open311
from ngalam112.api.connection_limit import SILENCE_S, ConnectionLimit, body_in_time
from ngalam112.api.open311 import Asked, Refused, Row
from ngalam112.api.refusals import Handler
from ngalam112.config.settings import Settings
from ngalam112.engine.engine import Engine
from reports.published import MOST, Published, published

log = structlog.get_logger("open311")

MOST_CONNECTIONS = 32
MOST_WAITING = 16
LISTEN_EVERY_S = 5.0
WITHIN_S = 10.0
LARGEST_BODY = 1024
_BASE = "/open311/v2"
_TYPES = {"json": "application/json", "xml": "application/xml"}
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "max-age=60",
    "Access-Control-Allow-Origin": "*",
}
_SERVICES, _REQUESTS, _ERRORS = (
    ("services", "service"),
    ("service_requests", "request"),
    ("errors", "error"),
)


class Open311Server:
    """The server of one engine. `port`: where it serves, None while it does not."""

    def __init__(self, engine: Engine, settings: Settings) -> None:
        self._engine, self._settings = engine, settings
        self._zone = ZoneInfo(settings.timezone)
        self._turn, self._asking = asyncio.Semaphore(1), 0
        self._limit: ConnectionLimit | None = None
        self.port: int | None = None

    async def run(self) -> None:
        """Serve until cancelled; a port that is taken is tried again, for no call depends on it."""
        if not self._settings.open311_port:
            return
        runner = web.AppRunner(
            self._application(),
            access_log=None,
            logger=_SILENT,
            shutdown_timeout=1.0,
            keepalive_timeout=SILENCE_S,
            lingering_time=SILENCE_S,
        )
        await runner.setup()
        assert runner.server is not None
        self._limit = ConnectionLimit(runner.server, most=MOST_CONNECTIONS, name="open311")
        listener = None
        try:
            listener = await self._listen(self._limit)
            self.port = self._settings.open311_port
            log.info("open311_up", port=self.port)
            await asyncio.Event().wait()
        finally:
            self.port = None
            if listener is not None:
                listener.close()
            await runner.cleanup()

    async def _listen(self, limit: ConnectionLimit) -> asyncio.Server:
        loop, told = asyncio.get_running_loop(), False
        host, port = self._settings.open311_bind, self._settings.open311_port
        while True:
            try:
                return await loop.create_server(limit, host, port, backlog=MOST_CONNECTIONS)
            except OSError as error:
                if not told:
                    what = "set NGALAM112_OPEN311_PORT or NGALAM112_OPEN311_BIND to another one"
                    log.error("open311_down", port=port, error=error.strerror, what=what)
                told = True
                await asyncio.sleep(LISTEN_EVERY_S)

    def _application(self) -> web.Application:
        application = web.Application(middlewares=[self._answer], client_max_size=LARGEST_BODY)
        route = application.router
        kind = "{kind:json|xml}"
        route.add_get(f"{_BASE}/services.{kind}", self._services)
        route.add_get(f"{_BASE}/services/{{code}}.{kind}", self._service)
        route.add_get(f"{_BASE}/requests.{kind}", self._requests)
        route.add_get(f"{_BASE}/requests/{{id}}.{kind}", self._request)
        return application

    @web.middleware
    async def _answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Let every answer be JSON or XML, errors as the specification has them."""
        if self._limit is not None:
            self._limit.has_asked(request)
        try:
            await body_in_time(request)
            self._check_jurisdiction(request)
            return await handler(request)
        except Refused as refused:
            return _refusal(request, refused.code, refused.description)
        except (DatabaseError, TimeoutError):
            return _refusal(request, 503, "This cannot be answered at the moment; try again later.")
        except web.HTTPNotFound:
            return _refusal(request, 404, f"There is nothing here; see {_BASE}/services.json.")
        except web.HTTPMethodNotAllowed:
            return _refusal(request, 405, "This server is read-only.")
        except web.HTTPException as error:
            return _refusal(request, error.status, "The request cannot be used.")
        except Exception:
            log.exception("open311_failed")
            return _refusal(request, 500, "This could not be answered.")

    def _check_jurisdiction(self, request: web.Request) -> None:
        ours, wanted = self._settings.open311_jurisdiction, request.query.get("jurisdiction_id")
        if wanted and wanted != ours:
            raise Refused(404, "jurisdiction_id: this is another jurisdiction.")

    # --- what is asked ------------------------------------------------------------------------

    async def _services(self, request: web.Request) -> web.Response:
        return _reply(request, open311.services(self._engine.categories), _SERVICES)

    async def _service(self, request: web.Request) -> web.Response:
        raise Refused(404, "No service here has further questions (metadata is false).")

    async def _requests(self, request: web.Request) -> web.Response:
        now = datetime.fromtimestamp(self._engine.clock.now(), self._zone)
        return _reply(request, await self._found(open311.asked(request.query, now)), _REQUESTS)

    async def _request(self, request: web.Request) -> web.Response:
        now = datetime.fromtimestamp(self._engine.clock.now(), self._zone)
        wanted = {"service_request_id": request.match_info["id"]}
        rows = await self._found(open311.asked(wanted, now))
        if not rows:
            raise Refused(404, "service_request_id: there is no such request.")
        return _reply(request, rows, _REQUESTS)

    async def _found(self, asked: Asked) -> list[Row]:
        if self._asking >= MOST_WAITING:
            raise Refused(503, "Too many ask at the moment; try again later.")
        self._asking += 1
        try:
            async with asyncio.timeout(WITHIN_S), self._turn:
                found = await asyncio.to_thread(lambda: asyncio.run(self._read(asked)))
        finally:
            self._asking -= 1
        names = {one.id: one.name for one in self._engine.agencies.by_id.values()}
        categories = self._engine.categories
        rows = [open311.request_of(one, categories, names, self._zone) for one in found]
        if asked.codes:
            rows = [row for row in rows if row["service_code"] in asked.codes]
        return rows[asked.skip : asked.skip + asked.limit]

    async def _read(self, asked: Asked) -> list[Published]:
        """Read in another thread, with a connection of its own."""
        async with Database(self._settings.url) as database, database.session() as session:
            return await published(
                session,
                numbers=asked.numbers,
                since=asked.since,
                until=asked.until,
                states=asked.states,
                limit=MOST,
            )


def _reply(
    request: web.Request, rows: list[Row], names: tuple[str, str], status: int = 200
) -> web.Response:
    kind = request.match_info.get("kind", "json")
    body = open311.as_xml(rows, *names) if kind == "xml" else open311.as_json(rows)
    return web.Response(
        status=status, body=body, content_type=_TYPES[kind], charset="utf-8", headers=_HEADERS
    )


def _refusal(request: web.Request, code: int, description: str) -> web.Response:
    return _reply(request, [{"code": code, "description": description}], _ERRORS, code)


def _silent() -> logging.Logger:
    """Where aiohttp's own lines go: anybody can write such by sending what is no HTTP."""
    logger = logging.getLogger("ngalam112.open311_server.silent")
    logger.disabled = True
    return logger


_SILENT = _silent()
