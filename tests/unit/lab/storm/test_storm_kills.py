"""When the engine of a storm is killed: at the plan's moments, and at those of a callback."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from lab.storm import kills
from lab.storm.kills import DUE, MOMENTS, Killer
from lab.storm.lateness import Outage, in_outage


def iso(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")


class Rows:
    """Stands for the API's client: the open callbacks, and the history of each."""

    def __init__(self, *rows: dict[str, Any]) -> None:
        self.rows = rows

    def get(self, path: str) -> dict[str, Any]:
        return {"callbacks": list(self.rows)}


def a_killer(*rows: dict[str, Any]) -> Killer:
    return Killer(None, Rows(*rows), 0.0, lambda _: None)  # type: ignore[arg-type]


def a_row(state: str, due_in: float | None = None) -> dict[str, Any]:
    due_at = None if due_in is None else iso(time.time() + due_in)
    return {"id": f"i-{state}", "state": state, "due_at": due_at, "history": []}


@pytest.mark.parametrize("state", MOMENTS[:3])
async def test_a_callback_in_a_wanted_state_is_a_moment(state: str) -> None:
    killer = a_killer(a_row("queued"), a_row(state))
    assert await killer._moment(MOMENTS) == (state, f"i-{state}")
    assert await killer._moment([DUE]) is None


async def test_a_time_that_is_near_is_waited_for_until_just_before_it() -> None:
    killer = a_killer(a_row("waiting", 40.0), a_row("waiting", 0.2))
    begin = time.time()
    assert await killer._moment(MOMENTS) == (DUE, "i-waiting")
    assert 0.1 < time.time() - begin < 0.2
    assert await a_killer(a_row("waiting", 40.0))._moment(MOMENTS) is None


async def test_all_are_done_once_and_one_that_was_missed_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    done: list[str] = []
    missed = ["ringing"]

    async def kill(why: str, item: str = "") -> bool:
        done.append(why)
        if why in missed:
            missed.remove(why)
            return False
        return True

    monkeypatch.setattr(kills, "_LOOK_S", 0.0)
    killer = a_killer(*(a_row(state) for state in MOMENTS[:3]), a_row("waiting", 0.05))
    monkeypatch.setattr(killer, "_kill", kill)
    await killer.run([0.0])
    assert sorted(done) == sorted(["random", *MOMENTS, "ringing"])


@pytest.mark.parametrize(
    ("begin", "end", "inside"),
    [(90.0, 99.0, False), (90.0, 101.0, True), (102.5, 104.0, True), (103.5, 104.0, False)],
)
def test_an_outage_lasts_a_second_longer(begin: float, end: float, inside: bool) -> None:
    outages: Sequence[Outage] = [Outage(since=100.0, until=102.0, why="random")]
    assert in_outage(begin, end, outages) is inside


def test_the_state_at_a_moment_is_that_of_the_last_step_before_it() -> None:
    history = [{"at": iso(at), "state": state} for at, state in ((10.0, "waiting"), (12.0, "x"))]
    assert kills._state_at({"history": history}, 11.0) == "waiting"
    assert kills._state_at({"history": history}, 13.0) == "x"
    assert kills._state_at({"history": history}, 9.0) == ""
