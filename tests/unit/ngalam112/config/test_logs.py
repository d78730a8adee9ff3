"""The engine's log: a disk that is full is no reason to fail."""

from __future__ import annotations

import json
import logging
import resource
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from ngalam112.config.logs import open_log


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    kept, handlers = structlog.get_config(), logging.root.handlers[:]
    yield
    structlog.configure(**kept)
    logging.root.handlers[:] = handlers


def test_a_line_is_an_object_and_the_file_is_the_line_s_own_user_s(tmp_path: Path) -> None:
    path = tmp_path / "log" / "engine.jsonl"
    with open_log(path, "info"):
        structlog.get_logger().info("happened", what="ü")
    assert json.loads(path.read_text())["what"] == "ü"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_full_disk_is_swallowed_and_what_was_missed_is_counted(tmp_path: Path) -> None:
    path = tmp_path / "engine.jsonl"
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    with open_log(path, "info"):
        log = structlog.get_logger()
        log.info("before")
        resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + 10, hard))
        try:
            for number in range(3):
                log.info("during", number=number)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        log.info("after")
    lines = path.read_text().splitlines()
    torn = lines.pop(1)
    assert len(torn) == 10
    events = [json.loads(line) for line in lines]
    assert [one["event"] for one in events] == ["before", "log_lines_missed", "after"]
    assert events[1]["count"] == 3


def test_a_log_that_cannot_be_opened_is_no_reason_not_to_start(tmp_path: Path) -> None:
    (tmp_path / "log").touch()
    with open_log(tmp_path / "log" / "engine.jsonl", "info") as log:
        structlog.get_logger().info("happened")
        assert log.missed == 1
