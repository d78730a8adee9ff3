"""What an agency may do by its link: each thing once, and only what makes sense."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_dispatches import BPBD, OPERATOR, Room

from deliveries.links import Action
from incidents.by_link import AnswersByLink, Standing, offered, standing
from incidents.dispatch import Dispatch, DispatchState
from incidents.errors import IncidentRefused
from incidents.incident import TIMELINE, Incident
from incidents.states import INCIDENT_MOVES, IncidentState

ACCEPT, DECLINE, ON_SCENE, RESOLVE = Action
STATES = list(product(DispatchState, IncidentState))


class Page:
    """What somebody with a link sees and presses."""

    def __init__(self) -> None:
        self.room = Room()
        self.book = self.room.desk.incidents
        self.incident = self.room.fire()
        self.one = self.room.tell(self.incident)
        self.answers = AnswersByLink(self.room.desk.journal, self.book, self.room.dispatches)

    def press(self, action: Action, now: float = 130.0) -> None:
        self.answers.do(action, self.one, self.incident, self.worked_on(), now)

    def worked_on(self) -> Incident:
        found = self.book.in_hand.get(self.incident.id, self.incident)
        return self.book.in_hand[found.merged_into] if found.merged_into else found

    def offered(self) -> tuple[Action, ...]:
        return offered(self.room.dispatches.open.get(self.one.id, self.one), self.worked_on())

    def sources(self) -> list[tuple[str, str, str]]:
        rows = self.room.desk.journal.tables[TIMELINE].values()
        found = [(str(row["kind"]), str(row["by"]), str(row["source"])) for row in rows]
        return [one for one in found if one[2] == "link"]


@pytest.fixture
def page() -> Page:
    return Page()


def test_an_agency_accepts_comes_and_is_done(page: Page) -> None:
    assert page.offered() == (ACCEPT, DECLINE, ON_SCENE)
    page.press(ACCEPT)
    assert page.offered() == (ON_SCENE, RESOLVE)
    page.press(ON_SCENE)
    assert page.offered() == (RESOLVE,)
    page.press(RESOLVE)
    assert page.offered() == ()
    assert page.incident.state is IncidentState.RESOLVED
    assert page.room.row(page.one).acknowledged_by == "damkar"
    assert {one[1:] for one in page.sources()} == {("damkar", "link")}
    assert [one[0] for one in page.sources()] == ["acknowledged", "moved", "moved", "moved"]


def test_who_is_done_while_others_are_at_work_ends_its_own_part_alone(page: Page) -> None:
    other = page.room.tell(page.incident, BPBD)
    page.press(ACCEPT)
    page.press(RESOLVE)
    assert page.room.row(page.one).state is DispatchState.DONE
    assert page.incident.state is IncidentState.ACKNOWLEDGED
    assert page.room.row(other).state is DispatchState.SENDING, "it is still needed"
    assert page.room.kinds(page.incident)[-2:] == ["part_done", "dispatch_settled"]


@pytest.mark.parametrize("again", [ACCEPT, DECLINE])
def test_what_was_accepted_is_not_accepted_or_declined_again(page: Page, again: Action) -> None:
    page.press(ACCEPT)
    before = page.incident.version
    with pytest.raises(IncidentRefused):
        page.press(again)
    assert page.incident.version == before


def test_who_comes_without_a_word_has_accepted(page: Page) -> None:
    page.press(ON_SCENE)
    assert page.room.row(page.one).state is DispatchState.ACKNOWLEDGED
    assert page.incident.state is IncidentState.ON_SCENE


def test_who_declines_can_do_nothing_more_and_the_next_one_is_told(page: Page) -> None:
    page.press(DECLINE)
    assert "escalated" in page.room.kinds(page.incident)
    assert standing(page.one, page.worked_on()) is Standing.DECLINED
    with pytest.raises(IncidentRefused):
        page.press(ACCEPT)


def test_with_the_incident_over_the_link_is_too(page: Page) -> None:
    page.book.move(page.incident, IncidentState.CANCELLED, OPERATOR, 120.0, "a mistake")
    with pytest.raises(IncidentRefused):
        page.press(ACCEPT)
    assert page.incident.state is IncidentState.CANCELLED and not page.sources()


def test_what_is_reported_on_a_merged_incident_is_of_the_one_in_its_place(page: Page) -> None:
    other = page.room.fire()
    with pytest.raises(IncidentRefused, match="Agencies are under way"):
        page.book.merge(page.incident, other, OPERATOR, 110.0)
    page.press(ON_SCENE)
    assert page.room.row(page.one).state is DispatchState.ACKNOWLEDGED
    page.book.merge(page.incident, other, OPERATOR, 120.0)
    page.press(RESOLVE)
    assert other.state is IncidentState.RESOLVED and page.offered() == ()


@pytest.mark.parametrize(("sent", "incident"), STATES)
def test_nothing_is_offered_that_would_be_refused(
    sent: DispatchState, incident: IncidentState
) -> None:
    one = Dispatch(id="d", incident_id="i", agency="damkar", state=sent)
    where = Incident(id="i", state=incident)
    found = offered(one, where)
    if incident in (IncidentState.RESOLVED, IncidentState.CLOSED, IncidentState.CANCELLED):
        assert found == ()
    if ON_SCENE in found:
        assert IncidentState.ON_SCENE in INCIDENT_MOVES[incident]
    if RESOLVE in found:
        assert IncidentState.RESOLVED in INCIDENT_MOVES[incident]
        assert sent is DispatchState.ACKNOWLEDGED
    assert (ACCEPT in found) <= (sent.value in ("sending", "sent", "overdue"))


@given(st.lists(st.sampled_from(list(Action)), max_size=8))
def test_any_presses_leave_each_thing_done_at_most_once(presses: list[Action]) -> None:
    page = Page()
    for action in presses:
        allowed = action in page.offered()
        try:
            page.press(action)
        except IncidentRefused:
            assert not allowed
        else:
            assert allowed
    kinds = page.room.kinds(page.incident)
    assert kinds.count("acknowledged") + kinds.count("declined") <= 1
    moves = [
        row["data"]["state"]
        for row in page.room.desk.journal.tables[TIMELINE].values()
        if row["kind"] == "moved"
    ]
    assert len(moves) == len(set(moves))
