"""Agencies as they are kept: fills the table once, reads it, changes it.

Used by the API while the engine lives, and by the command line while it does not.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sqlalchemy import select, text, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession

from acd.agencies.agency import Agency, Change, agency_of, by_id
from acd.agencies.changes import changed
from acd.agencies.first import Sources, first_agencies, shipped
from models.database import Database
from models.rows import plain
from models.tables import AgencyRow, OperatorRow, PhoneRow
from models.writing import upsert
from ngalam112.accounts.admin import transaction


async def load_agencies(database: Database) -> list[Agency]:
    """Read all agencies, retired ones too, in the order of their ids. Raises a DatabaseError."""
    try:
        async with database.session() as session:
            return await _rows(session)
    except (OSError, SQLAlchemyError) as error:
        raise database.unreachable(error) from None


async def filled_agencies(
    database: Database,
    sources: Sources,
    now: float,
    made: Callable[[list[Agency]], object] = lambda agencies: None,
) -> list[Agency]:
    """Read all agencies; a table that has none is filled, and `made` is told with what.

    Raises a DatabaseError.
    """
    found = await load_agencies(database)
    if found:
        return found
    async with transaction(database) as session:
        await _alone(session)
        found = await _rows(session)
        if not found:
            made(found := await _fill(session, sources, now))
        return found


async def change_agencies(
    database: Database, sources: Sources, changes: Sequence[Change], now: float
) -> list[Agency]:
    """Make all changes or none; return all agencies as they are then.

    Raises AgencyError, NoSuchAgency, or a DatabaseError.
    """
    async with transaction(database) as session:
        await _alone(session)
        there = by_id(await _rows(session) or await _fill(session, sources, now))
        terms = sources.terms.with_taken(await _dialled(session))
        fresh = changed(there, changes, terms, now)
        for one in fresh:
            # two that change numbers with each other: neither may have its new one before
            if one.id in there and there[one.id].number != one.number:
                by_itself = update(AgencyRow).where(AgencyRow.id == one.id)
                await session.execute(by_itself.values(number=f"~{one.id}"))
        await upsert(session, AgencyRow, [one.row() for one in fresh])
        after = there | by_id(fresh)
    return [after[id] for id in sorted(after)]


async def _alone(session: AsyncSession) -> None:
    """Let nobody else change agencies until the transaction ends; with SQLite nobody can."""
    if session.sync_session.get_bind().dialect.name == "postgresql":
        await session.execute(text("LOCK TABLE agencies IN SHARE ROW EXCLUSIVE MODE"))


async def _fill(session: AsyncSession, sources: Sources, now: float) -> list[Agency]:
    made = first_agencies(sources.with_taken(await _dialled(session)), shipped(), now)
    await upsert(session, AgencyRow, [one.row() for one in made])
    return sorted(made, key=lambda one: one.id)


async def _rows(session: AsyncSession) -> list[Agency]:
    table = AgencyRow.__table__
    rows = (await session.execute(select(table).order_by(table.columns.id))).mappings()
    return sorted((agency_of(plain(dict(row))) for row in rows), key=lambda one: one.id)


async def _dialled(session: AsyncSession) -> dict[str, str]:
    """The numbers of operators and phones, each with what it is."""
    operators = await session.scalars(select(OperatorRow.id))
    phones = await session.scalars(select(PhoneRow.number))
    found = {one: f"that of operator {one}" for one in operators}
    return found | {one: f"that of phone {one}" for one in phones}
