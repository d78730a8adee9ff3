"""Finds out whether a fresh engine of this version could wait for its turn; no engine notices.

Run as a program of its own (`python -m ngalam112.process.start_check`), for the code on the disk
counts and not that of whoever asks. Audio that is missing, or whose text has been changed, is made
first, as `ngalam112 up` does.
"""

from __future__ import annotations

import asyncio
import importlib
import sys

from acd.config_file import DistributionError
from incidents.data_files import DataFileError
from ivr.menu import MenuError
from models.database import DatabaseError
from ngalam112.config.routing import NO_AUDIO, build_prompts, load_routing
from ngalam112.config.settings import Settings, SettingsError, load_settings
from ngalam112.config.sounds import SoundError
from ngalam112.process.warm_up import warm_up
from pbx.programs import ProgramMissing, Programs

REFUSED = 3
"""The exit code where a file or a setting is at fault; the last line of stderr says which."""

_REFUSALS = (
    MenuError,
    DistributionError,
    DataFileError,
    SoundError,
    SettingsError,
    DatabaseError,
    ProgramMissing,
    OSError,
)


def check(settings: Settings) -> None:
    """Do what an engine does before it waits; raises what would end it."""
    importlib.import_module("ngalam112.process.service")
    try:
        load_routing(settings)
    except (MenuError, DistributionError) as error:
        if not str(error).startswith(NO_AUDIO):
            raise
    build_prompts(settings, Programs.find())
    asyncio.run(warm_up(settings))


def main() -> int:
    """Return 0 or REFUSED."""
    try:
        check(load_settings())
    except _REFUSALS as error:
        print(error, file=sys.stderr)  # noqa: T201
        return REFUSED
    return 0


if __name__ == "__main__":
    sys.exit(main())
