"""`ngalam112 up`: the whole line in the foreground: Asterisk, the engine, until Ctrl-C.

Restarts a part that dies (the engine after `engine_restart_s`; meanwhile the fallback answers)
and leaves nothing running when it ends.
"""

from __future__ import annotations

import asyncio
import secrets as random_secrets
import signal
import sys
from collections.abc import Awaitable, Callable
from functools import partial

from rich.console import Console

from acd.operators import Operator, Phone
from models.database import Database, Unreachable
from ngalam112.admin import add_operator, add_phone, load_roster
from ngalam112.cli.output import console
from ngalam112.provision import phones_are_rendered, provision_phones
from ngalam112.running import EngineFailed, RunningLine, prepare
from ngalam112.settings import Settings
from pbx.asterisk import AsteriskError
from pbx.programs import Programs

FIRST_PHONES = ("101", "102", "103", "104")


def main(settings: Settings) -> int:
    """Run the line until Ctrl-C or SIGTERM; returns the exit code."""
    return asyncio.run(_run(settings, console()))


async def _run(settings: Settings, screen: Console) -> int:
    programs = Programs.find()
    await prepare(settings, programs)
    operators, phones = await _first_accounts(settings, screen)
    if phones:
        provision_phones(settings, phones)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with RunningLine(settings, programs) as line:
        _announce(settings, screen, operators, phones)
        keepers = [
            asyncio.create_task(_keep("Asterisk", line.asterisk.ended, line.asterisk.start, 1.0)),
            asyncio.create_task(
                _keep("the engine", line.engine.ended, line.engine.start, settings.engine_restart_s)
            ),
        ]
        await stop.wait()
        screen.print("Stopping the line...")
        for keeper in keepers:
            keeper.cancel()
    screen.print("The line has stopped.")
    return 0


async def _keep(
    what: str,
    ended: Callable[[], Awaitable[int]],
    start: Callable[[], Awaitable[None]],
    pause_s: float,
) -> None:
    """Start a part again whenever it ends."""
    while True:
        code = await ended()
        print(f"{what} ended ({code}); starting it again in {pause_s:g} s.", file=sys.stderr)  # noqa: T201
        await asyncio.sleep(pause_s)
        try:
            await start()
        except (AsteriskError, EngineFailed) as error:
            print(f"{what} did not start: {error}", file=sys.stderr)  # noqa: T201


async def _first_accounts(
    settings: Settings, screen: Console
) -> tuple[list[Operator], list[Phone]]:
    try:
        return await _accounts(settings, screen)
    except Unreachable:
        if not phones_are_rendered(settings):
            raise
        return [], []  # `prepare` has told it


async def _accounts(settings: Settings, screen: Console) -> tuple[list[Operator], list[Phone]]:
    async with Database(settings.url) as database:
        operators, phones = await load_roster(database)
        if not phones and not operators:
            screen.print("First start: making four phones and four operators.")
            for index, number in enumerate(FIRST_PHONES):
                await add_phone(database, number, None, None)
                who, pin = f"100{index + 1}", f"{random_secrets.randbelow(10**6):06d}"
                await add_operator(database, who, f"Petugas {index + 1}", pin, number)
                screen.print(f"  operator {who}, PIN {pin} (shown only now), phone {number}")
            operators, phones = await load_roster(database)
    return operators, phones


def _announce(
    settings: Settings, screen: Console, operators: list[Operator], phones: list[Phone]
) -> None:
    # whole lines: a path or a password that is broken in two cannot be copied
    say = partial(screen.print, soft_wrap=True)
    where = f"{settings.bind}:{settings.sip_port}"
    say(f"\nThe line answers: dial {settings.number} at {where} (SIP).")
    say(f"Citizens may call from: {', '.join(settings.trunk_match)}; no registration needed.\n")
    say("Phones for softphones (dial *11 to log in, *12 out, *13 pause, *14 ready):")
    for phone in phones:
        who = [one for one in operators if one.home_phone == phone.number]
        names = ", ".join(f"{one.id} {one.name}" for one in who) or "nobody's own phone"
        say(f"  user {phone.number}  password {phone.password}  {names}")
    say(f"\nLog: {settings.log_file}\nStatus: ngalam112 status    Stop: Ctrl-C\n")
