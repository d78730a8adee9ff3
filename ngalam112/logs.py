"""The engine's log: one JSON object a line, times in UTC, secrets never, names of fields fixed."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TextIO

import structlog

_LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}


def open_log(path: Path, level: str) -> TextIO:
    """Send all log events to `path` (appended, 0600); returns the open file."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    file = path.open("a", buffering=1, encoding="utf-8")
    path.chmod(0o600)
    configure(file, level)
    return file


def configure(file: TextIO, level: str) -> None:
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
        logger_factory=structlog.WriteLoggerFactory(file=file),
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
