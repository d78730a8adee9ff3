"""Serves published complaints to anybody by Open311 GeoReport v2: read-only, off as shipped.

A small server beside the API, on a port of its own. Questions are answered one at a time, from the
reading to the last byte in a thread of its own with a database connection of its own, so that no
call waits; while the line is late none is.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

import structlog
from aiohttp import web
from sqlalchemy.exc import SQLAlchemyError

from incidents.categories import Categories
from models.database import Database, DatabaseError
from ngalam112.api import open311
from ngalam112.api.open311 import Asked, Refused, Row, asked_for_one
from ngalam112.api.public_server import LARGEST_BODY, PublicServer
from ngalam112.api.refusals import Handler
from ngalam112.config.settings import Settings
from ngalam112.engine.engine import Engine
from reports.published import Published, published

log = structlog.get_logger("open311")

MOST_WAITING = 16
WITHIN_S = 10.0
RETRY_AFTER_S = 30
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


class _Known(NamedTuple):
    """What the engine knows at the moment of a question; `agencies`: names by id."""

    categories: Categories
    agencies: dict[str, str]
    now: float


class Open311Server:
    """The server of one engine. `port`: where it serves, None while it does not."""

    def __init__(self, engine: Engine, settings: Settings) -> None:
        self._engine, self._settings = engine, settings
        self._zone = ZoneInfo(settings.timezone)
        self._turn, self._asking = asyncio.Semaphore(1), 0
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="open311")
        self._public = PublicServer(
            "open311",
            settings.open311_bind,
            settings.open311_port,
            "NGALAM112_OPEN311",
        )

    @property
    def port(self) -> int | None:
        """Where it serves; None while it does not."""
        return self._public.port

    async def run(self) -> None:
        """Serve until cancelled; a port that is taken is tried again, for no call depends on it."""
        if not self._settings.open311_port:
            return
        try:
            await self._public.serve(self._application())
        finally:
            self._thread.shutdown(wait=False, cancel_futures=True)

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
        try:
            await self._public.read(request)
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
        categories, kind = self._engine.categories, _kind(request)
        return _response(
            kind, await self._in_turn(lambda: _body(kind, open311.services(categories), _SERVICES))
        )

    async def _service(self, request: web.Request) -> web.Response:
        raise Refused(404, "No service here has further questions (metadata is false).")

    async def _requests(self, request: web.Request) -> web.Response:
        known, kind = self._known(), _kind(request)
        asked = open311.asked(request.query, datetime.fromtimestamp(known.now, self._zone))
        return _response(
            kind, await self._in_turn(lambda: _body(kind, self._rows(asked, known), _REQUESTS))
        )

    async def _request(self, request: web.Request) -> web.Response:
        known, kind = self._known(), _kind(request)
        asked = asked_for_one(request.match_info["id"])

        def work() -> bytes:
            if rows := self._rows(asked, known):
                return _body(kind, rows, _REQUESTS)
            raise Refused(404, "service_request_id: there is no such request.")

        return _response(kind, await self._in_turn(work))

    def _known(self) -> _Known:
        names = {one.id: one.name for one in self._engine.agencies.by_id.values()}
        return _Known(self._engine.categories, names, self._engine.clock.now())

    async def _in_turn(self, work: Callable[[], bytes]) -> bytes:
        """Have the thread do it; whoever waits no longer leaves the turn to who has it."""
        if self._engine.dispatcher.load.is_late():
            raise Refused(503, "The line has no time for this at the moment; try again later.")
        if self._asking >= MOST_WAITING:
            raise Refused(503, "Too many ask at the moment; try again later.")
        self._asking += 1
        try:
            async with asyncio.timeout(WITHIN_S):
                await self._turn.acquire()
                running = asyncio.get_running_loop().run_in_executor(self._thread, work)
                # a thread cannot be stopped: the next one begins when it has ended
                running.add_done_callback(lambda _: self._turn.release())
                return await asyncio.shield(running)
        finally:
            self._asking -= 1

    # --- in the thread ------------------------------------------------------------------------

    def _rows(self, asked: Asked, known: _Known) -> list[Row]:
        found = asyncio.run(self._read(asked, known))
        return [
            open311.request_of(one, known.categories, known.agencies, self._zone, known.now)
            for one in found
        ]

    async def _read(self, asked: Asked, known: _Known) -> list[Published]:
        async with Database(self._settings.url) as database:
            try:
                async with database.session() as session:
                    return await published(
                        session,
                        numbers=asked.numbers,
                        since=asked.since,
                        until=asked.until,
                        states=asked.states,
                        services=open311.of_services(asked.codes, known.categories),
                        skip=asked.skip,
                        limit=asked.limit,
                    )
            except (OSError, SQLAlchemyError) as error:
                raise database.unreachable(error) from None


def _kind(request: web.Request) -> str:
    return request.match_info.get("kind", "json")


def _body(kind: str, rows: list[Row], names: tuple[str, str]) -> bytes:
    return open311.as_xml(rows, *names) if kind == "xml" else open311.as_json(rows)


def _response(kind: str, body: bytes, status: int = 200) -> web.Response:
    headers = dict(_HEADERS)
    if status == 503:
        headers |= {"Retry-After": str(RETRY_AFTER_S), "Cache-Control": "no-store"}
    return web.Response(
        status=status, body=body, content_type=_TYPES[kind], charset="utf-8", headers=headers
    )


def _refusal(request: web.Request, code: int, description: str) -> web.Response:
    kind = _kind(request)
    return _response(kind, _body(kind, [{"code": code, "description": description}], _ERRORS), code)
