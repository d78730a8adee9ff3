"""Opens the database, SQLite or PostgreSQL by its URL, and says in one sentence why it cannot."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sqlite3
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

import msgspec
from sqlalchemy import URL, event, make_url, text
from sqlalchemy.engine import Connection
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError
from sqlalchemy.ext.asyncio import (
    AsyncEngine,
    AsyncSession,
    async_sessionmaker,
    create_async_engine,
)
from sqlalchemy.pool import ConnectionPoolEntry

from models import schema

_DRIVERS = {
    "sqlite": "sqlite+aiosqlite",
    "sqlite+aiosqlite": "sqlite+aiosqlite",
    "postgres": "postgresql+asyncpg",
    "postgresql": "postgresql+asyncpg",
    "postgresql+asyncpg": "postgresql+asyncpg",
}
_FORMS = "sqlite:///FILE or postgresql://USER:PASSWORD@HOST:PORT/NAME"
_CONNECT_S = 5.0
_COMMAND_S = 30.0
_READ_S = 120.0  # ... of who reads a year for a report
_AGAIN_S = 0.01  # between tries where SQLite does not wait by itself
_BUSY_MS = 5000  # how long a write to SQLite waits for that of another process
_UPGRADE_LOCK = 112  # PostgreSQL's advisory lock, so that two upgrades at once do no harm


class DatabaseError(Exception):
    """The database cannot be used. Kinds: WrongUrl, Unreachable, SchemaError."""


class WrongUrl(DatabaseError):
    """The URL names no database that we can talk to."""


class Unreachable(DatabaseError):
    """The database does not answer, or does not let us in."""


class SchemaError(DatabaseError):
    """The tables are not those that this version works with."""


def driver_url(url: str) -> URL:
    """Return the URL with the asynchronous driver in it; WrongUrl shows no password."""
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        raise WrongUrl(f"The database URL cannot be understood; give {_FORMS}.") from None
    driver = _DRIVERS.get(parsed.drivername)
    if driver is None:
        raise WrongUrl(
            f"No database of the kind {parsed.drivername!r} is supported; give {_FORMS}."
        )
    if "sslmode" in parsed.query:  # libpq's name for what asyncpg calls ssl
        mode = parsed.query["sslmode"]
        parsed = parsed.difference_update_query(["sslmode"]).update_query_dict({"ssl": mode})
    return parsed.set(drivername=driver)


_READ_ONLY = {"default_transaction_read_only": "on"}
# all questions of a transaction see one state of the line, as they do in SQLite
_ONE_STATE = {"isolation_level": "REPEATABLE READ"}


def _read_only(url: URL) -> URL:
    """Return the URL by which SQLite opens the file for reading, and never makes one."""
    if not url.database or url.database == ":memory:":
        return url
    query = {**url.query, "mode": "ro", "uri": "true"}
    return url.set(database=f"file:{quote(url.database)}", query=query)


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()


def _engine(url: URL, read_only: bool) -> AsyncEngine:
    try:
        if url.get_backend_name() == "sqlite":
            engine = create_async_engine(
                _read_only(url) if read_only else url,
                json_serializer=_json,
                json_deserializer=msgspec.json.decode,
            )
            on_connect = _on_sqlite_connect_to_read if read_only else _on_sqlite_connect
            event.listen(engine.sync_engine, "connect", on_connect)
            event.listen(engine.sync_engine, "begin", _on_sqlite_begin)
            event.listen(engine.sync_engine, "invalidate", _on_sqlite_invalidate)
            return engine
        limits: dict[str, Any] = {"timeout": _CONNECT_S, "command_timeout": _COMMAND_S}
        if read_only:
            limits["command_timeout"] = _READ_S
            limits["server_settings"] = _READ_ONLY
        return create_async_engine(
            url,
            json_serializer=_json,
            json_deserializer=msgspec.json.decode,
            pool_pre_ping=True,
            connect_args=limits,
            **(_ONE_STATE if read_only else {}),
        )
    except (ArgumentError, TypeError, ValueError) as error:
        raise WrongUrl(f"The database URL cannot be used ({error}); give {_FORMS}.") from None


def _on_sqlite_connect_to_read(connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout={_BUSY_MS}")
    cursor.close()


def _on_sqlite_connect(connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
    # Python's own BEGIN leaves out SELECT and CREATE TABLE; we send it, for every transaction
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout={_BUSY_MS}")
    _to_wal(connection, cursor)
    for pragma in (
        # what is written is dropped from the local journal: a power cut must not undo it
        "synchronous=FULL",
        "foreign_keys=ON",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _to_wal(connection: Any, cursor: Any) -> None:
    """Change the file to WAL, of which only the first of several programs has work.

    For this change SQLite does not wait as `busy_timeout` says: where another program makes it at
    this moment, it is refused at once.
    """
    until = time.monotonic() + _BUSY_MS / 1000
    while True:
        try:
            cursor.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                raise
            connection.run_async(lambda _: asyncio.sleep(_AGAIN_S))


def _on_sqlite_begin(connection: Connection) -> None:
    connection.exec_driver_sql(connection.get_execution_options().get("sqlite_begin", "BEGIN"))


def _on_sqlite_invalidate(connection: DBAPIConnection, *_: object) -> None:
    # a write that was cut off: closing alone would leave the file locked while a cursor lives
    with contextlib.suppress(sqlite3.Error, SQLAlchemyError):
        connection.rollback()


class Database:
    """One database for the life of a program: `async with Database(url) as database`.

    Entering checks that it answers (raises Unreachable or WrongUrl), leaving closes everything.
    `read_only`: nothing can be written, and one transaction sees one state of the line.
    """

    def __init__(self, url: str, *, read_only: bool = False) -> None:
        self._url, self._read_only = driver_url(url), read_only
        self.engine = _engine(self._url, read_only)
        self._sessions = async_sessionmaker(self.engine, expire_on_commit=False)

    @property
    def name(self) -> str:
        """The URL as it may be shown: without the driver and with *** for the password."""
        plain = self._url.set(drivername=self._url.get_backend_name())
        return plain.render_as_string(hide_password=True)

    @property
    def file(self) -> Path | None:
        """SQLite's file; None for PostgreSQL or a database in memory."""
        path = self._url.database
        if self._url.get_backend_name() != "sqlite" or not path or path == ":memory:":
            return None
        return Path(path)

    def session(self) -> AsyncSession:
        """Return a session: `async with database.session() as session`. Commit is up to you."""
        return self._sessions()

    async def __aenter__(self) -> Self:
        try:
            await self.check_connection()
        except BaseException:
            await self.engine.dispose()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.engine.dispose()

    async def check_connection(self) -> None:
        """Raise Unreachable or WrongUrl if the database does not answer."""
        self._check_file()
        try:
            async with self.engine.connect() as connection:
                await connection.execute(text("SELECT 1"))
        except TypeError as error:  # an option in the URL that the driver does not know
            raise WrongUrl(f"The database URL {self.name} cannot be used: {error}.") from None
        except (OSError, SQLAlchemyError) as error:
            raise self.unreachable(error) from None

    def _check_file(self) -> None:
        """Raise Unreachable where SQLite has nothing to open.

        aiosqlite would say so too, and now and then print that its thread has failed: the thread
        of a connection that could not be opened ends after the event loop
        (`aiosqlite.core._connection_worker_thread`).
        """
        path = self._url.database or ""
        if self.file is None or path.startswith("file:"):  # a URI is SQLite's to read
            return
        # os.path says no, and raises nothing, of what may not be looked into
        is_there = os.path.isfile(path) if self._read_only else os.path.isdir(self.file.parent)  # noqa: PTH112, PTH113
        if not is_there:
            raise self.unreachable(OSError("unable to open database file"))

    def unreachable(self, error: Exception) -> Unreachable:
        """Return what to raise when the driver failed with `error`."""
        advice = (
            "check the file, its folder and who may write there"
            if self.file
            else "check that the server runs, and the user, password and name in the URL"
        )
        return Unreachable(f"The database {self.name} cannot be used ({why(error)}); {advice}.")

    async def check_schema(self) -> None:
        """Raise SchemaError if the tables are missing, older or newer than this version's."""
        try:
            async with self.engine.connect() as connection:
                found = await connection.run_sync(schema.revision)
        except (OSError, SQLAlchemyError) as error:
            raise self.unreachable(error) from None
        if found == schema.head():
            return
        if found is None or schema.knows(found):
            state = "has no tables yet" if found is None else "has tables of an older version"
            raise SchemaError(f"The database {self.name} {state}; run `ngalam112 db upgrade`.")
        raise self._too_new(found)

    def _too_new(self, found: str) -> SchemaError:
        return SchemaError(
            f"The database {self.name} is at version {found}, which this program does not know;"
            " run the program that made it, or a newer one."
        )

    async def upgrade(self) -> None:
        """Bring the tables to this version's; nothing happens where they are there already."""
        try:
            async with self.engine.connect() as connection:
                await connection.execution_options(sqlite_begin="BEGIN IMMEDIATE")
                async with connection.begin():
                    if connection.dialect.name == "postgresql":
                        await connection.execute(
                            text(f"SELECT pg_advisory_xact_lock({_UPGRADE_LOCK})")
                        )
                    found = await connection.run_sync(schema.revision)
                    if found == schema.head():
                        return
                    if found is not None and not schema.knows(found):
                        raise self._too_new(found)
                    await connection.run_sync(schema.upgrade)
        except (OSError, SQLAlchemyError) as error:
            raise self.unreachable(error) from None
        except schema.UpgradeFailed as error:
            raise SchemaError(f"The database {self.name} cannot be upgraded: {error}.") from None


async def upgrade(url: str) -> None:
    """Make the database at `url` ready: the folder of SQLite's file, then the tables.

    Raises a DatabaseError. A program without a running loop calls `asyncio.run(upgrade(url))`.
    """
    database = Database(url)
    if database.file is not None:
        try:
            database.file.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise database.unreachable(error) from None
    async with database:
        await database.upgrade()


def why(error: BaseException) -> str:
    """Return the driver's own words about an error, on one line, without statement and row.

    PostgreSQL tells the row in the DETAIL of its message, with a PIN's hash or who called.
    """
    cause: Any = error.orig if isinstance(error, DBAPIError) and error.orig else error
    cause = cause.__cause__ or cause
    if isinstance(cause, TimeoutError):
        return "it does not answer in time"
    told = str(cause).partition("\nDETAIL:")[0]
    return " ".join(told.split()) or type(cause).__name__
