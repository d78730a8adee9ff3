"""Where an error becomes a line on standard error and an exit code.

Imports nothing of the command line: an engine starts without that (`ngalam112.__main__`).
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from typing import Any

_OURS = (
    "models",
    "acd",
    "guarded_net",
    "places",
    "public_warnings",
    "incidents",
    "deliveries",
    "privacy",
    "journal",
    "ivr",
    "pbx",
    "reports",
    "ngalam112",
    "lab",
)


def tell(sentence: str) -> None:
    """Say something beside the output: one line on standard error."""
    from ngalam112.terminal import safe  # an engine that says nothing draws no tables

    print(f"ngalam112: {' '.join(safe(sentence).split())}", file=sys.stderr)  # noqa: T201


def run_command(run: Callable[[], Any]) -> None:
    """Run one command; an error is one line on standard error, and exit 1."""
    for stream in (sys.stdout, sys.stderr):
        # a terminal that knows no Unicode is no reason to fail
        stream.reconfigure(errors="replace")  # type: ignore[union-attr]
    threading.excepthook = _thread_failed
    try:
        run()
    except Exception as error:
        if os.environ.get("NGALAM112_LOG_LEVEL") == "debug":
            raise
        tell(_sentence(error))
        sys.exit(1)


def _thread_failed(failure: threading.ExceptHookArgs) -> None:
    # aiosqlite's thread still wants to tell a loop that has ended that a file cannot be opened;
    # the command has told it already
    if str(failure.exc_value) != "Event loop is closed":
        threading.__excepthook__(failure)


def _sentence(error: Exception) -> str:
    ours = type(error).__module__.partition(".")[0] in _OURS
    text = str(error).removeprefix("ngalam112: ")
    if ours and text:
        return text
    if isinstance(error, OSError):
        where = f"{error.filename}: " if error.filename else ""
        return f"{where}{error.strerror or text}."
    name = type(error).__name__
    return f"{name}: {text}. That is a fault of ours; NGALAM112_LOG_LEVEL=debug shows where."
