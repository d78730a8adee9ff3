"""A rolling restart changes nothing if no fresh engine could start."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from ngalam112.config.settings import load_settings
from ngalam112.process import pidfiles, rolling_restart
from ngalam112.process.rolling_restart import HandOverFailed, hand_over

MISSING = """#!/bin/sh
echo "Traceback (most recent call last):" >&2
echo "ModuleNotFoundError: No module named 'journal'" >&2
exit 1
"""


def test_half_an_upgrade_ends_no_engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load_settings(home=tmp_path / "var")
    settings.run.mkdir(parents=True)
    for name, state in (("1", "serving"), ("2", "waiting")):
        pidfiles.write(settings.run / f"engine-{name}.pid", os.getpid(), state)
    python = tmp_path / "python"
    python.write_text(MISSING)
    python.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(python))
    ended: list[int] = []
    monkeypatch.setattr(rolling_restart, "_end", lambda process: ended.append(process.pid))
    with pytest.raises(HandOverFailed, match=r"No module named 'journal'.*make setup"):
        hand_over(settings)
    assert ended == []
