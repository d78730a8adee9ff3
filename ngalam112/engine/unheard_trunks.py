"""Tells of a trunk from which no citizen is heard any more: nobody else would find out why.

Audio counts from the address of the SDP alone as shipped, so a carrier whose audio comes from
elsewhere is silent in every talk. One silent talk may be a citizen's; several in a row are not.
"""

from __future__ import annotations

import structlog

log = structlog.get_logger("trunks")

SHORTEST_S, IN_A_ROW, AGAIN_S = 5.0, 3, 3600.0
_MOST = 256  # addresses
_MEND = (
    "if its audio comes from another address or port than its SDP says, set"
    " NGALAM112_TRUNK_NAT=true and start Asterisk again"
)


class UnheardTrunks:
    """`in_a_row`: the last talks of each address in which Asterisk received no audio packet."""

    def __init__(self) -> None:
        self.in_a_row: dict[str, int] = {}
        self._told: dict[str, float] = {}

    def not_heard(self, trunk: str, talked_s: float, now: float) -> None:
        """A talk is over in which nothing was heard of the citizen."""
        if talked_s < SHORTEST_S or (len(self.in_a_row) >= _MOST and trunk not in self.in_a_row):
            return
        calls = self.in_a_row[trunk] = self.in_a_row.get(trunk, 0) + 1
        if calls >= IN_A_ROW and now - self._told.get(trunk, -AGAIN_S) >= AGAIN_S:
            self._told[trunk] = now
            log.error("trunk_not_heard", trunk=trunk, talks_in_a_row=calls, mend=_MEND)

    def heard(self, trunk: str) -> None:
        """A citizen of this trunk was heard."""
        self.in_a_row.pop(trunk, None)
        self._told.pop(trunk, None)
