"""A rolling restart changes nothing if no fresh engine could start."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from ivr.menu import load_menu
from ngalam112.config.routing import audio_file, spoken
from ngalam112.config.settings import Settings, load_settings
from ngalam112.process import pidfiles, rolling_restart, start_check
from ngalam112.process.pidfiles import Process
from ngalam112.process.rolling_restart import HandOverFailed, hand_over
from pbx.programs import Programs

MISSING = """#!/bin/sh
echo "Traceback (most recent call last):" >&2
echo "ModuleNotFoundError: No module named 'journal'" >&2
exit 1
"""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Those of a line with an engine that serves and one that waits."""
    settings = load_settings(home=tmp_path / "var", distribution_file=tmp_path / "own.toml")
    settings.run.mkdir(parents=True)
    for name, state in (("1", "serving"), ("2", "waiting")):
        pidfiles.write(settings.run / f"engine-{name}.pid", os.getpid(), state)
    settings.distribution_file.write_text("")
    for name in spoken(settings, load_menu(settings.menu_file)):
        audio = audio_file(settings, name)
        audio.parent.mkdir(parents=True, exist_ok=True)
        audio.touch()
    return settings


@pytest.fixture
def ended(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The engines that have been told to stop; the test goes no further."""
    ended: list[int] = []

    def end(process: Process) -> None:
        ended.append(process.pid)
        raise HandOverFailed("an engine was ended")

    monkeypatch.setattr(rolling_restart, "_end", end)
    return ended


def a_python(folder: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    python = folder / "python"
    python.write_text(text)
    python.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(python))


def test_half_an_upgrade_ends_no_engine(
    settings: Settings, ended: list[int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    a_python(tmp_path, monkeypatch, MISSING)
    with pytest.raises(HandOverFailed, match=r"No module named 'journal'.*make setup"):
        hand_over(settings)
    assert ended == []


def test_a_distribution_file_that_a_fresh_engine_refuses_ends_no_engine(
    settings: Settings, ended: list[int]
) -> None:
    settings.distribution_file.write_text('[agencies.110]\nname = "P"\nnumber = "sip:a@b"\n')
    with pytest.raises(HandOverFailed, match="an engine was ended"):
        hand_over(settings)
    assert ended == [os.getpid()]
    ended.clear()
    settings.distribution_file.write_text("rings = []")
    with pytest.raises(HandOverFailed, match=r"none was ended\. .*own\.toml.*first of the rings"):
        hand_over(settings)
    assert ended == []


def test_audio_that_is_missing_is_made_before_a_fresh_engine_is_tried(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    (settings.sounds / "connection_lost.wav").unlink()
    made = []

    def make(settings: Settings, programs: Programs) -> None:
        made.append(settings.prompts)
        (settings.sounds / "connection_lost.wav").touch()

    monkeypatch.setattr(start_check, "build_prompts", make)
    monkeypatch.setattr(Programs, "find", lambda: Programs(root=None))
    for _ in range(2):
        start_check.check(settings)
    assert made == [settings.prompts] * 2, "a text may have been changed, which costs little to see"
