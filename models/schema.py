"""Which tables a database has, and the way to those of this version: alembic, driven from code."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy.engine import Connection

_SETTINGS = Path(__file__).resolve().parent.parent / "migrations" / "alembic.ini"


def _config(connection: Connection) -> Config:
    config = Config(_SETTINGS)
    config.attributes["connection"] = connection
    return config


@cache
def _scripts() -> ScriptDirectory:
    return ScriptDirectory.from_config(Config(_SETTINGS))


def head() -> str | None:
    """Return the revision that this version works with."""
    return _scripts().get_current_head()


def knows(revision: str) -> bool:
    """Whether this version has the migration that leads to the revision."""
    try:
        return _scripts().get_revision(revision) is not None
    except CommandError:
        return False


def revision(connection: Connection) -> str | None:
    """Return the revision of the tables that are there; None where there are none."""
    return MigrationContext.configure(connection).get_current_revision()


def upgrade(connection: Connection, to: str = "head") -> None:
    """Run the migrations up to `to`, inside the connection's transaction."""
    command.upgrade(_config(connection), to)


def downgrade(connection: Connection, to: str = "base") -> None:
    """Undo the migrations down to `to`; what the dropped tables held is gone."""
    command.downgrade(_config(connection), to)
