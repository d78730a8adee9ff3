"""Calling a citizen back: only the one of the operator's last call, and as a part of its record."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from factories import LineDesk, a_channel, a_leg
from structlog.testing import capture_logs

from acd.calls.record import fold
from acd.numbers.outbound import Barred, Outbound
from acd.operators.states import State
from acd.transfers.directory import Directory
from ngalam112.engine.ari_switch import Connected
from ngalam112.engine.clock import SteadyClock
from ngalam112.engine.event_router import Whereabouts
from ngalam112.recovery.reconnect import Reconnect
from pbx.ari_types import ChannelDestroyed, StasisEnd, StasisStart

NUMBER = "081234567890"


def after_a_talk(number: str = NUMBER, **rules: Any) -> LineDesk:
    desk = LineDesk(**rules)
    desk.dispatcher.transfers.directory = Directory(carrier=True)
    call = desk.citizen("c1", number=number)
    desk.press("2")
    leg = call.leg or ""
    desk.handle(StasisStart(["operator"], a_channel(leg)))
    desk.handle(Connected(call.bridge or ""))
    desk.handle(ChannelDestroyed(a_channel(leg), 16), StasisEnd(a_channel("c1")), now=150.0)
    return desk


def dial_back(desk: LineDesk, now: float = 160.0) -> str:
    desk.handle(StasisStart(["code", "101", "*16"], a_channel("p1")), now=now)
    return desk.switch.last("ring").to


def test_the_citizen_of_the_last_call_is_rung_through_the_carrier_from_the_lines_number() -> None:
    desk = after_a_talk()
    dial_back(desk)
    phone, display, originator = desk.switch.last("ring").more
    assert (phone, display, originator) == (f"tel:{NUMBER}", ("112", "112"), "p1")
    assert desk.operator().state is State.CALLING


def test_what_is_said_then_is_a_call_with_a_record_of_its_own() -> None:
    desk = after_a_talk(wrap_up_s=0.0)
    leg = dial_back(desk)
    desk.handle(StasisStart(["operator"], a_channel(leg)), now=165.0)
    call = desk.router.calls[leg]
    assert desk.switch.last("connect").more == (leg, "p1")
    desk.handle(Connected(call.bridge or ""), now=165.5)
    assert desk.operator().state is State.TALKING
    desk.handle(StasisEnd(a_channel(leg)), now=175.0)
    desk.handle(Whereabouts(leg, False), now=175.0)
    assert desk.switch.last("hang_up").to == "p1"
    first, back = sorted(desk.journal.records.values(), key=lambda one: one.arrived_at)
    assert (back.callback_of, back.outcome, back.operator) == (first.call_id, "callback", "1001")
    assert (back.talk_ms, back.category, back.category_source) == (9_500, "police", "callback")
    assert (first.outcome, len(first.legs)) == ("answered", 1)
    assert fold(back.call_id, desk.journal.events[back.call_id]) == back
    (item,) = desk.journal.tables["work_items"].values()
    assert (item["reason"], item["outcome"], item["talk"]) == ("operator", "reached", back.call_id)


def test_calling_back_ends_the_wrap_up() -> None:
    desk = after_a_talk(wrap_up_s=60.0)
    dial_back(desk)
    assert desk.operator().state is State.CALLING


def test_who_is_called_by_an_operators_wish_and_does_not_answer_is_not_tried_again() -> None:
    desk = after_a_talk(wrap_up_s=0.0, ring_timeout_s=12.0)
    leg = dial_back(desk)
    desk.timers.fire(160.0 + 44.9)
    assert leg not in desk.switch.told("hang_up"), "a mobile takes longer than a phone here"
    desk.timers.fire(160.0 + 45.0)
    assert desk.switch.last("hang_up").to == leg
    assert desk.switch.playing()[1] == "transfer_failed"
    assert desk.journal.only().outcome == "answered"
    (item,) = desk.journal.tables["work_items"].values()
    assert (item["outcome"], item["attempts"], item["note"]) == ("given_up", 1, "no_answer")
    assert desk.operator().state is State.IDLE


@pytest.mark.parametrize(
    ("before", "prompt"),
    [
        ("nobody logged in", "operator_not_logged_in"),
        ("no talk yet", "callback_nobody"),
        ("no carrier", "callback_no_carrier"),
    ],
)
def test_what_cannot_be_is_said_in_words(before: str, prompt: str) -> None:
    desk = LineDesk() if before == "no talk yet" else after_a_talk()
    desk.dispatcher.transfers.directory = Directory(carrier=True)
    rung = len(desk.switch.all("ring"))
    if before == "no carrier":
        desk.dispatcher.transfers.directory = Directory()
    if before == "nobody logged in":
        desk.roster.logout("1001", 155.0)
    desk.handle(StasisStart(["code", "101", "*16"], a_channel("p1")), now=160.0)
    assert desk.switch.playing()[1] == prompt
    assert len(desk.switch.all("ring")) == rung


@pytest.mark.parametrize(
    ("number", "prompt"),
    [
        *((nobody, "callback_nobody") for nobody in ("anonymous", "warga110", "0800-TAXI-MLG")),
        *((one, "callback_forbidden") for one in ("*21*0812345678#", "+882112345678", "112")),
    ],
)
def test_a_forged_number_is_not_dialled_and_that_is_said_and_logged(
    number: str, prompt: str
) -> None:
    desk = after_a_talk(number)
    rung = len(desk.switch.all("ring"))
    with capture_logs() as logs:
        desk.handle(StasisStart(["code", "101", "*16"], a_channel("p1")), now=160.0)
    assert desk.switch.playing()[1] == prompt
    assert len(desk.switch.all("ring")) == rung
    assert desk.router.callbacks.open() == []
    assert [one["event"] for one in logs if one["log_level"] == "warning"] == ["callback_refused"]


def test_there_is_a_limit_a_day_which_the_next_engine_knows() -> None:
    desk = after_a_talk(outbound=Outbound(a_day_number=1), wrap_up_s=0.0)
    leg = dial_back(desk)
    desk.handle(ChannelDestroyed(a_channel(leg), 18), now=175.0)
    desk.handle(StasisEnd(a_channel("p1")), now=176.0)
    desk.handle(StasisStart(["code", "101", "*16"], a_channel("p2")), now=200.0)
    assert desk.switch.playing()[1] == "callback_limit"
    after = LineDesk(outbound=Outbound(a_day_number=1))
    engine = SimpleNamespace(
        router=after.router,
        roster=after.roster,
        journal=after.journal,
        dispatcher=after.dispatcher,
        clock=SteadyClock(),
        ban_keeper=SimpleNamespace(remember=lambda facts: None),
        refusals=SimpleNamespace(remember=lambda facts: None),
        warning_feed=SimpleNamespace(remember=lambda facts: None),
    )
    Reconnect(engine, lambda _: None).remember([], desk.journal.facts)  # type: ignore[arg-type]
    again = after.router.operator_calls.called_back
    assert again.over("1001", "+6281234567890", 300.0) is Barred.NUMBER_OFTEN
    assert again.over("1001", "0341366444", 300.0) is None


@pytest.mark.parametrize("answered", [False, True])
def test_a_callback_outlives_its_engine(answered: bool) -> None:
    desk = after_a_talk(wrap_up_s=0.0)
    leg = dial_back(desk)
    if answered:
        desk.handle(StasisStart(["operator"], a_channel(leg)), now=165.0)
        desk.handle(Connected(desk.router.calls[leg].bridge or ""), now=165.5)
    after = desk.next_engine(170.0)
    after.journal.events, after.journal.records = desk.journal.events, desk.journal.records
    bridges = {"b": ["p1", leg]} if answered else {}
    after.restore_calls(
        a_leg("p1", citizen=False),
        a_leg(leg, citizen=False, up=answered),
        bridges=bridges,
        now=170.0,
    )
    assert not {"p1", leg} & set(after.switch.told("hang_up"))
    if not answered:
        after.handle(StasisStart(["operator"], a_channel(leg)), now=172.0)
        after.handle(Connected(after.router.calls[leg].bridge or ""), now=172.5)
    after.handle(StasisEnd(a_channel(leg)), Whereabouts(leg, False), now=180.0)
    assert after.switch.last("hang_up").to == "p1"
    back = max(after.journal.records.values(), key=lambda one: one.arrived_at)
    assert (back.outcome, back.ended_at) == ("callback", 180.0)
    (item,) = after.journal.tables["work_items"].values()
    assert (item["outcome"], item["attempts"]) == ("reached", 1)
