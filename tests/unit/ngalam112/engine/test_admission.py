"""Citizens whom nobody claimed in time wait for admission, and the oldest is admitted first."""

from __future__ import annotations

import importlib.util
from datetime import UTC, datetime, timedelta
from typing import Any

from factories import LineDesk, a_channel

from acd.calls.states import Stage
from acd.numbers.caller_limits import CallerLimits
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
    number: str = "08123",
) -> None:
    """A citizen who dialled so long ago comes from the dialplan, claimed by nobody."""
    created = datetime.now(UTC) - timedelta(seconds=age_s)
    one = a_channel(channel, number=number, created=created.strftime("%Y-%m-%dT%H:%M:%S.%f%z"))
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
        unclaimed(desk, f"c{index}", age_s=9.0, number=f"0812{index:07}")
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
        unclaimed(desk, f"c{index}", age_s=2.0, number=f"0812{index:07}")
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


# --- who is beyond a limit ----------------------------------------------------------------------

TWO_AT_ONCE = CallerLimits(at_once_per_number=2, behind_s=60.0)
SPARE_FOR_FOUR = Limits(capacity_cps=10, capacity_channels=4, most_cps=20, most_channels=6)


def flooded_desk(**more: Any) -> LineDesk:
    """A line with two calls of a number that has no more in its turn."""
    desk = LineDesk(operators=0, caller_limits=TWO_AT_ONCE, **more)
    for channel in ("f1", "f2"):
        desk.handle(ari.CallBroadcast(a_channel(channel)), Claimed(channel, True))
        desk.citizen(channel)
    return desk


def test_a_number_with_too_many_calls_is_not_claimed_and_others_are() -> None:
    desk = flooded_desk(limits=SPARE_FOR_FOUR)
    desk.handle(ari.CallBroadcast(a_channel("f3")))
    desk.handle(ari.CallBroadcast(a_channel("c1", number="08999")))
    assert desk.claims == ["f1", "f2", "c1"]
    assert desk.dispatcher.load.now(100.0).cps == 3, "who is not served is no reason to shed work"


def test_a_call_beyond_the_limit_takes_no_room_that_others_need() -> None:
    desk = flooded_desk(limits=SPARE_FOR_FOUR)
    for n in range(3, 9):
        unclaimed(desk, f"f{n}", priority="")
    taken = [one for one in desk.router.calls if stage(desk, one) is not Stage.CLAIMED]
    assert taken == ["f1", "f2", "f3", "f4"], "as many as there is work shed for none"
    order = desk.router.admission.order
    assert (len(order.ahead), len(order.behind)) == (0, 4)
    assert (desk.dispatcher.load.level, desk.door_told) == (Level.NORMAL, [])
    desk.handle(ari.CallBroadcast(a_channel("c1", number="08999")), now=101.0)
    assert desk.claims == ["f1", "f2", "c1"]
    assert desk.citizen("c1", 101.0, number="08999").stage is Stage.MENU
    assert desk.router.claims.at_once.over == {"number": 6}


def test_who_is_beyond_the_limit_is_served_after_those_who_came_within_a_minute() -> None:
    desk = flooded_desk()
    unclaimed(desk, "f3", age_s=0.0, priority="")
    desk.press("2", "f3", now=102.0)
    for channel, at in (("c1", 130.0), ("c2", 170.0)):
        desk.citizen(channel, at, number=f"08{channel}")
        desk.press("2", channel, at + 1)
    assert [call.channel for call in desk.dispatcher.queue] == ["c1", "f3", "c2"]


def test_who_is_beyond_the_limit_is_taken_in_after_a_minute_however_many_others_come() -> None:
    desk = LineDesk(operators=0, caller_limits=TWO_AT_ONCE, limits=ROOM_FOR_TWO)
    desk.citizen("f1")
    desk.citizen("f2")
    unclaimed(desk, "f3", age_s=0.0, priority="")
    for n in range(8):
        unclaimed(desk, f"c{n}", 0.0, 101.0 + n, priority="", number=f"0899{n}")
    turns, now = list[str](), 170.0
    for left in ("f1", "f2", "c0", "c1", "c2"):
        desk.handle(ari.StasisEnd(a_channel(left)), now=now)
        before = {one for one in desk.router.calls if stage(desk, one) is Stage.CLAIMED}
        desk.timers.fire(now + 0.1)
        turns += [one for one in before if stage(desk, one) is not Stage.CLAIMED]
        now += 2.0
    assert turns == ["c0", "c1", "c2", "f3", "c3"]


def test_the_next_engine_knows_who_is_behind_and_counts_who_is_not() -> None:
    desk = flooded_desk(limits=ROOM_FOR_TWO)
    unclaimed(desk, "f3", priority="")
    after = desk.next_engine()
    after.dispatcher.load.limits = SPARE_FOR_FOUR
    after.router.claims.at_once.limits = TWO_AT_ONCE
    assert after.router.calls["f3"].behind
    after.restore_calls(*legs("f1", "f2", "f3"))
    after.handle(ari.CallBroadcast(a_channel("f4")))
    assert after.claims == []


def test_what_nobody_is_behind_for_costs_nothing_with_thousands_waiting() -> None:
    desk = LineDesk(operators=0, caller_limits=TWO_AT_ONCE, limits=ROOM_FOR_TWO)
    for n in range(2):
        desk.citizen(f"f{n}")
    for n in range(2, 500):
        unclaimed(desk, f"f{n}", priority="")
    lists = desk.router.claims.at_once._by_tail
    assert [len(one) for one in lists.values()] == [2], "no list is longer than its limit"
    assert len(desk.router.admission.order.behind) == 498
