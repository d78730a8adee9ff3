"""Who hangs up while waiting and dials again soon keeps the place in line."""

from __future__ import annotations

import pytest
from factories import LineDesk, a_channel

from acd.calls.call import Call
from acd.calls.record import EventKind
from acd.calls.states import Stage
from acd.queueing.redials import WITHIN_S
from pbx import ari_types as ari


def comes(desk: LineDesk, channel: str, number: str, now: float) -> Call:
    """A citizen dials, and is in the queue at once."""
    desk.handle(ari.StasisStart(["citizen"], a_channel(channel, number=number)), now=now)
    desk.press("2", channel)
    return desk.router.calls[channel]


def hangs_up(desk: LineDesk, channel: str, now: float) -> None:
    desk.handle(
        ari.ChannelHangupRequest(a_channel(channel), 16), ari.StasisEnd(a_channel(channel)), now=now
    )


def waiting(desk: LineDesk) -> list[str]:
    return [call.channel for call in desk.dispatcher.queue]


def test_who_dials_again_is_served_before_those_who_came_meanwhile() -> None:
    desk = LineDesk(operators=0)
    comes(desk, "c1", "0811", 100.0)
    comes(desk, "c2", "0812", 101.0)
    hangs_up(desk, "c1", 110.0)
    again = comes(desk, "c3", "0811", 112.0)
    assert waiting(desk) == ["c3", "c2"]
    assert (again.record.arrived_at, again.waits_since) == (112.0, 100.0), (
        "the record has its own time"
    )


def test_a_number_that_rings_every_minute_begins_anew_after_five_minutes() -> None:
    desk, since = LineDesk(operators=0), []
    for minute in range(12):
        at = 100.0 + 60 * minute
        since.append(comes(desk, f"c{minute}", "0811", at).waits_since)
        hangs_up(desk, f"c{minute}", at + 2.0)
    assert since[:6] == [None, 100.0, 100.0, 100.0, 100.0, 100.0]
    assert since[6:8] == [None, 460.0], "nobody is passed by more"


def test_who_hung_up_long_before_it_was_known_has_no_place() -> None:
    desk = LineDesk(operators=0)
    call = comes(desk, "c1", "0811", 100.0)
    call.hung_up_by = "caller"
    desk.router.live.over(call, 16, 300.0, ended_at=150.0)
    assert comes(desk, "c2", "0811", 301.0).waits_since is None


def test_who_hung_up_while_no_engine_watched_has_the_place() -> None:
    desk = LineDesk(operators=0)
    comes(desk, "c1", "0811", 100.0)
    after = desk.next_engine()
    after.restore_calls(now=120.0)
    assert comes(after, "c2", "0811", 130.0).waits_since == 100.0


def test_whose_talk_was_lost_and_who_waits_again_has_the_place() -> None:
    desk = LineDesk()
    call = comes(desk, "c1", "0811", 100.0)
    leg = call.leg or ""
    desk.dispatcher.leg_answered(leg, 103.0)
    desk.dispatcher.connected(call.bridge or "", 103.0)
    desk.dispatcher.enqueue(call, 110.0)
    hangs_up(desk, "c1", 115.0)
    assert comes(desk, "c2", "0811", 120.0).waits_since == 100.0


def test_who_is_beyond_the_cap_by_an_earlier_call_is_told_the_true_place() -> None:
    desk = LineDesk(operators=0)
    comes(desk, "c0", "0810", 99.0)
    comes(desk, "c1", "0811", 100.0)
    hangs_up(desk, "c1", 225.0)
    desk.handle(ari.StasisStart(["citizen"], a_channel("c2", number="0811")), now=226.0)
    desk.handle(ari.ChannelDtmfReceived("2", a_channel("c2")), now=227.0)
    again = desk.router.calls["c2"]
    assert again.aged
    queued = [one for one in desk.journal.events[again.id] if one.kind is EventKind.QUEUED]
    assert queued[-1].data["position"] == desk.dispatcher.queue.position(again) == 1


def test_it_counts_from_the_first_of_many_calls() -> None:
    desk = LineDesk(operators=0)
    for index in range(4):
        comes(desk, f"c{index}", "0811", 100.0 + 20 * index)
        hangs_up(desk, f"c{index}", 115.0 + 20 * index)
    assert comes(desk, "c9", "0811", 180.0).waits_since == 100.0


@pytest.mark.parametrize(
    ("number", "again_at", "since"),
    [
        ("0811", 110.0 + WITHIN_S, 100.0),
        ("0811", 110.1 + WITHIN_S, None),
        *((nobody, 112.0, None) for nobody in ("anonymous", "", "unknown", "restricted", "0000")),
    ],
)
def test_not_for_ever_and_only_for_a_number(
    number: str, again_at: float, since: float | None
) -> None:
    desk = LineDesk(operators=0)
    comes(desk, "c1", number, 100.0)
    hangs_up(desk, "c1", 110.0)
    assert comes(desk, "c2", number, again_at).waits_since == since


def test_who_dials_again_through_another_carrier_keeps_the_place() -> None:
    desk = LineDesk(operators=0)
    comes(desk, "c1", "+6281234567890", 100.0)
    hangs_up(desk, "c1", 110.0)
    assert comes(desk, "c2", "081234567890", 112.0).waits_since == 100.0


def test_a_number_that_several_people_share_gives_the_place_to_one_of_them() -> None:
    desk = LineDesk(operators=0)
    comes(desk, "c1", "0341", 100.0)
    hangs_up(desk, "c1", 105.0)
    assert [comes(desk, one, "0341", 106.0).waits_since for one in ("c2", "c3")] == [100.0, None]


def test_who_was_served_begins_anew() -> None:
    desk = LineDesk()
    call = comes(desk, "c1", "0811", 100.0)
    assert call.stage is Stage.RINGING
    desk.dispatcher.leg_answered(call.leg or "", 103.0)
    desk.dispatcher.connected(call.bridge or "", 103.0)
    hangs_up(desk, "c1", 130.0)
    assert comes(desk, "c2", "0811", 140.0).waits_since is None


def test_the_next_engine_knows_the_place_of_who_has_dialled_again() -> None:
    desk = LineDesk(operators=0)
    comes(desk, "c1", "0811", 100.0)
    comes(desk, "c2", "0812", 101.0)
    hangs_up(desk, "c1", 110.0)
    comes(desk, "c3", "0811", 112.0)
    after = desk.next_engine()
    assert after.router.calls["c3"].waits_since == 100.0
