"""What is done once before the processes of a test run begin."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.rounds import HALVES, read_once, unread


def made_up(folder: Path) -> Path:
    for half in HALVES:
        for name in half:
            (folder / name).mkdir(parents=True)
            file = folder / name / f"test_made_up_{name}.py"
            file.write_text("def test_it() -> None:\n    assert 1 + 1 == 2\n", "utf-8")
    return folder


def test_tests_are_read_once_and_again_when_they_have_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    monkeypatch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
    tests = made_up(tmp_path / "tests")
    assert len(unread(tests)) == 3
    read_once(tests)
    assert unread(tests) == []
    changed = tests / "unit" / "test_made_up_unit.py"
    changed.write_text("def test_it() -> None:\n    assert 2 + 2 == 4\n", "utf-8")
    assert unread(tests) == [changed]


def test_who_keeps_no_bytecode_reads_nothing_beforehand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    tests = made_up(tmp_path / "tests")
    read_once(tests)
    assert len(unread(tests)) == 3
