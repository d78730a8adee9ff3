"""Which tables a database has, and the way to those of this version: alembic, driven from code.

Alembic is loaded where tables are to be changed, and not before: it takes as long to load as half
of SQLAlchemy, and nearly every program finds its tables as they should be. A revision is the number
with which its file's name begins (`alembic.ini`), and they follow each other.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import inspect, text
from sqlalchemy.engine import Connection

if TYPE_CHECKING:
    from alembic.config import Config

_MIGRATIONS = Path(__file__).resolve().parent.parent / "migrations"


SEARCH = "incident_words"
"""How the names of SQLite's tables for the search by words begin. They are no models: triggers that
the migration makes keep them, and only `reports.words` reads them."""


class UpgradeFailed(Exception):
    """Alembic could not run the migrations; the message is its own."""


@cache
def _revisions() -> tuple[str, ...]:
    files = (_MIGRATIONS / "versions").glob("[0-9]*_*.py")
    return tuple(sorted(file.name.partition("_")[0] for file in files))


def head() -> str:
    """Return the revision that this version works with."""
    return _revisions()[-1]


def knows(revision: str) -> bool:
    """Whether this version has the migration that leads to the revision."""
    return revision in _revisions()


def revision(connection: Connection) -> str | None:
    """Return the revision of the tables that are there; None where there are none."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    found: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
    return found


def upgrade(connection: Connection, to: str = "head") -> None:
    """Run the migrations up to `to`, inside the connection's transaction; raises UpgradeFailed."""
    from alembic import command
    from alembic.util import CommandError

    try:
        command.upgrade(_config(connection), to)
    except CommandError as error:
        raise UpgradeFailed(str(error)) from None


def downgrade(connection: Connection, to: str = "base") -> None:
    """Undo the migrations down to `to`; what the dropped tables held is gone."""
    from alembic import command

    command.downgrade(_config(connection), to)


def _config(connection: Connection) -> Config:
    from alembic.config import Config

    config = Config(_MIGRATIONS / "alembic.ini")
    config.attributes["connection"] = connection
    return config
