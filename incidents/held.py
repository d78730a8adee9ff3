"""Which messages to an agency wait for its opening hours, and until when. Pure.

Whoever complains or asks can wait for the morning; for all else every way is tried at any hour.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from zlib import crc32
from zoneinfo import ZoneInfo

from acd.agencies.agency import Agency
from acd.agencies.hours import next_opening
from incidents.dispatch import Delivery, DeliveryState, Dispatch
from incidents.incident import USUAL_PRIORITY, Incident
from incidents.states import IncidentClass

SPREAD_S = 60
"""What waits for one opening is sent within so many seconds after it, and not in one moment."""

Opens = Callable[[Agency, float], float | None]
"""When an agency opens next, in seconds since the epoch; None while it is open."""


def always_open(agency: Agency, now: float) -> float | None:
    """Return None: for a line that knows no hours (`Opens`)."""


def opens_in(zone: ZoneInfo, is_holiday: Callable[[date], bool]) -> Opens:
    """Return what tells when agencies open: by their hours in a time zone, and by its holidays."""

    def opens(agency: Agency, now: float) -> float | None:
        if not agency.hours and agency.holidays:
            return None
        closed = (lambda day: False) if agency.holidays else is_holiday
        at = next_opening(agency.hours, datetime.fromtimestamp(now, zone), closed)
        return None if at is None else at.timestamp()

    return opens


def may_wait(incident: Incident) -> bool:
    """Whether nobody has to be told of it at night: of what is not coded yet nobody knows."""
    waits = incident.incident_class in (IncidentClass.COMPLAINT, IncidentClass.INFORMATION)
    return waits and incident.priority >= USUAL_PRIORITY


def held_deliveries(one: Dispatch) -> list[Delivery]:
    """The messages that wait for the agency's hours."""
    return [each for each in one.deliveries if each.held and each.state is DeliveryState.WAITING]


def hold(one: Dispatch, deliveries: list[Delivery], opens: float) -> None:
    """Let messages wait until the agency opens."""
    for each in deliveries:
        each.held, each.try_at = True, opens + crc32(one.id.encode()) % SPREAD_S


def release(deliveries: list[Delivery], now: float) -> None:
    """Let messages wait no more."""
    for each in deliveries:
        each.held, each.try_at = False, now
