"""A PostgreSQL server of one's own, for a play or for tests: started, stopped, started again."""

from __future__ import annotations

import contextlib
import itertools
import os
import signal
import subprocess
from pathlib import Path

from lab.machine.waiting import Limit
from pbx.programs import Programs

_START_LIMIT_S = 30.0
_STOP_LIMIT_S = 20.0
# only a machine that dies could tell the difference; commits are not put off: the line needs them
_QUICK = ("fsync=off", "full_page_writes=off")


class PostgresFailed(Exception):
    """The server did not do as it should; the message is its last word."""


class PostgresServer:
    """A PostgreSQL server with a superuser `ngalam`, on a socket in `folder`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._data = folder / "data"
        self._log = folder / "server.log"
        self._programs = Programs.find()
        self._process: subprocess.Popen[bytes] | None = None
        self._numbers = itertools.count(1)

    def start(self) -> None:
        """Make its files, start it, and wait until it answers."""
        who = ("-U", "ngalam", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8")
        self._run("initdb", "-D", str(self._data), *who, "--no-sync")
        self.start_again()

    def start_again(self) -> None:
        """Start it with the files that it has, and wait until it answers."""
        settings = (*_QUICK, "listen_addresses=", f"unix_socket_directories={self._folder}")
        options = [part for setting in settings for part in ("-c", setting)]
        with self._log.open("ab") as output:
            self._process = subprocess.Popen(
                self._command("postgres", "-D", str(self._data), *options),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        limit = Limit(_START_LIMIT_S)
        while self._psql("SELECT 1").returncode != 0:
            if self._process.poll() is not None or limit.over:
                raise PostgresFailed(f"PostgreSQL did not start: {self._log.read_text()[-2000:]}")

    def stop(self) -> None:
        """End it at once but in order, by its own process id: that of the sandbox is not enough."""
        if self._process is None or self._process.poll() is not None:
            return
        with contextlib.suppress(OSError, ValueError):
            pid = int((self._data / "postmaster.pid").read_text().split("\n")[0])
            os.kill(pid, signal.SIGINT)
        try:
            self._process.wait(_STOP_LIMIT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def create(self) -> str:
        """Make an empty database and return its name."""
        name = f"test_{next(self._numbers)}"
        self.sql(f"CREATE DATABASE {name}")
        return name

    def drop(self, name: str) -> None:
        """Remove a database, whoever is still connected to it."""
        self.sql(f"DROP DATABASE {name} WITH (FORCE)")

    def sql(self, statement: str) -> None:
        """Run one statement as the superuser."""
        done = self._psql(statement)
        if done.returncode != 0:
            raise PostgresFailed(f"PostgreSQL refused {statement!r}: {done.stderr}")

    def url(self, name: str) -> str:
        """The URL of one of its databases."""
        return f"postgresql://ngalam@/{name}?host={self._folder}"

    def _psql(self, statement: str) -> subprocess.CompletedProcess[str]:
        options = ("-h", str(self._folder), "-U", "ngalam", "-d", "postgres", "-X", "-q")
        argv = self._command("psql", *options, "-c", statement)
        return subprocess.run(argv, capture_output=True, text=True, timeout=_START_LIMIT_S)

    def _run(self, name: str, *args: str) -> None:
        done = subprocess.run(self._command(name, *args), capture_output=True, text=True)
        if done.returncode != 0:
            raise PostgresFailed(f"{name} failed: {done.stderr[-2000:]}")

    def _command(self, name: str, *args: str) -> list[str]:
        return self._programs.command(name, *args, user="postgres", writable=[self._folder])
