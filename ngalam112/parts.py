"""The parts of a line that `ngalam112 up` keeps running, each as the command that starts it."""

from __future__ import annotations

import sys

from ngalam112.keeper import Part
from ngalam112.running import line_asterisk
from ngalam112.settings import Settings
from pbx.programs import Programs

ENGINES = ("1", "2")
"""One serves, the other one waits; which is which changes."""


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


def other_parts(settings: Settings) -> list[Part]:
    """What helps a line beside Asterisk and its engines; ends before these, by SIGTERM."""
    return []
