"""The processes of a line: makes the state folder ready, starts and stops them in order."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path

import aiohttp

from acd.agencies.agency import Agency
from acd.agencies.register import Register
from acd.config_file import Distribution
from acd.operators.operator import Phone
from models.database import Database, Unreachable, upgrade
from ngalam112.accounts.admin import load_roster
from ngalam112.accounts.agencies import load_agencies
from ngalam112.config.agencies import (
    agencies_are_rendered,
    agencies_at_first,
    provision_agencies,
)
from ngalam112.config.provision import (
    ARI_USER,
    DISK_ANSWERS_S,
    phones_are_rendered,
    provision,
    provision_phones,
    recording_folders,
    unread_file,
)
from ngalam112.config.routing import build_prompts, load_routing
from ngalam112.config.settings import Settings
from ngalam112.config.sounds import build_music
from pbx.asterisk import Asterisk, check_ports
from pbx.processes import end, start
from pbx.programs import Programs

DISK_ANSWERS_AGAIN_S = 1.0
"""So long another start of Asterisk waits for the disk of the recordings: citizens wait as well."""


class EngineFailed(Exception):
    """The engine did not start; the message is its last word."""


def check_line_ports(settings: Settings, *, engine_runs: bool = False) -> None:
    """Raise AsteriskError for the first port of the line that is taken.

    With `engine_runs` the API's may be: it is our own engine that has it.
    """
    sip = {"NGALAM112_SIP_PORT": settings.sip_port}
    check_ports(settings.bind, sip, sip)
    api = {} if engine_runs else {"NGALAM112_API_PORT": settings.api_port}
    check_ports(
        "127.0.0.1",
        api if settings.place else {},  # where Asterisk's copies of INVITEs come in
        {
            "NGALAM112_ARI_PORT": settings.ari_port,
            "NGALAM112_AMI_PORT": settings.ami_port,
            **api,
        },
    )


async def prepare(settings: Settings, programs: Programs, *, engine_runs: bool = False) -> None:
    """Make the state folder, the database, the sounds and the configuration ready."""
    check_line_ports(settings, engine_runs=engine_runs)
    settings.home.mkdir(parents=True, exist_ok=True)
    # callers' data: for the line's own user only, whoever made the folder
    settings.home.chmod(0o700)
    phones, agencies = await _stored(settings)
    await asyncio.to_thread(build_prompts, settings, programs)
    await asyncio.to_thread(build_music, settings.music, programs)
    routing = load_routing(settings)
    provision(settings, await asyncio.to_thread(programs.version, "asterisk"))
    _provision_agencies(settings, routing.distribution, agencies)
    if phones is not None:
        provision_phones(settings, phones)


def _provision_agencies(
    settings: Settings, found: Distribution, stored: list[Agency] | None
) -> None:
    if stored is None and agencies_are_rendered(settings):
        return  # those of before must do
    # the engine fills a table that is empty, with these
    agencies = Register(stored or agencies_at_first(settings, found))
    provision_agencies(settings, found, agencies)


async def _stored(settings: Settings) -> tuple[list[Phone] | None, list[Agency] | None]:
    """Read phones and agencies; None if the database is away and those of before must do."""
    try:
        await upgrade(settings.url)
        async with Database(settings.url) as database:
            return (await load_roster(database))[1], await load_agencies(database)
    except Unreachable as error:
        if not phones_are_rendered(settings):
            raise
        print(f"{error} The line starts with the phones that it had.", file=sys.stderr)  # noqa: T201
        return None, None


def _recording_folders(
    settings: Settings, programs: Programs, first: Iterator[float]
) -> list[Path]:
    """What Asterisk needs to record calls, at each of its starts; note whether it has that.

    What it does not get at its start, in a root of its own, it does not get before the next one.
    `first`: how long the disk may take the first time. A restart does not wait so long.
    """
    folders = recording_folders(settings, next(first, DISK_ANSWERS_AGAIN_S))
    is_unbound = settings.recordings != "off" and programs.root is not None and not folders
    with suppress(OSError):  # the state folder has alarms of its own
        if is_unbound:
            settings.run.mkdir(parents=True, exist_ok=True, mode=0o700)
            settings.recordings_unbound.touch(0o600)
        else:
            settings.recordings_unbound.unlink(missing_ok=True)
    return folders


def line_asterisk(settings: Settings, programs: Programs) -> Asterisk:
    """The line's Asterisk, not started yet: it sees what its configuration names."""
    return Asterisk(
        programs,
        settings.asterisk_home,
        writable=[settings.spool],
        more_writable=partial(_recording_folders, settings, programs, iter([DISK_ANSWERS_S])),
        readable=[settings.sounds.parent, settings.music, settings.run],
        # else the engine would have them read again at once, while phones register: what Asterisk
        # has challenged them with before counts for nothing then
        unread=unread_file(settings),
    )


Start = Callable[..., Awaitable[asyncio.subprocess.Process]]
"""Starts a program, as `pbx.processes.start` does."""


class EngineProcess:
    """The engine as a child process."""

    def __init__(self, settings: Settings, start: Start = start) -> None:
        self._settings, self._start = settings, start
        self._process: asyncio.subprocess.Process | None = None

    @property
    def pid(self) -> int | None:
        """The engine's process, while it runs."""
        process = self._process
        return None if process is None or process.returncode is not None else process.pid

    async def start(self, *, within: float = 30.0) -> None:
        """Start it and wait until its API answers; raise EngineFailed with its last word."""
        self._process = process = await self._start(
            sys.executable,
            "-m",
            "ngalam112",
            "engine",
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            env=self._settings.environment(),
            start_new_session=True,
        )
        ready = asyncio.create_task(self._ready())
        ended = asyncio.create_task(process.wait())
        done, _ = await asyncio.wait(
            {ready, ended}, timeout=within, return_when=asyncio.FIRST_COMPLETED
        )
        ready.cancel()
        if ready in done:
            return
        if ended not in done:
            await self.stop(signal.SIGKILL)
            raise EngineFailed(f"The engine did not serve within {within:.0f} s; see its log.")
        assert process.stderr is not None
        words = (await process.stderr.read()).decode("utf-8", "replace").strip().splitlines()
        raise EngineFailed(words[-1] if words else f"The engine ended ({process.returncode}).")

    async def _ready(self) -> None:
        # its API is there once it listens; /healthz says 200 once ARI is up as well
        while not await healthy(self._settings):
            await asyncio.sleep(0.05)

    async def ended(self) -> int:
        """Wait for its end; returns the exit code."""
        assert self._process is not None
        return await self._process.wait()

    async def stop(self, number: signal.Signals = signal.SIGINT, within: float = 20.0) -> None:
        """Stop it, by force if it does not go in time."""
        await end(self._process, number, within=within)


async def healthy(settings: Settings) -> bool:
    """Whether the engine's /healthz says 200."""
    try:
        async with asyncio.timeout(2):
            reader, writer = await asyncio.open_connection("127.0.0.1", settings.api_port)
            try:
                writer.write(b"GET /healthz HTTP/1.0\r\nHost: localhost\r\n\r\n")
                status = await reader.readline()
            finally:
                writer.close()
    except (OSError, TimeoutError):
        return False
    return b" 200 " in status


class KeeperProcess:
    """What files recordings, as a child process; none where calls are not recorded."""

    def __init__(self, settings: Settings, start: Start = start) -> None:
        self._settings, self._start = settings, start
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Start it; nobody waits for it."""
        if self._settings.recordings != "off":
            self._process = await self._start(
                *(sys.executable, "-m", "ngalam112", "recordings", "keep"),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.DEVNULL,
                env=self._settings.environment(),
                start_new_session=True,
            )

    async def stop(self, number: signal.Signals = signal.SIGTERM) -> None:
        """Stop it, by force if it does not go in time."""
        await end(self._process, number, within=5.0)


class RunningLine:
    """Asterisk and engine of one line: `async with RunningLine(...) as line`."""

    def __init__(self, settings: Settings, programs: Programs, start: Start = start) -> None:
        self.settings, self._start = settings, start
        self.asterisk = line_asterisk(settings, programs)
        self.engine = self.another_engine()
        self.recordings = KeeperProcess(settings, start)

    def another_engine(self) -> EngineProcess:
        """One more engine, not started yet: it stands by while the first one serves."""
        return EngineProcess(self.settings, self._start)

    async def left_over(self) -> int:
        """How many channels and bridges Asterisk holds at the moment."""
        return sum(await self.held())

    async def held(self) -> tuple[int, int]:
        """How many channels Asterisk holds at the moment, and how many bridges."""
        settings = self.settings
        sign = aiohttp.encode_basic_auth(ARI_USER, settings.secrets.ari_password)
        base = f"http://127.0.0.1:{settings.ari_port}/ari"
        async with aiohttp.ClientSession(
            headers={"Authorization": sign}, raise_for_status=True
        ) as session:
            async with session.get(f"{base}/channels") as response:
                names = [one["name"] for one in await response.json()]
                # one in which the dialplan runs for messages stays from the first one on
                channels = sum(not name.startswith("Message/") for name in names)
            async with session.get(f"{base}/bridges") as response:
                bridges = len(await response.json())
            return channels, bridges

    async def __aenter__(self) -> RunningLine:
        try:
            await self.asterisk.start()
            await self.engine.start()
            await self.recordings.start()
        except BaseException:
            await self._stop()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stop()

    async def _stop(self) -> None:
        await asyncio.shield(asyncio.ensure_future(self._stop_both()))

    async def _stop_both(self) -> None:
        await self.engine.stop()
        await self.asterisk.stop()
        await self.recordings.stop()
