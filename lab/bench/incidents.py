"""Measure: what people ask of 100,000 incidents, on SQLite and on PostgreSQL, with a plan each.

Each database is fresh, with rows of five years drawn by the seed (`lab.bench.incident_rows`). A
question is timed as the API asks it: a session of its own, until the rows are values of ours.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from typing import Any

from incidents.categories_file import load_categories
from incidents.incident import Incident
from lab.bench.figures import percentile
from lab.bench.incident_questions import QUESTIONS, Ask, Known, known
from lab.bench.incident_rows import NUISANCE_CALLER, City
from lab.bench.query_plans import questions, reads
from lab.bench.stage import Figures, Say, Stage
from lab.chaos.postgres import PostgresFailed, PostgresServer
from models.database import Database, upgrade
from models.writing import upsert
from ngalam112.config.settings import PROJECT
from places.districts import load_districts

COUNT = 100_000
NOW = 1_796_000_000.0  # in November 2026
ROUNDS, QUICK_ROUNDS = 50, 20


async def measure(stage: Stage) -> Figures:
    """Ask every question of both databases; of SQLite alone where PostgreSQL does not start."""
    folder = stage.ground.folder / "incidents"
    folder.mkdir(parents=True)
    rounds = QUICK_ROUNDS if stage.quick else ROUNDS
    found: Figures = {}
    async with _opened(f"sqlite:///{folder / 'incidents.db'}") as database:
        found["sqlite"] = await _measured(database, stage.seed, rounds, stage.say)
    server = PostgresServer(Path(folder))
    try:
        server.start()
    except (PostgresFailed, OSError, subprocess.SubprocessError) as error:
        stage.say(f"incidents: PostgreSQL is not measured, for it does not start ({error})")
        return {"incidents": found}
    try:
        async with _opened(server.url(server.create())) as database:
            found["postgresql"] = await _measured(database, stage.seed, rounds, stage.say)
    finally:
        server.stop()
    return {"incidents": found}


@asynccontextmanager
async def _opened(url: str) -> AsyncIterator[Database]:
    await upgrade(url)
    async with Database(url) as database:
        yield database


async def fill(database: Database, seed: int, count: int) -> None:
    """Write the rows of so many incidents, and let the database count what it has."""
    city = City(
        seed, count, NOW, load_categories(), load_districts(PROJECT / "places" / "malang.geojson")
    )
    for rows in city.batches():
        async with database.engine.begin() as connection:
            for model, some in rows.items():
                await upsert(connection, model, some)
    if database.engine.dialect.name == "postgresql":  # which it does by itself, some time later
        async with database.engine.begin() as connection:
            await connection.exec_driver_sql("ANALYZE")


async def _measured(database: Database, seed: int, rounds: int, say: Say) -> Figures:
    name = database.engine.dialect.name
    say(f"incidents: filling {name} with {COUNT:,}")
    started = time.monotonic()
    await fill(database, seed, COUNT)
    filled_s = time.monotonic() - started
    say(f"incidents: {name} is filled in {filled_s:.0f} s; {len(QUESTIONS)} questions")
    lot = Random(f"questions {seed}")  # noqa: S311 - a play, and no secret
    async with database.session() as session:
        of = await known(session, lot, NUISANCE_CALLER)
    asked = {what: await _timed(database, ask, of, lot, rounds) for what, ask in QUESTIONS.items()}
    return {"count": COUNT, "fill_s": round(filled_s, 1), "questions": asked}


async def _timed(database: Database, ask: Ask, of: Known, lot: Random, rounds: int) -> Figures:
    took, rows, seen = [], [], list[Any]()
    for turn in range(rounds + 1):
        with questions(database) as asked:
            started = time.perf_counter()
            async with database.session() as session:
                answer = await ask(session, of, lot)
            ms = (time.perf_counter() - started) * 1000
        if turn:  # the first one makes the statement, and that once in a program's life
            took.append(ms)
            rows.append(_rows_in(answer))
        seen = seen or list(asked)
    async with database.engine.connect() as connection:
        read = await reads(connection, seen)
    return {
        "p50_ms": round(percentile(took, 0.5), 2),
        "p95_ms": round(percentile(took, 0.95), 2),
        "max_ms": round(max(took), 2),
        "rows": round(percentile(rows, 0.5)),
        "index": ", ".join(dict.fromkeys(one.index or one.step for one in read)),
    }


def _rows_in(answer: Sequence[Any] | Incident | Any) -> int:
    if answer is None:
        return 0
    return len(answer) if isinstance(answer, list) else 1 + len(getattr(answer, "entries", ()))
