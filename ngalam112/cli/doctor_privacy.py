"""The doctor's look at what the line owes citizens: requests that are due."""

from __future__ import annotations

from datetime import UTC, datetime

from models.database import Database, DatabaseError
from ngalam112.cli.doctor_links import Check, ok, warning
from ngalam112.config.settings import Settings
from reports.privacy_requests import due_requests

_WHAT = "requests of citizens"


async def check_privacy(settings: Settings) -> list[Check]:
    """Say how many requests are open, and whether any is overdue."""
    unknown = Check(what=_WHAT, state="unknown", found="only the database knows")
    try:
        database = Database(settings.url)
        if database.file is not None and not database.file.exists():
            return [unknown]
        async with database:
            await database.check_schema()
            async with database.session() as session:
                opened, late = await due_requests(session, datetime.now(UTC))
    except DatabaseError:
        return [unknown]  # said where the database is looked at
    if late:
        said = f"{late} of {opened} that are open should have been answered by now"
        return [warning(_WHAT, said, "ngalam112 privacy list --overdue")]
    return [ok(_WHAT, f"{opened} open, none overdue" if opened else "none is open")]
