"""A pytest plugin: whole lines for tests, each with its own ports and state folder.

A line is a real Asterisk and the engine as a process; phones and citizens are SIPp.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import shutil
import time
import wave
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import fork_server
import pytest
import pytest_asyncio
from databases import with_tables
from examples import FULL

from acd.calls.record import CallRecord
from lab.actors.players import PlayedPhone, Players
from lab.actors.sipp import SippRun, free_port
from lab.actors.softphone import Softphone
from lab.machine.waiting import eventually
from models.database import Database
from ngalam112.accounts.admin import add_operator, add_phone, load_roster
from ngalam112.cli.client import Client
from ngalam112.config.provision import provision_phones
from ngalam112.config.routing import build_prompts
from ngalam112.config.settings import PROJECT, Settings, load_settings
from ngalam112.config.sounds import build_music
from ngalam112.process.running_line import RunningLine, prepare
from pbx.programs import Programs
from reports.calls import CallHistory, list_calls, show_call

_READ_AGAIN_S = 0.25  # two writes in one tick of the clock look like one
PASSWORD = "a-phone-password"
PIN = "654321"


class Line:
    """A line under test: its processes, its players, its records."""

    def __init__(self, settings: Settings, programs: Programs, running: RunningLine) -> None:
        self.settings, self.programs, self.running = settings, programs, running
        self.players = Players(programs, settings.home / "sipp", settings.sip_port)
        self.client = Client(settings)
        self.phones: dict[str, PlayedPhone] = {}

    async def get(self, path: str) -> Any:
        """GET from the engine's API."""
        return await asyncio.to_thread(self.client.get, path)

    async def post(self, path: str, body: Any = None) -> Any:
        """POST to the engine's API."""
        return await asyncio.to_thread(self.client.post, path, body or {})

    async def operators_ready(
        self,
        *numbers: str,
        answer: str = "phone_answer_talk_bye",
        limit_s: float = 600.0,
        rows: Sequence[Sequence[str]] | None = None,
    ) -> SippRun:
        """Register the phones, let them behave as `answer`, and log their operators in by *11.

        `limit_s`: for so long they are there at most. `rows`: how long each call takes, where the
        scenario reads that. Returns what plays them, which is one SIPp for all of them.
        """
        phones = await self.players.register_together(numbers, PASSWORD)
        self.phones.update(zip(numbers, phones, strict=True))
        run = await self.players.behave(phones[0], answer, limit_s=limit_s, rows=rows)
        await self.players.dial_each(phones, "*11")
        await eventually(lambda: self.idle(numbers), what=f"operators at {numbers} idle")
        return run

    async def as_at_first(self) -> None:
        """For another test: an engine serves, nobody is logged in, no phone is there, no call."""
        if self.running.engine.pid is None:
            await self.running.engine.start()
        for one in (await self.get("/api/operators"))["operators"]:
            if one["status"] != "logged_out":
                await self.post(f"/api/operators/{one['id']}/logout")
        await self.players.all_leave(list(self.phones.values()))
        self.phones.clear()
        # whose SIPp was stopped in a call has said nothing
        await self.running.asterisk.console("channel request hangup all")
        await self.is_empty()

    def softphone(self, number: str, password: str = "", *, tone_hz: int = 400) -> Softphone:
        """A real softphone; with a password it registers, without one it is a citizen's."""
        work = self.settings.home / "softphones"
        return Softphone(
            self.programs, work, self.settings.sip_port, number, password, tone_hz=tone_hz
        )

    @asynccontextmanager
    async def operator_at(self, number: str, *, tone_hz: int = 700) -> AsyncIterator[Softphone]:
        """A softphone at which its operator has logged in by *11; logged out afterwards."""
        async with self.softphone(number, PASSWORD, tone_hz=tone_hz) as phone:
            await phone.closed(await phone.dial("*11"))
            await eventually(lambda: self.idle((number,)), what=f"operator at {number} idle")
            yield phone
        await self.post(f"/api/operators/1{number}/logout")

    async def behave(self, number: str, scenario: str, limit_s: float = 600.0) -> SippRun:
        """Let a registered phone take calls as the scenario says, for so long at most."""
        return await self.players.behave(self.phones[number], scenario, limit_s=limit_s)

    async def idle(self, numbers: tuple[str, ...]) -> bool:
        """Whether the operators at these phones are idle, and the phones free."""
        operators = (await self.get("/api/operators"))["operators"]
        idle = {one["phone"] for one in operators if one["state"] == "idle"}
        devices = (await self.get("/api/phones"))["phones"]
        free = {one["number"] for one in devices if one["device"] == "free"}
        return set(numbers) <= idle & free

    async def records(self, caller: str = "") -> list[CallRecord]:
        """The call records, oldest first; of callers whose number holds `caller`."""
        async with Database(self.settings.url) as database, database.session() as session:
            return (await list_calls(session, caller=caller, limit=10_000))[::-1]

    async def history(self, call_id: str) -> CallHistory:
        """A record with its events."""
        async with Database(self.settings.url) as database, database.session() as session:
            return await show_call(session, call_id)

    async def ended(self, count: int, caller: str = "", within: float = 15.0) -> list[CallRecord]:
        """The records of `count` calls, once all of them have ended and are written."""
        seen: tuple[Any, float] = (None, 0.0)

        async def done() -> list[CallRecord]:
            # to read them takes 20 ms of CPU; a file that nobody has written to says nothing new
            nonlocal seen
            now = time.monotonic()
            if (state := self._database_file()) is not None:
                if state == seen[0] and now - seen[1] < _READ_AGAIN_S:
                    return []
                seen = (state, now)
            records = await self.records(caller)
            return records if len([one for one in records if one.ended_at]) >= count else []

        return list(await eventually(done, within, f"{count} ended calls of {caller!r}"))

    def _database_file(self) -> list[tuple[int, int]] | None:
        """When the files of an SQLite database were written to last, and how large they are."""
        if not self.settings.url.startswith("sqlite:///"):
            return None
        file = self.settings.url.removeprefix("sqlite:///")
        found = [Path(f"{file}{more}") for more in ("", "-wal")]
        stats = [one.stat() for one in found if one.exists()]
        return [(one.st_mtime_ns, one.st_size) for one in stats]

    async def is_written(self) -> None:
        """The database has all that has happened so far."""

        async def nothing_waits() -> bool:
            return (await self.get("/api/status"))["engine"]["backlog"] == 0

        await eventually(nothing_waits, what="all is written")

    async def is_empty(self, within: float = 10.0) -> None:
        """Asterisk holds no channel and no bridge any more."""

        async def empty() -> bool:
            return await self.running.left_over() == 0

        await eventually(empty, within, "no channels and no bridges")


@pytest.fixture(scope="session")
def programs() -> Programs:
    return Programs.find()


@pytest.fixture(scope="session")
def built_sounds(programs: Programs, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The prompts and the music; made by whichever of the test run's processes is first."""
    base = tmp_path_factory.getbasetemp()
    home = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "built-sounds"
    home.mkdir(exist_ok=True)
    settings = load_settings(home=home)
    with (home / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        build_prompts(settings, programs)
        build_music(settings.music, programs)
    return home


_BRIEF_S = 0.3


@pytest.fixture(scope="session")
def brief_sounds(built_sounds: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same prompts, each cut off after 0.3 s, and the music: for tests in which no word counts.

    A prompt that nobody interrupts takes 5 to 7 s, and a test waits for it in vain. With
    `make test FULL=1` they are whole.
    """
    if FULL:
        return built_sounds
    home = tmp_path_factory.mktemp("brief-sounds")
    shutil.copytree(built_sounds / "music", home / "music")
    shutil.copytree(built_sounds / "sounds", home / "sounds")
    for path in (home / "sounds").rglob("*.wav"):
        with wave.open(str(path), "rb") as audio:
            form = audio.getparams()
            words = audio.readframes(round(_BRIEF_S * form.framerate))
        with wave.open(str(path), "wb") as audio:
            audio.setparams(form)
            audio.writeframes(words)
    return home


_homes: list[tuple[Path, float | None]] = []


@contextmanager
def _noted(home: Path) -> Iterator[None]:
    """Know that there is a line with this state folder, and when it ended."""
    _homes.append((home, None))
    try:
        yield
    finally:
        _homes.remove((home, None))
        _homes.append((home, time.monotonic()))


def homes_since(begun: float) -> list[Path]:
    """The state folders of all lines of this process that were up since a moment (monotonic)."""
    return [home for home, ended in _homes if ended is None or ended > begun]


def line_settings(home: Path, **changes: Any) -> Settings:
    """Settings of a line of its own: free ports, short wrap-up."""
    ports = {
        "sip_port": free_port(),
        "ari_port": free_port(),
        "ami_port": free_port(),
        "api_port": free_port(),
    }
    calm: dict[str, Any] = {"wrap_up_s": 0.5, "rtp_ports": "20000-29999", "database_url": ""}
    calm["phone_silence_s"] = 0  # SIPp's phones send no audio
    if "ring_timeout_s" in changes:
        calm["agency_ring_s"] = changes["ring_timeout_s"]  # as a rule it is longer
    return load_settings(home=home, **{**ports, **calm, **changes})


def _menu_that_waits(home: Path, silence_s: float) -> Path:
    shipped = (PROJECT / "ivr" / "menu.toml").read_text("utf-8")
    assert "silence_s = 2.0" in shipped
    home.mkdir(parents=True, exist_ok=True)
    menu = home / "menu.toml"
    menu.write_text(shipped.replace("silence_s = 2.0", f"silence_s = {silence_s}"), "utf-8")
    return menu


@asynccontextmanager
async def open_line(
    home: Path,
    programs: Programs,
    sounds: Path,
    *,
    desks: int = 4,
    silence_s: float | None = None,
    **changes: Any,
) -> AsyncIterator[Line]:
    """A line that is up, with `desks` phones (101...) and operators (1101...), none logged in.

    `silence_s`: how long the menu waits for a key after a prompt, if not as shipped.
    """
    if silence_s is not None:
        changes["menu_file"] = _menu_that_waits(home, silence_s)
    settings = line_settings(home, **changes)
    for name in ("sounds", "music"):
        shutil.copytree(sounds / name, home / name, dirs_exist_ok=True)
    await with_tables(settings.url)
    async with Database(settings.url) as database:
        for number in (str(101 + index) for index in range(desks)):
            await add_phone(database, number, PASSWORD, None)
            await add_operator(database, f"1{number}", f"Petugas {number}", PIN, number)
    await prepare(settings, programs)
    async with Database(settings.url) as database:
        provision_phones(settings, (await load_roster(database))[1])
    with _noted(home):
        async with RunningLine(settings, programs, fork_server.start) as running:
            line = Line(settings, programs, running)
            async with line.players:
                yield line


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def line(
    programs: Programs, built_sounds: Path, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Line]:
    """A line for all tests of a module, with four operators who answer; modules may have others."""
    home = tmp_path_factory.mktemp("line")
    async with open_line(home, programs, built_sounds) as line:
        await line.operators_ready("101", "102", "103", "104")
        yield line
