"""The process that computes reports beside the engine: `python -m ngalam112.api.report_process`.

Each line of its input is a question, each line of its output the answer; it ends with its input, so
no engine leaves one behind. It opens the database for reading only, anew for each question, and
leaves the processors to the calls. `ngalam112.api.report_worker` is who asks.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from pathlib import Path
from typing import Any

import msgspec

from ngalam112.api import queries
from ngalam112.api.refusals import kind_of
from ngalam112.config.settings import Settings, load_settings

_NICE = 10
_GOES_FIRST = "500"  # where memory runs out, this process goes, and no engine


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """A question of the API. `behind`: how many entries the database did not have at that time."""

    path: str
    params: dict[str, str]
    behind: int = 0


class Told(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What came of it: the answer, as JSON; or the kind of an error and its sentence."""

    answer: msgspec.Raw = msgspec.Raw(b"null")
    kind: str = ""
    error: str = ""


def answered(asked: Asked, settings: Settings) -> Told:
    """Answer a question out of the database."""
    question = queries.STORED[asked.path]
    try:
        answer: dict[str, Any] = asyncio.run(queries.ask_stored(question, settings, asked.params))
    except Exception as error:
        kind = kind_of(error)
        sentence = str(error) if kind else f"{type(error).__name__}: {error}"
        return Told(kind=kind, error=sentence)
    answer["behind"] = asked.behind
    return Told(answer=msgspec.Raw(msgspec.json.encode(answer)))


def main() -> None:
    """Answer questions until there are no more."""
    os.nice(_NICE)
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text(_GOES_FIRST)
    settings = load_settings()
    with contextlib.suppress(KeyboardInterrupt, BrokenPipeError):
        for line in sys.stdin.buffer:
            told = answered(msgspec.json.decode(line, type=Asked), settings)
            sys.stdout.buffer.write(msgspec.json.encode(told) + b"\n")
            sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
