"""The API of monitors: supervisors who listen to an operator's talk, whisper, or barge in.

Each use is written to the access trail with who and why, in `note`, when the phone hears the talk.
"""

from __future__ import annotations

from typing import Annotated

import msgspec

from acd.calls.ids import new_id
from acd.calls.journal import Journal
from acd.calls.monitor import Monitor
from acd.switch import MonitorMode
from incidents.data_files import plain
from ngalam112.api.bodies import BadBody
from ngalam112.api.queries import Answer
from ngalam112.engine.engine import Engine
from privacy.trail import TABLE, Look, Looked

SUPERVISOR = "supervisor"
LONGEST_REASON = 200


class BeginMonitor(msgspec.Struct, forbid_unknown_fields=True):
    """`phone`: which is rung. `reason`: for the access trail, with `by`, who wants to hear."""

    operator: str
    phone: str
    reason: Annotated[str, msgspec.Meta(min_length=1, max_length=LONGEST_REASON)]
    mode: MonitorMode = MonitorMode.LISTEN
    by: Annotated[str, msgspec.Meta(min_length=1, max_length=64)] = SUPERVISOR


class MonitorRoutes:
    """The handlers; they raise what `ngalam112.api.refusals` knows how to refuse."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def list(self) -> Answer:
        """Who listens to whom now, or is being rung for it."""
        return {"monitors": [_row(one) for one in self._engine.router.monitors.all()]}

    async def begin(self, body: BeginMonitor) -> Answer:
        """Ring a phone that is to hear an operator's talk; one that does changes its mode."""
        monitors = self._engine.router.monitors
        for what, said in (("reason", body.reason), ("by", body.by)):
            if not plain(said, LONGEST_REASON):
                raise BadBody(f"{what} has to be one line of plain text; say why, and for whom.")
        monitor = await self._engine.do(
            lambda now: monitors.begin(
                body.operator, body.phone, body.mode, body.by, body.reason, now
            )
        )
        return _row(monitor)

    async def end(self, phone: str) -> Answer:
        """Hang up on a phone that hears a talk."""
        return _row(await self._engine.do(lambda now: self._engine.router.monitors.end(phone, now)))


def _row(monitor: Monitor) -> Answer:
    return {
        "phone": monitor.phone,
        "operator": monitor.operator,
        "call": monitor.call_id,
        "mode": monitor.mode.value,
        "hears": monitor.bridge != "",
        "by": monitor.by,
        "reason": monitor.reason,
    }


def note(journal: Journal, monitor: Monitor, now: float) -> None:
    """Write to the access trail that a supervisor hears a talk from now on, in this mode."""
    look = Look(
        id=new_id(now),
        at=now,
        who=monitor.by[:64],
        source="line",
        kind=Looked.CALL,
        target=monitor.call_id,
        command=f"monitor {monitor.mode} {monitor.operator}"[:64],
        reason=monitor.reason,
    )
    journal.row(TABLE, msgspec.to_builtins(look))
