"""Starts `python -m ngalam112 ...` for tests in milliseconds: forks it off a process that is ready.

A start of Python imports for one to two seconds of CPU, and the tests start hundreds. `start` takes
what `pbx.processes.start` takes. One server a test process (and one for each clock of
`lab.machine.wallclock`), made by the first start; it has imported everything, has no thread and no
event loop, and ends with the test process, and whatever it has started with it. For who looks from
outside, by /proc, a process has the command line and the environment that it would have.

The process that computes reports is forked as well for an engine in the test's own process
(`served.py`); an engine that was forked itself starts it by the interpreter.

What `up`, a play of chaos or a storm starts is forked as well if they are given FORKS
(`preloaded.py`). Started as in production, by the real interpreter: `ngalam112 up` and all its
parts in test_whole_lines, in two tests of test_supervisor and two plays of test_chaos, what bench
measures, the engine in test_full_disk, and a command in test_commands.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import importlib
import json
import os
import signal
import socket
import subprocess
import sys
from asyncio.subprocess import DEVNULL, PIPE
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    sys.path[:1] = [str(Path(__file__).parents[2]), str(Path(__file__).parent)]
from serving_forks import LONGEST, serve

from pbx import processes

_PYTHON_M = (sys.executable, "-m")
_REPORTS = "ngalam112.api.report_process"
_FORKED = ("ngalam112", _REPORTS)
"""What `python -m` is forked for; the first has commands."""
_AT_START = {"PYTHONIOENCODING"}
"""What counts only when an interpreter starts."""
_LOADED = ("LD_PRELOAD", "FAKETIME")
"""What a program has from its start on, and its forks with it: they have a server of their own."""
_DIES_WITH_PARENT = ("setpriv", "--pdeathsig", "TERM", "--")
FORKS = "NGALAM112_FORKS"
_ROOM = (1_000, 60_000)  # bytes for the command line and the environment, for who looks by /proc
_READY = (
    "alembic.command",
    "lab.chaos.run",
    "lab.storm.run",
    "ngalam112.cli.app",
    "ngalam112.cli.doctor",
    _REPORTS,
    "ngalam112.process.service",
    "ngalam112.config.sounds",
    "reports.queue_log_export",
    "reports.summary",
)
"""What the commands import, with all that it imports."""


class ForkedProcess:
    """What `asyncio.subprocess.Process` is, as far as tests need it."""

    def __init__(
        self,
        server: Server,
        pid: int,
        out: asyncio.StreamReader | None,
        err: asyncio.StreamReader | None,
        into: asyncio.StreamWriter | None = None,
    ):
        self._server, self.pid, self.stdout, self.stderr = server, pid, out, err
        self.stdin = into
        self.returncode: int | None = None
        loop = asyncio.get_running_loop()
        self._ended = asyncio.Event()
        self._pidfd = os.pidfd_open(pid)
        loop.add_reader(self._pidfd, self._reap, loop)

    def _reap(self, loop: asyncio.AbstractEventLoop) -> None:
        loop.remove_reader(self._pidfd)
        os.close(self._pidfd)
        self.returncode = self._server.ask({"reap": self.pid})
        if self.stdin is not None:
            self.stdin.close()
        self._ended.set()

    async def wait(self) -> int:
        """Wait for the end; returns the exit code, or minus the signal's number."""
        await self._ended.wait()
        assert self.returncode is not None
        return self.returncode

    async def communicate(self) -> tuple[bytes, bytes]:
        """Read all that it prints, and wait for the end."""
        out, err = await asyncio.gather(*(_all_of(one) for one in (self.stdout, self.stderr)))
        await self.wait()
        return out, err

    def send_signal(self, number: int) -> None:
        """Send a signal; ProcessLookupError if it has ended."""
        if self.returncode is not None:
            raise ProcessLookupError
        os.kill(self.pid, number)

    def terminate(self) -> None:
        """Ask it to end."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it by force."""
        self.send_signal(signal.SIGKILL)


async def _all_of(stream: asyncio.StreamReader | None) -> bytes:
    return b"" if stream is None else await stream.read()


async def start(*argv: str, **options: Any) -> Any:
    """Start a program; one of `python -m ngalam112` by a fork, all others as they are."""
    environment = dict(options.get("env") or os.environ)
    dies = argv[:4] == _DIES_WITH_PARENT
    words = argv[4:] if dies else argv
    if words[:2] != _PYTHON_M or words[2] not in _FORKED or _AT_START & environment.keys():
        return await processes.start(*argv, **options)
    server = _server(environment)
    with contextlib.ExitStack() as given:
        streams = [
            _stream(given, options.get(name), own)
            for own, name in enumerate(("stdin", "stdout", "stderr"))
        ]
        request = {
            "argv": list(words[2:]),
            "env": environment,
            "cwd": os.fspath(options.get("cwd") or "."),
            "new_session": bool(options.get("start_new_session")),
            "dies_with_parent": dies,
        }
        pid = server.ask(request, [fd for fd, _ in streams])
    try:
        into = await _writer(streams[0][1])
        out, err = [await _reader(read, options.get("limit")) for _, read in streams[1:]]
    except BaseException:
        # nobody would know it, and it would write into a folder that is removed
        os.kill(pid, signal.SIGKILL)
        server.ask({"reap": pid})
        raise
    return ForkedProcess(server, pid, out, err, into)


def _stream(given: contextlib.ExitStack, wanted: Any, own: int) -> tuple[int, int | None]:
    """The descriptor that the child gets, and ours if that is a pipe."""
    if wanted == PIPE and own == 0:
        read, write = os.pipe()
        given.callback(os.close, read)
        return read, write
    if wanted == PIPE:
        read, write = os.pipe()
        given.callback(os.close, write)
        return write, read
    if wanted == DEVNULL:
        null = os.open(os.devnull, os.O_RDWR)
        given.callback(os.close, null)
        return null, None
    if wanted is None:
        return own, None
    return (wanted if isinstance(wanted, int) else wanted.fileno()), None


async def _reader(descriptor: int | None, limit: int | None) -> asyncio.StreamReader | None:
    if descriptor is None:
        return None
    stream = asyncio.StreamReader(**({} if limit is None else {"limit": limit}))
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(stream), os.fdopen(descriptor, "rb", buffering=0)
    )
    return stream


async def _writer(descriptor: int | None) -> asyncio.StreamWriter | None:
    if descriptor is None:
        return None
    loop, reader = asyncio.get_running_loop(), asyncio.StreamReader()
    transport, protocol = await loop.connect_write_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(descriptor, "wb", buffering=0)
    )
    return asyncio.StreamWriter(transport, protocol, reader, loop)


def ask(
    server: socket.socket, request: dict[str, Any], descriptors: list[int] | None = None
) -> int:
    """Ask a process that is in `serve`, and wait for the answer: a pid, or an exit code."""
    socket.send_fds(server, [json.dumps(request).encode()], descriptors or [])
    return int(server.recv(64))


class Server:
    """The process that forks, as who has the socket on which it is asked sees it."""

    def __init__(
        self, asked_by: socket.socket, process: subprocess.Popen[bytes] | None = None
    ) -> None:
        self._socket, self._process = asked_by, process

    def ask(self, request: dict[str, Any], descriptors: list[int] | None = None) -> int:
        """Ask, and wait for the answer: a pid, or an exit code."""
        return ask(self._socket, request, descriptors)


def sockets() -> tuple[socket.socket, socket.socket]:
    """Both ends of what a server is asked by: that of who asks comes first."""
    both = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    for one in both:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 2 * LONGEST)
    return both


_servers: dict[tuple[tuple[str, str], ...], Server] = {}


def use(server: Server) -> None:
    """Have what this process starts from now on forked off by this server."""
    _servers[()] = server


def _server(environment: dict[str, str]) -> Server:
    loaded = tuple(sorted(one for one in environment.items() if one[0].startswith(_LOADED)))
    if loaded not in _servers:
        ours, theirs = sockets()
        with theirs:
            process = subprocess.Popen(
                [sys.executable, __file__, str(theirs.fileno()), "-" * _ROOM[0]],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                env={**os.environ, **dict(loaded), "NGALAM112_ROOM": "-" * _ROOM[1]},
            )
        _servers[loaded] = Server(ours, process)
    return _servers[loaded]


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the tests, which then end this
    for name in _READY:
        importlib.import_module(name)
    app = importlib.import_module("ngalam112.cli.app")
    preloaded = importlib.import_module("preloaded")
    commands = app.commands()
    # else each child looks through all that was imported when it ends
    gc.collect()
    gc.freeze()
    sys.argv = serve(socket.socket(fileno=int(sys.argv[1])))
    if sys.argv[0] == _REPORTS:
        importlib.import_module(_REPORTS).main()
        sys.exit()
    if os.environ.pop(FORKS, ""):
        preloaded.begin(commands)
    app.main(commands)
