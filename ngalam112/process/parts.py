"""The parts of a line that `ngalam112 up` keeps running, each as the command that starts it."""

from __future__ import annotations

import asyncio
import os
import sys
from typing import NoReturn

from ngalam112.config.settings import Settings
from ngalam112.process import pidfiles
from ngalam112.process.open_files import allow_many_files
from ngalam112.process.rescuer import rescuer_command, rescuer_log
from ngalam112.process.running_line import line_asterisk, prepare
from ngalam112.process.supervisor import Part
from ngalam112.recordings.names import KEEPER
from pbx.programs import Programs

ENGINES = ("1", "2", "3")
"""One serves, the others wait; which is which changes. With two that wait, the line has one more
when the one that takes over dies while it does: a start from nothing takes seconds."""


def asterisk_part(settings: Settings, programs: Programs) -> Part:
    """Asterisk, which nothing but its own end starts again."""
    asterisk = line_asterisk(settings, programs)
    return Part(
        name="asterisk",
        command=lambda: asterisk.command(die_with_parent=False),
        output=asterisk.console_file,
    )


def engine_part(settings: Settings, name: str) -> Part:
    """One of the engines."""
    return Part(
        name=f"engine-{name}",
        command=lambda: [sys.executable, "-m", "ngalam112", "engine", "--name", name],
        output=settings.log_file.with_name(f"engine-{name}.out"),
        environment=settings.environment(),
        heartbeat_s=settings.heartbeat_s,
    )


def rescue_part(settings: Settings) -> Part:
    """The rescuer, which looks after citizens for whom no engine beats."""
    return Part(
        name="rescue",
        command=lambda: rescuer_command(settings),
        output=rescuer_log(settings),
    )


def recordings_part(settings: Settings) -> Part:
    """What files the recordings of calls."""
    return Part(
        name=KEEPER,
        command=lambda: [sys.executable, "-m", "ngalam112", "recordings", "keep"],
        output=settings.log_file.with_name("recordings.out"),
        environment=settings.environment(),
    )


def become_asterisk(settings: Settings) -> NoReturn:
    """Make the line ready, then be its Asterisk in place of this program: for a service of its own.

    Engines may run already: they wait for it.
    """
    allow_many_files()
    programs = Programs.find()
    asyncio.run(prepare(settings, programs, engine_runs=True))
    _become(asterisk_part(settings, programs), settings)


def become_rescuer(settings: Settings) -> NoReturn:
    """Be the line's rescuer in place of this program: for a service of its own."""
    _become(rescue_part(settings), settings)


def _become(part: Part, settings: Settings) -> NoReturn:
    command = part.command()
    pidfiles.write(settings.run / f"{part.name}.pid", os.getpid())
    os.execvp(command[0], command)  # noqa: S606 - its own argument list, no shell
