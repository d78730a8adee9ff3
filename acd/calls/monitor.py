"""A monitor: a supervisor's phone that hears an operator's talk, and by its mode is heard."""

from __future__ import annotations

from typing import Any

import msgspec

from acd.calls.checkpoint import of_kind
from acd.switch import MonitorMode

MONITOR = "monitor:"
"""The key of a kept monitor is this and the channel of the supervisor's phone."""


MODE_OF_KEY = {"4": MonitorMode.LISTEN, "5": MonitorMode.WHISPER, "6": MonitorMode.BARGE}
"""What a key of the supervisor's phone does; those of Asterisk's own ChanSpy."""


class Monitor(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What is under way; kept for the next engine as it is.

    `channel`: of the supervisor's phone. `leg`, `call_id`: the talk of the operator's that is
    heard. `by`, `reason`: who has asked for it, and why. `rings_until`: seconds since the epoch.
    `snoop`: the channel that Asterisk hears the leg through, from when it is asked for; `bridge`:
    where that and the phone meet, from when it is there. `noted`: the snoop channel whose use the
    trail of who has listened has.
    """

    channel: str
    phone: str
    operator: str
    leg: str
    call_id: str
    mode: MonitorMode
    by: str
    reason: str
    rings_until: float
    snoop: str = ""
    bridge: str = ""
    noted: str = ""


class MonitorRefused(ValueError):
    """A talk cannot be heard, or no more; the message says why."""


class NoSuchMonitor(MonitorRefused):
    """No phone with that number hears a talk."""


def monitors_of(facts: dict[str, Any]) -> list[Monitor]:
    """Return the monitors that an earlier engine has kept; what makes no sense is left out."""
    return list(of_kind(facts, MONITOR, Monitor).values())
