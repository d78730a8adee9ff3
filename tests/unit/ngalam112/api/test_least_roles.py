"""Which role each route needs, and who is refused."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec
import pytest
from aiohttp.test_utils import make_mocked_request

from ngalam112.accounts.known_people import Kept, People
from ngalam112.accounts.people import Person, Role, new_person, new_token
from ngalam112.api import askers
from ngalam112.api.askers import (
    MOST_ADDRESSES,
    WRONG_TOKENS,
    Asker,
    Gate,
    NotAllowed,
    NotKnown,
    WrongTokens,
    check_role,
    signed,
)
from ngalam112.api.changes import CloseCallback, DisposeCall
from ngalam112.api.least_roles import LEAST_ROLE
from ngalam112.api.routes import Route
from ngalam112.api.table import ROUTES
from ngalam112.api.texts import AnswerText, TakeText
from privacy.trail import USER_HEADER

NOON = 1_776_056_400.0
BY_NAME = {f"{one.method} {one.path}": one for one in ROUTES}


def a_person(role: Role, id: str = "1001") -> Person:
    return new_person({}, id, "Sari", role, NOON, "damkar" if role is Role.AGENCY else None)


def asking(role: Role, id: str = "1001") -> Asker:
    return Asker(id, "api", a_person(role, id))


def test_every_route_names_its_least_role_or_is_open_to_all() -> None:
    assert [name for name, one in BY_NAME.items() if one.least is None] == ["GET /healthz"]
    assert BY_NAME["GET /healthz"].open_to_all
    assert set(LEAST_ROLE) == set(BY_NAME) - {"GET /healthz"}, "a route that is gone is named"


@pytest.mark.parametrize("route", ROUTES, ids=lambda one: f"{one.method} {one.path}")
def test_who_only_reads_changes_nothing(route: Route) -> None:
    assert route.open_to_all or route.least is not None
    assert route.method == "GET" or route.least is not Role.READ_ONLY


_RANKS = (Role.READ_ONLY, Role.OPERATOR, Role.SUPERVISOR, Role.ADMINISTRATOR)


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("route", ROUTES, ids=lambda one: f"{one.method} {one.path}")
def test_each_role_may_ask_for_what_is_its_own_and_nothing_else(route: Route, role: Role) -> None:
    """The whole table: who is of an agency has the agency's desk alone, and nobody else has it."""
    if route.open_to_all:
        return
    is_desk = route.path.startswith("/api/desk/")
    if role is Role.AGENCY or is_desk:
        may = role is Role.AGENCY and is_desk
    else:
        assert route.least is not None
        may = _RANKS.index(role) >= _RANKS.index(route.least)
    parts = {"id": "somebody else's"}
    if may:
        check_role(asking(role), route, parts)
    else:
        with pytest.raises(NotAllowed):
            check_role(asking(role), route, parts)


def test_who_is_of_an_agency_may_nothing_to_an_operator_of_the_same_number() -> None:
    for name in ("login", "logout", "pause", "ready", "wrap_up", "recording"):
        with pytest.raises(NotAllowed):
            route = BY_NAME[f"POST /api/operators/{{id}}/{name}"]
            check_role(asking(Role.AGENCY, "1001"), route, {"id": "1001"})


def test_a_role_that_is_too_low_is_told_which_is_needed() -> None:
    route = BY_NAME["DELETE /api/operators/{id}"]
    sentence = "This needs the role administrator, and 1001 has the role supervisor."
    with pytest.raises(NotAllowed, match=f"^{sentence}$"):
        check_role(asking(Role.SUPERVISOR), route, {"id": "1001"})
    check_role(asking(Role.ADMINISTRATOR), route, {"id": "1001"})
    check_role(Asker("sari", "cli"), route, {"id": "1001"})  # the line's own token


def test_a_route_without_a_role_is_for_the_line_alone() -> None:
    route = replace(BY_NAME["GET /api/status"], least=None)
    with pytest.raises(NotAllowed, match="line's own processes only"):
        check_role(asking(Role.ADMINISTRATOR), route, {})
    check_role(Asker("api token", "api"), route, {})


def test_operators_act_for_themselves_and_supervisors_for_all() -> None:
    pause = BY_NAME["POST /api/operators/{id}/pause"]
    check_role(asking(Role.OPERATOR), pause, {"id": "1001"})
    check_role(asking(Role.SUPERVISOR), pause, {"id": "1002"})
    for role, id in ((Role.OPERATOR, "1002"), (Role.READ_ONLY, "1001")):
        with pytest.raises(NotAllowed, match="role supervisor"):
            check_role(asking(role), pause, {"id": id})
    with pytest.raises(NotAllowed, match="another operator"):
        signed(asking(Role.OPERATOR), TakeText(operator="1002"))
    for role, one in ((Role.OPERATOR, "1001"), (Role.SUPERVISOR, "1002")):
        assert signed(asking(role), TakeText(operator=one)).operator == one
    unsaid: tuple[msgspec.Struct, ...] = (AnswerText(body="ya"), DisposeCall(disposition="prank"))
    for body in unsaid:
        assert signed(asking(Role.OPERATOR), body) == body


def test_by_is_whose_token_it_is_whatever_was_said() -> None:
    body = CloseCallback(reason="reached", by="1002")
    assert signed(asking(Role.OPERATOR), body).by == "1001"
    assert signed(Asker("sari", "cli"), body).by == "1002"


# --- who asks -------------------------------------------------------------------------------------


class Door:
    """A gate, with one person who has a token."""

    def __init__(self) -> None:
        self.people = people = People(lambda key, value: None)
        self.used: list[float] = []
        sari = a_person(Role.OPERATOR)
        token, self.secret = new_token({sari.id: sari}, {}, sari.id, 90, "", NOON)
        people.know(Kept(people=[sari], tokens=[token]), stored=False)
        self.gate = Gate("the-line", people, lambda token, now: self.used.append(now))

    def ask(self, authorization: str | None, now: float = NOON, **headers: str) -> Asker:
        if authorization is not None:
            headers["Authorization"] = authorization
        return self.gate.asker(make_mocked_request("GET", "/api/status", headers), now)


def test_who_asks_is_the_line_or_a_person_whatever_they_call_themselves() -> None:
    door, user = Door(), {USER_HEADER: "budi"}
    assert door.ask("Bearer the-line") == Asker("api token", "api")
    assert door.ask("Bearer the-line", **user) == Asker("budi", "cli")
    for scheme in ("Bearer", "bearer"):
        one = door.ask(f"{scheme} {door.secret}", **user)
        assert (one.who, one.source, one.person is not None) == ("1001", "cli", True)
    assert door.ask(f"Bearer {door.secret}").source == "api"


def test_nobody_is_known_by_anything_else() -> None:
    door = Door()
    for given in (
        *(None, "", "Bearer", "Bearer ", "Bearer x", f"Basic {door.secret}", door.secret),
        *(f"Bearer  {door.secret}", f"Bearer {door.secret}x", "Basic the-line", "the-line"),
        *("Bearer " + "a" * 7000, "Bearer é", f"Bearer {door.secret},x", "bearer the-line"),
    ):
        with pytest.raises(NotKnown, match="Authorization: Bearer TOKEN"):
            door.ask(given)


def test_a_header_that_is_too_long_is_not_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    door = Door()
    monkeypatch.setattr(People, "whose", lambda *_: pytest.fail("it is"))
    with pytest.raises(NotKnown):
        door.ask("Bearer " + "a" * 129)


def test_why_a_token_does_not_count_any_more_is_told_to_who_has_it() -> None:
    door = Door()
    with pytest.raises(NotKnown, match="has expired; have an administrator"):
        door.ask(f"Bearer {door.secret}", NOON + 91 * 86_400)


def test_a_thousand_wrong_tokens_are_made_to_wait_and_a_right_one_is_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    door, told = Door(), []
    monkeypatch.setattr(askers.log, "error", lambda event, **what: told.append((event, what)))
    waits = []
    for index in range(1000):
        with pytest.raises(NotKnown) as caught:
            door.ask(f"Bearer n112_{index}", NOON + index / 100)
        waits.append(caught.value.waits)
    assert waits == [False] * WRONG_TOKENS + [True] * (1000 - WRONG_TOKENS)
    assert [event for event, _ in told] == ["api_tokens_are_guessed"], "once, without a token"
    assert "n112_" not in repr(told)
    assert door.ask(f"Bearer {door.secret}", NOON + 10).who == "1001"
    with pytest.raises(NotKnown) as caught:
        door.ask("Bearer x", NOON + 61)
    assert not caught.value.waits and door.people.wrong_tokens == 1001


def test_the_memory_of_wrong_tokens_is_bounded() -> None:
    wrong = WrongTokens()
    for index in range(MOST_ADDRESSES + 500):
        assert not wrong.another(f"10.0.{index // 250}.{index % 250}", NOON)
    kept: Any = wrong._by_address
    assert len(kept) == MOST_ADDRESSES


def test_a_use_is_told_once_a_day() -> None:
    door = Door()
    for now in (NOON, NOON + 1, NOON + 86_400):
        door.ask(f"Bearer {door.secret}", now)
    assert door.used == [NOON, NOON + 86_400]
