"""The spool folder is read once and only once, whatever lies in it."""

from __future__ import annotations

import asyncio
import base64
import fcntl
import json
import os
import time
from pathlib import Path

import pytest
from spooled import ARRIVED, HUNG_UP, LATER, STARTED, Kept, begun, put, served
from structlog.testing import capture_logs

from acd.calls.record import EventKind, Outcome
from ngalam112.engine.clock import Anchor
from ngalam112.recovery.fallback_files import by_clock, decoded
from ngalam112.recovery.fallback_records import (
    ORPHAN_S,
    SETTLE_S,
    WRITTEN_WITHIN_S,
    glance,
    read_spool,
)

DEEP = b'{"a":' + b"[" * 60_000


async def test_a_file_is_read_and_deleted_once_it_is_written(tmp_path: Path) -> None:
    path, kept = put(tmp_path, served()), Kept()
    assert await kept.read(tmp_path) == 1
    assert not path.exists()
    assert [record.outcome for record in kept.records.values()] == [Outcome.FALLBACK]
    assert kept.made_up == list(kept.records), "what the citizen has done since then is asked for"
    assert await kept.read(tmp_path) == 0


async def test_nothing_is_deleted_while_the_database_is_away_and_nothing_is_there_twice(
    tmp_path: Path,
) -> None:
    path, kept = put(tmp_path, served()), Kept()
    kept.outage = OSError("no database")
    with pytest.raises(OSError, match="no database"):
        await kept.read(tmp_path)
    assert path.exists()
    kept.outage = None
    assert await kept.read(tmp_path) == 1
    assert (len(kept.events), len(kept.records)) == (3, 1)


async def test_what_is_not_written_before_a_crash_is_read_again(tmp_path: Path) -> None:
    kept = Kept()
    path = put(tmp_path, served())
    stuck = asyncio.Event()

    async def never() -> None:
        if kept.events:
            stuck.set()
            await asyncio.Event().wait()

    reading = asyncio.create_task(read_spool(tmp_path, kept, kept, never, LATER))
    await stuck.wait()
    reading.cancel()
    await asyncio.gather(reading, return_exceptions=True)
    assert path.exists()
    assert await kept.read(tmp_path) == 0, "all of it is written by now"
    assert (len(kept.events), len(kept.records), path.exists()) == (3, 1, False)


async def test_a_hang_up_that_the_engine_counted_is_dropped(tmp_path: Path) -> None:
    path, kept = put(tmp_path, HUNG_UP), Kept(begun())
    assert await kept.read(tmp_path) == 0
    assert (kept.events, path.exists()) == ({}, False)


async def test_a_hang_up_that_no_engine_counted_is_kept(tmp_path: Path) -> None:
    put(tmp_path, HUNG_UP)
    kept = Kept()
    assert await kept.read(tmp_path) == 1
    assert [record.outcome for record in kept.records.values()] == [Outcome.LOST_MENU]


async def test_a_hang_up_waits_until_the_engine_can_have_counted_it(tmp_path: Path) -> None:
    path, kept = put(tmp_path, HUNG_UP, at=LATER), Kept()
    assert await kept.read(tmp_path, LATER + SETTLE_S - 1) == 0
    assert path.exists()
    assert await kept.read(tmp_path, LATER + SETTLE_S + 1) == 1


@pytest.mark.parametrize("why", ["SUCCESS", "ORPHANED", "TIMEOUT"])
async def test_a_call_that_an_engine_began_goes_on_in_its_own_record(
    tmp_path: Path, why: str
) -> None:
    put(tmp_path, served(why=why))
    kept = Kept(begun())
    assert await kept.read(tmp_path) == 1
    (record,) = kept.records.values()
    assert (record.call_id, record.outcome, record.category) == ("e1", Outcome.FALLBACK, "fire")
    assert (record.phone, record.ended_by) == ("101", "operator")
    assert (record.operator_answered_at, record.ended_at) == (ARRIVED + 2, ARRIVED + 32)
    assert sorted(kept.events) == [("e1", 4), ("e1", 5)]
    put(tmp_path, served(why=why))
    assert await kept.read(tmp_path) == 0, "the same run is in it only once"
    assert sorted(kept.events) == [("e1", 4), ("e1", 5)]


async def test_an_end_that_was_a_guess_is_replaced_by_the_true_one(tmp_path: Path) -> None:
    put(tmp_path, served())
    kept = Kept(begun(ended_at=ARRIVED + 1, ended_by="unknown", outcome=Outcome.LOST_QUEUE))
    assert await kept.read(tmp_path) == 1
    (record,) = kept.records.values()
    assert (record.outcome, record.ended_at) == (Outcome.FALLBACK, ARRIVED + 32)


async def test_whom_an_operator_had_answered_stays_answered(tmp_path: Path) -> None:
    put(tmp_path, served())
    kept = Kept(begun(operator_answered_at=ARRIVED + 1.2, operator="1001", phone="105"))
    assert await kept.read(tmp_path) == 1
    (record,) = kept.records.values()
    assert (record.outcome, record.operator) == (Outcome.ANSWERED, "1001")
    assert (record.phone, record.talk_ms, record.ended_at) == ("105", 30_800, ARRIVED + 32)


async def test_a_call_that_is_up_gets_it_from_its_engine(tmp_path: Path) -> None:
    path = put(tmp_path, served(status="taken_back", answered_at=None, ended_by="engine"))
    kept = Kept(begun())
    kept.up["1800000000.1"] = []
    assert await kept.read(tmp_path) == 1
    assert (kept.events, path.exists()) == ({}, False)
    (noted,) = kept.up["1800000000.1"]
    assert (noted.at, noted.ended_at, noted.about["status"]) == (ARRIVED + 1.5, None, "taken_back")


async def test_a_call_that_an_engine_is_about_to_take_back_waits_for_its_record(
    tmp_path: Path,
) -> None:
    taken = served(status="taken_back", answered_at=None, phone=None, ended_by="engine")
    path, kept = put(tmp_path, taken), Kept()
    assert await kept.read(tmp_path, ARRIVED + 5) == 0
    assert path.exists()
    assert await kept.read(tmp_path, ARRIVED + 2 + ORPHAN_S) == 1, "none came: lost with its engine"
    (record,) = kept.records.values()
    assert record.ended_at == ARRIVED + 32


async def test_a_record_of_an_older_script_is_read_too(tmp_path: Path) -> None:
    old = {key: one for key, one in served().items() if key not in ("run", "step", "began_at")}
    put(tmp_path, old)
    kept = Kept()
    assert await kept.read(tmp_path) == 1
    assert [one.outcome for one in kept.records.values()] == [Outcome.FALLBACK]


async def test_a_call_that_still_lives_is_left_alone(tmp_path: Path) -> None:
    path, kept = put(tmp_path, STARTED), Kept()
    with path.open() as script:
        fcntl.flock(script, fcntl.LOCK_EX)
        assert await kept.read(tmp_path) == 0
    assert path.exists()


def of_dialplan(**changes: str) -> dict[str, str | int]:
    """The record of `served()` as the dialplan writes it; a citizen chose the name."""
    record = {
        "version": 2,
        "asterisk_id": "1800000000.1",
        "caller_number": base64.b64encode(b"0812").decode(),
        "caller_name": base64.b64encode('"Wa\n\\rga\xe9'.encode("latin-1")).decode(),
        "called_number": "112",
        "arrived_at": f"{ARRIVED:.6f}",
        "began_at": f"{ARRIVED + 1.5:.6f}",
        "answered_at": f"{ARRIVED + 2:.6f}",
        "ended_at": f"{ARRIVED + 32:.6f}",
        "phone": "101",
        "agency": "",
        "ended_by": "operator",
        "status": "answered",
        "why": "TIMEOUT",
        "run": "a",
    }
    return record | changes


async def test_the_record_that_the_dialplan_writes_is_read(tmp_path: Path) -> None:
    put(tmp_path, of_dialplan())
    kept = Kept()
    assert await kept.read(tmp_path) == 1
    (record,) = kept.records.values()
    assert (record.caller_number, record.caller_name) == ("0812", '"Wa\\rga\ufffd')
    assert (record.outcome, record.phone, record.ended_by) == (
        Outcome.FALLBACK,
        "101",
        "operator",
    )
    assert (record.operator_answered_at, record.ended_at) == (ARRIVED + 2, ARRIVED + 32)


async def test_the_fallback_tells_that_a_number_is_withheld(tmp_path: Path) -> None:
    put(tmp_path, of_dialplan(withheld="1"))
    kept = Kept()
    assert await kept.read(tmp_path) == 1
    assert [one.withheld for one in kept.records.values()] == [True]


def test_an_agency_that_answered_is_told_from_a_phone() -> None:
    content = json.dumps(of_dialplan(phone="outside", agency="113")).encode()
    assert (decoded(content)["step"], decoded(content)["phone"]) == ("agency", "113")
    unanswered = decoded(json.dumps(of_dialplan(answered_at="", agency="113")).encode())
    assert (unanswered["answered_at"], unanswered["step"], unanswered["phone"]) == (None,) * 3


async def test_a_call_whose_channel_lives_is_left_alone_however_old_its_file(
    tmp_path: Path,
) -> None:
    path = put(tmp_path, of_dialplan(answered_at="", ended_at="", ended_by="", status="started"))
    kept = Kept()
    kept.alive.add("1800000000.1")
    assert await kept.read(tmp_path) == 0
    assert path.exists()
    kept.alive.clear()
    assert await kept.read(tmp_path) == 1, "Asterisk died with the call"
    (record,) = kept.records.values()
    assert (record.outcome, record.ended_by) == (Outcome.LOST_FALLBACK, None)


@pytest.mark.parametrize("content", [b"", b'{"version":2,"ast'])
async def test_a_file_that_is_being_written_waits(tmp_path: Path, content: bytes) -> None:
    path = put(tmp_path, content)
    assert await Kept().read(tmp_path, ARRIVED + 1 + WRITTEN_WITHIN_S - 1) == 0
    assert path.exists()


@pytest.mark.parametrize("torn", [b"", b'{"version":2,"asteri'])
async def test_the_last_whole_line_counts(tmp_path: Path, torn: bytes) -> None:
    begun = of_dialplan(answered_at="", ended_at="", ended_by="", status="started")
    lines = [json.dumps(one).encode() + b"\n" for one in (begun, of_dialplan())]
    put(tmp_path, b"".join(lines) + torn)
    kept = Kept()
    assert await kept.read(tmp_path) == 1
    (record,) = kept.records.values()
    assert record.operator_answered_at == ARRIVED + 2


def test_times_of_the_dialplan_are_told_by_the_engines_clock() -> None:
    ahead = Anchor("boot", time.time() - time.monotonic() + 3600.0)
    record = by_clock(decoded(json.dumps(of_dialplan()).encode()), ahead)
    assert record["arrived_at"] == pytest.approx(ARRIVED + 3600.0, abs=0.1)


async def test_the_record_of_a_dead_script_is_closed_with_what_is_known(tmp_path: Path) -> None:
    path, kept = put(tmp_path, STARTED, at=ARRIVED + 3), Kept()
    assert await kept.read(tmp_path, ARRIVED + 3 + ORPHAN_S - 1) == 0
    assert path.exists()
    assert await kept.read(tmp_path, ARRIVED + 3 + ORPHAN_S + 1) == 1
    (record,) = kept.records.values()
    assert (record.outcome, record.ended_at) == (Outcome.LOST_FALLBACK, ARRIVED + 3)
    assert (record.operator_answered_at, record.ended_by) == (None, None)
    assert not path.exists()


@pytest.mark.parametrize(
    "content",
    [b"", b'{"version": 1', b"[]", b"\xff\xfe", b"{}", b'"x"', b'{"ended_at": NaN}', DEEP],
)
async def test_a_broken_file_is_put_aside_and_stops_no_other(
    tmp_path: Path, content: bytes
) -> None:
    put(tmp_path, content, "call-0")
    put(tmp_path, served())
    kept = Kept()
    with capture_logs() as logs:
        assert await kept.read(tmp_path) == 1
    assert (tmp_path / "rejected" / "call-0.json").read_bytes() == content
    assert [one["event"] for one in logs] == ["fallback_record_rejected"]
    assert logs[0]["why"]


async def test_a_second_broken_file_does_not_replace_the_first(tmp_path: Path) -> None:
    for content in (b"one", b"two"):
        put(tmp_path, content)
        await Kept().read(tmp_path)
    found = {path.read_bytes() for path in (tmp_path / "rejected").iterdir()}
    assert found == {b"one", b"two"}


async def test_what_is_no_file_is_put_aside_unread(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text(json.dumps(served()))
    os.mkfifo(tmp_path / "pipe.json")
    (tmp_path / "link.json").symlink_to(secret)
    (tmp_path / "folder.json").mkdir()
    kept = Kept()
    assert await kept.read(tmp_path) == 0
    assert kept.events == {}
    names = {path.name for path in (tmp_path / "rejected").iterdir()}
    assert names == {"pipe.json", "link.json", "folder.json"}


async def test_a_half_written_file_of_a_script_is_not_looked_at(tmp_path: Path) -> None:
    (tmp_path / ".call-1.json.77").write_text("{")
    assert await Kept().read(tmp_path) == 0
    assert (tmp_path / ".call-1.json.77").exists()


async def test_a_file_that_was_written_again_meanwhile_is_kept(tmp_path: Path) -> None:
    path, kept = put(tmp_path, STARTED), Kept()

    async def flushed() -> None:
        if kept.events:
            put(tmp_path, served(), "new", at=ARRIVED + 32).replace(path)

    await read_spool(tmp_path, kept, kept, flushed, LATER)
    assert json.loads(path.read_bytes())["status"] == "answered"


async def test_a_folder_that_is_not_there_is_empty(tmp_path: Path) -> None:
    assert await Kept().read(tmp_path / "none") == 0


async def test_the_oldest_call_comes_first(tmp_path: Path) -> None:
    put(tmp_path, served(asterisk_id="new"), "a", at=ARRIVED + 50)
    put(tmp_path, served(asterisk_id="old"), "b", at=ARRIVED + 40)
    kept = Kept()
    assert await kept.read(tmp_path) == 2
    arrivals = [one for one in kept.events.values() if one.kind is EventKind.ARRIVED]
    assert [one.data["asterisk_id"] for one in arrivals] == ["old", "new"]


def test_a_glance_tells_whom_the_fallback_has_and_who_hung_up(tmp_path: Path) -> None:
    put(tmp_path, served(asterisk_id="served"), "a")
    put(tmp_path, HUNG_UP | {"asterisk_id": "gone"}, "b")
    put(tmp_path, served(asterisk_id="back", status="taken_back", caller_number="0899"), "c")
    put(tmp_path, STARTED | {"asterisk_id": "up"}, "d")
    put(tmp_path, b"{", "e")
    seen = glance(tmp_path, Anchor("", 0.0))
    assert seen.noted == {"served", "gone", "back", "up"}
    assert seen.served == {"served", "up"}
    assert seen.ended.keys() == {"served", "gone"}
    assert seen.callers and "0899" not in seen.callers
