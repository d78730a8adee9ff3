"""Notices of known big incidents: who hears one, in which language, and what follows from it."""

from __future__ import annotations

from typing import Any

import pytest
from factories import OFTEN, LineDesk, a_channel, a_leg
from hypothesis import given
from hypothesis import strategies as st

from acd.calls.call import Call
from acd.calls.record import Outcome, fold
from acd.calls.states import Stage
from acd.queueing.announcements import LEAST_NOTICES
from acd.queueing.notices import DECIDES_S, NOTICE, NoSuchNotice, Notice
from acd.rules.load_shedding import Limits
from acd.rules.rules import Announce
from ngalam112.engine.ari_switch import Connected
from pbx import ari_types as ari

FIRE_S = 10.0


def a_notice(id: str = "n1", category: str | None = "fire", **changes: Any) -> Notice:
    values = {"begins": 90.0, "ends": 1000.0, "seconds": {"id": FIRE_S, "en": 8.0}} | changes
    return Notice(id=id, category=category, **values)


def a_line(*notices: Notice, operators: int = 0, **rules: Any) -> LineDesk:
    desk = LineDesk(operators, **rules)
    for one in notices or (a_notice(),):
        desk.dispatcher.announcements.notices.set(one, 90.0)
    return desk


def waits(desk: LineDesk, channel: str = "c1", key: str = "3", now: float = 100.0) -> Call:
    """A citizen who calls because of a fire, and waits since `now`."""
    call = desk.citizen(channel, now=now, number=f"08{channel[1:]}")
    desk.press(key, channel, now)
    return call


def said(desk: LineDesk) -> tuple[str, ...]:
    return tuple(desk.switch.last("say").more[1:])


def words_end(desk: LineDesk, call: Call, now: float, state: str = "done") -> None:
    desk.handle(ari.PlaybackFinished(ari.Playback(call.words or "", state)), now=now)


def hangs_up(desk: LineDesk, call: Call, now: float) -> None:
    words = call.words
    desk.handle(ari.ChannelHangupRequest(a_channel(call.channel), 16), now=now)
    # Asterisk tells of the end of what plays as if it had been heard
    desk.handle(ari.PlaybackFinished(ari.Playback(words or "", "done")), now=now)
    desk.handle(ari.ChannelDestroyed(a_channel(call.channel), 16), now=now)


def heard(desk: LineDesk, call: Call) -> list[tuple[int, bool, bool]]:
    events = [one.data for one in desk.journal.events[call.id] if one.kind == "notice_heard"]
    return [(one["ms"], one["whole"], one["enough"]) for one in events]


NOTICE_OF_FIRE = ("queue_wait", "notices/n1_id", "notice_stay")


def test_who_calls_because_of_it_hears_it_and_keeps_the_place_in_the_queue() -> None:
    desk = a_line()
    first, second = waits(desk), waits(desk, "c2", now=101.0)
    assert said(desk) == NOTICE_OF_FIRE
    assert [one.id for one in desk.dispatcher.queue] == [first.id, second.id]
    assert (first.stage, first.record.queued_at) == (Stage.QUEUED, 100.0)


def test_who_calls_because_of_something_else_does_not() -> None:
    desk = a_line()
    waits(desk, key="2")
    assert desk.switch.playing()[1] != "queue_wait"
    assert [did.what for did in desk.switch.did][-1] == "music"


def test_a_notice_of_the_category_is_heard_rather_than_one_for_all() -> None:
    desk = a_line(a_notice("n2", None), a_notice())
    waits(desk)
    assert said(desk)[1] == "notices/n1_id"
    waits(desk, "c2", key="2")
    assert said(desk)[1] == "notices/n2_id"


def test_it_is_heard_in_the_citizens_language_or_else_the_lines() -> None:
    desk = a_line()
    desk.citizen()
    desk.press("8")
    desk.press("3")
    assert said(desk) == ("en/queue_wait", "notices/n1_en", "en/notice_stay")
    desk.citizen("c2")
    desk.press("7", "c2")
    desk.press("3", "c2")
    assert said(desk) == ("jv/queue_wait", "notices/n1_id", "jv/notice_stay")
    assert a_notice(seconds={"jv": 1.0}).language_for("en") == "jv", "rather than nothing"


def test_music_follows_and_figures_come_later_and_cut_nothing_off() -> None:
    desk = a_line(a_notice(seconds={"id": 50.0}), announce=Announce(mode="wait"))
    call = waits(desk)
    assert desk.switch.last("music").more == (1,), "behind the words, and without words of its own"
    for at in (103.0, 130.0):
        desk.timers.fire(at)
    assert said(desk)[1] == "notices/n1_id"
    assert len(desk.switch.all("say")) == 2, "the menu and the notice"
    words_end(desk, call, 156.0)
    desk.timers.fire(160.0)
    assert said(desk) == ("queue_wait",)


def test_an_operator_who_is_free_is_rung_at_once_and_the_answer_cuts_it_off() -> None:
    desk = a_line(operators=1)
    call = waits(desk)
    kinds = [did.what for did in desk.switch.did]
    assert kinds.index("ring") < len(kinds) - 1 - kinds[::-1].index("say")
    words = call.words
    desk.handle(ari.StasisStart(["operator"], a_channel(call.leg or "")), now=104.0)
    assert desk.switch.told("stop")[-1] == words
    desk.handle(Connected(call.bridge or ""), now=104.1)
    hangs_up(desk, call, 110.0)
    assert call.record.outcome is Outcome.ANSWERED
    assert heard(desk, call) == [(4000, False, False)]


@pytest.mark.parametrize(
    ("at", "outcome", "told"),
    [
        (101.0, Outcome.LOST_QUEUE, (1000, False, False)),
        (104.9, Outcome.LOST_QUEUE, (4900, False, False)),
        (105.0, Outcome.INFORMATION, (5000, False, True)),
        (112.0, Outcome.INFORMATION, (10_000, True, True)),
    ],
)
def test_who_hangs_up_having_heard_enough_was_informed_and_not_lost(
    at: float, outcome: Outcome, told: tuple[int, bool, bool]
) -> None:
    desk = a_line()
    call = waits(desk)
    hangs_up(desk, call, at)
    assert (call.record.outcome, heard(desk, call)) == (outcome, [told])
    assert call.record == fold(call.id, desk.journal.events[call.id])
    assert not call.record.wants_callback


def test_who_waits_on_after_it_and_hangs_up_later_was_lost() -> None:
    desk = a_line()
    one, other = waits(desk), waits(desk, "c2")
    for call in (one, other):
        words_end(desk, call, 115.0)
    hangs_up(desk, one, 115.0 + DECIDES_S)
    hangs_up(desk, other, 115.1 + DECIDES_S)
    assert one.record.outcome is Outcome.INFORMATION
    assert other.record.outcome is Outcome.LOST_QUEUE


def test_who_is_cut_off_by_the_line_was_not_informed() -> None:
    desk = a_line()
    call = waits(desk)
    words_end(desk, call, 115.0)
    desk.dispatcher.finish(call, "line_stopped", None, 116.0)
    assert call.record.outcome is Outcome.LOST_QUEUE


def test_a_key_asks_for_a_call_back_and_is_told_so_once() -> None:
    desk = a_line()
    call = waits(desk)
    desk.press("2", now=103.0)
    assert not call.record.wants_callback
    desk.press("1", now=106.0)
    desk.press("1", now=107.0)
    assert desk.journal.kinds(call.id).count("callback_wanted") == 1
    assert said(desk) == ("notice_callback",)
    assert call in desk.dispatcher.queue, "and waits on, who likes"
    hangs_up(desk, call, 109.0)
    assert (call.record.outcome, call.record.wants_callback) == (Outcome.INFORMATION, True)
    plain = waits(desk, "c2", key="2")
    desk.press("1", "c2", now=102.0)
    assert not plain.record.wants_callback, "where nothing was said of it, a key means nothing"


def test_who_was_informed_is_called_back_only_who_asked_for_it() -> None:
    desk = a_line()
    content, asks, lost = waits(desk), waits(desk, "c2"), waits(desk, "c3")
    desk.press("1", "c2", now=106.0)
    hangs_up(desk, lost, 103.0)
    hangs_up(desk, content, 112.0)
    hangs_up(desk, asks, 112.0)
    owed = {one.item.call_id: one.item.reason for one in desk.router.callbacks.open()}
    assert owed == {asks.id: "asked", lost.id: "lost_queue"}


def test_it_is_heard_once_and_a_new_one_by_those_who_wait_as_well() -> None:
    desk = a_line()
    call = waits(desk)
    words_end(desk, call, 115.0)
    count = len(desk.switch.all("say"))
    desk.dispatcher.announcements.waiting(call, 120.0)
    assert len(desk.switch.all("say")) == count
    desk.dispatcher.announcements.notices.set(a_notice("n3"), 130.0)
    assert said(desk)[1] == "notices/n3_id"
    assert [one.id for one in desk.dispatcher.announcements.notices] == ["n3"], "in place of n1"


def test_it_ends_by_itself_or_when_it_is_cleared() -> None:
    desk = a_line(a_notice(ends=120.0))
    notices = desk.dispatcher.announcements.notices
    waits(desk)
    desk.timers.fire(120.0)
    assert list(notices) == [] and NOTICE + "n1" not in desk.journal.facts
    count = len(desk.switch.all("say"))
    waits(desk, "c2", now=121.0)
    assert said(desk) == ("menu", "jv/choose_jv", "en/choose_en"), count
    for name, category in (("fire", "fire"), ("n9", "fire"), ("all", None)):
        notices.set(a_notice("n9", category), 130.0)
        assert [one.id for one in notices.clear(name)] == ["n9"]
    with pytest.raises(NoSuchNotice, match="There is no notice 'fire'"):
        notices.clear("fire")


def test_only_so_many_hear_it_at_a_time_and_the_others_in_their_order() -> None:
    desk = a_line(limits=Limits(most_music=1, most_channels=99, most_cps=99))
    calls = [waits(desk, f"c{index}") for index in range(LEAST_NOTICES + 3)]
    listening = [one.notice for one in calls]
    assert listening == ["n1"] * LEAST_NOTICES + [None] * 3
    hangs_up(desk, calls[LEAST_NOTICES], 103.0)
    words_end(desk, calls[0], 115.0)
    assert [one.notice for one in calls[-3:]] == [None, "n1", None]
    hangs_up(desk, calls[1], 116.0)
    assert calls[-1].notice == "n1"


def test_whose_end_is_lost_makes_room_for_others() -> None:
    desk = a_line()
    call = waits(desk)
    desk.timers.fire(100.0 + FIRE_S + 20.0)
    assert (call.notice, heard(desk, call)) == (None, [(10_000, True, True)])


def test_who_is_taken_up_by_an_operator_meanwhile_hears_it_no_more_and_makes_room() -> None:
    desk = a_line(operators=1, limits=Limits(most_music=1, most_channels=99, most_cps=99))
    call = waits(desk)
    others = [waits(desk, f"c{index}") for index in range(2, LEAST_NOTICES + 2)]
    assert others[-1].notice is None
    leg = call.leg or ""
    desk.restore_calls(
        *(a_leg(one.channel) for one in (call, *others)),
        a_leg(leg, citizen=False),
        bridges={"b1": ["c1", leg]},
        now=102.0,
    )
    assert (call.stage, call.notice) == (Stage.TALKING, None)
    desk.timers.fire(103.0)
    assert others[-1].notice == "n1"
    before = desk.journal.kinds(call.id)
    desk.timers.fire(200.0)
    assert desk.journal.kinds(call.id) == before


def test_the_next_engine_knows_the_notices_and_who_hears_one() -> None:
    desk = a_line(a_notice(), a_notice("gone", "police", ends=150.0))
    call = waits(desk)
    after = desk.next_engine(now=200.0)
    after.journal.facts[NOTICE + "broken"] = {"id": 3}
    notices = after.dispatcher.announcements.notices
    notices.remember(dict(after.journal.facts), 200.0)
    assert [one.id for one in notices] == ["n1"]
    assert {key for key in after.journal.facts if key.startswith(NOTICE)} == {NOTICE + "n1"}
    after.restore_calls(a_leg(), now=200.0)
    resumed = after.router.calls["c1"]
    assert resumed.notice == "n1"
    words_end(after, resumed, 201.0)
    assert heard(after, resumed) == [(10_000, True, True)]
    assert call.notices == resumed.notices == ("n1",)


def test_the_next_engine_lets_those_hear_it_whose_turn_had_not_come() -> None:
    desk = a_line(limits=Limits(most_music=1, most_channels=99, most_cps=99))
    calls = [waits(desk, f"c{index}") for index in range(LEAST_NOTICES + 2)]
    after = desk.next_engine(now=101.0)
    after.dispatcher.announcements.notices.remember(dict(after.journal.facts), 101.0)
    after.restore_calls(*(a_leg(one.channel) for one in calls), now=101.0)
    resumed = [after.router.calls[one.channel] for one in calls]
    assert [one.notices for one in calls[-2:]] == [(), ()]
    assert [one.notice for one in resumed] == ["n1"] * len(calls)


@OFTEN
@given(st.lists(st.sampled_from(["call", "end", "hang up", "1", "set", "clear", "tick"])))
def test_whatever_happens_nobody_is_stuck_and_records_are_their_events(steps: list[str]) -> None:
    desk, calls, now = a_line(limits=Limits(most_channels=99, most_cps=99)), [], 100.0
    notices = desk.dispatcher.announcements.notices
    for number, one in enumerate(steps):
        now += 1.0
        living = [call for call in calls if call.stage is not Stage.ENDED]
        match one:
            case "call":
                calls.append(waits(desk, f"c{number}", now=now))
            case "end" if living:
                words_end(desk, living[0], now)
            case "hang up" if living:
                hangs_up(desk, living[-1], now)
            case "1" if living:
                desk.press("1", living[0].channel, now)
            case "set":
                notices.set(a_notice(f"n{number}", ends=now + 20.0), now)
            case "clear" if list(notices):
                notices.clear("fire")
            case "tick":
                desk.timers.fire(now)
    for call in calls:
        if call.stage is not Stage.ENDED:
            hangs_up(desk, call, now + 1)
        assert call.record == fold(call.id, desk.journal.events[call.id])
        assert call.notice is None
    assert not notices._hearing
