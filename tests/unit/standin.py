"""For tests: a stand-in for Asterisk that runs the fallback script and speaks AGI with it."""

from __future__ import annotations

import contextlib
import json
import re
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SCRIPT = Path(__file__).resolve().parents[2] / "agi_scripts" / "fallback.py"
LIMIT_S = 20.0


def within(check: Callable[[], Any], what: str, limit: float = LIMIT_S) -> Any:
    """Poll until `check` gives something true, and return it."""
    end = time.monotonic() + limit
    while not (seen := check()):
        assert time.monotonic() < end, f"not within {limit} s: {what}"
        time.sleep(0.01)
    return seen


@dataclass
class Dialled:
    """What one Dial comes to: the phone that answers, and its result (-1: the citizen is gone)."""

    phone: str | None
    answered_at: float = 0.0
    result: int = 0
    meanwhile: Callable[[], None] = lambda: None


class Asterisk:
    """Answers the script's commands as Asterisk 22 does; `commands` holds what it was told."""

    def __init__(self, home: Path) -> None:
        home.mkdir(parents=True, exist_ok=True)
        self.home, self.spool, self.sounds = home, home / "spool", home / "sounds"
        self.uniqueid = f"{int(time.time()) - 1}.7"
        self.arrived = f"{time.time() - 0.5:.6f}"
        self.caller = ("+62812", "Warga")
        self.states: dict[str, str] = {}
        self.dials: list[Dialled] = []
        self.hang_up_after: str | tuple[str, int] = ""
        self.take_back_after = ""  # the command in which an engine takes the citizen back
        self.refuse = ""  # the reply to whatever does something
        self.commands: list[str] = []
        self.complaints = ""
        self._variables: dict[str, str] = {"CONTEXT": "fallback"}
        self._dead = False
        self._closed = False
        self._process: subprocess.Popen[bytes] | None = None
        self.phones("101\n102\n")

    def phones(self, text: str | None) -> None:
        """Write the list of phones; None: there is none."""
        self._list = self.home / "phones.list"
        self._list.unlink(missing_ok=True)
        if text is not None:
            self._list.write_text(text)

    def agencies(self, *rows: str) -> None:
        """Write the list of agencies."""
        (self.home / "agencies.list").write_text("".join(f"{row}\n" for row in rows))

    def start(self, *options: str, lines: int | None = None) -> None:
        """Start the script and tell it of the call (only the first `lines` lines of that)."""
        given = [str(self.spool), str(self._list), str(self.sounds), "fallback", "TIMEOUT"]
        self._process = subprocess.Popen(
            [str(SCRIPT), *options, *given, self.uniqueid, self.arrived],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        number, name = self.caller
        said = [
            f"agi_request: {SCRIPT}",
            "agi_channel: PJSIP/trunk-00000000",
            f"agi_uniqueid: {self.uniqueid}",
            f"agi_callerid: {number}",
            f"agi_calleridname: {name}",
            "agi_dnid: 112",
            "agi_extension: 112",
            "agi_threadid: 140036090193600",
            *(f"agi_arg_{index}: {text}" for index, text in enumerate(given, 1)),
            "",
        ]
        for line in said[:lines]:
            self._say(line)

    def serve(self, *options: str) -> int:
        """Run the script to its end and return its exit code; an unforeseen Dial is answered."""
        self._dead = "--hung-up" in options
        self._closed = False
        self.start(*options)
        assert self._process is not None
        assert self._process.stdout is not None
        watchdog = threading.Timer(LIMIT_S, self._process.kill)
        watchdog.start()
        try:
            for line in self._process.stdout:
                command = line.decode().rstrip("\n")
                self.commands.append(command)
                reply = self._reply(command)
                after, count = self._last_command()
                if after and [one.startswith(after) for one in self.commands].count(True) >= count:
                    self._dead = True
                if self.take_back_after and command.startswith(self.take_back_after):
                    self._dead = True
                    self._variables["CONTEXT"] = "citizens"
                self._say(reply)
        finally:
            watchdog.cancel()
        return self.wait()

    def wait(self) -> int:
        """Wait for the script's end."""
        assert self._process is not None
        assert self._process.stderr is not None
        self.complaints = self._process.stderr.read().decode()
        code = self._process.wait(LIMIT_S)
        self.close()
        for pipe in (self._process.stdout, self._process.stderr):
            if pipe is not None:
                pipe.close()
        return code

    def close(self) -> None:
        """Asterisk is gone: close the script's standard input."""
        assert self._process is not None
        assert self._process.stdin is not None
        self._closed = True
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()

    def signal(self, number: signal.Signals) -> Callable[[], None]:
        """Return what sends the script a signal."""

        def send() -> None:
            assert self._process is not None
            self._process.send_signal(number)

        return send

    def files(self) -> list[Path]:
        return sorted(self.spool.glob("*.json")) if self.spool.is_dir() else []

    def record(self) -> dict[str, Any]:
        """The one record in the spool folder."""
        (path,) = self.files()
        return dict(json.loads(path.read_bytes()))

    def rung(self) -> list[list[str]]:
        """The phones of each Dial."""
        return [
            re.findall(r"PJSIP/(\w+(?:/sip:[\w@.:]+)?)", command)
            for command in self.commands
            if command.startswith("EXEC Dial")
        ]

    @staticmethod
    def shown(number: str) -> str:
        """What the phones may show of a caller's number."""
        return "".join(sign for sign in number.split("\n")[0][:64] if sign in "0123456789+*#")[:32]

    def _last_command(self) -> tuple[str, int]:
        after = self.hang_up_after
        return after if isinstance(after, tuple) else (after, 1)

    def _say(self, line: str) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        if self._closed:
            return
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(line.encode("utf-8", "surrogateescape") + b"\n")
            self._process.stdin.flush()

    def _reply(self, command: str) -> str:
        if found := re.fullmatch(r'GET FULL VARIABLE "?(.*?)"?', command):
            return f"200 result=1 ({self._value(found[1])})"
        if found := re.fullmatch(r'SET VARIABLE (\S+) "?(.*?)"?', command):
            self._variables[found[1]] = found[2]
            return "200 result=1"
        if self._dead and not command.startswith("EXEC"):
            return "511 Command Not Permitted on a dead channel or intercept routine"
        if command.startswith("EXEC Dial") and not self.refuse:
            return f"200 result={self._dial()}"
        if command in ("ANSWER", "HANGUP", "WAIT FOR DIGIT 1"):
            return "200 result=0"
        return self.refuse or "200 result=0 endpos=8000"

    def _value(self, expression: str) -> str:
        if found := re.search(r"DEVICE_STATE\(PJSIP/(\d+)\)", expression):
            return self.states.get(found[1], "NOT_INUSE/30")
        if "dnid" in expression:
            return "112"
        name = re.fullmatch(r"\$\{(\w+)\}", expression)
        return expression if name is None else self._variables.get(name[1], "")

    def _dial(self) -> int:
        done = self.dials.pop(0) if self.dials else Dialled("101", answered_at=time.time())
        self._variables["FALLBACK"] = "yes"
        self._variables["DIALSTATUS"] = "NOANSWER" if done.phone is None else "ANSWER"
        self._variables["DIALEDPEERNUMBER"] = done.phone or ""
        self._variables["ANSWERED_AT"] = f"{done.answered_at:.6f}"
        done.meanwhile()
        self._dead = self._dead or done.result == -1
        return done.result
