"""The beginning of an engine's process: it is found at once, and imports the rest after that."""

from __future__ import annotations

import gc
import os

from ngalam112.config.settings import load_settings
from ngalam112.process import pidfiles


def run_engine(name: str = "1") -> int:
    """Run the engine of this name until it is told to stop; returns the exit code."""
    settings = load_settings()
    # before all that takes time, so that whoever looks for it finds it
    pidfiles.write(settings.run / f"engine-{name}.pid", os.getpid())
    # imports make no garbage, and to look for it all the time is a sixth of their work
    gc.disable()
    from ngalam112.process.service import main

    gc.enable()
    return main(settings, name)


def engine_of(words: list[str]) -> str | None:
    """The engine's name if these words of a command line mean to run one, and nothing else."""
    match words:
        case ["engine"]:
            return "1"
        case ["engine", "--name", name] if not name.startswith("-"):
            return name
    return None
