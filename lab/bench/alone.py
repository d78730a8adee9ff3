"""The engine alone: what one engine process on one core carries, against a recorded Asterisk.

The engine is a process as in production, with its journal, its recorder and SQLite; only Asterisk
is a recording (`lab.bench.replay`), which runs on another core.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import uvloop

from lab.bench.cores import memory_mb, two_cores
from lab.bench.cpu import cpu_of
from lab.bench.figures import median
from lab.bench.ready import alone_settings, make_ready
from lab.bench.record import record
from lab.bench.recording import KEPT, RecordingError, load, save
from lab.bench.replay import Replay
from lab.bench.source import STUCK_S, Source
from lab.bench.stage import Figures, Stage
from lab.machine.interrupts import unless_ended
from lab.machine.stalls import stood_still
from lab.machine.waiting import eventually
from ngalam112.cli.client import Client
from ngalam112.config.settings import Settings
from ngalam112.process.running_line import EngineFailed, EngineProcess
from pbx.programs import Programs

T = TypeVar("T")

_WARM_S = 10.0
_RUNS = 3


class AloneFailed(Exception):
    """The engine did not do with the recorded Asterisk what it does with a real one."""


class Alone(msgspec.Struct, frozen=True, kw_only=True):
    """What was seen. CPU is user and system time of all threads, in ms for each call.

    `stalls_s`: for how long the machine stood still meanwhile.
    `rate`: calls a second that came; None if as many as were served (`at_once` up together).
    `calls_per_second`: until the last call was over and the database had all of it.
    """

    calls: int
    at_once: int
    operators: int
    rate: float | None
    seconds: float
    calls_per_second: float
    events_per_second: float
    engine_cpu_ms_per_call: float
    replay_cpu_ms_per_call: float
    engine_core: float
    replay_core: float
    requests_per_call: float
    events_per_call: float
    ami_events_per_call: float
    engine_memory_mb: float
    stalls_s: float = 0.0


async def measure(
    home: Path,
    *,
    calls: int = 3000,
    warm_up: int = 1000,
    at_once: int = 600,
    operators: int = 300,
    rate: float | None = None,
    recording: Path = KEPT,
    database_url: str = "",
) -> Alone:
    """Play the recording to an engine; raises AloneFailed, RecordingError or EngineFailed."""
    settings = alone_settings(home, database_url)
    phones = [str(10_000 + index) for index in range(operators)]
    await make_ready(settings, phones)
    source = Source(at_once, rate)
    replay = Replay(load(recording), phones, source.one_is_over, paced=rate is not None)
    source.begin = replay.begin
    engine = EngineProcess(settings)
    with two_cores() as (first, rest):
        async with replay.listening(settings.ari_port, settings.ami_port):
            os.sched_setaffinity(0, first)  # what is started now inherits it, with all its threads
            try:
                await engine.start()
                os.sched_setaffinity(0, rest)
                run = _Run(settings, engine, replay, source, phones)
                await run.ready()
                await run.play(warm_up if rate is None else round(rate * _WARM_S))
                return await run.measured(calls)
            finally:
                await engine.stop()


async def played(stage: Stage) -> Figures:
    """Measure a few times, as one of the measures of `ngalam112 bench`."""
    runs = []
    for turn in range(min(stage.pairs, _RUNS)):
        homes = (stage.ground.folder / f"alone-{turn}-{number}" for number in itertools.count(1))

        async def whole(homes: Iterator[Path] = homes) -> Alone:
            return await measure(next(homes), calls=1000 if stage.quick else 3000)

        runs.append(await stage.undisturbed("engine alone", whole))
        stage.say(
            f"engine alone: {runs[-1].calls_per_second:.0f} calls a second, "
            f"{runs[-1].engine_cpu_ms_per_call:.2f} ms of CPU a call"
        )
    names = [
        one.name for one in msgspec.structs.fields(Alone) if one.name not in ("rate", "stalls_s")
    ]
    return {"engine_alone": {one: median([getattr(run, one) for run in runs]) for one in names}}


class _Run:
    def __init__(
        self,
        settings: Settings,
        engine: EngineProcess,
        replay: Replay,
        source: Source,
        phones: list[str],
    ) -> None:
        self._client, self._engine, self._replay = Client(settings), engine, replay
        self._source, self._phones, self._played = source, phones, 0

    async def ready(self) -> None:
        """Wait until the engine knows that all phones are free."""

        async def free() -> bool:
            phones = (await self._get("/api/phones"))["phones"]
            return len([one for one in phones if one["device"] == "free"]) == len(self._phones)

        await eventually(free, STUCK_S, "all phones are free", error=AloneFailed)

    async def play(self, calls: int) -> None:
        """Play so many calls, and wait until the database has them."""
        self._played += calls
        try:
            await self._source.play(calls)
        except TimeoutError:
            raise AloneFailed(
                f"{self._replay.living} of {calls} calls came to no end in time; "
                f"not in the recording: {dict(self._replay.unexpected)}."
            ) from None

        async def written() -> bool:
            return not (await self._get("/api/status"))["engine"]["backlog"]

        await eventually(written, STUCK_S, "the database has all calls", error=AloneFailed)

    async def measured(self, calls: int) -> Alone:
        """Play so many calls and say what they took."""
        pid, replay = self._engine.pid, self._replay
        assert pid is not None
        events, requests, ami = replay.events, replay.requests, replay.ami_events
        engine_s, replay_s, start = cpu_of(pid), time.process_time(), time.monotonic()
        await self.play(calls)
        seconds = time.monotonic() - start
        stalls_s = stood_still(start)
        engine_s, replay_s = cpu_of(pid) - engine_s, time.process_time() - replay_s
        await self._check()
        return Alone(
            calls=calls,
            at_once=self._source.at_once,
            operators=len(self._phones),
            rate=self._source.rate,
            seconds=round(seconds, 2),
            calls_per_second=round(calls / seconds, 1),
            events_per_second=round((replay.events - events) / seconds, 1),
            engine_cpu_ms_per_call=round(engine_s * 1000 / calls, 3),
            replay_cpu_ms_per_call=round(replay_s * 1000 / calls, 3),
            engine_core=round(engine_s / seconds, 2),
            replay_core=round(replay_s / seconds, 2),
            requests_per_call=round((replay.requests - requests) / calls, 2),
            events_per_call=round((replay.events - events) / calls, 2),
            ami_events_per_call=round((replay.ami_events - ami) / calls, 2),
            engine_memory_mb=round(memory_mb(pid), 1),
            stalls_s=round(stalls_s, 2),
        )

    async def _check(self) -> None:
        """All calls were answered, and the engine asked for nothing else than in the recording."""
        answered = (await self._get("/api/summary"))["answered"]
        if answered != self._played or self._replay.unexpected:
            raise AloneFailed(
                f"{answered} of {self._played} calls were answered; "
                f"not in the recording: {dict(self._replay.unexpected)}."
            )

    async def _get(self, path: str) -> Any:
        return await asyncio.to_thread(self._client.get, path)


def main() -> int:
    """Measure, or record anew with --record; prints JSON."""
    arguments = argparse.ArgumentParser(description="The engine alone.")
    arguments.add_argument("--record", action="store_true", help="record the call anew")
    arguments.add_argument("--calls", type=int, default=3000)
    arguments.add_argument("--at-once", type=int, default=600)
    arguments.add_argument("--operators", type=int, default=300)
    arguments.add_argument("--rate", type=float, help="calls a second, by the recording's times")
    given = arguments.parse_args()
    ended = AloneFailed("The measuring was interrupted.")
    with tempfile.TemporaryDirectory(prefix="ngalam112-alone-") as folder:
        home = Path(folder) / "line"
        try:
            if given.record:
                save(uvloop.run(unless_ended(record(home, Programs.find()), ended)), KEPT)
                return 0
            figures = uvloop.run(
                unless_ended(
                    measure(
                        home,
                        calls=given.calls,
                        at_once=given.at_once,
                        operators=given.operators,
                        rate=given.rate,
                    ),
                    ended,
                )
            )
        except (AloneFailed, RecordingError, EngineFailed) as error:
            print(error, file=sys.stderr)  # noqa: T201
            return 1
    print(msgspec.json.format(msgspec.json.encode(figures)).decode())  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())
