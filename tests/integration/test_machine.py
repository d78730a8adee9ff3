"""A test that a stall of the machine has spoiled is repeated; one that fails by itself never is."""

from __future__ import annotations

import itertools
import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import NamedTuple

import pytest

from ngalam112.config.settings import PROJECT

STALL = """
import os, subprocess, time
from pathlib import Path

def tried():
    file = Path("tries-" + __name__)
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


BODIES = {
    "spoiled": """
        if count == 1:
            the_machine_stands_still()
        assert time.monotonic() - begun < 0.3
    """,
    "slow": """
        if count == 1:
            time.sleep(0.6)
        assert time.monotonic() - begun < 0.3
    """,
    "hopeless": """
        the_machine_stands_still()
        assert False
    """,
    # what it looks at has begun before it did, and there was a stall since
    "shared": """
        import side_by_side
        side_by_side._begun[__name__] = 0.0
        assert count > 1
    """,
    "waits": """
        from lab.machine.waiting import eventually_sync
        the_machine_stands_still(0.8)
        eventually_sync(lambda: time.monotonic() - begun > 1.0, within=0.4)
    """,
}


class Outcome(NamedTuple):
    """Of one test: whether it passed, how often it ran, how often it was spoiled, what was said."""

    passed: bool
    tries: int
    spoiled: int
    said: str
    folder: Path


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Outcome]:
    """What comes of all of them in one run of pytest."""
    folder = tmp_path_factory.mktemp("inner")
    # as units: what runs beside whole lines would wait for room on this machine
    (folder / "unit").mkdir()
    for name, body in BODIES.items():
        text = STALL + SOON + textwrap.indent(textwrap.dedent(body), "    ")
        (folder / "unit" / f"test_{name}.py").write_text(text)
    ran = run(folder, "--rootdir", ".", "-c", "/dev/null", "-rA")
    assert ran.returncode == 1, ran.stdout
    found = {}
    for name in BODIES:
        test = f"unit/test_{name}.py::test_it_is_quick"
        passed, failed = (f"{word} {test}" in ran.stdout for word in ("PASSED", "FAILED"))
        assert passed is not failed, ran.stdout
        spoiled = re.search(rf"spoiled: (\d+)  {re.escape(test)}", ran.stdout)
        tries = int((folder / f"tries-test_{name}").read_text())
        times = int(spoiled[1]) if spoiled else 0
        found[name] = Outcome(passed, tries, times, ran.stdout, folder)
    return found


def test_a_bound_that_a_stall_has_broken_is_tried_again_and_told(
    outcomes: dict[str, Outcome],
) -> None:
    one = outcomes["spoiled"]
    assert (one.passed, one.tries, one.spoiled) == (True, 2, 1), one.said


def test_what_is_looked_at_may_have_been_spoiled_before_the_test(
    outcomes: dict[str, Outcome],
) -> None:
    one = outcomes["shared"]
    assert (one.passed, one.tries, one.spoiled) == (True, 2, 1), one.said


def test_the_same_bound_broken_without_a_stall_fails_at_once(outcomes: dict[str, Outcome]) -> None:
    one = outcomes["slow"]
    assert (one.passed, one.tries, one.spoiled) == (False, 1, 0), one.said
    kept = [
        file
        for file in (one.folder / "failures").rglob("what_happened.txt")
        if "test_slow" in str(file)
    ]
    assert len(kept) == 1 and "the machine stood still: " in kept[0].read_text()
    assert str(kept[0].parent.parent) in one.said, "the run names the folder"


def test_who_fails_in_every_stall_fails_after_the_third_time(outcomes: dict[str, Outcome]) -> None:
    one = outcomes["hopeless"]
    assert (one.passed, one.tries, one.spoiled) == (False, 3, 2), one.said


def test_a_wait_goes_on_for_as_long_as_the_machine_stood_still(
    outcomes: dict[str, Outcome],
) -> None:
    one = outcomes["waits"]
    assert (one.passed, one.tries) == (True, 1), one.said


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
    ran = run(tmp_path, "-n", "2")
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
