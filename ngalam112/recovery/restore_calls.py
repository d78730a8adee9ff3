"""Restores the calls after a (re)connect: carries out what `reconcile` decided."""

from __future__ import annotations

from collections.abc import Collection

import msgspec
import structlog

from acd.calls.call import Call
from acd.calls.checkpoint import ClaimCheckpoint
from acd.calls.states import LegStage, Stage
from acd.legs import NORMAL
from acd.queueing.queue import service_key
from acd.recovery.reconcile import Decision, LiveLeg, RecoveryAction, StoredCall, reconcile
from acd.recovery.resume import Resumption
from ngalam112.engine.event_router import EventRouter
from ngalam112.recovery.snapshot import Snapshot

log = structlog.get_logger("restore")

CUT_OFF = "cut_off"
"""`ended_by` of a call that Asterisk's own end has cut off."""


class Restoration(msgspec.Struct, frozen=True, kw_only=True):
    """What Asterisk held after a (re)connect, and what we knew before we asked for it.

    `calls`, `legs`: those of citizens. `phones`: `EventRouter.channels_of_phones`. `occupying`:
    whatever phones were in use by (`OperatorLegs.occupying`), also if nothing else is known of it.
    Whatever has begun since then is not missing in what Asterisk held, but younger than that.
    `lost_at`: when Asterisk was seen last, if another one runs since: all its calls are cut off.
    `ended`: when calls have ended meanwhile, by the citizen's channel, as the fallback's script has
    noted it. `spooled`: the citizens' channels that this script has noted something of. `served`:
    those that it serves, or has served to the end. `callers`: the numbers of those whom it has, or
    has had without our knowing yet.
    """

    live: Snapshot
    calls: frozenset[str]
    legs: frozenset[str]
    phones: frozenset[str]
    occupying: frozenset[str]
    lost_at: float | None = None
    ended: dict[str, float] = {}
    spooled: frozenset[str] = frozenset()
    served: frozenset[str] = frozenset()
    callers: frozenset[str] = frozenset()


def restore_calls(router: EventRouter, event: Restoration, now: float) -> None:
    """Match every known call with the living legs, then offer."""
    dispatcher = router.dispatcher
    dispatcher.away = True  # nobody is offered before it is known who is still there
    event = msgspec.structs.replace(event, live=event.live.without(router.gone_meanwhile))
    try:
        router.callbacks.fallback_has(event.callers, now)
        _bring_together(router, event, now)
    finally:
        dispatcher.away = False
        for leg in router.phones.answered_meanwhile:
            # it rang when we looked; who was seen to be up by then is being connected
            if (rang := dispatcher.operator_legs.legs.get(leg)) and rang.stage is LegStage.RINGING:
                dispatcher.leg_answered(leg, now)
        router.looks_again()
        router.music_lost.clear()


def _bring_together(router: EventRouter, event: Restoration, now: float) -> None:
    live, dispatcher = event.live, router.dispatcher
    # who came to us after that look is served already, and is not to be looked for in it
    entered = router.entered_meanwhile
    # in the order of service, so that who has waited longest gets the first free operator
    knew = sorted(
        (router.calls[one] for one in event.calls - entered if one in router.calls),
        key=service_key,
    )
    if event.lost_at is not None:
        dispatcher.roster.all_phones_are_new()
        router.callbacks.asterisk_lost(now, router.channels_of_phones() - event.phones)
        router.verifications.asterisk_lost(now)
        for call in knew:
            _close(router, call, CUT_OFF, event.lost_at, now)
    for call in [one for one in knew if one.stage is Stage.ENDED]:
        if call.channel in live.legs:
            router.switch.hang_up(call.channel)  # asked before, and lost with the connection
        elif call.channel in router.calls:
            router.live.over(call, call.cause or 0, now)
    _hang_up_again(router, live)
    for leg in event.legs - live.legs.keys():
        dispatcher.leg_gone(leg, NORMAL, now)
    _calls_of_phones(router, event, now)
    _claimed_only(router, knew, event, now)
    # who is being handed over by this engine, and who talks among colleagues, is in good hands
    busy = [call for call in knew if call.transfer is not None and call.channel in live.legs]
    # a citizen who is called back and has answered just now, in `_calls_of_phones`
    busy += [call for channel, call in router.calls.items() if channel not in event.calls]
    in_good_hands = router.channels_of_phones() | {call.channel for call in busy} | entered
    in_good_hands = in_good_hands.union(*(call.legs for call in busy))
    ended = {call.channel for call in knew if call.stage is Stage.ENDED}
    hands_off = in_good_hands.union(router.live.to_hang_up, ended)
    stored = [
        _stored(call)
        for call in knew
        if call.record.events
        and call.channel in router.calls
        and call.stage is not Stage.ENDED
        and call not in busy
    ]
    legs = {one: leg for one, leg in live.legs.items() if one not in hands_off}
    decisions = reconcile(stored, legs, live.bridges, live.in_fallback | event.served)
    # who has gone leaves room for who is there
    for decision in sorted(
        decisions, key=lambda one: one.action not in (RecoveryAction.END, RecoveryAction.AWAY)
    ):
        try:
            _carry_out(router, decision, event, now)
        except Exception:
            # one call's trouble must not become everybody's
            log.exception("not_restored", leg=decision.leg, action=decision.action)
    router.monitors.restored({one.id for one in live.legs.values() if one.up}, live.bridges, now)
    # last, when it is known which citizens have dialled meanwhile, and are not to be rung
    router.offers.restored({one.id for one in live.legs.values() if one.up}, now)
    _free_phones(router, event, now)
    talking = {one.bridge for one in decisions if one.action is RecoveryAction.TALK}
    for bridge in live.bridges.keys() - talking - bridges_in_use(router):
        if not in_good_hands.intersection(live.bridges[bridge]):
            take_down(router, bridge, live.bridges[bridge])


def _calls_of_phones(router: EventRouter, event: Restoration, now: float) -> None:
    """End what phones have begun and is gone; connect who has answered while nobody watched."""
    live = event.live
    # whoever was rung since the look, for an answer of then or by a deadline, is not in it either:
    # to forget such a citizen would be to hang up on the answer
    for channel in (event.phones & router.channels_of_phones()) - live.legs.keys():
        router.gone(channel, NORMAL, now)
    up = {one.id for one in live.legs.values() if one.up}
    router.operator_calls.restored(up, live.bridges, now)
    router.line_tests.restored(now)
    router.agency_calls.restored(up, now)


def _free_phones(router: EventRouter, event: Restoration, now: float) -> None:
    """Free the phones whose legs are gone, and of whose end Asterisk will not tell any more.

    Such a leg was wanted no more before it was looked at (its callback's citizen has dialled, say),
    and had ended by then without anybody who was told.
    """
    living = event.live.legs.keys() | event.live.elsewhere
    for leg in (event.occupying & router.dispatcher.operator_legs.occupying()) - living:
        router.gone(leg, NORMAL, now)


def _hang_up_again(router: EventRouter, live: Snapshot) -> None:
    """The engine before this one has ended these calls; what it asked for may be lost with it."""
    for channel in list(router.live.to_hang_up):
        if channel in live.legs:
            router.switch.hang_up(channel)
        else:
            router.live.is_hung_up(channel)


def take_down(router: EventRouter, bridge: str, members: Collection[str]) -> None:
    """Remove a bridge of nobody, behind what was asked for whoever is still in it.

    Asterisk parts two again whom it puts together in the moment in which one of them is sent out of
    the bridge that is removed.
    """
    legs = router.dispatcher.operator_legs.legs
    for one in members:
        call = legs[one].call if one in legs else router.calls.get(one)
        if call is not None:
            router.switch.belongs(bridge, call.channel)
    router.switch.disconnect(bridge)


def bridges_in_use(router: EventRouter) -> set[str]:
    """The bridges of citizens, of colleagues and of consultations; some may be empty yet."""
    transfers = (call.transfer for call in router.calls.values() if call.transfer is not None)
    apart = {one.bridge for one in transfers if one.bridge is not None}
    others = (router.operator_calls.bridges(), router.monitors.bridges())
    return apart.union(router.dispatcher.bridges, *others)


def _stored(call: Call) -> StoredCall:
    """What is stored of a call: by this engine in its legs, by an earlier one in its facts."""
    rings = [leg.id for leg in call.legs.values() if leg.stage.is_offer]
    if not call.legs and call.checkpoint is not None:
        # a phone that rings whoever sits there is rung by the overflow plan again
        rings = [one.leg for one in call.checkpoint.offers if one.operator is not None]
    return StoredCall(record=call.record, rings=tuple(rings), in_menu=call.dialogue is not None)


def _claimed_only(router: EventRouter, knew: list[Call], event: Restoration, now: float) -> None:
    """Calls that were claimed and never seen again: on the line, the fallback's, or gone."""
    for call in knew:
        if call.record.events == 0:
            call.rearm(None)
            del router.calls[call.channel]
            seen = call.record
            claim = ClaimCheckpoint(
                number=seen.caller_number,
                name=seen.caller_name,
                called=seen.called_number,
                withheld=seen.withheld,
                trunk=seen.trunk or "",
                at=seen.arrived_at,
            )
            router.claims.pending.setdefault(call.channel, claim)
    for channel, claim in list(router.claims.pending.items()):
        router.claims.forget(channel)
        if channel in event.live.legs or channel in event.live.elsewhere:
            continue
        if channel not in event.spooled and channel not in router.calls:
            # hung up before anybody served it; nobody else keeps its record
            call = router.live.new(channel, claim.at)
            caller = claim.number, claim.name, claim.called
            router.claims.note_arrival(call, *caller, withheld=claim.withheld, trunk=claim.trunk)
            who, at = ("unknown", now) if event.lost_at is None else (CUT_OFF, event.lost_at)
            _close(router, call, who, event.ended.get(channel, at), now)


def _carry_out(router: EventRouter, decision: Decision, event: Restoration, now: float) -> None:
    call, resumption = router.calls.get(decision.leg), Resumption(router.dispatcher)
    log.info(
        "restored", action=decision.action, leg=decision.leg, call_id=call.id if call else None
    )
    leg = event.live.legs.get(decision.leg)
    answer(router, leg)
    match decision.action:
        case RecoveryAction.DROP if (
            offered := router.dispatcher.operator_legs.legs.get(decision.leg)
        ) is not None:
            # an operator who answered in the gap hears nothing until the two are connected
            if leg is not None and leg.up and offered.stage is LegStage.RINGING:
                router.dispatcher.leg_answered(decision.leg, now)
        case RecoveryAction.DROP:
            router.switch.hang_up(decision.leg)
        case RecoveryAction.AWAY if call is not None and call.stage is not Stage.ENDED:
            resumption.over(call, now)
            router.fallback.fell_back(call, now)
        case RecoveryAction.END if call is not None:
            at = event.ended.get(decision.leg, now)
            _close(router, call, call.hung_up_by or "unknown", at, now)
        case RecoveryAction.TALK if call is not None and call.stage is not Stage.TALKING:
            resumption.talk(call, list(decision.partners), decision.bridge, now)
        case RecoveryAction.JOIN if call is not None:
            resumption.join(call, decision.partners[0], now)
        case RecoveryAction.MENU if call is not None and leg is not None:
            _to_menu(router, call, leg, call.playback in event.live.playing, now)
        case RecoveryAction.WAIT if call is not None and call.stage in (
            Stage.CLAIMED,
            Stage.TALKING,
        ):
            _wait(router, call, decision.partners, leg is not None and not leg.up, now)
        case RecoveryAction.WAIT if call is not None and call.channel in router.music_lost:
            router.dispatcher.announcements.resume(call, now)
        case RecoveryAction.ARRIVE if call is None and leg is not None:
            arrive(router, leg, now)


def _wait(router: EventRouter, call: Call, rings: tuple[str, ...], new: bool, now: float) -> None:
    """The citizen waits on: in the queue, or for admission if not admitted yet.

    `new`: who was not even answered.
    """
    record = call.record
    nowhere = record.category is None and record.queued_at is None
    at_door = nowhere and call.stage is Stage.CLAIMED and not rings
    if at_door and (call.behind or router.admission.is_closed(now)):
        router.admission.restored(call, now, new=new)
    else:
        _to_queue(router, call, rings, now)


def arrive(router: EventRouter, leg: LiveLeg, now: float) -> None:
    """A citizen whom nobody knows; the arrival is when the channel was made."""
    call = router.live.new(leg.id, now - leg.age_s)
    caller = leg.caller_number, leg.caller_name, leg.called_number
    router.claims.note_arrival(call, *caller, withheld=leg.withheld, trunk=leg.trunk)
    if call.behind or router.admission.is_closed(now):
        router.admission.restored(call, now, new=True)
    else:
        call.aged = True  # nobody knows for how long nobody has served this citizen
        _to_queue(router, call, (), now)


def answer(router: EventRouter, leg: LiveLeg | None) -> None:
    """Answer a citizen who still hears ringing."""
    if leg is not None and leg.citizen and not leg.up:
        router.switch.answer(leg.id)  # the engine died between the claim and the answer


def _close(router: EventRouter, call: Call, ended_by: str, at: float, now: float) -> None:
    """The call has ended at some time before now."""
    if call.record.events and call.stage is not Stage.ENDED:
        call.hung_up_by = ended_by
        at = min(at, now)
        router.live.over(call, call.cause or 0, now, ended_at=at)


def _to_menu(router: EventRouter, call: Call, leg: LiveLeg, playing: bool, now: float) -> None:
    if not leg.up:
        router.reception.begin(call, now)  # nothing was heard yet
    elif not router.reception.resume(call, playing, now):
        _to_queue(router, call, (), now)


def _to_queue(router: EventRouter, call: Call, rings: tuple[str, ...], now: float) -> None:
    router.reception.skip(call, now)
    if call.stage is Stage.TALKING:
        # the talk is lost, and its operator is free for others
        router.dispatcher.enqueue(call, now)
    else:
        Resumption(router.dispatcher).wait(call, list(rings), now)
