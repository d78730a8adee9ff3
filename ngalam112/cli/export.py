"""The commands that write the records in the formats of other programs."""

from __future__ import annotations

import asyncio
import io
import os
import sys
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, BinaryIO, TextIO
from zoneinfo import ZoneInfo

import typer
from sqlalchemy.exc import SQLAlchemyError

from ngalam112.api import time_ranges
from ngalam112.cli.common import FromOption, ToOption, leave_audit, make_group
from ngalam112.config.settings import Settings, load_settings
from privacy.trail import Looked

exports = make_group("export", "The records in the formats of other programs.")

OutputOption = Annotated[
    Path | None,
    typer.Option("--output", "-o", help="The file to write, anew; without it, to the screen."),
]


@exports.command("queue_log")
def export_queue_log(
    begin: FromOption = None, end: ToOption = None, output: OutputOption = None
) -> None:
    """Write what happened as app_queue's queue_log, for QueueMetrics, Asternic and the like.

    Without --from and --to, all that is stored. A line belongs to a time by its own moment, so
    the exports of two days make the export of both.
    """
    settings = load_settings()
    zone, now = ZoneInfo(settings.timezone), datetime.now(UTC)
    since = None if begin is None else time_ranges.begin(begin, zone, now)
    until = None if end is None else time_ranges.end(end, zone, now)
    asyncio.run(_write(settings, since, until, output))


async def _write(
    settings: Settings, since: datetime | None, until: datetime | None, output: Path | None
) -> None:
    """Read the database itself, engine or not: months of lines are no work for an engine."""
    from ngalam112.api.queries import open_stored

    async with open_stored(settings) as database:
        await leave_audit(database, "export queue_log", "", Looked.EXPORT)
    with written(output) as file:
        async with aclosing(_lines(settings, since, until)) as lines:
            async for line in lines:
                file.write(line + "\n")


async def _lines(
    settings: Settings, since: datetime | None, until: datetime | None
) -> AsyncGenerator[str, None]:
    from acd.numbers.withheld import Withheld
    from ivr.menu import load_menu
    from ngalam112.api.queries import open_stored
    from reports.queue_log_export import queue_log

    how = Withheld(settings.withheld_numbers)
    queues = list(load_menu(settings.menu_file).categories)
    async with open_stored(settings, read_only=True) as database:
        try:
            async for line in queue_log(database, queues, since, until, how=how):
                yield line.text()
        except (OSError, SQLAlchemyError) as error:
            raise database.unreachable(error) from None


@contextmanager
def written(output: Path | None) -> Iterator[TextIO]:
    """The file to write to; one that could not be written to its end leaves the old one alone."""
    if output is None:
        yield sys.stdout
        return
    with written_bytes(output) as file:
        text = io.TextIOWrapper(file, encoding="utf-8", newline="\n")
        try:
            yield text
        finally:
            text.detach()  # what is left goes into the file, which is closed by whoever opened it


@contextmanager
def written_bytes(output: Path) -> Iterator[BinaryIO]:
    """As `written`, for a file that is no text."""
    if output.exists() and not output.is_file():
        # a pipe or a device takes the lines but must not be replaced
        with output.open("wb") as file:
            yield file
        return
    output = output.resolve()  # what a link points at is written, the link stays
    part = output.with_name(f"{output.name}.{os.getpid()}.part")
    try:
        # as with Asterisk's own log, whose lines hold callers' numbers: it is not for everybody
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o640)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(output)) from None
    try:
        with open(descriptor, "wb") as file:
            yield file
        part.replace(output)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
