"""A pytest plugin: both databases for real, each test with an empty one of its own.

PostgreSQL is started once a session, in a temporary folder and on a socket there; nothing is
skipped where it cannot be started. Use it by `pytest_plugins = ("databases",)`.
"""

from __future__ import annotations

import atexit
import os
import shutil
import sqlite3
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from weakref import WeakKeyDictionary

import pytest
from sqlalchemy import make_url

from lab.chaos.postgres import PostgresServer
from models.database import Database, upgrade

Outage = Callable[[], AbstractContextManager[None]]


async def with_tables(url: str) -> None:
    """Make a database that does not exist yet, with this version's tables.

    As `models.database.upgrade` does, whose way through all versions takes a third of a second of
    CPU each time: it is gone once in a process, and what came of it is copied.
    """
    if not _is_new_file(url):
        await upgrade(url)
        return
    if not _made:
        handle, name = tempfile.mkstemp(prefix="ngalam112-tables-", suffix=".db")
        os.close(handle)
        atexit.register(Path(name).unlink, missing_ok=True)
        await upgrade(f"sqlite:///{name}")
        _made.append(Path(name))
    _copy(_made[0], _file(url))


_made: list[Path] = []


def _file(url: str) -> Path:
    return Path(url.removeprefix("sqlite:///"))


def _is_new_file(url: str) -> bool:
    return url.startswith("sqlite:///") and not _file(url).exists()


def _copy(template: Path, file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(template, file)


@contextmanager
def a_server() -> Iterator[PostgresServer]:
    """A PostgreSQL server that runs, and is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="ngalam112-pg-") as folder:
        server = PostgresServer(Path(folder))
        try:
            server.start()
            yield server
        finally:
            server.stop()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """A running PostgreSQL server of this test session."""
    with a_server() as server:
        yield server


@pytest.fixture
def own_server() -> Iterator[PostgresServer]:
    """A PostgreSQL server of this test's own, which it may stop."""
    with a_server() as server:
        yield server


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


async def _template(server: PostgresServer) -> str:
    """The name of a database with this version's tables, which nobody uses."""
    if server not in _templates:
        name = server.create()
        await upgrade(server.url(name))
        _templates[server] = name
    return _templates[server]


_templates: WeakKeyDictionary[PostgresServer, str] = WeakKeyDictionary()


@pytest.fixture
async def database(request: pytest.FixtureRequest, database_url: str) -> AsyncIterator[Database]:
    """An open database with this version's tables, once of each kind."""
    if database_url.startswith("sqlite"):
        await with_tables(database_url)
    else:
        server: PostgresServer = request.getfixturevalue("postgres_server")
        name = make_url(database_url).database
        assert name is not None
        server.drop(name)  # it is empty, and only a new one can be a copy
        server.sql(f"CREATE DATABASE {name} TEMPLATE {await _template(server)}")
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
