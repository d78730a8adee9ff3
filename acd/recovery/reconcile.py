"""Taking the line up again: what Asterisk still holds, joined with what was stored. Pure.

Nothing is reset: who talks goes on talking, who waits keeps the place, who is gone gets an end.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from enum import StrEnum

import msgspec

from acd.calls.record import CallRecord


class LiveLeg(msgspec.Struct, frozen=True, kw_only=True):
    """A channel that Asterisk holds for us.

    `citizen`: it came in by dialling the number. `up`: it has been answered. `age_s`: how long ago
    it was created.
    """

    id: str
    citizen: bool
    up: bool = True
    caller_number: str = ""
    withheld: bool = False
    trunk: str = ""
    caller_name: str = ""
    called_number: str = ""
    age_s: float = 0.0


class StoredCall(msgspec.Struct, frozen=True, kw_only=True):
    """A call that has no end, as it is stored.

    `rings`: the operators' legs that rang for it, or had answered and were being connected.
    `in_menu`: it is known where in the menu the citizen was.
    """

    record: CallRecord
    rings: tuple[str, ...] = ()
    in_menu: bool = False


class RecoveryAction(StrEnum):
    """What becomes of a call or of a leg."""

    TALK = "talk"  # citizen and partners are connected: leave them alone
    JOIN = "join"  # the partner has answered, or talked before, and is alone: connect the two
    MENU = "menu"  # the citizen goes on in the menu
    WAIT = "wait"  # the citizen waits (again), in the old place; the partners' phones ring on
    ARRIVE = "arrive"  # stored by nobody: before all others, or for admission if full
    AWAY = "away"  # the fallback has the citizen, or had to the end, and tells the rest
    END = "end"  # stored, but gone: close the record
    DROP = "drop"  # a leg that belongs to nobody: hang it up


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be done with one stored call or one live leg."""

    action: RecoveryAction
    leg: str = ""  # the citizen's leg, or the leg to drop
    record: CallRecord | None = None
    partners: tuple[str, ...] = ()  # the legs of the others: who talks, is joined, or rings
    bridge: str = ""


def reconcile(
    stored: Sequence[StoredCall],
    live: Mapping[str, LiveLeg],
    bridges: Mapping[str, Iterable[str]],
    away: Container[str] = (),
) -> list[Decision]:
    """Decide for every stored open call and every live leg; each leg is in one decision only.

    `stored`: by the `asterisk_id` of its record. `bridges`: id -> legs in it. `away`: the citizens'
    legs that the fallback serves, or has served to the end.
    """
    bridge_of = {leg: bridge for bridge, legs in bridges.items() for leg in legs}
    members = {bridge: list(legs) for bridge, legs in bridges.items()}
    known = {one.record.asterisk_id for one in stored}
    free = {one.id for one in live.values() if not one.citizen} - known
    # who talks keeps the partners, whatever else is stored about these
    talks = {}
    for one in stored:
        bridge = bridge_of.get(one.record.asterisk_id, "")
        partners = tuple(leg for leg in members.get(bridge, []) if leg in free)
        if one.record.asterisk_id in live and partners:
            free.difference_update(partners)
            talks[one.record.asterisk_id] = (partners, bridge)
    decisions = []
    for one in stored:
        leg = one.record.asterisk_id
        if leg not in live:
            action = RecoveryAction.AWAY if leg in away else RecoveryAction.END
            decisions.append(Decision(action=action, record=one.record, leg=leg))
            continue
        if leg in talks:
            action, (partners, bridge) = RecoveryAction.TALK, talks[leg]
        else:
            bridge = ""
            action, partners = _alone(one, live, free)
            free.difference_update(partners)
        decisions.append(
            Decision(action=action, leg=leg, record=one.record, partners=partners, bridge=bridge)
        )
    for one_leg in live.values():
        if one_leg.id in known:
            continue
        if one_leg.citizen:
            decisions.append(Decision(action=RecoveryAction.ARRIVE, leg=one_leg.id))
        elif one_leg.id in free:
            decisions.append(Decision(action=RecoveryAction.DROP, leg=one_leg.id))
    return decisions


def _alone(
    one: StoredCall, live: Mapping[str, LiveLeg], free: Container[str]
) -> tuple[RecoveryAction, tuple[str, ...]]:
    """Decide for a citizen who lives and talks with nobody, and for whom of the legs."""
    talked = [leg.leg for leg in one.record.legs if leg.left_at is None]
    there = [leg for leg in (*talked, *one.rings) if leg in free]
    up = [leg for leg in there if live[leg].up]
    if up:
        return RecoveryAction.JOIN, (up[0],)
    if there:
        return RecoveryAction.WAIT, tuple(there)
    return (RecoveryAction.MENU if one.in_menu else RecoveryAction.WAIT), ()
