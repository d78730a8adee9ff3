"""The lines that are compared: ours, app_queue and a bare Asterisk, all with the same phones.

Each has its own ports and state folder, the same Asterisk, the same settings of SIP, audio and
log, and 300 phones at a fixed address of its own, so peers can be played at the same time.
"""

from __future__ import annotations

import asyncio
import re
from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import func, select

from acd.operators.operator import Operator, Phone
from lab.actors.sipp import free_port
from lab.chaos import processes
from lab.chaos.line import ChaosFailed, line_settings
from lab.machine.waiting import eventually
from models.database import Database, upgrade
from models.tables import CallRow, OperatorRow, PhoneRow
from ngalam112.accounts.admin import new_password, operator_row, sealed
from ngalam112.accounts.pins import hash_pin
from ngalam112.cli.client import Client
from ngalam112.config.provision import TEMPLATES, asterisk_values, provision, provision_phones
from ngalam112.config.sounds import reuse_sounds
from ngalam112.process.running_line import RunningLine, line_asterisk, prepare
from pbx.asterisk import Asterisk
from pbx.programs import Programs
from pbx.render import render

OPERATORS = (1, 5, 20, 200)
"""How many operators can be on duty."""

_FIRST_PHONE = 201
_FIRST_OPERATOR = 1001
# a hundred more than anybody sits at: what is registered must cost nothing
PHONES = tuple(str(_FIRST_PHONE + index) for index in range(max(OPERATORS) + 100))

# nobody is refused: whatever the machine can carry is to be carried
_UNLIMITED = {"most_cps": 1000, "most_channels": 20_000, "wrap_up_s": 0.0}
_NOTHING_SHED = {"capacity_cps": 1000, "capacity_channels": 20_000}
_ACTIVE = re.compile(r"^(\d+) active channel", re.MULTILINE)
_QUIET_WITHIN_S = 30.0
_KEPT_WITHIN_S = 30.0


class Ground(msgspec.Struct, frozen=True, kw_only=True):
    """What all peers of a bench share: `folder` for their states, and built sounds."""

    folder: Path
    sounds: Path
    programs: Programs
    timezone: str


class Peer(ABC):
    """One line under measurement: `async with OurLine(...) as peer`.

    `music`: whether those who wait hear it; without it they hear nothing.
    """

    def __init__(self, name: str, ground: Ground, *, music: bool = True, **changes: Any) -> None:
        self.name, self.ground, self._music = name, ground, music
        self.phones_port = free_port()
        # processes are found by their folder, so no folder's name may begin another one's
        self.settings = line_settings(ground.folder / f"{name}-line", ground.timezone, **changes)

    def _phone(self, number: str) -> Phone:
        contact = f"sip:{number}@127.0.0.1:{self.phones_port}"
        return Phone(number, new_password(), contact)

    async def __aenter__(self) -> Peer:
        self.settings.home.mkdir(parents=True, mode=0o700)
        await asyncio.to_thread(reuse_sounds, self.ground.sounds, self.settings.home)
        try:
            await self._start()
        except BaseException:
            await self.__aexit__()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await asyncio.shield(asyncio.ensure_future(self._stop()))

    @abstractmethod
    async def _start(self) -> None: ...

    @abstractmethod
    async def _stop(self) -> None: ...

    def _mute(self) -> None:
        """Take the music out of the rendered configuration, unless it is wanted."""
        if not self._music:
            (self.settings.asterisk_home / "etc" / "musiconhold.conf").write_text("[general]\n")

    @abstractmethod
    async def on_duty(self, operators: int) -> None:
        """Let the first `operators` operators be on duty, and no others."""

    @property
    @abstractmethod
    def asterisk(self) -> Asterisk:
        """Its Asterisk."""

    @property
    def engine_pid(self) -> int | None:
        """The process of the engine, if the peer has one."""
        return None

    @property
    def asterisk_pid(self) -> int:
        """The process of Asterisk itself."""
        pid = processes.asterisk(self.settings.home)
        assert pid is not None, "Asterisk runs as long as the peer is up"
        return pid

    async def hang_up_all(self) -> None:
        """End every call, and wait until there is none; raises ChaosFailed if some stay."""

        async def none() -> bool:
            await self.asterisk.console("channel request hangup all")
            said = _ACTIVE.search(await self.asterisk.console("core show channels count"))
            return said is not None and said[1] == "0"

        what = f"{self.name} holds no call any more"
        await eventually(none, _QUIET_WITHIN_S, what, every=0.2, error=ChaosFailed)


class PlainAsterisk(Peer):
    """Asterisk with a dialplan of its own: `bare` (Answer, Echo), or `app_queue`."""

    _asterisk: Asterisk | None = None

    @property
    def asterisk(self) -> Asterisk:
        """Its Asterisk."""
        assert self._asterisk is not None
        return self._asterisk

    async def _start(self) -> None:
        settings, programs = self.settings, self.ground.programs
        version = await asyncio.to_thread(programs.version, "asterisk")
        provision(settings, version)
        values = asterisk_values(settings, version)
        values |= {"peer": self.name, "operators": list(OPERATORS), "phones": list(PHONES)}
        render(TEMPLATES, settings.asterisk_home / "etc", values, folder="peers")
        provision_phones(settings, [self._phone(number) for number in PHONES])
        self._mute()
        self._asterisk = line_asterisk(settings, programs)
        await self._asterisk.start()

    async def _stop(self) -> None:
        if self._asterisk is not None:
            await self._asterisk.stop()

    async def on_duty(self, operators: int) -> None:
        """Let the dialplan use the queue with so many members."""
        await self.asterisk.console(f"dialplan set global OPERATORS {operators}")


class OurLine(Peer):
    """Asterisk and the engine; `database_url` empty is SQLite in its folder.

    With music nothing is shed; without it the line sheds above its default capacity. In
    `production` all limits are the default ones.
    """

    def __init__(
        self,
        name: str,
        ground: Ground,
        *,
        music: bool = True,
        production: bool = False,
        database_url: str = "",
    ) -> None:
        limits = _UNLIMITED | (_NOTHING_SHED if music else {})
        if production:
            limits = {"wrap_up_s": 0.0}
        super().__init__(name, ground, music=music, database_url=database_url, **limits)
        self._line: RunningLine | None = None
        self._client = Client(self.settings)
        self._on_duty = 0

    @property
    def asterisk(self) -> Asterisk:
        """Its Asterisk."""
        assert self._line is not None
        return self._line.asterisk

    @property
    def engine_pid(self) -> int | None:
        """The process of the engine."""
        return None if self._line is None else self._line.engine.pid

    async def _start(self) -> None:
        await upgrade(self.settings.url)
        async with Database(self.settings.url) as database, database.session() as session:
            session.add_all(self._accounts())
            await session.commit()
        await prepare(self.settings, self.ground.programs)
        self._mute()
        self._line = RunningLine(self.settings, self.ground.programs)
        await self._line.__aenter__()

    def _accounts(self) -> Iterator[PhoneRow | OperatorRow]:
        """All phones, and at each an operator with the same PIN: in one go, for they are many."""
        pin_hash = hash_pin("654321")
        for index, number in enumerate(PHONES):
            phone = sealed(self._phone(number))
            yield PhoneRow(number=number, password=phone.password, contact=phone.contact)
            operator = str(_FIRST_OPERATOR + index)
            yield operator_row(Operator(operator, f"Petugas {operator}", pin_hash, number))

    async def _stop(self) -> None:
        if self._line is not None:
            await self._line.__aexit__()

    async def on_duty(self, operators: int) -> None:
        """Log operators in or out until the first `operators` are on duty."""
        for index in range(self._on_duty, operators):
            await self._post(index, "login", {"phone": PHONES[index]})
        for index in range(operators, self._on_duty):
            await self._post(index, "logout", {})
        self._on_duty = operators

    async def _post(self, index: int, does: str, body: dict[str, str]) -> None:
        path = f"/api/operators/{_FIRST_OPERATOR + index}/{does}"
        await asyncio.to_thread(self._client.post, path, body)

    async def answered(self) -> int:
        """How many calls its database has that were answered and are over."""
        over = select(func.count()).where(CallRow.outcome == "answered")
        async with Database(self.settings.url) as database, database.session() as session:
            return await session.scalar(over) or 0

    async def has_kept(self, calls: int) -> None:
        """Wait until so many answered calls are in the database; raises ChaosFailed."""

        async def kept() -> bool:
            return await self.answered() >= calls

        what = f"{calls} answered calls are in the database"
        await eventually(kept, _KEPT_WITHIN_S, what, every=0.2, error=ChaosFailed)
