"""Logs do not grow for ever, and whoever has one open goes on writing into it."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from ngalam112.config.logs import LogFile
from ngalam112.process import log_rotation
from ngalam112.process.log_rotation import rotate

LARGE = "x" * 20_000 + "\n"


def lines(path: Path) -> list[str]:
    return [line[:5] for line in path.read_text("utf-8").splitlines()]


def test_what_is_too_large_is_put_aside_and_goes_on_empty(tmp_path: Path) -> None:
    with LogFile(tmp_path / "engine.jsonl") as ours, LogFile(tmp_path / "engine.jsonl") as other:
        for number in range(1, 6):
            ours.write(f"{number}    {LARGE}")
            assert rotate([tmp_path], most_bytes=10_000, kept=3) == ["engine.jsonl"]
            other.write("after\n")
        ours.write("last \n")
    names = [path.name for path in sorted(tmp_path.iterdir())]
    assert names == ["engine.jsonl", "engine.jsonl.1", "engine.jsonl.2", "engine.jsonl.3"]
    assert lines(tmp_path / "engine.jsonl") == ["after", "last "]
    kept = [lines(tmp_path / f"engine.jsonl.{number}")[-1] for number in (1, 2, 3)]
    assert kept == ["5    ", "4    ", "3    "]
    modes = {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()}
    assert modes == {0o600}


def test_what_is_small_or_no_log_stays(tmp_path: Path) -> None:
    for name in ("messages.1", "messages.copy", "folder/messages"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(LARGE)
    (tmp_path / "messages").write_text("small")
    (tmp_path / "link").symlink_to(tmp_path / "messages.1")
    assert rotate([tmp_path, tmp_path / "nowhere"], most_bytes=10_000) == []


def test_a_hole_that_an_emptied_file_has_is_no_size(tmp_path: Path) -> None:
    with (tmp_path / "console").open("wb") as not_at_the_end:
        os.truncate(not_at_the_end.fileno(), 1_000_000)
        assert rotate([tmp_path], most_bytes=100_000) == []


def test_a_copy_that_fails_leaves_the_log_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    (tmp_path / "messages").write_text(LARGE)
    monkeypatch.setattr(log_rotation.shutil, "copyfileobj", full)
    with pytest.raises(OSError, match="No space"):
        rotate([tmp_path], most_bytes=10_000)
    assert [path.name for path in tmp_path.iterdir()] == ["messages"]
    assert (tmp_path / "messages").read_text() == LARGE


def test_of_a_log_beyond_all_measure_only_the_newest_lines_are_copied(tmp_path: Path) -> None:
    (tmp_path / "messages").write_text("".join(f"{number:09d}\n" for number in range(10_000)))
    assert rotate([tmp_path], most_bytes=10_000, most_copied=105) == ["messages"]
    copied = (tmp_path / "messages.1").read_text().splitlines()
    assert copied == [f"{number:09d}" for number in range(9_990, 10_000)]
    assert (tmp_path / "messages").stat().st_size == 0


def test_a_copy_takes_half_of_the_free_disk_at_most(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_rotation, "LEAST_COPIED", 10)
    monkeypatch.setattr(log_rotation.shutil, "disk_usage", lambda _: SimpleNamespace(free=2_000))
    (tmp_path / "messages").write_text("line\n" * 10_000)
    rotate([tmp_path], most_bytes=10_000)
    assert 0 < (tmp_path / "messages.1").stat().st_size <= 1_000


def test_a_log_that_cannot_be_put_aside_does_not_keep_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, *args: int) -> None:
        if path.name == "console":
            raise OSError(28, "No space left on device")
        put_aside(path, *args)

    put_aside = log_rotation._put_aside
    monkeypatch.setattr(log_rotation, "_put_aside", full)
    for name in ("console", "messages"):
        (tmp_path / name).write_text(LARGE)
    with pytest.raises(OSError, match="No space"):
        rotate([tmp_path], most_bytes=10_000)
    assert (tmp_path / "messages").stat().st_size == 0
    assert (tmp_path / "messages.1").read_text() == (tmp_path / "console").read_text() == LARGE
