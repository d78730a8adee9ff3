"""Taking the line up again: what Asterisk still holds, joined with what was stored. Pure.

Nothing is reset: who talks goes on talking, who waits keeps the place, who is gone gets an end.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum

import msgspec

from acd.records import CallRecord


class LiveLeg(msgspec.Struct, frozen=True, kw_only=True):
    """A channel that Asterisk holds for us.

    `citizen`: it came in by dialling the number. `up`: it has been answered.
    """

    id: str
    citizen: bool
    up: bool = True
    caller_number: str = ""
    caller_name: str = ""
    called_number: str = ""


class Fate(StrEnum):
    """What becomes of a call or of a leg."""

    TALK = "talk"  # citizen and operator are connected: leave them alone
    WAIT = "wait"  # the citizen goes (back) to the queue, with the old place
    ARRIVE = "arrive"  # a citizen that nobody has stored: to the queue at once
    END = "end"  # stored, but gone: close the record
    DROP = "drop"  # a leg that belongs to nobody: hang it up


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be done with one stored call or one live leg."""

    fate: Fate
    leg: str = ""  # the citizen's leg, or the leg to drop
    record: CallRecord | None = None
    partners: tuple[str, ...] = ()  # who the citizen talks with
    bridge: str = ""


def reconcile(
    stored: Sequence[CallRecord],
    live: Mapping[str, LiveLeg],
    bridges: Mapping[str, Iterable[str]],
) -> list[Verdict]:
    """Decide for every stored open call and every live leg; each leg is in one verdict only.

    `stored`: records without an end, by their `asterisk_id`. `bridges`: id -> legs in it.
    """
    bridge_of = {leg: bridge for bridge, legs in bridges.items() for leg in legs}
    members = {bridge: list(legs) for bridge, legs in bridges.items()}
    verdicts: list[Verdict] = []
    used: set[str] = set()
    known = {record.asterisk_id for record in stored}
    operators_legs = {one.id for one in live.values() if not one.citizen} - known
    for record in stored:
        leg = live.get(record.asterisk_id)
        if leg is None:
            verdicts.append(Verdict(fate=Fate.END, record=record, leg=record.asterisk_id))
            continue
        used.add(leg.id)
        bridge = bridge_of.get(leg.id, "")
        partners = tuple(one for one in members.get(bridge, []) if one in operators_legs)
        if partners:
            operators_legs.difference_update(partners)
            used.update(partners)
            verdicts.append(
                Verdict(fate=Fate.TALK, leg=leg.id, record=record, partners=partners, bridge=bridge)
            )
        else:
            verdicts.append(Verdict(fate=Fate.WAIT, leg=leg.id, record=record))
    for leg in live.values():
        if leg.citizen and leg.id not in known:
            verdicts.append(Verdict(fate=Fate.ARRIVE, leg=leg.id))
        elif leg.id not in used:
            verdicts.append(Verdict(fate=Fate.DROP, leg=leg.id))
    return verdicts
