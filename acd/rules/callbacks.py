"""When lost calls are called back, as data of the city."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

_DAY_S = 86_400.0


class CallbackRules(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """When lost calls are called back; times in seconds.

    `first_after_s`: from the loss to the first try, for many dial again at once. `tries`: at most.
    `gaps_s`: from a try in vain to the next one, the last gap for all further ones. `busy_after_s`:
    the gap where the citizen was on the phone. `give_up_s`: no try later than that after the loss.
    `misdial_s`: who
    hangs up within so short a time is called only if the number dials again within
    `misdial_again_s`. `no_ack_most`: so many calls within `misdial_again_s` whose answer nobody has
    acknowledged are called back as others are. Their numbers may be forged, so those beyond are
    as misdials, which nobody is rung for.
    """

    first_after_s: float = 5.0
    tries: int = 3
    gaps_s: tuple[float, ...] = (120.0, 600.0)
    busy_after_s: float = 60.0
    give_up_s: float = _DAY_S
    misdial_s: float = 2.0
    misdial_again_s: float = 3600.0
    no_ack_most: int = 5


def callback_problems(rules: CallbackRules) -> Iterator[str]:
    """What is wrong with the data, one clause each."""
    if not 1 <= rules.tries <= 10:
        yield "callbacks, tries must be between 1 and 10"
    if not 0 <= rules.no_ack_most <= 1000:
        yield "callbacks, no_ack_most must be between 0 and 1000"
    times = {
        "first_after_s": (rules.first_after_s, 3600.0),
        "busy_after_s": (rules.busy_after_s, _DAY_S),
        "give_up_s": (rules.give_up_s, 7 * _DAY_S),
        "misdial_s": (rules.misdial_s, 60.0),
        "misdial_again_s": (rules.misdial_again_s, _DAY_S),
        **{f"gaps_s {place}": (gap, _DAY_S) for place, gap in enumerate(rules.gaps_s, 1)},
    }
    for name, (seconds, most) in times.items():
        if not 0 <= seconds <= most:
            yield f"callbacks, {name} must be between 0 and {most:g} seconds"
