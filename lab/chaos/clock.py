"""Somebody sets the machine's clock by an hour while people call: no duration may be wrong.

The engines and the rescuer see the clock that is set; SIPp, whose notes are the truth, does not.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence

import msgspec

from lab.chaos import verdict
from lab.chaos.engine import SERVED_WITHIN_S, STANDBY_WITHIN_S, all_stages
from lab.chaos.notes import FALLBACK, Note, times
from lab.chaos.play import Moment, Stage, a_play, ending, row
from lab.chaos.verdict import Row
from lab.machine.stalls import stalls
from lab.machine.wallclock import WallClock
from lab.storm.report import what_is_kept
from lab.storm.verdict import WRAP_UP_LIMIT_MS, wrap_ups
from reports.calls import CallHistory

HOUR_S = 3600.0
STEPS = (HOUR_S, 0.0, -HOUR_S)  # how far ahead: an hour forward, back again, and back once more
CLOSE_S = 0.5
_EVERY_S = (15, 3)


async def clock_stepped(stage: Stage) -> Row:
    """Set the clock forward and back with calls in all stages."""
    calls = stage.of(50, 14)
    clock = WallClock(stage.base.with_name("clock"))
    faults, up = [], []
    async with a_play(stage, desks=stage.of(12, 6), pairs=2, clock=clock) as play:
        await play.all_come()
        await play.players.crowd(at_once=calls - 2)
        await play.line.stands_by(STANDBY_WITHIN_S)
        for ahead in STEPS:
            up.append(await all_stages(play, round(calls * 0.9)))
            clock.set_ahead(ahead)
            faults.append(Moment.now())
            stage.say(f"the clock is set to {ahead:+.0f} s: {up[-1]}")
            await asyncio.sleep(stage.of(*_EVERY_S))
        ended = await ending(play, SERVED_WITHIN_S, faults)
        # until the last wrap-up is over and written
        await asyncio.sleep(play.line.settings.wrap_up_s + 2.0)
        _, operators = await what_is_kept(play.line.settings)
        ended = msgspec.structs.replace(ended, stalls=stalls(play.since))
        broken = ended.broken(play.endpoints, faults)
        wrap_up_s = play.line.settings.wrap_up_s
    worst, unended = wrap_ups(operators)
    durations = wrong_durations(ended.calls, ended.citizens, ended.phones)
    late = [*durations, *broken.late, *rung_too_soon(ended.phones, wrap_up_s)]
    losses = [*broken.cut, *verdict.cut_talks(ended.phones, ended.calls)[0]]
    losses += [f"a wrap-up of {operator} has no end" for operator in sorted(unended)]
    if worst > WRAP_UP_LIMIT_MS:
        late.append(f"a wrap-up was {worst} ms from its setting")
    backs = [verdict.back_s(ended.calls, ended.phones, at.wall) for at in faults]
    return row(
        "clock_stepped",
        ended,
        calls_up=min(sum(one.values()) for one in up),
        back_s=None if None in backs else max(one for one in backs if one is not None),
        losses=losses,
        late=late,
        details={
            "up": up,
            "wrong_durations": len(durations),
            "wrap_up_worst_ms": worst,
            "by_fallback": ended.by_fallback(),
            **broken.shown,
        },
    )


def wrong_durations(
    calls: Sequence[CallHistory], citizens: Iterable[Note], phones: Sequence[Note]
) -> list[str]:
    """Say which waits and talks of the records are not as long as people saw them."""
    dialled = times(citizens, "dialled")
    wrong = []
    for one in calls:
        record = one.record
        talk = _talk(phones, record.caller_number, record.phone)
        answered = record.operator_answered_at
        if talk is None or answered is None or record.caller_number not in dialled:
            continue
        begun, over = talk
        pairs = [
            ("wait", answered - record.arrived_at, begun - dialled[record.caller_number]),
            ("talk", (record.talk_ms or 0) / 1000, over - begun),
        ]
        if record.queued_at is not None:
            queued = answered - record.queued_at
            pairs.append(("time in the queue", (record.wait_ms or 0) / 1000, queued))
        wrong += [
            f"the {what} of {record.caller_number} is {said:.1f} s, and was {true:.1f} s"
            for what, said, true in pairs
            if abs(said - true) > CLOSE_S
        ]
    return wrong


def _talk(phones: Iterable[Note], citizen: str, phone: str | None) -> tuple[float, float] | None:
    """When a talk began and ended at a phone, if it was the only one there."""
    mine = [one for one in phones if (one.citizen, one.phone) == (citizen, phone)]
    begun = [one.at for one in mine if one.what == "talks"]
    over = [one.at for one in mine if one.what == "over"]
    return (begun[0], over[0]) if len(begun) == len(over) == 1 else None


def rung_too_soon(phones: Iterable[Note], wrap_up_s: float) -> list[str]:
    """Say which phones an engine rang before the wrap-up of their last talk was over."""
    over: dict[str, float] = {}
    wrong = []
    for note in sorted(phones, key=lambda one: one.at):
        if note.what == "over":
            over[note.phone] = note.at
        elif note.what == "rings" and note.shown != FALLBACK and note.phone in over:
            rest = note.at - over[note.phone]
            if rest < wrap_up_s - CLOSE_S:
                wrong.append(f"{note.phone} rang {rest:.1f} s after a talk")
    return wrong
