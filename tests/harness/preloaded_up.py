"""`ngalam112 up` whose engines are forked off a process that has imported everything.

For plays of whole lines: each starts three engines or more, which import for a second of CPU each.
All else is as it is in production: an engine is a process of its own in a session of its own, has
the command line that `up` gives it, and outlives `up` if that is killed.
"""

from __future__ import annotations

import gc
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import IO, Any, NoReturn

import fork_server
import serving_forks

import ngalam112.process.service
import ngalam112.process.supervisor
from ngalam112.cli import app

_ENGINE = [sys.executable, "-m", "ngalam112", "engine"]


class Forked:
    """What `subprocess.Popen` is, as far as a supervisor needs it."""

    def __init__(self, server: socket.socket, pid: int) -> None:
        self._server, self.pid = server, pid

    def wait(self) -> int:
        """Wait for the end; returns the exit code, or minus the signal's number."""
        return fork_server.ask(self._server, {"reap": self.pid})


def main(commands: Callable[..., Any] | None = None) -> NoReturn:
    """Be `ngalam112 up`, whose engines are forked off; in a child be an engine.

    `commands`: what `ngalam112.cli.app.commands` has made before, if anything.
    """
    if commands is None:
        commands = app.commands()
        gc.collect()
        gc.freeze()
    server, theirs = fork_server.sockets()
    if os.fork() == 0:
        server.close()
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        sys.argv = serving_forks.serve(theirs, ends_children=False)
        app.main(commands)
        sys.exit()
    theirs.close()

    def popen(command: list[str], *, stdout: IO[bytes], env: dict[str, str], **options: Any) -> Any:
        if command[: len(_ENGINE)] != _ENGINE:
            return subprocess.Popen(command, stdout=stdout, env=env, **options)
        request = {
            "argv": command[2:],
            "env": env,
            "cwd": str(Path.cwd()),
            "new_session": options["start_new_session"],
        }
        with open(os.devnull, "rb") as nothing:
            streams = [nothing.fileno(), stdout.fileno(), stdout.fileno()]
            return Forked(server, fork_server.ask(server, request, streams))

    ngalam112.process.supervisor.subprocess = SimpleNamespace(
        Popen=popen, DEVNULL=subprocess.DEVNULL
    )
    app.main(commands)
    sys.exit()


if __name__ == "__main__":
    main()
