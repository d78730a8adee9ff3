"""A dispatch: an agency is told of an incident, and followed until it has accepted. Pure.

One row an agency and incident, with a delivery for each way by which the agency is told. What
happens at a time by itself (the next attempt, the end of the agreed time) stands in the row.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Any

import msgspec

from acd.agencies.agency import Agency
from acd.calls.states import check, moves
from acd.transfers.directory import Directory

DISPATCHES = "dispatches"
"""The table of its rows."""


class DispatchState(StrEnum):
    """How far an agency's part in an incident has come."""

    SENDING = "sending"  # nothing has reached the agency yet
    SENT = "sent"  # something has; nobody has accepted yet
    OVERDUE = "overdue"  # nobody has in the agreed time, or it declined: others are told
    RELIEVED = "relieved"  # another one of its chain has accepted in its place
    ACKNOWLEDGED = "acknowledged"
    DECLINED = "declined"
    DONE = "done"  # it had accepted, and the incident is resolved
    CANCELLED = "cancelled"  # the incident is over, or its part in it is


_LATER = (DispatchState.ACKNOWLEDGED, DispatchState.DECLINED, DispatchState.CANCELLED)
DISPATCH_MOVES = moves(
    {
        # one that is closed can be relieved by the next of its chain, which was told with it
        DispatchState.SENDING: (
            DispatchState.SENT,
            DispatchState.OVERDUE,
            DispatchState.RELIEVED,
            *_LATER,
        ),
        DispatchState.SENT: (DispatchState.OVERDUE, DispatchState.RELIEVED, *_LATER),
        DispatchState.OVERDUE: (DispatchState.RELIEVED, *_LATER),
        # who has declined with nobody left to be told is the supervisor's
        DispatchState.DECLINED: (DispatchState.OVERDUE, DispatchState.RELIEVED),
        DispatchState.RELIEVED: (DispatchState.ACKNOWLEDGED,),
        DispatchState.ACKNOWLEDGED: (
            DispatchState.DECLINED,
            DispatchState.DONE,
            DispatchState.CANCELLED,
        ),
        DispatchState.DONE: (),
        DispatchState.CANCELLED: (),
    }
)


class Channel(StrEnum):
    """How an agency is told."""

    WEBHOOK = "webhook"
    MAIL = "mail"
    VOICE = "voice"  # the line rings it and reads the incident out
    OPERATOR = "operator"  # by a person: what the line cannot dial, an operator tells in some way


class DeliveryState(StrEnum):
    """Whether one message has arrived."""

    WAITING = "waiting"  # for its next attempt
    DELIVERED = "delivered"
    FAILED = "failed"  # and is not tried again: on the list of what has not reached an agency
    CANCELLED = "cancelled"  # the agency has accepted meanwhile, and need not be rung


class Delivery(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One message by one way. `try_at`: when it is tried next. `receipt`: what the receiver said.

    `held`: the first attempt waits for the agency's opening hours (`incidents.held`).
    `reason`, `detail`: why the last attempt has failed. A report that was heard by telephone has
    `delivered_at`, and may still be waiting: to be rung again, for nobody has accepted it.
    """

    channel: Channel
    address: str
    state: DeliveryState = DeliveryState.WAITING
    attempts: int = 0
    try_at: float | None = None
    held: bool = False
    delivered_at: float | None = None
    receipt: str = ""
    reason: str = ""
    detail: str = ""


class Dispatch(msgspec.Struct, kw_only=True):
    """The row of `dispatches`; the fields are the columns. Times are seconds since the epoch.

    `agency`: its id. `origin`: the agency in whose place this one was told. `step`: how many of the
    agency's chain were told since. `due_at`: when nobody has accepted in time, and later when
    nobody has reported in time (`late_report`). `settled_at`: from then on nothing happens to it by
    itself. `changes`: counts the changes of the row.
    """

    id: str
    incident_id: str
    agency: str
    state: DispatchState = DispatchState.SENDING
    deliveries: list[Delivery] = []
    origin: str | None = None
    step: int = 0
    created_at: float = 0.0
    created_by: str = ""
    due_at: float | None = None
    acknowledged_at: float | None = None
    acknowledged_by: str | None = None
    late_report: bool = False
    settled_at: float | None = None
    note: str = ""
    changes: int = 0

    def move(self, state: DispatchState) -> None:
        """Go on to another state; raises IllegalMove, and changes nothing, if it is not legal."""
        check(DISPATCH_MOVES, self.state, state)
        self.state = state

    def row(self) -> dict[str, Any]:
        """The dispatch as the columns of `dispatches`.

        The column `arrived_at` has no field: it says of the deliveries what lists ask for.
        """
        row = msgspec.structs.asdict(self)
        row["deliveries"] = [msgspec.to_builtins(one) for one in self.deliveries]
        row["arrived_at"] = self.arrived_at
        return row

    @property
    def arrived_at(self) -> float | None:
        """When the first message has reached the agency; None if nothing has."""
        arrived = (one.delivered_at for one in self.deliveries if one.delivered_at is not None)
        return min(arrived, default=None)

    @property
    def has_arrived(self) -> bool:
        """Whether anything has reached the agency."""
        return self.arrived_at is not None

    @property
    def is_hopeless(self) -> bool:
        """Whether nothing has reached the agency, and nothing is tried any more."""
        return all(one.state is DeliveryState.FAILED for one in self.deliveries)


def deliveries_of(agency: Agency, directory: Directory, now: float) -> list[Delivery]:
    """The ways by which an agency is told, all at once; by a person only if the line has none.

    It is rung beside the other ways too: a report that nobody looks at helps nobody.
    """
    rung = directory.addresses(agency, now)
    ways = (
        (Channel.WEBHOOK, agency.webhook),
        (Channel.MAIL, agency.mail),
        (Channel.VOICE, rung[0].removeprefix("tel:") if rung else ""),
    )
    found = [
        Delivery(channel=channel, address=address, try_at=now)
        for channel, address in ways
        if address
    ]
    return found or [by_person(agency.voice or agency.fallback)]


def to_ring(
    address: str, attempts: int, agency: Agency | None, directory: Directory, now: float
) -> str | None:
    """What the line rings for a delivery by voice, as the switch knows it; None: nothing it can.

    `address`: the delivery's. `attempts`: how many there were; an agency's two addresses take
    turns, as its hours are at this moment. A contact of a chain has one.
    """
    if agency is not None and address in (agency.voice, agency.fallback):
        found = directory.addresses(agency, now)
        return found[attempts % len(found)] if found else None
    if address.startswith("sip:"):
        return address
    return f"tel:{address}" if directory.carrier else None


def by_person(address: str) -> Delivery:
    """A person has to tell the agency, by `address` if that is known; none has until it accepts."""
    return Delivery(channel=Channel.OPERATOR, address=address)


def next_of_chain(agency: Agency, step: int, carrier: bool, now: float) -> str | Delivery | None:
    """Whom to tell next, `step` of the chain being told: an agency's id, a contact, or nobody.

    `carrier`: whether the line can dial digits.
    """
    rest: Sequence[str] = agency.chain[step:]
    if not rest:
        return None
    contact = rest[0]
    if "@" in contact and not contact.startswith("sip:"):
        return Delivery(channel=Channel.MAIL, address=contact, try_at=now)
    is_sip = contact.startswith("sip:")
    if is_sip or contact.lstrip("+").isdigit():
        if is_sip or carrier:
            return Delivery(channel=Channel.VOICE, address=contact, try_at=now)
        return by_person(contact)
    return contact
