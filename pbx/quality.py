"""The audio quality of a leg, as Asterisk writes it into the leg's variable RTPAUDIOQOS.

Asterisk sets it when the leg hangs up or is hung up, before it tells that the leg has left us; the
events about a channel carry it because `ari.conf` names it in `channelvars`.

Source: Asterisk, `ast_rtp_instance_set_stats_vars` and the option `channelvars` of ari.conf.
"""

from __future__ import annotations

import msgspec


class LegQuality(msgspec.Struct, frozen=True):
    """What Asterisk received on a leg: packets lost in per cent, jitter in ms; None if unknown."""

    loss_percent: float | None
    jitter_ms: float | None


def leg_quality(text: str) -> LegQuality:
    """Read a value of RTPAUDIOQOS: `ssrc=..;lp=<lost>;rxjitter=<s>;rxcount=<packets>;...`."""
    values = dict(part.split("=", 1) for part in text.split(";") if "=" in part)
    loss = jitter = None
    try:
        received, lost = int(values["rxcount"]), max(0, int(values["lp"]))
        if received > 0:
            loss = round(100 * lost / (received + lost), 2)
            jitter = round(1000 * float(values["rxjitter"]), 2)
    except (KeyError, ValueError):
        pass
    return LegQuality(loss, jitter)
