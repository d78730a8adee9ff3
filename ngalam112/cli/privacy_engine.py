"""Has the engine let go of what is about to be erased; without one, sees that nothing waits."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

from ngalam112.cli.client import Client, EngineDown, EngineRefused
from ngalam112.config.settings import Settings
from privacy.errors import NotLegal

_AT_ONCE = 200


class NotWritten(NotLegal):
    """The journal has something that the database has not, and would bring back what is erased."""


async def let_go(settings: Settings, calls: Sequence[str], incidents: Sequence[str]) -> None:
    """Return once nobody can write back what is known of these. Raises NotWritten, ClientError.

    The database has all that was recorded by then; of none to let go, it is only that.
    """
    for first in range(0, max(len(calls), len(incidents), 1), _AT_ONCE):
        body = {
            "calls": list(calls[first : first + _AT_ONCE]),
            "incidents": list(incidents[first : first + _AT_ONCE]),
        }
        try:
            await asyncio.to_thread(Client(settings).post, "/api/privacy/let_go", body)
        except EngineDown:
            await asyncio.to_thread(check_nothing_waits, settings.journal)
            return


def check_nothing_waits(folder: Path) -> None:
    """Raise NotWritten where the journal of an engine that is down has entries that wait."""
    from journal.segments import JournalInUse
    from journal.write_ahead_log import WriteAheadLog
    from ngalam112.accounts.unwritten import check_owner

    if not folder.exists():
        return
    check_owner(folder)
    try:
        journal = WriteAheadLog(folder)
    except JournalInUse:
        raise NotWritten("An engine has started meanwhile; give the command once more.") from None
    try:
        waiting = journal.backlog
    finally:
        journal.close()
    if waiting:
        raise NotWritten(
            f"The journal has {waiting} entries that the database has not taken, and which may be"
            " of this person: start the line (ngalam112 up), then give the command once more."
        )


def remove_place(settings: Settings, number: str) -> None:
    """Take a number out of the city's list, of which the engine has a copy; it may be gone."""
    from ngalam112.accounts.places import NoSuchPlace
    from ngalam112.accounts.places import remove_place as remove_offline
    from ngalam112.cli.privacy_common import with_database

    try:
        Client(settings).delete(f"/api/places/{quote(number, safe='')}")
    except EngineRefused as error:
        if error.status != 404:
            raise
    except EngineDown:
        try:
            with_database(settings, lambda one: remove_offline(one, number, settings.country))
        except NoSuchPlace:
            return
