"""The export of a queue_log: out of both databases, and of a day on a real line."""

from __future__ import annotations

import asyncio
import statistics
import tempfile
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from databases import with_tables
from lines import Line, line_settings, open_line
from served import with_silent_prompts
from test_commands import Ran, failed_in_one_line, run

from acd.calls.record import CallEvent, EventKind, fold
from journal.database_writer import DatabaseWriter
from journal.write_ahead_log import WriteAheadLog
from models.database import Database
from pbx.programs import Programs
from reports.queue_log_export import queue_log
from reports.summary import summary

NOON = 1_776_056_400.0  # 2026-04-13T12:00+07:00
QUEUES = ["fire", "police"]
K = EventKind


# --- both databases ----------------------------------------------------------------------------


def a_call(number: int, at: float, **answered: Any) -> list[CallEvent]:
    """A call that is queued after 2 s, rings after 3, and ends after 30; maybe answered."""
    who = {"operator": "1001", "phone": "101"}
    steps: list[tuple[EventKind, float, dict[str, Any]]] = [
        (K.ARRIVED, 0.0, {"asterisk_id": f"{number}.1", "caller_number": "0|8\n12"}),
        (K.QUEUED, 2.0, {"category": "police", "position": 1}),
        (K.OFFERED, 3.0, who),
    ]
    if answered:
        steps.append((K.ANSWERED, answered["after"], who))
    steps.append((K.ENDED, 30.0, {"ended_by": "caller"}))
    return [
        CallEvent(call_id=f"call{number:04}", seq=seq, at=at + after, kind=kind, data=data)
        for seq, (kind, after, data) in enumerate(steps, start=1)
    ]


async def keep(database: Database, calls: Iterable[list[CallEvent]], *shift: Any) -> None:
    with tempfile.TemporaryDirectory(prefix="ngalam112-journal-") as folder:
        journal = WriteAheadLog(Path(folder))
        recorder = DatabaseWriter(database, journal)
        writing = asyncio.create_task(recorder.run())
        for events in calls:
            for number, event in enumerate(events, start=1):
                recorder.call_event(event, fold(event.call_id, events[:number]))
        for at, kind, reason in shift:
            recorder.operator_event("1001", at, kind, "101", reason)
        await recorder.close(20)
        await writing
        journal.close()


async def exported(
    database: Database, since: float | None = None, until: float | None = None, page: int = 500
) -> list[str]:
    begin, end = (None if at is None else datetime.fromtimestamp(at, UTC) for at in (since, until))
    return [line.text() async for line in queue_log(database, QUEUES, begin, end, page)]


@pytest.fixture
async def busy(database: Database) -> AsyncIterator[Database]:
    """Calls that overlap, some answered, two of them at the same moment; and an operator's day."""
    calls = [
        a_call(number, NOON + 7 * (number // 2), **({"after": 9.5} if number % 3 else {}))
        for number in range(40)
    ]
    await keep(
        database,
        calls,
        (NOON - 60, "login", None),
        (NOON + 20, "pause", "prayer"),
        (NOON + 40, "missed", "no_answer"),
        (NOON + 60, "ready", None),
        (NOON + 300, "logout", None),
    )
    yield database


async def test_the_lines_come_in_the_order_of_time_whatever_the_page(busy: Database) -> None:
    whole = await exported(busy)
    times = [int(line.split("|")[0]) for line in whole]
    assert times == sorted(times) and len(whole) == 130
    assert whole == await exported(busy, page=3)
    assert all(line.isprintable() for line in whole)
    assert whole[:2] == [f"{int(NOON) - 60}|NONE|{queue}|Agent/1001|ADDMEMBER|" for queue in QUEUES]
    assert f"{int(NOON) + 2}|0.1|police|NONE|ENTERQUEUE||0_8_12|1" in whole
    assert f"{int(NOON) + 9}|1.1|police|Agent/1001|CONNECT|7|NONE|6" in whole


async def test_consecutive_exports_are_the_export_of_the_whole(busy: Database) -> None:
    cuts = [NOON - 100, NOON + 2, NOON + 21, NOON + 60, NOON + 61.5, NOON + 100, NOON + 400]
    parts = [await exported(busy, since, until, page=4) for since, until in pairwise(cuts)]
    assert all(parts)
    assert [line for part in parts for line in part] == await exported(busy)
    # half-open: what happens at the end belongs to the next
    assert parts[0] == (await exported(busy))[:2]
    assert "UNPAUSEALL" not in "".join(parts[2]) and "|UNPAUSEALL|" in "".join(parts[3])


async def test_calls_that_have_not_ended_have_their_lines_so_far(database: Database) -> None:
    await keep(database, [a_call(1, NOON)[:2]])
    assert await exported(database, NOON + 1, NOON + 3) == [
        f"{int(NOON) + 2}|1.1|police|NONE|ENTERQUEUE||0_8_12|1"
    ]
    assert await exported(database, NOON + 3) == []


async def test_a_reader_of_the_lines_finds_what_the_report_says(busy: Database) -> None:
    async with busy.session() as session:
        report = await summary(session)
    agrees_with(report, await exported(busy))


# --- a small reader, as QueueMetrics and Asternic read ------------------------------------------


class Read:
    """What a tool computes of a queue_log: it knows the lines and nothing else."""

    def __init__(self, lines: Iterable[str]) -> None:
        self.entered: set[str] = set()
        self.held: dict[str, int] = {}
        self.lost: dict[str, int] = {}
        self.talked: dict[str, int] = {}
        self.by: dict[str, int] = defaultdict(int)
        for line in lines:
            _epoch, callid, _queue, agent, event, *data = line.split("|")
            match event:
                case "ENTERQUEUE":
                    self.entered.add(callid)
                case "CONNECT":
                    self.held[callid] = int(data[0])
                case "ABANDON":
                    self.lost[callid] = int(data[2])
                case "COMPLETECALLER" | "COMPLETEAGENT":
                    assert int(data[0]) == self.held[callid]
                    self.talked[callid] = int(data[1])
                    self.by[agent] += 1


def agrees_with(report: Any, lines: list[str]) -> None:
    """Counts exactly; times to the second that a queue_log has."""
    read = Read(lines)
    assert len(read.talked) == report.answered
    assert len(read.lost) == report.lost_queue + report.lost_ringing
    assert read.entered == set(read.held) | set(read.lost)
    waits = sorted([*read.held.values(), *read.lost.values()])
    assert abs(waits[-(-len(waits) // 2) - 1] - report.wait_p50_ms / 1000) <= 1
    if read.talked:
        assert abs(statistics.mean(read.talked.values()) - report.talk_mean_ms / 1000) <= 1


# --- the command -------------------------------------------------------------------------------


def names_in(folder: Path) -> list[str]:
    return sorted(one.name for one in folder.iterdir())


async def test_what_cannot_be_exported_is_one_line(tmp_path: Path) -> None:
    settings = with_silent_prompts(line_settings(tmp_path / "home"))
    failed_in_one_line(await run(settings, "export", "queue_log"), "db upgrade")
    kept = tmp_path / "kept"
    kept.write_text("what was exported before")
    ran = await run(settings, "export", "queue_log", "--output", str(kept))
    failed_in_one_line(ran, "db upgrade")
    assert kept.read_text() == "what was exported before"
    assert names_in(tmp_path) == ["home", "kept"], "nothing half-written stays"
    await with_tables(settings.url)
    assert await run(settings, "export", "queue_log") == (0, "", "")
    failed_in_one_line(
        await run(settings, "export", "queue_log", "--from", "soon"), "'soon' is no time"
    )
    nowhere = str(tmp_path / "no" / "file")
    failed_in_one_line(
        await run(settings, "export", "queue_log", "--output", nowhere), f"{nowhere}: No such file"
    )
    failed_in_one_line(
        await run(settings, "export", "queue_log", "-o", str(tmp_path)), "Is a directory"
    )
    unknown = await run(settings, "export", "queue_log", "--format", "csv")
    assert unknown.code == 2 and unknown.out == ""


async def test_a_day_on_a_real_line(programs: Programs, built_sounds: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    async with open_line(home, programs, built_sounds, desks=2, ring_timeout_s=1.5) as line:
        await a_day(line)
        output = tmp_path / "queue_log"
        ran = await run(line.settings, "export", "queue_log", "--output", str(output))
        assert ran == Ran(0, "", "")
        found = output.read_text().splitlines()
        # an engine that is up makes no difference, nor does the screen
        for screen in ((), ("--output", "/dev/stdout")):
            ran = await run(line.settings, "export", "queue_log", *screen)
            assert ran == Ran(0, output.read_text(), "")
        await as_expected(line, found)
        async with Database(line.settings.url) as database, database.session() as session:
            agrees_with(await summary(session), found)
        await cuts_are_half_open(line, found)


async def a_day(line: Line) -> None:
    """One answered, one who rings in vain and then is lost, one lost while somebody prays."""
    await line.operators_ready("101")
    await line.players.citizens("citizen_key_talk_until_bye", 1, caller="0831", keys={"key": "2"})
    await line.ended(1, "0831")
    await line.post("/api/operators/1101/logout")
    await line.operators_ready("102", answer="phone_ring_until_cancel")
    # rings for a second and a half in vain, then again until the citizen hangs up
    await line.players.citizens("citizen_key_queue_bye", 1, caller="0832", keys={"key": "3"})
    await line.ended(1, "0832")
    await line.post("/api/operators/1102/pause", {"reason": "prayer"})
    await line.players.citizens("citizen_key_queue_bye", 1, caller="0833", keys={"key": "2"})
    await line.ended(1, "0833")
    await line.players.citizens("citizen_menu_bye", 1, caller="0834")
    await line.ended(1, "0834")
    await line.post("/api/operators/1102/ready")
    await line.post("/api/operators/1102/logout")
    await line.is_written()


async def as_expected(line: Line, found: list[str]) -> None:
    calls = {one.caller_number: one for one in await line.records()}
    names = {one.asterisk_id: one.caller_number for one in calls.values()}
    queues = ("covid", "police", "fire", "power", "general")
    told = []
    for one in found:
        epoch, callid, queue, agent, event, *data = one.split("|")
        assert epoch.isdigit()
        told.append((names.get(callid, callid), queue, agent, event, *data))
    members = [one for one in told if one[0] == "NONE"]
    first, second = "Agent/1101", "Agent/1102"

    def of_all(agent: str, event: str, data: str = "") -> list[tuple[str, ...]]:
        return [("NONE", queue, agent, event, data) for queue in queues]

    assert sorted(members) == sorted(
        [
            *of_all(first, "ADDMEMBER"),
            *of_all(first, "REMOVEMEMBER"),
            *of_all(second, "ADDMEMBER"),
            ("NONE", "NONE", second, "PAUSEALL", "prayer"),
            *of_all(second, "PAUSE", "prayer"),
            ("NONE", "NONE", second, "UNPAUSEALL", ""),
            *of_all(second, "UNPAUSE"),
            *of_all(second, "REMOVEMEMBER"),
        ]
    )
    events = [one[:4] for one in told if one[0] != "NONE"]
    assert events == [
        ("08311", "police", "NONE", "ENTERQUEUE"),
        ("08311", "police", first, "CONNECT"),
        ("08311", "police", first, "COMPLETEAGENT"),
        ("08321", "fire", "NONE", "ENTERQUEUE"),
        ("08321", "fire", second, "RINGNOANSWER"),
        ("08321", "fire", second, "RINGCANCELED"),
        ("08321", "fire", "NONE", "ABANDON"),
        ("08331", "police", "NONE", "ENTERQUEUE"),
        ("08331", "police", "NONE", "ABANDON"),
    ]
    data = {one[:4]: one[4:] for one in told}
    assert data[events[0]] == ("", "08311", "1")
    answered = calls["08311"]
    assert answered.talk_ms is not None and answered.operator_answered_at is not None
    assert abs(int(data[events[2]][1]) - answered.talk_ms / 1000) <= 1
    assert 1500 <= int(data[events[4]][0]) <= 2000, "milliseconds of ringing"
    assert data[events[8]][:2] == ("1", "1")


async def cuts_are_half_open(line: Line, found: list[str]) -> None:
    """From the lost one's ENTERQUEUE on, and before it, in the line's own time zone."""
    zone = ZoneInfo(line.settings.timezone)
    moment = int(next(one for one in found if "|ENTERQUEUE||08331|" in one).split("|")[0])
    local = datetime.fromtimestamp(moment, zone).replace(tzinfo=None).isoformat()
    before = await run(line.settings, "export", "queue_log", "--to", local)
    after = await run(line.settings, "export", "queue_log", "--from", local)
    assert (before.out + after.out).splitlines() == found
    assert all(int(one.split("|")[0]) < moment for one in before.out.splitlines())
    assert all(int(one.split("|")[0]) >= moment for one in after.out.splitlines())
    day = str(datetime.fromtimestamp(moment, zone).date())
    both = await run(line.settings, "export", "queue_log", "--from", day, "--to", day)
    assert both.out.splitlines() == found
