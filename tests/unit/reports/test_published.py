"""Published incidents, and those that are due, are chosen by the database; on both kinds."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncSession

from incidents.agreed_times import DueFor
from incidents.incident import Incident, Publication
from incidents.states import IncidentClass
from models.database import Database, upgrade
from models.tables import IncidentRow
from models.writing import upsert
from reports import complaints, published
from reports.published import OfServices

pytest_plugins = ("databases",)

NOON = datetime(2026, 11, 30, 12, tzinfo=UTC)


@pytest.fixture
async def session(database_url: str) -> AsyncIterator[AsyncSession]:
    await upgrade(database_url)
    async with Database(database_url) as database, database.session() as found:
        yield found


async def keep(session: AsyncSession, *incidents: Incident) -> None:
    await upsert(session, IncidentRow, [one.row() for one in incidents])
    await session.commit()


def public(number: int, category: str | None, what: IncidentClass) -> Incident:
    return Incident(
        id=f"i{number}",
        number=f"2026-{number:06d}",
        category=category,
        incident_class=what,
        opened_at=NOON.timestamp() + number,
        published_at=NOON.timestamp(),
        publication=Publication(description="Umum"),
    )


async def test_services_and_pages_are_the_database_s_choice(session: AsyncSession) -> None:
    complaint, question = IncidentClass.COMPLAINT, IncidentClass.INFORMATION
    await keep(
        session,
        public(1, "noise", complaint),
        public(2, "fire", complaint),
        public(3, None, complaint),
        public(4, "information", question),
        public(5, "noise", complaint),
        *(public(at, "information", question) for at in range(100, 103)),
    )
    known = ["noise", "information"]

    async def found(skip: int = 0, limit: int = 10, **asked: list[Any]) -> list[str]:
        services = OfServices(known=known, **asked)
        rows = await published.published(session, services=services, skip=skip, limit=limit)
        return [one.incident.id for one in rows]

    assert await found(categories=["noise"], classes=[]) == ["i5", "i1"]
    assert await found(categories=[], classes=[complaint]) == ["i3", "i2"]
    assert await found(categories=["noise"], classes=[complaint], limit=2) == ["i5", "i3"]
    assert await found(2, 2, categories=["noise"], classes=[complaint]) == ["i2", "i1"]
    assert await found(published.MOST, 10, categories=["noise"], classes=[]) == []


async def test_those_behind_a_whole_page_of_one_moment_are_reached(session: AsyncSession) -> None:
    many = [
        Incident(id=f"i{at}", due_at=NOON.timestamp(), due_for=DueFor.CLOSE.value)
        for at in range(7)
    ]
    await keep(session, *many)
    after, seen = None, list[str]()
    for _ in range(4):
        page = await complaints.to_close(session, NOON, after, 2)
        seen += [one for _, one in page]
        after = page[-1] if page else after
    assert seen == sorted(one.id for one in many)
