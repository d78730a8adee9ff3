"""Keeps logs from growing for ever: ours and Asterisk's, with nothing to set up beside the line.

A file that is too large is copied and then emptied, and not renamed: Asterisk, several engines and
the rescuer have the same files open, all of them for adding at the end. What is written between the
copy and the emptying, which is some milliseconds, is lost. Of a file that has grown beyond all
measure only the newest lines are copied, for a copy must never fill the disk.
"""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

import structlog

from ngalam112.config.settings import Settings

log = structlog.get_logger("logs")

MOST_BYTES = 32 * 1024 * 1024
KEPT = 4
"""Older copies of each file: `name.1` is the newest."""

MOST_COPIED, LEAST_COPIED = 2 * MOST_BYTES, 1024 * 1024
"""Bytes of a copy: at most, and as many as are tried on a disk that is nearly full."""

EVERY_S = 60.0
_BLOCK = 512
_LONGEST_LINE = 64 * 1024


async def keep_logs_short(settings: Settings) -> None:
    """Rotate the line's logs for ever, in a thread; a disk that does not let it is only told of."""
    folders = (settings.log_file.parent, settings.asterisk_home / "log")
    told = ""
    while True:
        try:
            await asyncio.to_thread(rotate, folders)
            told = ""
        except OSError as error:
            if str(error) != told:
                told = str(error)
                log.warning("logs_not_rotated", error=told)
        await asyncio.sleep(EVERY_S)


def rotate(
    folders: Iterable[Path],
    most_bytes: int = MOST_BYTES,
    kept: int = KEPT,
    most_copied: int = MOST_COPIED,
) -> list[str]:
    """Put aside and empty every log of more than `most_bytes`; return their names.

    `kept`: so many copies of each stay. `most_copied`: bytes of a copy, those at the end of the
    log. Raises the first OSError where the disk does not let it; that log is then as it was, and
    the others are put aside.
    """
    done, failed = [], list[OSError]()
    for file in (one for folder in folders if folder.is_dir() for one in sorted(folder.iterdir())):
        try:
            if _is_log(file) and _size(file) > most_bytes:
                _put_aside(file, kept, most_copied)
                done.append(file.name)
        except OSError as error:
            failed.append(error)
    if failed:
        raise failed[0]
    return done


def _is_log(file: Path) -> bool:
    is_copy = file.suffix[1:].isdigit() or file.suffix == ".copy"
    return not is_copy and not file.is_symlink() and file.is_file()


def _size(file: Path) -> int:
    """What the file takes on the disk: who does not write at the end leaves a hole when emptied."""
    return file.stat().st_blocks * _BLOCK


def _put_aside(file: Path, kept: int, most_copied: int) -> None:
    copies = [file.with_name(f"{file.name}.{number}") for number in range(1, kept + 1)]
    copies[-1].unlink(missing_ok=True)  # first, for the copy may need its room
    fresh = file.with_name(f"{file.name}.copy")
    try:
        with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as to:
            with file.open("rb") as source:
                _go_to_the_last(min(most_copied, _room(file.parent)), source)
                shutil.copyfileobj(source, to, 1024 * 1024)
            os.truncate(file, 0)
    except BaseException:
        fresh.unlink(missing_ok=True)
        raise
    for younger, older in zip(reversed(copies[:-1]), reversed(copies[1:]), strict=True):
        if younger.exists():
            younger.replace(older)
    fresh.replace(copies[0])


def _room(folder: Path) -> int:
    """How much of the disk a copy may take: half of what is free."""
    return max(LEAST_COPIED, shutil.disk_usage(folder).free // 2)


def _go_to_the_last(most_bytes: int, log_file: BinaryIO) -> None:
    """Go to the first whole line among the last bytes of an open file."""
    begin = log_file.seek(0, os.SEEK_END) - most_bytes
    log_file.seek(max(0, begin))
    if begin > 0:
        log_file.readline(_LONGEST_LINE)
