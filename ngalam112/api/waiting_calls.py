"""The API of a supervisor who puts a waiting call first, or moves it to another category."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import msgspec

from acd.calls.call import Call
from acd.supervision import move, put_first
from ngalam112.api import queries
from ngalam112.api.bodies import BadBody
from ngalam112.api.monitors import SUPERVISOR
from ngalam112.api.queries import Answer
from ngalam112.config.settings import Settings
from ngalam112.engine.engine import Engine
from reports.errors import NoSuchCall

By = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]


class PutFirst(msgspec.Struct, forbid_unknown_fields=True):
    """`by`: who has decided so, for the call's events."""

    by: By = SUPERVISOR


class MoveCall(msgspec.Struct, forbid_unknown_fields=True):
    """`category`: one of the menu's. `by`: who has decided so, for the call's events."""

    category: str
    by: By = SUPERVISOR


class WaitingCalls:
    """The handlers; they raise what `ngalam112.api.refusals` knows how to refuse."""

    def __init__(self, engine: Engine, settings: Settings) -> None:
        self._engine, self._settings = engine, settings

    async def put_first(self, id: str, body: PutFirst) -> Answer:
        """Serve a waiting call before all others, by whoever is free."""
        dispatcher = self._engine.dispatcher
        return await self._do(id, lambda call, now: put_first(dispatcher, call, body.by, now))

    async def move_call(self, id: str, body: MoveCall) -> Answer:
        """Let a waiting call wait for another category; it keeps its waiting time."""
        known = self._engine.menu.categories
        if body.category not in known:
            raise BadBody(f"There is no category {body.category!r}; choose: {', '.join(known)}.")
        dispatcher = self._engine.dispatcher
        return await self._do(
            id, lambda call, now: move(dispatcher, call, body.category, body.by, now)
        )

    async def _do(self, id: str, act: Callable[[Call, float], None]) -> Answer:
        def done(now: float) -> Answer:
            calls = self._engine.router.calls.values()
            call = next((one for one in calls if one.id == id), None)
            if call is None:
                raise NoSuchCall(f"No call {id!r} lives now; see `ngalam112 status`.")
            act(call, now)
            return queries.call_row(call.record, self._settings)

        return await self._engine.do(done)
