"""Whether Asterisk has the folder of recordings at its start, and who hears of it if not."""

from __future__ import annotations

from pathlib import Path

import pytest

from ngalam112.config.settings import load_settings
from ngalam112.process import running_line
from ngalam112.process.running_line import line_asterisk
from pbx.programs import Programs


def test_a_folder_that_is_not_there_at_a_start_of_asterisk_is_noted_until_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = tmp_path / "disk"
    disk.touch()  # what should be a folder
    settings = load_settings(home=tmp_path, recordings="wav", recordings_folder=disk / "of_line")
    asterisk = line_asterisk(settings, Programs(root=Path("/")))
    monkeypatch.setattr(running_line, "DISK_ANSWERS_AGAIN_S", 0.5)
    assert asterisk._more_writable() == [] and settings.recordings_unbound.exists()
    disk.unlink()
    (folder,) = asterisk._more_writable()
    assert folder.parent == disk / "of_line" and not settings.recordings_unbound.exists()


def test_an_asterisk_without_a_root_of_its_own_gets_there_as_soon_as_the_disk_answers(
    tmp_path: Path,
) -> None:
    (tmp_path / "disk").touch()
    settings = load_settings(home=tmp_path, recordings="wav", recordings_folder=tmp_path / "disk/x")
    assert line_asterisk(settings, Programs(root=None))._more_writable() == []
    assert not settings.recordings_unbound.exists()


def test_where_calls_are_not_recorded_nothing_is_noted(tmp_path: Path) -> None:
    settings = load_settings(home=tmp_path)
    assert line_asterisk(settings, Programs(root=Path("/")))._more_writable() == []
    assert not settings.recordings_unbound.exists()
