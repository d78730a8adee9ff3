"""The database goes away under load, or the engine dies: every row once, in order, nobody waits."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from databases import PostgresServer
from lines import eventually
from sqlalchemy import select
from test_recorder import STEPS, stored, tell

from acd.local_journal import LocalJournal
from acd.recorder import Recorder
from models.database import Database, upgrade
from models.tables import CallEventRow

MOST_LATE_S = 0.1
EVERY_S = 0.02  # a call with six events each: some ten times the rate of a busy line


@pytest.fixture
def own_server() -> Iterator[PostgresServer]:
    """A PostgreSQL server of this test's own, which it may stop."""
    with tempfile.TemporaryDirectory(prefix="ngalam112-pg-") as folder:
        server = PostgresServer(Path(folder))
        try:
            server.start()
            yield server
        finally:
            server.stop()


class Load:
    """Calls that go on happening while everything else is done, and how late the loop was."""

    def __init__(self, recorder: Recorder) -> None:
        self.recorder = recorder
        self.calls: list[str] = []
        self.late_s = 0.0

    async def run(self) -> None:
        while True:
            call = f"call {len(self.calls):06}"
            self.calls.append(call)
            tell(self.recorder, call)
            begun, starved = time.monotonic(), _starved_s()
            await asyncio.sleep(EVERY_S)
            late = time.monotonic() - begun - EVERY_S - (_starved_s() - starved)
            self.late_s = max(self.late_s, late)


def _starved_s() -> float:
    """How long this thread was ready to run and got no processor: others' doing, not ours."""
    return int(Path("/proc/thread-self/schedstat").read_text().split()[1]) / 1e9


@asynccontextmanager
async def under_load(url: str, folder: Path) -> AsyncIterator[Load]:
    await upgrade(url)
    async with Database(url) as database:
        journal = await asyncio.to_thread(LocalJournal, folder)
        recorder = Recorder(database, journal)
        load = Load(recorder)
        tasks = [asyncio.create_task(work) for work in (recorder.run(), load.run())]
        try:
            yield load
        finally:
            for task in reversed(tasks):
                task.cancel()
                await asyncio.wait([task])
            journal.close()


async def events_of(url: str) -> list[tuple[str, int]]:
    async with Database(url) as database, database.session() as session:
        columns = (CallEventRow.call_id, CallEventRow.seq)
        found = await session.execute(select(*columns).order_by(*columns))
        return [(row[0], row[1]) for row in found]


async def all_is_there(load: Load, url: str) -> None:
    """Wait for the backlog; at every moment, what is there is the first part of what happened."""
    deadline = time.monotonic() + 60
    before = load.calls[-1]
    while True:
        found = await events_of(url)
        told = [(call, seq) for call in load.calls for seq in range(1, len(STEPS) + 1)]
        assert found == told[: len(found)]
        if found and found[-1][0] > before:
            return
        assert time.monotonic() < deadline, f"{len(found)} of {len(told)} events after a minute"


async def test_postgresql_that_is_stopped_and_started_again_costs_nothing(
    own_server: PostgresServer, tmp_path: Path
) -> None:
    url = own_server.url(own_server.create())
    async with under_load(url, tmp_path / "journal") as load:
        await eventually(lambda: load.recorder.written > 100)
        await asyncio.to_thread(own_server.stop)
        await eventually(lambda: load.recorder.failing_since is not None)
        waiting = load.recorder.backlog
        await eventually(lambda: load.recorder.backlog > waiting + 600, within=20)
        await asyncio.to_thread(own_server.start_again)
        await all_is_there(load, url)
        assert load.recorder.failing_since is None
        assert (load.recorder.refused, load.recorder.local.lost) == (0, 0)
        assert load.late_s < MOST_LATE_S


async def test_an_outage_is_seen_though_there_is_nothing_to_write(
    own_server: PostgresServer, tmp_path: Path
) -> None:
    url = own_server.url(own_server.create())
    await upgrade(url)
    async with Database(url) as database:
        recorder = Recorder(database, LocalJournal(tmp_path / "journal"))
        writing = asyncio.create_task(recorder.run())
        await asyncio.to_thread(own_server.stop)
        await eventually(lambda: recorder.failing_since is not None)
        await asyncio.to_thread(own_server.start_again)
        await eventually(lambda: recorder.failing_since is None)
        await recorder.close(1)
        await writing
        recorder.local.close()


async def test_sqlite_that_another_process_locks_costs_nothing(tmp_path: Path) -> None:
    file = tmp_path / "ngalam112.db"
    async with under_load(f"sqlite:///{file}", tmp_path / "journal") as load:
        await eventually(lambda: load.recorder.written > 100)
        lock = "import sqlite3, sys; c = sqlite3.connect(sys.argv[1], isolation_level=None)"
        lock += "; c.execute('BEGIN EXCLUSIVE'); print('locked', flush=True); sys.stdin.read()"
        other = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", lock, str(file)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        try:
            assert other.stdout is not None and other.stdin is not None
            assert await other.stdout.readline() == b"locked\n"
            # longer than SQLite itself waits for a lock
            await eventually(lambda: load.recorder.failing_since is not None, within=20)
            waiting = load.recorder.backlog
            await eventually(lambda: load.recorder.backlog > waiting + 300, within=20)
        finally:
            other.stdin.close()
            await other.wait()
        await all_is_there(load, f"sqlite:///{file}")
        assert (load.recorder.refused, load.recorder.local.lost) == (0, 0)
        assert load.late_s < MOST_LATE_S


async def test_what_does_not_fit_into_memory_is_drained_from_the_file(
    database: Database, tmp_path: Path
) -> None:
    journal = LocalJournal(tmp_path / "journal", tail=50, segment_bytes=100_000)
    recorder = Recorder(database, journal, first_pause_s=0.02)
    for number in range(100):
        tell(recorder, f"call {number:03}")
    writing = asyncio.create_task(recorder.run())
    for number in range(100, 200):
        tell(recorder, f"call {number:03}")
        await asyncio.sleep(0.002)
    assert await recorder.close(20.0) == 0
    await writing
    assert await stored(database) == [(f"call {n:03}", 6, 6) for n in range(200)]
    assert (recorder.written, journal.lost) == (1200, 0)
    journal.close()


ENGINE = """
import asyncio, sys
from pathlib import Path
from acd.local_journal import LocalJournal
from acd.recorder import Recorder
from models.database import Database
from test_recorder import tell

async def main(url, folder, first):
    async with Database(url) as database:
        recorder = Recorder(database, LocalJournal(Path(folder)))
        asyncio.create_task(recorder.run())
        for number in range(int(first), 1_000_000):
            tell(recorder, f"call {number:06}")
            print(number, flush=True)
            await asyncio.sleep(0.001)

asyncio.run(main(*sys.argv[1:]))
"""


async def test_an_engine_that_is_killed_while_it_drains_loses_nothing(
    database: Database, database_url: str, tmp_path: Path
) -> None:
    folder, number = tmp_path / "journal", -1
    paths = [str(Path(__file__).parents[2]), str(Path(__file__).parent)]
    for turn in range(4):
        engine = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", ENGINE, database_url, str(folder), str(number + 1)),
            stdout=asyncio.subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        )
        try:
            assert engine.stdout is not None
            for _ in range(150 + 37 * turn):
                number = int(await engine.stdout.readline())
        finally:
            engine.send_signal(signal.SIGKILL)
            await engine.wait()
        for line in (await engine.stdout.read()).split():
            number = int(line)
    journal = LocalJournal(folder)
    recorder = Recorder(database, journal)
    writing = asyncio.create_task(recorder.run())
    await asyncio.wait_for(recorder.flushed(), 30)
    await recorder.close(1)
    await writing
    journal.close()
    # the last call may have been told in part
    found = [one for one in await stored(database) if one[0] <= f"call {number:06}"]
    assert found == [(f"call {n:06}", 6, 6) for n in range(number + 1)]


async def test_a_full_disk_and_a_database_that_is_away_at_once(tmp_path: Path) -> None:
    (tmp_path / "journal").touch()
    url = f"sqlite:///{tmp_path / 'ngalam112.db'}"
    await upgrade(url)
    async with Database(url) as database:
        journal = LocalJournal(tmp_path / "journal", retry_s=0.0)
        recorder = Recorder(database, journal, first_pause_s=0.02)
        for number in range(50):
            tell(recorder, f"call {number:03}")
        assert journal.failing_since is not None and journal.unsaved == 300
        writing = asyncio.create_task(recorder.run())
        await asyncio.wait_for(recorder.flushed(), 20)
        (tmp_path / "journal").unlink()
        tell(recorder, "call 050")
        assert journal.unsaved == 0
        assert await recorder.close(10.0) == 0
        await writing
        assert await stored(database) == [(f"call {n:03}", 6, 6) for n in range(51)]
        journal.close()
