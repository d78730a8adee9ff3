"""Takes down what citizens ask for, and each step of it; steps are only ever added."""

from __future__ import annotations

from typing import Any

import msgspec
from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from models.database import Database
from models.rows import fit, plain
from models.tables import PrivacyEntryRow, PrivacyRequestRow
from ngalam112.personal_data.writing import writing
from privacy.errors import ChangedMeanwhile, NotKnown
from privacy.requests import (
    ABOUT,
    DUE_S,
    Request,
    RequestKind,
    RequestState,
    check_move,
)

_REQUEST = PrivacyRequestRow.__table__


async def take_down(
    database: Database,
    kind: RequestKind,
    *,
    caller: str,
    number: str,
    verified: str,
    by: str,
    now: float,
    text: str = "",
) -> Request:
    """Take a request down, with its deadline; `text`: what was said. Raises a DatabaseError."""
    values: dict[str, Any] = {
        "kind": kind.value,
        "caller": caller,
        "number": number,
        "state": RequestState.RECEIVED.value,
        "received_at": now,
        "due_at": now + DUE_S,
        "taken_by": by,
        "verified": verified,
        "closed_at": None,
        "entries": 1,
    }
    async with writing(database) as connection:
        made = insert(PrivacyRequestRow).values(fit(PrivacyRequestRow, values)).returning(_REQUEST)
        request = _of((await connection.execute(made)).mappings().one())
        await add_step(connection, ABOUT, request.id, 1, now, request.state, by, text)
    return request


async def move(
    database: Database, request_id: int, state: RequestState, by: str, now: float, text: str = ""
) -> Request:
    """Bring a request to another state. Raises NotKnown, NotLegal or a DatabaseError."""
    async with writing(database) as connection:
        request = await _read(connection, request_id)
        check_move(request, state, text)
        over = now if state.is_over else None
        return await _step(connection, request, now, state, by, text, state=state, closed_at=over)


async def note(
    database: Database, request_id: int, kind: str, by: str, now: float, text: str
) -> Request:
    """Add a step to a request that stays in its state, as an export. Raises as `move`."""
    async with writing(database) as connection:
        request = await _read(connection, request_id)
        return await _step(connection, request, now, kind, by, text)


async def add_step(
    connection: AsyncConnection,
    about: str,
    about_id: int,
    seq: int,
    now: float,
    kind: str,
    by: str,
    text: str,
) -> None:
    """Add one step to what has happened to a request or a breach."""
    step = {"about": about, "about_id": about_id, "seq": seq, "at": now}
    step |= {"kind": str(kind), "by": by, "text": text}
    await connection.execute(insert(PrivacyEntryRow).values(fit(PrivacyEntryRow, step)))


async def _read(connection: AsyncConnection, request_id: int) -> Request:
    query = select(_REQUEST).where(_REQUEST.c.id == request_id).with_for_update()
    row = (await connection.execute(query)).mappings().first()
    if row is None:
        raise NotKnown(f"There is no request {request_id}; see `ngalam112 privacy list`.")
    return _of(row)


async def _step(
    connection: AsyncConnection,
    request: Request,
    now: float,
    kind: str,
    by: str,
    text: str,
    **changes: Any,
) -> Request:
    seq = request.entries + 1
    values = fit(PrivacyRequestRow, {"entries": seq, **changes})
    there = (_REQUEST.c.id == request.id, _REQUEST.c.entries == request.entries)
    done = await connection.execute(update(PrivacyRequestRow).where(*there).values(values))
    if done.rowcount != 1:
        raise ChangedMeanwhile(f"Request {request.id} was changed meanwhile; look at it again.")
    await add_step(connection, ABOUT, request.id, seq, now, kind, by, text)
    return msgspec.structs.replace(request, entries=seq, **changes)


def _of(row: Any) -> Request:
    return msgspec.convert(plain(dict(row)), Request)
