"""Guards what one answered call costs on a real line: requests, events, lines kept, statements.

Counts, not times. Where one is passed on purpose, change it here, record the call anew
(`python -m lab.bench.alone --record`), and say in docs/performance.md what is gained by it.
"""

from __future__ import annotations

import asyncio
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from databases import with_tables
from sqlalchemy import event

from journal.database_writer import DatabaseWriter
from journal.entries import Entry, Fact, decoded, encode
from journal.segments import Place, Segments
from journal.write_ahead_log import WriteAheadLog
from lab.bench.record import record
from lab.bench.recording import Recording, Request, load, shape
from models.database import Database
from ngalam112.config.settings import load_settings
from pbx.programs import Programs

pytestmark = pytest.mark.asyncio(loop_scope="module")

REQUESTS, CLAIMS = 11, 1
EVENTS = {
    "CallBroadcast": 1,
    "StasisStart": 2,
    "StasisEnd": 2,
    "ChannelStateChange": 3,
    "ChannelDtmfReceived": 1,
    "PlaybackFinished": 1,
    "ChannelHangupRequest": 2,
    "ChannelDestroyed": 1,
}
AMI_EVENTS = 4
ENTRIES, MOST_FACTS = 13, 9  # lines of the local journal
MOST_BYTES = 11_300  # of these lines
STATEMENTS = 9  # for all the entries of a call, or of two hundred: one a table


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def played(
    programs: Programs, built_sounds: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Recording, Path]:
    """One answered call on a line of its own: what was said over it, and the line's folder."""
    home = tmp_path_factory.mktemp("work")
    for name in ("sounds", "music"):
        shutil.copytree(built_sounds / name, home / name)
    return await record(home, programs), home


async def test_the_kept_recording_is_what_this_asterisk_and_this_engine_say(
    played: tuple[Recording, Path],
) -> None:
    fresh, kept = shape(played[0]), shape(load())
    assert fresh.requests == kept.requests, "the engine asks for something else, or in other order"
    assert fresh.events == kept.events, "Asterisk tells something else, or in other order"
    assert fresh.ami == kept.ami


async def test_a_call_takes_so_many_requests_and_events(played: tuple[Recording, Path]) -> None:
    asked = [one for one in played[0].call if isinstance(one, Request)]
    claims = [one for one in asked if one.uri == "events/claim"]
    told = shape(played[0])
    types = Counter(one.split()[0] for some in told.events.values() for one in some)
    assert (len(asked) - len(claims), len(claims)) == (REQUESTS, CLAIMS)
    assert types == EVENTS
    assert len(told.ami) == AMI_EVENTS


async def test_a_call_writes_so_many_lines_and_bytes(played: tuple[Recording, Path]) -> None:
    entries, facts = kept_of_the_call(played[1])
    lines = [encode(one) for one in (*entries, *facts)]
    size = sum(len(line) for line in lines)
    assert len(entries) == ENTRIES, "entries of one call"
    # of a fact that changes twice in one turn of the writer only the last value is written
    assert len(facts) <= MOST_FACTS, f"a call takes {len(facts)} facts: {[x.key for x in facts]}"
    assert size <= MOST_BYTES, f"a call takes {size} bytes of the journal"


@pytest.mark.parametrize("calls", [1, 15])  # 15 calls of 13 entries: one batch of two hundred
async def test_the_entries_of_calls_take_so_many_statements(
    played: tuple[Recording, Path], tmp_path: Path, calls: int
) -> None:
    entries, _ = kept_of_the_call(played[1])
    settings = load_settings(home=tmp_path, database_url="")
    await with_tables(settings.url)
    seen: Counter[str] = Counter()
    async with Database(settings.url) as database:
        engine = database.engine.sync_engine
        event.listen(
            engine, "before_cursor_execute", lambda _c, _u, statement, *_: count(seen, statement)
        )
        event.listen(engine, "commit", lambda _: count(seen, "COMMIT"))
        local = WriteAheadLog(settings.journal)
        recorder = DatabaseWriter(database, local)
        for call in range(calls):
            for entry in entries:
                local.add(*((table, of_call(row, call)) for table, row in entry.rows))
        writing = asyncio.create_task(recorder.run())
        await recorder.flushed()
        await recorder.close(5)
        await writing
        local.close()
    assert seen == {"INSERT": STATEMENTS - 1, "BEGIN": 1, "COMMIT": 1}, dict(seen)


def count(seen: Counter[str], statement: str) -> None:
    seen[statement.split()[0]] += 1


def of_call(row: dict[str, Any], call: int) -> dict[str, Any]:
    """The row as another call's, with an incident of its own."""
    ids = ["call_id", "asterisk_id", "incident_id"]
    if "opened_at" in row:  # the incident itself
        ids += ["id", "number"]
    changes = {name: f"{row[name]}-{call}" for name in ids if name in row}
    return row | changes


def kept_of_the_call(home: Path) -> tuple[list[Entry], list[Fact]]:
    """The entries and facts of the only call, as the engine's journal has them."""
    files = Segments(load_settings(home=home).journal)
    files.attach()
    found = [decoded(line.body) for line in files.read(Place(0, 0))]
    files.close()
    entries = [one for one in found if isinstance(one, Entry)]
    first = next(i for i, one in enumerate(entries) if one.rows[0][0] == "calls")
    facts = [
        one for one in found if isinstance(one, Fact) and one.key.startswith(("call:", "claim:"))
    ]
    return entries[first:], facts
