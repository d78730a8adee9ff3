"""How busy the machine is, by the programs that want to run at the same moment."""

from __future__ import annotations

import os
from itertools import cycle

import pytest

from lab.machine import busy


@pytest.mark.parametrize(
    ("wanting", "room"),
    [
        ((0,), True),
        ((1.9,), True),
        ((2.0,), False),
        ((0, 5), False),  # on the average of the looks
        ((0, 0, 0, 6), True),  # a moment with many is no reason to wait
    ],
)
def test_there_is_room_while_few_want_to_run(
    monkeypatch: pytest.MonkeyPatch, wanting: tuple[float, ...], room: bool
) -> None:
    looks = cycle(one * (os.cpu_count() or 1) for one in wanting)
    monkeypatch.setattr(busy, "wanting_to_run", lambda: next(looks))
    assert busy.has_room() is room


def test_the_kernel_tells_how_many_want_to_run() -> None:
    assert busy.wanting_to_run() >= 0
