"""What the API refuses and how it says so; nothing that is asked for wrongly is done."""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from databases import with_tables
from lines import eventually, line_settings
from served import ServedEngine, a_record, an_engine, keep, with_silent_prompts
from sqlalchemy import text

from journal.database_writer import DatabaseWriter
from journal.write_ahead_log import WriteAheadLog
from models.database import Database
from ngalam112.accounts.admin import add_operator
from ngalam112.api.connection_limit import MOST_CONNECTIONS
from ngalam112.api.metrics import CountingJournal
from ngalam112.api.server import Api, ApiError
from ngalam112.cli.client import Client, EngineDown, EngineRefused, EngineSilent
from ngalam112.wiring import build

_PAUSE, _WRAP_UP, _SKILLS = (f"/api/operators/1001/{one}" for one in ("pause", "wrap_up", "skills"))


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[ServedEngine]:
    async with an_engine(tmp_path) as one:
        yield one


async def test_what_cannot_be_done_is_refused_in_one_sentence(served: ServedEngine) -> None:
    await add_operator(served.database, "1002", "Dewi", "654321", None)
    await served.post("/api/operators", id="1001", name="Sari", pin="654321")
    for status, words, path, body in (
        (404, "no operator 9", "/api/operators/9/login", {}),
        (409, "not logged in", "/api/operators/1001/pause", {}),
        (404, "no phone 999", "/api/operators/1001/login", {"phone": "999"}),
        (404, "no phone of their own", "/api/operators/1001/login", {}),
        (404, "nothing at /api/operators/1001/dance", "/api/operators/1001/dance", {}),
        (405, "use GET", "/api/status", {}),
        (400, "is the one that citizens dial", "/api/phones", {"number": "112"}),
        (400, "2 to 6 digits", "/api/phones", {"number": "1"}),
        (400, "2 to 6 digits", "/api/phones", {"number": "101]\n[evil"}),
        (400, "2 to 6 digits", "/api/phones", {"number": "101\n"}),
        (400, "8 to 64", "/api/phones", {"number": "101", "password": "short"}),
        (400, "must look like", "/api/phones", {"number": "101", "contact": "101@host"}),
        (400, "255", "/api/phones", {"number": "101", "contact": f"sip:{'a' * 300}@host"}),
        (400, "unknown field", "/api/phones", {"number": "101", "colour": "red"}),
        (400, "number", "/api/phones", {}),
        (400, "1 to 10 digits", "/api/operators", {"id": "x", "name": "A", "pin": "654321"}),
        (400, "readable", "/api/operators", {"id": "1", "name": " ", "pin": "654321"}),
        (400, "readable", "/api/operators", {"id": "1", "name": "a\x1b[2J", "pin": "654321"}),
        (400, "readable", "/api/operators", {"id": "1", "name": "a" * 65, "pin": "654321"}),
        (400, "6 to 12 digits", "/api/operators", {"id": "1", "name": "A", "pin": "abc"}),
        (400, "no pause reason 'lunch'; known are: break", _PAUSE, {"reason": "lunch"}),
        (400, "no pause reason 'missed'", _PAUSE, {"reason": "missed"}),
        (400, "no pause reason 'x\\x1b[2J'", _PAUSE, {"reason": "x\x1b[2J"}),
        (409, "not in wrap-up", _WRAP_UP, {"extend_s": 30}),
        (409, "not in wrap-up", _WRAP_UP, {"end": True}),
        (404, "no operator 9", "/api/operators/9/wrap_up", {"end": True}),
        (400, "either extend_s", _WRAP_UP, {}),
        (400, "either extend_s", _WRAP_UP, {"extend_s": 30, "end": True}),
        (400, ">= 1", _WRAP_UP, {"extend_s": 0}),
        (400, "<= 3600", _WRAP_UP, {"extend_s": 1e300}),
        (400, "Give skills", _SKILLS, {}),
        (400, "no skill 'dance'; give a category (covid", _SKILLS, {"skills": {"dance": 5}}),
        (400, "no skill 'lang:JV'", _SKILLS, {"skills": {"lang:JV": 5}}),
        (400, "from 1 to 9", _SKILLS, {"skills": {"police": 10}}),
        (400, "from 1 to 9", _SKILLS, {"skills": {"lang:jv": 0}}),
        (400, "int", _SKILLS, {"skills": {"police": "9"}}),
        (400, "weight must be from 1 to 100", _SKILLS, {"weight": 101}),
        (400, "weight must be from 1 to 100", _SKILLS, {"skills": {}, "weight": 0}),
        (404, "no operator 9", "/api/operators/9/skills", {"weight": 2}),
        (
            *(400, "no skill 'x'", "/api/operators"),
            {"id": "1", "name": "A", "pin": "654321", "skills": {"x": 1}},
        ),
        (
            *(400, "no phone '777'", "/api/operators"),
            {"id": "1", "name": "A", "pin": "654321", "home_phone": "777"},
        ),
    ):
        found = await served.refusal("post", path, **body)
        assert found[0] == status and words in found[1], (path, body, found)
    assert list(served.engine.roster.operators) == ["1001"]
    assert served.engine.roster.operators["1001"].skills == {}


async def test_bodies_that_are_no_json_or_too_large_are_refused(served: ServedEngine) -> None:
    token = served.settings.secrets.api_token
    large = json.dumps({"number": "1" * 100_000}).encode()
    for body in (b"{", b"[]", b"\xff\xfe", b"null", b'"101"', b"{} {}", large, b"[" * 5000):
        status, answer = await served.raw("POST", "/api/phones", body, token=token)
        assert (status, list(json.loads(answer))) == (400, ["error"]), body[:20]
    assert served.engine.roster.phones == {}


async def test_questions_that_make_no_sense_are_refused(served: ServedEngine) -> None:
    await keep(served.database, a_record("aa1", 1.0), a_record("aa2", 2.0))
    for status, words, path, params in (
        (404, "no call 'x'", "/api/calls/x", {}),
        (409, "give more", "/api/calls/aa", {}),
        (400, "no outcome", "/api/calls", {"outcome": "won"}),
        (400, "limit", "/api/calls", {"limit": "0"}),
        (400, "limit", "/api/calls", {"limit": "many"}),
        (400, "unknown field", "/api/calls", {"colour": "red"}),
        (400, "is no time", "/api/calls", {"from": "now"}),
        (400, "out of reach", "/api/calls", {"from": "0001-01-01"}),
        (400, "grouping", "/api/summary", {"by": "colour"}),
        (400, "unknown field", "/api/summary", {"since": "today"}),
        (400, "no report 'weather'", "/api/reports/weather", {}),
        (400, "leave `by` out", "/api/reports/operators", {"by": "hour"}),
        (400, "grouping", "/api/reports/losses", {"by": "colour"}),
        (400, "is no time", "/api/reports/day", {"from": "now"}),
        (400, "unknown field", "/api/calls/aa1", {"colour": "red"}),
        (400, "unknown field", "/api/status", {"colour": "red"}),
        (400, "is no telephone number", "/api/places", {"number": "x"}),
    ):
        found = await served.refusal("get", path, **params)
        assert found[0] == status and words in found[1], (path, params, found)


async def test_who_uses_the_wrong_method_is_told_which_is_right(served: ServedEngine) -> None:
    port, token = served.settings.api_port, served.settings.secrets.api_token

    def ask() -> tuple[int, str | None]:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        connection.request("DELETE", "/api/agencies", headers={"Authorization": f"Bearer {token}"})
        answer = connection.getresponse()
        connection.close()
        return answer.status, answer.headers["Allow"]

    assert await served.at_a_client(ask) == (405, "GET, HEAD, PUT")


async def test_what_is_served_is_what_the_document_has(served: ServedEngine) -> None:
    assert served.api is not None
    routes = served.api.application().router.routes()
    there = {(one.method, one.resource.canonical) for one in routes if one.resource is not None}
    told = {
        (method.upper(), path)
        for path, methods in (await served.get("/api/openapi.json"))["paths"].items()
        for method in methods
    }
    assert {one for one in there if one[0] != "HEAD"} == told


async def test_a_database_that_fails_is_told_in_one_sentence(served: ServedEngine) -> None:
    async with served.database.engine.begin() as connection:
        await connection.execute(text("DROP TABLE call_events"))
        await connection.execute(text("DROP TABLE calls"))
        await connection.execute(text("DROP TABLE phones"))
    await served.post("/api/incidents", description="Pohon tumbang")
    for method, path, values in (
        ("post", "/api/calls/x/disposition", {"disposition": None}),
        ("post", "/api/incidents/2026-1/link", {"call": "x"}),
        ("get", "/api/summary", {}),
        ("get", "/api/calls/x", {}),
        ("post", "/api/phones", {"number": "101"}),
    ):
        status, sentence = await served.refusal(method, path, **values)
        assert status == 503 and "cannot be used" in sentence
    assert served.engine.roster.phones == {}, "what is not kept is not told to the engine"


async def test_a_fault_of_ours_shows_no_traceback(served: ServedEngine) -> None:
    served.engine.roster.operators["1"] = None  # type: ignore[assignment]
    status, sentence = await served.refusal("get", "/api/operators")
    assert (status, sentence) == (500, "The engine failed at this request; its log tells how.")


async def test_a_taken_port_is_one_sentence(tmp_path: Path) -> None:
    settings = with_silent_prompts(line_settings(tmp_path))
    await with_tables(settings.url)
    with socket.create_server(("127.0.0.1", settings.api_port)):
        local = WriteAheadLog(settings.journal)
        async with Database(settings.url) as database:
            journal = CountingJournal(DatabaseWriter(database, local))
            api = Api(build(settings, journal).engine, database, settings, journal)
            with pytest.raises(ApiError, match=f"Port {settings.api_port} .*NGALAM112_API_PORT"):
                await api.run()
        local.close()


async def test_the_client_tells_who_is_not_there(tmp_path: Path, served: ServedEngine) -> None:
    settings = line_settings(tmp_path / "other")
    with pytest.raises(EngineDown):
        Client(settings).get("/api/status")
    assert not settings.home.exists(), "asking makes no secrets"
    assert settings.secrets.api_token
    with pytest.raises(EngineDown):
        Client(settings).get("/api/status")
    stranger = line_settings(tmp_path / "other", api_port=served.settings.api_port)
    with pytest.raises(EngineRefused, match="another line's"):
        await asyncio.to_thread(Client(stranger).get, "/api/status")
    with socket.create_server(("127.0.0.1", settings.api_port)), pytest.raises(EngineSilent):
        await asyncio.to_thread(Client(settings, 0.2).get, "/api/status")


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


async def test_requests_that_are_never_finished_take_neither_files_nor_the_api(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("ngalam112.api.server", "ngalam112.api.connection_limit"):
        monkeypatch.setattr(f"{module}.SILENCE_S", 0.5)
    async with an_engine(tmp_path / "home") as served:
        files = open_files()
        port, token = served.settings.api_port, served.settings.secrets.api_token
        head = f"POST /api/phones HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n"
        begun = (head, f"{head}Content-Length: 20\r\n\r\n{{", "G", "")
        opened = [await asyncio.open_connection("127.0.0.1", port) for _ in range(300)]
        for index, (_, writer) in enumerate(opened):
            writer.write(begun[index % len(begun)].encode())
        # ours and theirs are one process's here: those that are ended have one end left
        ended = [asyncio.ensure_future(reader.read()) for reader, _ in opened]

        async def most_are_ended() -> bool:
            return sum(one.done() for one in ended) >= 300 - 2 * MOST_CONNECTIONS

        await eventually(most_are_ended, within=2, what="connections too many are ended")
        assert open_files() < files + 300 + 2 * MOST_CONNECTIONS
        await eventually(lambda: all(one.done() for one in ended), what="all are ended")
        assert (await served.get("/api/status"))["engine"]["pid"] == os.getpid()
        for (_, writer), one in zip(opened, ended, strict=True):
            writer.close()
            one.exception()
