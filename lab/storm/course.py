"""The course of a storm: everybody does what the plan says, until nobody is owed a call."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable

from lab.machine.waiting import comes_true
from lab.storm.kills import Killer
from lab.storm.lateness import Sighting
from lab.storm.plan import Plan
from lab.storm.players import StormPlayers
from lab.storm.report import Played, callbacks_kept
from lab.storm.watch import watch
from ngalam112.cli.client import Client, ClientError
from ngalam112.config.settings import Settings

_CALLBACKS_S, _CALLBACK_S = 60.0, 0.5  # so long, and for each citizen, callbacks may take
_LAST_ONES_S = 30.0
_KILLS_APART_S = 2.0  # and a twentieth of a long storm

Say = Callable[[str], None]


class StormFailed(Exception):
    """The storm could not be played; the message says what went wrong."""


async def log_in(plan: Plan, players: StormPlayers, agency_port: int) -> None:
    """Register all phones, and log their operators in by *11."""
    await players.phones(plan, agency_port)
    logged_in = await players.log_in(plan)
    if logged_in.successful != len(plan.desks):
        raise StormFailed(
            f"Only {logged_in.successful} of {len(plan.desks)} operators could log in by *11."
        )


async def storm(
    plan: Plan, players: StormPlayers, client: Client, killer: Killer, say: Say
) -> Played:
    """Let everybody do what the plan says, until the last citizen has gone and was called back."""
    scenarios = sorted({one.kind.scenario for one in plan.citizens})
    dialling = asyncio.create_task(players.dial(plan))
    seen: list[Sighting] = []
    aside = [
        asyncio.create_task(_supervise(plan, client)),
        asyncio.create_task(watch(client, say, seen)),
    ]
    killing = asyncio.create_task(killer.run(plan.kills))
    try:
        citizens = await asyncio.gather(*(players.citizens(plan, one) for one in scenarios))
        dialled = await dialling
        begin = time.monotonic()
        limit_s = callbacks_limit_s(plan)
        say(f"the last citizen has gone; callbacks may take {limit_s:.0f} s more")
        await comes_true(lambda: _all_called_back(killer.settings), limit_s, every=0.5)
        await killer.stop(killing)
        # who was lost in the last second, or while no engine served, is known by now
        await asyncio.sleep(1.0)
        await comes_true(lambda: _all_called_back(killer.settings), _LAST_ONES_S, every=0.5)
        callbacks_s = round(time.monotonic() - begin, 1)
        say(f"callbacks took {callbacks_s:.1f} s")
    finally:
        for task in (*aside, dialling, killing):
            task.cancel()
        await asyncio.gather(*aside, dialling, killing, return_exceptions=True)
    for result in citizens:
        planned = sum(one.kind.scenario == result.scenario for one in plan.citizens)
        if result.calls != planned:
            raise StormFailed(
                f"SIPp made {result.calls} of {planned} calls of {result.scenario}: "
                f"{result.why or 'it does not say why'}."
            )
    return Played(
        citizens=citizens,
        dialled=dialled,
        phones={},
        seen=seen,
        outages=killer.outages,
        callbacks_s=callbacks_s,
    )


def callbacks_limit_s(plan: Plan) -> float:
    """How long after the last citizen has gone the callbacks may take."""
    return _CALLBACKS_S + _CALLBACK_S * len(plan.citizens)


def kills_apart_s(plan: Plan) -> float:
    """How long the line is left alone after an engine was killed."""
    return max(_KILLS_APART_S, plan.seconds / 20)


async def _all_called_back(settings: Settings) -> bool:
    return all(one.outcome is not None for one in await callbacks_kept(settings))


async def _supervise(plan: Plan, client: Client) -> None:
    """Do what the supervisor does; in the end, bring back everybody who is away."""
    begin = time.monotonic()
    for one in plan.asks:
        await asyncio.sleep(max(0.0, begin + one.at - time.monotonic()))
        await _ask(client, one.operator, one.does)
    # nobody may wait for operators whose phones have missed too many calls
    while True:
        await asyncio.sleep(max(5.0, begin + plan.seconds - time.monotonic()))
        operators = (await asyncio.to_thread(client.get, "/api/operators"))["operators"]
        for operator in operators:
            does = {"logged_out": "login", "paused": "ready"}.get(operator["status"])
            if does is not None:
                await _ask(client, operator["id"], does)


async def _ask(client: Client, operator: str, does: str) -> None:
    # a wish that cannot be met, such as to pause who is logged out, is part of the storm
    with contextlib.suppress(ClientError):
        await asyncio.to_thread(client.post, f"/api/operators/{operator}/{does}", {})
