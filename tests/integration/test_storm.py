"""A small storm on a real line, as people start it: it is held, and nothing of it is left.

Its engine is killed while an operator is rung for a callback, while the citizen is, while the two
talk, and before the time of a callback comes.
"""

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

from lab.storm.kinds import CITIZENS, FATES, PHONES
from ngalam112.config.settings import PROJECT

CALLS = 80
HAD = ("music", "sounds")


def left_in(folder: Path) -> list[str]:
    return sorted(one.name for one in folder.iterdir() if one.name not in HAD)


async def storm(home: Path, *options: str) -> Any:
    """A storm whose engines are forked off.

    On a busy machine the interpreter takes many seconds to start the next one, and until then
    nobody stands by.
    """
    return await fork_server.start(
        *(sys.executable, "-m", "ngalam112", "storm", *options),
        env={
            **os.environ,
            "NGALAM112_HOME": str(home),
            "NGALAM112_DATABASE_URL": "oracle://x/y",
            fork_server.FORKS: "1",
        },
        cwd=PROJECT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
    )


@pytest.fixture
def home(built_sounds: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a short name: the path of a Unix socket may have 107 bytes."""
    home = tmp_path_factory.mktemp("s")
    for name in HAD:
        shutil.copytree(built_sounds / name, home / name)
    return home


@pytest.mark.play
@pytest.mark.timeout(600)
async def test_a_small_storm_is_held_and_leaves_nothing(home: Path) -> None:
    running = await storm(home, "--seed", "112", "--calls", str(CALLS))
    out, err = await running.communicate()
    assert running.returncode == 0, (out[-2000:], err[-2000:])
    lines = out.decode().strip().splitlines()
    assert "SEED=112 CALLS=80" in lines[0]
    found = json.loads(lines[-1])
    assert list(found)[:7] == [
        "seed",
        "calls",
        "stuck_operators",
        "orphan_channels",
        "orphan_bridges",
        "records_missing",
        "wrapup_worst_ms",
    ]
    assert (found["seed"], found["calls"], found["held"]) == (112, CALLS, True)
    for name in (
        "stuck_operators",
        "orphan_channels",
        "orphan_bridges",
        "records_missing",
        "refers_accepted",
        "engine_errors",
        "complaints",
        "callbacks_wrong",
        "incidents_wrong",
        "phones_wrong",
        "open",
    ):
        assert found[name] == 0, name
    assert found["spoiled"] >= 0 and found["stalls_s"] >= 0
    # each lost call has a callback, and each of these has come to its end
    ends = ("reached", "given_up", "discharged", "misdial", "unreachable", "by_hand")
    assert found["lost"] == found["jobs"] == sum(found[name] for name in ends) >= 8
    assert found["reached"] > 0 and found["rings"] >= found["answers"] >= found["reached"]
    assert found["job_late_worst_ms"] <= 1000
    assert found["kills"].keys() == {"random", "offered", "ringing", "talking", "due"}
    assert found["wrapup_worst_ms"] <= 500
    assert found["state_late_worst_ms"] <= 1000 and found["seen_busy"] > 0
    # it was a storm: all kinds of citizens and phones were there, and talks came of it
    helped = sum(found["outcomes"].get(name, 0) for name in ("answered", "fallback"))
    assert sum(found["outcomes"].values()) == CALLS and helped >= 15
    assert set(found["citizens"]) == {kind.name for kind in CITIZENS}
    assert len([count for count in found["phones"].values() if count]) >= len(PHONES) - 3
    # phones died, started anew and lost their connection, and talks were lost by that
    gone = {name: count for name, count in found["frail_phones"].items() if name != "lives"}
    assert len(gone) == len(FATES) - 1 and sum(map(bool, gone.values())) >= len(gone) - 1
    assert found["talks_lost"] > 0
    # whoever dials a code in the moment in which the engine is killed hears nothing of it
    assert found["citizens_failed"] == {} and found["codes_failed"] <= 5
    # the keys and the REFERs of phones were heard, and some began a handing over
    assert found["transfers"]["forms"].keys() <= {"keys", "refer"}
    assert found["transfers"]["started"] > 0 and found["transfers"]["failed"] > 0
    # that each talk has its wrap-up is in state_late_worst_ms: it is huge for one that has none
    over = [count for name, count in found["operators"].items() if name.startswith("wrap_up_end_")]
    assert found["operators"]["wrap_up"] == sum(over) >= 15
    assert left_in(home) == []
    assert of_this_line(home) == []


async def test_a_storm_that_is_interrupted_leaves_nothing(home: Path) -> None:
    running = await storm(home, "--calls", "100", "--format", "json")
    assert running.stderr is not None
    while b"have dialled *11" not in (line := await running.stderr.readline()):
        assert line, "it ended too early"
    running.send_signal(signal.SIGTERM)
    out, err = await asyncio.wait_for(running.communicate(), 30)
    assert (running.returncode, out) == (1, b"")
    assert err.decode().strip().splitlines()[-1] == "ngalam112: The storm was interrupted."
    assert left_in(home) == []
    await eventually(lambda: not of_this_line(home), what="no process is left")
