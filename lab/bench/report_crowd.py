"""Measure: how late the engine's loop is while ten people ask for reports, and while nobody does.

The engine is a process as in production, with a month of calls in SQLite and a recorded Asterisk.
Ten programs ask for reports over its API without a pause. How late the loop is shows a question
that only the loop answers (`/healthz`), asked fifty times a second; both kinds of windows take
turns, so that other work on the machine meets both.
"""

from __future__ import annotations

import asyncio
import http.client
import itertools
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from lab.bench import reports
from lab.bench.figures import percentile
from lab.bench.ready import alone_settings, make_ready
from lab.bench.recording import KEPT, load
from lab.bench.replay import Replay
from lab.bench.stage import Figures, Stage
from models.database import Database
from ngalam112.cli.client import Client
from ngalam112.config.settings import PROJECT, Settings, load_settings
from ngalam112.process.running_line import EngineProcess
from pbx import processes

CALLS = 100_000
ASKERS = 10
WINDOW_S, ROUNDS = 5.0, 4
_EVERY_S = 0.02
_KINDS = ("/api/summary?by=hour", "/api/reports/operators?from=2026-01-01", "/api/summary")


async def measure(stage: Stage) -> Figures:
    """Play windows with and without reports; times are in ms."""
    home = stage.ground.folder / "report-crowd"
    settings = alone_settings(home, "")
    await make_ready(settings, ["10001"])
    calls = CALLS // 20 if stage.quick else CALLS
    stage.say(f"reports at once: filling SQLite with {calls:,} calls")
    async with Database(settings.url) as database:
        await reports.fill(database, stage.seed, calls)
    replay = Replay(load(KEPT), ["10001"], lambda: None, paced=False)
    engine = EngineProcess(settings)
    async with replay.listening(settings.ari_port, settings.ami_port):
        try:
            await engine.start()
            found = await _windows(settings, stage)
        finally:
            await engine.stop()
    return {"report_crowd": {"calls": calls, "askers": ASKERS, **found}}


async def _windows(settings: Settings, stage: Stage) -> Figures:
    client = Client(settings)
    window_s = WINDOW_S / 5 if stage.quick else WINDOW_S
    late: dict[str, list[float]] = {"without": [], "with": []}
    answered = 0
    # the first report starts the process that computes them
    await asyncio.to_thread(client.get, "/api/summary")
    for _ in range(1 if stage.quick else ROUNDS):
        late["without"] += await asyncio.to_thread(_asked, client, window_s)
        # a process of its own: who reads answers must not delay who takes the time
        crowd = await processes.start(
            *(sys.executable, "-m", "lab.bench.report_crowd", str(window_s)),
            stdout=asyncio.subprocess.PIPE,
            env=settings.environment(),
            cwd=PROJECT,
        )
        try:
            assert crowd.stdout is not None
            await crowd.stdout.readline()  # it has begun
            late["with"] += await asyncio.to_thread(_asked, client, window_s)
            answered += int(await crowd.stdout.readline())
        finally:
            await processes.end(crowd, within=5.0)
    found: Figures = {
        name: {f"p{part}_ms": round(percentile(times, part / 100), 3) for part in (50, 95, 99)}
        for name, times in late.items()
    }
    ratio = found["with"]["p95_ms"] / found["without"]["p95_ms"]
    stage.say(f"reports at once: {answered} reports, answers of the loop {ratio:.2f} times as late")
    return {**found, "reports": answered, "p95_ratio": round(ratio, 3)}


def _asked(client: Client, seconds: float) -> list[float]:
    """How long answers of the loop took, asked so often for so long, in ms."""
    found, until = [], time.monotonic() + seconds
    while (begun := time.monotonic()) < until:
        client.get("/healthz")
        found.append((time.monotonic() - begun) * 1000)
        time.sleep(_EVERY_S)
    return found


def _reports(settings: Settings, until: float) -> int:
    """Ask for one report after the other until then; return how many were answered."""
    authorization = {"Authorization": f"Bearer {settings.secrets.api_token}"}
    for number in itertools.count():
        if time.monotonic() >= until:
            return number
        connection = http.client.HTTPConnection("127.0.0.1", settings.api_port, timeout=60)
        connection.request("GET", _KINDS[number % len(_KINDS)], headers=authorization)
        answer = connection.getresponse()
        answer.read()
        connection.close()
        if answer.status != 200:
            raise RuntimeError(f"A report was answered with {answer.status}.")
    raise AssertionError("it counts without end")


def main() -> None:
    """Ask as ten people for so many seconds; print a line at the begin, then how many reports."""
    settings, seconds = load_settings(), float(sys.argv[1])
    print("begun", flush=True)  # noqa: T201
    until = time.monotonic() + seconds
    with ThreadPoolExecutor(ASKERS) as threads:
        counts = threads.map(partial(_reports, settings), [until] * ASKERS)
    print(sum(counts))  # noqa: T201


if __name__ == "__main__":
    main()
