"""Asterisk is killed: its calls cannot be saved, so each must be known, and called back."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from lab.chaos import processes, verdict
from lab.chaos.engine import SERVED_WITHIN_S, STANDBY_WITHIN_S, all_stages
from lab.chaos.line import ChaosFailed
from lab.chaos.notes import Note, times
from lab.chaos.play import Ended, Moment, Play, Stage, a_play, ending
from lab.chaos.verdict import Row
from lab.machine.waiting import eventually
from lab.storm.verdict import missing
from pbx.asterisk import Asterisk
from reports.calls import CallHistory

SERVES_LIMIT_S = 2.0  # from Asterisk's readiness
TRUE_END_S = 1.0
_NO_END = (None, "line_stopped", "unknown")


async def asterisk_killed(stage: Stage) -> Row:
    """kill -9 of Asterisk with calls in all stages; then new citizens call."""
    calls = stage.of(50, 12)
    async with a_play(stage, desks=stage.of(10, 5)) as play:
        await play.operators_come()
        await play.players.crowd(at_once=calls)
        await play.line.stands_by(STANDBY_WITHIN_S)
        up = await all_stages(play, round(calls * 0.9))
        pid = processes.asterisk(play.line.home)
        if pid is None:
            raise ChaosFailed("No Asterisk runs that could be killed.")
        moment = Moment.now()
        processes.kill(pid)
        await play.players.all_go()
        stage.say(f"killed: {up}")
        ready = await _ready(play, pid)
        stage.say(f"Asterisk is ready again after {ready.steady - moment.steady:.1f} s")
        # their phones are registered by what Asterisk kept, their operators were never logged out
        await play.players.crowd(calls=stage.of(30, 8), rate=4.0)
        ended = await ending(play, SERVED_WITHIN_S)
        listed = await _callbacks(play)
        return _judge(ended, listed, moment, ready, up)


async def _ready(play: Play, killed: int) -> Moment:
    """Wait until another Asterisk has loaded all its modules."""
    asterisk = Asterisk(
        play.line.programs, play.line.settings.asterisk_home, writable=[], readable=[]
    )

    async def booted() -> bool:
        if processes.asterisk(play.line.home) in (None, killed):
            return False
        return "fully booted" in await asterisk.console("core waitfullybooted")

    await eventually(booted, 30.0, "Asterisk is started again", error=ChaosFailed)
    return Moment.now()


async def _callbacks(play: Play) -> list[dict[str, Any]]:
    """What `ngalam112 callbacks list` says."""
    out = await play.line.command("callbacks", "list", "--format", "json")
    return [] if out is None else list(json.loads(out))


def were_up(citizens: Iterable[Note], at: float) -> set[str]:
    """Who had been answered by the line and was still there at a moment."""
    notes = list(citizens)
    over = times(notes, "over")
    answered = times(notes, "answered").items()
    return {who for who, since in answered if since < at and over.get(who, at) >= at}


def wrong_ends(
    calls: Sequence[CallHistory], cut: set[str], listed: Mapping[str, str], at: float
) -> tuple[list[str], list[str], list[str]]:
    """Say who was cut off and is owed no call, whose record has another end, and whose a late one.

    `listed`: the reason for which each number is owed a call.
    """
    lost = [f"{who} was cut off and is not to be called back" for who in cut - listed.keys()]
    lost += [
        f"{who} is to be called back for {why}, not for cut_off"
        for who, why in listed.items()
        if who in cut and why != "cut_off"
    ]
    records = {one.record.caller_number: one.record for one in calls}
    ends, late = [], []
    for who in cut:
        record = records.get(who)
        if record is None or record.ended_at is None:
            continue  # counted with the records that are missing
        if record.ended_by not in ("cut_off", "asterisk"):
            ends.append(f"the call of {who} was ended by {record.ended_by}, says its record")
        elif abs(record.ended_at - at) > TRUE_END_S:
            late.append(f"the call of {who} ended {record.ended_at - at:+.1f} s from the truth")
    return lost, ends, late


def _judge(
    ended: Ended,
    callbacks: Sequence[Mapping[str, Any]],
    moment: Moment,
    ready: Moment,
    up: dict[str, int],
) -> Row:
    """Judge whether all who were cut off are known, and how soon others were served."""
    cut = were_up(ended.citizens, moment.wall)
    listed = {str(one["number"]): str(one["reason"]) for one in callbacks}
    lost, ends, late = wrong_ends(ended.calls, cut, listed, moment.wall)
    # who was in Asterisk's hands and not answered yet is in nobody's books
    nobody = _unanswered_then(ended, moment)
    later = [one for one in ended.citizens if one.at > ready.wall and one.citizen not in cut]
    lost += verdict.lost(later, ended.phones)
    offered = [one for one in ended.offered if one not in nobody]
    calls = [one for one in ended.calls if one.record.caller_number not in nobody]
    records = missing(offered, calls, _NO_END)
    claimed = min(
        (one.record.arrived_at for one in ended.calls if one.record.arrived_at > ready.wall),
        default=None,
    )
    serves = None if claimed is None else claimed - ready.wall
    losses = [*lost, *ends, *records, *ended.left()]
    if serves is None:
        losses.append("the engine took no call after Asterisk was ready")
    elif serves > SERVES_LIMIT_S:
        late.append(f"the engine took a call {serves:.2f} s after Asterisk was ready")
    back = verdict.back_s(ended.calls, ended.phones, ready.wall)
    return Row(
        fault="asterisk_killed",
        calls_up=len(cut),
        lost=len(lost),
        back_s=None if back is None else round(back + ready.wall - moment.wall, 2),
        records_missing=len(records),
        held=not losses and not late,
        details={
            "up": up,
            "asterisk_ready_s": round(ready.wall - moment.wall, 2),
            "engine_serves_after_ready_s": None if serves is None else round(serves, 2),
            "to_be_called_back": len(cut & listed.keys()),
            "by_fallback": ended.by_fallback(),
        },
        wrong=[*losses, *late],
        late=late,
        stalls_s=ended.stalls_s,
    )


def _unanswered_then(ended: Ended, moment: Moment) -> set[str]:
    """Who dialled before the fault and was not answered before it."""
    answered = times(ended.citizens, "answered")
    return {
        who
        for who, at in times(ended.citizens, "dialled").items()
        if at < moment.wall and answered.get(who, moment.wall) >= moment.wall
    }
