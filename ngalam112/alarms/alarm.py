"""What is kept of an alarm: a row of `alarms`."""

from __future__ import annotations

from typing import Any

import msgspec

ALARMS = "alarms"
"""The table."""


class AlarmError(Exception):
    """Nothing was done about an alarm. Kinds: NoSuchAlarm, AlreadyAcknowledged."""


class NoSuchAlarm(AlarmError):
    """No alarm has that id."""


class AlreadyAcknowledged(AlarmError):
    """Somebody has acknowledged it before."""


class Alarm(msgspec.Struct, kw_only=True):
    """An alarm, from its begin on.

    `kind`, `about`: what it is, and of which phone or host where there may be several; the two
    name it while it is on. `text`: what was said at its begin. `ended_at`: of the first look that
    did not find it any more; None while it is on. `acknowledged_by`: a person's id, or a user's
    name. `changes`: grows with each.
    """

    id: str
    kind: str
    about: str = ""
    text: str
    began_at: float
    ended_at: float | None = None
    acknowledged_at: float | None = None
    acknowledged_by: str | None = None
    changes: int = 0

    @property
    def key(self) -> str:
        """What names it while it is on, as the rules do."""
        return f"{self.kind} {self.about}".rstrip()

    def row(self) -> dict[str, Any]:
        """The columns of its row."""
        return msgspec.structs.asdict(self)
