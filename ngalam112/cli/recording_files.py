"""Where the audio of a call is, for the commands that play and export it."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from ngalam112.config.settings import Settings
from ngalam112.recordings.playing import blocks, growing_of, whole
from reports.errors import ReportError
from reports.recordings import Recorded, channel_of, recording_of

if TYPE_CHECKING:
    from models.database import Database

_PLAYERS = (
    ("play", "-q", "-t", "wav", "-"),
    ("aplay", "-q", "-"),
    ("ffplay", "-nodisp", "-autoexit", "-loglevel", "error", "-"),
)
"""Programs that play WAV from their standard input: sox, alsa-utils, ffmpeg."""


class NoRecording(ReportError):
    """A call has no recording that could be heard, or a changed one."""


class Found(msgspec.Struct, frozen=True):
    """The recording of a call: `row` where it is filed, `path` its file."""

    asterisk_id: str
    call_id: str | None
    row: Recorded | None
    path: Path

    @property
    def name(self) -> str:
        """What a copy of it is named."""
        return self.path.stem


async def find(settings: Settings, database: Database, call: str) -> Found:
    """Find the recording of a call, filed or growing. Raises a ReportError."""
    async with database.session() as session:
        asterisk_id, call_id = await channel_of(session, call)
        row = await recording_of(session, asterisk_id)
    if row is not None:
        if row.state != "kept":
            raise NoRecording(f"The recording of call {call!r} is gone ({row.gone_because}).")
        return Found(asterisk_id, call_id, row, settings.recordings_home / row.path)
    folder = settings.growing_recordings
    path = growing_of(folder, asterisk_id) if folder.is_dir() else None
    if path is None:
        raise NoRecording(f"Call {call!r} was not recorded; see `ngalam112 recordings list`.")
    return Found(asterisk_id, call_id, None, path)


def opened(settings: Settings, found: Found, *, follow: bool) -> Iterator[bytes]:
    """Yield it as WAV. Raises NoRecording for a file that is not as it was filed."""
    if found.row is None:
        return blocks(found.path, follow=follow)
    try:
        with found.path.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise NoRecording(f"{found.path} cannot be read: {error.strerror}.") from None
    if sha256 != found.row.sha256:
        raise NoRecording(
            f"{found.path} is not as it was filed; see `ngalam112 recordings verify`."
        )
    return whole(found.path)


def play_or_write(audio: Iterator[bytes]) -> None:
    """Play it, or write it where standard output is no terminal. Raises NoRecording."""
    if not sys.stdout.isatty():
        for some in audio:
            sys.stdout.buffer.write(some)
            sys.stdout.buffer.flush()
        return
    command = next((one for one in _PLAYERS if shutil.which(one[0])), None)
    if command is None:
        names = ", ".join(one[0] for one in _PLAYERS)
        raise NoRecording(f"There is no program that plays ({names}); give a pipe or export it.")
    player = subprocess.Popen(command, stdin=subprocess.PIPE)
    assert player.stdin is not None
    try:
        for some in audio:
            player.stdin.write(some)
        player.stdin.close()
    except BrokenPipeError:
        pass  # who listens has heard enough
    finally:
        player.wait()
