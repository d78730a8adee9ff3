"""Whether the database is behind; and the times that supervisors ask for (`api.report_times`)."""

from __future__ import annotations

from ngalam112.api.report_times import last_shift as last_shift
from ngalam112.api.report_times import report_period as report_period
from ngalam112.cli.client import Client, ClientError, EngineDown
from ngalam112.cli.common import tell
from ngalam112.config.settings import Settings

_MOMENT = 500
"""So many entries wait for the database at any moment of a busy line."""


def entries_behind(settings: Settings) -> int:
    """Return how many entries of the journal the database lacks, and say if the engine is down.

    A line at work always has some that are on their way; those of a moment are not counted.
    """
    try:
        engine = Client(settings, timeout_s=5.0).get("/api/status")["engine"]
    except EngineDown:
        tell("engine is down: read from the database")
    except ClientError as error:
        tell(f"engine does not answer: read from the database ({error})")
    else:
        backlog = int(engine["backlog"])
        return backlog if engine["database_away_since"] or backlog > _MOMENT else 0
    from journal.unwritten import unwritten

    try:
        return unwritten(settings.journal)
    except OSError as error:
        tell(f"the journal cannot be read, so the report may lack some calls ({error.strerror})")
        return 0
