"""The process that computes reports beside the engine: `python -m ngalam112.api.report_process`.

Each line of its input is a question; its output has two lines for each: what came of it, and the
answer, which the engine passes on unread. It ends with its input, so no engine leaves one behind.
It opens the database for reading only, anew for each question, and leaves the processors to the
calls. `ngalam112.api.report_worker` is who asks.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from pathlib import Path
from typing import Any

import msgspec

from ngalam112.api import queries, report_kinds
from ngalam112.api.refusals import kind_of
from ngalam112.config.settings import Settings, load_settings

_NICE = 10
_GOES_FIRST = "500"  # where memory runs out, this process goes, and no engine


_QUESTIONS = {**queries.STORED, **report_kinds.STORED}


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """A question of the API. `behind`: how many entries the database did not have at that time."""

    path: str
    params: dict[str, str]
    behind: int = 0


class Told(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What came of it: the kind of an error and its sentence, if it is one."""

    kind: str = ""
    error: str = ""


def answered(asked: Asked, settings: Settings) -> tuple[Told, bytes]:
    """Answer a question out of the database: what came of it, and the answer as JSON."""
    question = _QUESTIONS[asked.path]
    try:
        answer: dict[str, Any] = asyncio.run(queries.ask_stored(question, settings, asked.params))
    except Exception as error:
        kind = kind_of(error)
        sentence = str(error) if kind else f"{type(error).__name__}: {error}"
        return Told(kind=kind, error=sentence), b"null"
    answer["behind"] = asked.behind
    return Told(), msgspec.json.encode(answer)


def main() -> None:
    """Answer questions until there are no more."""
    os.nice(_NICE)
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text(_GOES_FIRST)
    settings = load_settings()
    with contextlib.suppress(KeyboardInterrupt, BrokenPipeError):
        for line in sys.stdin.buffer:
            told, answer = answered(msgspec.json.decode(line, type=Asked), settings)
            sys.stdout.buffer.write(msgspec.json.encode(told) + b"\n" + answer + b"\n")
            sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
