"""`ngalam112 storm`: plays a plan on a line of its own, and says whether the line has held.

The line has its own state folder, ports and SQLite database; all of it is removed in the end.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import shutil
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
from rich.text import Text
from sqlalchemy import select

from models.database import Database
from models.rows import plain
from models.tables import OperatorEventRow
from ngalam112.admin import add_operator, add_phone, load_roster
from ngalam112.cli.client import Client, ClientError
from ngalam112.cli.output import Column, console, table
from ngalam112.demo.sipp import SippResult, free_port
from ngalam112.provision import provision_phones
from ngalam112.running import RunningLine, prepare
from ngalam112.settings import Settings, load_settings
from ngalam112.storm.kinds import CITIZENS, REFERS
from ngalam112.storm.plan import Plan, make_plan
from ngalam112.storm.players import StormPlayers
from ngalam112.storm.verdict import (
    Facts,
    OperatorEvent,
    Verdict,
    failed_offers,
    judge,
    missing,
    outcomes,
    stuck,
)
from pbx.programs import Programs
from reports.calls import CallHistory, list_calls, show_call

CALLS = 1000
WRAP_UP_S = 1.0
RING_TIMEOUT_S = 3.0
SETTLE_S = 5.0  # after the last citizen has gone and the last wrap-up is over
_AFTER_S = 120.0  # the last citizens may wait, give up and be cleaned up so long after the plan

Say = Callable[[str], None]


class StormFailed(Exception):
    """The storm could not be played; the message says what went wrong."""


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a storm: the verdict, and what it was made of."""

    verdict: Verdict
    refers_accepted: int
    details: dict[str, Any]
    sentences: list[str]

    @property
    def held(self) -> bool:
        """The line has held the storm."""
        return self.verdict.held and not self.refers_accepted


def storm_settings(settings: Settings, home: Path) -> Settings:
    """A line of its own beside any other: own folder, free ports, short wrap-up and ringing."""
    tcp = [free_port(socket.SOCK_STREAM) for _ in range(3)]
    return load_settings(
        home=home,
        sip_port=free_port(),
        ari_port=tcp[0],
        ami_port=tcp[1],
        api_port=tcp[2],
        rtp_ports="20000-29999",
        bind="127.0.0.1",
        trunk_match=["127.0.0.0/8"],
        # never the city's own
        database_url="",
        wrap_up_s=WRAP_UP_S,
        ring_timeout_s=RING_TIMEOUT_S,
        timezone=settings.timezone,
    )


def main(settings: Settings, seed: int | None, calls: int, fmt: str, keep: bool = False) -> int:
    """Play a storm; the last line on standard output is JSON. Returns 0 only if it was held."""
    seed = secrets.randbelow(1_000_000) if seed is None else seed
    # with json, standard output is for the object alone
    screen = console(sys.stderr if fmt == "json" else sys.stdout)
    started = time.monotonic()

    def say(text: str) -> None:
        screen.print(Text.assemble((f"{time.monotonic() - started:6.1f} s  ", "dim"), text))

    say(f"a storm; to repeat it: make storm SEED={seed} CALLS={calls}")
    plan = make_plan(seed, calls)
    home = settings.home / f"storm-{os.getpid()}"
    try:
        report = asyncio.run(play(plan, storm_settings(settings, home), say))
    finally:
        if not keep:
            shutil.rmtree(home, ignore_errors=True)
    numbers = {"seed": seed, "calls": calls, **msgspec.structs.asdict(report.verdict)}
    line = {
        **numbers,
        "refers_accepted": report.refers_accepted,
        **report.details,
        "seconds": round(time.monotonic() - started, 1),
    }
    for sentence in report.sentences[:20]:
        say(sentence)
    if fmt == "table":
        rows = [{"what": name, "count": value} for name, value in _flat(line)]
        screen.print(table(rows, (Column("what", "storm"), Column("count", "", right=True)), ""))
        screen.print("The line has held the storm." if report.held else "It has NOT held.")
    print(msgspec.json.encode(line).decode())  # noqa: T201
    return 0 if report.held else 1


def _flat(line: dict[str, Any], before: str = "") -> list[tuple[str, Any]]:
    rows: list[tuple[str, Any]] = []
    for name, value in line.items():
        if isinstance(value, dict):
            rows += _flat(value, f"{before}{name}: ")
        else:
            rows.append((before + name, value))
    return rows


async def play(plan: Plan, settings: Settings, say: Say) -> Report:
    """Play the plan on a line with these settings, and judge; bounded in time."""
    limit_s = plan.seconds + _AFTER_S
    programs = Programs.find()
    say("preparing sounds, database and configuration")
    await prepare(settings, programs)
    passwords = await _accounts(settings, plan)
    async with RunningLine(settings, programs) as line:
        say(f"Asterisk and the engine are up (SIP on 127.0.0.1:{settings.sip_port})")
        work = settings.home / "sipp"
        async with (
            asyncio.timeout(limit_s + 60),
            StormPlayers(programs, work, settings.sip_port, passwords, limit_s) as players,
        ):
            client = Client(settings)
            await players.phones(plan)
            logged_in = await players.log_in(plan)
            if logged_in.successful != len(plan.desks):
                raise StormFailed(
                    f"Only {logged_in.successful} of {len(plan.desks)} operators could log in."
                )
            say(f"{len(plan.desks)} phones are registered, their operators have dialled *11")
            results, dialled = await _storm(plan, players, client, say)
            say("the last citizen has gone")
            facts = await _settled(line, client, settings.wrap_up_s + SETTLE_S)
            await players.stop_phones()
            took = await players.taken(plan)
    say("the line has stopped")
    return await _report(plan, settings, facts, results, dialled, took)


async def _storm(
    plan: Plan, players: StormPlayers, client: Client, say: Say
) -> tuple[list[SippResult], SippResult]:
    """Let everybody do what the plan says, until the last citizen has gone."""
    scenarios = sorted({one.kind.scenario for one in plan.citizens})
    aside = [
        asyncio.create_task(_ask_all(plan, client)),
        asyncio.create_task(_watch(client, say)),
    ]
    try:
        dialling = asyncio.create_task(players.dial(plan))
        aside.append(dialling)  # type: ignore[arg-type]
        results = await asyncio.gather(*(players.citizens(plan, one) for one in scenarios))
        return list(results), await dialling
    finally:
        for task in aside:
            task.cancel()
        await asyncio.gather(*aside, return_exceptions=True)


async def _ask_all(plan: Plan, client: Client) -> None:
    """Do what the supervisor does; in the end, bring back everybody who is away."""
    begin = time.monotonic()
    for one in plan.asks:
        await asyncio.sleep(max(0.0, begin + one.at - time.monotonic()))
        await _ask(client, one.operator, one.does)
    # nobody may wait for operators whose phones have missed too many calls
    while True:
        await asyncio.sleep(max(5.0, begin + plan.seconds - time.monotonic()))
        for operator in (await asyncio.to_thread(client.get, "/api/operators"))["operators"]:
            does = {"logged_out": "login", "paused": "ready"}.get(operator["status"])
            if does is not None:
                await _ask(client, operator["id"], does)


async def _ask(client: Client, operator: str, does: str) -> None:
    # a wish that cannot be met, such as to pause who is logged out, is part of the storm
    with contextlib.suppress(ClientError):
        await asyncio.to_thread(client.post, f"/api/operators/{operator}/{does}", {})


async def _watch(client: Client, say: Say, every_s: float = 10.0) -> None:
    while True:
        await asyncio.sleep(every_s)
        with contextlib.suppress(ClientError):
            status = await asyncio.to_thread(client.get, "/api/status")
            calls, states = status["calls"], status["operators"]["state"]
            shown = ", ".join(f"{count} {name}" for name, count in calls.items() if count)
            say(f"calls: {shown or 'none'}    operators: {states}")


async def _settled(line: RunningLine, client: Client, within: float) -> Facts:
    """Look at what is left, until nothing is or the time is over."""
    end = time.monotonic() + within
    while True:
        operators = (await asyncio.to_thread(client.get, "/api/operators"))["operators"]
        phones = (await asyncio.to_thread(client.get, "/api/phones"))["phones"]
        channels, bridges = await line.held()
        quiet = not channels and not bridges and not stuck(operators, phones)
        if quiet or time.monotonic() > end:
            return Facts(
                offered=[],
                calls=[],
                operators=operators,
                phones=phones,
                channels=channels,
                bridges=bridges,
                events=[],
            )
        await asyncio.sleep(0.2)


async def _report(
    plan: Plan,
    settings: Settings,
    left: Facts,
    results: list[SippResult],
    dialled: SippResult,
    took: dict[str, int],
) -> Report:
    calls, events = await _kept(settings)
    facts = msgspec.structs.replace(
        left, offered=[one.number for one in plan.citizens], calls=calls, events=events
    )
    played = sum(result.calls for result in results)
    if played != len(plan.citizens):
        raise StormFailed(f"SIPp made {played} calls of {len(plan.citizens)}; see its log.")
    refer = next(kind.scenario for kind in CITIZENS if kind.name == REFERS)
    stuck_ones = sorted(stuck(facts.operators, facts.phones))
    return Report(
        verdict=judge(facts),
        refers_accepted=sum(one.failed for one in results if one.scenario == refer),
        details={
            "outcomes": outcomes(calls),
            "failed_offers": failed_offers(calls),
            "phones": took,
            "operators": _events(events),
            "dialled": dialled.calls,
            "dial_failed": dialled.failed,
            "sipp_failed": {one.scenario: one.failed for one in results},
        },
        sentences=[
            *missing(facts.offered, facts.calls),
            *(str(one) for one in facts.operators if one["id"] in stuck_ones),
            *(str(one) for one in facts.phones if one["device"] != "free"),
        ],
    )


def _events(events: list[OperatorEvent]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for event in events:
        name = f"{event.kind} {event.reason}" if event.kind == "wrap_up_end" else event.kind
        counts[name] = counts.get(name, 0) + 1
    return dict(sorted(counts.items()))


async def _kept(settings: Settings) -> tuple[list[CallHistory], list[OperatorEvent]]:
    rows = OperatorEventRow.__table__
    async with Database(settings.url) as database, database.session() as session:
        records = await list_calls(session, limit=1_000_000)
        calls = [await show_call(session, record.call_id) for record in records]
        found = (await session.execute(select(rows).order_by(OperatorEventRow.id))).mappings()
        return calls, [msgspec.convert(plain(dict(row)), OperatorEvent) for row in found]


async def _accounts(settings: Settings, plan: Plan) -> dict[str, str]:
    passwords = {desk.phone: secrets.token_urlsafe(12) for desk in plan.desks}
    async with Database(settings.url) as database:
        for desk in plan.desks:
            await add_phone(database, desk.phone, passwords[desk.phone], None)
            await add_operator(
                database, desk.operator, f"Petugas {desk.operator}", desk.pin, desk.phone
            )
        _, phones = await load_roster(database)
    provision_phones(settings, phones)
    return passwords
