"""Where an incident is, what class it is of, and the legal moves: one table."""

from __future__ import annotations

from enum import StrEnum

from acd.calls.states import moves


class IncidentState(StrEnum):
    """Where an incident is."""

    OPENED = "opened"
    DISPATCHED = "dispatched"  # an agency has been told
    ACKNOWLEDGED = "acknowledged"  # an agency has accepted it
    ON_SCENE = "on_scene"
    RESOLVED = "resolved"  # nothing more is to be done there
    CLOSED = "closed"  # ... and whoever wanted to know has been told
    CANCELLED = "cancelled"  # nothing was to be done
    REOPENED = "reopened"

    @property
    def is_over(self) -> bool:
        """Whether nobody has to do anything more, unless it is reopened."""
        return self in (IncidentState.CLOSED, IncidentState.CANCELLED)


_FROM_HERE = (
    IncidentState.DISPATCHED,
    IncidentState.ACKNOWLEDGED,
    IncidentState.ON_SCENE,
    IncidentState.RESOLVED,
    IncidentState.CLOSED,
    IncidentState.CANCELLED,
)

INCIDENT_MOVES = moves(
    {
        # closed at once: what was asked has been answered on the telephone
        IncidentState.OPENED: _FROM_HERE,
        # an agency is at work: that has to be resolved, or called off, before it can be closed
        IncidentState.DISPATCHED: (
            IncidentState.ACKNOWLEDGED,
            IncidentState.ON_SCENE,
            IncidentState.RESOLVED,
            IncidentState.CANCELLED,
        ),
        IncidentState.ACKNOWLEDGED: (
            IncidentState.ON_SCENE,
            IncidentState.RESOLVED,
            IncidentState.CANCELLED,
        ),
        IncidentState.ON_SCENE: (IncidentState.RESOLVED, IncidentState.CANCELLED),
        IncidentState.RESOLVED: (IncidentState.CLOSED, IncidentState.REOPENED),
        IncidentState.CLOSED: (IncidentState.REOPENED,),
        IncidentState.CANCELLED: (IncidentState.REOPENED,),
        IncidentState.REOPENED: _FROM_HERE,
    }
)


class IncidentClass(StrEnum):
    """What kind of thing an incident is: the classes by which the national report counts."""

    EMERGENCY = "emergency"
    INFORMATION = "information"
    COMPLAINT = "complaint"
    PRANK = "prank"
    GHOST = "ghost"
    TEST = "test"
    UNCODED = "uncoded"  # nobody has said so in time; on the supervisor's list
