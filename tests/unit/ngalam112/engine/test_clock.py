"""The engine's clock: steady, and from one engine to the next while something counts on it."""

from __future__ import annotations

import time
from typing import Any

import msgspec
import pytest

from ngalam112.engine.clock import Anchor, SteadyClock


def kept(clock: SteadyClock, **changes: Any) -> Any:
    """What an engine keeps of its clock, as the next one reads it."""
    return msgspec.json.decode(
        msgspec.json.encode(msgspec.structs.replace(clock.anchor, **changes))
    )


def test_a_clock_is_anchored_at_the_machines_time() -> None:
    assert SteadyClock().now() == pytest.approx(time.time(), abs=0.5)


def test_a_clock_goes_on_from_an_earlier_one_of_the_same_boot() -> None:
    first, second = SteadyClock(), SteadyClock()
    second.go_on_from(kept(first, offset=first.anchor.offset - 3600.0))
    assert second.now() == pytest.approx(first.now() - 3600.0, abs=0.5)


@pytest.mark.parametrize(
    "fact",
    [
        None,
        {},
        {"boot": "another", "offset": 5.0},
        {"boot": "", "offset": 5.0},
        {"boot": 1, "offset": "x"},
        "half a",
    ],
    ids=str,
)
def test_what_makes_no_sense_or_is_of_another_boot_changes_nothing(fact: Any) -> None:
    clock = SteadyClock()
    before = clock.anchor
    clock.go_on_from(fact)
    assert clock.anchor == before


def test_where_nothing_tells_the_boot_no_clock_goes_on_from_another(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def unreadable(*_: Any) -> str:
        raise OSError

    monkeypatch.setattr("pathlib.Path.read_text", unreadable)
    first, second = SteadyClock(), SteadyClock()
    second.go_on_from(msgspec.to_builtins(Anchor(first.anchor.boot, 5.0)))
    assert second.now() == pytest.approx(time.time(), abs=0.5)


def test_a_clock_knows_how_far_the_machines_was_set(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, now = SteadyClock(), time.time()
    assert clock.ahead() == pytest.approx(0.0, abs=0.5)
    monkeypatch.setattr("time.time", lambda: now + 3600.0)
    assert clock.ahead() == pytest.approx(3600.0, abs=0.5)
