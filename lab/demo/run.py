"""`ngalam112 demo`: the whole line on loopback, served by SIPp phones, called by SIPp citizens.

Ends with the supervisor's report and holds SIPp's own counts against the call records: exit 0
only if they agree, and Asterisk is empty.
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
from rich.table import Table
from rich.text import Text

from lab.actors.players import PlayedPhone, Players
from lab.actors.sipp import SippError, SippResult, free_port
from lab.demo.incidents import Agencies, a_fire, agencies, as_json, show
from lab.demo.incidents import checks as incident_checks
from lab.demo.plan import (
    NOBODY_ANSWERS,
    NOBODY_THERE,
    PHONES,
    SERVED,
    Check,
    Group,
    compare,
)
from lab.machine.waiting import comes_true, eventually
from models.database import Database
from ngalam112.accounts.admin import add_operator, add_phone, load_roster, new_password
from ngalam112.cli.client import Client, ClientError
from ngalam112.cli.reports import print_summary
from ngalam112.config.provision import provision_phones
from ngalam112.config.settings import Settings, load_settings
from ngalam112.process.running_line import RunningLine, prepare
from ngalam112.terminal import Column, console, table
from pbx.programs import Programs
from reports.calls import list_calls
from reports.summary import Summary, summary


def demo_settings(settings: Settings, **more: Any) -> Settings:
    """A line of its own beside any other: own folder, free ports, short wrap-up; `more`: beside."""
    home = settings.home / "demo"
    for name in ("spool", "log", "sipp", "asterisk"):
        shutil.rmtree(home / name, ignore_errors=True)
    for file in home.glob("ngalam112.db*"):
        file.unlink()
    tcp = [free_port() for _ in range(3)]
    return load_settings(
        home=home,
        sip_port=free_port(),
        ari_port=tcp[0],
        ami_port=tcp[1],
        api_port=tcp[2],
        rtp_ports="20000-29999",
        bind="127.0.0.1",
        trunk_match=["127.0.0.0/8"],
        # never the city's own: the demo makes phones 101 to 104 anew, with passwords of its own
        database_url="",
        wrap_up_s=0.5,
        timezone=settings.timezone,
        **more,
    )


class Demo:
    """One run of the demo on a line that is up."""

    def __init__(
        self, settings: Settings, programs: Programs, told: Agencies, say: Callable[[str], None]
    ) -> None:
        self._settings, self._programs, self._say = settings, programs, say
        self._told = told
        self._started = time.monotonic()
        self.results: list[tuple[Group, str, SippResult]] = []

    async def run(self, passwords: dict[str, str]) -> None:
        """Play all citizens and phones; fills `results`."""
        work = self._settings.home / "sipp"
        async with Players(self._programs, work, self._settings.sip_port) as players:
            phones = [
                await players.register(number, password) for number, password in passwords.items()
            ]
            self._say("four phones registered with digest; nobody has logged in yet")
            await asyncio.gather(
                self._citizens(players, NOBODY_THERE, "0811"),
                self._nobody_answers(players, phones[:2]),
            )
            for phone in phones:
                await players.behave(phone, "phone_answer_talk_bye")
            await asyncio.gather(*(players.dial(phone, "*11") for phone in phones))
            self._say("four operators have dialled *11; citizens dial 112")
            await self._citizens(players, SERVED, "0813")
            self._say("a citizen reports a fire; the operator codes it and tells three agencies")
            await a_fire(self._settings, players, phones, self._told)

    async def _nobody_answers(self, players: Players, phones: Sequence[PlayedPhone]) -> None:
        # those who hang up in the queue must have gone before anybody logs in
        await eventually(
            lambda: self._done("citizen_key_queue_bye"),
            60.0,
            "those who hang up in the queue have gone",
            error=SippError,
        )
        runs = [await players.behave(phone, "phone_ring_until_cancel") for phone in phones]
        await asyncio.gather(*(players.dial(phone, "*11") for phone in phones))
        self._say("two operators have dialled *11 and let their phones ring")
        await self._citizens(players, NOBODY_ANSWERS, "0812")
        await asyncio.gather(*(players.dial(phone, "*12") for phone in phones))
        for run in runs:
            await run.stop()

    def _done(self, scenario: str) -> bool:
        return any(result.scenario == scenario for _, _, result in self.results)

    async def _citizens(self, players: Players, groups: Sequence[Group], prefix: str) -> None:
        async def play(index: int, group: Group) -> None:
            caller = f"{prefix}{index:03d}000"
            result = await players.citizens(
                group.scenario, group.count, caller=caller, rate=1.5, keys=group.keys
            )
            self.results.append((group, caller, result))

        await asyncio.gather(*(play(index, group) for index, group in enumerate(groups)))


def main(settings: Settings, fmt: str) -> int:
    """Run the demo; `fmt` is table or json. Returns 0 only if all counts agree."""
    return asyncio.run(_with_agencies(settings, fmt))


async def _with_agencies(settings: Settings, fmt: str) -> int:
    async with agencies() as told:
        return await _main(demo_settings(settings, **told.settings()), told, fmt)


async def _main(settings: Settings, told: Agencies, fmt: str) -> int:
    # with json, standard output is for the object alone
    screen = console(sys.stderr if fmt == "json" else sys.stdout)
    started = time.monotonic()

    def say(text: str) -> None:
        screen.print(Text.assemble((f"{time.monotonic() - started:5.1f} s  ", "dim"), text))

    programs = Programs.find()
    say("preparing sounds, database and configuration")
    await prepare(settings, programs)
    passwords = await _accounts(settings)
    demo = Demo(settings, programs, told, say)
    async with RunningLine(settings, programs) as line:
        say(f"Asterisk and the engine are up (SIP on 127.0.0.1:{settings.sip_port})")
        watcher = asyncio.create_task(_watch(settings, say))
        try:
            await demo.run(passwords)
            empty = await _empty(line)
        finally:
            watcher.cancel()
    say("the line has stopped")
    async with Database(settings.url) as database, database.session() as session:
        records = await list_calls(session, limit=10_000)
        totals = await summary(session, None, None, tz=settings.timezone)
        of_incidents = await incident_checks(session, records, told)
        found = [
            *compare(demo.results, records),
            *of_incidents,
            Check("left in Asterisk", "channels", 0, empty),
        ]
        agree = totals.adds_up and all(check.agree for check in found)
        if fmt == "json":
            told_of = {"incidents": as_json(of_incidents)}
            print(msgspec.json.encode(_json(totals, agree) | told_of).decode())  # noqa: T201
        else:
            print_summary(totals, screen)
            await show(session, screen)
            screen.print(_comparison(found))
            screen.print("SIPp and the records agree." if agree else "They do not agree.")
    return 0 if agree else 1


async def _accounts(settings: Settings) -> dict[str, str]:
    passwords = {number: new_password() for number in PHONES}
    async with Database(settings.url) as database:
        for index, (number, password) in enumerate(passwords.items()):
            await add_phone(database, number, password, None)
            await add_operator(
                database, f"100{index + 1}", f"Petugas {index + 1}", "112112", number
            )
        _, phones = await load_roster(database)
    provision_phones(settings, phones)
    return passwords


async def _watch(settings: Settings, say: Callable[[str], None]) -> None:
    """Tell what the line is doing whenever that has changed."""
    client, before = Client(settings), ""
    while True:
        with contextlib.suppress(ClientError):
            text = _progress(await asyncio.to_thread(client.get, "/api/status"))
            if text != before:
                say(text)
                before = text
        await asyncio.sleep(1.0)


def _progress(status: dict[str, Any]) -> str:
    calls, state = status["calls"], status["operators"]["state"]
    parts = [f"{calls.get(name, 0)} {name}" for name in ("menu", "queued", "ringing", "talking")]
    wrap_up = f", {state['wrap_up']} in wrap-up" if state.get("wrap_up") else ""
    return f"calls: {', '.join(parts)}    operators: {state.get('idle', 0)} idle{wrap_up}"


async def _empty(line: RunningLine, within: float = 10.0) -> int:
    """How many channels and bridges Asterisk still has; waits for the last to go."""
    left = -1

    async def empty() -> bool:
        nonlocal left
        left = await line.left_over()
        return left == 0

    await comes_true(empty, within)
    return left


def _json(totals: Summary, agree: bool) -> dict[str, object]:
    return {
        "offered": totals.offered,
        **{
            name: getattr(totals, name)
            for name in (
                "answered",
                "lost_menu",
                "lost_queue",
                "lost_ringing",
                "information",
                "fallback",
                "lost_fallback",
            )
        },
        "by_category": totals.by_category,
        "answer_p50_ms": totals.answer_p50_ms,
        "answer_p95_ms": totals.answer_p95_ms,
        "agree": agree,
    }


def _comparison(checks: Sequence[Check]) -> Table:
    rows = [
        {**msgspec.structs.asdict(check), "agree": "yes" if check.agree else "NO"}
        for check in checks
    ]
    columns = (
        Column("what", "citizens"),
        Column("expected", "must be recorded as"),
        Column("sipp", "SIPp", right=True),
        Column("records", "records", right=True),
        Column("agree", "agree"),
    )
    return table(rows, columns, "SIPp's own counts against the call records")
