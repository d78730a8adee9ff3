"""Finds incidents by words of their texts, with what each database has built in for it.

SQLite has an FTS5 table, PostgreSQL a GIN index (migration 0011); both have the words as
`incidents.words` of them, so both find the same. What many have is not taken from the index, which
knows no order of time: the newest that have it are found at once by walking back.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, text
from sqlalchemy.ext.asyncio import AsyncSession

from incidents.words import asked_words
from models.tables import WORDS, IncidentRow

RARE = 2500
"""Of so many incidents the index is used. That is one of forty after some years: walking back over
them finds a hundred of what more have at once, unless all of it was long ago."""

_OF_SQLITE = text(
    "SELECT incident_words_keys.incident_id FROM incident_words"
    " CROSS JOIN incident_words_keys ON incident_words_keys.key = incident_words.rowid"
    " WHERE incident_words MATCH :asked LIMIT :most"
)
_OF_POSTGRESQL = text(
    f"SELECT id FROM incidents WHERE {WORDS} @@ CAST(CAST(:asked AS text) AS tsquery) LIMIT :most"  # noqa: S608
)


async def has_words(session: AsyncSession, asked: str) -> list[ColumnElement[bool]] | None:
    """Return the conditions for an incident to have a word for each asked one, which it begins.

    A text of any kind and length can be asked. None: no incident has them, as when what is asked
    has no words in it. What is blank is in all of them.
    """
    words = asked_words(asked)
    if not words:
        return None if asked.strip() else []
    some = await _some_with(session, words)
    if not some:
        return None
    if len(some) <= RARE:
        return [IncidentRow.id.in_(some)]
    # words are letters and digits, so none is a pattern
    return [IncidentRow.words.like(f"% {word}%") for word in words]


async def _some_with(session: AsyncSession, words: Sequence[str]) -> Sequence[Any]:
    """Return the ids of incidents that have the words, and of one more than RARE at most."""
    if session.get_bind().dialect.name == "sqlite":
        query, asked = _OF_SQLITE, " ".join(f'"{word}"*' for word in words)
    else:
        query, asked = _OF_POSTGRESQL, " & ".join(f"'{word}':*" for word in words)
        # until the transaction ends: else what seems to be in every tenth is looked for in the
        # table, and read to its end where it is in none
        await session.execute(text("SET LOCAL enable_seqscan = off"))
    return (await session.scalars(query, {"asked": asked, "most": RARE + 1})).all()
