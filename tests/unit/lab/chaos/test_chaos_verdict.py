"""The verdict on a fault: whatever is wrong in what is known is said, and what is right is not."""

from __future__ import annotations

from typing import Any

import pytest

from acd.calls.record import CallEvent, EventKind, fold
from lab.chaos import verdict
from lab.chaos.asterisk import were_up, wrong_ends
from lab.chaos.clock import rung_too_soon, wrong_durations
from lab.chaos.gone import rang_fallback
from lab.chaos.notes import FALLBACK, Note, read_notes, times
from lab.chaos.soak import Holdings, grown
from reports.calls import CallHistory

STAMP = "2026-11-25\t14:25:18.784388\t1795616718.784388"


def note(at: float, what: str, citizen: str = "c1", shown: str = "UMUM", phone: str = "") -> Note:
    return Note(at=at, what=what, citizen=citizen, shown=shown, phone=phone)


def a_call(number: str, *what: tuple[EventKind, float, dict[str, Any]]) -> CallHistory:
    arrived = (EventKind.ARRIVED, what[0][1] if what else 100.0, {"caller_number": number})
    events = [
        CallEvent(call_id=number, seq=seq, at=at, kind=kind, data=data)
        for seq, (kind, at, data) in enumerate([arrived, *what], 1)
    ]
    return CallHistory(record=fold(number, events), events=events)


def queued(at: float) -> tuple[EventKind, float, dict[str, Any]]:
    return EventKind.QUEUED, at, {"category": "police", "position": 1}


def offered(at: float, phone: str = "201") -> tuple[EventKind, float, dict[str, Any]]:
    return EventKind.OFFERED, at, {"operator": "1001", "phone": phone, "leg": f"leg {at}"}


def answered(at: float, phone: str = "201") -> tuple[EventKind, float, dict[str, Any]]:
    return EventKind.ANSWERED, at, {"operator": "1001", "phone": phone, "leg": f"leg {at}"}


def ended(at: float, by: str = "operator") -> tuple[EventKind, float, dict[str, Any]]:
    return EventKind.ENDED, at, {"ended_by": by, "hangup_cause": 16}


def a_row(**changes: Any) -> verdict.Row:
    values: dict[str, Any] = {"calls_up": 1, "lost": 0, "back_s": 1.0, "records_missing": 0}
    return verdict.Row(**({"fault": "f", "held": False, **values} | changes))


SERVED = [note(10, "rings"), note(11, "talks", phone="201"), note(20, "over", phone="201")]
CALLER = [note(6, "dialled"), note(6.1, "answered"), note(20.01, "over")]


def test_notes_of_citizens_and_phones_are_read_and_a_line_that_is_cut_is_not() -> None:
    call = '"POLISI 0801" <sip:0801@127.0.0.1>;tag=a at  <sip:201@127.0.0.1>'
    text = f"{STAMP} dialled 0801\n{STAMP} rings  {call}\n2026-11-25\t14:25:18\t179"
    citizen, phone = read_notes(text)
    assert (citizen.what, citizen.citizen, citizen.at) == ("dialled", "0801", 1795616718.784388)
    assert (phone.what, phone.citizen, phone.shown) == ("rings", "0801", "POLISI 0801")
    assert phone.phone == "201"
    assert times([note(3, "rings"), note(2, "rings")], "rings") == {"c1": 2}


def test_only_a_broken_time_bound_may_be_the_machines() -> None:
    assert a_row(wrong=["it was late"], late=["it was late"]).only_late
    assert not a_row(wrong=["c1 was lost", "it was late"], late=["it was late"]).only_late
    assert not a_row(held=True).only_late


def test_who_was_served_is_not_lost() -> None:
    assert verdict.lost(CALLER, SERVED) == []


@pytest.mark.parametrize(
    ("citizens", "phones"),
    [
        (CALLER[:2], []),  # nobody ever rang
        (CALLER, SERVED[:1]),  # it rang, and the line hung up
        (CALLER, SERVED[:2]),  # the talk was cut
        (CALLER[:2], SERVED),  # the operator is gone, and the citizen still hears nothing
        ([*CALLER[:2], note(15, "over")], SERVED),  # the citizen was gone before the operator
    ],
)
def test_who_was_not_served_to_the_end_is_lost(citizens: list[Note], phones: list[Note]) -> None:
    assert len(verdict.lost(citizens, phones)) == 1


def test_a_talk_without_an_end_is_cut_and_an_answer_that_led_to_none_is_counted() -> None:
    talk = a_call("c1", queued(9), offered(10), answered(11), ended(20))
    vain = note(12, "talks", "c2", phone="202")
    assert verdict.cut_talks([*SERVED, vain], [talk]) == ([], 1)
    assert verdict.cut_talks([*SERVED[:2], vain], [talk]) == (["the talk of c1 at 201 was cut"], 1)


def test_who_waits_is_offered_in_the_order_of_arrival() -> None:
    first = a_call("c1", queued(10), offered(51))
    second = a_call("c2", queued(20), offered(52))
    assert verdict.out_of_turn([first, second], 50.0) == []


def test_who_came_later_and_is_offered_sooner_is_out_of_turn() -> None:
    first = a_call("c1", queued(10), offered(60))
    second = a_call("c2", queued(20), offered(52))
    asked = (EventKind.MENU_DONE, 55.0, {"category": "fire", "category_source": "menu"})
    new = a_call("c3", asked, queued(55), offered(56))
    assert len(verdict.out_of_turn([first, second, new], 50.0)) == 2


def test_who_was_being_offered_has_had_their_turn() -> None:
    first = a_call("c1", queued(10), offered(60))
    rang = a_call("c2", queued(20), offered(49), offered(52))
    talks = a_call("c3", queued(21), offered(30), answered(31))
    assert verdict.out_of_turn([first, rang, talks], 50.0) == []


def test_a_citizen_whom_nobody_had_stored_goes_first() -> None:
    first = a_call("c1", queued(10), offered(60))
    unasked = (EventKind.MENU_DONE, 51.0, {"category": "general", "category_source": "none"})
    stray = a_call("c2", (EventKind.TROUBLE, 49.0, {"what": "x"}), unasked, queued(51), offered(51))
    assert verdict.out_of_turn([first, stray], 50.0) == []
    chosen = (EventKind.MENU_DONE, 51.0, {"category": "general", "category_source": "menu"})
    other = a_call("c2", (EventKind.TROUBLE, 49.0, {"what": "x"}), chosen, queued(51), offered(51))
    assert len(verdict.out_of_turn([first, other], 50.0)) == 1


def test_who_is_silent_has_a_head_start() -> None:
    first = a_call("c1", queued(10), offered(60))
    about = {"category": "general", "category_source": "silence"}
    spoke = a_call("c2", (EventKind.MENU_DONE, 51.0, about), queued(51), offered(52))
    silent = a_call(
        "c2", (EventKind.MENU_DONE, 51.0, about | {"silent": True}), queued(51), offered(52)
    )
    assert len(verdict.out_of_turn([first, spoke], 50.0)) == 1
    assert verdict.out_of_turn([first, silent], 50.0) == []


def test_service_is_back_with_a_phone_that_rings_or_an_answer_that_is_connected() -> None:
    call = a_call("c1", queued(10), offered(51))
    ring = note(51.2, "rings", phone="201")
    assert verdict.back_s([call], [ring], 50.0) == pytest.approx(1.2)
    joined = a_call("c2", queued(10), offered(40), answered(50.5))
    assert verdict.back_s([call, joined], [ring], 50.0) == pytest.approx(0.5)


def test_what_was_done_before_the_fault_or_by_the_fallback_is_no_service() -> None:
    before = a_call("c1", queued(10), offered(49.9), answered(49.99))
    late_ring = note(50.1, "rings", phone="201")
    by_fallback = note(51, "rings", "c2", FALLBACK, "201")
    waiting = a_call("c2", queued(10))
    assert verdict.back_s([before, waiting], [late_ring, by_fallback], 50.0) is None


def steady(since: float, until: float) -> list[float]:
    return [since + step * 0.02 for step in range(round((until - since) / 0.02) + 1)]


def test_a_silence_at_either_edge_counts() -> None:
    assert verdict.longest_gap(steady(0, 100), 10, 20) == pytest.approx(0.02, abs=0.01)
    assert verdict.longest_gap(steady(0, 12) + steady(19, 40), 10, 20) == pytest.approx(7)
    assert verdict.longest_gap(steady(0, 5), 10, 20) is None


def test_citizens_may_not_wait_longer_during_a_fault() -> None:
    citizens = [note(at, "dialled", f"c{at}") for at in (1, 2, 11, 12)]
    citizens += [note(at + 0.01, "answered", f"c{at}") for at in (1, 2, 11, 12)]
    phones = [note(at + 1, "rings", f"c{at}") for at in (1, 2)]
    phones += [note(at + 1.3, "rings", f"c{at}") for at in (11, 12)]
    before = verdict.delays(citizens, phones, 0, 10)
    during = verdict.delays(citizens, phones, 10, 20)
    assert before == (pytest.approx(0.01), pytest.approx(1.0))
    assert verdict.later(before, before, 0.1) == []
    assert verdict.later(before, during, 0.1) == ["the ringing came 300 ms later than before"]
    assert verdict.later(before, None, 0.1) == []


def test_who_was_cut_off_has_a_true_end_and_is_to_be_called_back() -> None:
    cut = were_up([*CALLER[:2], note(3, "dialled", "c2"), note(60, "answered", "c2")], 50.0)
    assert cut == {"c1"}
    true = a_call("c1", queued(10), ended(50.4, "cut_off"))
    assert wrong_ends([true], cut, {"c1": "cut_off"}, 50.0) == ([], [], [])
    late = a_call("c1", queued(10), ended(55, "cut_off"))
    other = a_call("c1", queued(10), ended(50, "caller"))
    found = wrong_ends([late], cut, {"c1": "cut_off"}, 50.0)
    assert found == ([], [], ["the call of c1 ended +5.0 s from the truth"])
    found = wrong_ends([other], cut, {"c1": "cut_off"}, 50.0)
    assert found == ([], ["the call of c1 was ended by caller, says its record"], [])
    assert len(wrong_ends([true], cut, {}, 50.0)[0]) == 1
    assert len(wrong_ends([true], cut, {"c1": "missed"}, 50.0)[0]) == 1


def test_only_the_fallback_counts_where_no_engine_is() -> None:
    phones = [note(52, "rings"), note(57, "rings", shown=FALLBACK), note(40, "rings", "c2")]
    assert rang_fallback(phones, ["c1", "c2"], 50.0) == {"c1": 7, "c2": None}


def test_a_soak_must_give_back_all_that_it_took() -> None:
    start = Holdings(channels=0, bridges=0, tasks=16, files=25)
    level = [1000] * 300
    assert grown(start, Holdings(channels=0, bridges=0, tasks=16, files=24), level) == []
    for name in ("channels", "bridges", "tasks", "files"):
        more = {**dict.fromkeys(("channels", "bridges"), 0), "tasks": 16, "files": 25}
        more[name] += 1
        assert len(grown(start, Holdings(**more), level)) == 1
    opened = Holdings(channels=0, bridges=0, tasks=16, files=26, open=["socket"])
    assert grown(start, opened, level) == ["files: 26, and 25 before; more of: socket"]
    assert grown(start, start, [1000] * 200 + [1060] * 100)
    assert grown(start, start, [1000] * 200 + [1040] * 100) == []
    assert grown(start, start, [])


def test_durations_of_records_are_those_that_people_saw() -> None:
    right = a_call("c1", queued(6), offered(10), answered(11), ended(20))
    assert wrong_durations([right], CALLER, SERVED) == []
    stepped = a_call("c1", queued(6), offered(10), answered(11), ended(3620))
    assert wrong_durations([stepped], CALLER, SERVED) == [
        "the talk of c1 is 3609.0 s, and was 9.0 s"
    ]
    waited = a_call("c1", queued(6), offered(3610), answered(3611), ended(3620))
    assert len(wrong_durations([waited], CALLER, SERVED)) == 1


def test_no_phone_rings_before_the_wrap_up_is_over() -> None:
    over = note(20, "over", phone="201")
    assert rung_too_soon([over, note(25.1, "rings", phone="201")], 5.0) == []
    assert rung_too_soon([over, note(21, "rings", phone="201")], 5.0)
    assert rung_too_soon([over, note(21, "rings", shown=FALLBACK, phone="201")], 5.0) == []
