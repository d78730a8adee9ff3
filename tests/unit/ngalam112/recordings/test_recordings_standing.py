"""Whether further calls may be recorded, and what is said of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from ngalam112.recordings.standing import (
    AWAY_S,
    Standing,
    Stop,
    decided,
    read_standing,
    write_standing,
)


@pytest.mark.parametrize(
    ("free", "growing", "stop"),
    [(100, 0, Stop.NO), (99, 0, Stop.FULL), (100, 4, Stop.NO), (100, 5, Stop.MANY)],
)
def test_room_on_the_disk_and_the_limit_decide(free: int, growing: int, stop: Stop) -> None:
    assert decided(free, growing, least_free=100, most=5) is stop


def test_each_trouble_is_said_and_health_says_nothing() -> None:
    now = 1000.0
    assert Standing(at=now).alarms(now + AWAY_S) == []
    assert "away" in Standing(at=now).alarms(now + AWAY_S + 1)[0]
    assert "make room" in Standing(at=now, stop=Stop.FULL).alarms(now)[0]
    assert "2 calls" in Standing(at=now, stalled=2).alarms(now)[0]
    assert "no call is recorded" in Standing(at=now, unbound=True).alarms(now)[0]
    assert "no answer" in Standing(at=now, failing="no answer").alarms(now)[0]


def test_all_reasons_have_words() -> None:
    for stop in set(Stop) - {Stop.NO}:
        assert Standing(at=1.0, stop=stop).alarms(1.0)


def test_what_was_told_is_read_and_what_cannot_be_read_is_of_long_ago(tmp_path: Path) -> None:
    path = tmp_path / "recordings.json"
    assert read_standing(path).at == 0.0
    write_standing(path, Standing(at=7.0, stop=Stop.HANGS))
    assert read_standing(path) == Standing(at=7.0, stop=Stop.HANGS)
    path.write_bytes(b'{"at": ')
    assert read_standing(path).at == 0.0
