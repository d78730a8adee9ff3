"""What an agency may do by itself, and does: accept, decline, be on the scene, be done.

By its link, or its people by their tokens.
"""

from __future__ import annotations

from enum import StrEnum

from acd.calls.journal import Journal
from deliveries.links import Action
from incidents.book import By, IncidentBook
from incidents.dispatch import Dispatch, DispatchState
from incidents.dispatches import Dispatches
from incidents.errors import IncidentRefused
from incidents.incident import Incident
from incidents.states import INCIDENT_MOVES, IncidentState

BY_LINK = "link"
"""The source of such entries in the timeline."""

DECLINED_BY_LINK = "declined by the link"


class Standing(StrEnum):
    """How it stands with a dispatch, for the agency."""

    OPEN = "open"
    ACCEPTED = "accepted"
    DECLINED = "declined"
    OVER = "over"


_DONE = (IncidentState.RESOLVED, IncidentState.CLOSED, IncidentState.CANCELLED)
_OVER = (DispatchState.CANCELLED, DispatchState.DONE, DispatchState.RELIEVED)
_MOVES = {Action.ON_SCENE: IncidentState.ON_SCENE, Action.RESOLVE: IncidentState.RESOLVED}


def standing(one: Dispatch, worked_on: Incident) -> Standing:
    """Decide how it stands with a dispatch.

    `worked_on`: its incident, or the one that stands in the place of that.
    """
    if one.state is DispatchState.DECLINED:
        return Standing.DECLINED
    if one.state in _OVER or worked_on.state in _DONE:
        return Standing.OVER
    return Standing.ACCEPTED if one.state is DispatchState.ACKNOWLEDGED else Standing.OPEN


def offered(one: Dispatch, worked_on: Incident) -> tuple[Action, ...]:
    """Decide what the agency may do now; who comes to the scene without a word has accepted."""
    match standing(one, worked_on):
        case Standing.OPEN:
            wanted: tuple[Action, ...] = (Action.ACCEPT, Action.DECLINE, Action.ON_SCENE)
        case Standing.ACCEPTED:
            wanted = (Action.ON_SCENE, Action.RESOLVE)
        case _:
            return ()
    legal = INCIDENT_MOVES[worked_on.state]
    return tuple(action for action in wanted if action not in _MOVES or _MOVES[action] in legal)


class AnswersByLink:
    """Does what agencies want by their links. Called on the writer's turn."""

    def __init__(self, journal: Journal, book: IncidentBook, dispatches: Dispatches) -> None:
        self._journal, self._book, self._dispatches = journal, book, dispatches

    def do(
        self,
        action: Action,
        one: Dispatch,
        incident: Incident,
        worked_on: Incident,
        now: float,
        *,
        by: By | None = None,
        reason: str = DECLINED_BY_LINK,
    ) -> None:
        """Do it, once. All as the database has them; what is in hand counts.

        `by`: a person of the agency; None: whoever has its link. `reason`: why it declines.

        Raises IncidentRefused if that is not offered, or not any more.
        """
        one = self._dispatches.open.get(one.id, one)
        worked_on = self._book.in_hand.get(worked_on.id, worked_on)
        if action not in offered(one, worked_on):
            raise IncidentRefused(f"{worked_on.name}: {action.value} is not possible now.")
        by = by or By(one.agency, BY_LINK)
        if action is Action.DECLINE:
            self._dispatches.decline(one, incident, by, now, reason)
            return
        with self._journal.together():
            if standing(one, worked_on) is Standing.OPEN:
                self._dispatches.acknowledge(one, incident, by, now)
                # one that was not in hand is now, and has gone on
                worked_on = self._book.in_hand.get(worked_on.id, worked_on)
            if action is Action.RESOLVE and self._dispatches.others_at_work(one):
                self._dispatches.done(one, incident, by, now)
            elif action in _MOVES:
                self._book.move(worked_on, _MOVES[action], by, now, "")
