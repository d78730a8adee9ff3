"""How an engine comes to know its line: from the local journal, from the database, or from both.

The database is the truth about who exists: names, PINs, phones. The journal has the last word about
what the database has not taken yet. With a database that is away, the journal must do.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine, Iterable, Set
from typing import Any, TypeVar

import msgspec
import structlog
from sqlalchemy import func, select

from acd.agencies.agency import Agency
from acd.agencies.first import Sources
from acd.agencies.register import of_facts
from acd.calls.record import CallRecord
from acd.operators.operator import Device, Operator, Phone, Status, operator_of
from acd.operators.roster import Roster
from acd.operators.states import State
from acd.work_items.item import TABLE, WorkItem
from incidents import category_changes
from incidents.categories import Category
from journal.database_writer import DatabaseWriter
from journal.entries import Kept
from journal.row_kinds import CALLS, IN_ORDER, RowKind
from models.database import Database, DatabaseError, Unreachable, upgrade
from models.rows import plain
from models.tables import IncidentRow
from ngalam112.accounts.admin import load_roster
from ngalam112.accounts.agencies import filled_agencies
from ngalam112.accounts.categories import filled_categories
from ngalam112.accounts.known_people import Kept as KeptPeople
from ngalam112.accounts.known_people import of_facts as people_of_facts
from ngalam112.accounts.people_rows import load_people
from ngalam112.recovery.snapshot import open_calls

log = structlog.get_logger("startup")
T = TypeVar("T")

WITHIN_S = 1.0
"""How long an engine that could do without the database waits for it before it serves."""

_RETRY_S = 1.0
_ASKED = 5000  # ids in one question; a database takes some 32,000 values in one
_OTHERS = [one for one in IN_ORDER if one.ended is not None and one is not CALLS]


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """Who exists, and which calls have no end.

    `over`: the ids of the journal's calls and other rows without an end that the database has seen
    end. `others`: the rows without an end of further tables, by the table's name.
    `incident_number`: the highest that the database has. `agencies`, `categories`: all, retired
    ones too; none where neither has told.
    """

    operators: list[Operator]
    phones: list[Phone]
    calls: list[CallRecord]
    over: frozenset[str] = frozenset()
    others: dict[str, list[dict[str, Any]]] = {}
    incident_number: str | None = None
    agencies: list[Agency] = []
    categories: list[Category] = []
    people: KeptPeople = msgspec.field(default_factory=KeptPeople)


def known_by(kept: Kept, stored: Known | None = None) -> Known:
    """Join what the last engine kept with what the database has (None: it is away)."""
    rows = kept.operators
    if stored is None:
        return Known(
            operators=[one for id in sorted(rows) if (one := _operator(rows[id])) is not None],
            phones=list(kept.phones),
            calls=_calls(kept, kept.calls.keys()),
            others={table: list(some.values()) for table, some in kept.others.items()},
            agencies=of_facts(kept.facts),
            categories=category_changes.of_facts(kept.facts),
            people=people_of_facts(kept.facts),
        )
    operators = []
    for one in stored.operators:
        newer = _operator(rows[one.id]) if one.id in kept.newer and one.id in rows else None
        if newer is not None:
            newer.name, newer.pin_hash, newer.home_phone = one.name, one.pin_hash, one.home_phone
        operators.append(newer or one)
    return Known(
        operators=operators,
        phones=stored.phones,
        calls=_joined_calls(kept, stored),
        others={kind.table: _joined_rows(kind, kept, stored) for kind in _OTHERS},
        incident_number=stored.incident_number,
        agencies=stored.agencies,
        categories=stored.categories,
        people=stored.people,
    )


def _joined_rows(kind: RowKind, kept: Kept, stored: Known) -> list[dict[str, Any]]:
    """The rows without an end, each as the journal or the database knows more of it."""
    key, in_journal = str(kind.key), kept.others.get(kind.table, {})
    rows = {one[key]: one for one in stored.others.get(kind.table, [])}
    for id, row in in_journal.items():
        known = rows.get(id)
        if id in stored.over or (known is not None and kind.knows_more(known, row)):
            continue
        if id in kept.newer:
            rows[id] = row
    # what has ended since the database took its last word
    return [row for id, row in rows.items() if id not in kept.newer or id in in_journal]


def _joined_calls(kept: Kept, stored: Known) -> list[CallRecord]:
    """The calls without an end, each as the journal or the database knows more of it.

    A disk that has hung leaves rows in the journal that are older than the database's.
    """
    rows = {
        one.call_id: one for one in _calls(kept, (kept.calls.keys() & kept.newer) - stored.over)
    }
    found = []
    for one in stored.calls:
        row = rows.get(one.call_id)
        if row is not None and row.events < one.events:
            del rows[one.call_id]
        elif one.call_id in kept.newer:
            continue
        found.append(one)
    return found + list(rows.values())


def items_of(known: Known, later_s: float = 0.0) -> list[WorkItem]:
    """The open work items; a row that makes no sense is left out, and stays in the database.

    `later_s`: how far the clock is ahead of the one by which they were written.
    """
    found = []
    for row in known.others.get(TABLE, []):
        try:
            item = msgspec.convert(row, WorkItem)
            item.created_at, item.waits_since = (
                item.created_at + later_s,
                item.waits_since + later_s,
            )
            item.due_at = None if item.due_at is None else item.due_at + later_s
            found.append(item)
        except msgspec.ValidationError as error:
            log.error("work_item_not_understood", id=str(row.get("id")), error=str(error))
    return found


def learn(
    roster: Roster, stored: Known, newer: Set[str], now: float, kept: Kept | None = None
) -> None:
    """Let a roster that has served without the database know what is there.

    `newer`: the operators about whose skills the roster has the last word. Whom only the journal
    has `kept` was removed meanwhile.
    """
    if kept is not None:
        _forget_removed(roster, stored, kept, now)
    for phone in stored.phones:
        roster.add_phone(phone)
    for one in stored.operators:
        roster.add_operator(one)
        if one.id not in newer:
            operator = roster.operators[one.id]
            operator.skills, operator.weight = one.skills, one.weight


def _forget_removed(roster: Roster, stored: Known, kept: Kept, now: float) -> None:
    operators = kept.operators.keys() - {one.id for one in stored.operators}
    for one in [roster.operators[id] for id in operators & roster.operators.keys()]:
        if one.state is State.IDLE and one.text is None:
            if one.status is not Status.LOGGED_OUT:
                roster.changes.choose(one, Status.LOGGED_OUT, None, None, now)
            del roster.operators[one.id]
        else:
            log.warning("removed_operator_is_busy", operator=one.id)
    numbers = {one.number for one in kept.phones} - {one.number for one in stored.phones}
    for number in numbers & roster.phones.keys():
        if roster.at_phone(number) is None and roster.phones[number].device is not Device.IN_USE:
            del roster.phones[number]
        else:
            log.warning("removed_phone_is_busy", phone=number)


def _operator(row: dict[str, Any]) -> Operator | None:
    try:
        return operator_of(row)
    except (KeyError, TypeError, ValueError) as error:
        log.error("operator_not_understood", id=str(row.get("id")), error=str(error))
        return None


def _calls(kept: Kept, ids: Set[str]) -> list[CallRecord]:
    found = []
    for id in sorted(ids):
        try:
            found.append(msgspec.convert(kept.calls[id], CallRecord))
        except msgspec.ValidationError as error:
            log.error("call_not_understood", call_id=id, error=str(error))
    return found


async def read_stored(
    url: str, sources: Sources, kept: Kept | None = None, categories: Iterable[Category] = ()
) -> Known:
    """Make the database ready and read it, in a thread, for making it ready takes its time.

    `sources`, `categories`: what the agencies and categories are if there are none yet. `kept`:
    what the journal knows, of which some may have ended. Raises a DatabaseError.
    """
    kept = kept or Kept()

    def told(made: list[Agency]) -> None:
        moved = [one.id for one in made if one.number in sources.sections]
        ours = [one.id for one in made if one.number not in sources.sections]
        log.info("agencies_made", from_distribution_file=moved, shipped=ours)

    def told_categories(made: list[Category]) -> None:
        if made:
            log.info("categories_made", count=len(made))

    async def read() -> Known:
        await upgrade(url)
        async with Database(url) as database:
            operators, phones = await load_roster(database)
            return Known(
                operators=operators,
                phones=phones,
                calls=await open_calls(database),
                over=await _ended(database, kept),
                others={kind.table: await _open_rows(database, kind) for kind in _OTHERS},
                incident_number=await _incident_number(database),
                agencies=await filled_agencies(database, sources, time.time(), told),
                categories=await filled_categories(
                    database, categories, time.time(), told_categories
                ),
                people=await load_people(database),
            )

    return await in_thread(read)


async def _ended(database: Database, kept: Kept) -> frozenset[str]:
    """The ids of those of the journal's rows without an end that have one in the database.

    Of rows whose end can be taken back only those of which the database knows as much.
    """
    found: set[str] = set()
    in_journal = {CALLS.table: kept.calls, **kept.others}
    for kind in (CALLS, *_OTHERS):
        rows, columns = in_journal.get(kind.table, {}), kind.model.__table__.columns
        ids, key, ended = list(rows), columns[str(kind.key)], columns[str(kind.ended)]
        for some in (ids[at : at + _ASKED] for at in range(0, len(ids), _ASKED)):
            async with database.session() as session:
                query = select(key, columns[str(kind.counter)])
                query = query.where(key.in_(some), ended.is_not(None))
                found.update(
                    id
                    for id, count in await session.execute(query)
                    if not kind.reopens or count >= rows[id].get(str(kind.counter), 0)
                )
    return frozenset(found)


async def _open_rows(database: Database, kind: RowKind) -> list[dict[str, Any]]:
    """The rows of a table that have no end, with times as seconds since the epoch."""
    table = kind.model.__table__
    async with database.session() as session:
        found = await session.execute(select(table).where(table.columns[str(kind.ended)].is_(None)))
        return [plain(dict(row)) for row in found.mappings()]


async def _incident_number(database: Database) -> str | None:
    async with database.session() as session:
        return await session.scalar(select(func.max(IncidentRow.number)))


class StartupState:
    """The way to the database: `first` for the start of an engine, `at_last` for a living one."""

    def __init__(
        self,
        database: Database,
        url: str,
        recorder: DatabaseWriter,
        sources: Sources,
        categories: Iterable[Category],
    ) -> None:
        self._database, self._url, self._recorder = database, url, recorder
        self._sources, self._categories = sources, categories
        self._reading: asyncio.Task[Known] | None = None

    async def first(self, may_do_without: bool) -> Known | None:
        """Read the database; None if it is away, or slow, and the engine may do without it.

        Raises what is wrong with its URL or its tables, and, if it is needed, why it is away.
        """
        self._reading = self._read()
        await asyncio.wait([self._reading], timeout=WITHIN_S if may_do_without else None)
        try:
            if self._reading.done():
                return self._reading.result()
            error = Unreachable(
                f"The database {self._database.name} has not answered in {WITHIN_S:g} s."
            )
        except Unreachable as unreachable:
            if not may_do_without:
                raise
            error = unreachable
        self._recorder.away(error)
        return None

    async def at_last(self) -> Known:
        """Return what the database has as soon as it is there, however long that takes."""
        told = ""
        while True:
            try:
                if self._reading is None:
                    await self._database.check_connection()
                    self._reading = self._read()
                return await self._reading
            except DatabaseError as error:
                if str(error) != told:
                    told = str(error)
                    log.error("database_away", error=told)
            self._reading = None
            await asyncio.sleep(_RETRY_S)

    def _read(self) -> asyncio.Task[Known]:
        reading = read_stored(self._url, self._sources, self._recorder.local.kept, self._categories)
        return asyncio.create_task(reading, name="database")

    def give_up(self) -> None:
        """The engine stops; nobody waits any more."""
        if self._reading is not None:
            self._reading.cancel()


async def in_thread(work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run `work` in a loop of its own, in a thread that no engine waits for when it stops."""
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[T] = loop.create_future()

    def tell(result: T | None, error: BaseException | None) -> None:
        if answer.done():
            return
        if error is not None:
            answer.set_exception(error)
        else:
            answer.set_result(result)  # type: ignore[arg-type]

    def run() -> None:
        result, failed = None, None
        try:
            result = asyncio.run(work())
        except BaseException as error:
            failed = error
        if not loop.is_closed():
            loop.call_soon_threadsafe(tell, result, failed)

    threading.Thread(target=run, name="database", daemon=True).start()
    return await answer
