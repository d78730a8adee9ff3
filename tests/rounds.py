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
