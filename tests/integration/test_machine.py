"""A test that a stall of the machine has spoiled is repeated; one that fails by itself never is."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
import textwrap
from pathlib import Path

from ngalam112.config.settings import PROJECT

STALL = """
import os, subprocess, time
from pathlib import Path

def tried():
    file = Path("tries")
    count = int(file.read_text()) + 1 if file.exists() else 1
    file.write_text(str(count))
    return count

def the_machine_stands_still(seconds=0.6):
    # all of this test run: itself, and what it has started, which is the sleeper
    own = os.getpid()
    children = Path(f"/proc/{own}/task/{own}/children").read_text().split()
    pids = " ".join([str(own), *children])
    script = f"kill -STOP {pids}; sleep {seconds}; kill -CONT {pids}"
    before = time.monotonic()
    subprocess.run(["setsid", "--fork", "sh", "-c", script])
    while (now := time.monotonic()) - before < 0.8 * seconds:
        before = now
        time.sleep(0.01)
"""
SOON = "def test_it_is_quick():\n    begun = time.monotonic()\n    count = tried()\n"


def run(tmp_path: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Run the tests in this folder by pytest, with the plugin that is tested here."""
    folders = [PROJECT, PROJECT / "tests" / "harness"]
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "machine", *options, "."],
        cwd=tmp_path,
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join(map(str, folders)),
            "NGALAM112_FAILURES": str(tmp_path / "failures"),
        },
        capture_output=True,
        text=True,
        timeout=60,
    )


def outcome(tmp_path: Path, body: str) -> tuple[int, str, int]:
    """Run a test of this body by pytest: exit code, what it said, how often the test ran."""
    text = STALL + SOON + textwrap.indent(textwrap.dedent(body), "    ")
    # as units: what runs beside whole lines would wait for room on this machine
    (tmp_path / "unit").mkdir()
    (tmp_path / "unit" / "test_inner.py").write_text(text)
    ran = run(tmp_path, "--rootdir", ".", "-c", "/dev/null")
    return ran.returncode, ran.stdout, int((tmp_path / "tries").read_text())


def test_a_bound_that_a_stall_has_broken_is_tried_again_and_told(tmp_path: Path) -> None:
    code, said, tries = outcome(
        tmp_path,
        """
        if count == 1:
            the_machine_stands_still()
        assert time.monotonic() - begun < 0.3
        """,
    )
    assert (code, tries) == (0, 2), said
    assert "spoiled: 1" in said and "test_it_is_quick" in said


def test_the_same_bound_broken_without_a_stall_fails_at_once(tmp_path: Path) -> None:
    code, said, tries = outcome(
        tmp_path,
        """
        if count == 1:
            time.sleep(0.6)
        assert time.monotonic() - begun < 0.3
        """,
    )
    assert (code, tries) == (1, 1), said
    assert "spoiled" not in said
    kept = list((tmp_path / "failures").rglob("what_happened.txt"))
    assert len(kept) == 1 and "the machine stood still: " in kept[0].read_text()
    assert str(kept[0].parent.parent) in said, "the run names the folder"


def test_who_fails_in_every_stall_fails_after_the_third_time(tmp_path: Path) -> None:
    code, said, tries = outcome(tmp_path, "the_machine_stands_still()\nassert False")
    assert (code, tries) == (1, 3), said
    assert "spoiled: 2" in said


def test_a_wait_goes_on_for_as_long_as_the_machine_stood_still(tmp_path: Path) -> None:
    code, said, tries = outcome(
        tmp_path,
        """
        from lab.machine.waiting import eventually_sync
        the_machine_stands_still(0.8)
        eventually_sync(lambda: time.monotonic() - begun > 1.0, within=0.4)
        """,
    )
    assert (code, tries) == (0, 1), said


ALONE = """
import time
import pytest

def during(name, seconds):
    begun = time.monotonic()
    time.sleep(seconds)
    with open("times", "a") as times:
        times.write(f"{name} {begun} {time.monotonic()}\\n")

@pytest.mark.play(fills_the_machine=True)
def test_alone():
    during("alone", 0.5)

@pytest.mark.parametrize("number", range(12))
def test_beside_each_other(number):
    during("beside", 0.2)
"""


def test_nothing_runs_beside_a_play_that_fills_the_machine(tmp_path: Path) -> None:
    # as units: tests of whole lines would wait until there is room for them on this machine
    (tmp_path / "unit").mkdir()
    (tmp_path / "unit" / "test_inner.py").write_text(ALONE)
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers =\n    play: a play\n")
    ran = run(tmp_path, "-n", "3")
    assert ran.returncode == 0, ran.stdout
    told = [line.split() for line in (tmp_path / "times").read_text().splitlines()]
    times = {name: [] for name, _, _ in told}
    for name, begun, ended in told:
        times[name].append((float(begun), float(ended)))
    ((begun, ended),) = times["alone"]
    assert len(times["beside"]) == 12
    assert all(until <= begun or since >= ended for since, until in times["beside"])
    in_turn = sorted(times["beside"])
    assert any(one[1] > other[0] for one, other in itertools.pairwise(in_turn))
