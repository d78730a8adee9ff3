"""Each lost call makes one callback, which is offered, tried and closed; and nobody else's."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from factories import LineDesk, a_channel, a_leg

from acd.callbacks.by_hand import CallbackRefused
from acd.calls.record import Outcome
from acd.numbers.outbound import Outbound
from acd.operators.states import State
from acd.rules.callbacks import CallbackRules
from acd.rules.rules import Category
from acd.transfers.directory import Directory
from acd.work_items.callbacks import NO_ACK
from acd.work_items.item import Work
from ngalam112.engine.ari_switch import Connected, RingFailed
from pbx.ari_types import Channel, ChannelDestroyed, ChannelHangupRequest, StasisEnd, StasisStart

NUMBER, OTHER = "081234567890", "081298765432"
RULES = CallbackRules()


def a_line(operators: int = 1, **rules: Any) -> LineDesk:
    desk = LineDesk(operators, wrap_up_s=0.0, **rules)
    desk.dispatcher.transfers.directory = Directory(carrier=True)
    return desk


def busy(desk: LineDesk, now: float = 100.0) -> str:
    """The only operator talks; returns the operator's leg."""
    desk.citizen("talks", now, number="0341555001")
    desk.press("2", "talks", now)
    leg = desk.switch.last("ring").to
    desk.handle(StasisStart(["operator"], a_channel(leg)), now=now)
    desk.handle(Connected(desk.switch.last("connect").to), now=now)
    return leg


def hang_up(desk: LineDesk, channel: str, now: float) -> None:
    desk.handle(ChannelHangupRequest(Channel(id=channel)), now=now)
    before = set(desk.switch.told("hang_up"))
    desk.handle(StasisEnd(a_channel(channel)), now=now)
    for leg in set(desk.switch.told("hang_up")) - before - {channel}:
        desk.handle(ChannelDestroyed(Channel(id=leg), 16), now=now)


def give_up(
    desk: LineDesk, channel: str = "c1", at: float = 110.0, lasts: float = 10.0, **about: Any
) -> None:
    """A citizen waits for the police and hangs up."""
    about.setdefault("number", NUMBER)
    call = desk.citizen(channel, at, **about)
    if call.stage == "menu":
        desk.press("2", channel, at + 0.5)
    hang_up(desk, channel, at + lasts)


def only(desk: LineDesk) -> Work:
    (work,) = desk.router.callbacks.open()
    return work


def fire(desk: LineDesk, now: float) -> None:
    desk.timers.fire(now)
    desk.dispatcher.settle(now)


def rows(desk: LineDesk) -> list[dict[str, Any]]:
    return list(desk.journal.tables.get("work_items", {}).values())


def offered(desk: LineDesk, now: float) -> str:
    """The talk ends, so the free operator is offered what waits; returns the phone's channel."""
    hang_up(desk, "talks", now)
    return only(desk).item.channel or ""


def test_who_hangs_up_in_the_queue_is_called_when_an_operator_is_free() -> None:
    desk = a_line()
    busy(desk)
    give_up(desk)
    work = only(desk)
    assert (work.item.reason, work.item.state, work.item.due_at) == ("lost_queue", "waiting", 125.0)
    fire(desk, 125.0)
    assert (work.item.state, desk.operator().state) == ("queued", State.TALKING)
    channel = offered(desk, 130.0)
    assert desk.switch.last("ring").to == channel
    assert desk.switch.last("ring").more[:2] == ("101", (f"CALLBACK POLISI {NUMBER}", NUMBER))
    assert (work.item.state, desk.operator().state) == ("offered", State.OFFERED)
    desk.handle(StasisStart(["operator"], a_channel(channel)), now=133.0)
    citizen = desk.switch.last("ring")
    assert citizen.more == (f"tel:{NUMBER}", ("112", "112"), channel)
    assert (work.item.state, work.item.attempts, desk.operator().state) == (
        "ringing",
        1,
        State.CALLING,
    )
    desk.handle(StasisStart(["operator"], a_channel(citizen.to)), now=140.0)
    desk.handle(Connected(desk.switch.last("connect").to), now=140.0)
    assert desk.switch.told("stop_ringing") == [channel]
    # an operator's phone that is lost brings the citizen to the next operator, as in each talk
    assert desk.operator().state is State.TALKING
    hang_up(desk, citizen.to, 160.0)
    assert [one["outcome"] for one in rows(desk)] == ["reached"]
    assert desk.router.callbacks.open() == []
    assert desk.operator().state is State.IDLE


def test_each_stage_in_which_a_call_can_be_lost_makes_one_job() -> None:
    desk = a_line()
    desk.citizen("menu", 100.0, number="0341555004")
    hang_up(desk, "menu", 104.0)
    give_up(desk, "rings", 110.0, number="0341555002")
    busy(desk, 130.0)
    give_up(desk, "waits", 140.0, number="0341555003")
    desk.dispatcher.finish(desk.router.calls["talks"], "cut_off", None, 150.0)
    reasons = [one.item.reason for one in desk.router.callbacks.open()]
    assert sorted(reasons) == ["cut_off", "lost_menu", "lost_queue", "lost_ringing"]
    assert len(rows(desk)) == 4


def test_three_tries_with_growing_gaps_and_then_it_is_given_up() -> None:
    desk = a_line()
    give_up(desk)
    now, seen = 125.0, []
    for _ in range(RULES.tries):
        fire(desk, now)
        channel = only(desk).item.channel or ""
        desk.handle(StasisStart(["operator"], a_channel(channel)), now=now)
        leg = desk.switch.last("ring").to
        desk.handle(ChannelDestroyed(Channel(id=leg), 19), now=now + 30)
        assert desk.switch.playing()[1] == "transfer_failed"
        hang_up(desk, channel, now + 32)
        if desk.router.callbacks.open():
            due = only(desk).item.due_at or 0.0
            seen.append(due - now - 30)
            now = due
    assert seen == [120.0, 600.0]
    assert [(one["outcome"], one["attempts"]) for one in rows(desk)] == [("given_up", 3)]
    assert desk.timers.next() is None or desk.timers.next() == 0


def test_a_busy_line_is_tried_sooner() -> None:
    desk = a_line()
    give_up(desk)
    fire(desk, 125.0)
    channel = only(desk).item.channel or ""
    desk.handle(StasisStart(["operator"], a_channel(channel)), now=126.0)
    leg = desk.switch.last("ring").to
    desk.handle(ChannelDestroyed(Channel(id=leg), 17), now=127.0)
    assert only(desk).item.due_at == 127.0 + RULES.busy_after_s


def test_an_operator_who_does_not_take_it_has_missed_it_and_it_waits_on() -> None:
    desk = a_line(ring_timeout_s=12.0)
    give_up(desk)
    fire(desk, 125.0)
    channel = only(desk).item.channel or ""
    fire(desk, 137.0)
    assert desk.switch.last("hang_up").to == channel
    desk.handle(ChannelDestroyed(Channel(id=channel), 19), now=137.1)
    assert (only(desk).item.state, only(desk).item.attempts) == ("waiting", 0)
    assert desk.operator().misses == 1
    fire(desk, 147.0)
    assert only(desk).item.state == "offered"


def test_who_dials_again_is_served_in_the_old_place_and_not_called_back() -> None:
    desk = a_line()
    leg = busy(desk)
    give_up(desk)
    first = only(desk).item
    again = desk.citizen("c2", 124.0, number="+6281234567890")
    assert again.record.redial_of == first.call_id
    # through the menu already
    assert (again.stage, again.category, again.record.category_source) == (
        "queued",
        "police",
        "redial",
    )
    assert again.waits_from == 110.0
    fire(desk, 125.0)
    assert (first.state, desk.switch.told("ring")[1:]) == ("waiting", [])
    hang_up(desk, "talks", 130.0)
    leg = desk.switch.last("ring").to
    desk.handle(StasisStart(["operator"], a_channel(leg)), now=131.0)
    desk.handle(Connected(desk.switch.last("connect").to), now=131.0)
    hang_up(desk, "c2", 140.0)
    assert [(one["outcome"], one["note"]) for one in rows(desk)] == [
        ("discharged", f"call {again.id}")
    ]


def test_who_dials_again_and_gives_up_again_is_called_once() -> None:
    desk = a_line()
    busy(desk)
    give_up(desk)
    give_up(desk, "c2", 122.0, lasts=1.0)  # however short the second one is
    assert sorted(str(one["outcome"]) for one in rows(desk)) == ["None", "discharged"]
    assert only(desk).item.waits_since == 110.0
    assert only(desk).item.due_at == 123.0 + RULES.first_after_s


def test_a_misdial_is_counted_and_called_only_if_the_number_dials_again() -> None:
    desk = a_line()
    busy(desk)
    give_up(desk, lasts=1.5)
    assert only(desk).item.due_at == 111.5 + RULES.misdial_again_s
    fire(desk, 111.5 + RULES.misdial_again_s)
    assert [one["outcome"] for one in rows(desk)] == ["misdial"]


def test_who_cannot_be_called_is_listed_and_never_discharged_by_anybody_else() -> None:
    desk = a_line()
    busy(desk)
    give_up(desk, "c1", number="anonymous")
    give_up(desk, "c2", 125.0, number="anonymous")
    fire(desk, 200.0)
    assert [one.item.note for one in desk.router.callbacks.open()] == [
        "it is no telephone number"
    ] * 2
    fire(desk, 135.0 + RULES.give_up_s)
    assert [one["outcome"] for one in rows(desk)] == ["unreachable"] * 2


def test_star_16_takes_the_next_one_and_a_busy_operator_none() -> None:
    desk = a_line()
    busy(desk)
    give_up(desk, "c1")
    give_up(desk, "c2", 123.0, number=OTHER)
    desk.handle(StasisStart(["code", "101", "*16"], a_channel("p1")), now=135.0)
    assert desk.switch.playing()[1] == "transfer_underway"
    desk.roster.pause("1001", "break", 136.0)
    hang_up(desk, "talks", 137.0)
    desk.handle(StasisStart(["code", "101", "*16"], a_channel("p2")), now=138.0)
    assert desk.switch.last("ring").more[0] == f"tel:{NUMBER}"


def test_a_callback_can_be_taken_and_closed_by_hand() -> None:
    desk = a_line()
    busy(desk)
    give_up(desk)
    work, jobs = only(desk), desk.router.callbacks_by_hand
    with pytest.raises(CallbackRefused, match="Operator 1001 is not free"):
        jobs.take(work.id, "1001", 122.0)
    hang_up(desk, "talks", 123.0)
    jobs.take(work.id[:20], "1001", 123.5)
    with pytest.raises(CallbackRefused, match="is with operator 1001"):
        jobs.close(work.id, "supervisor", "drill", 124.0)
    desk.handle(ChannelDestroyed(Channel(id=work.item.channel or ""), 21), now=125.0)
    jobs.close(work.id, "supervisor", "drill", 126.0)
    (row,) = rows(desk)
    assert (row["outcome"], row["closed_by"], row["note"]) == ("by_hand", "supervisor", "drill")
    with pytest.raises(CallbackRefused, match="There is no open callback"):
        jobs.close(work.id, "supervisor", "drill", 127.0)


@pytest.mark.parametrize("when", ["waiting", "due", "queued", "offered", "answers", "rang out"])
def test_an_engine_that_dies_changes_nothing(when: str) -> None:
    desk = a_line()
    leg = busy(desk)
    give_up(desk)
    dies_at = 121.0
    if when in ("queued", "offered", "answers", "rang out"):
        fire(desk, 125.0)
        dies_at = 126.0
    if when in ("offered", "answers", "rang out"):
        offered(desk, 126.0)
    channel = only(desk).item.channel or "none"
    after = desk.next_engine(dies_at)
    after.dispatcher.transfers.directory = Directory(carrier=True)
    legs = (
        [a_leg("talks"), a_leg(leg, citizen=False)] if when in ("waiting", "due", "queued") else []
    )
    bridges = {desk.router.calls["talks"].bridge or "": ["talks", leg]} if legs else {}
    if when in ("offered", "answers"):
        legs.append(a_leg(channel, citizen=False, up=when == "answers"))
    back_at = 140.0 if when == "due" else dies_at + 0.5
    fire(after, back_at)
    after.restore_calls(*legs, bridges=bridges, now=back_at)
    assert channel not in after.switch.told("hang_up")
    work = only(after)
    if when == "answers":
        assert (work.item.state, after.switch.last("ring").more[0]) == ("ringing", f"tel:{NUMBER}")
        return
    if when == "rang out":
        assert work.item.state == "waiting"
        fire(after, back_at + 10.0)
    elif when != "offered":
        fire(after, 141.0)
        assert work.item.state == "queued"
        hang_up(after, "talks", 142.0)
        fire(after, 152.0)  # the wrap-up is over
    assert (work.item.state, work.item.attempts) == ("offered", 0)
    assert after.operator().state is State.OFFERED
    after.handle(StasisStart(["operator"], a_channel(work.item.channel or "")), now=155.0)
    assert (work.item.state, work.item.attempts) == ("ringing", 1)


def rung(desk: LineDesk, now: float = 125.0) -> tuple[str, str]:
    """A lost call's citizen is rung; returns the channels of the operator's phone and of theirs."""
    give_up(desk)
    fire(desk, now)
    channel = only(desk).item.channel or ""
    desk.handle(StasisStart(["operator"], a_channel(channel)), now=now)
    return channel, desk.switch.last("ring").to


@pytest.mark.parametrize("limit", ["a_day_operator", "a_day_number", "a_day"])
def test_a_limit_of_the_day_keeps_a_callback_back_and_no_operator_busy(limit: str) -> None:
    desk = a_line(outbound=Outbound(**{limit: 1}))
    channel, leg = rung(desk)
    desk.handle(ChannelDestroyed(Channel(id=leg), 19), now=130.0)
    hang_up(desk, channel, 131.0)
    fire(desk, 250.0)  # the second try
    if limit == "a_day_operator":
        assert only(desk).item.state == "offered"
        desk.handle(StasisStart(["operator"], a_channel(only(desk).item.channel or "")), now=251.0)
        assert desk.switch.playing()[1] == "callback_limit"
    assert (only(desk).item.state, only(desk).item.attempts) == ("waiting", 1)
    assert 250.0 + 400 < (only(desk).item.due_at or 0.0) < 250.0 + 1400
    assert (desk.operator().state, desk.operator().call) == (State.IDLE, None)


def test_a_citizen_who_answers_between_two_engines_is_connected_by_the_next_one() -> None:
    desk = a_line()
    channel, leg = rung(desk)
    after = desk.next_engine(126.0)
    after.restore_calls(a_leg(channel, citizen=False), a_leg(leg, citizen=False), now=130.0)
    assert not {channel, leg} & set(after.switch.told("hang_up"))
    assert after.switch.last("connect").more == (leg, channel)
    assert only(after).item.state == "talking"


@pytest.mark.parametrize("refuses", [False, True])
def test_a_citizen_who_answered_and_talked_with_nobody_is_called_again(refuses: bool) -> None:
    desk = a_line()
    channel, leg = rung(desk)
    desk.handle(StasisStart(["operator"], a_channel(leg)), now=130.0)
    if refuses:
        desk.handle(Connected(desk.switch.last("connect").to), now=130.0)
        desk.handle(ChannelDestroyed(Channel(id=channel), 16), now=130.2)
        assert desk.router.calls[leg].stage == "queued"
    hang_up(desk, leg, 140.0)
    assert (only(desk).item.state, only(desk).item.due_at) == ("waiting", 145.0)


def test_a_colleagues_call_from_the_same_number_discharges_nobody() -> None:
    desk = a_line()
    leg = busy(desk)  # from 0341555001, the number of a company
    give_up(desk, number="0341555001")
    desk.handle(ChannelHangupRequest(Channel(id=leg)), now=130.0)
    desk.handle(ChannelDestroyed(Channel(id=leg), 16), now=130.0)
    hang_up(desk, "talks", 130.0)
    assert only(desk).item.state == "waiting"


@pytest.mark.parametrize("ends", ["served", "lost"])
def test_who_dials_while_being_rung_is_rung_no_more(ends: str) -> None:
    desk = a_line(2)
    channel, leg = rung(desk)
    item = only(desk).item
    desk.citizen("c2", 127.0, number=NUMBER)
    if ends == "served":
        answering = desk.switch.last("ring").to
        desk.handle(StasisStart(["operator"], a_channel(answering)), now=128.0)
        desk.handle(Connected(desk.switch.last("connect").to), now=128.0)
    hang_up(desk, "c2", 140.0)
    assert leg in desk.switch.told("hang_up")
    assert desk.switch.playing()[1] == "transfer_failed"
    assert rows(desk)[0]["outcome"] == "discharged" and item.outcome == "discharged"
    assert len(desk.router.callbacks.open()) == (ends == "lost")
    desk.handle(ChannelDestroyed(Channel(id=leg), 16), now=140.1)
    hang_up(desk, channel, 141.0)
    assert {one.state for one in desk.roster.operators.values()} <= {State.IDLE, State.OFFERED}


def test_who_holds_the_line_goes_before_who_has_given_up() -> None:
    desk = a_line()
    busy(desk)
    for number in range(5):
        give_up(desk, f"c{number}", 110.0 + number, number=f"03415551{number:02}")
    fire(desk, 130.0)
    desk.citizen("holds", 160.0, number=OTHER)
    desk.press("2", "holds", 161.0)
    assert desk.dispatcher.queue.position(desk.router.calls["holds"]) == 1
    hang_up(desk, "talks", 170.0)
    assert desk.router.calls["holds"].stage == "ringing"


def test_an_end_that_is_told_once_more_owes_nothing_twice() -> None:
    desk = a_line()
    busy(desk)
    give_up(desk)
    record = desk.journal.records[only(desk).item.call_id]
    desk.router.callbacks_by_hand.close(only(desk).id, "supervisor", "reached by radio", 130.0)
    desk.router.callbacks.call_ended(record, 190.0, True)
    assert desk.router.callbacks.open() == []


def test_asterisks_death_is_nobodys_try_and_nobodys_miss() -> None:
    desk = a_line(2)
    rung(desk)
    give_up(desk, "c2", 126.0, number=OTHER)
    fire(desk, 141.0)
    assert sorted(one.item.state for one in desk.router.callbacks.open()) == ["offered", "ringing"]
    desk.restore_calls(now=150.0, lost_at=149.0)
    states = [(one.item.state, one.item.attempts) for one in desk.router.callbacks.open()]
    assert states == [("waiting", 0), ("waiting", 0)]
    both = desk.roster.operators.values()
    assert [(one.state, one.misses) for one in both] == [(State.IDLE, 0)] * 2


def test_who_waited_again_and_gave_up_is_owed_a_call() -> None:
    desk = a_line()
    leg = busy(desk)
    desk.handle(ChannelDestroyed(Channel(id=leg), 44), now=120.0)  # the phone is lost
    assert desk.router.calls["talks"].stage == "queued"
    hang_up(desk, "talks", 190.0)
    assert (only(desk).item.reason, only(desk).item.number) == ("lost_queue", "0341555001")


def test_a_callback_rings_one_phone_whatever_the_strategy() -> None:
    desk = a_line(2, categories={"police": Category("POLISI", strategy="ring-all")})
    busy_legs = desk.citizen("talks", 100.0, number="0341555001")
    desk.press("2", "talks", 100.0)
    hang_up(desk, "talks", 104.0)
    assert busy_legs.stage == "ended"
    fire(desk, 125.0)
    states = sorted(one.state for one in desk.roster.operators.values())
    assert states == [State.IDLE, State.OFFERED]


def test_who_is_on_the_line_by_a_call_that_began_before_the_loss_is_rung_after_it() -> None:
    desk = a_line()
    busy(desk)
    # the connection breaks and they dial again, before the line knows that the first call is lost
    desk.citizen("c1", 110.0, number=NUMBER)
    desk.press("2", "c1", 110.5)
    desk.citizen("c2", 115.0, number=NUMBER)
    desk.press("2", "c2", 115.5)
    hang_up(desk, "c1", 120.0)
    work = only(desk)
    fire(desk, 125.0)
    assert (work.item.state, work.item.history[-1].reason) == ("waiting", "on_the_line")
    hang_up(desk, "c2", 130.0)
    # soon, and not when it would be looked at in any case
    assert (work.item.state, work.item.due_at) == ("waiting", 130.0 + RULES.first_after_s)


def test_whom_the_fallback_has_is_not_rung_and_soon_after_it_has_hung_up() -> None:
    desk = a_line()
    busy(desk)
    give_up(desk)
    work, jobs = only(desk), desk.router.callbacks
    # dialled again while no engine served, and talks in the fallback, written in another form
    jobs.fallback_has({f"+62{NUMBER[1:]}", "anonymous"}, 124.0)
    fire(desk, 125.0)
    assert (work.item.state, work.item.history[-1].reason) == ("waiting", "on_the_line")
    jobs.fallback_has((), 130.0)
    assert (work.item.state, work.item.due_at) == ("waiting", 130.0 + RULES.first_after_s)
    fire(desk, 130.0 + RULES.first_after_s)
    assert work.item.state == "queued"


def test_a_loss_that_becomes_known_after_the_citizen_was_served_is_owed_nothing() -> None:
    desk = a_line()
    leg = busy(desk)  # the citizen, who is served in the second call
    hang_up(desk, "talks", 130.0)
    served = desk.journal.records[next(iter(desk.journal.records))]
    assert (served.outcome, desk.switch.told("hang_up")[-1]) == ("answered", leg)
    # the first one was lost before that; the fallback's record of it is read now
    record = msgspec.structs.replace(
        served,
        call_id="first",
        asterisk_id="a1",
        arrived_at=90.0,
        ended_at=95.0,
        outcome=Outcome.LOST_MENU,
        ended_by="caller",
    )
    jobs = desk.router.callbacks
    jobs.call_ended(record, 140.0, again=False)
    assert only(desk).item.call_id == "first"
    jobs.count_later_calls([served], 140.0)
    assert jobs.open() == []
    assert [one["outcome"] for one in rows(desk)] == ["discharged"]


def test_a_later_call_that_goes_on_or_told_nothing_counts_for_no_loss() -> None:
    desk = a_line()
    busy(desk)
    give_up(desk)
    talks = next(one for one in desk.journal.records.values() if one.ended_at is None)
    told = msgspec.structs.replace(
        talks, caller_number=NUMBER, arrived_at=121.0, ended_at=122.0, outcome=Outcome.INFORMATION
    )
    living = msgspec.structs.replace(told, ended_at=None, outcome=None)
    desk.router.callbacks.count_later_calls([living, told], 130.0)
    assert only(desk).item.state == "waiting"


def test_the_next_engine_rings_nobody_whom_the_fallback_has_meanwhile() -> None:
    desk = a_line()
    busy(desk)
    give_up(desk)
    fire(desk, 125.0)
    assert only(desk).item.state == "queued"
    after = desk.next_engine(140.0)
    after.dispatcher.transfers.directory = Directory(carrier=True)
    after.restore_calls(now=140.0, callers=frozenset({NUMBER}))
    work = only(after)
    assert (work.item.state, work.item.history[-1].reason) == ("waiting", "on_the_line")
    after.router.callbacks.fallback_has((), 150.0)  # its record is read: nobody was reached there
    fire(after, 150.0 + RULES.first_after_s)
    assert work.item.state == "queued"


def test_who_was_with_the_fallback_as_an_engine_died_is_rung_by_the_next_one_soon() -> None:
    desk = a_line()
    busy(desk)
    give_up(desk)
    fire(desk, 125.0)
    desk.router.callbacks.fallback_has({NUMBER}, 126.0)
    assert only(desk).item.history[-1].reason == "on_the_line"
    after = desk.next_engine(140.0)
    after.dispatcher.transfers.directory = Directory(carrier=True)
    after.restore_calls(now=140.0)
    work = only(after)
    fire(after, 140.0 + RULES.first_after_s)
    assert work.item.state == "queued", "nobody tells this engine that the citizen has hung up"


def test_what_is_offered_already_stops_when_the_fallback_turns_out_to_have_the_citizen() -> None:
    desk = a_line(2)
    busy(desk)
    give_up(desk)
    fire(desk, 125.0)
    work, jobs = only(desk), desk.router.callbacks
    assert work.item.state == "offered"
    channel = work.item.channel
    jobs.fallback_has({NUMBER}, 126.0)
    assert desk.switch.told("hang_up")[-1] == channel
    assert (work.item.state, work.item.history[-1].reason) == ("waiting", "on_the_line")
    jobs.fallback_has({NUMBER}, 128.0)
    assert len(work.item.history) == 4, "the same is told every two seconds, and changes nothing"


def test_who_was_reached_is_not_called_for_another_loss_before_that() -> None:
    desk = a_line()
    busy(desk)
    for channel in ("c1", "c2"):  # side by side
        desk.citizen(channel, 110.0, number=NUMBER)
        desk.press("2", channel, 110.5)
    hang_up(desk, "c1", 120.0)
    hang_up(desk, "c2", 121.0)
    hang_up(desk, "talks", 122.0)
    fire(desk, 126.0)
    first = next(one for one in desk.router.callbacks.open() if one.item.state == "offered")
    desk.handle(StasisStart(["operator"], a_channel(first.item.channel or "")), now=127.0)
    citizen = desk.switch.last("ring").to
    desk.handle(StasisStart(["operator"], a_channel(citizen)), now=130.0)
    desk.handle(Connected(desk.switch.last("connect").to), now=130.0)
    hang_up(desk, citizen, 150.0)
    assert sorted(str(one["outcome"]) for one in rows(desk)) == ["discharged", "reached"]
    assert desk.router.callbacks.open() == []


def test_a_telephone_that_could_not_be_rung_was_not_tried() -> None:
    desk = a_line()
    give_up(desk)
    fire(desk, 125.0)
    channel = only(desk).item.channel or ""
    desk.handle(StasisStart(["operator"], a_channel(channel)), now=125.0)
    # Asterisk has refused, for the operator had hung up already
    desk.handle(RingFailed(desk.switch.last("ring").to), now=125.1)
    item = only(desk).item
    assert (item.state, item.attempts, item.history[-1].reason) == ("waiting", 0, "not_rung")
    assert item.due_at == 125.1 + RULES.busy_after_s


def test_who_has_dialled_while_no_engine_watched_is_not_rung_by_the_next_one() -> None:
    desk = a_line()
    give_up(desk)
    fire(desk, 125.0)
    channel = only(desk).item.channel or ""
    after = desk.next_engine(126.0)
    after.dispatcher.transfers.directory = Directory(carrier=True)
    after.restore_calls(a_leg("c2", caller_number=NUMBER), a_leg(channel, citizen=False), now=130.0)
    work = only(after)
    assert f"tel:{NUMBER}" not in [did.more[0] for did in after.switch.all("ring")]
    assert (work.item.state, work.item.attempts) == ("waiting", 0)
    assert after.operator().state in (State.IDLE, State.OFFERED)


def unheard(desk: LineDesk, channel: str, at: float, number: str = NUMBER) -> None:
    """A call ends because nobody has acknowledged its answer."""
    call = desk.citizen(channel, at, number=number)
    desk.dispatcher.finish(call, NO_ACK, 16, at + 4.0)
    desk.handle(StasisEnd(a_channel(channel)), now=at + 4.0)


def test_a_call_that_was_never_acknowledged_is_called_back_but_a_flood_of_them_is_not() -> None:
    desk = a_line(0)
    for n in range(50):
        unheard(desk, f"c{n}", 100.0 + n, f"08123456{n:04}")
    works = desk.router.callbacks.open()
    assert len(works) == 50, "each loss has one, and is on the list"
    rung = [one for one in works if not one.item.misdial]
    assert [one.item.due_at for one in rung] == [109.0 + n for n in range(RULES.no_ack_most)]
    fire(desk, 100.0 + 60 + RULES.misdial_again_s)
    ends = {one["outcome"] for one in rows(desk) if one["misdial"]}
    assert ends == {"misdial"}, "nobody is rung for a number that anybody may have forged"


def test_a_flood_of_calls_that_nobody_acknowledges_leaves_a_bounded_list() -> None:
    desk = a_line(0)
    for n in range(60):
        unheard(desk, f"c{n}", 100.0 + n, "081234567890")
    assert len(desk.router.callbacks.open()) == 20, "of one number"
    for n in range(1100):
        unheard(desk, f"d{n}", 200.0 + n, f"0813345{n:05}")
    assert len(desk.router.callbacks.open()) <= 1000 + RULES.no_ack_most


def test_a_call_that_was_never_acknowledged_takes_nobodys_callback_away() -> None:
    desk = a_line(0)
    give_up(desk, "c1")
    owed = only(desk)
    unheard(desk, "c2", 130.0)
    kept, forged = desk.router.callbacks.open()
    assert kept is owed and owed.item.outcome is None
    assert forged.item.misdial
    give_up(desk, "c3", 140.0)
    (last,) = desk.router.callbacks.open()
    assert last.item.call_id not in (kept.item.call_id, forged.item.call_id), "a real one does"
