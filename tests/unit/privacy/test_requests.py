"""What citizens may ask for: kinds, deadlines, and one table of states."""

from __future__ import annotations

from typing import Any

import pytest

from privacy.errors import NoTelephoneNumber, NotKnown, NotLegal
from privacy.requests import (
    DUE_S,
    REQUEST_MOVES,
    Request,
    RequestKind,
    RequestState,
    caller_of,
    check_by_hand,
    check_move,
    kind_of,
)


def a_request(**changes: Any) -> Request:
    given: dict[str, Any] = {"kind": RequestKind.ACCESS, "caller": "+62811", "number": "0811"}
    return Request(id=7, **(given | changes))


def test_every_state_has_its_moves_and_an_end_has_none() -> None:
    assert REQUEST_MOVES.keys() == set(RequestState)
    assert {one for one in RequestState if not REQUEST_MOVES[one]} == {
        one for one in RequestState if one.is_over
    }


def test_three_times_24_hours() -> None:
    assert DUE_S == 72 * 3600


def test_a_request_is_overdue_from_its_stored_time_on_until_it_is_closed() -> None:
    request = a_request(due_at=100.0)
    assert not request.is_overdue(100.0) and request.is_overdue(100.1)
    assert not a_request(due_at=100.0, closed_at=300.0).is_overdue(200.0)


def test_what_is_over_stays_so() -> None:
    for state in (RequestState.DONE, RequestState.REFUSED):
        with pytest.raises(NotLegal, match=f"Request 7 is {state} already"):
            check_move(a_request(state=state), RequestState.IN_HAND, "again")


@pytest.mark.parametrize("state", [RequestState.DONE, RequestState.REFUSED])
def test_who_ends_a_request_says_why(state: RequestState) -> None:
    with pytest.raises(NotLegal, match="give --reason"):
        check_move(a_request(), state, " \n")
    check_move(a_request(), state, "printed and handed over")


def test_an_erasure_is_not_done_by_saying_so() -> None:
    erasure = a_request(kind=RequestKind.ERASURE)
    with pytest.raises(NotLegal, match="privacy erase --number 0811 --request 7"):
        check_by_hand(erasure, RequestState.DONE)
    check_by_hand(erasure, RequestState.REFUSED)
    check_by_hand(a_request(), RequestState.DONE)


def test_what_nobody_may_ask_for_is_named_with_what_they_may() -> None:
    with pytest.raises(NotKnown, match=r"'money'; choose one of access, correction, restriction"):
        kind_of("money")


def test_all_spellings_of_a_number_are_one_caller_and_a_word_is_none() -> None:
    assert caller_of("0812-3456-7890", "ID") == caller_of("+6281234567890", "ID")
    with pytest.raises(NoTelephoneNumber, match="'anonymous' is no telephone number"):
        caller_of("anonymous", "ID")
