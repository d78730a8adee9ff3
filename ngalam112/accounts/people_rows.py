"""People and tokens as they are kept: reads and changes them.

Used by the API while the engine lives, and by the command line while it does not. Whoever changes
some is told of all, so that the engine knows what the database has.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import msgspec
from sqlalchemy import delete, select, text, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession

from models.database import Database
from models.rows import moment, plain
from models.tables import PersonRow, TokenRow
from models.writing import upsert
from ngalam112.accounts.admin import transaction
from ngalam112.accounts.known_people import Kept
from ngalam112.accounts.people import (
    Person,
    PersonChange,
    Role,
    Token,
    changed_person,
    is_forgotten,
    new_person,
    new_token,
    revoked,
)
from ngalam112.accounts.pins import LEAST_DIGITS


async def load_people(database: Database) -> Kept:
    """Read all people and tokens, by their ids. Raises a DatabaseError."""
    try:
        async with database.session() as session:
            return await _all(session)
    except (OSError, SQLAlchemyError) as error:
        raise database.unreachable(error) from None


async def add_person(
    database: Database, id: str, name: str, role: Role, now: float, agency: str | None = None
) -> Kept:
    """Add a person and return all. Raises WrongPerson, PersonThere or a DatabaseError."""
    async with _changing(database) as (session, kept):
        person = new_person(kept.by_id(), id, name, role, now, agency)
        return await _keep(session, kept, person=person)


async def change_person(
    database: Database, id: str, change: PersonChange, now: float, pin_digits: int = LEAST_DIGITS
) -> Kept:
    """Change a person and return all. Raises NoSuchPerson, WrongPerson or a DatabaseError."""
    async with _changing(database) as (session, kept):
        return await _keep(
            session, kept, person=changed_person(kept.by_id(), id, change, now, pin_digits)
        )


async def add_token(
    database: Database, person: str, days: int, note: str, now: float
) -> tuple[Kept, Token, str]:
    """Make a token; return all, the token and its secret. Those long ended are removed.

    Raises NoSuchPerson, WrongPerson or a DatabaseError.
    """
    async with _changing(database) as (session, kept):
        gone = [one.id for one in kept.tokens if is_forgotten(one, now)]
        await session.execute(delete(TokenRow).where(TokenRow.id.in_(gone)))
        left = [one for one in kept.tokens if one.id not in gone]
        kept = msgspec.structs.replace(kept, tokens=left)
        there = {one.id: one for one in left}
        token, secret = new_token(kept.by_id(), there, person, days, note, now)
        return await _keep(session, kept, token=token), token, secret


async def revoke_token(database: Database, id: str, now: float) -> Kept:
    """Revoke a token and return all. Raises NoSuchPerson or a DatabaseError."""
    async with _changing(database) as (session, kept):
        token = revoked({one.id: one for one in kept.tokens}, id, now)
        return await _keep(session, kept, token=token)


async def note_use(database: Database, id: str, at: float) -> None:
    """Note when a token was used; nothing else of it is touched. Raises a DatabaseError."""
    async with transaction(database) as session:
        row = update(TokenRow).where(TokenRow.id == id)
        await session.execute(row.values(used_at=moment(at)))


@asynccontextmanager
async def _changing(database: Database) -> AsyncIterator[tuple[AsyncSession, Kept]]:
    """All there are, while nobody else changes any."""
    async with transaction(database) as session:
        if session.sync_session.get_bind().dialect.name == "postgresql":
            await session.execute(text("LOCK TABLE people IN SHARE ROW EXCLUSIVE MODE"))
        yield session, await _all(session)


async def _keep(
    session: AsyncSession,
    kept: Kept,
    *,
    person: Person | None = None,
    token: Token | None = None,
) -> Kept:
    people, tokens = list(kept.people), list(kept.tokens)
    if person is not None:
        await upsert(session, PersonRow, [msgspec.structs.asdict(person)])
        people = [*(one for one in people if one.id != person.id), person]
    if token is not None:
        await upsert(session, TokenRow, [msgspec.structs.asdict(token)])
        tokens = [*(one for one in tokens if one.id != token.id), token]
    return Kept(people=people, tokens=tokens)


async def _all(session: AsyncSession) -> Kept:
    return Kept(
        people=[msgspec.convert(row, Person) for row in await _rows(session, PersonRow)],
        tokens=[msgspec.convert(row, Token) for row in await _rows(session, TokenRow)],
    )


async def _rows(
    session: AsyncSession, model: type[PersonRow] | type[TokenRow]
) -> Sequence[dict[str, Any]]:
    table = model.__table__
    found = (await session.execute(select(table).order_by(table.columns.id))).mappings()
    return [plain(dict(row)) for row in found]
