"""Runs SIPp as citizens and as phones: real SIP, real RTP, bounded in calls and in time.

Each run has its own SIP port and its own block of RTP ports, writes its counts to a file, and
ends by itself; whoever starts one also stops it.
"""

from __future__ import annotations

import asyncio
import csv
import itertools
import random
import signal
import socket
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import msgspec

from ngalam112.config.settings import PROJECT
from pbx.processes import end, start
from pbx.programs import Programs

SCENARIOS = PROJECT / "sipp_scenarios"
_RTP_BLOCK = 400
_AT_ONCE = 3000
# in an order drawn by lot: two processes that play at the same time hardly meet
_BLOCKS = range(32000, 54000, _RTP_BLOCK)
_rtp_blocks = itertools.cycle(random.sample(_BLOCKS, len(_BLOCKS)))
_names = itertools.count(1)


class SippError(Exception):
    """SIPp could not be run; the message is its last word."""


class SippResult(msgspec.Struct, frozen=True):
    """SIPp's own counts of one run, and in its words why the first call failed, if one did."""

    scenario: str
    calls: int
    successful: int
    failed: int
    why: str = ""


# Below the ports that the system gives to outgoing connections, and below all those for audio; only
# even ones, for baresip takes the next one as well; and none that a SIPp may take to be controlled
# by, for it takes the first that is free whenever it starts.
_CONTROL = range(8888, 8949)
_PORTS = [port for port in range(2048, 10_000, 2) if port not in _CONTROL]
_ports = itertools.cycle(random.sample(_PORTS, len(_PORTS)))
_NOT_BOUND = 254
# Names that only one process of the machine can have at a time; they go when it goes.
_reserved: deque[socket.socket] = deque()
_MOST_RESERVED = 300


def free_port(host: str = "127.0.0.1") -> int:
    """A port that nothing is bound to at the moment, neither for UDP nor for TCP.

    It is reserved against other processes that ask here, for it is bound later, and by others.
    None is given twice before all were.
    """
    for port in itertools.islice(_ports, len(_PORTS)):
        name = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            name.bind(f"\0ngalam112-port-{port}")
            _must_be_free(host, port)
        except OSError:
            name.close()
            continue
        _reserved.append(name)
        if len(_reserved) > _MOST_RESERVED:
            _reserved.popleft().close()
        return port
    raise SippError(f"There is no free port on {host}.")


def _must_be_free(host: str, port: int) -> None:
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp,
        socket.socket(socket.AF_INET, socket.SOCK_STREAM) as tcp,
    ):
        udp.bind((host, port))
        tcp.bind((host, port))


def injection(rows: Iterable[Sequence[str]]) -> str:
    """The text of an injection file: one row a call, in order."""
    return "SEQUENTIAL\n" + "".join(";".join(row) + "\n" for row in rows)


def credentials(number: str, password: str, *more: str) -> tuple[str, ...]:
    """An injection row of a phone: number, SIPp's digest keyword, and more fields.

    Raises SippError for a password that SIPp would not sign with as it stands.
    """
    if password.startswith("0x"):
        raise SippError(
            f"SIPp takes the password of phone {number} for bytes, for it begins with 0x; "
            "give the phone another."
        )
    return (number, f"[authentication username={number} password={password}]", *more)


class SippRun:
    """One SIPp process: `async with SippRun(...) as run: result = await run.result()`.

    `noted`: keep what the scenario writes down, in the file `notes`. `at_once`: no more calls than
    so many are up together; the next one begins when one is over. `yields`: it gives way to the
    line on the processor; for plays that fill the machine, for else the other programs of a busy
    machine make phones late that are not.
    """

    def __init__(
        self,
        programs: Programs,
        work: Path,
        scenario: str,
        *,
        target: str = "",
        port: int | None = None,
        calls: int | None = None,
        rate: float = 10.0,
        limit_s: float = 60.0,
        keys: Mapping[str, str] | None = None,
        rows: Iterable[Sequence[str]] | None = None,
        echo: bool = False,
        trace: bool = False,
        noted: bool = False,
        at_once: int = _AT_ONCE,
        yields: bool = False,
        host: str = "127.0.0.1",
        scenarios: Path = SCENARIOS,
    ) -> None:
        self.scenario = scenario
        self.port = port or free_port(host)
        self.endless = calls is None
        self._scenarios, self._yields = scenarios, yields
        self._work = work
        self._stats = work / f"{scenario}-{next(_names)}.csv"
        self._log = self._stats.with_suffix(".log")
        self._process: asyncio.subprocess.Process | None = None
        first = next(_rtp_blocks)
        args = [
            *([target] if target else []),
            *("-sf", str(scenarios / f"{scenario}.xml"), "-nostdin"),
            # the last is where it is controlled from, by whom it may concern: else all addresses
            *("-i", host, "-mi", host, "-p", str(self.port), "-ci", host),
            *("-min_rtp_port", str(first), "-max_rtp_port", str(first + _RTP_BLOCK - 2)),
            *("-trace_stat", "-stf", str(self._stats), "-fd", "1"),
            *("-timeout", f"{limit_s:.0f}s", "-timeout_error"),
            # an answer is known again by its code, dialog and CSeq, not by each byte: Asterisk
            # answers every copy of a request that it challenges, and each with another nonce
            *("-rtcheck", "loose"),
            # SIPp reads the rate as a whole number, and holds calls back at a few times the rate
            *("-r", str(max(1, round(rate * 10))), "-rp", "10000", "-l", str(at_once)),
        ]
        if calls is not None:
            args += ["-m", str(calls)]
        if echo:
            args.append("-rtp_echo")
        self._errors = self._stats.with_suffix(".errors")
        args += ["-trace_err", "-error_file", str(self._errors)]
        self._messages = self._stats.with_suffix(".messages")
        if trace:
            args += ["-trace_msg", "-message_file", str(self._messages)]
        self.notes = self._stats.with_suffix(".notes")
        if noted:
            args += ["-trace_logs", "-log_file", str(self.notes)]
        for name, value in (keys or {}).items():
            args += ["-key", name, value]
        if rows is not None:
            listed = self._stats.with_suffix(".rows")
            work.mkdir(parents=True, exist_ok=True)
            listed.touch(mode=0o600)
            listed.write_text(injection(rows))
            args += ["-inf", str(listed)]
        self._argv = (programs, args)

    async def __aenter__(self) -> SippRun:
        self._work.mkdir(parents=True, exist_ok=True)
        programs, args = self._argv
        argv = programs.command(
            "sipp",
            *args,
            raw_sockets=True,
            writable=[self._work],
            readable=[self._scenarios],
            cwd=self._work,
        )
        if self._yields:
            # callers and phones are elsewhere in truth
            argv = ["nice", "-n", "10", *argv]
        with self._log.open("wb") as log:
            self._process = await start(
                *argv, stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log
            )
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def result(self) -> SippResult:
        """Wait for the end and read the counts."""
        assert self._process is not None
        code = await self._process.wait()
        if code == _NOT_BOUND:
            why = self._first_error() or self._last_words()
            raise SippError(f"SIPp ({self.scenario}) has not got its port {self.port}: {why}")
        try:
            with self._stats.open(newline="") as file:
                last = list(csv.DictReader(file, delimiter=";"))[-1]
        except (OSError, IndexError):
            raise SippError(
                f"SIPp ({self.scenario}) ended with {code} and no counts: {self._last_words()}"
            ) from None
        return SippResult(
            self.scenario,
            int(last["TotalCallCreated"]),
            int(last["SuccessfulCall(C)"]),
            int(last["FailedCall(C)"]),
            self._first_error(),
        )

    def no_more_calls(self) -> None:
        """Let an endless one begin no further calls; it ends once those that are up are over.

        One that has begun all its calls would take this for the second such wish, and abort them.
        """
        if self._process is not None and self._process.returncode is None:
            self._process.send_signal(signal.SIGUSR1)

    async def die(self) -> None:
        """End at once and say nothing to anybody, as a phone without power."""
        assert self._process is not None
        self._process.kill()
        await self._process.wait()

    async def stop(self, within: float = 5.0) -> None:
        """End it, if it has not ended by itself."""
        await end(self._process, within=within)

    def messages(self) -> str:
        """All SIP messages so far, if it was told to `trace` them."""
        return self._messages.read_text("utf-8", "replace") if self._messages.exists() else ""

    def _first_error(self) -> str:
        if not self._errors.exists():
            return ""
        with self._errors.open(encoding="utf-8", errors="replace") as file:
            return next((line.strip()[:300] for line in file if line[:1].isdigit()), "")

    def _last_words(self) -> str:
        lines = self._log.read_text("utf-8", "replace").strip().splitlines()
        return lines[-1][:300] if lines else "nothing printed"


async def run_sipp(programs: Programs, work: Path, scenario: str, **options: object) -> SippResult:
    """Run one scenario to its end; the options are those of SippRun."""
    async with SippRun(programs, work, scenario, **options) as run:  # type: ignore[arg-type]
        return await run.result()
