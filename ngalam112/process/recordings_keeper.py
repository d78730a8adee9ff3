"""The process that looks after recordings, beside the engines: one a line, of low priority."""

from __future__ import annotations

import asyncio
import fcntl
import os
import signal
import sys

from models.database import Database
from ngalam112.config.logs import open_log
from ngalam112.config.provision import recording_folders
from ngalam112.config.settings import Settings
from ngalam112.process import pidfiles
from ngalam112.recordings.keeper import MIB, Keeper
from ngalam112.recordings.names import KEEPER

_NICE = 10


def keep_recordings(settings: Settings) -> int:
    """Look after the line's recordings until SIGTERM or SIGINT; returns the exit code.

    A second one waits until the first one is gone.
    """
    settings.run.mkdir(parents=True, exist_ok=True, mode=0o700)
    pidfiles.write(settings.run / f"{KEEPER}.pid", os.getpid())
    # the kernel's word that somebody opens a file of which we have just asked who writes it
    signal.signal(signal.SIGIO, signal.SIG_IGN)
    os.nice(_NICE)
    lock = os.open(settings.home / "recordings.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX)
    with open_log(settings.log_file.with_name("recordings.jsonl"), settings.log_level):
        recording_folders(settings)
        asyncio.run(_keep(settings))
    # a thread that stands still with a disk would keep this process from its end
    sys.stdout.flush()
    os._exit(0)


async def _keep(settings: Settings) -> None:
    database = Database(settings.url)
    keeper = Keeper(
        database,
        settings.recordings_home,
        stop_file=settings.no_recordings,
        standing_file=settings.recordings_standing,
        unbound_file=settings.recordings_unbound,
        least_free=settings.recordings_free_mb * MIB,
        most=settings.recordings_most,
    )
    running = asyncio.ensure_future(keeper.run())
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, running.cancel)
    try:
        await running
    except asyncio.CancelledError:
        os._exit(0)
