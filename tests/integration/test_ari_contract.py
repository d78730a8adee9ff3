"""All that we ask of Asterisk, and all that we expect it to say, is in the files that it ships.

The requests are collected by running a whole engine against a stand-in that writes them down.
"""

from __future__ import annotations

import asyncio
import inspect
import json
import re
import types
import typing
from collections.abc import AsyncIterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest
from aiohttp import WSMsgType, web
from factories import a_record
from fakes import FakeJournal
from served import with_silent_prompts

from acd.switch import MonitorMode
from lab.machine.waiting import eventually
from ngalam112.config.provision import TEMPLATES
from ngalam112.config.settings import load_settings
from ngalam112.engine.ari_switch import AriSwitch
from ngalam112.engine.engine import Engine
from ngalam112.wiring import build
from pbx.ari_types import EVENT_TYPES, RestRequest
from pbx.programs import Programs

REST_API = "/usr/share/asterisk/rest-api"
EXAMPLES: dict[str, Any] = {
    "channel": "c1",
    "citizen": "c1",
    "leg": "o1",
    "one": "o1",
    "bridge": "b1",
    "playback": "p1",
    "prompt": "menu",
    "phone": "101",
    "display": ("API 0812", "0812"),
    "address": "https://desk.example/incidents/c1",
    "cause": 17,
    "prompts": "menu",
    "turn": 1,
    "language": "en",
    "outcome": "answered",
    "snoop": "s1",
    "mode": MonitorMode.BARGE,
}
FITTING = {str: {"string", "Date"}, int: {"int", "long"}, float: {"double"}, bool: {"boolean"}}


class Asked(NamedTuple):
    """One request as Asterisk would get it."""

    method: str
    path: str
    query: dict[str, str]
    body: str = ""


@cache
def swagger() -> list[dict[str, Any]]:
    """Every file of the interface's description, read."""
    folder = Programs.find().host_path(REST_API)
    files = [json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))]
    assert files, f"There is no ARI description in {folder}; run `make setup`."
    return files


def operation(asked: Asked) -> dict[str, Any]:
    """The operation that a request means; the path with the fewest placeholders wins."""
    found = [
        (api["path"].count("{"), one)
        for file in swagger()
        for api in file.get("apis", [])
        for one in api.get("operations", [])
        if one["httpMethod"] == asked.method
        and re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", api["path"]), "/" + asked.path)
    ]
    assert found, f"Asterisk knows no {asked.method} {asked.path}"
    best: dict[str, Any] = min(found, key=lambda one: one[0])[1]
    return best


def model(name: str) -> dict[str, dict[str, Any]]:
    """The fields of a model, with those of the models that it is a kind of."""
    models = {key: value for file in swagger() for key, value in file.get("models", {}).items()}
    assert name in models, f"Asterisk knows no {name}"
    fields = dict(models[name]["properties"])
    for parent in models.values():
        if name in parent.get("subTypes", []):
            fields |= model(parent["id"])
    return fields


def misfits(type_: Any, told: str, where: str) -> list[str]:
    """What of our type is not in Asterisk's type `told`."""
    if typing.get_origin(type_) is types.UnionType:  # what may be missing
        inner_type, none = typing.get_args(type_)
        assert none is type(None)
        return misfits(inner_type, told, where)
    if typing.get_origin(type_) is list:
        inner = re.fullmatch(r"List\[(\w+)\]", told)
        if inner is None:
            return [f"{where} is {told}, not a list"]
        return misfits(typing.get_args(type_)[0], inner[1], where)
    if not (isinstance(type_, type) and issubclass(type_, msgspec.Struct)):
        return [] if told in FITTING.get(type_, ()) else [f"{where} is {told}, not {type_}"]
    if told == "object":  # with whatever names our own configuration gives it
        ours = (TEMPLATES / "ari.conf").read_text()
        named = re.findall(r"^channelvars = (.*)$", ours, re.MULTILINE)[0].split(",")
        names = {field.encode_name for field in msgspec.structs.fields(type_)}
        return sorted(f"{where}.{name} is not in ari.conf" for name in names - set(named))
    fields, found = model(told), []
    for field in msgspec.structs.fields(type_):
        here = f"{where}.{field.encode_name}"
        if field.encode_name not in fields:
            found.append(f"{here} does not exist")
            continue
        theirs = fields[field.encode_name]
        if field.required and not theirs.get("required"):
            found.append(f"{here} may be missing, but we require it")
        found += misfits(field.type, theirs["type"], here)
    return found


def answer_to(path: str) -> str:
    return "[]" if path in ("channels", "bridges") else '{"name": "ngalam112"}'


class StandIn:
    """Takes every request that an Asterisk would, answers "done", and writes it down."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self.socket: web.WebSocketResponse | None = None

    async def http(self, request: web.Request) -> web.StreamResponse:
        path = request.path.removeprefix("/ari/")
        self.asked.append(Asked(request.method, path, dict(request.query), await request.text()))
        if path == "events/claim":
            return web.Response(status=204)
        if path != "events":
            return web.Response(text=answer_to(path), content_type="application/json")
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        if request.query["app"] == "ngalam112":
            self.socket = socket
        async for message in socket:
            if message.type is WSMsgType.TEXT:
                await self.asked_over(socket, msgspec.json.decode(message.data, type=RestRequest))
        return socket

    async def asked_over(self, socket: web.WebSocketResponse, request: RestRequest) -> None:
        query = {one["name"]: one["value"] for one in request.query_strings}
        self.asked.append(Asked(request.method, request.uri, query, request.message_body))
        body = answer_to(request.uri)
        answer = {"request_id": request.request_id, "status_code": 200, "message_body": body}
        await socket.send_str(json.dumps({"type": "RESTResponse", **answer}))

    async def tell(self, kind: str, **fields: Any) -> None:
        assert self.socket is not None
        await self.socket.send_str(json.dumps({"type": kind, **fields}))

    def was_asked(self, path: str) -> bool:
        return any(one.path == path for one in self.asked)


class Collected(NamedTuple):
    """What a whole engine asked, and as what it read the answers."""

    asked: list[Asked]
    reads: list[tuple[str, Any]]


@pytest.fixture
async def collected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Collected]:
    stand_in = StandIn()
    app = web.Application()
    app.router.add_route("*", "/ari/{path:.*}", stand_in.http)
    runner = web.AppRunner(app, shutdown_timeout=1.0)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    settings = load_settings(home=tmp_path, ari_port=runner.addresses[0][1], ami_port=1)
    with_silent_prompts(settings)
    engine = build(settings, FakeJournal()).engine
    reads: list[tuple[str, Any]] = []
    get = engine.ari.get

    async def noting_get(uri: str, type: Any) -> Any:
        reads.append((uri, type))
        return await get(uri, type)

    monkeypatch.setattr(engine.ari, "get", noting_get)
    running = asyncio.create_task(engine.run())
    try:
        await eventually(lambda: stand_in.was_asked("asterisk/modules/res_pjsip.so"), what="reload")
        await stand_in.tell("CallBroadcast", channel={"id": "c9"})
        await eventually(lambda: stand_in.was_asked("events/claim"), what="the claim")
        everything(engine)
        await eventually(lambda: engine.ari.waiting == 0, what="all answers")
        yield Collected(stand_in.asked, reads)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await runner.cleanup()


def everything(engine: Engine) -> None:
    """Do all that a switch can do, and hang up everybody."""
    switch = AriSwitch(engine.ari, "sounds", lambda outcome: None)
    for name, method in inspect.getmembers(AriSwitch, inspect.isfunction):
        if not name.startswith("_"):
            wanted = [one for one in inspect.signature(method).parameters if one != "self"]
            getattr(switch, name)(*(EXAMPLES[one] for one in wanted))
    engine.router.live.remember(a_record("c8"))
    engine.hang_up_all(100.0)


async def test_every_request_exists_with_its_parameters_and_lacks_none(
    collected: Collected,
) -> None:
    assert len({(one.method, re.sub(r"\d", "", one.path)) for one in collected.asked}) >= 15
    for asked in collected.asked:
        parameters = operation(asked).get("parameters", [])
        known = {one["name"]: one for one in parameters if one["paramType"] == "query"}
        what = f"{asked.method} {asked.path}"
        assert asked.query.keys() <= known.keys(), what
        required = {name for name, one in known.items() if one.get("required")}
        assert required <= asked.query.keys(), what
        for name, value in asked.query.items():
            allowed = known[name].get("allowableValues", {}).get("values")
            assert allowed is None or value in allowed, f"{what}: {name}={value}"
            assert known[name]["dataType"] != "int" or value.isdigit(), f"{what}: {name}={value}"
        assert not asked.body or any(one["paramType"] == "body" for one in parameters), what


async def test_the_event_filter_lets_in_just_what_we_read(collected: Collected) -> None:
    asked = [one for one in collected.asked if one.path.endswith("/eventFilter")]
    allowed = [{kind["type"] for kind in json.loads(one.body)["allowed"]} for one in asked]
    assert allowed[0] == {str(kind.__struct_config__.tag) for kind in EVENT_TYPES}
    assert allowed[1:] == [{"RESTResponse"}] * 4, "to the lanes for requests nothing is told"


async def test_what_is_read_is_what_asterisk_answers(collected: Collected) -> None:
    assert len(collected.reads) >= 3
    for uri, type_ in collected.reads:
        assert misfits(type_, operation(Asked("GET", uri, {}))["responseClass"], uri) == []


@pytest.mark.parametrize("kind", EVENT_TYPES, ids=lambda kind: kind.__name__)
def test_every_event_exists_with_all_fields_that_we_read(kind: type[msgspec.Struct]) -> None:
    name = str(kind.__struct_config__.tag)
    assert "timestamp" in model(name), f"{name} is no event"
    assert misfits(kind, name, name) == []


def test_a_request_over_the_socket_has_the_fields_that_asterisk_reads() -> None:
    ours = {field.encode_name for field in msgspec.structs.fields(RestRequest)}
    assert ours <= model("RESTRequest").keys()
    assert {"name", "value"} <= model("RESTQueryStringParameter").keys()
