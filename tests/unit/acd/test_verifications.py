"""An incident's caller is rung before anybody is sent: once at a time, and the timeline says so."""

from __future__ import annotations

from typing import Any

import pytest
from factories import LineDesk, a_channel, a_leg
from test_callback_jobs import OTHER, fire, give_up, hang_up, rows

from acd.calls.record import CallRecord
from acd.numbers.outbound import Outbound
from acd.numbers.withheld import Withheld
from acd.operators.operator import Device
from acd.operators.states import State
from acd.transfers.directory import Directory
from acd.work_items.verifications import LOOK_AGAIN_S
from incidents.book import By
from incidents.errors import IncidentRefused
from incidents.incident import Entry, Incident, fold
from ngalam112.engine.ari_switch import Connected
from pbx.ari_types import ChannelDestroyed, StasisEnd, StasisStart

NUMBER = "081234567890"


def a_line(operators: int = 1, **rules: Any) -> LineDesk:
    desk = LineDesk(operators, **({"wrap_up_s": 0.0} | rules))
    desk.dispatcher.transfers.directory = Directory(carrier=True)
    return desk


def talk(desk: LineDesk, channel: str = "c1", at: float = 100.0, number: str = NUMBER) -> str:
    """A citizen talks with who is free; returns the operator's leg."""
    desk.citizen(channel, at, number=number)
    desk.press("2", channel, at)
    leg = desk.switch.last("ring").to
    desk.handle(StasisStart(["operator"], a_channel(leg)), now=at)
    desk.handle(Connected(desk.switch.last("connect").to), now=at)
    return leg


def after_a_talk(operators: int = 1, number: str = NUMBER, **rules: Any) -> LineDesk:
    desk = a_line(operators, **rules)
    leg = talk(desk, number=number)
    hang_up(desk, "c1", 150.0)
    desk.handle(ChannelDestroyed(a_channel(leg), 16), now=150.0)
    return desk


def dial(desk: LineDesk, now: float = 160.0, phone: str = "101") -> str:
    """A phone dials *18, hears what comes of it and hangs up; returns the prompt."""
    desk.handle(StasisStart(["code", phone, "*18"], a_channel("p1")), now=now)
    prompt: str = desk.switch.playing()[1]
    desk.handle(StasisEnd(a_channel("p1")), now=now)
    desk.roster.phones[phone].device = Device.FREE
    fire(desk, now + LOOK_AGAIN_S)
    return prompt


def take(desk: LineDesk, now: float) -> tuple[str, str]:
    """The phone that rings is answered; returns its channel, and the citizen's leg."""
    channel = desk.switch.last("ring").to
    desk.handle(StasisStart(["operator"], a_channel(channel)), now=now)
    return channel, desk.switch.last("ring").to


def incident(desk: LineDesk) -> Incident:
    (one,) = desk.incidents.in_hand.values()
    return one


def timeline(desk: LineDesk) -> list[tuple[str, str, dict[str, Any]]]:
    entries = desk.journal.tables["incident_entries"].values()
    return [(str(one["kind"]), one["by"], one["data"]) for one in entries if "verif" in one["kind"]]


def test_who_is_talked_with_has_confirmed_it_and_the_incident_says_by_whom() -> None:
    desk = after_a_talk()
    assert dial(desk) == "verification_asked"
    phone, display, _ = desk.switch.last("ring").more
    assert phone == "101"
    assert display == (f"VERIFIKASI {incident(desk).number} POLISI {NUMBER}", NUMBER)
    channel, leg = take(desk, 165.0)
    assert desk.switch.last("ring").more[0] == f"tel:{NUMBER}"
    desk.handle(StasisStart(["operator"], a_channel(leg)), now=170.0)
    desk.handle(Connected(desk.router.calls[leg].bridge or ""), now=170.0)
    assert incident(desk).verification is not None
    hang_up(desk, leg, 190.0)
    (item,) = rows(desk)
    assert (item["kind"], item["outcome"], item["closed_by"]) == ("verification", "reached", "1001")
    found = incident(desk)
    assert (found.verified_by, found.verified_at, found.verification) == ("1001", 190.0, None)
    assert len(found.call_ids) == 2, "what was said is a call of the same incident"
    (asked, _, first), (verified, by, last) = timeline(desk)
    assert (asked, verified, by) == ("verification_asked", "verified", "1001")
    assert first["item"] == last["item"] and last["call_id"] == item["talk"]
    rows_of = [Entry(**one) for one in desk.journal.tables["incident_entries"].values()]
    assert fold(found.id, rows_of) == found
    assert channel in desk.switch.told("hang_up")


def test_nothing_of_it_is_a_callback_of_a_lost_call() -> None:
    desk = after_a_talk()
    dial(desk)
    assert desk.router.callbacks.open() == []
    _, leg = take(desk, 165.0)
    desk.handle(StasisStart(["operator"], a_channel(leg)), now=170.0)
    hang_up(desk, leg, 175.0)
    records = list(desk.journal.records.values())
    assert [one.outcome for one in records] == ["answered", "callback"]
    assert [one["kind"] for one in rows(desk)] == ["verification"]


def test_who_does_not_answer_twice_has_confirmed_nothing() -> None:
    desk = after_a_talk()
    dial(desk)
    for at in (165.0, 196.0):
        channel, leg = take(desk, at)
        desk.handle(ChannelDestroyed(a_channel(leg), 19), now=at + 1)
        hang_up(desk, channel, at + 1)
        desk.roster.phones["101"].device = Device.FREE
        fire(desk, at + 31.0)
    assert timeline(desk)[-1][0] == "not_verified"
    assert timeline(desk)[-1][2]["reason"] == "no_answer"
    found = incident(desk)
    assert (found.verification, found.verified_at) == (None, None)
    (item,) = rows(desk)
    assert (item["outcome"], item["attempts"]) == ("given_up", 2)


def test_who_rejects_the_call_is_not_rung_again() -> None:
    desk = after_a_talk()
    dial(desk)
    _, leg = take(desk, 165.0)
    desk.handle(ChannelDestroyed(a_channel(leg), 21), now=166.0)
    assert timeline(desk)[-1][2]["reason"] == "rejected"
    assert desk.router.offers.open == {}


def test_an_incident_has_one_verification_at_a_time() -> None:
    desk = after_a_talk()
    dial(desk)
    assert dial(desk, 161.0) == "verification_open"
    record = next(iter(desk.journal.records.values()))
    with pytest.raises(IncidentRefused, match="being verified already"):
        ask(desk, record)
    assert len(rows(desk)) == 1
    _, leg = take(desk, 165.0)
    desk.handle(ChannelDestroyed(a_channel(leg), 21), now=166.0)
    assert dial(desk, 170.0) == "verification_asked", "when it is over there may be another one"


def ask(
    desk: LineDesk, record: CallRecord, operator: str | None = None, now: float = 200.0
) -> None:
    by = By("supervisor", "api")
    desk.router.incident_verifications.ask(incident(desk), record, operator, by, now)
    fire(desk, now + LOOK_AGAIN_S)


@pytest.mark.parametrize(
    ("before", "prompt"),
    [
        ("nobody", "operator_not_logged_in"),
        ("no talk", "verification_no_incident"),
        ("no carrier", "callback_no_carrier"),
        ("over", "verification_no_incident"),
        ("a number that is not dialled", "callback_forbidden"),
        ("no number", "callback_nobody"),
        ("too many a day", "callback_limit"),
    ],
)
def test_what_cannot_be_is_said_in_words_and_nothing_is_begun(before: str, prompt: str) -> None:
    number = {"a number that is not dialled": "+882112345678", "no number": "anonymous"}
    limits = {"outbound": Outbound(a_day=0)} if before == "too many a day" else {}
    desk = (
        a_line()
        if before == "no talk"
        else after_a_talk(number=number.get(before, NUMBER), **limits)
    )
    if before == "nobody":
        desk.roster.logout("1001", 155.0)
    if before == "no carrier":
        desk.dispatcher.transfers.directory = Directory()
    if before == "over":
        data = {"state": "cancelled", "reason": ""}
        desk.incidents.change(incident(desk), "moved", By("x", "api"), 155.0, data)  # type: ignore[arg-type]
    desk.handle(StasisStart(["code", "101", "*18"], a_channel("p1")), now=160.0)
    assert desk.switch.playing()[1] == prompt
    assert rows(desk) == []
    assert timeline(desk) == [] if before != "no talk" else True


def test_a_withheld_number_is_seen_as_the_city_has_set_it() -> None:
    desk = a_line(withheld=Withheld.MASKED)
    leg = talk(desk)
    desk.router.calls["c1"].record.withheld = True
    hang_up(desk, "c1", 150.0)
    desk.handle(ChannelDestroyed(a_channel(leg), 16), now=150.0)
    dial(desk)
    name, number = desk.switch.last("ring").more[1]
    assert "****" in name and NUMBER not in name and number == "anonim"


def test_who_has_asked_has_it_first_and_the_wrap_up_ends() -> None:
    desk = after_a_talk(operators=2, wrap_up_s=60.0)
    assert desk.operator().state is State.WRAP_UP
    dial(desk)
    assert desk.switch.last("ring").more[0] == "101"
    assert desk.operator().state is State.OFFERED


def test_a_supervisor_does_not_end_the_work_after_a_call_of_somebody_else() -> None:
    desk = after_a_talk(operators=2, wrap_up_s=60.0)
    record = next(iter(desk.journal.records.values()))
    ask(desk, record, "1001", now=160.0)
    assert desk.operator().state is State.WRAP_UP
    for at in range(164, 184, 2):
        fire(desk, float(at))
    assert desk.operator().state is State.WRAP_UP
    assert desk.switch.last("ring").more[0] == "102", "the other one has it meanwhile"


def test_another_one_has_it_when_who_has_asked_stays_busy() -> None:
    desk = after_a_talk(operators=2)
    desk.handle(StasisStart(["code", "101", "*18"], a_channel("p1")), now=160.0)
    fire(desk, 160.0)
    assert not any(one.more[0] == "102" for one in desk.switch.all("ring"))
    for at in range(162, 181, 2):
        fire(desk, float(at))
    assert desk.switch.last("ring").more[0] == "102"


def test_a_citizen_who_is_on_the_line_is_rung_after_that() -> None:
    desk = a_line(2)
    talk(desk)
    record = next(iter(desk.journal.records.values()))
    ask(desk, record, "1002", 130.0)
    rung = len(desk.switch.all("ring"))
    fire(desk, 140.0)
    assert len(desk.switch.all("ring")) == rung
    hang_up(desk, "c1", 150.0)
    fire(desk, 152.5)
    assert desk.switch.last("ring").more[0] == "102"


def test_the_same_citizen_is_not_rung_for_a_callback_meanwhile() -> None:
    desk = after_a_talk(operators=2)
    dial(desk)
    _, leg = take(desk, 165.0)
    give_up(desk, "c2", 166.0, lasts=5.0)
    fire(desk, 180.0)
    (lost,) = desk.router.callbacks.open()
    assert lost.item.state == "waiting"
    desk.handle(StasisStart(["operator"], a_channel(leg)), now=181.0)
    desk.handle(Connected(desk.router.calls[leg].bridge or ""), now=181.0)
    hang_up(desk, leg, 190.0)
    assert [one["outcome"] for one in rows(desk) if one["kind"] == "callback"] == ["discharged"]


def test_who_waits_and_has_another_number_is_served_beside_it() -> None:
    desk = after_a_talk(operators=2)
    dial(desk)
    desk.citizen("c5", 165.0, number=OTHER)
    desk.press("2", "c5", 165.0)
    assert desk.switch.last("ring").more[0] == "102"


@pytest.mark.parametrize("when", ["asked", "offered", "ringing", "talking"])
def test_an_engine_that_dies_changes_nothing(when: str) -> None:
    desk = after_a_talk()
    if when == "asked":
        desk.handle(StasisStart(["code", "101", "*18"], a_channel("p1")), now=160.0)
    else:
        dial(desk)
    channel, leg, legs = desk.switch.last("ring").to, "", []
    if when == "offered":
        legs = [a_leg(channel, citizen=False, up=False)]
    if when in ("ringing", "talking"):
        channel, leg = take(desk, 161.0)
        up = when == "talking"
        legs = [a_leg(channel, citizen=False), a_leg(leg, citizen=False, up=up)]
    if when == "talking":
        desk.handle(StasisStart(["operator"], a_channel(leg)), now=162.0)
        desk.handle(Connected(desk.router.calls[leg].bridge or ""), now=162.0)
    after = desk.next_engine(163.0)
    after.dispatcher.transfers.directory = Directory(carrier=True)
    bridge = desk.router.calls[leg].bridge or "" if when == "talking" else ""
    bridges = {bridge: [channel, leg]} if bridge else {}
    after.restore_calls(*legs, bridges=bridges, now=163.5)
    after.roster.phones["101"].device = Device.FREE if when == "asked" else Device.IN_USE
    (work,) = after.router.offers.open.values()
    assert incident(after).verification == work.id
    fire(after, 164.0)
    if when == "asked":
        assert after.switch.last("ring").more[0] == "101"
        channel = after.switch.last("ring").to
    if when in ("asked", "offered"):
        after.handle(StasisStart(["operator"], a_channel(channel)), now=165.0)
        leg = after.switch.last("ring").to
    assert channel not in after.switch.told("hang_up")
    if when != "talking":
        after.handle(StasisStart(["operator"], a_channel(leg)), now=166.0)
        after.handle(Connected(after.router.calls[leg].bridge or ""), now=166.0)
    hang_up(after, leg, 180.0)
    assert (incident(after).verified_by, incident(after).verification) == ("1001", None)


def test_asterisks_death_is_nobodys_try() -> None:
    desk = after_a_talk()
    dial(desk)
    take(desk, 165.0)
    desk.router.callbacks.asterisk_lost(170.0)
    desk.router.verifications.asterisk_lost(170.0)
    (work,) = desk.router.offers.open.values()
    assert (work.item.state, work.item.attempts) == ("waiting", 0)
