"""Where recovery gets what it joins: open records from the database, live legs from Asterisk."""

from __future__ import annotations

from collections.abc import Collection, Iterable

import msgspec
from sqlalchemy import select

from acd.calls.record import CallRecord, EventKind
from acd.recovery.reconcile import LiveLeg
from models.database import Database
from models.tables import HAS_ASTERISK_ID, CallRow
from ngalam112.engine.clock import age_s
from ngalam112.engine.fallback_calls import FALLBACK_CONTEXTS
from ngalam112.recovery.fallback_records import KnownCall
from pbx.ari import AriClient
from pbx.ari_reply import ChannelGone
from pbx.ari_types import Application, Bridge, Channel, Info, address_of
from reports.calls import LIVE, list_calls, show_call

CITIZENS = "citizens"  # the dialplan context that only the trunk leads to
_MOST = 100_000


class Snapshot(msgspec.Struct, frozen=True):
    """What Asterisk held for us at one moment: our legs, and our bridges with the legs in them.

    `playing`: which of the prompts asked about still play. `elsewhere`: channels that live and are
    not ours, such as those that the fallback serves. `in_fallback`: which of them it does.
    `started`: Asterisk's word on its own start.
    """

    legs: dict[str, LiveLeg]
    bridges: dict[str, list[str]]
    playing: frozenset[str] = frozenset()
    elsewhere: frozenset[str] = frozenset()
    in_fallback: frozenset[str] = frozenset()
    started: str = ""

    def without(self, gone: Collection[str]) -> Snapshot:
        """The same without channels that have gone since."""
        return msgspec.structs.replace(
            self,
            legs={one: leg for one, leg in self.legs.items() if one not in gone},
            bridges={
                bridge: [one for one in members if one not in gone]
                for bridge, members in self.bridges.items()
            },
        )


async def snapshot(ari: AriClient, playbacks: Iterable[str] = ()) -> Snapshot:
    """Ask Asterisk what it holds for us, and which of the `playbacks` play; raises an AriError.

    The lists are read over HTTP. They are not older than what was asked for on the event socket
    before, and the events that Asterisk sent before them have been handed out when this returns.
    """
    await ari.caught_up()
    info = await ari.get("asterisk/info", Info)
    ours = await ari.get(f"applications/{ari.app}", Application)
    channels = await ari.get("channels", list[Channel])
    bridges = await ari.get("bridges", list[Bridge])
    playing = frozenset([one for one in playbacks if await _plays(ari, one)])
    await ari.caught_up()
    mine = set(ours.channel_ids)
    legs = {
        one.id: LiveLeg(
            id=one.id,
            citizen=one.dialplan.context == CITIZENS,
            up=one.state == "Up",
            caller_number=one.caller.number,
            withheld=one.channelvars.withheld != "",
            trunk=address_of(one.channelvars.trunk),
            caller_name=one.caller.name,
            called_number=one.dialplan.exten,
            age_s=age_s(one.creationtime),
        )
        for one in channels
        if one.id in mine
    }
    # Asterisk tells an application of a bridge only while legs are in it, so empty ones go by name
    kept = {
        one.id: one.channels
        for one in bridges
        if one.name == ari.app or any(leg in legs for leg in one.channels)
    }
    return Snapshot(
        legs,
        kept,
        playing=playing,
        elsewhere=frozenset(one.id for one in channels) - mine,
        in_fallback=frozenset(
            one.id for one in channels if one.dialplan.context in FALLBACK_CONTEXTS
        )
        - mine,
        started=info.status.startup_time,
    )


async def _plays(ari: AriClient, playback: str) -> bool:
    try:
        await ari.call("GET", f"playbacks/{playback}")
    except ChannelGone:
        return False
    return True


async def open_calls(database: Database) -> list[CallRecord]:
    """The records that have no end: the calls that were up when the last engine stopped."""
    async with database.session() as session:
        return await list_calls(session, outcome=LIVE, limit=_MOST)


async def known_call(database: Database, asterisk_id: str) -> KnownCall | None:
    """The call with this Asterisk id, as the database has it, and what the fallback did for it."""
    async with database.session() as session:
        query = select(CallRow.call_id).where(CallRow.asterisk_id == asterisk_id, HAS_ASTERISK_ID)
        call_id = await session.scalar(query)
        if call_id is None:
            return None
        history = await show_call(session, call_id)
    runs = {one.data.get("run", "") for one in history.events if one.kind is EventKind.FALLBACK}
    return KnownCall(history.record, frozenset(runs))
