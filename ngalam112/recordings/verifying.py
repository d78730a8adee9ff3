"""Checks the chain of recordings and their files: what disagrees, one sentence each."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from pathlib import Path

from sqlalchemy.ext.asyncio import AsyncSession

from models.recording_tables import KEPT
from ngalam112.recordings.chain import BEGIN, link
from reports.recordings import Recorded, chained


class Verifying:
    """One check of all of them. `rows`, `files`: how many were checked; `last`: the last link.

    `known`: a link that somebody has noted, which must be in the chain; None: there is none.
    """

    def __init__(self, folder: Path, known: str | None = None) -> None:
        self._folder, self._known = folder, known
        self.rows = self.files = 0
        self.last = BEGIN

    async def problems(self, session: AsyncSession) -> AsyncIterator[str]:
        """Check them in order; a row that was changed, added or taken away is named once."""
        is_there = self._known is None
        async for row in chained(session):
            if row.id != self.rows + 1:
                yield f"recording {self.rows + 1}: its row is missing"
                self.rows = row.id - 1
            elif row.chain != link(self.last, row.sha256, row.asterisk_id):
                yield f"recording {row.id}: its row is not as it was written, or the one before"
            self.rows, self.last = row.id, row.chain
            is_there = is_there or row.chain == self._known
            if row.state == KEPT and (wrong := await asyncio.to_thread(self._wrong, row)):
                yield f"recording {row.id}: {wrong}"
        if not is_there:
            yield f"the link {str(self._known)[:64]} is not in the chain"

    def _wrong(self, row: Recorded) -> str | None:
        self.files += 1
        path = self._folder / row.path
        try:
            with path.open("rb") as file:
                found = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            return f"its file {path} cannot be read ({error.strerror})"
        return None if found == row.sha256 else f"its file {path} is not as it was filed"
