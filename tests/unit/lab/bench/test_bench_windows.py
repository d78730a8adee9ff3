"""A window of the bench in which the machine stood still is played again, and counted."""

from __future__ import annotations

from pathlib import Path

import msgspec

from lab.bench.peers import Ground
from lab.bench.stage import Stage
from pbx.programs import Programs


class Window(msgspec.Struct):
    stalls_s: float


async def played(*stalls: float) -> tuple[float, int, list[str]]:
    """What counts of windows with these stalls, how many were thrown away, and what is said."""
    said: list[str] = []
    ground = Ground(folder=Path(), sounds=Path(), programs=Programs(root=None), timezone="UTC")
    stage = Stage(ground, 1, 1, said.append, quick=True)
    windows = iter(stalls)

    async def window() -> Window:
        return Window(next(windows))

    return (await stage.undisturbed("ours", window)).stalls_s, stage.spoiled, said


async def test_a_window_without_a_stall_counts() -> None:
    assert await played(0.05, 9.0) == (0.05, 0, [])


async def test_a_window_with_a_stall_is_played_again() -> None:
    found, spoiled, said = await played(0.4, 0.0, 9.0)
    assert (found, spoiled) == (0.0, 1)
    assert said == ["the machine stood still for 0.4 s; ours: the window is repeated"]


async def test_the_third_one_counts_whatever_the_machine_did() -> None:
    found, spoiled, said = await played(0.4, 0.3, 0.2, 0.0)
    assert (found, spoiled) == (0.2, 2)
    assert said[-1].startswith("ours: the machine stood still for 0.2 s in each of 3 windows")
