"""A machine that stands still for some seconds in a play is not taken for a fault of the line.

And what stands still alone is: the same bound is broken then, and the play has not held.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import shutil
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import fork_server
import pytest
from stall_injection import process_tree, stand_still, stop_one

from lab.chaos import processes
from ngalam112.config.settings import PROJECT

pytestmark = [pytest.mark.play, pytest.mark.timeout(600)]

STALL_S = 3.0
SEED = "25"
REPEATED = "the play is repeated"
STOOD_STILL = re.compile(r"stood still for (\d+\.\d+) s")
HAD = ("music", "sounds")


@pytest.fixture
def home(built_sounds: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a short name: the path of a Unix socket may have 107 bytes."""
    home = tmp_path_factory.mktemp("s")
    for name in HAD:
        shutil.copytree(built_sounds / name, home / name)
    return home


class Play:
    """`ngalam112 storm` or `chaos`; it and its engines are forked off."""

    def __init__(self, home: Path, *command: str) -> None:
        self._home = home
        self._command = (*command, "--failures", str(home / "failures"))
        self.said: list[str] = []

    async def __aenter__(self) -> Play:
        self._process = await fork_server.start(
            *(sys.executable, "-m", "ngalam112", *self._command, "--format", "json"),
            env={
                **os.environ,
                "NGALAM112_HOME": str(self._home),
                fork_server.FORKS: "1",
            },
            cwd=PROJECT,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
        self.pid = self._process.pid
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._process.returncode is None:
            self._process.terminate()
        await self._process.communicate()

    async def says(self, words: str) -> None:
        """Wait until it says this."""
        assert self._process.stderr is not None
        while line := (await self._process.stderr.readline()).decode():
            self.said.append(line)
            if words in line:
                return
        raise AssertionError(f"it ended and has not said {words!r}: {''.join(self.said)}")

    async def ended(self) -> tuple[int | None, Any]:
        """Wait for its end; return its exit code and what it found."""
        out, err = await self._process.communicate()
        self.said += err.decode().splitlines(keepends=True)
        assert out, "".join(self.said)
        return self._process.returncode, json.loads(out)

    def part(self, *words: bytes) -> int:
        """The process of the play whose command line has all these words."""
        for pid in process_tree(self.pid):
            told = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
            if all(word in told for word in words):
                return pid
        raise AssertionError(f"no process of the play is {words!r}")


async def in_every_play(play: Play, words: str, act: Callable[[], Awaitable[None]]) -> None:
    """Do it after these words, and again in each play that the machine itself has spoiled."""
    await play.says(words)
    await act()
    with contextlib.suppress(AssertionError):  # it has ended, as it should
        while True:
            await play.says(REPEATED)
            await play.says(words)
            await act()


def spoiled_by_the_machine(play: Play) -> int:
    """How often it was repeated, each time for a stall that its sleeping process saw."""
    found = [STOOD_STILL.search(line) for line in play.said if REPEATED in line]
    assert all(one is not None and float(one[1]) > 0.1 for one in found), play.said
    return len(found)


def failures(home: Path) -> list[Path]:
    return sorted((home / "failures").glob("*")) if (home / "failures").exists() else []


def asterisk_of(home: Path) -> int | None:
    lines = sorted(home.glob("chaos-*/engine_killed*"))  # the newest last
    return processes.asterisk(lines[-1])


def of_storm(home: Path) -> Play:
    # few calls: small stalls of a busy machine have it played three times. With this seed nobody
    # who never sends an ACK stays on the line for half a minute
    return Play(home, "storm", "--seed", SEED, "--calls", "24", "--no-kills")


def of_chaos(home: Path) -> Play:
    return Play(home, "chaos", "--quick", "--seed", "112", "--only", "engine_killed_again")


async def test_a_storm_in_which_the_machine_stands_still_is_held(home: Path) -> None:
    async with of_storm(home) as storm:
        await storm.says("have dialled *11")
        # in the menu, in line, ringing, talking; the later it is, the more wrap-ups are late, and
        # the storm is played again
        await asyncio.sleep(2.0)
        await stand_still(storm.pid, STALL_S)
        code, found = await storm.ended()
    assert code == 0, (found, storm.said[-20:])
    assert found["spoiled"] >= 1 or found["stalls_s"] > STALL_S - 0.5
    assert failures(home) == []


async def test_a_storm_in_which_only_the_engine_stands_still_is_not_held(home: Path) -> None:
    async with of_storm(home) as storm:

        async def stop_the_engine() -> None:
            engine = storm.part(b"ngalam112", b"engine")
            for _ in range(4):  # wrap-ups are to end in that time
                await asyncio.sleep(STALL_S / 2)
                if processes.lives(engine):
                    await stop_one(engine, STALL_S)

        await in_every_play(storm, "have dialled *11", stop_the_engine)
        code, found = await storm.ended()
    assert code == 1, (found, storm.said[-20:])
    assert found["spoiled"] == spoiled_by_the_machine(storm)
    assert found["wrapup_worst_ms"] > 500
    assert (found["records_missing"], found["stuck_operators"]) == (0, 0)
    (kept,) = failures(home)
    told = (kept / "what_happened.txt").read_text()
    assert f"seed: {SEED}" in told and "a wrap-up was" in told
    assert any(str(kept) in line for line in storm.said)


async def test_a_fault_in_which_the_machine_stands_still_is_played_again(home: Path) -> None:
    async with of_chaos(home) as chaos:
        await chaos.says("killed, and again")
        await stand_still(chaos.pid, STALL_S)
        code, (row,) = await chaos.ended()
    assert (code, row["wrong"]) == (0, []), (row, chaos.said[-20:])
    assert (row["lost"], row["records_missing"]) == (0, 0)
    assert row["spoiled"] >= 1 or row["stalls_s"] > STALL_S - 0.5
    assert failures(home) == []


async def test_a_fault_in_which_only_asterisk_stands_still_has_not_held(home: Path) -> None:
    async with of_chaos(home) as chaos:

        async def stop_asterisk() -> None:
            asterisk = asterisk_of(home)
            assert asterisk is not None
            await stop_one(asterisk, STALL_S)

        await in_every_play(chaos, "killed, and again", stop_asterisk)
        code, (row,) = await chaos.ended()
    assert (code, row["held"]) == (1, False), (row, chaos.said[-20:])
    assert row["spoiled"] == spoiled_by_the_machine(chaos)
    assert row["wrong"] == row["late"] != []
    assert (row["lost"], row["records_missing"]) == (0, 0)
    (kept,) = failures(home)
    assert row["wrong"][0] in (kept / "what_happened.txt").read_text()
    assert (kept / "row.json").exists()
