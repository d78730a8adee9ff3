"""Lets an engine know its line at its start, and join it with the database when that is there."""

from __future__ import annotations

import msgspec
import structlog

from acd.texts.conversation import CONVERSATIONS, MESSAGES
from acd.work_items.item import TABLE
from incidents.dispatch import DISPATCHES
from incidents.incident import INCIDENTS
from incidents.numbers import LAST_NUMBER
from journal.database_writer import DatabaseWriter
from journal.row_kinds import CALLS, OPERATORS
from ngalam112.alarms.alarm import ALARMS
from ngalam112.engine.clock import CLOCK
from ngalam112.engine.engine import Engine
from ngalam112.engine.text_spool import PLACE
from ngalam112.recovery.reconnect import Reconnect
from ngalam112.recovery.startup_state import Known, StartupState, items_of, learn
from pbx.ari_reply import AriError

log = structlog.get_logger("late_database")


def remember(
    engine: Engine,
    reconnect: Reconnect,
    recorder: DatabaseWriter,
    known: Known,
    *,
    seen_at: float | None,
    is_stored: bool,
) -> None:
    """Let the engine know its line, before it serves.

    `seen_at`: when Asterisk answered the last engine, by the monotonic clock. `is_stored`: the
    database has been asked.
    """
    kept = recorder.local.kept
    for phone in known.phones:
        engine.roster.add_phone(phone)
    for operator in known.operators:
        engine.roster.add_operator(operator)
    if known.agencies:
        engine.know_agencies(known.agencies, stored=is_stored)
    if known.categories:
        engine.know_categories(known.categories, stored=is_stored)
    engine.people.know(known.people, stored=is_stored)
    reconnect.remember(known.calls, kept.facts, seen_at)
    # somebody has set the machine's clock since: what had to happen in an hour has to then as well
    items = items_of(known, engine.clock.stepped(kept.facts.get(CLOCK)))
    now = engine.clock.now()
    engine.router.claims.redials.remember(items, now)
    engine.router.callbacks.remember(items, now)
    engine.router.verifications.remember(items, now)
    engine.alarms.remember(known.others.get(ALARMS, []), now)
    _know_incidents(engine, known, kept.facts.get(LAST_NUMBER), now)
    engine.text_service.remember(
        known.others.get(CONVERSATIONS, []),
        known.others.get(MESSAGES, []),
        items,
        kept.facts.get(PLACE),
        now,
    )
    if is_stored:
        recorder.local.restate(
            {
                OPERATORS.table: [one.row() for one in known.operators],
                CALLS.table: [one.row() for one in known.calls],
                **known.others,
            }
        )
        recorder.local.keep_phones(known.phones)
        engine.doubt_agencies()
        engine.doubt_categories()
        _say_last(engine, recorder, set(kept.newer))
    engine.wrap_ups.restore(engine.clock.now())


def _know_incidents(engine: Engine, known: Known, last: object, now: float) -> None:
    incidents = engine.router.incidents
    incidents.remember(known.others.get(INCIDENTS, []), now)
    engine.dispatches.remember(known.others.get(DISPATCHES, []), now)
    for number in (last, known.incident_number):
        incidents.numbers.know(number if isinstance(number, str) else None)


def _say_last(engine: Engine, recorder: DatabaseWriter, newer: set[str]) -> None:
    """What waits of these operators is older than what the database has: say how they are now."""
    recorder.operators_after = recorder.local.last
    for id in newer & engine.roster.operators.keys():
        recorder.operator_state(engine.roster.operators[id].row())


async def record(engine: Engine, recorder: DatabaseWriter, opening: StartupState | None) -> None:
    """Write into the database, as soon as it is there; `opening`: where it is not there yet."""
    if opening is not None:
        stored = await opening.at_last()
        await engine.do(lambda _: _learn(engine, recorder, stored))
        log.info("database_is_there", backlog=recorder.backlog)
        try:
            await engine.bring_phones()
        except (AriError, OSError) as error:
            log.error("phones_not_brought", error=str(error))
    else:
        try:
            await engine.bring_agencies()
        except OSError as error:
            log.error("agencies_not_brought", error=str(error))
    await recorder.run()


def _learn(engine: Engine, recorder: DatabaseWriter, stored: Known) -> None:
    local, roster = recorder.local, engine.roster
    newer = {id for id in roster.operators if local.is_newer(id)}
    learn(roster, stored, newer, engine.clock.now(), local.kept)
    if not engine.agencies_stored:  # else the API has changed some since, and knows all
        engine.know_agencies(stored.agencies, stored=True)
    if stored.categories and not engine.categories_stored:
        engine.know_categories(stored.categories, stored=True)
    if not engine.people.stored:
        engine.people.know(stored.people, stored=True)
    engine.doubt_agencies()
    engine.doubt_categories()
    in_journal = local.kept.others.get(TABLE, {}).keys() | local.kept.newer
    items = [one for one in items_of(stored) if one.id not in in_journal]
    engine.router.callbacks.remember(items, engine.clock.now())
    engine.router.verifications.remember(items, engine.clock.now())
    alarms = stored.others.get(ALARMS, [])
    engine.alarms.remember(
        [one for one in alarms if one["id"] not in local.kept.newer], engine.clock.now()
    )
    of_others = {
        table: [row for row in rows if row["id"] not in local.kept.newer]
        for table, rows in stored.others.items()
        if table in (INCIDENTS, DISPATCHES)
    }
    later = msgspec.structs.replace(stored, others=of_others)
    _know_incidents(engine, later, None, engine.clock.now())
    _say_last(engine, recorder, newer)
    local.keep_phones(roster.phones.values())
