"""Every fault of `ngalam112 chaos`, short, on a real line: it is held, and nothing is left."""

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
from lines import FULL, eventually
from test_whole_lines import of_this_line

from lab.chaos.run import SCENARIOS
from ngalam112.config.settings import PROJECT

pytestmark = [pytest.mark.play, pytest.mark.timeout(600)]


FORKED = {fork_server.FORKS: "1"}
PRELOADED = {"NGALAM112_CHAOS_UP": str(PROJECT / "tests" / "harness" / "preloaded_up.py")}
"""In a network of its own a play starts `up` by the interpreter, and that forks its engines."""
HAD = ("music", "sounds")


def left_in(folder: Path) -> list[str]:
    return sorted(one.name for one in folder.iterdir() if one.name not in HAD)


@pytest.fixture
def home(built_sounds: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a short name: the path of a Unix socket may have 107 bytes."""
    home = tmp_path_factory.mktemp("c")
    for name in HAD:
        shutil.copytree(built_sounds / name, home / name)
    return home


FULL_MACHINE = (
    "engine_killed_in_a_surge",
    "starved",
    # has to notice within 3 s that an engine is frozen, and to replace it within two more
    "engine_frozen",
)
IN_ANOTHER = {"engine_killed_again": "engine_killed", "starved": "engine_killed_in_a_surge"}
"""Short plays that another short play has in it."""
AS_IN_PRODUCTION = ("engine_killed",)
"""Plays in which the interpreter starts `up` and its engines; all others fork them."""


async def chaos(home: Path, *options: str) -> Any:
    up = PRELOADED if {"ari_cut", "ami_cut"} & set(options) else FORKED
    if set(AS_IN_PRODUCTION) & set(options):
        up = {}
    return await fork_server.start(
        *(sys.executable, "-m", "ngalam112", "chaos", "--quick", "--format", "json", *options),
        env={
            **os.environ,
            "NGALAM112_HOME": str(home),
            "NGALAM112_DATABASE_URL": "oracle://x/y",
            **up,
        },
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        cwd=PROJECT,
        start_new_session=True,
    )


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.play(fills_the_machine=name in FULL_MACHINE))
        for name in SCENARIOS
        if FULL or name not in IN_ANOTHER
    ],
)
async def test_the_line_holds(name: str, home: Path) -> None:
    running = await chaos(home, "--only", name, "--seed", "112")
    out, err = await running.communicate()
    rows = json.loads(out)
    assert [row["fault"] for row in rows] == [name]
    assert list(rows[0])[:5] == ["fault", "calls_up", "lost", "back_s", "records_missing"]
    assert (running.returncode, rows[0]["wrong"]) == (0, []), (rows[0], err[-2000:])
    assert rows[0]["held"] is True
    assert (rows[0]["lost"], rows[0]["records_missing"]) == (0, 0)
    assert rows[0]["calls_up"] > 0 and rows[0]["back_s"] is not None
    assert left_in(home) == []
    assert of_this_line(home) == []


@pytest.mark.parametrize("name", ["engine_killed", "ari_cut"])
async def test_a_play_that_is_interrupted_leaves_nothing(name: str, home: Path) -> None:
    running = await chaos(home, "--only", name)
    assert running.stderr is not None
    while b"the line is up" not in (line := await running.stderr.readline()):
        assert line, "it ended too early"
    running.send_signal(signal.SIGTERM)
    out, err = await asyncio.wait_for(running.communicate(), 60)
    assert (running.returncode, out) == (1, b"")
    assert err.decode().strip().splitlines()[-1] == "ngalam112: The play was interrupted."
    assert left_in(home) == []
    await eventually(lambda: not of_this_line(home), what="no process is left")


async def test_a_fault_that_nobody_knows_is_named(home: Path) -> None:
    running = await chaos(home, "--only", "flood")
    out, err = await running.communicate()
    assert (running.returncode, out) == (2, b"")
    assert "no scenario flood" in " ".join(err.decode().split())
