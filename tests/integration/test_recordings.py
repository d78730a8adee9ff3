"""Recordings of calls on a real Asterisk: what is in the file, what a failing disk touches."""

from __future__ import annotations

import array
import hashlib
import os
import signal
import subprocess
import time
import wave
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import pytest_asyncio
from kept import kept_line
from lines import Line, eventually
from sqlalchemy import select
from test_commands import run
from tone_floor import CITIZEN_HZ, EVERYBODY, TONES, Floor, Scene, goes_on, open_floor
from tone_phone import loudness

from acd.calls.record import CallRecord
from models.database import Database
from models.rows import plain
from models.tables import AccessTrailRow, RecordingRow
from ngalam112.process import pidfiles
from ngalam112.recordings.audio import RATE
from ngalam112.recordings.chain import BEGIN, link
from ngalam112.recordings.standing import read_standing
from pbx.programs import Programs

pytestmark = pytest.mark.asyncio(loop_scope="module")

WITHIN_S = 0.5
WINDOW_S = 0.2
LOUD = 1000
KIB = 1024
MOST = 3
"""So many calls of the line that the tests share are recorded at once."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def floor(
    programs: Programs, brief_sounds: Path, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Floor]:
    home = tmp_path_factory.mktemp("line")
    own = {"recordings": "wav", "recordings_most": MOST}
    async with open_floor(home, programs, brief_sounds, "0883", **own) as floor:
        yield floor


class Recording(NamedTuple):
    """A recording that was filed: its row, and its two channels as samples."""

    row: dict[str, Any]
    path: Path
    left: list[int]
    right: list[int]

    @property
    def seconds(self) -> float:
        return len(self.left) / RATE

    def tones(self, channel: list[int]) -> list[set[int]]:
        """Who is heard in each window of a channel."""
        step = round(WINDOW_S * RATE)
        parts = [channel[at : at + step] for at in range(0, len(channel) - step + 1, step)]
        return [{hz for hz in EVERYBODY if loudness(part, hz) > LOUD} for part in parts]


async def rows_of(line: Line) -> list[dict[str, Any]]:
    query = select(RecordingRow.__table__).order_by(RecordingRow.id)
    async with Database(line.settings.url) as database, database.session() as session:
        return [plain(dict(row)) for row in (await session.execute(query)).mappings()]


async def filed(line: Line, record: CallRecord) -> Recording:
    """The recording of a call, once it is filed."""

    async def there() -> list[dict[str, Any]]:
        return [row for row in await rows_of(line) if row["asterisk_id"] == record.asterisk_id]

    (row,) = await eventually(there, 15.0, "the recording is filed")
    path = line.settings.recordings_home / row["path"]
    return Recording(row, path, *channels(path))


def channels(path: Path) -> tuple[list[int], list[int]]:
    """The samples of both channels of a WAV."""
    with wave.open(str(path), "rb") as audio:
        assert (audio.getnchannels(), audio.getsampwidth(), audio.getframerate()) == (2, 2, RATE)
        samples = array.array("h", audio.readframes(audio.getnframes()))
    return list(samples[::2]), list(samples[1::2])


async def recordings_say(line: Line, what: str, holds: Any) -> None:
    async def said() -> bool:
        return bool(holds((await line.get("/api/status"))["recordings"]))

    await eventually(said, within=20, what=what)


async def engine_dies(scene: Scene) -> None:
    engine = scene.line.running.engine
    assert engine.pid is not None
    os.kill(engine.pid, signal.SIGKILL)
    await engine.ended()
    await engine.start()


async def hold_transfer_and_conference(scene: Scene) -> CallRecord:
    """One call through all of it, and through the death of its engine."""
    call, first = await scene.talk(), scene.phones["101"]
    await first.hold(call)
    await scene.in_state("101", "holding")
    await scene.music_goes_on(1.0)
    await first.hold(call, False)
    await scene.together(first)
    second, third = await scene.tone_phone("102"), await scene.tone_phone("103")
    await scene.ring(second, "102")
    await second.answered()
    await scene.apart(first, second)
    await first.press("*2")
    await scene.free(first)
    await scene.together(second)
    await second.press("*2103#")
    await third.answered()
    await second.press("*3")
    await scene.together(second, third)
    await engine_dies(scene)
    await goes_on(1.0)
    await scene.together(second, third)
    return await scene.over()


async def test_one_file_has_all_who_spoke_through_hold_transfer_conference_and_a_dead_engine(
    floor: Floor,
) -> None:
    async with floor.scene("101") as scene:
        record = await hold_transfer_and_conference(scene)
    found = await filed(floor.line, record)
    assert record.ended_at is not None and record.operator_answered_at is not None
    assert abs(found.seconds - (record.ended_at - record.arrived_at)) < WITHIN_S
    assert found.row["call_id"] == record.call_id

    said, heard = found.tones(found.left), found.tones(found.right)
    first, second, third = (TONES[one] for one in ("101", "102", "103"))
    assert set().union(*said) == {CITIZEN_HZ}, "the citizen is in the left channel, alone"
    assert sum(CITIZEN_HZ in one for one in said) > 0.9 * len(said) - 5
    assert set().union(*heard) == {first, second, third}
    assert {second, third} in heard, "both of the conference at once"
    answer_s = record.operator_answered_at - record.arrived_at
    begin_s = next(at for at, one in enumerate(heard) if first in one) * WINDOW_S
    assert abs(begin_s - answer_s) < WITHIN_S + WINDOW_S

    rows = await rows_of(floor.line)
    before = rows[found.row["id"] - 2]["chain"] if found.row["id"] > 1 else BEGIN
    sha256 = hashlib.sha256(found.path.read_bytes()).hexdigest()
    assert (found.row["sha256"], found.row["chain"]) == (
        sha256,
        link(before, sha256, record.asterisk_id),
    )
    left_over = [one.name for one in (floor.line.settings.growing_recordings).iterdir()]
    assert left_over == [], "what grew is gone once it is filed"


async def test_a_recording_can_be_heard_while_it_grows_and_its_keeper_may_die(
    floor: Floor, tmp_path: Path
) -> None:
    async with floor.scene("101") as scene:
        await scene.talk()
        (raw,) = floor.line.settings.growing_recordings.glob("*.raw")
        size = raw.stat().st_size
        await eventually(lambda: raw.stat().st_size >= size + 64 * KIB, 6.0, "it grows")
        await floor.line.is_written()
        (living,) = (await floor.line.get("/api/status"))["living"]
        copy = tmp_path / "so_far.wav"
        words = ("recordings", "export", living["call_id"], "-o", str(copy))
        done = await run(floor.line.settings, *words)
        assert (done.code, done.err) == (0, "")
        left, _ = channels(copy)
        assert loudness(left[-RATE:], CITIZEN_HZ) > LOUD
        await floor.line.running.recordings.stop(signal.SIGKILL)
        record = await scene.over()
        assert raw.exists()
        await floor.line.running.recordings.start()
    found = await filed(floor.line, record)
    assert CITIZEN_HZ in set().union(*found.tones(found.left))


async def test_what_is_said_in_a_pause_is_silence_also_over_the_death_of_an_engine(
    floor: Floor,
) -> None:
    async with floor.scene("101") as scene:
        await scene.talk()
        first = scene.phones["101"]
        await goes_on(1.0)
        await first.press("*7")
        await said_in_trail(floor.line, "recording paused")
        await engine_dies(scene)
        await scene.together(first)
        await goes_on(2.0)
        await floor.line.post("/api/operators/1101/recording", {"on": True, "by": "rini"})
        await said_in_trail(floor.line, "recording goes on")
        await goes_on(1.0)
        record = await scene.over()
    found = await filed(floor.line, record)
    assert record.ended_at is not None
    assert abs(found.seconds - (record.ended_at - record.arrived_at)) < WITHIN_S
    both = list(zip(found.tones(found.left), found.tones(found.right), strict=True))
    silent = [at for at, one in enumerate(both) if one == (set(), set())]
    talk = ({CITIZEN_HZ}, {TONES["101"]})
    longest = max(len(list(group)) for is_silent, group in groupby(both, is_nothing) if is_silent)
    assert longest * WINDOW_S > 2.0, silent
    assert both[-3] == talk and talk in both[: silent[-1] - longest]


def is_nothing(both: tuple[set[int], set[int]]) -> bool:
    return both == (set(), set())


async def test_no_more_calls_are_recorded_at_once_than_are_allowed_also_while_nobody_looks(
    floor: Floor,
) -> None:
    growing = floor.line.settings.growing_recordings
    await floor.line.running.recordings.stop(signal.SIGKILL)
    try:
        async with floor.scene() as scene:
            for number in range(MOST + 2):
                await scene.caller_with(f"08830070{number:02}", "2")
            assert len(list(growing.glob("*.raw"))) == MOST
    finally:
        await floor.line.running.recordings.start()
    async with floor.scene() as scene:
        await scene.caller_with("0883007099", "2")
        await recordings_say(floor.line, "there is room again", lambda it: it["growing"] == 1)


async def said_in_trail(line: Line, command: str) -> None:
    async def there() -> bool:
        query = select(AccessTrailRow.id).where(AccessTrailRow.command == command)
        async with Database(line.settings.url) as database, database.session() as session:
            return (await session.execute(query)).first() is not None

    await eventually(there, 6.0, command)


def as_root(*command: str) -> None:
    """Who is not root needs sudo, as for SIPp's raw sockets."""
    sudo = [] if os.geteuid() == 0 else ["sudo", "-n"]
    subprocess.run([*sudo, *command], check=True)


@contextmanager
def small_disk(folder: Path, size_kib: int) -> Iterator[Path]:
    """A disk of its own of so many KiB."""
    folder.mkdir()
    options = f"size={size_kib}k,mode=0700,uid={os.geteuid()},gid={os.getegid()}"
    as_root("mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder))
    try:
        yield folder
    finally:
        as_root("umount", "-l", str(folder))


@contextmanager
def disk_that_may_hang(folder: Path) -> Iterator[Path]:
    """A disk in a file, which `fsfreeze` lets hang."""
    image = folder.with_suffix(".image")
    with image.open("wb") as file:
        file.truncate(32 * KIB * KIB)
    folder.mkdir()
    owner = f"root_owner={os.geteuid()}:{os.getegid()}"
    as_root("mkfs.ext4", "-q", "-E", owner, str(image))
    as_root("mount", "-o", "loop", str(image), str(folder))
    try:
        yield folder
    finally:
        as_root("umount", "-l", str(folder))


async def no_channels(line: Line) -> bool:
    """Whether Asterisk holds none, by its own word: ARI lists what a thread that hangs knows of."""
    return "0 active channels" in await line.running.asterisk.console("core show channels count")


@contextmanager
def hanging(disk: Path) -> Iterator[None]:
    as_root("fsfreeze", "--freeze", str(disk))
    try:
        yield
    finally:
        as_root("fsfreeze", "--unfreeze", str(disk))


@pytest.mark.disk
async def test_a_disk_that_hangs_raises_an_alarm_and_touches_no_call(
    programs: Programs, brief_sounds: Path, tmp_path: Path
) -> None:
    with disk_that_may_hang(tmp_path / "disk") as disk:
        home = tmp_path / "line"
        home.mkdir()
        own = {"recordings_folder": disk, "recordings_free_mb": 1, "recordings": "wav"}
        async with open_floor(home, programs, brief_sounds, "0885", **own) as floor:
            line = floor.line
            async with floor.scene("101") as scene:
                await scene.talk()
                await recordings_say(line, "it is recorded", lambda it: it["growing"] == 1)
                with hanging(disk):
                    # before anybody knows: this one writes, and the next one is to be recorded
                    await goes_on(2.0)
                    await scene.together(scene.phones["101"])
                    first = await scene.over()
                    other, call = await scene.caller_with(scene.another_caller, "2")
                    talk = await scene.phones["101"].answered(2)
                    await other.hears_only({TONES["101"]}, EVERYBODY)
                    await recordings_say(
                        line, "an alarm", lambda it: it["stop"] == "hangs" and it["alarms"]
                    )
                    assert other.longest_silence(time.monotonic() - 2.0) < 0.5
                    scene.phones["101"].hang_up(talk)
                    await eventually(lambda: call.over, 3.0, "the citizen is hung up too")
                    await line.ended(1, scene.another_caller)
                    await eventually(lambda: no_channels(line), 6.0, "no channels")
            await recordings_say(line, "it answers", lambda it: not it["stop"])
            found = await filed(line, first)
            assert CITIZEN_HZ in set().union(*found.tones(found.left))


@pytest.mark.disk
async def test_a_disk_that_is_full_raises_an_alarm_and_touches_no_call(
    programs: Programs, brief_sounds: Path, tmp_path: Path
) -> None:
    with small_disk(tmp_path / "disk", 1500) as disk:
        home = tmp_path / "line"
        home.mkdir()
        own = {"recordings_folder": disk, "recordings_free_mb": 1, "recordings": "wav"}
        async with open_floor(home, programs, brief_sounds, "0884", **own) as floor:
            line = floor.line
            async with floor.scene("101") as scene:
                await scene.talk()
                await recordings_say(line, "it is recorded", lambda it: it["growing"] == 1)
                ballast = disk / "ballast"
                with ballast.open("wb") as file:
                    while fill(file):
                        pass
                await recordings_say(
                    line, "an alarm", lambda it: it["stop"] == "full" and it["alarms"]
                )
                assert line.settings.no_recordings.exists()
                await goes_on(3.0)
                await scene.together(scene.phones["101"])
                first = await scene.over()
            async with floor.scene("101") as scene:
                await scene.talk()
                assert len(list(line.settings.growing_recordings.glob("*.raw"))) <= 1
                await scene.over()
            ballast.unlink()
            await recordings_say(line, "it goes on", lambda it: not it["stop"])
            found = await filed(line, first)
            assert found.row["missing_ms"] > 1000
            await recordings_say(line, "no alarm", lambda it: not it["alarms"])
            assert len(await rows_of(line)) == 1, "the second call was not recorded"


def fill(file: Any) -> bool:
    try:
        return bool(os.write(file.fileno(), bytes(4 * KIB)))
    except OSError:
        return False


async def test_up_keeps_who_files_recordings_and_ends_it_with_the_line(
    programs: Programs, brief_sounds: Path, tmp_path: Path
) -> None:
    async with kept_line(tmp_path, programs, brief_sounds, desks=1, recordings="wav") as (line, up):
        file = line.settings.run / "recordings.pid"

        async def files_since(at: float) -> bool:
            return read_standing(line.settings.recordings_standing).at > at

        await eventually(lambda: files_since(0.0), 20.0, "somebody looks after recordings")
        first = pidfiles.read(file)
        assert first is not None
        os.kill(first.pid, signal.SIGKILL)
        killed_at = time.time()
        await eventually(lambda: files_since(killed_at), 20.0, "another one does")
        assert await up.end(signal.SIGTERM) == 0
        assert up.parts() == []
