"""The command `ngalam112 watch`: looks at the line every few seconds and tells its alarms."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated
from zoneinfo import ZoneInfo

import msgspec
import typer
from rich.text import Text

from ngalam112.alarms.rules import Alarms, Change, Limits, Seen
from ngalam112.cli.client import Client, ClientError
from ngalam112.cli.common import tell
from ngalam112.config.settings import Settings, load_settings
from ngalam112.terminal import console, safe

ANSWERS_WITHIN_S = 5.0
RUNS_WITHIN_S = 10.0


def watch(
    every: Annotated[float, typer.Option(min=0.5, help="Seconds from look to look.")] = 2.0,
    wait: Annotated[float, typer.Option(min=1, help="A citizen may wait so many seconds.")] = 20.0,
    disk: Annotated[float, typer.Option(min=0, help="So many % of the disk must be free.")] = 5.0,
    run: Annotated[
        str | None,
        typer.Option(
            metavar="COMMAND",
            help="Run for each begin and end, with NGALAM112_ALARM, _ALARM_STATE (began or ended)"
            " and _ALARM_TEXT in its environment.",
        ),
    ] = None,
    once: Annotated[
        bool, typer.Option("--once", help="Look once; exit 1 if there is an alarm.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="A line of JSON for each begin and end.")
    ] = False,
) -> None:
    """Tell when alarms begin and end: a long wait, nobody ready, a part that is down."""
    settings, limits = load_settings(), Limits(wait_s=wait, disk_percent=disk)
    command = _command(run)
    alarms = Alarms()
    while True:
        begun = time.monotonic()
        for change in alarms.look(look(settings), limits, time.time()):
            _say(change, settings, as_json=as_json)
            if command:
                _run(command, change)
        if once:
            if not alarms.on and not as_json:
                console().print("No alarm.")
            raise typer.Exit(1 if alarms.on else 0)
        time.sleep(max(0.0, every - (time.monotonic() - begun)))


def look(settings: Settings) -> Seen:
    """Ask the engine once, and look at the disk; what cannot be seen is said in `down`."""
    client = Client(settings, ANSWERS_WITHIN_S)
    usage = shutil.disk_usage(settings.home if settings.home.exists() else settings.home.anchor)
    free = 100 * usage.free / usage.total
    try:
        return Seen(
            status=client.get("/api/status"),
            operators=client.get("/api/operators")["operators"],
            phones=client.get("/api/phones")["phones"],
            disk_percent=free,
        )
    except ClientError as error:
        return Seen(status=None, down=str(error), disk_percent=free)


def _command(given: str | None) -> list[str]:
    try:
        command = shlex.split(given or "")
    except ValueError as error:
        raise typer.BadParameter(f"the command cannot be read: {error}") from None
    if command and shutil.which(command[0]) is None:
        raise typer.BadParameter(f"there is no command {command[0]}")
    return command


def _say(change: Change, settings: Settings, *, as_json: bool) -> None:
    if as_json:
        sys.stdout.write(msgspec.json.encode(change).decode() + "\n")
        sys.stdout.flush()
        return
    at = datetime.fromtimestamp(change.at, ZoneInfo(settings.timezone)).strftime("%d %b %H:%M:%S")
    said = safe(f"{change.alarm}: {change.text}")
    if change.began:
        line = Text.assemble(f"{at}  ", ("ALARM", "bold red"), f"  {said}")
    else:
        line = Text(f"{at}  ended  {safe(change.alarm)}: after {change.seconds:.0f} s")
    console().print(line)


def _run(command: Sequence[str], change: Change) -> None:
    """Run the command for a change; whatever becomes of it, the watch goes on."""
    environment = os.environ | {
        "NGALAM112_ALARM": change.alarm,
        "NGALAM112_ALARM_STATE": "began" if change.began else "ended",
        "NGALAM112_ALARM_TEXT": change.text,
    }
    try:
        done = subprocess.run(
            command, env=environment, stdin=subprocess.DEVNULL, timeout=RUNS_WITHIN_S, check=False
        )
    except subprocess.TimeoutExpired:
        tell(f"{command[0]} was not done within {RUNS_WITHIN_S:g} s, and was ended.")
    except OSError as error:
        tell(f"{command[0]} cannot be run: {error.strerror}.")
    else:
        if done.returncode:
            tell(f"{command[0]} has failed with status {done.returncode}.")
