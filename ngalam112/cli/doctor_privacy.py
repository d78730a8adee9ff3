"""The doctor's look at what the line owes citizens: requests and notices of breaches."""

from __future__ import annotations

from datetime import UTC, datetime

from models.database import Database, DatabaseError
from ngalam112.cli.doctor_links import Check, ok, warning
from ngalam112.config.settings import Settings
from reports.privacy_breaches import due_breaches
from reports.privacy_requests import due_requests

_WHAT, _BREACHES = "requests of citizens", "breaches of data"


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
                breaches, untold = await due_breaches(session, datetime.now(UTC))
    except DatabaseError:
        return [unknown]  # said where the database is looked at
    return [_requests(opened, late), _breaches(breaches, untold)]


def _requests(opened: int, late: int) -> Check:
    if late:
        said = f"{late} of {opened} that are open should have been answered by now"
        return warning(_WHAT, said, "ngalam112 privacy list --overdue")
    return ok(_WHAT, f"{opened} open, none overdue" if opened else "none is open")


def _breaches(opened: int, late: int) -> Check:
    if late:
        said = f"of {late} somebody should have been told by now"
        return warning(_BREACHES, said, "ngalam112 privacy breach list --overdue")
    return ok(_BREACHES, f"{opened} open, none overdue" if opened else "none is open")
