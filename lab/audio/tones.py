"""Finds a tone in recorded speech samples (the algorithm of Goertzel, for one frequency)."""

from __future__ import annotations

import array
import math


def tone_share(samples: bytes, rate: int, tone_hz: int) -> float:
    """How much of the power in these 16-bit samples lies at `tone_hz`: 0 (none) to 1 (all).

    Looked at in pieces of 50 ms, as a tone that was cut in between has its phase broken there;
    silent pieces count as if they held no tone.
    """
    values = array.array("h", samples[: len(samples) // 2 * 2])
    piece = rate // 20
    shares = [
        _share(values[start : start + piece], rate, tone_hz)
        for start in range(0, len(values) - piece + 1, piece)
    ]
    return sum(shares) / len(shares) if shares else 0.0


def _share(values: array.array[int], rate: int, tone_hz: int) -> float:
    power = sum(value * value for value in values)
    if power == 0:
        return 0.0
    angle = 2 * math.pi * tone_hz / rate
    before = last = 0.0
    for value in values:
        before, last = last, value + 2 * math.cos(angle) * last - before
    found = last * last + before * before - 2 * math.cos(angle) * last * before
    return min(1.0, 2 * found / (len(values) * power))
