"""Writes down who has asked for which call, incident, conversation or list, or changed anything.

Nobody waits for it and no answer fails by it: a look is one more entry of the journal, which has
its own alarms. A program that asks for the same thing again and again is written down once a
minute; a change each time.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any

import msgspec
import structlog
from aiohttp import web

from acd.calls.ids import new_id
from acd.numbers.caller import same_caller
from journal.database_writer import DatabaseWriter
from ngalam112.api.askers import ASKER, Asker, NotAllowed
from ngalam112.api.refusals import Handler
from privacy.trail import LOOK, TABLE, Look, Looked, changed_what, looked_at, shows_one

log = structlog.get_logger("api")

AGAIN_S = 60.0
_MOST_REMEMBERED = 1000


class AccessTrail:
    """The trail of one engine's API."""

    def __init__(
        self, recorder: DatabaseWriter, country: str, clock: Callable[[], float] = time.time
    ) -> None:
        self._recorder, self._country, self._clock = recorder, country, clock
        self._lately: OrderedDict[tuple[str, str, str], float] = OrderedDict()

    @web.middleware
    async def middleware(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Answer, and write down who got it."""
        try:
            response = await handler(request)
        except NotAllowed:
            self._leave(self._note_change, request, None)
            raise
        if request.method == "GET" and response.status == 200:
            self._leave(self._note, request, response)
        elif request.method not in ("GET", "HEAD") and response.status < 400:
            self._leave(self._note_change, request, response)
        return response

    @staticmethod
    def _leave(note: Callable[..., None], *about: Any) -> None:
        try:
            note(*about)
        except Exception as error:
            # whoever answers a call needs the answer, trail or no trail
            log.error("access_trail_fails", error=type(error).__name__)

    def _note(self, request: web.Request, response: web.StreamResponse) -> None:
        path = _path(request)
        # a list or a report may be long, and to read it would hold up the calls
        answer = _decoded(response) if shows_one(path) else {}
        asked = looked_at(path, request.query, answer, lambda one: same_caller(one, self._country))
        if asked is None:
            return
        asker, (kind, target), now = request[ASKER], asked, self._clock()
        if not self._is_again((asker.who, kind, target), now):
            self._write(asker, kind, target, f"{LOOK}{path}", now)

    def _note_change(self, request: web.Request, response: web.StreamResponse | None) -> None:
        """Write down who has changed what, each time; or was refused it, once a minute."""
        path, asker, now = _path(request), request[ASKER], self._clock()
        answer = {} if response is None else _decoded(response)
        target = changed_what(path, request.match_info.values(), answer)
        kind, command = Looked.CHANGE, f"{request.method} {path}"
        if response is None:
            kind, command = Looked.REFUSED, f"refused: {command}"
            if self._is_again((asker.who, command, target), now):
                return
        self._write(asker, kind, target, command, now)

    def _write(self, asker: Asker, kind: Looked, target: str, command: str, now: float) -> None:
        look = Look(
            id=new_id(now),
            at=now,
            who=asker.who,
            source=asker.source,
            kind=kind,
            target=target[:64],
            command=command[:64],
        )
        self._recorder.row(TABLE, msgspec.to_builtins(look))

    def _is_again(self, key: tuple[str, str, str], now: float) -> bool:
        last = self._lately.get(key)
        if last is not None and 0 <= now - last < AGAIN_S:
            return True
        self._lately[key] = now
        self._lately.move_to_end(key)
        if len(self._lately) > _MOST_REMEMBERED:
            self._lately.popitem(last=False)
        return False


def _path(request: web.Request) -> str:
    resource = request.match_info.route.resource
    return "" if resource is None else resource.canonical


def _decoded(response: web.StreamResponse) -> Mapping[str, Any]:
    """The answer as far as it says what was shown; a list may be long, and is not needed."""
    body = response.body if isinstance(response, web.Response) else None
    if not isinstance(body, bytes | bytearray) or len(body) > 1_000_000:
        return {}
    found = msgspec.json.decode(body)
    return found if isinstance(found, dict) else {}
