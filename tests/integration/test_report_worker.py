"""Reports are computed beside the engine, in a process that only reads and may die."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from databases import with_tables
from factories import a_record
from lines import eventually, line_settings
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from models.database import Database
from models.tables import CallRow
from models.writing import upsert
from ngalam112.api.report_worker import ReportWorker
from reports.errors import ReportError, ReportFailed

pytest_plugins = ("databases",)


@pytest.fixture
async def worker(tmp_path: Path) -> AsyncIterator[ReportWorker]:
    settings = line_settings(tmp_path / "home")
    await with_tables(settings.url)
    async with Database(settings.url) as database, database.engine.begin() as connection:
        await upsert(connection, CallRow, [a_record("1.1", call_id="a").row()])
    made = ReportWorker(settings, longest_s=20.0)
    yield made
    await made.close()
    assert made.pid is None


async def test_a_report_comes_from_a_process_that_is_kept_and_replaced_when_it_dies(
    worker: ReportWorker,
) -> None:
    answer = await worker.ask("/api/summary", {}, 7)
    assert b'"offered":1,' in answer and b'"behind":7' in answer
    with pytest.raises(ReportError, match="no grouping by 'colour'"):
        await worker.ask("/api/summary", {"by": "colour"}, 0)
    first = worker.pid
    assert first is not None and os.getpriority(os.PRIO_PROCESS, first) >= 10
    os.kill(first, signal.SIGKILL)
    assert b'"offered":1,' in await worker.ask("/api/summary", {}, 0)
    assert worker.pid not in (None, first)


async def test_a_report_that_takes_too_long_is_ended(worker: ReportWorker) -> None:
    await worker.ask("/api/summary", {}, 0)
    pid = worker.pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    worker._longest_s = 0.1
    with pytest.raises(ReportFailed, match=r"not ready in 0\.1 s; ask for a shorter time"):
        await worker.ask("/api/summary", {}, 0)
    assert worker.pid is None
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


async def test_nothing_is_left_of_it_once_it_was_not_asked_or_nobody_is_there_to_ask(
    worker: ReportWorker,
) -> None:
    worker._idle_s = 0.1
    await worker.ask("/api/summary", {}, 0)
    await eventually(lambda: worker.pid is None, what="the idle process has ended")
    worker._idle_s = 60.0
    await worker.ask("/api/summary", {}, 0)
    process = worker._process
    assert process is not None and process.stdin is not None
    process.stdin.close()  # as by the death of the engine
    async with asyncio.timeout(20):
        assert await process.wait() == 0


async def test_who_reads_can_write_nothing(database: Database, database_url: str) -> None:
    async with Database(database_url, read_only=True) as reader, reader.session() as session:
        assert await session.get(CallRow, "a") is None
        if reader.file is None:
            assert await session.scalar(text("SHOW transaction_isolation")) == "repeatable read"
        with pytest.raises(DBAPIError, match=r"read-?only"):
            await upsert(session, CallRow, [a_record("1.1", call_id="a").row()])


async def test_a_database_to_read_is_never_made(tmp_path: Path) -> None:
    file = tmp_path / "a # ? %41.db"
    url = f"sqlite:///{file}".replace("#", "%23").replace("?", "%3F")
    with pytest.raises(Exception, match="cannot be used"):
        async with Database(url, read_only=True):
            pass
    assert os.listdir(tmp_path) == []  # noqa: PTH208 - a loop may wait for so little
