"""What a supervisor does with a citizen who waits: first of all, or to another category."""

from __future__ import annotations

from acd.calls.call import Call
from acd.calls.record import EventKind
from acd.calls.states import Stage
from acd.dispatcher import Dispatcher


class NotWaiting(Exception):
    """The call does not wait, so nothing was done; the message says so in a sentence."""


def put_first(dispatcher: Dispatcher, call: Call, by: str, now: float) -> None:
    """Serve a call before all others, by anybody; noted once, and kept for the next engine.

    Among several it is still by arrival. Raises NotWaiting.
    """
    _check(call, Stage.QUEUED, Stage.RINGING)
    if not call.aged:
        dispatcher.queue.age(call)
        call.note(EventKind.PUT_FIRST, now, by=by)


def move(dispatcher: Dispatcher, call: Call, category: str, by: str, now: float) -> None:
    """Let a call wait for the operators of another category, since when it has waited already.

    Raises NotWaiting, also while a phone rings for it.
    """
    _check(call, Stage.QUEUED)
    if call.record.category != category:
        call.note(EventKind.MOVED, now, category=category, by=by)
        dispatcher.wait(call, now)


def _check(call: Call, *stages: Stage) -> None:
    if call.hung_up_by is None and call.stage in stages:
        return
    said = (
        "an operator's phone rings for it"
        if call.stage is Stage.RINGING
        else "it is over or served"
    )
    raise NotWaiting(f"Call {call.id} does not wait in the queue: {said}.")
