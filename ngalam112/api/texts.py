"""What operators do with text conversations by the API and the command line."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import msgspec
from aiohttp import web

from acd.texts.conversation import LINE
from ngalam112.api.changes import read_body, reply
from ngalam112.api.queries import with_times
from ngalam112.config.settings import Settings
from ngalam112.engine.engine import Engine


class _Answer(msgspec.Struct, forbid_unknown_fields=True):
    body: str
    operator: str = LINE


class _Take(msgspec.Struct, forbid_unknown_fields=True):
    operator: str


class _Close(msgspec.Struct, forbid_unknown_fields=True):
    operator: str = LINE
    note: str = ""


class TextChanges:
    """The handlers of all that is posted about conversations."""

    def __init__(self, engine: Engine, settings: Settings) -> None:
        self._engine, self._zone = engine, ZoneInfo(settings.timezone)
        self._texts = engine.router.texts

    async def answer(self, request: web.Request) -> web.Response:
        """Send an answer to the citizen; its state says later whether it was delivered."""
        body, id = await read_body(request, _Answer), request.match_info["id"]
        message = await self._engine.do(
            lambda now: self._texts.answer(id, body.operator, body.body, now)
        )
        return reply(with_times(msgspec.to_builtins(message), self._zone), 201)

    async def take(self, request: web.Request) -> web.Response:
        """Give the conversation to an operator, whose phone gets its messages from now on."""
        body, id = await read_body(request, _Take), request.match_info["id"]
        found = await self._engine.do(lambda now: self._texts.take(id, body.operator, now))
        return reply(with_times(msgspec.to_builtins(found.record), self._zone))

    async def close(self, request: web.Request) -> web.Response:
        """Close the conversation; the citizen is told so."""
        body, id = await read_body(request, _Close), request.match_info["id"]
        found = await self._engine.do(
            lambda now: self._texts.close(id, body.operator, body.note, now)
        )
        return reply(with_times(msgspec.to_builtins(found.record), self._zone))
