"""Nothing is asked over a WebSocket whose answer grows with the line: it would end Asterisk."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from acd.switch import MonitorMode
from ngalam112.config.settings import PROJECT
from ngalam112.engine.ari_switch import AriSwitch
from pbx.ari import AriClient
from pbx.ari_types import EVENT_NAMES
from pbx.request_lane import RequestLane
from pbx.small_answers import check_answer_is_small, told_of_long_frames

METHODS = {"GET", "POST", "PUT", "DELETE"}
ASKS = {"send", "call", "_do"}  # what writes to a WebSocket


class Checked:
    """Notes what is sent, and checks it as a lane does."""

    app = "ngalam112"
    lanes = 5

    def __init__(self) -> None:
        self.requests: list[str] = []

    def send(self, method: str, uri: str, *_: Any, **__: Any) -> None:
        check_answer_is_small(method, uri)
        self.requests.append(f"{method} {uri}")


@pytest.mark.parametrize(
    "what",
    [
        "GET channels",
        "GET channels/",
        "GET channels?limit=1",
        "GET bridges",
        "GET bridges/b1",
        "GET applications",
        "GET applications/ngalam112",
        "PUT applications/ngalam112/eventFilter",
        "POST applications/ngalam112/subscription",
        "GET endpoints",
        "GET endpoints/PJSIP",
        "GET deviceStates",
        "GET asterisk/modules",
        "GET recordings/stored",
        "GET sounds",
    ],
)
def test_a_list_cannot_be_asked_for_over_the_socket(what: str) -> None:
    method, _, uri = what.partition(" ")
    with pytest.raises(ValueError, match="must not be sent over the WebSocket"):
        check_answer_is_small(method, uri)


async def test_a_lane_refuses_a_list_before_anything_is_written() -> None:
    lane = RequestLane("ngalam112")
    with pytest.raises(ValueError, match="GET channels"):
        lane.send("1", "GET", "channels", {}, None, None, 1.0)
    assert lane.waiting == {}


def test_all_that_a_switch_does_is_allowed() -> None:
    asked = Checked()
    switch = AriSwitch(cast(AriClient, asked), "sounds", lambda _: None)
    left_out = ("self", "turn", "language")
    examples: dict[str, Any] = {"display": ("name", "0812"), "outcome": "answered", "cause": 17}
    examples["mode"] = MonitorMode.BARGE
    methods = inspect.getmembers(AriSwitch, inspect.isfunction)
    public = [(name, one) for name, one in methods if not name.startswith("_")]
    for name, method in public:
        wanted = [one for one in inspect.signature(method).parameters if one != "self"]
        getattr(switch, name)(
            *(examples.get(one, f"a-{one}") for one in wanted if one not in left_out)
        )
    assert len(asked.requests) >= len(public) - 1, "only `belongs` asks for nothing"


def asked_in(path: Path) -> Iterator[tuple[str, str]]:
    """Each request that a file's code writes to a socket: its method and URI, names for ids."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
            continue
        if node.func.attr not in ASKS:
            continue
        for index, argument in enumerate(node.args[:-1]):
            if isinstance(argument, ast.Constant) and argument.value in METHODS:
                yield argument.value, uri_of(node.args[index + 1])


def uri_of(node: ast.expr) -> str:
    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.JoinedStr(values=parts):
            return "".join(uri_of(part) for part in parts)
        case ast.FormattedValue():
            return "id"
    raise AssertionError(f"a URI that this test cannot read: {ast.unparse(node)}")


def test_all_that_the_code_asks_over_a_socket_is_allowed() -> None:
    files = [one for package in ("pbx", "ngalam112") for one in (PROJECT / package).rglob("*.py")]
    asked = {request for path in files for request in asked_in(path)}
    assert len(asked) >= 15, asked
    for method, uri in asked:
        check_answer_is_small(method, uri)


def test_no_event_lists_the_channels_of_a_bridge_and_the_limit_of_each_is_documented() -> None:
    """`Bridge...` events carry every channel id of the bridge, so they grow with it."""
    told = (PROJECT / "docs" / "asterisk-faults.md").read_text("utf-8")
    for name in EVENT_NAMES:
        assert not name.startswith("Bridge")
        assert f"`{name}`" in told, f"what bounds {name}?"


@pytest.mark.parametrize(
    ("version", "words"),
    [
        ((22, 10, 1), "ends with all its calls"),
        ((22, 11, 0), "ends with all its calls"),
        ((23, 4, 1), "ends with all its calls"),
        ((22, 12, 0), "may end"),
        ((24, 0, 0), "may end"),
    ],
)
def test_the_doctor_tells_whether_this_asterisk_has_the_fault(
    version: tuple[int, ...], words: str
) -> None:
    assert told_of_long_frames(version).startswith(words)
