"""Operators log in, pause, become ready and log out; what cannot be is refused in words."""

from __future__ import annotations

import pytest
from factories import a_phone, an_operator
from fakes import FakeJournal

from acd.operators.operator import Device, Operator, Status, device_of
from acd.operators.roster import NoSuchOperator, NoSuchPhone, NotInWrapUp, NotLoggedIn, Roster
from acd.operators.states import State
from acd.rules.rules import Failure


def a_roster(
    *operators: Operator, phones: int = 3, misses_to_pause: int = 0
) -> tuple[Roster, FakeJournal]:
    journal = FakeJournal()
    roster = Roster(journal, misses_to_pause)
    for one in range(1, phones + 1):
        roster.add_phone(a_phone(f"{100 + one}"))
    for operator in operators:
        roster.add_operator(operator)
    return roster, journal


def away(number: str = "1001", **changes: object) -> Operator:
    """An operator who is not on duty."""
    return an_operator(number, **({"status": Status.LOGGED_OUT, "phone": None} | changes))


def test_logging_in_makes_ready_at_the_phone_and_starts_idling_anew() -> None:
    roster, journal = a_roster(away())
    one = roster.login("1001", "102", 50.0)
    assert (one.status, one.phone, one.idle_since) == (Status.READY, "102", 50.0)
    assert roster.at_phone("102") is one
    assert journal.operator_events == [("1001", 50.0, "login", "102", None)]
    assert journal.rows["1001"]["status"] == "ready"


def test_without_a_phone_named_the_operators_own_is_taken() -> None:
    roster, _ = a_roster(away(home_phone="103"))
    assert roster.login("1001", None, 50.0).phone == "103"


def test_logging_in_again_at_the_same_phone_gains_and_loses_nothing() -> None:
    roster, journal = a_roster(an_operator(idle_since=7.0))
    assert roster.login("1001", "101", 50.0).idle_since == 7.0
    assert journal.operator_events == []


def test_who_sat_at_the_phone_before_is_logged_out() -> None:
    roster, journal = a_roster(an_operator("1001"), away("1002"))
    roster.login("1002", "101", 50.0)
    assert roster.operators["1001"].status is Status.LOGGED_OUT
    assert roster.operators["1001"].phone is None
    assert [(one, kind) for one, _, kind, *_ in journal.operator_events] == [
        ("1001", "logout"),
        ("1002", "login"),
    ]


def test_an_operator_who_moves_to_another_phone_leaves_the_first_one() -> None:
    roster, _ = a_roster(an_operator())
    roster.login("1001", "102", 50.0)
    assert roster.at_phone("101") is None
    assert roster.at_phone("102") is roster.operators["1001"]


def test_logging_out_and_pausing_leave_a_talk_alone() -> None:
    roster, _ = a_roster(an_operator(state=State.TALKING, call="call-c1"))
    roster.pause("1001", "lunch", 50.0)
    roster.logout("1001", 51.0)
    one = roster.operators["1001"]
    assert (one.state, one.call, one.phone) == (State.TALKING, "call-c1", None)


def test_a_pause_keeps_its_reason_until_it_is_over() -> None:
    roster, journal = a_roster(an_operator())
    assert roster.pause("1001", "lunch", 50.0).pause_reason == "lunch"
    assert roster.ready("1001", 60.0).pause_reason is None
    assert journal.rows["1001"]["pause_reason"] is None
    assert roster.operators["1001"].idle_since == 10.0


def test_becoming_ready_ends_wrap_up_early() -> None:
    roster, journal = a_roster(
        an_operator(state=State.WRAP_UP, wrap_up_until=99.0, not_before=70.0)
    )
    one = roster.ready("1001", 60.0)
    assert (one.state, one.idle_since, one.not_before) == (State.IDLE, 60.0, 0.0)
    assert journal.operator_events[0] == ("1001", 60.0, "wrap_up_end", "101", "early")


def test_a_missed_call_puts_last_in_line_and_gives_a_rest() -> None:
    roster, journal = a_roster(an_operator(state=State.OFFERED, call="call-c1"))
    one = roster.operators["1001"]
    roster.missed(one, "rejected", Failure(5.0, counts=True), 60.0)
    assert (one.state, one.call, one.idle_since) == (State.IDLE, None, 60.0)
    assert (one.not_before, one.misses) == (65.0, 1)
    assert journal.operator_events[-1] == ("1001", 60.0, "missed", "101", "rejected")
    assert journal.rows["1001"]["misses"] == 1, "a restart does not forgive it"


def test_other_skills_or_another_weight_are_kept_at_once() -> None:
    roster, journal = a_roster(an_operator(skills={"fire": 1}, weight=3))
    assert roster.set_skills("1001", {"police": 9}, None).skills == {"police": 9}
    assert roster.set_skills("1001", None, 5).weight == 5
    row = journal.rows["1001"]
    assert (row["skills"], row["weight"]) == ({"police": 9}, 5)
    assert journal.operator_events == []


def test_an_offer_that_failed_by_itself_is_nobodys_miss() -> None:
    roster, journal = a_roster(an_operator(state=State.OFFERED))
    roster.missed(roster.operators["1001"], "failed", Failure(0.5), 60.0)
    assert roster.operators["1001"].misses == 0
    assert journal.operator_events == []


@pytest.mark.parametrize(
    ("wish", "error", "words"),
    [
        (lambda roster: roster.login("9", "101", 1.0), NoSuchOperator, "no operator 9"),
        (lambda roster: roster.login("1001", "999", 1.0), NoSuchPhone, "no phone 999"),
        (lambda roster: roster.login("1001", None, 1.0), NoSuchPhone, "no phone of their own"),
        (lambda roster: roster.logout("1001", 1.0), NotLoggedIn, "1001 is not logged in"),
        (lambda roster: roster.pause("1001", None, 1.0), NotLoggedIn, "1001 is not logged in"),
        (lambda roster: roster.ready("1001", 1.0), NotLoggedIn, "1001 is not logged in"),
        (lambda roster: roster.ready("9", 1.0), NoSuchOperator, "no operator 9"),
        (lambda roster: roster.set_skills("9", {}, 1), NoSuchOperator, "no operator 9"),
        (lambda roster: roster.end_wrap_up("1001", 1.0), NotInWrapUp, "1001 is not in wrap-up"),
    ],
)
def test_what_cannot_be_is_refused_in_one_sentence_and_changes_nothing(
    wish: object, error: type[Exception], words: str
) -> None:
    roster, journal = a_roster(away())
    before = repr(roster.operators)
    with pytest.raises(error, match=words):
        wish(roster)  # type: ignore[operator]
    assert repr(roster.operators) == before
    assert journal.operator_events == []


def test_a_phone_is_home_to_an_operator_only_if_to_nobody_else() -> None:
    roster, _ = a_roster(away("1001", home_phone="101"), away("1002", home_phone="102"))
    assert roster.at_home("101") is roster.operators["1001"]
    roster.add_operator(away("1003", home_phone="101"))
    assert roster.at_home("101") is None
    assert roster.at_home("103") is None


def test_knowing_an_operator_or_a_phone_again_changes_only_what_was_told() -> None:
    roster, _ = a_roster(an_operator(state=State.TALKING, calls_taken=3))
    roster.add_operator(away(name="Dewi", pin_hash="x", home_phone="103"))
    one = roster.operators["1001"]
    assert (one.name, one.pin_hash, one.home_phone) == ("Dewi", "x", "103")
    assert (one.status, one.state, one.phone, one.calls_taken) == (
        Status.READY,
        State.TALKING,
        "101",
        3,
    )
    roster.device("101", Device.IN_USE)
    roster.add_phone(a_phone(password="another-password", contact="sip:101@10.0.0.1"))
    assert roster.phones["101"].password == "another-password"
    assert roster.phones["101"].device is Device.IN_USE


def test_only_news_of_a_known_phone_are_news() -> None:
    roster, _ = a_roster()
    assert roster.device("101", Device.IN_USE)
    assert not roster.device("101", Device.IN_USE)
    assert not roster.device("999", Device.FREE)


@pytest.mark.parametrize(
    ("told", "device"),
    [
        ("NOT_INUSE", Device.FREE),
        ("not_inuse", Device.FREE),
        ("RINGING", Device.IN_USE),
        ("ONHOLD", Device.IN_USE),
        ("UNAVAILABLE", Device.UNREACHABLE),
        ("", Device.UNREACHABLE),
        ("SOMETHING NEW", Device.UNREACHABLE),
    ],
)
def test_a_device_state_that_nobody_knows_counts_as_unreachable(told: str, device: Device) -> None:
    assert device_of(told) is device


def missed(roster: Roster, times: int) -> Operator:
    one = roster.operators["1001"]
    for turn in range(times):
        roster.missed(one, "no_answer", Failure(0.5, counts=True), 60.0 + turn)
    return one


def test_who_misses_three_in_a_row_is_paused_and_the_reason_says_so() -> None:
    operators = an_operator("1001"), an_operator("1002", phone="102")
    roster, journal = a_roster(*operators, misses_to_pause=3)
    assert missed(roster, 2).status is Status.READY
    one = missed(roster, 1)
    assert (one.status, one.pause_reason) == (Status.PAUSED, "missed")
    assert journal.operator_events[-1][2:] == ("pause", "101", "missed")
    assert roster.ready("1001", 70.0).misses == 0


@pytest.mark.parametrize("other", ["nobody", "paused", "unreachable"])
def test_the_last_one_who_is_ready_is_never_paused_for_misses(other: str) -> None:
    second = an_operator("1002", phone="102")
    if other == "paused":
        second.status = Status.PAUSED
    operators = [an_operator("1001")] if other == "nobody" else [an_operator("1001"), second]
    roster, _ = a_roster(*operators, misses_to_pause=3)
    if other == "unreachable":
        roster.device("102", Device.UNREACHABLE)
    assert missed(roster, 5).status is Status.READY
