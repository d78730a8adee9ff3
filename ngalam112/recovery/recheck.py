"""Rechecks Asterisk a second after the calls are restored: late orders of the dead engine.

Asterisk goes on reading what a dead engine had written, while the next one already looks at what
lives: a bridge may be made, two may be joined in it, or a phone rung, just after that look.
"""

from __future__ import annotations

import msgspec
import structlog

from acd.calls.call import Call
from acd.calls.states import Stage
from acd.recovery.reconcile import LiveLeg
from ngalam112.engine.event_router import EventRouter
from ngalam112.recovery.restore_calls import answer, arrive, bridges_in_use, take_down
from ngalam112.recovery.snapshot import Snapshot

log = structlog.get_logger("recheck")

AFTER_S = 1.0
JUST_S = AFTER_S + 1.0
OLD_S = 0.5
"""A younger channel may be of a phone that has dialled, and its event is still to come."""


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """What the engine knew when it asked Asterisk.

    `talks`: citizens who talk, and in which bridge. `offers`: legs that the dead engine may have
    had rung, and for which citizen. What has changed since is left alone, for the answer is older.
    """

    talks: dict[str, str]
    offers: dict[str, str]


def offers_of(router: EventRouter) -> dict[str, str]:
    """The legs that an earlier engine may have rung, with the citizens that they were rung for.

    To be asked before the restore.
    """
    return {
        offer.leg: call.channel
        for call in router.calls.values()
        if call.checkpoint is not None
        for offer in call.checkpoint.offers
    }


def known(router: EventRouter, offers: dict[str, str]) -> Known:
    """What the engine knows now."""
    talks = {
        one.channel: bridge for bridge, one in router.dispatcher.bridges.items() if _talks(one)
    }
    return Known(talks=talks, offers=offers)


def look(router: EventRouter, before: Known, live: Snapshot, now: float) -> None:
    """Serve unknown citizens; rejoin separated legs; remove orphan legs and orphan bridges."""
    for citizen in live.legs.values():
        if citizen.citizen and citizen.age_s >= OLD_S and router.is_unknown(citizen.id):
            log.warning("unknown_citizen", leg=citizen.id)
            answer(router, citizen)
            arrive(router, citizen, now)
    handed_over = set(before.offers.values())
    for channel, bridge in before.talks.items():
        call = router.calls.get(channel)
        if call is None or not _talks(call) or call.bridge != bridge or channel not in live.legs:
            continue
        # music plays for who waited, and in a talk into which somebody else was to come
        music_since = 0.0 if channel in handed_over else now - JUST_S
        _rejoin(router, call, bridge, live, music_since)
    known_legs = router.dispatcher.operator_legs.legs.keys() | router.channels_of_phones()
    # a citizen whom the line had rung by then may have answered since, and is a call now
    for leg_id in live.legs.keys() - known_legs - router.calls.keys():
        if leg_id in before.offers or _rings_long(live.legs[leg_id]):
            log.warning("orphan_leg", leg=leg_id)
            router.switch.hang_up(leg_id)
    for bridge in live.bridges.keys() - bridges_in_use(router):
        log.warning("orphan_bridge", bridge=bridge)
        take_down(router, bridge, live.bridges[bridge])
        for call in (router.calls.get(one) for one in live.bridges[bridge]):
            if call is not None and _hears_music(call):
                # who was to be connected there had it taken away before
                router.dispatcher.announcements.music.begin(call, now)


def _rejoin(
    router: EventRouter, call: Call, bridge: str, live: Snapshot, music_since: float
) -> None:
    """`music_since`: in a talk that began after that, a dead engine may have asked for music."""
    inside = live.bridges.get(bridge, [])
    if any(leg.talks_since > music_since and not leg.held_since for leg in call.talkers()):
        # the dead engine's order for music, read after the two were connected, drowns the talk
        router.switch.unhold(call.channel)
    for leg in call.talkers():
        if leg.id in live.legs and not {call.channel, leg.id}.issubset(inside):
            log.warning("legs_separated", call_id=call.id, leg=leg.id)
            router.switch.connect(bridge, call.channel, leg.id)


def _hears_music(call: Call) -> bool:
    waits = call.stage is Stage.QUEUED or call.stage is Stage.RINGING
    return waits and call.bridge is None and call.words is None


def _rings_long(leg: LiveLeg) -> bool:
    return not leg.citizen and not leg.up and leg.age_s >= OLD_S


def _talks(call: Call) -> bool:
    return call.stage is Stage.TALKING and call.transfer is None
