"""Gaps in talks: the machine's are told from the line's, and only the latter count."""

from __future__ import annotations

import pytest

from lab.chaos.gaps import broken_talks, gap_across, gaps, is_the_machines, judge
from lab.chaos.rtp_endpoints import Heard

AROUND = (0.5, 5.0)


def steady(since: float, until: float) -> list[float]:
    return [since + step * 0.02 for step in range(round((until - since) / 0.02) + 1)]


def held_up(*stops: tuple[float, float], until: float = 100.0) -> list[float]:
    """Packets of 20 ms, each as it arrives: who was on the way in a stop comes at its end."""
    moments = steady(0, until)
    for begin, end in stops:
        moments = [end if begin < at < end else at for at in moments]
    return moments


def lost(begin: float, end: float, until: float = 100.0) -> list[float]:
    """Packets of 20 ms, of which those between two moments never arrive."""
    return [at for at in steady(0, until) if not begin < at < end]


def endpoint(
    moments: list[float], *, first: int = 65_000, missing: tuple[float, float] = (0, 0)
) -> Heard:
    """An endpoint that heard voices then; numbers go round at 65,536 and stamps at 2 to the 32."""
    skipped = [at for at in steady(0, 100) if missing[0] < at < missing[1]]
    numbers, number = [], first
    for index, at in enumerate(moments):
        if skipped and index and at >= missing[1] > moments[index - 1]:
            number += len(skipped)
        numbers.append(number)
        number += 1
    return Heard(
        1,
        voices=moments,
        numbers=[one % (1 << 16) for one in numbers],
        stamps=[(one * 160 + (1 << 32) - 10_500_000) % (1 << 32) for one in numbers],
    )


def four(moments: list[float]) -> dict[str, Heard]:
    return {f"endpoint {index}": endpoint(moments, first=index * 9000) for index in range(4)}


def test_a_gap_around_a_fault_is_told_from_those_of_calm_moments() -> None:
    moments = steady(0, 50.1) + steady(50.4, 80) + steady(80.15, 100)
    across, calm = gap_across(moments, [50.0], AROUND)
    assert (across, calm) == (pytest.approx(0.3), pytest.approx(0.15))
    assert broken_talks({"endpoint": (across, calm)}) == ([], ["endpoint heard nothing for 300 ms"])
    # on a machine that is always so late the fault has done nothing
    assert broken_talks({"endpoint": (across, 0.35)}) == ([], [])
    assert broken_talks({"endpoint": (0.19, 0.0)}) == ([], [])


def test_a_gap_that_begins_around_a_fault_is_never_excused_by_its_own_length() -> None:
    moments = steady(0, 51.8) + steady(63.5, 100)
    across, calm = gap_across(moments, [50.0], AROUND)
    assert (across, calm) == (pytest.approx(11.7), pytest.approx(0.02))
    assert broken_talks({"endpoint": (across, calm)})[1]


@pytest.mark.parametrize("moments", [[], steady(0, 49), steady(51, 60)])
def test_a_talk_that_is_not_heard_on_both_sides_of_a_fault_is_cut(moments: list[float]) -> None:
    found = broken_talks({"endpoint": gap_across(moments, [50.0], AROUND)})
    assert found == (["endpoint was not heard on both sides of a fault"], [])


def test_four_ears_that_hear_nothing_at_once_and_then_all_of_it_are_the_machines() -> None:
    endpoints = four(held_up((50.1, 50.8)))
    found = judge(endpoints, [50.0], AROUND, [])
    assert (found.cut, found.late) == ([], [])
    assert found.shown["machine_gap_ms"] == pytest.approx(700, abs=25)
    assert found.shown["gap_ms"] < 50 and found.shown["calm_gap_ms"] < 50


def test_a_gap_in_one_ear_only_is_the_lines() -> None:
    endpoints = four(steady(0, 100)) | {"endpoint 2": endpoint(held_up((50.1, 50.8)))}
    assert judge(endpoints, [50.0], AROUND, []).late == ["endpoint 2 heard nothing for 700 ms"]


def test_a_gap_in_both_ears_of_the_only_talk_is_the_lines() -> None:
    endpoints = {name: endpoint(held_up((50.1, 50.8))) for name in ("endpoint 0", "endpoint 1")}
    assert len(judge(endpoints, [50.0], AROUND, []).late) == 2


def test_a_gap_in_which_packets_are_missing_is_the_lines_whatever_the_machine_did() -> None:
    endpoints = {
        name: endpoint(lost(50.1, 50.8), missing=(50.1, 50.8))
        for name in ("endpoint 0", "endpoint 1", "endpoint 2")
    }
    found = judge(endpoints, [50.0], AROUND, [(50.1, 50.8)])
    assert len(found.late) == 3


def test_packets_without_numbers_prove_nothing() -> None:
    bare = {name: Heard(1, voices=held_up((50.1, 50.8))) for name in ("a", "b", "c", "d")}
    assert len(judge(bare, [50.0], AROUND, [(50.1, 50.8)]).late) == 4


def test_a_gap_that_is_seen_to_be_a_stall_is_the_machines_in_one_ear_too() -> None:
    moments = held_up((50.1, 50.8))
    (gap,) = gaps(endpoint(moments), 0.2)
    assert is_the_machines(gap, [moments], [(50.12, 50.75)])
    # the stall is not long enough for it
    assert not is_the_machines(gap, [moments], [(50.1, 50.25)])


def test_ears_that_are_silent_together_need_a_stall_or_a_burst() -> None:
    # the packets go on where they were, but as slowly as they are spoken: they were sent late
    moments = steady(0, 50.1) + steady(50.8, 100)
    endpoints = [endpoint(moments)] * 4
    (gap,) = gaps(endpoints[0], 0.2)
    assert (gap.whole, gap.burst) == (True, False)
    voices = [one.voices for one in endpoints]
    assert not is_the_machines(gap, voices, [])
    assert is_the_machines(gap, voices, [(50.3, 50.5)])


def test_a_talk_that_is_over_says_nothing_about_a_gap_of_others() -> None:
    endpoints = four(held_up((50.1, 50.8))) | {"endpoint 3": endpoint(steady(0, 40))}
    assert judge(endpoints, [30.0], AROUND, []).shown["machine_gap_ms"] > 600


def test_a_long_calm_gap_of_the_machine_allows_no_long_gap_at_a_fault() -> None:
    endpoints = four(held_up((20.0, 23.0))) | {
        "endpoint 0": endpoint(held_up((20.0, 23.0), (50.1, 51.0)))
    }
    assert judge(endpoints, [50.0], AROUND, [(20.0, 23.0)]).late == [
        "endpoint 0 heard nothing for 900 ms"
    ]
