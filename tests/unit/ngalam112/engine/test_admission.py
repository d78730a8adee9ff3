"""Citizens whom nobody claimed in time wait for admission, and the oldest is admitted first."""

from __future__ import annotations

import importlib.util
from datetime import UTC, datetime, timedelta

from factories import LineDesk, a_channel

from acd.calls.states import Stage
from acd.recovery.reconcile import LiveLeg
from acd.rules.load_shedding import Level, Limits
from ngalam112.config.provision import BEAT_TOO_OLD_S
from ngalam112.config.settings import PROJECT
from ngalam112.engine.claims import Claimed
from pbx import ari_types as ari

ROOM_FOR_TWO = Limits(capacity_cps=10, capacity_channels=1, most_cps=20, most_channels=2)


def unclaimed(
    desk: LineDesk,
    channel: str,
    age_s: float = 2.0,
    now: float = 100.0,
    priority: str = "wps.3",
) -> None:
    """A citizen who dialled so long ago comes from the dialplan, claimed by nobody."""
    created = datetime.now(UTC) - timedelta(seconds=age_s)
    one = a_channel(channel, created=created.strftime("%Y-%m-%dT%H:%M:%S.%f%z"))
    desk.handle(ari.StasisStart(["unclaimed", priority], one), now=now)


def stage(desk: LineDesk, channel: str) -> Stage:
    return desk.router.calls[channel].stage


def full_desk() -> LineDesk:
    desk = LineDesk(operators=0, limits=ROOM_FOR_TWO)
    for channel in ("c1", "c2"):
        desk.citizen(channel)
    return desk


def test_who_was_not_claimed_in_time_hears_the_menu_where_there_is_room() -> None:
    desk = LineDesk(operators=0)
    unclaimed(desk, "c1", age_s=3.0)
    call = desk.router.calls["c1"]
    assert (call.stage, call.resource_priority) == (Stage.MENU, "wps.3")
    assert 96.9 < call.record.arrived_at < 97.1, "the wait counts from the true arrival"
    assert desk.switch.told("answer") == [], "the dialplan has answered"
    assert len(desk.switch.told("say")) == 1


def test_beyond_the_limit_a_citizen_costs_nothing_but_a_record_until_there_is_room() -> None:
    desk = full_desk()
    asked = len(desk.switch.did)
    unclaimed(desk, "c3")
    call = desk.router.calls["c3"]
    assert (call.stage, call.record.events) == (Stage.CLAIMED, 1)
    assert len(desk.switch.did) == asked, "nothing was asked of Asterisk"
    assert (desk.dispatcher.load.at_door(), desk.dispatcher.load.channels()) == (1, 2)
    desk.handle(ari.StasisEnd(a_channel("c1")), now=101.0)
    desk.timers.fire(101.1)
    assert call.stage is not Stage.CLAIMED
    assert desk.dispatcher.load.at_door() == 0


def test_the_oldest_is_taken_in_first_whoever_comes_first() -> None:
    desk = full_desk()
    for channel, age_s in (("c3", 2.0), ("c4", 5.0), ("c5", 3.0)):
        unclaimed(desk, channel, age_s)
    for at, (left, taken) in enumerate((("c1", "c4"), ("c2", "c5"), ("c4", "c3")), 101):
        desk.handle(ari.StasisEnd(a_channel(left)), now=at)
        desk.timers.fire(at + 0.1)
        at_door = [one for one, call in desk.router.calls.items() if call.stage is Stage.CLAIMED]
        left_there = ["c4", "c5", "c3"][at - 100 :]
        assert sorted(at_door) == sorted(left_there) and taken not in at_door
    assert desk.dispatcher.load.at_door() == 0


def test_whom_the_carrier_gave_priority_is_taken_in_before_who_came_earlier() -> None:
    desk = full_desk()
    unclaimed(desk, "c3", age_s=20.0, priority="")
    unclaimed(desk, "c4", age_s=2.0, priority="wps.0")
    desk.handle(ari.StasisEnd(a_channel("c1")), now=101.0)
    desk.timers.fire(101.1)
    assert (stage(desk, "c3"), stage(desk, "c4")) == (Stage.CLAIMED, Stage.QUEUED)


def test_a_line_that_is_late_takes_nobody_in_until_the_work_is_done() -> None:
    desk, waits_to_be_done = LineDesk(operators=0), 500
    desk.dispatcher.load.backlog = lambda: waits_to_be_done
    unclaimed(desk, "c1")
    assert stage(desk, "c1") is Stage.CLAIMED
    waits_to_be_done = 3
    desk.timers.fire(100.1)
    assert stage(desk, "c1") is not Stage.CLAIMED


def test_the_dialplan_is_told_when_citizens_begin_to_wait_and_when_none_does_any_more() -> None:
    desk = full_desk()
    unclaimed(desk, "c3")
    unclaimed(desk, "c4")
    assert desk.door_told == [True]
    desk.handle(ari.StasisEnd(a_channel("c4")))
    assert desk.door_told == [True]
    desk.handle(ari.StasisEnd(a_channel("c1")), now=101.0)
    desk.timers.fire(101.1)
    assert desk.door_told == [True, False]


def test_a_full_line_takes_in_without_the_menu() -> None:
    desk = full_desk()
    unclaimed(desk, "c3")
    desk.dispatcher.load.level = Level.FULL
    desk.handle(ari.StasisEnd(a_channel("c1")), now=101.0)
    desk.dispatcher.load.level = Level.FULL
    desk.timers.fire(101.1)
    assert desk.router.calls["c3"].stage is Stage.QUEUED
    assert desk.router.calls["c3"].record.category == desk.reception.default_category


def test_who_hangs_up_at_the_door_is_in_the_records_and_takes_nobodys_turn() -> None:
    desk = full_desk()
    unclaimed(desk, "c3", age_s=5.0)
    unclaimed(desk, "c4", age_s=2.0)
    gone = desk.router.calls["c3"]
    desk.handle(ari.ChannelHangupRequest(a_channel("c3"), 16), ari.StasisEnd(a_channel("c3")))
    assert (gone.record.ended_by, gone.stage) == ("caller", Stage.ENDED)
    assert desk.dispatcher.load.at_door() == 1
    desk.handle(ari.StasisEnd(a_channel("c1")), now=101.0)
    desk.timers.fire(101.1)
    assert stage(desk, "c4") is not Stage.CLAIMED


def test_a_claim_that_is_refused_late_does_not_forget_the_citizen() -> None:
    desk = full_desk()
    desk.dispatcher.load.limits = Limits(most_channels=3)
    desk.handle(ari.CallBroadcast(a_channel("c3")))
    desk.dispatcher.load.limits = ROOM_FOR_TWO
    unclaimed(desk, "c3")
    desk.handle(Claimed("c3", False), ari.CallBroadcast(a_channel("c3")))
    assert desk.claims == ["c3"], "who is here is not claimed any more"
    assert stage(desk, "c3") is Stage.CLAIMED
    assert desk.dispatcher.load.at_door() == 1


def legs(*channels: str) -> list[LiveLeg]:
    return [LiveLeg(id=one, citizen=True, up=True, age_s=1.0) for one in channels]


def test_who_waits_at_the_door_waits_there_when_the_same_engine_takes_the_line_up_again() -> None:
    desk = full_desk()
    unclaimed(desk, "c3")
    asked = len(desk.switch.did)
    desk.restore_calls(*legs("c1", "c2", "c3"), now=101.0)
    assert stage(desk, "c3") is Stage.CLAIMED
    assert [one.what for one in desk.switch.did[asked:] if one.to == "c3"] == ["music"]
    desk.handle(ari.StasisEnd(a_channel("c1")), now=102.0)
    desk.timers.fire(102.1)
    assert (stage(desk, "c3"), desk.dispatcher.load.at_door()) == (Stage.QUEUED, 0)


def test_the_next_engine_leaves_those_at_the_door_there_and_takes_the_oldest_in_first() -> None:
    desk = full_desk()
    for channel, age_s in (("c3", 2.0), ("c4", 5.0)):
        unclaimed(desk, channel, age_s)
    after = desk.next_engine()
    after.dispatcher.load.limits = ROOM_FOR_TWO
    after.restore_calls(*legs("c1", "c2", "c3", "c4"))
    assert {stage(after, "c3"), stage(after, "c4")} == {Stage.CLAIMED}
    assert after.door_told == [True]
    after.handle(ari.StasisEnd(a_channel("c1")), now=201.0)
    after.timers.fire(201.1)
    assert (stage(after, "c3"), stage(after, "c4")) == (Stage.CLAIMED, Stage.QUEUED)


def test_whom_nobody_knows_waits_at_the_door_of_a_full_line() -> None:
    desk = full_desk()
    after = desk.next_engine()
    after.dispatcher.load.limits = ROOM_FOR_TWO
    after.restore_calls(*legs("c1", "c2", "c3"), now=200.0)
    call = after.router.calls["c3"]
    assert (call.stage, call.record.arrived_at) == (Stage.CLAIMED, 199.0)
    assert after.switch.told("unhold") == [], "there is room for the music of the dialplan"


def test_whom_nobody_knows_is_told_at_once_to_be_in_line_if_there_is_no_room_for_music() -> None:
    limits = Limits(most_channels=100)
    desk = LineDesk(operators=0, limits=limits)
    for index in range(300):
        unclaimed(desk, f"c{index}", age_s=9.0)
    after = desk.next_engine()
    after.dispatcher.load.limits = limits
    after.restore_calls(*legs(*(f"c{index}" for index in range(300)), "new"))
    assert after.router.calls["new"].stage is Stage.CLAIMED
    assert after.switch.told("unhold") == after.switch.told("say") == ["new"]


def test_a_priority_that_comes_after_the_taking_up_counts_at_the_door() -> None:
    desk = full_desk()
    unclaimed(desk, "c3", age_s=5.0, priority="")
    after = desk.next_engine()
    after.dispatcher.load.limits = ROOM_FOR_TWO
    after.restore_calls(*legs("c1", "c2", "c3", "c4"), now=102.0)
    after.handle(ari.StasisStart(["unclaimed", "wps.0"], a_channel("c4")), now=102.5)
    after.handle(ari.StasisEnd(a_channel("c1")), now=103.0)
    after.timers.fire(103.1)
    assert (stage(after, "c3"), stage(after, "c4")) == (Stage.CLAIMED, Stage.QUEUED)


def test_who_waited_at_the_door_of_an_engine_that_died_gets_no_menu() -> None:
    limits = Limits(most_channels=3)
    desk = LineDesk(operators=0, limits=limits)
    for channel in ("c1", "c2", "c3", "c4", "c5"):
        unclaimed(desk, channel)
    after = desk.next_engine()
    after.dispatcher.load.limits = limits
    after.restore_calls(*legs("c4", "c5", "c1"))
    after.timers.fire(200.1)
    assert Stage.MENU not in {stage(after, "c4"), stage(after, "c5")}


def test_a_line_with_room_takes_in_at_once_whoever_was_at_the_door() -> None:
    desk = full_desk()
    unclaimed(desk, "c3")
    after = desk.next_engine()
    after.restore_calls(*legs("c1", "c2", "c3"))
    assert (stage(after, "c3"), after.dispatcher.load.at_door()) == (Stage.QUEUED, 0)


def test_thousands_who_wait_are_told_words_one_after_the_other_when_the_line_is_taken_up() -> None:
    limits = Limits(most_channels=100)
    desk = LineDesk(operators=0, limits=limits)
    for index in range(1000):
        unclaimed(desk, f"c{index}", age_s=2.0)
    after = desk.next_engine()
    after.dispatcher.load.limits = limits
    asked = len(after.switch.did)
    after.restore_calls(*legs(*(f"c{index}" for index in range(1000))))
    assert len(after.switch.told("say")) == 0
    assert len(after.switch.did) - asked < 300, "what the takings in and the music need"
    for second in range(1, 11):
        after.timers.fire(200.0 + second)
    at_door = {one for one, call in after.router.calls.items() if call.stage is Stage.CLAIMED}
    told = [one for one in after.switch.told("say") if one in at_door]
    assert len(at_door) == 900
    assert 250 <= len(told) == len(set(told)) <= 310, "thirty a second, nobody twice"


def test_the_door_and_the_rescuer_agree_on_when_no_engine_beats() -> None:
    spec = importlib.util.spec_from_file_location("rescue", PROJECT / "agi_scripts" / "rescue.py")
    assert spec is not None and spec.loader is not None
    rescue = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(rescue)
    assert rescue.AFTER_S == BEAT_TOO_OLD_S
