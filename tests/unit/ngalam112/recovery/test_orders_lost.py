"""What an engine had begun or asked for when it died is brought to an end by the next one."""

from __future__ import annotations

from factories import LineDesk, a_channel, a_leg

from acd.calls.call import Call
from acd.calls.states import Stage
from acd.rules.rules import Announce
from ngalam112.engine.ari_switch import Connected
from pbx.ari_types import ChannelDestroyed, PlaybackFinished, StasisStart
from pbx.ari_types import Playback as Played


def told_while_waiting() -> tuple[LineDesk, str]:
    """A citizen in the queue who is being told the place, and the playback that does it."""
    desk = LineDesk(announce=Announce(mode="position"))
    desk.roster.pause("1001", None, 90.0)
    desk.citizen()
    desk.press("2")
    desk.timers.fire(105.0)
    return desk, desk.switch.last("say").more[0]


def stopped_before_connected(desk: LineDesk, words: str) -> bool:
    orders = [(one.what, one.to) for one in desk.switch.did]
    connect = next(one for one in orders if one[0] == "connect")
    return ("stop", words) in orders[: orders.index(connect)]


def test_words_of_the_dead_engine_are_cut_off_before_who_answers_is_connected() -> None:
    desk, words = told_while_waiting()
    after = desk.next_engine()
    after.restore_calls(a_leg())
    after.dispatcher.roster.ready("1001", 201.0)
    after.dispatcher.settle(201.0)
    leg = after.router.calls["c1"].leg or ""
    after.handle(StasisStart(["operator"], a_channel(leg)), now=202.0)
    assert stopped_before_connected(after, words)


def test_so_they_are_before_an_operator_who_answered_in_the_gap_is_connected() -> None:
    desk, words = told_while_waiting()
    desk.roster.ready("1001", 106.0)
    desk.dispatcher.settle(106.0)
    leg = desk.router.calls["c1"].leg or ""
    after = desk.next_engine()
    after.restore_calls(a_leg(), a_leg(leg, citizen=False, up=True))
    assert stopped_before_connected(after, words)


def test_words_that_have_been_said_are_not_cut_off() -> None:
    desk, words = told_while_waiting()
    after = desk.next_engine()
    after.restore_calls(a_leg())
    after.handle(PlaybackFinished(Played(words, "done")), now=201.0)
    after.handle(ChannelDestroyed(a_channel(), 16), now=202.0)
    assert after.switch.told("stop") == []


def ended_by_the_operator() -> tuple[LineDesk, Call]:
    desk = LineDesk()
    call = desk.citizen()
    desk.press("2")
    leg = call.leg or ""
    desk.handle(StasisStart(["operator"], a_channel(leg)))
    desk.handle(Connected(call.bridge or ""), now=110.0)
    desk.handle(ChannelDestroyed(a_channel(leg), 16), now=120.0)
    assert (call.stage, desk.switch.told("hang_up")) == (Stage.ENDED, ["c1"])
    return desk, call


def test_a_citizen_whose_call_has_ended_is_hung_up_and_served_no_second_time() -> None:
    desk, call = ended_by_the_operator()
    after = desk.next_engine()
    after.restore_calls(a_leg(), now=121.0)
    assert (after.switch.told("hang_up"), after.router.calls) == (["c1"], {})
    assert list(after.journal.facts_of_calls) == [f"call:{call.id}"]
    after.handle(ChannelDestroyed(a_channel(), 16), now=122.0)
    assert after.journal.facts_of_calls == {}


def test_one_who_is_gone_leaves_nothing() -> None:
    desk, _ = ended_by_the_operator()
    after = desk.next_engine()
    after.restore_calls(now=121.0)
    assert (after.switch.told("hang_up"), after.journal.facts_of_calls) == ([], {})


def test_an_end_whose_hang_up_has_arrived_leaves_nothing() -> None:
    desk, _ = ended_by_the_operator()
    desk.handle(ChannelDestroyed(a_channel(), 16), now=120.1)
    assert desk.journal.facts_of_calls == {}
