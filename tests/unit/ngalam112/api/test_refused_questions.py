"""What is no parameter, or not there, is refused with the status that the document has."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import msgspec
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from acd.callbacks.by_hand import CallbackRefused, NoOpenCallback
from ngalam112.api.incidents import (
    ChangeIncident,
    GivenReference,
    PublishIncident,
)
from ngalam112.api.refusals import errors
from ngalam112.api.routes import in_turn
from ngalam112.api.table import ROUTES


def a_client(path: str, handler: Any) -> TestClient[Any, Any]:
    application = web.Application(middlewares=[errors])
    application.router.add_get(path, handler)
    return TestClient(TestServer(application))


async def test_a_part_of_the_path_is_no_parameter() -> None:
    route = next(one for one in ROUTES if one.path == "/api/incidents/{id}")
    asked: list[dict[str, str]] = []

    async def ask(question: Any, params: dict[str, str]) -> bytes:
        asked.append(params)
        return b"{}"

    handler = in_turn(route, ask, asyncio.Semaphore(1))
    async with a_client(route.path, handler) as client:
        answer = await client.get("/api/incidents/A?id=B")
        assert answer.status == 400 and "id" in (await answer.json())["error"]
        assert not asked
        assert (await client.get("/api/incidents/A")).status == 200
    assert asked == [{"id": "A"}]


@pytest.mark.parametrize(
    ("error", "status"), [(NoOpenCallback("no"), 404), (CallbackRefused("no"), 409)]
)
async def test_a_callback_that_is_not_there_is_404(error: Exception, status: int) -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        raise error

    async with a_client("/x", handler) as client:
        assert (await client.get("/x")).status == status


@pytest.mark.parametrize("path", ["take", "close"])
def test_the_document_says_so(path: str) -> None:
    route = next(one for one in ROUTES if one.path == f"/api/callbacks/{{id}}/{path}")
    assert {404, 409} <= set(route.errors)


@pytest.mark.parametrize(("system", "reference"), [("LAPOR\n", "1"), ("LAPOR", "1\n")])
def test_a_line_break_at_the_end_passes_no_pattern(system: str, reference: str) -> None:
    given = {"references": [{"system": system, "reference": reference}]}
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(given, ChangeIncident)
    fine = {"system": system.strip(), "reference": reference.strip()}
    assert msgspec.convert(fine, GivenReference).system == "LAPOR"


def test_no_pattern_of_a_body_ends_where_a_line_break_may_follow() -> None:
    bodies = {one.body for one in ROUTES if one.body is not None}
    schemas, parts = msgspec.json.schema_components(bodies)
    patterns = re.findall(
        r'"pattern":"((?:[^"\\]|\\.)*)"', str(msgspec.json.encode(parts), "utf-8")
    )
    assert schemas and patterns
    assert not [one for one in patterns if one.endswith("$")]


@pytest.mark.parametrize("text", ["", " ", "x" * 501])
def test_a_public_text_has_1_to_500_characters(text: str) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"description": text}, PublishIncident)
    assert msgspec.convert({"description": "x" * 500}, PublishIncident)
