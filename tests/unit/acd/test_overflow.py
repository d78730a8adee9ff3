"""Nobody on duty: the steps of the plan, in time, again and again; and the first answer wins."""

from __future__ import annotations

from factories import Desk, an_agency

from acd.calls.states import Stage
from acd.operators.states import State
from acd.rules.rules import OverflowStep, Rules

PLAN = (
    OverflowStep(after_s=5.0, to="anybody"),
    OverflowStep(after_s=10.0, to="all_phones"),
    OverflowStep(after_s=20.0, to="113"),
)


def a_desk(operators: int = 2) -> Desk:
    """All operators paused, so nobody is on duty."""
    desk = Desk(operators, overflow=PLAN, overflow_again_s=30.0, ring_timeout_s=4.0)
    desk.dispatcher.transfers.directory.agencies.know([an_agency("113", voice="sip:a@b:1")])
    for number in desk.roster.operators:
        desk.roster.pause(number, None, 90.0)
    return desk


def rung(desk: Desk) -> list[str]:
    return [did.more[0] for did in desk.switch.all("ring")]


def fire_until(desk: Desk, until: float) -> None:
    """Let time go by, deadline by deadline; what was hung up is gone a moment later."""
    done = 0
    while (due := desk.timers.next()) is not None and due <= until:
        desk.timers.fire(due)
        gone = desk.switch.all("hang_up")[done:]
        done += len(gone)
        for did in gone:
            desk.dispatcher.leg_gone(did.to, 19, due)


def test_each_step_comes_in_its_time_and_the_plan_begins_again() -> None:
    desk = a_desk()
    call = desk.queued(now=100.0)
    fire_until(desk, 109.9)
    assert (rung(desk), call.aged) == ([], True)
    fire_until(desk, 110.0)
    assert (rung(desk), call.stage) == (["101", "102"], Stage.RINGING)
    fire_until(desk, 119.9)
    assert call.stage is Stage.QUEUED, "they rang in vain"
    fire_until(desk, 120.0)
    assert rung(desk)[2:] == ["sip:a@b:1"]
    fire_until(desk, 160.0)
    assert rung(desk)[3:5] == ["101", "102"], "30 s after the last step the first, and so on"
    steps = [one.data["to"] for one in desk.journal.events[call.id] if one.kind == "overflow"]
    assert steps[:5] == ["anybody", "all_phones", "113", "anybody", "all_phones"]


def test_a_step_to_an_agency_that_is_not_there_is_passed_over_and_a_new_one_is_rung() -> None:
    desk = a_desk()
    agencies = desk.dispatcher.transfers.directory.agencies
    agencies.know([])
    call = desk.queued(now=100.0)
    fire_until(desk, 125.0)
    assert (rung(desk), call.stage) == (["101", "102"], Stage.QUEUED)
    agencies.know([an_agency("64", id="113", voice="sip:new@b")])
    fire_until(desk, 170.0)
    assert rung(desk)[-1] == "sip:new@b"


def test_the_first_phone_that_answers_has_the_citizen_and_its_operator_is_in_the_record() -> None:
    desk = a_desk()
    call = desk.queued(now=100.0)
    fire_until(desk, 110.0)
    first, second = call.legs
    desk.dispatcher.leg_answered(second, 111.0)
    assert (first, (26,)) in [(did.to, did.more) for did in desk.switch.all("hang_up")]
    desk.dispatcher.connected(call.bridge or "", 111.0)
    assert (call.stage, call.record.operator) == (Stage.TALKING, "1002")
    assert desk.operator("1002").state is State.TALKING


def test_an_operator_who_becomes_ready_gets_the_call_while_phones_ring_for_it() -> None:
    desk = a_desk(3)
    desk.roster.logout("1003", 95.0)
    desk.phone("103").device = desk.phone("103").device.UNREACHABLE
    call = desk.queued(now=100.0)
    fire_until(desk, 110.0)
    assert rung(desk) == ["101", "102"]
    desk.phone("103").device = desk.phone("103").device.FREE
    desk.roster.login("1003", "103", 111.0)
    desk.dispatcher.settle(111.0)
    assert rung(desk)[2:] == ["103"]
    assert call.stage is Stage.RINGING


def test_while_somebody_is_on_duty_the_plan_waits() -> None:
    desk = a_desk()
    desk.roster.ready("1001", 99.0)
    talking = desk.queued("c1", now=100.0)
    leg = talking.leg or ""
    desk.dispatcher.leg_answered(leg, 100.0)
    desk.dispatcher.connected(talking.bridge or "", 100.0)
    waiting = desk.queued("c2", now=101.0)
    fire_until(desk, 115.0)
    assert (rung(desk), waiting.stage) == (["101"], Stage.QUEUED)
    desk.roster.pause("1001", None, 115.0)
    fire_until(desk, 140.0)
    assert "102" in rung(desk)


def test_the_address_of_a_call_is_shown_by_phones_of_the_line_and_by_nobody_outside() -> None:
    desk = Desk(2, overflow=PLAN, desk_url="https://desk.example/{call_id}", ring_timeout_s=4.0)
    desk.dispatcher.transfers.directory.agencies.know([an_agency("113", voice="sip:a@b:1")])
    for number in desk.roster.operators:
        desk.roster.pause(number, None, 90.0)
    call = desk.queued(now=100.0)
    fire_until(desk, 120.0)
    told = {did.more[0]: desk.switch.addresses.get(did.to) for did in desk.switch.all("ring")}
    address = f"https://desk.example/{call.id}"
    assert told == {"101": address, "102": address, "sip:a@b:1": None}


def test_without_an_address_set_none_is_made() -> None:
    desk = Desk()
    desk.queued(now=100.0)
    assert desk.switch.all("ring") and desk.switch.addresses == {}


def test_a_calls_id_cannot_lead_an_address_elsewhere() -> None:
    rules = Rules(desk_url="https://desk.example/{call_id}?from=phone")
    found = rules.desk_address("../a?b>#")
    assert found == "https://desk.example/..%2Fa%3Fb%3E%23?from=phone"
