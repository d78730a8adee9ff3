"""A supervisor puts a waiting citizen first, or into another category."""

from __future__ import annotations

import pytest
from factories import LineDesk, a_leg

from acd.calls.call import Call
from acd.calls.record import EventKind, fold
from acd.calls.states import Stage
from acd.supervision import NotWaiting, move, put_first


def queued(desk: LineDesk, *channels: str) -> list[Call]:
    found = []
    for n, channel in enumerate(channels):
        call = desk.citizen(channel, 100.0 + n)
        desk.press("2", channel, 110.0 + n)
        assert call.stage is Stage.QUEUED
        found.append(call)
    return found


def order(desk: LineDesk) -> list[str]:
    return [one.id for one in desk.dispatcher.queue]


def test_who_is_put_first_is_served_before_all_others_once_and_for_all() -> None:
    desk = LineDesk(operators=0)
    first, second, third = queued(desk, "c1", "c2", "c3")
    put_first(desk.dispatcher, third, "budi", 120.0)
    put_first(desk.dispatcher, third, "budi", 121.0)
    assert order(desk) == [third.id, first.id, second.id]
    kinds = [one.kind for one in desk.journal.events[third.id]]
    assert kinds.count(EventKind.PUT_FIRST) == 1
    put_first(desk.dispatcher, second, "budi", 122.0)
    assert order(desk) == [second.id, third.id, first.id], "among these by their arrival"


def test_the_next_engine_still_has_it_first() -> None:
    desk = LineDesk(operators=0)
    _, second = queued(desk, "c1", "c2")
    put_first(desk.dispatcher, second, "budi", 120.0)
    after = desk.next_engine(now=130.0)
    after.restore_calls(a_leg("c1"), a_leg("c2"), now=130.0)
    assert order(after)[0] == second.id


def test_who_is_moved_waits_for_the_other_category_since_when_they_came() -> None:
    desk = LineDesk(operators=0)
    first, second = queued(desk, "c1", "c2")
    before = first.record.queued_at
    other = next(one for one in desk.rules.categories if one != first.category)
    move(desk.dispatcher, first, other, "budi", 120.0)
    assert (first.record.category, first.category, first.stage) == (other, other, Stage.QUEUED)
    assert first.record.queued_at == before
    assert set(order(desk)) == {first.id, second.id}
    events = list(desk.journal.events[first.id])
    assert fold(first.id, events) == first.record
    move(desk.dispatcher, first, other, "budi", 121.0)
    assert desk.journal.events[first.id] == events, "it waits for that one already"


def test_who_talks_or_is_rung_for_or_has_hung_up_is_refused() -> None:
    desk = LineDesk(operators=1)
    call = desk.citizen("c1", 100.0)
    desk.press("2", "c1", 110.0)
    assert call.stage is Stage.RINGING
    with pytest.raises(NotWaiting, match="phone rings"):
        move(desk.dispatcher, call, "fire", "budi", 120.0)
    put_first(desk.dispatcher, call, "budi", 120.0)  # should nobody answer
    talking = LineDesk(operators=1).citizen_talks("c2")
    with pytest.raises(NotWaiting, match="over or served"):
        put_first(desk.dispatcher, talking, "budi", 120.0)
