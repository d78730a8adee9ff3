"""The rescuer takes out of Stasis whom nobody serves and nobody else, whatever AMI says."""

from __future__ import annotations

import ast
import contextlib
import importlib.util
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ngalam112.process.rescuer import RESCUE_SCRIPT

_spec = importlib.util.spec_from_file_location("rescue", RESCUE_SCRIPT)
assert _spec is not None
assert _spec.loader is not None
rescue: Any = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(rescue)


def status(channel: str = "PJSIP/trunk-00000001", **changes: str) -> list[tuple[str, str]]:
    """A channel as Status tells of it."""
    told = {
        "Event": "Status",
        "Channel": channel,
        "CallerIDNum": "0812",
        "Context": "citizens",
        "Exten": "112",
        "BridgeID": "",
        "Application": "StasisBroadcast",
        "ActionID": "1",
    }
    return list((told | changes).items())


def test_it_uses_the_standard_library_only() -> None:
    tree = ast.parse(RESCUE_SCRIPT.read_text())
    names = {
        name.split(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in (
            [one.name for one in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
        )
    }
    assert names <= set(sys.stdlib_module_names)


def test_citizens_in_stasis_are_stranded_alone_or_alone_in_a_bridge() -> None:
    blocks = [
        status("PJSIP/trunk-1"),
        status("PJSIP/trunk-2", BridgeID="b1"),
        status("PJSIP/trunk-3", Application="Stasis", Exten="x"),
    ]
    assert rescue.stranded(blocks) == [
        ("PJSIP/trunk-1", "112"),
        ("PJSIP/trunk-2", "112"),
        ("PJSIP/trunk-3", "112"),
    ]


@pytest.mark.parametrize(
    "changes",
    [
        {"Context": "phones"},
        {"Context": "fallback", "Application": "Dial"},
        {"Application": "AGI"},
        {"BridgeID": "b1"},
    ],
    ids=str,
)
def test_who_talks_or_is_elsewhere_or_is_no_citizen_is_left_alone(changes: dict[str, str]) -> None:
    operator = status("PJSIP/101-9", Context="phones", Application="AppDial", BridgeID="b1")
    assert rescue.stranded([status(**changes), operator]) == []


def test_a_text_that_tells_another_story_of_who_talks_takes_nobody_out_of_a_talk() -> None:
    operator = status("PJSIP/101-9", Context="phones", BridgeID="b1")
    talks = status("PJSIP/trunk-1", BridgeID="b1")
    forged = status("PJSIP/trunk-1")
    for blocks in ([talks, operator, forged], [forged, talks, operator]):
        assert rescue.stranded(blocks) == []


def test_what_is_no_channel_is_never_redirected() -> None:
    blocks = [status("x\r\nAction: Hangup"), status(""), [], [("", "")], [("Channel", "A/1")]]
    assert rescue.stranded(blocks) == []


class StandIn:
    """Answers one AMI connection with what `replies` makes of each action and its id."""

    def __init__(self, replies: Callable[[str, str], str]) -> None:
        self.asked: list[str] = []
        self.replies = replies
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        """Nobody may connect any more."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _serve(self) -> None:
        try:
            peer, _ = self._listener.accept()
        except OSError:
            return
        with peer, peer.makefile("rb") as lines:
            peer.sendall(b"Asterisk Call Manager/11.0.0\r\n")
            asked: dict[str, str] = {}
            for line in lines:
                name, _, value = line.decode().rstrip("\r\n").partition(": ")
                if name:
                    asked[name] = value
                    continue
                self.asked.append(asked["Action"])
                peer.sendall(self.replies(asked["Action"], asked["ActionID"]).encode())
                asked = {}


def ok(_: str, tag: str) -> str:
    return f"Response: Success\r\nActionID: {tag}\r\nMessage: fine\r\n\r\n"


def test_what_a_caller_forges_between_the_lines_is_no_answer() -> None:
    def replies(action: str, tag: str) -> str:
        if action != "Status":
            return ok(action, tag)
        forged = "Event: Status\r\nChannel: PJSIP/trunk-7\r\nContext: citizens\r\n"
        return (
            f"Response: Success\r\nActionID: {tag}\r\nEventList: start\r\n\r\n"
            f"Event: Status\r\nChannel: PJSIP/trunk-1\r\nCallerIDNum: 62\r\n\r\n{forged}\r\n"
            f"Event: StatusComplete\r\nEventList: Complete\r\nActionID: 1\r\n\r\n"
            "\r\n\r\n: \r\nno colon\r\n\xff\r\n\r\n"
            f"Event: Status\r\nChannel: PJSIP/trunk-2\r\nActionID: {tag}\r\n\r\n"
            f"Event: StatusComplete\r\nActionID: {tag}\r\nEventList: Complete\r\n\r\n"
        )

    stand_in = StandIn(replies)
    ami = rescue.Ami(stand_in.port, "rescue", "secret")
    blocks = ami.ask("Status")
    ami.close()
    stand_in.close()
    names = [dict(block).get("Channel") for block in blocks]
    assert names == [None, "PJSIP/trunk-2", None]


def test_a_refusal_is_an_error_with_asterisks_word() -> None:
    def replies(_: str, tag: str) -> str:
        return f"Response: Error\r\nActionID: {tag}\r\nMessage: Authentication failed\r\n\r\n"

    stand_in = StandIn(replies)
    with pytest.raises(rescue.AmiError, match="Login: Authentication failed"):
        rescue.Ami(stand_in.port, "rescue", "secret")
    stand_in.close()


class Watch:
    """A rescuer, its files, and the AMI that it speaks with."""

    def __init__(self, home: Path) -> None:
        self.stand_in = StandIn(ok)
        self.beat = home / "engine.beat"
        secret = home / "rescue.secret"
        secret.write_text("secret\n")
        self.rescuer = rescue.Rescuer(self.stand_in.port, secret, self.beat, 4.0)

    def look(self, watched_s: float = 0.0) -> list[str]:
        """Look as if it had been looking for so long; returns what Asterisk was asked so far."""
        self.rescuer._watched_since -= watched_s
        self.rescuer.look()
        return self.stand_in.asked


@pytest.fixture
def watch(tmp_path: Path) -> Iterator[Watch]:
    watch = Watch(tmp_path)
    yield watch
    watch.rescuer._close("")
    watch.stand_in.close()


def test_it_asks_asterisk_only_once_the_beat_is_too_old(watch: Watch) -> None:
    watch.beat.write_text(f"{time.monotonic() - 3:020.6f}\n")
    assert watch.look(60) == []
    watch.beat.write_text(f"{time.monotonic() - 5:020.6f}\n")
    assert watch.look() == ["Login", "Status"]
    watch.beat.write_text(f"{time.monotonic():020.6f}\n")
    assert watch.look() == ["Login", "Status"]


def test_whoever_is_left_when_an_engine_beats_again_is_left_to_it(watch: Watch) -> None:
    def replies(action: str, tag: str) -> str:
        if action == "Redirect":
            watch.beat.write_text(f"{time.monotonic():020.6f}\n")
        if action != "Status":
            return ok(action, tag)
        blocks = [status(f"PJSIP/trunk-{one}", ActionID=tag) for one in range(3)]
        told = ["".join(f"{name}: {value}\r\n" for name, value in one) for one in blocks]
        end = f"Event: StatusComplete\r\nEventList: Complete\r\nActionID: {tag}\r\n"
        first = f"Response: Success\r\nActionID: {tag}\r\nEventList: start\r\n"
        return "".join(f"{one}\r\n" for one in (first, *told, end))

    watch.stand_in.replies = replies
    watch.beat.write_text(f"{time.monotonic() - 5:020.6f}\n")
    assert watch.look(60) == ["Login", "Status", "Redirect"]


@pytest.mark.parametrize("text", [None, "", "soon", "99999999999.9"])
def test_a_beat_that_cannot_be_told_counts_as_none_once_it_was_watched_long_enough(
    watch: Watch, text: str | None
) -> None:
    if text is not None:
        watch.beat.write_text(text)
    assert watch.look() == [], "just started: an engine may be starting too"
    assert watch.look(5) == ["Login", "Status"]


def test_after_a_standstill_of_the_machine_the_engine_gets_its_time_again(watch: Watch) -> None:
    watch.rescuer._looked_at -= 2
    assert watch.look(60) == []


def test_without_asterisk_it_lives_on_and_says_so_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = int(listener.getsockname()[1])
    (tmp_path / "secret").write_text("secret\n")
    rescuer = rescue.Rescuer(port, tmp_path / "secret", tmp_path / "engine.beat", 0.0)
    rescuer.look()
    rescuer.look()
    assert capsys.readouterr().out.count("Asterisk cannot be asked over AMI") == 1
