"""Recordings that are filed, checked, exported, purged and erased, on both databases."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from databases import with_tables
from lines import line_settings
from personal import LATER, NOON, SRI, SRI_KEY, fill, rows_of
from sqlalchemy import delete, update
from test_commands import run

from acd.rules.retention import A_MONTH, Keep, Retention
from models.database import Database
from models.tables import AccessTrailRow, CallRow, RecordingRow
from ngalam112.config.settings import Settings
from ngalam112.personal_data.erasing import erase
from ngalam112.personal_data.holds import place_hold
from ngalam112.personal_data.purging import Purge
from ngalam112.personal_data.recordings import purge_recordings
from ngalam112.recordings import filing
from ngalam112.recordings.audio import BYTES_S, Gap, Written
from ngalam112.recordings.filing import Filed, file_recording
from ngalam112.recordings.keeper import Keeper
from ngalam112.recordings.names import GROWING, Source, filed_name
from ngalam112.recordings.removing import remove_files
from ngalam112.recordings.standing import Stop, read_standing
from ngalam112.recordings.survey import Raw, survey
from ngalam112.recordings.verifying import Verifying
from privacy.holds import HoldKind

pytest_plugins = ("databases",)

DAY_S = 86_400.0
TWO_S = bytes(range(1, 251)) * (2 * BYTES_S // 250)


async def nobody(calls: Sequence[str], incidents: Sequence[str]) -> None:
    """No engine has anything in mind."""


def a_raw(folder: Path, channel: str, data: bytes = TWO_S, arrived_at: float = NOON) -> Path:
    """What Asterisk has left of a call of two seconds."""
    growing = folder / GROWING
    growing.mkdir(parents=True, exist_ok=True)
    path = growing / f"{channel}_{arrived_at:.6f}.raw"
    path.write_bytes(data)
    os.utime(path, (arrived_at + 2.0, arrived_at + 2.0))
    return path


async def file_all(database: Database, folder: Path, now: float = LATER) -> list[Filed | None]:
    found = survey(folder, now).files
    assert all(raw.ended for raw in found)
    return [await file_recording(database, folder, raw, [], now) for raw in found]


async def wrong(database: Database, folder: Path) -> list[str]:
    check = Verifying(folder)
    async with database.session() as session:
        return [one async for one in check.problems(session)]


async def states(database: Database) -> list[str]:
    return [row["state"] for row in await rows_of(database, RecordingRow)]


async def test_what_is_filed_twice_is_there_once(database: Database, tmp_path: Path) -> None:
    a_raw(tmp_path, "c.1")
    (first,) = await file_all(database, tmp_path)
    assert first is not None and first.duration_s == 2.0 and first.missing_s == 0.0
    a_raw(tmp_path, "c.1")  # the power went before it was removed
    assert await file_all(database, tmp_path) == [None]
    assert list((tmp_path / GROWING).iterdir()) == []
    (row,) = await rows_of(database, RecordingRow)
    assert (row["id"], row["bytes"]) == (1, 44 + len(TWO_S))
    assert first.path.stat().st_mode & 0o077 == 0
    assert await wrong(database, tmp_path) == []


async def test_a_power_cut_before_the_row_is_filed_again(
    database: Database, tmp_path: Path
) -> None:
    a_raw(tmp_path, "c.1")
    await file_all(database, tmp_path)
    async with database.engine.begin() as connection:
        await connection.execute(delete(RecordingRow))
    a_raw(tmp_path, "c.1")
    (again,) = await file_all(database, tmp_path)
    assert again is not None
    assert await wrong(database, tmp_path) == []


async def test_whatever_is_changed_afterwards_is_named(database: Database, tmp_path: Path) -> None:
    for number in range(5):
        a_raw(tmp_path, f"c.{number}", arrived_at=NOON + number)
    filed = [one for one in await file_all(database, tmp_path) if one is not None]
    assert await wrong(database, tmp_path) == []
    with filed[1].path.open("r+b") as file:
        file.seek(1000)
        file.write(b"x")
    filed[2].path.unlink()
    (changed, away) = await wrong(database, tmp_path)
    assert "recording 2" in changed and "not as it was filed" in changed
    assert "recording 3" in away and "cannot be read" in away
    async with database.engine.begin() as connection:
        row = RecordingRow
        await connection.execute(update(row).where(row.id == 4).values(asterisk_id="another"))
        await connection.execute(delete(row).where(row.id == 1))
    found = " ".join(await wrong(database, tmp_path))
    assert "recording 1: its row is missing" in found and "recording 4: its row is not" in found


async def test_a_recording_of_which_seconds_are_missing_says_so(
    database: Database, tmp_path: Path
) -> None:
    path = a_raw(tmp_path, "c.1")
    os.utime(path, (NOON + 300.0, NOON + 300.0))
    (filed,) = await file_all(database, tmp_path)
    assert filed is not None
    assert (filed.missing_s, filed.duration_s) == (298.0, 62.0)


async def test_old_recordings_go_but_for_those_on_hold_and_the_chain_stays_whole(
    database: Database, tmp_path: Path
) -> None:
    await fill(database)
    for call in ("s1", "b1", "unknown"):
        a_raw(tmp_path, call)
    await file_all(database, tmp_path)
    await place_hold(database, HoldKind.NUMBER, SRI_KEY, "court", "rini", LATER)
    young = await purge_recordings(
        database, A_MONTH, now=NOON + 30 * DAY_S, country="ID", writes=True
    )
    assert young == (0, {})
    seen = await purge_recordings(
        database, A_MONTH, now=NOON + 40 * DAY_S, country="ID", writes=False
    )
    assert await states(database) == ["kept"] * 3
    done = await purge_recordings(
        database, A_MONTH, now=NOON + 40 * DAY_S, country="ID", writes=True
    )
    assert seen == done and done[0] < 3 and any("legal hold" in why for why in done[1])
    assert await remove_files(database, tmp_path) == done[0]
    assert "going" not in await states(database)
    assert await wrong(database, tmp_path) == []


async def test_the_nightly_purge_takes_them_too(database: Database, tmp_path: Path) -> None:
    a_raw(tmp_path, "unknown")
    await file_all(database, tmp_path)
    now = datetime.fromtimestamp(NOON, UTC) + timedelta(days=40)
    rules = Retention(recordings=Keep(personal=A_MONTH))
    purge = Purge(database, rules, let_go=nobody, by="night", now=now, country="ID", writes=True)
    found = {one.name: one.done for one in await purge.run()}
    assert found["recordings"] == 1
    assert await states(database) == ["going"]


async def test_who_is_erased_is_not_heard_any_more_nor_filed_later(
    database: Database, tmp_path: Path
) -> None:
    await fill(database)
    for call in ("s1", "b1"):
        a_raw(tmp_path, call)
    await file_all(database, tmp_path)
    await erase(
        database, SRI_KEY, let_go=nobody, why="request 1", by="rini", now=LATER, country="ID"
    )
    kept = {row["asterisk_id"]: row["state"] for row in await rows_of(database, RecordingRow)}
    erased = {
        row["asterisk_id"]
        for row in await rows_of(database, CallRow)
        if row["caller_number"] == "erased"
    }
    assert kept == {"s1": "going" if "s1" in erased else "kept", "b1": "kept"}
    assert erased
    await remove_files(database, tmp_path)
    one = sorted(erased - {"s1"} or erased)[0]
    async with database.engine.begin() as connection:
        await connection.execute(delete(RecordingRow))
    a_raw(tmp_path, one)
    assert await file_all(database, tmp_path) == [None]
    assert list((tmp_path / GROWING).iterdir()) == []


def sounds(folder: Path) -> list[Path]:
    return [one for one in folder.rglob("*") if one.suffix in (".wav", ".raw")]


def of_nobody(call: str) -> Any:
    return update(CallRow).where(CallRow.asterisk_id == call).values(caller_number="erased")


async def test_who_is_erased_while_a_recording_is_written_is_not_heard_any_more(
    database: Database, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await fill(database)
    a_raw(tmp_path, "s1")
    right = filing._write

    def slow(raw: Raw, gaps: Sequence[Gap], path: Path) -> tuple[Written, int]:
        made = right(raw, gaps, path)
        asyncio.run(erased())
        return made

    async def erased() -> None:
        async with Database(database_url) as other, other.engine.begin() as connection:
            await connection.execute(of_nobody("s1"))

    monkeypatch.setattr(filing, "_write", slow)
    assert await file_all(database, tmp_path) == [None]
    assert await states(database) == []
    assert sounds(tmp_path) == []


async def test_what_a_power_cut_left_of_who_is_erased_by_now_goes(
    database: Database, tmp_path: Path
) -> None:
    await fill(database)
    a_raw(tmp_path, "s1")
    await file_all(database, tmp_path)
    async with database.engine.begin() as connection:
        await connection.execute(delete(RecordingRow))
        await connection.execute(of_nobody("s1"))
    a_raw(tmp_path, "s1")
    assert await file_all(database, tmp_path) == [None]
    assert sounds(tmp_path) == []


async def test_a_keeper_without_its_database_loses_nothing_and_says_why(tmp_path: Path) -> None:
    a_raw(tmp_path, "c.1")
    database = Database(f"sqlite:///{tmp_path / 'away' / 'line.db'}")
    keeper = a_keeper(database, tmp_path)
    await keeper.look()
    assert not await keeper.file_ended()
    assert keeper.standing.failing and keeper.standing.waiting == 1
    assert len(list((tmp_path / GROWING).glob("*.raw"))) == 1
    await database.engine.dispose()


async def test_a_file_that_somebody_writes_is_left_alone(
    database: Database, tmp_path: Path
) -> None:
    path = a_raw(tmp_path, "c.1")
    keeper = a_keeper(database, tmp_path)
    with path.open("ab"):
        await keeper.look()
        assert (keeper.standing.growing, keeper.standing.waiting) == (1, 0)
    await keeper.look()
    assert (keeper.standing.growing, keeper.standing.waiting) == (0, 1)
    assert await keeper.file_ended()
    assert await states(database) == ["kept"]


async def test_one_that_cannot_be_filed_keeps_no_other_from_it(
    database: Database, tmp_path: Path
) -> None:
    a_raw(tmp_path, "c.1")
    a_raw(tmp_path, "c.2", arrived_at=NOON + DAY_S / 2)
    blocked = (tmp_path / filed_name(Source("c.1", NOON))).parent
    blocked.parent.mkdir(parents=True)
    blocked.touch()  # a file where the folder of its day is to be
    keeper = a_keeper(database, tmp_path)
    await keeper.look()
    assert not await keeper.file_ended()
    assert keeper.standing.failing and await states(database) == ["kept"]
    blocked.unlink()
    assert await keeper.file_ended()
    assert not keeper.standing.failing and await states(database) == ["kept", "kept"]


async def test_what_waits_to_be_filed_stops_no_further_recording(
    database: Database, tmp_path: Path
) -> None:
    for name in ("c.1", "c.2"):
        a_raw(tmp_path, name)
    keeper = a_keeper(database, tmp_path, most=1)
    await keeper.look()
    assert (keeper.standing.waiting, keeper.standing.stop) == (2, Stop.NO)


async def test_that_asterisk_cannot_write_there_is_told_until_it_can(
    database: Database, tmp_path: Path
) -> None:
    (tmp_path / GROWING).mkdir()
    keeper = a_keeper(database, tmp_path)
    (tmp_path / "unbound").touch()
    await keeper.look()
    assert "no call is recorded" in read_standing(tmp_path / "standing.json").alarms(LATER)[0]
    (tmp_path / "unbound").unlink()
    await keeper.look()
    assert read_standing(tmp_path / "standing.json").alarms(LATER) == []


def a_keeper(database: Database, folder: Path, most: int = 100) -> Keeper:
    return Keeper(
        database,
        folder,
        stop_file=folder / "stop",
        standing_file=folder / "standing.json",
        unbound_file=folder / "unbound",
        least_free=1,
        most=most,
        clock=lambda: LATER,
    )


@pytest.fixture
async def settings(tmp_path: Path) -> Settings:
    made = line_settings(tmp_path / "line", recordings="wav")
    await with_tables(made.url)
    return made


async def test_the_commands_list_export_play_hold_verify_and_purge(
    settings: Settings, tmp_path: Path
) -> None:
    folder = settings.recordings_home
    async with Database(settings.url) as database:
        await fill(database)
        a_raw(folder, "s1")
        (filed,) = await file_all(database, folder)
        assert filed is not None
        listed = json.loads((await run(settings, "recordings", "list", "-f", "json")).out)
        assert [(one["call_id"], one["state"]) for one in listed] == [("s1", "kept")]
        out = tmp_path / "s1.wav"
        done = await run(settings, "recordings", "export", "s1", "-o", str(out))
        assert (done.code, done.err) == (0, "")
        assert out.read_bytes() == filed.path.read_bytes()
        trail: list[Any] = await rows_of(database, AccessTrailRow)
        assert [(one["kind"], one["target"], one["command"]) for one in trail] == [
            ("call", "s1", "recordings export")
        ]
        assert "legal" not in (await run(settings, "recordings", "purge")).err
        held = await run(settings, "recordings", "hold", "s1", "--reason", "court 12")
        assert "is placed on call s1" in held.out
        applied = await run(settings, "recordings", "purge", "--apply")
        assert "Done." in applied.out
        assert await states(database) == ["kept"]
        trail = await rows_of(database, AccessTrailRow)
        audited = sorted(one["command"] for one in trail if one["kind"] == "change")
        assert audited == ["recordings hold", "recordings purge"], "the dry run changes nothing"
        good = await run(settings, "recordings", "verify")
        assert good.code == 0 and "1 recordings, 1 files read" in good.out
        noted = await run(settings, "recordings", "verify", "--known", "0" * 63 + "1")
        assert noted.code == 1 and "is not in the chain" in noted.out
        filed.path.write_bytes(b"another")
        bad = await run(settings, "recordings", "verify")
        assert bad.code == 1 and "is not as it was filed" in bad.out
        refused = await run(settings, "recordings", "export", "s1", "-o", str(out))
        assert refused.code == 1 and "not as it was filed" in refused.err
        missing = await run(settings, "recordings", "play", "b1")
        assert missing.code == 1 and "was not recorded" in missing.err
        assert SRI not in refused.err
