"""Who serves: the engine that holds the lock on `<home>/engine.lock`. The others wait for it.

The kernel frees the lock in the moment its holder ends, however it ends; nobody has to notice. An
engine that waits has imported everything and has opened nothing of the line: no database, no port,
no link to Asterisk.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import threading
from pathlib import Path


class LeaderLock:
    """The lock of one line, held or waited for by this process."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def take(self) -> bool:
        """Take the lock if nobody has it; returns whether it is ours."""
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    async def wait(self) -> None:
        """Wait until the lock is ours, without blocking the event loop."""
        loop = asyncio.get_running_loop()
        ours = asyncio.Event()

        def block() -> None:
            fcntl.flock(self._file, fcntl.LOCK_EX)
            # a loop that has ended needs no lock
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(ours.set)

        # a daemon: an engine that is told to stop while it waits does not wait for this thread
        threading.Thread(target=block, name="leader lock", daemon=True).start()
        await ours.wait()

    def give(self) -> None:
        """Let the next one serve; the last thing that an engine does."""
        os.close(self._file)
