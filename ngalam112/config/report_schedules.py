"""Keeps who gets which reports by mail, and what became of the mails: two files.

`report_schedules.json` is written by the commands, `report_mails.json` by whoever sends. Both are
in the state folder, for its owner alone, as addresses are people's. Each is replaced as a whole.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from ngalam112.config.settings import Settings, SettingsError
from reports.schedules import Key, Mailed, Schedule, kept

T = TypeVar("T")


def read_schedules(settings: Settings) -> list[Schedule]:
    """Return all schedules; raises SettingsError for a file that cannot be used."""
    return _read(_schedules(settings), Schedule)


def read_mailed(settings: Settings) -> dict[Key, Mailed]:
    """Return what became of the mails; raises SettingsError."""
    return {(one.schedule, one.end): one for one in _read(_mails(settings), Mailed)}


def write_mailed(settings: Settings, known: Iterable[Mailed], now: float) -> None:
    """Keep what became of the mails; `now`: seconds since the epoch. Raises OSError."""
    _write(_mails(settings), kept(known, now))


@contextmanager
def changing_schedules(settings: Settings) -> Iterator[list[Schedule]]:
    """The schedules, to be changed: what the list holds then is kept. Raises SettingsError."""
    with locked(settings, "report_schedules.lock", wait=True):
        found = read_schedules(settings)
        yield found
        _write(_schedules(settings), found)


@contextmanager
def locked(settings: Settings, name: str, *, wait: bool) -> Iterator[bool]:
    """Hold a lock of the state folder; yields whether it is held (always, if it is waited for)."""
    settings.home.mkdir(parents=True, exist_ok=True, mode=0o700)
    file = os.open(settings.home / name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            yield False
        else:
            yield True
    finally:
        os.close(file)


def _schedules(settings: Settings) -> Path:
    return settings.home / "report_schedules.json"


def _mails(settings: Settings) -> Path:
    return settings.home / "report_mails.json"


def _read(path: Path, kind: type[T]) -> list[T]:
    try:
        return msgspec.json.decode(path.read_bytes(), type=list[kind])  # type: ignore[valid-type]
    except FileNotFoundError:
        return []
    except (OSError, msgspec.DecodeError) as error:
        raise SettingsError(f"{path} cannot be read ({error}); fix it or remove it.") from None


def _write(path: Path, value: Any) -> None:
    fresh = path.with_suffix(f".{os.getpid()}.new")
    with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(msgspec.json.format(msgspec.json.encode(value), indent=1) + b"\n")
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
