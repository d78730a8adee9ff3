"""The bench's figures: percentiles, ratios, latencies out of notes, CPU time, summing up."""

from __future__ import annotations

import random

import pytest

from lab.bench import beside, figures, free_operator, setup_times, throughput
from lab.bench.cpu import cpu_seconds
from lab.bench.latency import SetUp, answers, completed, set_up
from lab.bench.latency import free_operator as waits
from lab.chaos.notes import Note, read_notes
from lab.chaos.rtp_endpoints import Heard


def phone(at: float, what: str, phone: str = "201", citizen: str = "0811") -> Note:
    return Note(at=at, what=what, citizen=citizen, phone=phone)


def citizen(at: float, what: str, number: str = "0811") -> Note:
    return Note(at=at, what=what, citizen=number)


def test_a_percentile_is_a_value_that_was_measured() -> None:
    values = [float(value) for value in range(1, 101)]
    random.Random(7).shuffle(values)
    assert [figures.percentile(values, part) for part in (0.5, 0.95, 0.99, 1.0)] == [
        50,
        95,
        99,
        100,
    ]
    assert figures.percentile([3.0], 0.01) == 3.0


@pytest.mark.parametrize(
    "compute", [figures.median, lambda values: figures.percentile(values, 0.5)]
)
def test_there_is_no_figure_of_nothing(compute: object) -> None:
    with pytest.raises(ValueError, match="no values"):
        compute([])  # type: ignore[operator]


def test_medians_and_ratios_go_by_pairs() -> None:
    assert figures.median([9.0, 1.0, 2.0]) == 2.0
    assert figures.median([4.0, 1.0, 2.0, 3.0]) == 2.5
    assert figures.ratios([1.0, 3.0, 5.0], [2.0, 3.0, 0.0]) == [0.5, 1.0]


def test_an_operator_waits_from_the_bye_to_the_next_invite_at_the_same_phone() -> None:
    notes = [
        phone(10.0, "over"),
        phone(10.1, "rings", "202"),  # another phone's
        phone(10.25, "rings"),
        phone(11.0, "over", "202"),
        phone(11.007, "rings", "202"),
    ]
    assert waits(notes, 9.0, 12.0) == pytest.approx([250.0, 7.0])


def test_only_waits_that_lie_in_the_window_count() -> None:
    notes = [
        phone(8.9, "over"),  # before it
        phone(9.1, "rings"),
        phone(11.9, "over"),  # not over when it ends
        phone(12.1, "rings"),
    ]
    assert waits(notes, 9.0, 12.0) == []


def test_the_first_call_of_a_phone_is_no_wait() -> None:
    assert waits([phone(1.0, "rings"), phone(2.0, "talks")], 0.0, 9.0) == []


def test_calls_are_completed_in_the_window_in_which_they_end() -> None:
    notes = [phone(at, "over") for at in (1.0, 2.0, 3.0)] + [phone(2.5, "rings")]
    assert completed(notes, 1.5, 3.0) == 2


def test_an_answer_counts_for_who_dialled_in_the_window() -> None:
    notes = [
        citizen(0.9, "dialled", "a"),
        citizen(1.1, "answered", "a"),
        citizen(1.0, "dialled", "b"),
        citizen(1.02, "answered", "b"),
        citizen(1.5, "dialled", "c"),  # never answered
    ]
    assert answers(notes, 1.0, 2.0) == pytest.approx([20.0])


def test_the_steps_of_a_call_are_joined_by_citizen_and_by_order_at_the_phones() -> None:
    citizens = [
        citizen(5.0, "dialled", "early"),
        citizen(5.1, "answered", "early"),
        citizen(10.0, "dialled", "a"),
        citizen(10.02, "answered", "a"),
    ]
    phones = [
        phone(7.0, "rings", citizen="early"),
        phone(7.0, "lifts", citizen="early"),
        phone(11.11, "rings", citizen="a"),
        phone(11.12, "lifts", citizen="a"),
    ]
    # the endpoints' clock is 10 s behind the notes'
    callers = {"a": Heard(1, voices=[1.2, 1.22], released=1.1), "early": Heard(2)}
    desks = [Heard(3), Heard(4, voices=[1.15])]
    found = set_up(citizens, phones, callers, desks, begun=9.0, ahead=10.0)
    assert found.answer == pytest.approx([20.0])
    assert found.digit == pytest.approx([10.0])
    assert found.voices == pytest.approx([80.0])


def test_a_call_that_got_only_half_the_way_gives_what_it_has() -> None:
    notes = [citizen(10.0, "dialled", "a"), citizen(10.02, "answered", "a")]
    found = set_up(notes, [], {"a": Heard(1, released=1.0)}, [], begun=9.0, ahead=10.0)
    assert (found.digit, found.voices) == ([], [])
    assert found.answer == pytest.approx([20.0])


def test_a_phone_that_lifts_the_receiver_is_read() -> None:
    stamp = "2026-11-25\t14:25:18.784388\t1795616718.784388"
    line = f'{stamp} lifts  "Warga" <sip:0811@127.0.0.1>;tag=1 at  <sip:201@127.0.0.1:5090>\n'
    (one,) = read_notes(line)
    assert (one.what, one.citizen, one.phone) == ("lifts", "0811", "201")


def test_cpu_time_is_user_and_system_whatever_the_name_of_the_process() -> None:
    fields = ["S", *map(str, range(1, 11)), "250", "150", "7", "7"]
    assert cpu_seconds(f"42 (a) name (x) {' '.join(fields)}") == pytest.approx(4.0)


def test_free_operators_are_summed_up_over_all_pairs_and_by_pair() -> None:
    values = {
        "app_queue": {"5": [[100.0, 300.0, 500.0], [200.0, 400.0, 600.0]]},
        "ours": {"5": [[1.0, 3.0, 5.0], [2.0, 4.0, 6.0]]},
    }
    found = free_operator.summed_up(values)
    one = found["free_operator_ms"]["app_queue"]["5"]
    assert (one["p50"], one["max"], one["values"]) == (300.0, 600.0, 6)
    assert one["p50_runs"] == [300.0, 400.0]
    ratio = found["free_operator_ratio"]["5"]
    assert ratio["p50"] == pytest.approx(0.01)
    assert ratio["p50_pairs"] == pytest.approx([0.01, 0.01])


def test_a_peer_that_gave_nothing_has_no_figures_and_no_ratio() -> None:
    found = free_operator.summed_up({"app_queue": {"1": [[]]}, "ours": {"1": [[1.0]]}})
    assert found["free_operator_ms"]["app_queue"] == {"1": {}}
    assert found["free_operator_ratio"] == {}


@pytest.mark.parametrize("operators", [1, 5, 20, 200])
@pytest.mark.parametrize("waiting", [10, 2000])
def test_the_load_is_carried_and_leaves_as_many_waiting_as_asked_for(
    operators: int, waiting: int
) -> None:
    what = free_operator.a_play(operators, 10.0, waiting)
    mean_s = sum(what.talk_ms) / 2000
    assert operators / mean_s <= 22.5
    assert what.at_once >= operators + waiting
    assert what.warm_s * what.rate > what.at_once
    assert operators > 20 or what.talk_ms == (500, 1500)


def test_throughput_is_medians_and_ratios_by_pair() -> None:
    runs = {
        "bare": {"cps": [200.0, 220.0], "asterisk": [3.0, 3.0]},
        "app_queue": {"cps": [100.0, 80.0], "asterisk": [12.0, 10.0]},
        "ours": {"cps": [110.0, 96.0], "asterisk": [9.0, 10.0], "engine": [2.0, 1.0]},
    }
    found = throughput.summed_up(runs)
    assert found["throughput_cps"] == {"bare": 210.0, "app_queue": 90.0, "ours": 103.0}
    assert found["throughput_ratio"]["app_queue"] == pytest.approx([1.1, 1.2])
    assert found["asterisk_cpu_ratio"] == pytest.approx([0.75, 1.0])
    assert found["engine_cpu_ms_per_call"] == 1.5


def test_what_was_played_at_the_same_time_is_compared_pair_by_pair() -> None:
    runs = {
        "app_queue": {"asterisk": [8.0, 10.0], "cps": [25.0, 25.0]},
        "ours": {"asterisk": [10.0, 12.0], "engine": [5.0, 6.0], "cps": [25.0, 25.0]},
    }
    found = beside.summed_up(runs)
    assert found["beside_asterisk_ratio"] == [1.25, 1.2]
    assert found["beside_runs"] == runs


def test_the_load_of_the_throughput_can_be_carried_by_the_operators() -> None:
    what = throughput.a_play(8.0)
    talk_s = sum(what.talk_ms) / 2000
    # all of them can talk at once, and as many as come by then are still in the menu
    assert what.at_once > what.operators + 0.3 * what.operators / talk_s
    assert throughput.a_play(8.0, bare=True).at_once > what.at_once
    assert beside.a_play(8.0).at_once < what.operators / 2


def test_set_up_is_summed_up_by_step() -> None:
    runs = [
        SetUp(answer=[1.0, 2.0], digit=[10.0], voices=[]),
        SetUp(answer=[3.0], digit=[30.0], voices=[]),
    ]
    found = setup_times.summed_up({"20": runs})["20"]
    assert (found["answer"]["p50"], found["answer"]["values"]) == (2.0, 3)
    assert found["digit"]["p95_runs"] == [10.0, 30.0]
    assert "voices" not in found
