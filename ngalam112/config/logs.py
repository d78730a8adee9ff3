"""The engine's log: one JSON object a line, times in UTC, secrets never, names of fields fixed.

A log that cannot be written is no reason to fail: what it misses is counted, and said later. Nor is
a disk that hangs: an ordinary call is not logged, so a line may take its way through a thread.
"""

from __future__ import annotations

import contextlib
import logging
import os
from functools import partial
from pathlib import Path
from typing import Self, TextIO, cast

import structlog

from journal.disk_thread import DiskThread

_LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}


class LogFile:
    """A log file that is only added to (0600). `missed`: lines that could not be written."""

    def __init__(self, path: Path) -> None:
        self.missed = 0
        self._disk = DiskThread("log")
        self._file: int | None = None
        self._torn = False
        with contextlib.suppress(OSError):
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            path.chmod(0o600)

    def write(self, text: str) -> None:
        """Write a line, as far as it goes."""
        if self._file is None:
            self.missed += 1
            return
        if self.missed:
            text = f'{{"event": "log_lines_missed", "count": {self.missed}}}\n{text}'
        line = text.encode("utf-8", "replace")
        try:
            content = b"\n" + line if self._torn else line
            done = self._disk.do(partial(os.write, self._file, content))
        except OSError:
            self.missed += 1
            return
        self._torn, self.missed = done < len(line), int(done < len(line))

    def flush(self) -> None:
        """Nothing waits."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None


def open_log(path: Path, level: str) -> LogFile:
    """Send all log events to `path`; returns the open file."""
    file = LogFile(path)
    configure(file, level)
    return file


def configure(file: LogFile, level: str) -> None:
    """Send all log events, those of libraries too, to `file`."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(ensure_ascii=True),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[level]),
        logger_factory=structlog.WriteLoggerFactory(file=cast(TextIO, file)),
        cache_logger_on_first_use=False,
    )
    logging.basicConfig(handlers=[_ToStructlog()], level=logging.WARNING, force=True)


class _ToStructlog(logging.Handler):
    """Passes what libraries log on to structlog."""

    def emit(self, record: logging.LogRecord) -> None:
        """Log one record under its logger's name."""
        structlog.get_logger(record.name).log(
            record.levelno, "library", message=record.getMessage(), exc_info=record.exc_info
        )
