"""What one look at the disk of the recordings finds."""

from __future__ import annotations

import errno
import fcntl
import os
from pathlib import Path
from typing import Any

import pytest

from ngalam112.recordings.names import GROWING
from ngalam112.recordings.playing import blocks, growing_of
from ngalam112.recordings.survey import QUIET_S, probe, survey

NOW = 1_796_126_400.0


def a_file(folder: Path, name: str, quiet_s: float = 60.0, data: bytes = b"1234") -> Path:
    path = folder / GROWING / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(data)
    os.utime(path, (NOW - quiet_s, NOW - quiet_s))
    return path


def ended(folder: Path) -> dict[str, bool]:
    return {raw.source.asterisk_id: raw.ended for raw in survey(folder, NOW).files}


def test_the_oldest_call_comes_first_and_strange_files_are_passed_over(tmp_path: Path) -> None:
    a_file(tmp_path, "b_20.raw")
    a_file(tmp_path, "a_30.raw")
    a_file(tmp_path, "b_20.gaps")
    os.mkfifo(tmp_path / GROWING / "c_1.raw")
    (tmp_path / GROWING / "d_1.raw").symlink_to(tmp_path / "nowhere")
    assert list(ended(tmp_path)) == ["b", "a"]


def test_a_file_has_ended_when_nobody_has_it_open_and_not_in_a_pause_of_its_writer(
    tmp_path: Path,
) -> None:
    a_file(tmp_path, "lately_1.raw", QUIET_S - 1)
    a_file(tmp_path, "over_1.raw")
    with a_file(tmp_path, "open_1.raw").open("ab"):
        assert ended(tmp_path) == {"lately": False, "over": True, "open": False}
    assert ended(tmp_path)["open"]


def test_on_a_disk_without_leases_an_hour_without_a_word_is_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> int:
        raise OSError(errno.EINVAL, "no leases here")

    monkeypatch.setattr(fcntl, "fcntl", refuse)
    a_file(tmp_path, "quiet_1.raw", 600.0)
    a_file(tmp_path, "forgotten_1.raw", 4000.0)
    assert ended(tmp_path) == {"quiet": False, "forgotten": True}


def test_the_probe_writes_and_fails_where_nothing_can_be_written(tmp_path: Path) -> None:
    probe(tmp_path)
    with pytest.raises(FileNotFoundError):
        probe(tmp_path / "nowhere")


def test_a_growing_file_is_found_by_its_channel_and_is_wav(tmp_path: Path) -> None:
    path = a_file(tmp_path, "a.1_30.raw", data=b"abcdefgh1")
    assert growing_of(tmp_path / GROWING, "a.1") == path
    assert growing_of(tmp_path / GROWING, "a") is None
    header, *sound = blocks(path, follow=False)
    assert header[:4] == b"RIFF" and b"".join(sound) == b"abcdefgh", "whole frames only"
