"""The folder of recordings at the start of a line."""

from __future__ import annotations

from pathlib import Path

from ngalam112.config.provision import recording_folders
from ngalam112.config.settings import load_settings


def test_where_calls_are_not_recorded_there_is_none(tmp_path: Path) -> None:
    assert recording_folders(load_settings(home=tmp_path)) == []
    assert list(tmp_path.iterdir()) == []


def test_asterisk_gets_there_by_a_link_that_follows_the_setting(tmp_path: Path) -> None:
    for name in ("one", "another"):
        settings = load_settings(
            home=tmp_path, recordings="wav", recordings_folder=tmp_path / "disk" / name
        )
        (folder,) = recording_folders(settings)
        assert settings.growing_recordings.readlink() == folder
        assert folder.parent.stat().st_mode & 0o077 == 0


def test_a_disk_that_fails_is_no_reason_not_to_start(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    settings = load_settings(
        home=tmp_path, recordings="wav", recordings_folder=tmp_path / "file" / "recordings"
    )
    assert recording_folders(settings) == []
    link = settings.growing_recordings
    assert link.is_symlink() and not link.exists(), "else Asterisk would make a folder there"
