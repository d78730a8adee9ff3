"""Work with a disk that may not answer: a thread does it, and who asks waits for a moment at most.

A disk that is full says so; one that hangs lets whoever writes to it stand still, for as long as it
likes. An event loop that stands still for some seconds is killed, and so is the next one.
"""

from __future__ import annotations

import contextlib
import errno
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any

LIMIT_S = 0.25
"""How long whoever asks waits: much less than a watchdog allows, and long for a healthy disk."""


class DiskHangs(OSError):
    """The disk has not answered in time, or still does not answer what was asked before."""

    def __init__(self) -> None:
        super().__init__(errno.ETIMEDOUT, "the disk does not answer")


class _Job:
    __slots__ = ("abandoned", "done", "error", "result", "undo", "work")

    def __init__(self, work: Callable[[], Any], undo: Callable[[Any], object] | None) -> None:
        self.work, self.undo = work, undo
        self.result: Any = None
        self.error: BaseException | None = None
        self.done = threading.Event()
        self.abandoned = False


class DiskThread:
    """One thread, which lives as long as the program. Only one thread may ask it at a time.

    `hangs`: something that was asked has not been answered in time, and is not answered yet.
    """

    def __init__(self, name: str, limit_s: float = LIMIT_S) -> None:
        self.hangs = False
        self._name, self._limit_s = name, limit_s
        self._jobs: SimpleQueue[_Job] = SimpleQueue()
        self._deciding = threading.Lock()
        self._thread: threading.Thread | None = None

    def do(self, work: Callable[[], Any], undo: Callable[[Any], object] | None = None) -> Any:
        """Return what `work` returns, or raise what it raises; raises DiskHangs if that takes long.

        While it hangs nothing else is begun. `undo` gets the result of work that was given up and
        has come to an end nevertheless; what is done to a file by then is done.
        """
        if self.hangs:
            raise DiskHangs
        job = self._hand_over(_Job(work, undo))
        if not job.done.wait(self._limit_s):
            with self._deciding:
                if not job.done.is_set():
                    job.abandoned = self.hangs = True
                    raise DiskHangs
        if job.error is not None:
            raise job.error
        return job.result

    def _hand_over(self, job: _Job) -> _Job:
        if self._thread is None or not self._thread.is_alive():  # or it was another process's
            self._thread = threading.Thread(target=self._work, name=self._name, daemon=True)
            self._thread.start()
        self._jobs.put(job)
        return job

    def _work(self) -> None:
        while True:
            job = self._jobs.get()
            try:
                job.result = job.work()
            except BaseException as error:
                job.error = error
            with self._deciding:
                job.done.set()
            if job.abandoned:
                if job.undo is not None and job.error is None:
                    with contextlib.suppress(OSError):
                        job.undo(job.result)
                self.hangs = False
