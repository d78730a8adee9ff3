"""Runs the tests in rounds, if wanted beside busy loops: `make test ROUNDS=5 LOAD=2`.

With ROUNDS or LOAD only what is marked as integration is run, for a burn-in: what fails once in
five rounds on a busy machine is a fault of the line or of the test. Ends with a table of all rounds
and fails if any test failed in any of them.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree

from lab.machine.busy_loops import busy_loops

LONGEST_ROUND_S = 3600
LONGEST_READING_S = 300
TESTS = Path(__file__).parent
HALVES = (["unit"], ["integration", "load"])
"""Folders of tests that two processors read in about the same time."""
RESULTS = Path(__file__).parent.parent / "var" / "rounds"


def failures(results: Path) -> list[str]:
    """The tests that failed, of pytest's results in JUnit's form."""
    if not results.exists():
        return ["pytest itself"]
    cases = ElementTree.parse(results).getroot().iter("testcase")  # noqa: S314 - pytest's own
    return [
        f"{case.get('classname')}::{case.get('name')}"
        for case in cases
        if case.find("failure") is not None or case.find("error") is not None
    ]


def unread(tests: Path) -> list[Path]:
    """The test files that pytest has not yet read since they were changed."""
    return [
        file
        for file in tests.rglob("test_*.py")
        if not any(
            kept.stat().st_mtime >= file.stat().st_mtime
            for kept in (file.parent / "__pycache__").glob(f"{file.stem}.*-pytest-*.pyc")
        )
    ]


def read_once(tests: Path = TESTS) -> None:
    """Let pytest read all tests once, if most are new to it, before several processes begin.

    It rewrites the assertions of each file and keeps the result beside it, which takes 13 s of CPU
    for all files; the processes of a run begin at the same moment and would do it all, each.
    """
    if sys.dont_write_bytecode or len(unread(tests)) < len(list(tests.rglob("test_*.py"))) / 2:
        return
    argv = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-q"]
    readers = [
        subprocess.Popen([*argv, *(str(tests / one) for one in half)], stdout=subprocess.DEVNULL)
        for half in HALVES
    ]
    for reader in readers:
        try:
            reader.wait(LONGEST_READING_S)
        except subprocess.TimeoutExpired:
            reader.kill()


def one_round(number: int, options: Sequence[str]) -> tuple[int, float, list[str]]:
    """Run pytest once: its exit code, how long it took in seconds, and which tests failed."""
    RESULTS.mkdir(parents=True, exist_ok=True)
    results = RESULTS / f"round-{number}.xml"
    results.unlink(missing_ok=True)
    begun = time.monotonic()
    argv = [sys.executable, "-m", "pytest", "--junitxml", str(results), *options]
    # nothing here speaks TLS, and aiohttp reads all certificates of the system at each start
    environment = {**os.environ, "SSL_CERT_FILE": os.devnull}
    code = subprocess.run(argv, timeout=LONGEST_ROUND_S, env=environment).returncode
    return code, time.monotonic() - begun, failures(results) if code else []


def main() -> int:
    """Run the rounds; 0 only if nothing has failed."""
    parser = argparse.ArgumentParser(prog="python -m tests.rounds", description=__doc__)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--load", type=int, default=0, help="how many busy loops run beside")
    given, options = parser.parse_known_args()
    failed: Counter[str] = Counter()
    lines = []
    worst = 0
    read_once()
    with busy_loops(given.load):
        for number in range(1, given.rounds + 1):
            code, took, found = one_round(number, options)
            worst = worst or code
            failed.update(found)
            lines.append(f"round {number}: {took:.0f} s, {len(found)} failed (exit {code})")
    if given.rounds > 1:
        print(*lines, sep="\n")
        print(f"{given.rounds} rounds beside {given.load} busy loops: {failed.total()} failures")
        for name, count in failed.most_common():
            print(f"  {count} of {given.rounds}  {name}")
    return worst


if __name__ == "__main__":
    sys.exit(main())
