"""The account of a storm's callbacks: each lost call has one, and each came to its right end. Pure.

Judged by the rows of the database and by what the carrier heard, which is no part of the line.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise

import msgspec

from acd.calls.record import CallRecord
from acd.work_items.item import MOST_STEPS, Step, WorkItem
from lab.storm.kinds import ANSWERS, MOBILES
from lab.storm.lateness import Outage, in_outage

JOB_LIMIT_S = 1.0
"""A lost call makes its callback within so long."""
TRIES = 3
_SLACK_S = 0.5  # between what the carrier hears, and what the line writes down
_BY_OPERATOR = "operator"
_CUT_OFF = ("cut_off", "asterisk", "line_stopped")
_NO_LOSS = ("information", "test")
_NO_TRIES = ("operator_left", "not_rung", "on_the_line")
_LINE = re.compile(r"^\S+\s+\S+\s+(\d+\.\d+)\s+(rung|answered)\s+(\d+)$", re.MULTILINE)


class Heard(msgspec.Struct, frozen=True, kw_only=True):
    """What the carrier heard: `number` was rung, or has answered, at `at` (epoch seconds)."""

    at: float
    what: str
    number: str


def read_heard(text: str) -> list[Heard]:
    """Return SIPp's notes (`carrier_by_number_noted`) in their order."""
    return [Heard(at=float(one[1]), what=one[2], number=one[3]) for one in _LINE.finditer(text)]


class Ledger(msgspec.Struct, frozen=True, kw_only=True):
    """Counts of calls and callbacks. `jobs` is the sum of those behind it, and equals `lost`.

    `rings`: how often the carrier was asked to ring a citizen. `job_late_worst_ms`: the longest
    from a loss to its callback, where an engine was there.
    """

    lost: int
    jobs: int
    reached: int
    given_up: int
    discharged: int
    misdial: int
    unreachable: int
    by_hand: int
    open: int
    rings: int
    answers: int
    job_late_worst_ms: int

    @property
    def adds_up(self) -> bool:
        """Each lost call has a callback, and each callback has one end."""
        ends = self.reached + self.given_up + self.discharged + self.misdial
        return self.lost == self.jobs == ends + self.unreachable + self.by_hand + self.open


def ledger(
    calls: Iterable[CallRecord],
    items: Sequence[WorkItem],
    heard: Sequence[Heard],
    outages: Sequence[Outage],
) -> Ledger:
    """Count."""
    jobs = [one for one in items if one.reason != _BY_OPERATOR]
    ends = Counter(str(one.outcome) for one in jobs if one.outcome is not None)
    late = (one.history[0].at - one.created_at for one in jobs if _is_prompt(one, outages))
    return Ledger(
        lost=sum(is_lost(one) for one in calls),
        jobs=len(jobs),
        reached=ends["reached"],
        given_up=ends["given_up"],
        discharged=ends["discharged"],
        misdial=ends["misdial"],
        unreachable=ends["unreachable"],
        by_hand=ends["by_hand"],
        open=sum(one.outcome is None for one in jobs),
        rings=sum(one.what == "rung" for one in heard),
        answers=sum(one.what == "answered" for one in heard),
        job_late_worst_ms=round(max(late, default=0.0) * 1000),
    )


def is_lost(record: CallRecord) -> bool:
    """Whether a citizen's call has ended with nobody helped: by what is in it, not by its outcome.

    `acd.work_items.callbacks.owed` decides the same for the line.
    """
    if record.callback_of is not None:
        return False
    if record.ended_by in _CUT_OFF or _was_alone(record):
        return True
    return record.operator_answered_at is None and record.outcome not in _NO_LOSS


def _was_alone(record: CallRecord) -> bool:
    """Whether all who had answered had left before the end, so that the citizen waited again."""
    left = [one.left_at for one in record.legs]
    return bool(left) and all(one is not None and one < _end(record) for one in left)


def _is_prompt(item: WorkItem, outages: Sequence[Outage]) -> bool:
    """Whether an engine was there all the time from the loss until the callback was made."""
    begin, end = item.created_at - _SLACK_S, item.history[0].at
    return len(item.history) < MOST_STEPS and not in_outage(begin, end, outages)


def wrong(
    calls: Sequence[CallRecord],
    items: Sequence[WorkItem],
    heard: Sequence[Heard],
    counts: Ledger,
) -> list[str]:
    """Say each thing that is wrong with the callbacks, one sentence each."""
    found = [*_of_jobs(calls, items), *_of_ends(items)]
    for number, mine in _by_number(calls, items, heard).items():
        if sentences := [f"{number}: {one}" for one in _of_citizen(number, *mine)]:
            # all that there was, so that a storm that cannot be repeated tells its cause
            whole = msgspec.json.encode({"calls": mine[0], "items": mine[1], "heard": mine[2]})
            sentences[-1] += f"; all of it: {whole.decode()}"
            found += sentences
    if not counts.adds_up:
        found.append(f"the callbacks do not add up: {counts}")
    if counts.job_late_worst_ms > JOB_LIMIT_S * 1000:
        found.append(f"a callback was made {counts.job_late_worst_ms} ms after its call was lost")
    return found


def _of_jobs(calls: Iterable[CallRecord], items: Iterable[WorkItem]) -> Iterator[str]:
    """Each lost call has one callback, and no other call has one."""
    jobs = Counter(one.call_id for one in items if one.reason != _BY_OPERATOR)
    for call in calls:
        if (lost := is_lost(call)) != (jobs[call.call_id] == 1) or jobs[call.call_id] > 1:
            yield (
                f"the call {call.call_id} ({call.outcome}, {call.ended_by}) is "
                f"{'lost' if lost else 'not lost'} and has {jobs[call.call_id]} callbacks"
            )
        if call.ended_by in _CUT_OFF:
            yield f"the call {call.call_id} was cut off ({call.ended_by})"
    known = {one.call_id for one in calls}
    yield from (f"a callback of no call: {one}" for one in jobs if one not in known)


def _of_ends(items: Iterable[WorkItem]) -> Iterator[str]:
    for item in items:
        reasons = Counter(step.reason for step in item.history)
        states = Counter(step.state for step in item.history)
        who = f"the callback {item.id} of {item.number} ({item.outcome or item.state})"
        if item.outcome is None:
            yield f"{who} is still open"
        if item.attempts > TRIES:
            yield f"{who} was tried {item.attempts} times"
        if item.outcome == "given_up" and item.attempts != TRIES:
            yield f"{who} was given up after {item.attempts} tries: {item.note}"
        if reasons["lost"]:
            yield f"{who} was lost by an engine"
        rung = states["ringing"] - sum(_was_no_try(*pair) for pair in pairwise(item.history))
        if (
            len(item.history) < MOST_STEPS
            and item.outcome != "discharged"
            and rung != item.attempts
        ):
            yield f"{who} counts {item.attempts} tries, and its history tells {rung}"


def _was_no_try(step: Step, after: Step) -> bool:
    """Whether an operator broke it off, no telephone rang, or the citizen was on our own line."""
    return step.state == "ringing" and after.reason in _NO_TRIES


Mine = tuple[list[CallRecord], list[WorkItem], list[Heard]]


def _by_number(
    calls: Iterable[CallRecord], items: Iterable[WorkItem], heard: Iterable[Heard]
) -> Mapping[str, Mine]:
    found: dict[str, Mine] = {}

    def of(number: str) -> Mine:
        return found.setdefault(number, ([], [], []))

    for call in calls:
        of(call.caller_number)[0].append(call)
    for item in items:
        of(item.number)[1].append(item)
    for one in heard:
        of(one.number)[2].append(one)
    return found


def _of_citizen(
    number: str, calls: list[CallRecord], items: list[WorkItem], heard: list[Heard]
) -> Iterator[str]:
    rings = [one.at for one in heard if one.what == "rung"]
    answers = [one.at for one in heard if one.what == "answered"]
    tries = sum(one.attempts for one in items)
    # an operator who hangs up while the citizen is rung has made no try, but the telephone rang
    most = sum(step.state == "ringing" for one in items for step in one.history)
    known = all(len(one.history) < MOST_STEPS for one in items)
    if known and not tries <= len(rings) <= most:
        yield f"rung {len(rings)} times, for {tries} tries and {most} that were begun"
    kind = next((one.name for one in MOBILES if number.startswith(one.prefix)), "")
    for item in items:
        after = [at for at in rings if at > item.created_at - _SLACK_S]
        if item.outcome in ("reached", "given_up") and not after:
            yield f"{item.outcome}, and the telephone never rang"
        if item.outcome == "reached" and not [at for at in answers if at > item.created_at]:
            yield "reached, and never answered"
        # three operators who hang up on the citizen are three tries
        if item.outcome == "given_up" and kind == ANSWERS and item.note != "cut_off":
            yield f"given up, though the citizen would have answered ({item.note})"
        if item.outcome in ("misdial", "unreachable") and after and len(items) == 1:
            yield f"{item.outcome}, and rung"
    owed = [one for one in calls if is_lost(one)]
    served = [one for one in calls if _is_served(one)]
    for at in rings:
        if not any(_still_owed(one, served, at) for one in owed) and not _wished(items, at):
            yield f"rung at {at:.1f}, with no call owed"
        if any(_during(one, at) for one in calls if one.callback_of is None):
            yield f"rung at {at:.1f}, in the middle of a call of their own"


def _is_served(record: CallRecord) -> bool:
    """Whether somebody talked with the citizen, by a call of theirs or by one of the line's."""
    return record.operator_answered_at is not None and record.ended_by not in _CUT_OFF


def _still_owed(lost: CallRecord, served: Iterable[CallRecord], at: float) -> bool:
    """Whether no call that began after this loss has served the citizen before `at`."""
    end = _end(lost)
    later = (one for one in served if one.arrived_at >= end and not is_lost(one))
    return end <= at + _SLACK_S and not any(_end(one) < at - _SLACK_S for one in later)


def _wished(items: Iterable[WorkItem], at: float) -> bool:
    """Whether an operator wanted this citizen to be called (`*16`)."""
    return any(
        one.created_at - _SLACK_S <= at <= (one.ended_at or at) + _SLACK_S
        for one in items
        if one.reason == _BY_OPERATOR
    )


def _during(call: CallRecord, at: float) -> bool:
    return call.arrived_at + _SLACK_S < at < _end(call) - _SLACK_S


def _end(call: CallRecord) -> float:
    return call.ended_at if call.ended_at is not None else float("inf")
