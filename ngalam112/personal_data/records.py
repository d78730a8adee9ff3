"""Takes what is personal out of records, a few in one transaction; statistics stay exact.

Each function reads its records anew inside the transaction, and leaves those alone that live or are
on hold (`privacy.standing`). What is erased already is passed over, so that any of them can be done
twice.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Sequence
from typing import Any

import msgspec
from sqlalchemy import bindparam, delete, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from acd.calls.record import CallEvent, EventKind
from acd.numbers.caller import same_caller
from acd.texts.conversation import ConversationRecord
from acd.work_items.item import WorkItem
from incidents.incident import Entry, EntryKind, Incident
from models.rows import fit, plain
from models.tables import (
    CallEventRow,
    CallRow,
    DispatchRow,
    IncidentContactRow,
    IncidentEntryRow,
    IncidentRow,
    TextConversationRow,
    TextMessageRow,
    WorkItemRow,
)
from models.writing import insert_new
from ngalam112.personal_data.going import let_go_of_calls
from privacy.erasing import (
    ERASED,
    erased_entry,
    erased_event,
    is_blank,
    is_erased,
    new_names,
    with_entry,
    with_erasure,
)
from privacy.holds import Holds
from privacy.redaction import is_alone
from privacy.standing import call_stays, incident_stays, item_stays, text_stays
from reports.calls import record_of
from reports.incidents import incident_of
from reports.privacy_incidents import chains_of, chains_of_calls, merged_in


class Left(msgspec.Struct, frozen=True):
    """What was not erased, and why: `what` is `call`, `incident`, ... and `name` which one."""

    what: str
    name: str
    why: str


class Erasing(msgspec.Struct, kw_only=True):
    """How records are to be erased, and what has come of it.

    `why` stands in the records. `writes`: False only looks. `again`: what is erased already counts
    as well. `country`: where numbers are from.
    `erased`: ids by what they are. `left`: what stays as it is. `texts_kept`: numbers of incidents
    whose texts stay, because others have told of them too.
    """

    why: str
    by: str
    now: float
    holds: Holds
    country: str
    writes: bool = True
    again: bool = False
    erased: dict[str, list[str]] = msgspec.field(default_factory=lambda: defaultdict(list))
    left: list[Left] = []
    texts_kept: list[str] = []

    def key(self, number: str) -> str | None:
        """The key of a number."""
        return same_caller(number, self.country)

    def stays(self, what: str, name: str, why: str | None) -> bool:
        """Note what stays as it is; False if nothing speaks against its erasure."""
        if why is not None:
            self.left.append(Left(what, name, why))
        return why is not None


async def erase_calls(connection: AsyncConnection, ids: Sequence[str], how: Erasing) -> None:
    """Erase the callers of these calls, in the records and in their events."""
    rows = await _rows(connection, CallRow, CallRow.call_id, ids, locks=how.writes)
    done = select(CallEventRow.call_id).where(
        CallEventRow.call_id.in_(ids), CallEventRow.kind == EventKind.ERASED.value
    )
    says_so = set((await connection.execute(done)).scalars())
    chains = await chains_of_calls(connection, ids)
    chosen = {}
    for record in map(record_of, rows):
        id = record.call_id
        # a caller may call himself by this very word
        if record.caller_number == ERASED and id in says_so and not how.again:
            continue
        hold = how.holds.over(
            calls=[id],
            incidents=[one.id for one in chains.get(id, [])],
            callers=[how.key(record.caller_number)],
        )
        standing = chains[id][-1] if id in chains else None
        if not how.stays("call", id, call_stays(record, hold, how.now, standing)):
            chosen[id] = with_erasure(record, how.why, how.now)
    how.erased["calls"] += chosen
    if not how.writes or not chosen:
        return
    await let_go_of_calls(connection, [made.asterisk_id for made, _ in chosen.values()], how.why)
    table: Any = CallRow.__table__
    changed = [
        {"of": id, **{f"new_{name}": getattr(made, name) for name in _OF_CALL}}
        for id, (made, _) in chosen.items()
    ]
    values: dict[str, Any] = {name: bindparam(f"new_{name}") for name in _OF_CALL}
    there = table.c.call_id == bindparam("of")
    await connection.execute(update(table).where(there).values(values), changed)
    events = await _rows(connection, CallEventRow, CallEventRow.call_id, list(chosen))
    await _change_data(connection, CallEventRow, "call_id", [_new_event(one) for one in events])
    last = [msgspec.structs.asdict(event) for _, event in chosen.values()]
    await insert_new(connection, CallEventRow, last)


_OF_CALL = (
    "caller_number",
    "caller_name",
    "lat",
    "lon",
    "radius_m",
    "place",
    "kelurahan",
    "events",
)


def _new_event(row: dict[str, Any]) -> tuple[str, int, dict[str, Any], dict[str, Any]]:
    event = msgspec.convert(row, CallEvent)
    return event.call_id, event.seq, event.data, erased_event(event).data


async def erase_items(connection: AsyncConnection, ids: Sequence[str], how: Erasing) -> None:
    """Erase whom these callbacks called."""
    chosen = []
    rows = await _rows(connection, WorkItemRow, WorkItemRow.id, ids, locks=how.writes)
    chains = await chains_of_calls(connection, [row["call_id"] for row in rows])
    for row in rows:
        item = msgspec.convert(row, WorkItem)
        if item.number == ERASED and not how.again:
            continue
        above = [one.id for one in chains.get(item.call_id, [])]
        hold = how.holds.over(calls=[item.call_id], incidents=above, callers=[how.key(item.number)])
        if not how.stays("callback", item.id, item_stays(item, hold, how.now)):
            chosen.append(item.id)
    how.erased["callbacks"] += chosen
    if how.writes and chosen:
        changes = {"number": ERASED, "note": "", "changes": WorkItemRow.changes + 1}
        there = WorkItemRow.id.in_(chosen)
        await connection.execute(update(WorkItemRow).where(there).values(changes))


async def erase_texts(connection: AsyncConnection, ids: Sequence[str], how: Erasing) -> None:
    """Erase who has written these conversations, and all that was written."""
    chosen = []
    of, locks = TextConversationRow, how.writes
    rows = await _rows(connection, of, of.id, ids, locks=locks)
    told = [row[name] for row in rows for name in ("id", "call_id")]
    chains = await chains_of_calls(connection, told)
    for row in rows:
        record = msgspec.convert(row, ConversationRecord)
        if record.number == ERASED and not how.again:
            continue
        above = [one.id for id in (record.id, record.call_id) for one in chains.get(id, [])]
        hold = how.holds.over(
            calls=[record.call_id], incidents=above, callers=[how.key(record.number)]
        )
        standing = chains[record.id][-1] if record.id in chains else None
        if not how.stays("text", record.id, text_stays(record, hold, how.now, standing)):
            chosen.append(record.id)
    how.erased["texts"] += chosen
    if not how.writes or not chosen:
        return
    blank = {"address": "", "peer": ""}
    changes = blank | {"number": ERASED, "name": "", "note": "", "changes": of.changes + 1}
    await connection.execute(update(of).where(of.id.in_(chosen)).values(changes))
    said = blank | {"body": "", "changes": TextMessageRow.changes + 1}
    there = TextMessageRow.conversation_id.in_(chosen)
    await connection.execute(update(TextMessageRow).where(there).values(said))


async def erase_incident(
    connection: AsyncConnection, incident_id: str, how: Erasing, *, caller: str | None
) -> None:
    """Erase one caller from an incident, or all who have told of it (None).

    Where nobody else has told of it, its texts, answers and place go too.
    """
    rows = await _rows(connection, IncidentRow, IncidentRow.id, [incident_id], locks=how.writes)
    if not rows:
        return
    incident = incident_of(rows[0])
    chain = (await chains_of(connection, [incident_id]))[incident_id]
    below = await merged_in(connection, incident_id)
    entries = [
        msgspec.convert(row, Entry)
        for row in await _rows(
            connection, IncidentEntryRow, IncidentEntryRow.incident_id, [incident_id]
        )
    ]
    entries.sort(key=lambda one: one.seq)
    is_theirs = _theirs(how, caller)
    numbers = [one.number for one in incident.contacts]
    mine = [one for one in numbers if is_theirs(one)]
    told = [one for of in (incident, *below) for one in of.contacts if not is_erased(one.number)]
    whole = is_alone(msgspec.to_builtins(told), is_theirs)
    names = new_names(entries, None if whole else _spelled(entries, is_theirs))
    changed = [
        (one.incident_id, one.seq, one.data, erased_entry(one, names, whole=whole).data)
        for one in entries
    ]
    is_done = all(before == now for _, _, before, now in changed)
    if not how.again and is_done and (is_blank(incident) if whole else not mine):
        return
    if caller is not None and not mine:
        return
    hold = how.holds.over(
        calls=[call for of in (incident, *below) for call in of.call_ids],
        incidents=[one.id for one in chain],
        callers=map(how.key, (one.number for one in told)),
    )
    name = incident.number or incident.id
    changed_at = max((one.at for one in entries if one.kind is not EntryKind.ERASED), default=0.0)
    why = incident_stays(incident, chain[-1], changed_at, hold, how.now)
    if how.stays("incident", name, why):
        return
    how.erased["incidents"].append(incident_id)
    if not whole:
        how.texts_kept.append(name)
    if how.writes:
        await _write_incident(connection, incident, names, whole, how)
        await _change_data(connection, IncidentEntryRow, "incident_id", changed)
        await _unfind(connection, incident_id, None if whole else caller)


def _theirs(how: Erasing, caller: str | None) -> Callable[[str], bool]:
    return lambda number: caller is None or how.key(number) == caller


def _spelled(entries: Sequence[Entry], is_theirs: Callable[[str], bool]) -> list[str]:
    """The numbers of a timeline that are theirs, as it spells them."""
    told = EntryKind.CONTACT
    contacts = (one.data if one.kind is told else one.data.get("contact", {}) for one in entries)
    numbers = {str(one.get("number", "")) for one in contacts}
    return [one for one in numbers if is_theirs(one)]


async def _write_incident(
    connection: AsyncConnection,
    incident: Incident,
    names: dict[str, str],
    whole: bool,
    how: Erasing,
) -> None:
    made, last = with_entry(incident, names, whole=whole, why=how.why, by=how.by[:32], now=how.now)
    there = IncidentRow.id == incident.id
    await connection.execute(update(IncidentRow).where(there).values(fit(IncidentRow, made.row())))
    await insert_new(connection, IncidentEntryRow, [msgspec.structs.asdict(last)])
    if whole:
        of = DispatchRow
        said = {"note": "", "changes": of.changes + 1}
        there = of.incident_id == incident.id
        await connection.execute(update(of).where(there, of.note != "").values(said))


async def _unfind(connection: AsyncConnection, incident_id: str, caller: str | None) -> None:
    """Let the incident be found by this caller no more, or by none."""
    contact = IncidentContactRow
    there = [contact.incident_id == incident_id]
    if caller is not None:
        there.append(contact.caller == caller)
    await connection.execute(delete(contact).where(*there))


async def _rows(
    connection: AsyncConnection,
    model: Any,
    column: Any,
    ids: Collection[str],
    *,
    locks: bool = False,
) -> list[dict[str, Any]]:
    """`locks`: whoever else writes them waits until we are done; SQLite has one writer anyway."""
    query = select(model.__table__).where(column.in_(ids))
    if locks:
        query = query.order_by(column).with_for_update()
    return [plain(dict(row)) for row in (await connection.execute(query)).mappings()]


async def _change_data(
    connection: AsyncConnection,
    model: Any,
    id: str,
    changes: Sequence[tuple[str, int, dict[str, Any], dict[str, Any]]],
) -> None:
    """Give rows of a timeline their new data, where it is another: id, seq, data before, now."""
    table = model.__table__
    values = [
        {"of": of, "number": seq, "now": now} for of, seq, before, now in changes if now != before
    ]
    if values:
        statement = (
            update(table)
            .where(table.c[id] == bindparam("of"), table.c.seq == bindparam("number"))
            .values(data=bindparam("now"))
        )
        await connection.execute(statement, values)
