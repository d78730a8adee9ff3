"""In which order citizens are admitted: by arrival, those beyond a limit after all others."""

from __future__ import annotations

from examples import of
from hypothesis import given, settings
from hypothesis import strategies as st

from acd.queueing.admission_order import PASSED_AT_MOST, AdmissionOrder


def admitted(order: AdmissionOrder, now: float, *, spare: bool = False) -> str | None:
    channel = order.next(now, spare=spare)
    if channel is not None:
        order.admitted(channel, now)
    return channel


def test_those_behind_are_admitted_while_nobody_else_waits_and_there_is_room_to_spare() -> None:
    order = AdmissionOrder()
    order.add("flood", 160.0, behind=True)
    order.add("late", 110.0)
    order.add("early", 101.0)
    assert (len(order.ahead), len(order.behind)) == (2, 1)
    assert [admitted(order, 111.0, spare=True) for _ in range(2)] == ["early", "late"]
    assert admitted(order, 111.0) is None
    assert admitted(order, 111.0, spare=True) == "flood"


def test_whose_time_has_come_gets_every_fourth_turn() -> None:
    order = AdmissionOrder()
    for n in range(3):
        order.add(f"flood{n}", 160.0 + n, behind=True)
    for n in range(9):
        order.add(f"c{n}", 200.0 + n)
    turns = [admitted(order, 300.0) for _ in range(12)]
    assert turns[:4] == ["c0", "c1", "c2", "flood0"]
    assert turns[4:8] == ["c3", "c4", "c5", "flood1"]
    assert [one for one in turns if str(one).startswith("c")] == [f"c{n}" for n in range(9)]


def test_a_channel_that_has_gone_or_has_another_key_is_no_turn() -> None:
    order = AdmissionOrder()
    order.add("c1", 100.0)
    order.add("c2", 101.0)
    order.add("c2", 90.0)  # the carrier's priority
    assert order.next(200.0, spare=False) == "c2"
    order.remove("c2")
    assert (order.next(200.0, spare=False), len(order)) == ("c1", 1)


def test_a_flood_that_hangs_up_and_dials_again_leaves_nothing_behind() -> None:
    order = AdmissionOrder()
    order.add("first", 1.0)
    for n in range(5000):
        order.add(f"c{n}", 100.0 + n, behind=bool(n % 2))
        order.remove(f"c{n}")
    assert len(order._ahead._heap) + len(order._behind._heap) <= 300


STEPS = st.lists(
    st.tuples(st.sampled_from(["ahead", "behind", "admit", "leave"]), st.booleans()), max_size=120
)


@settings(max_examples=of(200))
@given(STEPS)
def test_nobody_starves_and_each_group_keeps_its_order(steps: list[tuple[str, bool]]) -> None:
    order, now, waits = AdmissionOrder(), 0.0, dict[str, tuple[bool, float]]()
    passed = 0
    for n, (what, spare) in enumerate(steps):
        now += 1.0
        if what in ("ahead", "behind"):
            behind = what == "behind"
            key = now + 5.0 * behind
            order.add(f"c{n}", key, behind=behind)
            waits[f"c{n}"] = (behind, key)
        elif what == "leave" and waits:
            gone = sorted(waits)[0]
            order.remove(gone)
            del waits[gone]
        elif what == "admit":
            due = [one for one, (is_behind, key) in waits.items() if is_behind and key <= now]
            channel = admitted(order, now, spare=spare)
            if channel is None:
                assert not due and not [one for one, (behind, _) in waits.items() if not behind]
                continue
            behind, key = waits.pop(channel)
            assert all(key <= other for is_behind, other in waits.values() if is_behind is behind)
            passed = passed + 1 if due and not behind else 0
            assert passed <= PASSED_AT_MOST, "one whose time has come is passed by few only"
        assert len(order) == len(waits)
        assert len(order.behind) == sum(behind for behind, _ in waits.values())
