"""An engine dies while an operator holds the citizen: each hold has an end in the record."""

from __future__ import annotations

import pytest
from factories import LineDesk, a_channel, a_leg

from acd.calls.call import Call
from acd.calls.record import EventKind
from acd.calls.states import Stage
from acd.operators.states import State
from ngalam112.engine.ari_switch import Connected
from pbx.ari_types import ChannelHold, ChannelUnhold

NOW = 200.0


class Holding:
    """1001 holds the citizen c1 since 120.0; then the engine dies. `leg`, `bridge`: of the talk."""

    def __init__(self) -> None:
        self.desk = LineDesk(operators=2, wrap_up_s=30.0)
        call = self.desk.citizen_talks()
        self.leg, self.bridge = call.leg or "", call.bridge or ""
        self.desk.handle(ChannelHold(a_channel(self.leg)), now=120.0)

    def next_engine(self) -> tuple[LineDesk, Call]:
        after = self.desk.next_engine(now=NOW)
        return after, after.router.calls["c1"]


def ends_of_holds(desk: LineDesk) -> list[tuple[float, int]]:
    return [
        (event.at, event.data["held_ms"])
        for events in desk.journal.events.values()
        for event in events
        if event.kind is EventKind.RESUMED
    ]


def test_a_hold_goes_on_and_its_length_counts_from_its_begin() -> None:
    holding = Holding()
    after, call = holding.next_engine()
    bridges = {holding.bridge: ["c1", holding.leg]}
    after.restore_calls(a_leg(), a_leg(holding.leg, citizen=False), bridges=bridges, now=NOW)
    assert after.operator().state is State.HOLDING
    after.handle(ChannelUnhold(a_channel(holding.leg)), now=210.0)
    record = call.record
    assert (record.holds, record.held_ms, after.operator().state) == (1, 90_000, State.TALKING)


def test_who_held_the_citizen_and_is_connected_again_holds_on() -> None:
    holding = Holding()
    after, call = holding.next_engine()
    after.restore_calls(a_leg(), a_leg(holding.leg, citizen=False), now=NOW)
    after.handle(Connected(call.bridge or ""), now=NOW + 1)
    assert (after.operator().state, ends_of_holds(after)) == (State.HOLDING, [])
    after.handle(ChannelUnhold(a_channel(holding.leg)), now=210.0)
    assert (after.operator().state, ends_of_holds(after)) == (State.TALKING, [(210.0, 90_000)])


def test_who_held_the_citizen_and_is_gone_holds_no_more() -> None:
    holding = Holding()
    after, call = holding.next_engine()
    after.restore_calls(a_leg(), bridges={holding.bridge: ["c1"]}, now=NOW)
    assert ends_of_holds(after) == [(NOW, 80_000)]
    assert (call.stage, call.record.held_ms) == (Stage.RINGING, 80_000)


@pytest.mark.parametrize(
    ("lost_at", "held_ms"), [(None, 80_000), (150.0, 30_000), (119.0, 0)], ids=str
)
def test_a_citizen_who_went_in_a_hold_is_held_no_more(lost_at: float | None, held_ms: int) -> None:
    holding = Holding()
    after, call = holding.next_engine()
    after.restore_calls(lost_at=lost_at, now=NOW)
    assert (call.stage, call.record.held_ms) == (Stage.ENDED, held_ms)
    assert [ms for _, ms in ends_of_holds(after)] == [held_ms]


def test_a_citizen_whom_the_fallback_has_is_held_no_more() -> None:
    holding = Holding()
    after, call = holding.next_engine()
    after.restore_calls(served=frozenset({"c1"}), now=NOW)
    assert (call.record.held_ms, ends_of_holds(after)) == (80_000, [(NOW, 80_000)])
