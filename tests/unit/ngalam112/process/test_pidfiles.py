"""A pid file names a process that lives, and never another one that got its pid."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ngalam112.process import pidfiles


def test_a_process_is_found_by_its_file_with_what_it_said_last(tmp_path: Path) -> None:
    file = tmp_path / "run" / "engine-1.pid"
    pidfiles.write(file, os.getpid())
    assert pidfiles.read(file) == pidfiles.engines(file.parent)["1"]
    pidfiles.write(file, os.getpid(), "serving")
    found = pidfiles.read(file)
    assert found is not None and (found.pid, found.state) == (os.getpid(), "serving")


def test_a_process_that_has_ended_is_not_found(tmp_path: Path) -> None:
    file = tmp_path / "engine-1.pid"
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        pidfiles.write(file, child.pid)
        assert pidfiles.read(file) is not None
        child.kill()
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        assert pidfiles.read(file) is None, "nobody has asked for its exit code yet"
    assert pidfiles.read(file) is None
    assert pidfiles.engines(tmp_path) == {}


def test_another_process_that_has_the_pid_now_is_not_mistaken(tmp_path: Path) -> None:
    file = tmp_path / "engine-1.pid"
    file.write_text(f"{os.getpid()} 1 serving\n")
    assert pidfiles.read(file) is None


@pytest.mark.parametrize("text", ["", "x y z\n", "1\n", "1 2 3 4\n", "\xff\xfe"])
def test_a_file_that_makes_no_sense_names_nobody(tmp_path: Path, text: str) -> None:
    file = tmp_path / "engine-1.pid"
    file.write_bytes(text.encode("latin-1"))
    assert pidfiles.read(file) is None


def test_an_end_takes_away_no_file_that_names_another_process_by_now(tmp_path: Path) -> None:
    file = tmp_path / "engine-1.pid"
    pidfiles.write(file, os.getpid())
    pidfiles.remove(file, os.getpid() + 1)
    assert file.exists()
    pidfiles.remove(file, os.getpid())
    assert not file.exists()
    pidfiles.remove(file, os.getpid())
