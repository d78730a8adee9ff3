"""Lets recordings go: their rows say so in the transaction, their files follow afterwards.

A power cut in between leaves nothing that is said to be gone and is there
(`ngalam112.recordings.removing`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncConnection

from models.recording_tables import GOING, KEPT, RecordingRow

_LONGEST_WHY = 64


async def let_go_of_calls(
    connection: AsyncConnection, asterisk_ids: Sequence[str], why: str
) -> None:
    """... those of calls, by their channels."""
    await let_recordings_go(connection, RecordingRow.asterisk_id.in_(asterisk_ids), why)


async def let_recordings_go(connection: AsyncConnection, which: Any, why: str) -> None:
    """... those for which a condition holds."""
    changes = {"state": GOING, "gone_because": why[:_LONGEST_WHY]}
    query = update(RecordingRow).where(which, RecordingRow.state == KEPT).values(changes)
    await connection.execute(query)
