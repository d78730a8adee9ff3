"""The database goes away under load, or the engine dies: every row once, in order, nobody waits."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from databases import PostgresServer
from lines import eventually
from sqlalchemy import select
from test_recorder import STEPS, stored, tell

from journal.database_writer import DatabaseWriter
from journal.write_ahead_log import WriteAheadLog
from models.database import Database, upgrade
from models.tables import CallEventRow
from ngalam112.config.settings import PROJECT

MOST_LATE_S = 0.1
EVERY_S = 0.02  # a call with six events each: some ten times the rate of a busy line


LOAD = """
import asyncio, json, sys, time
from pathlib import Path
from journal.write_ahead_log import WriteAheadLog
from journal.database_writer import DatabaseWriter
from models.database import Database
from test_recorder import tell

def starved_s():
    # how long we were ready to run and got no processor: others' doing, not ours
    return int(Path("/proc/thread-self/schedstat").read_text().split()[1]) / 1e9

async def main(url, folder, every_s):
    database, late_s, calls = Database(url), 0.0, 0
    recorder = DatabaseWriter(database, WriteAheadLog(Path(folder)))
    asyncio.create_task(recorder.run())
    while True:
        tell(recorder, f"call {calls:06}")
        calls += 1
        begun, starved = time.monotonic(), starved_s()
        await asyncio.sleep(every_s)
        late = time.monotonic() - begun - every_s - (starved_s() - starved)
        # the first statements of a process take their time, before it serves
        late_s = max(late_s, late) if recorder.written > 100 else 0.0
        if calls % 5 == 0:
            told = {"calls": calls, "late_s": late_s, "written": recorder.written}
            told |= {"backlog": recorder.backlog, "refused": recorder.refused}
            told |= {"failing": recorder.failing_since is not None, "lost": recorder.local.lost}
            print(json.dumps(told), flush=True)

asyncio.run(main(sys.argv[1], sys.argv[2], float(sys.argv[3])))
"""


def _python(code: str, *args: str) -> dict[str, Any]:
    paths = [str(PROJECT), str(PROJECT / "tests" / "harness"), str(Path(__file__).parent)]
    return {
        "args": (sys.executable, "-c", code, *args),
        "env": {**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
    }


class Load:
    """A process in which calls go on happening; what it says of itself, as of the last moment."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.says: dict[str, Any] = {}

    async def until(self, holds: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
        """Listen until it says so."""
        assert self._process.stdout is not None
        async with asyncio.timeout(40):
            while True:
                line = await self._process.stdout.readline()
                assert line, "the process has ended"
                if line.startswith(b"{"):  # the others are its log
                    self.says = json.loads(line)
                    if holds(self.says):
                        return self.says


@asynccontextmanager
async def under_load(url: str, folder: Path) -> AsyncIterator[Load]:
    await upgrade(url)
    start = _python(LOAD, url, str(folder), str(EVERY_S))
    process = await asyncio.create_subprocess_exec(
        *start["args"], env=start["env"], stdout=asyncio.subprocess.PIPE
    )
    try:
        load = Load(process)
        await load.until(lambda it: it["written"] > 100)
        yield load
    finally:
        process.kill()
        await process.wait()


async def all_is_there(load: Load, url: str) -> None:
    """Wait for the backlog; at every moment, what is there is the first part of what happened."""
    async with Database(url) as database:
        before = load.says["calls"]
        while True:
            said = await load.until(lambda _: True)
            async with database.session() as session:
                columns = (CallEventRow.call_id, CallEventRow.seq)
                rows = await session.execute(select(*columns).order_by(*columns))
                found = [(row[0], row[1]) for row in rows]
            calls = len(found) // len(STEPS) + 1
            told = [(f"call {n:06}", seq) for n in range(calls) for seq in range(1, len(STEPS) + 1)]
            assert found == told[: len(found)]
            if calls > before and not said["failing"]:
                break
    said = await load.until(lambda it: it["backlog"] < 50)
    assert (said["refused"], said["lost"]) == (0, 0)
    assert said["late_s"] < MOST_LATE_S


async def test_postgresql_that_is_stopped_and_started_again_costs_nothing(
    own_server: PostgresServer, tmp_path: Path
) -> None:
    url = own_server.url(own_server.create())
    async with under_load(url, tmp_path / "journal") as load:
        await asyncio.to_thread(own_server.stop)
        said = await load.until(lambda it: it["failing"])
        await load.until(lambda it: it["backlog"] > said["backlog"] + 600)
        await asyncio.to_thread(own_server.start_again)
        await all_is_there(load, url)


async def test_an_outage_is_seen_though_there_is_nothing_to_write(
    own_server: PostgresServer, tmp_path: Path
) -> None:
    url = own_server.url(own_server.create())
    await upgrade(url)
    async with Database(url) as database:
        recorder = DatabaseWriter(database, WriteAheadLog(tmp_path / "journal"))
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
        lock = "import sqlite3, sys; c = sqlite3.connect(sys.argv[1], isolation_level=None)"
        lock += "; c.execute('BEGIN EXCLUSIVE'); print('locked', flush=True); sys.stdin.read()"
        other = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", lock, str(file)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        assert other.stdout is not None and other.stdin is not None
        try:
            assert await other.stdout.readline() == b"locked\n"
            # longer than SQLite itself waits for a lock
            said = await load.until(lambda it: it["failing"])
            await load.until(lambda it: it["backlog"] > said["backlog"] + 300)
        finally:
            other.stdin.close()
            await other.wait()
        await all_is_there(load, f"sqlite:///{file}")


async def test_what_does_not_fit_into_memory_is_drained_from_the_file(
    database: Database, tmp_path: Path
) -> None:
    journal = WriteAheadLog(tmp_path / "journal", tail=50, segment_bytes=100_000)
    recorder = DatabaseWriter(database, journal, first_pause_s=0.02)
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
from journal.write_ahead_log import WriteAheadLog
from journal.database_writer import DatabaseWriter
from models.database import Database
from test_recorder import tell

async def main(url, folder, first):
    async with Database(url) as database:
        recorder = DatabaseWriter(database, WriteAheadLog(Path(folder)))
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
    for turn in range(4):
        start = _python(ENGINE, database_url, str(folder), str(number + 1))
        engine = await asyncio.create_subprocess_exec(
            *start["args"], env=start["env"], stdout=asyncio.subprocess.PIPE
        )
        try:
            assert engine.stdout is not None
            for _ in range(150 + 37 * turn):
                number = int(await engine.stdout.readline())
        finally:
            engine.send_signal(signal.SIGKILL)
            await engine.wait()
        for line in (await engine.stdout.read()).split():
            number = max(number, int(line))  # the last one may be there in part
    journal = WriteAheadLog(folder)
    recorder = DatabaseWriter(database, journal)
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
        journal = WriteAheadLog(tmp_path / "journal", retry_s=0.0)
        recorder = DatabaseWriter(database, journal, first_pause_s=0.02)
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
