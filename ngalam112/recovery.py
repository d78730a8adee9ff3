"""Where recovery gets what it joins: open records from the database, live legs from Asterisk."""

from __future__ import annotations

import msgspec
from sqlalchemy import select

from acd.records import CallRecord
from acd.recovery import LiveLeg
from models.database import Database
from models.tables import CallRow
from pbx.ari import AriClient
from pbx.ari_types import Application, Bridge, Channel
from reports.calls import LIVE, list_calls

CITIZENS = "citizens"  # the dialplan context that only the trunk leads to
_MOST = 100_000


class Snapshot(msgspec.Struct, frozen=True):
    """What Asterisk held for us at one moment: our legs, and our bridges with the legs in them."""

    legs: dict[str, LiveLeg]
    bridges: dict[str, list[str]]


async def snapshot(ari: AriClient) -> Snapshot:
    """Ask Asterisk what it holds for us; raises an AriError."""
    ours = await ari.get(f"applications/{ari.app}", Application)
    channels = await ari.get("channels", list[Channel])
    bridges = await ari.get("bridges", list[Bridge])
    mine = set(ours.channel_ids)
    legs = {
        one.id: LiveLeg(
            id=one.id,
            citizen=one.dialplan.context == CITIZENS,
            up=one.state == "Up",
            caller_number=one.caller.number,
            caller_name=one.caller.name,
            called_number=one.dialplan.exten,
        )
        for one in channels
        if one.id in mine
    }
    # only bridges with a leg of ours, or that we are subscribed to, are ours
    kept = {
        one.id: one.channels
        for one in bridges
        if one.id in ours.bridge_ids or any(leg in legs for leg in one.channels)
    }
    return Snapshot(legs, kept)


async def open_calls(database: Database) -> list[CallRecord]:
    """The records that have no end: the calls that were up when the last engine stopped."""
    async with database.session() as session:
        return await list_calls(session, outcome=LIVE, limit=_MOST)


async def is_known(database: Database, asterisk_id: str) -> bool:
    """Whether a call record with this Asterisk id exists."""
    async with database.session() as session:
        found = await session.scalar(
            select(CallRow.call_id).where(CallRow.asterisk_id == asterisk_id)
        )
        return found is not None
