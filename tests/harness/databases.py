"""A pytest plugin: both databases for real, each test with an empty one of its own.

PostgreSQL is started once a session, in a temporary folder and on a socket there; nothing is
skipped where it cannot be started. Use it by `pytest_plugins = ("databases",)`.
"""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest
from sqlalchemy import make_url

from lab.chaos.postgres import PostgresServer
from models.database import Database, upgrade

Outage = Callable[[], AbstractContextManager[None]]


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
