"""Taking the line up again loses nobody: each call and each leg gets one action."""

from __future__ import annotations

from typing import Any

from factories import OFTEN, a_leg, a_record
from hypothesis import given
from hypothesis import strategies as st

from acd.recovery.reconcile import Decision, LiveLeg, RecoveryAction, StoredCall, reconcile

IDS = [f"c{one}" for one in range(8)]


@st.composite
def lines(
    draw: st.DrawFn,
) -> tuple[list[str], dict[str, LiveLeg], dict[str, list[str]]]:
    """Any stored calls, any live legs, each leg in one bridge at most."""
    stored = draw(st.lists(st.sampled_from(IDS), unique=True))
    legs = {
        one: a_leg(one, citizen=draw(st.booleans()))
        for one in draw(st.lists(st.sampled_from(IDS), unique=True))
    }
    bridges: dict[str, list[str]] = {}
    for one in IDS:
        if bridge := draw(st.sampled_from(["", "b1", "b2"])):
            bridges.setdefault(bridge, []).append(one)
    return stored, legs, bridges


def a_stored_call(asterisk_id: str, *rings: str, **changes: Any) -> StoredCall:
    in_menu = changes.pop("in_menu", False)
    record = a_record(asterisk_id, **changes)
    return StoredCall(record=record, rings=rings, in_menu=in_menu)


def verdicts_of(
    line: tuple[list[str], dict[str, LiveLeg], dict[str, list[str]]],
) -> list[Decision]:
    stored, legs, bridges = line
    return reconcile([a_stored_call(one) for one in stored], legs, bridges)


@OFTEN
@given(lines())
def test_every_stored_call_is_in_one_verdict(
    line: tuple[list[str], dict[str, LiveLeg], dict[str, list[str]]],
) -> None:
    judged = [one.record.asterisk_id for one in verdicts_of(line) if one.record is not None]
    assert sorted(judged) == sorted(line[0])


@OFTEN
@given(lines())
def test_every_live_leg_is_in_one_verdict(
    line: tuple[list[str], dict[str, LiveLeg], dict[str, list[str]]],
) -> None:
    judged = [
        leg
        for one in verdicts_of(line)
        if one.action is not RecoveryAction.END
        for leg in (one.leg, *one.partners)
        if leg
    ]
    assert sorted(judged) == sorted(line[1])


@OFTEN
@given(lines())
def test_no_citizen_who_is_on_the_line_is_ended_or_dropped(
    line: tuple[list[str], dict[str, LiveLeg], dict[str, list[str]]],
) -> None:
    stored, legs, _ = line
    citizens = {one.id for one in legs.values() if one.citizen}
    for one in verdicts_of(line):
        if one.action in (RecoveryAction.END, RecoveryAction.DROP):
            assert one.leg not in citizens
        if one.action is RecoveryAction.END:
            assert one.leg in stored
            assert one.leg not in legs


def test_who_talks_goes_on_talking() -> None:
    legs = {"c1": a_leg("c1"), "o1": a_leg("o1", citizen=False)}
    (decision,) = reconcile([a_stored_call("c1")], legs, {"b1": ["c1", "o1"]})
    assert (decision.action, decision.leg, decision.partners) == (
        RecoveryAction.TALK,
        "c1",
        ("o1",),
    )
    assert decision.bridge == "b1"


def test_who_waits_waits_on_and_a_partner_who_is_gone_is_no_partner() -> None:
    legs = {"c1": a_leg("c1"), "c2": a_leg("c2")}
    first, second = reconcile(
        [a_stored_call("c1"), a_stored_call("c2")], legs, {"b1": ["c2", "o9"]}
    )
    assert (first.action, second.action) == (RecoveryAction.WAIT, RecoveryAction.WAIT)


def test_who_is_gone_gets_an_end() -> None:
    (decision,) = reconcile([a_stored_call("c1")], {}, {"b1": ["c1"]})
    assert (decision.action, decision.leg) == (RecoveryAction.END, "c1")


def test_a_citizen_whom_nobody_has_stored_arrives_and_a_stray_leg_is_dropped() -> None:
    legs = {"c1": a_leg("c1"), "o1": a_leg("o1", citizen=False)}
    assert {one.leg: one.action for one in reconcile([], legs, {})} == {
        "c1": RecoveryAction.ARRIVE,
        "o1": RecoveryAction.DROP,
    }


def test_two_citizens_in_one_bridge_are_both_kept() -> None:
    legs = {"c1": a_leg("c1"), "c2": a_leg("c2")}
    fates = reconcile([a_stored_call("c1"), a_stored_call("c2")], legs, {"b1": ["c1", "c2"]})
    assert not {one.action for one in fates} & {RecoveryAction.END, RecoveryAction.DROP}


def test_a_citizen_whom_the_fallback_has_is_neither_ended_nor_queued() -> None:
    (decision,) = reconcile([a_stored_call("c1")], {}, {}, {"c1"})
    assert (decision.action, decision.leg) == (RecoveryAction.AWAY, "c1")
    live = {"c1": a_leg("c1")}
    (decision,) = reconcile([a_stored_call("c1")], live, {}, {"c1"})
    assert decision.action is RecoveryAction.WAIT, "ours again meanwhile"
