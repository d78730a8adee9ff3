"""A pytest plugin: both databases for real, each test with an empty one of its own.

PostgreSQL is started once a session, in a temporary folder and on a socket there; nothing is
skipped where it cannot be started. Use it by `pytest_plugins = ("databases",)`.
"""

from __future__ import annotations

import itertools
import signal
import sqlite3
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest
from sqlalchemy import make_url

from models.database import Database, upgrade
from pbx.programs import Programs

_START_LIMIT_S = 30.0
_STOP_LIMIT_S = 20.0
_QUICK = ("fsync=off", "synchronous_commit=off", "full_page_writes=off")

Outage = Callable[[], AbstractContextManager[None]]


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
        with self._log.open("wb") as output:
            self._process = subprocess.Popen(
                self._command("postgres", "-D", str(self._data), *options),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        deadline = time.monotonic() + _START_LIMIT_S
        while self._psql("SELECT 1").returncode != 0:
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"PostgreSQL did not start: {self._log.read_text()[-2000:]}")

    def stop(self) -> None:
        """End it at once but in order, by its own process id."""
        if self._process is None:
            return
        self._process.send_signal(signal.SIGINT)
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
            raise RuntimeError(f"PostgreSQL refused {statement!r}: {done.stderr}")

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
            raise RuntimeError(f"{name} failed: {done.stderr[-2000:]}")

    def _command(self, name: str, *args: str) -> list[str]:
        return self._programs.command(name, *args, user="postgres", writable=[self._folder])


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """A running PostgreSQL server of this test session."""
    with tempfile.TemporaryDirectory(prefix="ngalam112-pg-") as folder:
        server = PostgresServer(Path(folder))
        try:
            server.start()
            yield server
        finally:
            server.stop()


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of an empty database, once of each kind."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'ngalam112.db'}"
        return
    server: PostgresServer = request.getfixturevalue("postgres_server")
    name = server.create()
    try:
        yield server.url(name)
    finally:
        server.drop(name)


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """An open database with this version's tables, once of each kind."""
    await upgrade(database_url)
    async with Database(database_url) as opened:
        yield opened


@pytest.fixture
def outage(request: pytest.FixtureRequest, database_url: str) -> Outage:
    """`with outage():` nobody can write to the test's database.

    PostgreSQL throws everybody out and lets nobody in; SQLite's file is locked by another.
    """
    if database_url.startswith("sqlite"):
        return lambda: _locked(database_url.removeprefix("sqlite:///"))
    server: PostgresServer = request.getfixturevalue("postgres_server")
    name = make_url(database_url).database
    assert name is not None
    return lambda: _closed(server, name)


@contextmanager
def _locked(file: str) -> Iterator[None]:
    other = sqlite3.connect(file, isolation_level=None)
    try:
        other.execute("BEGIN EXCLUSIVE")
        yield
    finally:
        other.close()


@contextmanager
def _closed(server: PostgresServer, name: str) -> Iterator[None]:
    server.sql(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
    try:
        everybody = f"FROM pg_stat_activity WHERE datname = '{name}'"
        server.sql(f"SELECT pg_terminate_backend(pid) {everybody}")
        yield
    finally:
        server.sql(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
