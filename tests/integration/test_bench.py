"""`ngalam112 bench`, short, on real lines: it measures, judges, and keeps the result only."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import sys
from pathlib import Path
from typing import Any

import fork_server
import pytest
from lines import eventually
from test_whole_lines import of_this_line

from ngalam112.config.settings import PROJECT

HAD = ("music", "sounds")
pytestmark = [pytest.mark.play, pytest.mark.timeout(240)]


async def bench(home: Path, *options: str) -> Any:
    """The bench, forked off; what it measures is started by the interpreter, as in production."""
    return await fork_server.start(
        *(sys.executable, "-m", "ngalam112", "bench", "--format", "json", *options),
        *("--failures", str(home / "failures")),
        env={**os.environ, "NGALAM112_HOME": str(home), "NGALAM112_DATABASE_URL": "oracle://x/y"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        cwd=PROJECT,
        start_new_session=True,
    )


def kept_text(file: Path) -> bytes:
    return file.read_bytes()


def left_in(folder: Path) -> list[str]:
    # what tells why a bound was not reached is kept on purpose
    return sorted(path.name for path in folder.iterdir() if path.name not in ("failures", *HAD))


@pytest.fixture
def home(built_sounds: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a short name: the path of a Unix socket may have 107 bytes."""
    home = tmp_path_factory.mktemp("b")
    for name in HAD:
        shutil.copytree(built_sounds / name, home / name)
    return home


async def test_free_operators_are_measured_beside_app_queue(home: Path) -> None:
    kept, drawn = home / "kept.json", home / "drawn.svg"
    only = ("--only", "free_operator", "--only", "beside")
    known = ("--quick", "--pairs", "1", "--seed", "112")
    running = await bench(home, *known, *only, "--out", str(kept), "--svg", str(drawn))
    out, err = await running.communicate()
    assert out, err[-2000:]
    found = json.loads(out)
    assert (left_in(home), of_this_line(home)) == (["drawn.svg", "kept.json"], [])
    assert json.loads(kept_text(kept)) == found
    assert (found["seed"], found["pairs"], found["quick"]) == (112, 1, True)
    assert found["spoiled"] >= 0 and found["stalls_s"] >= 0
    free = found["free_operator_ms"]
    assert set(free) == {"ours", "app_queue"}
    for count in ("1", "20"):
        ours, other = free["ours"][count], free["app_queue"][count]
        assert 0 < ours["p50"] <= ours["p99"] <= ours["max"]
        # a bench in which the poll once a second is not seen measures something else
        assert other["p50"] > 50 > ours["p50"]
        assert ours["values"] > 0 and other["values"] > 0
    assert free["ours"]["20"]["values"] > 40
    bounds = found["bounds"]
    assert len(bounds) == 4 and all("free operator" in one["name"] for one in bounds)
    beside = found["beside_runs"]
    assert set(beside) == {"ours", "app_queue"} and len(found["beside_asterisk_ratio"]) == 1
    assert set(beside["ours"]) == {"cps", "asterisk", "engine"}
    # both carry the same load, and neither is bound by the machine
    for one in beside.values():
        assert one["cps"][0] > 10 and one["asterisk"][0] > 0
    held = all(one["reached"] for one in bounds)
    assert running.returncode == (0 if held else 1)
    assert (home / "failures").exists() is not held


async def test_a_bench_that_is_interrupted_leaves_nothing(home: Path) -> None:
    running = await bench(home, "--quick", "--only", "free_operator")
    assert running.stderr is not None
    while b"free operator, 1 on duty" not in (line := await running.stderr.readline()):
        assert line, "it ended too early"
    running.send_signal(signal.SIGTERM)
    out, err = await asyncio.wait_for(running.communicate(), 60)
    assert (running.returncode, out) == (1, b"")
    assert err.decode().strip().splitlines()[-1] == "ngalam112: The bench was interrupted."
    assert left_in(home) == []
    await eventually(lambda: not of_this_line(home), what="no process is left")


async def test_a_measure_that_nobody_knows_is_named(home: Path) -> None:
    running = await bench(home, "--only", "beauty")
    out, err = await running.communicate()
    assert (running.returncode, out) == (2, b"")
    assert "no measure beauty" in " ".join(err.decode().split())
