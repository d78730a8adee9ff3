"""Files a recording that has ended: the WAV in its place, then its row, then what grew goes.

Each step may be the last one before a power cut: the next time, all of it is done again or found
done. One process files at a time (a lock of `ngalam112.process.recordings_keeper`).
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from models.database import Database
from models.recording_tables import KEPT
from models.rows import fit, seconds
from models.tables import CallRow, RecordingRow
from ngalam112.personal_data.writing import writing
from ngalam112.recordings.audio import FRAME, RATE, Gap, Written, write_wav
from ngalam112.recordings.chain import BEGIN, link
from ngalam112.recordings.gaps import filled
from ngalam112.recordings.names import filed_name, gaps_file
from ngalam112.recordings.survey import Raw
from privacy.erasing import ERASED


class Filed(msgspec.Struct, frozen=True):
    """What was filed. `missing_s`: of the call, but not of what was written."""

    path: Path
    duration_s: float
    missing_s: float


class _Call(msgspec.Struct, frozen=True):
    id: str | None = None
    ended_at: float = 0.0
    is_erased: bool = False


async def file_recording(
    database: Database, folder: Path, raw: Raw, gaps: Sequence[Gap], now: float
) -> Filed | None:
    """File it below `folder`; None if it was filed before, or the call's caller is erased.

    Raises a DatabaseError or an OSError; the growing file is there then.
    """
    async with writing(database) as connection:
        known = await _is_known(connection, raw.source.asterisk_id)
        call = await _call_of(connection, raw.source.asterisk_id)
    filed: Filed | None = None
    path = folder / filed_name(raw.source)
    if not (known or call.is_erased):
        written, real = await asyncio.to_thread(_write, raw, gaps, path)
        async with writing(database) as connection:
            # to write may take long, and the caller may have been erased meanwhile
            call = await _call_of(connection, raw.source.asterisk_id)
            if not call.is_erased:
                filed = Filed(path, written.frames / RATE, _missing_s(raw, call, real))
                await _add_row(connection, raw, call, filed, written, now)
    if filed is None and not known:  # nor may what was written before a power cut stay
        await asyncio.to_thread(path.unlink, missing_ok=True)
    await asyncio.to_thread(_remove, raw.path)
    return filed


async def _is_known(connection: AsyncConnection, asterisk_id: str) -> bool:
    there = RecordingRow.asterisk_id == asterisk_id
    return (await connection.execute(select(RecordingRow.id).where(there))).first() is not None


async def _call_of(connection: AsyncConnection, asterisk_id: str) -> _Call:
    row = CallRow
    query = select(row.call_id, row.ended_at, row.caller_number).where(
        row.asterisk_id == asterisk_id, row.asterisk_id != ""
    )
    found = (await connection.execute(query)).first()
    if found is None:
        return _Call()
    ended_at = seconds(found.ended_at) if found.ended_at is not None else 0.0
    return _Call(found.call_id, ended_at, found.caller_number == ERASED)


def _write(raw: Raw, gaps: Sequence[Gap], path: Path) -> tuple[Written, int]:
    """Write the WAV; returns what was written, and how many of its frames were heard."""
    for folder in reversed(path.parents[:3]):
        folder.mkdir(exist_ok=True, mode=0o700)
    fresh = path.with_suffix(".part")
    try:
        with raw.path.open("rb") as source:
            real = os.fstat(source.fileno()).st_size // FRAME
            total_s = raw.written_at - raw.source.arrived_at
            with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as to:
                written = write_wav(source, real, filled(real, total_s, gaps), to)
                to.flush()
                os.fsync(to.fileno())
        fresh.replace(path)
    except BaseException:
        with suppress(OSError):
            fresh.unlink(missing_ok=True)
        raise
    for folder in path.parents[:3]:
        _sync(folder)
    return written, real


def _remove(path: Path) -> None:
    path.unlink(missing_ok=True)
    gaps_file(path).unlink(missing_ok=True)


def _sync(folder: Path) -> None:
    file = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(file)
    finally:
        os.close(file)


def _missing_s(raw: Raw, call: _Call, real: int) -> float:
    ended_at = max(raw.written_at, call.ended_at)
    return max(0.0, ended_at - raw.source.arrived_at - real / RATE)


async def _add_row(
    connection: AsyncConnection, raw: Raw, call: _Call, filed: Filed, written: Written, now: float
) -> None:
    last = select(RecordingRow.id, RecordingRow.chain).order_by(RecordingRow.id.desc()).limit(1)
    before: Any = (await connection.execute(last)).first()
    id, chain = (0, BEGIN) if before is None else before
    asterisk_id = raw.source.asterisk_id
    row = {
        "id": id + 1,
        "asterisk_id": asterisk_id,
        "call_id": call.id,
        "path": filed_name(raw.source),
        "arrived_at": raw.source.arrived_at,
        "ended_at": raw.written_at,
        "duration_ms": round(filed.duration_s * 1000),
        "missing_ms": round(filed.missing_s * 1000),
        "bytes": written.size,
        "sha256": written.sha256,
        "chain": link(chain, written.sha256, asterisk_id),
        "state": KEPT,
        "filed_at": now,
        "gone_because": "",
    }
    await connection.execute(insert(RecordingRow).values(fit(RecordingRow, row)))
