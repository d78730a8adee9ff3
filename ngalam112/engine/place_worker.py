"""One thread that reads documents and names places, so that the event loop never waits for it.

It also loads, at the first place, what that takes: lxml, shapely and the city's map (0.3 s and
some 30 MB), which most lines need rarely or never.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable
from pathlib import Path
from queue import SimpleQueue
from typing import TypeVar

import structlog

from guarded_net.xml import parser
from places.finding import Map
from places.place import PlaceError

log = structlog.get_logger("place")
T = TypeVar("T")

MOST_WAITING = 500
"""So many jobs may wait; a flood of documents costs no more memory than that."""

LONG_S = 0.005
REST = 3
"""A job that took longer than `LONG_S` is followed by a rest of so many times as long: a flood of
large documents gets a quarter of a processor, and calls the rest. An ordinary one takes 0.1 ms."""


class PlaceWorker:
    """`districts_file`: the city's map; places have no names if it cannot be used.

    `name`: of the thread.
    """

    def __init__(self, districts_file: Path, name: str = "places") -> None:
        self._file, self._name = districts_file, name
        self._jobs: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._waiting = 0
        self._thread: threading.Thread | None = None
        self._city: Map | None = None

    def do(
        self,
        work: Callable[[Map | None], T],
        then: Callable[[T], None],
        failed: Callable[[], None] = lambda: None,
    ) -> bool:
        """Have `work(city)` done in the thread and `then(result)` in the event loop.

        False if too much waits already: then nothing is done. What `work` raises is logged, and
        `failed` is called instead.
        """
        if self._waiting >= MOST_WAITING:
            return False
        self._waiting += 1
        loop = asyncio.get_running_loop()

        def job() -> None:
            results: tuple[T, ...] = ()
            try:
                results = (work(self._city),)
            except Exception:
                log.exception("place_failed")
            with contextlib.suppress(RuntimeError):  # the engine ends, and nobody waits any more
                loop.call_soon_threadsafe(done, *results)

        def done(*results: T) -> None:
            self._waiting -= 1
            for result in results:
                then(result)
            if not results:
                failed()

        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name=self._name, daemon=True)
            self._thread.start()
        self._jobs.put(job)
        return True

    async def ask(self, work: Callable[[Map | None], T]) -> T | None:
        """Return what `work(city)` returns; None if it failed, or too much waits."""
        answer: asyncio.Future[T | None] = asyncio.get_running_loop().create_future()

        def then(result: T | None) -> None:
            if not answer.done():
                answer.set_result(result)

        return await answer if self.do(work, then, lambda: then(None)) else None

    def _load(self) -> None:
        try:
            from places.districts import load_districts

            parser()
            self._city = load_districts(self._file)
        except PlaceError as error:
            log.error("no_map", error=str(error))
        except Exception:
            log.exception("no_map")  # who waits for this thread gets an answer all the same

    def _work(self) -> None:
        self._load()
        while True:
            job = self._jobs.get()
            begun = time.thread_time()
            job()
            took = time.thread_time() - begun
            if took > LONG_S:
                time.sleep(REST * took)
