"""Operators (people) and phones (SIP accounts): two things, joined while an operator is logged in.

Two axes: *status* is chosen by a person (logged out, ready, paused), *state* is computed from the
calls (idle, offered, talking, wrap-up). Whether the phone can be reached comes from Asterisk.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from acd.operators.states import State

# the reason of a pause that the engine itself has begun
MISSED = "missed"


class Status(StrEnum):
    """What the operator has chosen."""

    LOGGED_OUT = "logged_out"
    READY = "ready"
    PAUSED = "paused"


class Device(StrEnum):
    """What Asterisk says of a phone."""

    UNKNOWN = "unknown"  # not heard yet: ringing it is worth a try
    UNREACHABLE = "unreachable"  # not registered, or does not answer OPTIONS
    FREE = "free"
    IN_USE = "in_use"


# AMI's DeviceStateChange, by name (docs.asterisk.org, "Device State")
_DEVICES = {
    "NOT_INUSE": Device.FREE,
    "UNKNOWN": Device.FREE,
    "INUSE": Device.IN_USE,
    "BUSY": Device.IN_USE,
    "RINGING": Device.IN_USE,
    "RINGINUSE": Device.IN_USE,
    "ONHOLD": Device.IN_USE,
    "UNAVAILABLE": Device.UNREACHABLE,
    "INVALID": Device.UNREACHABLE,
}


def device_of(ami_state: str) -> Device:
    """Translate AMI's name of a device state; one that we do not know counts as unreachable."""
    return _DEVICES.get(ami_state.upper(), Device.UNREACHABLE)


@dataclass(slots=True)
class Phone:
    """A SIP account. `device` is the last word of Asterisk, corrected by what we did since."""

    number: str
    password: str
    contact: str | None = None
    device: Device = Device.UNKNOWN
    died_at: float = 0.0  # in a talk; not rung until it is seen again, or for `DIED_S`
    registered_at: float = 0.0  # last; 0: not since this engine began


@dataclass(slots=True)
class Operator:
    """A person who answers. Times are seconds since the epoch on the engine's clock.

    `not_before`: no offer before this time (after a reject, say). `wrap_up_until`: when the work
    after the last call is over; arithmetic on stored times, so a restart does not change it.
    `extensions`: how often it was made longer.
    `skills`: a category or `lang:xx` -> level 1 (some) to 9 (best); who has none takes everything.
    `weight`: the chance among others where a strategy draws lots.
    `state_since`: by this engine; of what an earlier one began it is when that was taken up.
    `text`: the text conversation that the operator has, beside the calls and apart from `state`.
    Only `acd.operators.changes` writes status, pause_reason, phone, state, call and text.
    """

    id: str
    name: str
    pin_hash: str = ""
    home_phone: str | None = None
    status: Status = Status.LOGGED_OUT
    pause_reason: str | None = None
    phone: str | None = None
    status_since: float = 0.0
    idle_since: float = 0.0
    calls_taken: int = 0
    state: State = State.IDLE
    state_since: float = 0.0
    call: str | None = None
    not_before: float = 0.0
    wrap_up_until: float = 0.0
    extensions: int = 0
    misses: int = 0
    talk_s: float = 0.0
    offered_at: float = 0.0
    skills: dict[str, int] = field(default_factory=dict)
    weight: int = 1
    text: str | None = None

    def row(self) -> dict[str, Any]:
        """What is kept over a restart: the row of `operators`."""
        return {
            "id": self.id,
            "name": self.name,
            "pin_hash": self.pin_hash,
            "home_phone": self.home_phone,
            "status": self.status.value,
            "pause_reason": self.pause_reason,
            "phone": self.phone,
            "status_since": self.status_since,
            "idle_since": self.idle_since,
            "calls_taken": self.calls_taken,
            "talk_s": self.talk_s,
            "skills": self.skills,
            "weight": self.weight,
            "misses": self.misses,
            "offered_at": self.offered_at or None,
            "wrap_up_until": self.wrap_up_until or None,
        }


def operator_of(row: Mapping[str, Any]) -> Operator:
    """Return the operator of a row of `operators`; undoes `Operator.row`.

    Raises KeyError, TypeError or ValueError for a row that is none.
    """
    values = dict(row)
    return Operator(
        **values
        | {
            "status": Status(values["status"]),
            "skills": {str(name): int(level) for name, level in values["skills"].items()},
            "offered_at": values["offered_at"] or 0.0,
            "wrap_up_until": values["wrap_up_until"] or 0.0,
        }
    )


# looked at for every operator at every offer, and found faster than a member of its class
_IDLE, _READY, _CAN_RING = State.IDLE, Status.READY, (Device.FREE, Device.UNKNOWN)


def available(operator: Operator, phones: Mapping[str, Phone], now: float) -> bool:
    """An operator can be offered a call: ready, idle, rested, at a phone that can be rung."""
    if operator.state is not _IDLE or operator.status is not _READY:
        return False
    if operator.not_before > now or operator.phone is None:
        return False
    phone = phones.get(operator.phone)
    return phone is not None and phone.device in _CAN_RING
