"""Writes down who has asked for which call, incident, conversation or list.

Nobody waits for it and no answer fails by it: a look is one more entry of the journal, which has
its own alarms. A program that asks for the same thing again and again is written down once a
minute.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import unquote

import msgspec
import structlog
from aiohttp import web

from acd.calls.ids import new_id
from acd.numbers.caller import same_caller
from journal.database_writer import DatabaseWriter
from ngalam112.api.refusals import Handler
from privacy.trail import TABLE, USER_HEADER, Look, Looked, looked_at, shows_one

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
        response = await handler(request)
        if request.method == "GET" and response.status == 200:
            try:
                self._note(request, response)
            except Exception as error:
                # whoever answers a call needs the answer, trail or no trail
                log.error("access_trail_fails", error=type(error).__name__)
        return response

    def _note(self, request: web.Request, response: web.StreamResponse) -> None:
        resource = request.match_info.route.resource
        path = "" if resource is None else resource.canonical
        # a list or a report may be long, and to read it would hold up the calls
        body = response.body if isinstance(response, web.Response) and shows_one(path) else None
        asked = looked_at(
            path, request.query, _decoded(body), lambda one: same_caller(one, self._country)
        )
        if asked is None:
            return
        user = unquote(request.headers.get(USER_HEADER, ""))
        kind, target = asked
        who, now = user[:64] or "api token", self._clock()
        if self._is_again((who, kind, target), now):
            return
        look = Look(
            id=new_id(now),
            at=now,
            who=who,
            source="cli" if user else "api",
            kind=Looked(kind),
            target=target[:64],
            command=f"GET {path}"[:64],
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


def _decoded(body: Any) -> Mapping[str, Any]:
    """The answer as far as it says what was shown; a list may be long, and is not needed."""
    if not isinstance(body, bytes | bytearray) or len(body) > 1_000_000:
        return {}
    found = msgspec.json.decode(body)
    return found if isinstance(found, dict) else {}
