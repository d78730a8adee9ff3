"""What a surge tells: who was served, in which order, by whom, and how long it took."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from lab.bench.bounds import verdicts
from lab.bench.busy import Busy, served, summed_up
from lab.bench.surge import Surge, both, judge
from lab.chaos.notes import FALLBACK, Note


def citizens(*dialled: float, until: float = 30.0) -> list[Note]:
    return [
        note
        for index, at in enumerate(dialled)
        for note in (
            Note(at=at, what="dialled", citizen=f"c{index}"),
            Note(at=until + index, what="over", citizen=f"c{index}"),
        )
    ]


def talks(*order: str, shown: str = "police") -> list[Note]:
    return [
        Note(at=20.0 + index, what=what, citizen=who, shown=shown)
        for index, who in enumerate(order)
        for what in ("rings", "talks")
    ]


def test_all_who_were_served_in_their_turn() -> None:
    found = judge(citizens(10.0, 11.0, 14.0), talks("c0", "c1", "c2"), lives=True)
    assert (found.offered, found.served, found.out_of_turn) == (3, 3, 0)
    assert (found.rings_of_fallback, found.seconds) == (0, 22.0)


def test_who_dialled_two_seconds_later_and_was_served_earlier_was_out_of_turn() -> None:
    assert judge(citizens(10.0, 12.0), talks("c1", "c0"), lives=True).out_of_turn == 0
    assert judge(citizens(10.0, 12.1), talks("c1", "c0"), lives=True).out_of_turn == 1


def test_who_talked_with_nobody_was_not_served_and_the_fallbacks_rings_are_counted() -> None:
    found = judge(citizens(10.0, 11.0), talks("c0", shown=FALLBACK), lives=False)
    assert (found.offered, found.served, found.rings_of_fallback) == (2, 1, 1)
    assert not found.asterisk_lives


@pytest.mark.parametrize(("again", "out_of_turn"), [(18.9, 1), (19.6, 0), (20.5, 0)])
def test_who_has_dialled_again_has_the_place_of_the_first_call_once_back(
    again: float, out_of_turn: int
) -> None:
    impatient = citizens(10.0, 12.5)
    more = [
        Note(at=18.0, what="gave_up", citizen="c0"),
        Note(at=again, what="dialled", citizen="c0"),
        Note(at=21.5, what="gave_up", citizen="c0"),  # half a second after the talk has begun
    ]
    found = judge([*impatient, *more], talks("c1", "c0"), lives=True)
    assert (found.offered, found.served, found.gave_up) == (2, 2, 1)
    assert found.out_of_turn == out_of_turn


def test_who_says_nothing_to_the_menu_is_passed_by_those_who_are_in_line() -> None:
    silent = [msgspec.structs.replace(one, shown="UMUM DIAM 0811") for one in talks("c1", "c0")]
    kept = [
        one if one.citizen == "c0" else msgspec.structs.replace(one, shown="") for one in silent
    ]
    assert judge(citizens(10.0, 12.5), kept, lives=True).out_of_turn == 0
    assert judge(citizens(10.0, 12.5), talks("c1", "c0"), lives=True).out_of_turn == 1


def a_surge(**changes: Any) -> Surge:
    values: dict[str, Any] = {"offered": 10, "served": 10, "out_of_turn": 0, "rings_of_fallback": 0}
    return Surge(**(values | {"seconds": 40.0, "asterisk_lives": True} | changes))


def test_a_surge_is_judged_by_its_bounds() -> None:
    def missed(**changes: Any) -> list[str]:
        runs = {"ours": a_surge(**changes), "app_queue": a_surge(seconds=60.0)}
        found = verdicts({"surge": {"60": both(runs), "100": both(runs)}})
        return [f"{one.name}: {one.measured:g}" for one in found if not one.reached]

    assert missed() == []
    assert missed(served=9) == [
        f"surge of {rate} calls a second: not served, or out of turn: 1" for rate in (60, 100)
    ]
    assert len(missed(out_of_turn=2)) == len(missed(rings_of_fallback=3)) == 2
    assert missed(seconds=50.0) == [
        f"surge of 60 calls a second: time against app_queue's: {50 / 60:g}"
    ]


def test_calls_served_beside_busy_loops_are_counted_between_two_moments() -> None:
    notes = talks("c0", "c1", "c2")  # at 20, 21 and 22
    assert served(notes, [19.0, 20.0, 22.0, 24.0]) == [1.0, 1.0, 0.0]


def test_what_is_served_beside_busy_loops_is_compared_pair_by_pair() -> None:
    ours = [Busy(before=100.0, during=50.0, after=90.0), Busy(before=80.0, during=30.0, after=80.0)]
    queue = [Busy(before=90.0, during=100.0, after=90.0)] * 2
    found = summed_up({"ours": ours, "app_queue": queue})
    assert (found["during_ratio"], found["back_ratio"]) == ([0.5, 0.3], [0.9, 1.0])
    judged = {one.name: one.reached for one in verdicts({"busy": found})}
    assert list(judged.values()) == [False, True, True]
