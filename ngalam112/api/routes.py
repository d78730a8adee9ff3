"""A route of the API: what is asked, what is answered, and how a request becomes one.

What a handler is given says its signature: `id` and the like are parts of the path, `query` the
parameters, `body` what is posted, each in its type, and `asker` who asks. The same signature
makes the document.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, get_type_hints

import msgspec
from aiohttp import web

from ngalam112.accounts.people import Role
from ngalam112.api.asked import Misunderstood, NoParameters, understood
from ngalam112.api.askers import ASKER, check_role, signed
from ngalam112.api.bodies import json_response, read_body
from ngalam112.api.refusals import Handler

_PARAMETERS_PASSED_OVER = ("/healthz", "/metrics")
"""Those who look at these add parameters of their own."""


class Turn(StrEnum):
    """Questions about the past are put one at a time, so that no call waits: in which line.

    LOOK_UP: in a thread. REPORT: in a process beside the engine.
    """

    LOOK_UP = "look_up"
    REPORT = "report"


@dataclass(frozen=True, kw_only=True, slots=True)
class Route:
    """One method of one path. `handler`: a method of one of the API's parts, or a question.

    `turn`: of a question about the past, in which line it waits; None: a part's method.
    `fresh`: it is put after what was recorded has been written. `status`: of the answer that has
    this type. `also`: further statuses, by the types of their answers. `errors`: the statuses of
    refusals beside those that every route has. `events`: server-sent, each with data of the
    answer's type. `least`: the least role that a person needs; None: none is enough. `own`: an
    operator may do it to themselves. Both are filled in by `least_roles`.
    """

    method: str
    path: str
    handler: Callable[..., Awaitable[Any]]
    answer: Any
    status: int = 200
    also: Mapping[int, Any] = field(default_factory=dict)
    errors: tuple[int, ...] = ()
    turn: Turn | None = None
    fresh: bool = False
    open_to_all: bool = False
    events: bool = False
    least: Role | None = None
    own: bool = False

    @property
    def hints(self) -> dict[str, Any]:
        """The types of what the handler is given."""
        return get_type_hints(self.handler, include_extras=True)

    @property
    def body(self) -> type[msgspec.Struct] | None:
        """The type of what is posted."""
        return self.hints.get("body")

    @property
    def query(self) -> type[msgspec.Struct]:
        """The type of the parameters; that of a question has the parts of the path as well."""
        kind: type[msgspec.Struct] = self.hints.get("asked" if self.turn else "query", NoParameters)
        return kind

    @property
    def parts(self) -> list[str]:
        """The names of the parts of the path that change."""
        names = (piece.partition("}")[0] for piece in self.path.split("{")[1:])
        return list(names)

    @property
    def summary(self) -> str:
        """What it does, in one sentence."""
        return inspect.cleandoc(self.handler.__doc__ or "").partition("\n\n")[0].replace("\n", " ")

    @property
    def details(self) -> str:
        """What else there is to say of it."""
        told = inspect.cleandoc(self.handler.__doc__ or "").partition("\n\n")[2]
        return " ".join(told.split())


def guarded(route: Route, handler: Handler) -> Handler:
    """Return what serves the route to those whose role allows it."""
    if route.open_to_all:
        return handler

    async def handle(request: web.Request) -> web.StreamResponse:
        check_role(request[ASKER], route, request.match_info)
        return await handler(request)

    return handle


def bound(route: Route, parts: Iterable[object]) -> Handler:
    """Return what serves the route: reads what the handler is given, and writes its answer.

    `parts`: of the API; the handler is a method of one of them.
    """
    name = route.handler.__name__
    owner = next(one for one in parts if getattr(type(one), name, None) is route.handler)
    act, takes = getattr(owner, name), route.hints
    query, body, status = route.query, route.body, route.status
    passes_over = route.path in _PARAMETERS_PASSED_OVER

    async def handle(request: web.Request) -> web.StreamResponse:
        given: dict[str, Any] = dict(request.match_info)
        asked = None if passes_over else understood(request.query, query)
        if "query" in takes:
            given["query"] = asked
        if "asker" in takes:
            given["asker"] = request[ASKER]
        if body is not None:
            given["body"] = signed(request[ASKER], await read_body(request, body))
        answer = await act(**given)
        if isinstance(answer, web.StreamResponse):
            return answer
        return json_response(msgspec.json.encode(answer), status)

    return handle


def in_turn(
    route: Route, ask: Callable[[Route, dict[str, str]], Awaitable[bytes]], turn: asyncio.Semaphore
) -> Handler:
    """Return what serves a question about the past: asked out of the loop, when its turn comes."""

    async def handle(request: web.Request) -> web.StreamResponse:
        both = request.query.keys() & request.match_info.keys()
        if both:
            raise Misunderstood(
                f"The question cannot be understood: {sorted(both)[0]} is a part of the path and "
                "no parameter."
            )
        params = {**request.query, **request.match_info}
        async with turn:
            return json_response(await ask(route, params))

    return handle
