"""The processes of a line under test are found by its folder, and those of no other line."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lab.chaos import processes


@contextmanager
def a_process(*words: str) -> Iterator[int]:
    process = subprocess.Popen([sys.executable, "-c", "input()", *words], stdin=subprocess.PIPE)
    try:
        yield process.pid
    finally:
        process.communicate()


def test_a_line_whose_folder_begins_with_the_name_of_another_is_another_line(
    tmp_path: Path,
) -> None:
    home = tmp_path / "engine_killed"
    with (
        a_process(f"{home}/ngalam112.db") as inside,
        a_process(str(home)) as itself,
        a_process(f"{home}_again/ngalam112.db"),
        a_process(f"{home}.2"),
    ):
        assert set(processes.pids(home)) == {inside, itself}
