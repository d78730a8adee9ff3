"""Reads the logs of a line after a storm for what must not be there."""

from __future__ import annotations

import json
from pathlib import Path

from ngalam112.config.settings import Settings

_ASTERISK = ("Music on Hold class", "Failed to start silence")
_LATE = ("has not answered in", "does not answer in time")
_SHOWN = 300


def complaints(settings: Settings) -> list[str]:
    """Return the engine's errors and tracebacks, and what Asterisk must not complain of.

    Not that the database was late, which is `late_answers`.
    """
    found = [
        f"the engine's log: {line[:_SHOWN]}"
        for line in _lines(settings.home / "log" / "engine.jsonl")
        if _is_error(line) and not _is_late(line)
    ]
    found += [
        f"Asterisk's log: {line[:_SHOWN]}"
        for line in _lines(settings.asterisk_home / "log" / "messages")
        if any(words in line for words in _ASTERISK)
    ]
    return found


def late_answers(settings: Settings) -> list[str]:
    """Return the lines of the log by which the database did not answer in time.

    Nothing is lost by that; but on a machine that has run it should not happen.
    """
    lines = _lines(settings.home / "log" / "engine.jsonl")
    return [f"the engine's log: {line[:_SHOWN]}" for line in lines if _is_late(line)]


def _lines(file: Path) -> list[str]:
    return file.read_text("utf-8", "replace").splitlines() if file.exists() else []


def _is_error(line: str) -> bool:
    try:
        entry = json.loads(line)
    except ValueError:
        return True  # a traceback that nobody caught is no JSON
    return entry.get("level") in ("error", "critical") or "exception" in entry


def _is_late(line: str) -> bool:
    return '"recording_fails"' in line and any(words in line for words in _LATE)
