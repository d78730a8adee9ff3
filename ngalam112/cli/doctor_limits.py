"""The doctor's look at the limits of callers: whether the settings contradict each other."""

from __future__ import annotations

from collections.abc import Iterator

from acd.config_file import DistributionError, load_distribution
from acd.numbers.caller_limits import CallerLimits
from ngalam112.cli.doctor_links import Check, ok, warning
from ngalam112.config.settings import Settings

_WHAT = "limits of callers"


def check_limits(settings: Settings) -> list[Check]:
    """One check for each contradiction; one in all if there is none."""
    try:
        limits = load_distribution(settings.distribution_file).limits
    except DistributionError:
        return []  # said where the file is looked at
    return list(_contradictions(settings, limits)) or [ok(_WHAT, _said(settings, limits))]


def _contradictions(settings: Settings, limits: CallerLimits) -> Iterator[Check]:
    first, last = settings.rtp_range
    bound, pairs = settings.calls_per_address, (last - first + 1) // 2
    if bound >= pairs:
        yield warning(
            _WHAT,
            f"NGALAM112_MOST_PER_ADDRESS={bound}, but the audio ports are for {pairs} calls: one "
            "address can take all of them, and no operator's phone can be rung then",
            "set it below that, or widen NGALAM112_RTP_PORTS",
        )
    if bound and limits.at_once_per_address > bound:
        yield warning(
            _WHAT,
            f"at_once_per_address = {limits.at_once_per_address} is never reached: beyond {bound} "
            "calls of an address the next one is refused",
            "set it below NGALAM112_MOST_PER_ADDRESS",
        )
    if limits.at_once_per_address and not settings.place:
        yield warning(
            _WHAT,
            "at_once_per_address has no effect with NGALAM112_PLACE=false: no address is known",
            "set NGALAM112_PLACE=true, or at_once_per_address = 0",
        )
    if not settings.place:
        yield warning(
            _WHAT,
            "calls that nobody acknowledges are not ended with NGALAM112_PLACE=false",
            "set NGALAM112_PLACE=true",
        )


def _said(settings: Settings, limits: CallerLimits) -> str:
    number, address, bound = (
        str(one or "all")
        for one in (
            limits.at_once_per_number,
            limits.at_once_per_address,
            settings.calls_per_address,
        )
    )
    in_turn = f"in turn {number} calls at once of a number, {address} of an address"
    return f"{in_turn}; {bound} of an address are let in"
