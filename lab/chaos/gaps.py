"""Gaps in talks that are heard: which the line has made, and which the machine. Pure.

A machine that stands still keeps every packet: they arrive late, all together, and their numbers go
on without a hole. What the line does to a talk is seen in that talk only, or packets are missing.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from lab.chaos.rtp_endpoints import PACKET_S, Heard

GAP_LIMIT_S = 0.2
_SAMPLES = 160  # of a packet
_EDGE_S = 0.05  # packets of one moment come one after the other
_BOTH_ENDS = 2  # of one talk: what these two hear together is no proof
Span = tuple[float, float]


class Gap(msgspec.Struct, frozen=True, kw_only=True):
    """A time without a packet of the other's voice.

    `whole`: no packet is missing between the one before it and the one after it. `burst`: what came
    after it came faster than it was spoken.
    """

    begin: float
    end: float
    whole: bool
    burst: bool

    @property
    def seconds(self) -> float:
        """How long it was."""
        return self.end - self.begin


class Broken(msgspec.Struct, frozen=True, kw_only=True):
    """What is wrong with talks. `cut`: not heard on both sides of a fault; `late`: a gap too long.

    `shown`: the longest gaps in milliseconds, for people.
    """

    cut: list[str]
    late: list[str]
    shown: dict[str, Any]


def judge(
    endpoints: Mapping[str, Heard],
    faults: Sequence[float],
    around: tuple[float, float],
    stalls: Sequence[Span],
) -> Broken:
    """Judge the gaps of all talks around faults; those of the machine do not count."""
    machines = {
        who: {
            (one.begin, one.end)
            for one in gaps(heard, GAP_LIMIT_S)
            if is_the_machines(one, [other.voices for other in endpoints.values()], stalls)
        }
        for who, heard in endpoints.items()
    }
    found = {
        who: gap_across(heard.voices, faults, around, machines[who])
        for who, heard in endpoints.items()
    }
    cut, late = broken_talks(found)
    worst = [max((one[side] for one in found.values()), default=0.0) for side in (0, 1)]
    shown = {"gap_ms": _ms(worst[0]), "calm_gap_ms": _ms(worst[1])}
    longest = [end - begin for spans in machines.values() for begin, end in spans]
    if longest:
        shown["machine_gap_ms"] = _ms(max(longest))
    return Broken(cut=cut, late=late, shown=shown)


def gaps(heard: Heard, longer_than: float) -> Iterator[Gap]:
    """The gaps in what one endpoint heard."""
    for index, (begin, end) in enumerate(itertools.pairwise(heard.voices)):
        if end - begin > longer_than:
            yield Gap(
                begin=begin,
                end=end,
                whole=_goes_on(heard, index),
                burst=_in_a_burst(heard.voices, index + 1, end - begin),
            )


def _goes_on(heard: Heard, index: int) -> bool:
    """Whether the packet after this one is the next one that was sent."""
    try:
        number = heard.numbers[index + 1] - heard.numbers[index]
        stamp = heard.stamps[index + 1] - heard.stamps[index]
    except IndexError:
        return False
    return number % (1 << 16) == 1 and stamp % (1 << 32) == _SAMPLES


def _in_a_burst(voices: Sequence[float], first: int, gap_s: float) -> bool:
    """Whether half of what was spoken in a gap came at least twice as fast as it was spoken."""
    count = max(1, round(gap_s / PACKET_S / 2))
    last = first + count
    return last < len(voices) and voices[last] - voices[first] <= count * PACKET_S / 2


def is_the_machines(gap: Gap, endpoints: Sequence[Sequence[float]], stalls: Sequence[Span]) -> bool:
    """Whether a gap is one of the machine, which stood still, and not of the line.

    No packet is missing, and the machine was seen to stand still for all of it but what is always
    allowed; or all endpoints of more than one talk heard nothing at that time, and a stall was seen
    in it or all packets came in a burst afterwards. `endpoints`: when each endpoint of the play
    heard a voice.
    """
    if not gap.whole:
        return False
    stalled = sum(max(0.0, min(end, gap.end) - max(begin, gap.begin)) for begin, end in stalls)
    if stalled and gap.seconds - stalled <= GAP_LIMIT_S:
        return True
    talking = [one for one in endpoints if one and one[0] <= gap.begin and one[-1] >= gap.end]
    together = len(talking) > _BOTH_ENDS and not any(
        gap.begin + _EDGE_S < at < gap.end - _EDGE_S for one in talking for at in one
    )
    return together and (bool(stalled) or gap.burst)


def gap_across(
    moments: Sequence[float],
    faults: Sequence[float],
    around: tuple[float, float],
    machines: Collection[Span] = (),
) -> tuple[float, float]:
    """Return the longest gaps of a talk: those that touch the time around a fault, and all others.

    `around`: seconds before and after a fault. A gap that reaches into that time is a gap around
    the fault with its whole length, and calm with none of it. A talk that is not heard on both
    sides of a fault is a gap without end. `machines`: gaps that do not count.
    """
    before, after = around
    if not moments or any(not moments[0] <= at <= moments[-1] for at in faults):
        return float("inf"), 0.0
    across = calm = 0.0
    for begin, end in itertools.pairwise(moments):
        if (begin, end) in machines:
            continue
        if any(begin < at + after and at - before < end for at in faults):
            across = max(across, end - begin)
        else:
            calm = max(calm, end - begin)
    return across, calm


def broken_talks(gaps: Mapping[str, tuple[float, float]]) -> tuple[list[str], list[str]]:
    """Say whose talk was not heard on both sides of a fault, and whose had too long a gap there.

    `gaps`: for each endpoint, as `gap_across` returns them. What is no longer than a gap in a calm
    moment of the same talks is not the fault's doing.
    """
    calm = max((one for _, one in gaps.values()), default=0.0)
    cut = [f"{who} was not heard on both sides of a fault" for who in gaps if _endless(gaps[who])]
    late = [
        f"{who} heard nothing for {gap[0] * 1000:.0f} ms"
        for who, gap in gaps.items()
        if not _endless(gap) and gap[0] > max(GAP_LIMIT_S, calm)
    ]
    return cut, late


def _endless(gap: tuple[float, float]) -> bool:
    return gap[0] == float("inf")


def _ms(seconds: float) -> int:
    return -1 if seconds == float("inf") else round(seconds * 1000)
