"""An erasure: nobody is found by the number any more, and everything counts as it did."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
from databases import with_tables
from lines import line_settings
from personal import (
    BUDI,
    BUDI_CONTACT,
    BUDI_KEY,
    ENDED,
    LATER,
    NOON,
    OF_BUDI,
    OF_SRI,
    OVER,
    SHARED,
    SRI,
    SRI_CONTACT,
    SRI_KEY,
    TALK,
    a_text,
    add_call,
    add_incident,
    an_item,
    check_folds,
    entries_of,
    events_of,
    fill,
    rows_of,
    whole_text,
)
from served import an_engine
from sqlalchemy import insert
from test_commands import failed_in_one_line, run

from acd.calls.call import Call
from acd.texts.conversation import row_of
from acd.texts.states import TextState
from acd.work_items.states import ItemState
from incidents.book import By
from incidents.categories_file import load_categories
from incidents.incident import EntryKind
from journal.row_kinds import CALLS, INCIDENTS
from journal.write_ahead_log import WriteAheadLog
from models.database import Database
from models.rows import fit
from models.tables import (
    CallRow,
    IncidentContactRow,
    IncidentRow,
    PrivacyHoldRow,
    TextConversationRow,
    WorkItemRow,
)
from models.writing import upsert, upsert_newer
from ngalam112.api.privacy import UNCHANGED_S
from ngalam112.personal_data import erasing
from ngalam112.personal_data.erasing import Outcome, erase, look
from ngalam112.personal_data.records import Erasing, Left, erase_calls
from ngalam112.personal_data.writing import writing
from privacy.holds import Holds
from reports.calls import list_calls
from reports.incidents import incident_of, list_incidents
from reports.national import national_report
from reports.national_facts import Month
from reports.national_mapping import load_mapping
from reports.summary import summary
from reports.texts import show_text

pytest_plugins = ("databases",)

ZONE = ZoneInfo("Asia/Jakarta")
HOW: dict[str, Any] = {"why": "request 7", "by": "sari", "now": LATER, "country": "ID"}


async def nobody(calls: Sequence[str], incidents: Sequence[str]) -> None:
    """Who serves nothing has nothing to let go of."""


async def erased(database: Database, **changes: Any) -> Outcome:
    return await erase(database, SRI_KEY, let_go=nobody, **(HOW | changes))


async def statistics(database: Database) -> list[Any]:
    """All that is counted of the month."""
    found: list[Any] = []
    async with database.session() as session:
        for by in ("hour", "category", "operator"):
            found.append(await summary(session, by=by))  # type: ignore[arg-type]
    at = datetime.fromtimestamp(LATER, UTC)
    given = (load_mapping(), load_categories(), ["Klojen", "Sukun"], at)
    found.append(await national_report(database, Month(2026, 4), ZONE, *given))
    return [msgspec.to_builtins(one) for one in found]


async def test_nothing_of_the_person_is_left_and_everything_of_others(database: Database) -> None:
    await fill(database)
    made = await erased(database)
    assert made == Outcome(
        erased={"callbacks": 1, "texts": 1, "calls": 3, "incidents": 2},
        left=[],
        texts_kept=["2026-000002"],
        has_place=True,
    )
    left = await whole_text(database)
    # the city's list is the engine's; the texts of what Budi has told of as well stay
    texts = ("Sri Rahayu", "Jalan Ijen 1", "Oro-oro Dowo")
    gone = [one for one in OF_SRI if one not in texts and one in left]
    assert gone == [SRI, SRI_KEY], "... in the list of registered places"
    for model in (CallRow, WorkItemRow, TextConversationRow, IncidentContactRow):
        rows = repr(await rows_of(database, model))
        assert [one for one in OF_SRI if one in rows] == []
    assert [one for one in OF_BUDI if one not in left] == []


async def test_every_record_is_still_what_its_events_come_to(database: Database) -> None:
    await fill(database)
    await check_folds(database)
    await erased(database)
    await check_folds(database)
    async with database.session() as session:
        assert [one.id for one in await list_incidents(session, which="all", text="Ijen")] == []
        # what others have told of is found as before
        found = await list_incidents(session, which="all", text="Bandung")
        assert [one.id for one in found] == ["i2"]


async def test_what_is_counted_is_the_same_before_and_after(database: Database) -> None:
    await fill(database)
    before = await statistics(database)
    assert before[0]["offered"] == 4 and before[0]["answered"] == 2
    await erased(database)
    assert await statistics(database) == before


async def test_a_second_erasure_finds_nothing_and_changes_nothing(database: Database) -> None:
    await fill(database)
    await erased(database)
    before = await whole_text(database)
    assert (await erased(database)).erased == {}
    assert await whole_text(database) == before


async def test_to_look_changes_nothing_and_tells_the_same(database: Database) -> None:
    await fill(database)
    before = await whole_text(database)
    seen = await look(database, SRI_KEY, **HOW)
    assert await whole_text(database) == before
    assert seen == await erased(database)


async def living(database: Database) -> None:
    """What must not be touched: a call that is up, open callbacks, texts and incidents."""
    await add_call(database, events_of("up", SRI, "Sri", NOON, *TALK))
    opened = entries_of("open", NOON, *SHARED[:5])
    opened[0] = msgspec.structs.replace(opened[0], data=opened[0].data | {"number": "2026-000009"})
    await add_incident(database, opened, [SRI_KEY])
    item = an_item("up", SRI, state=ItemState.WAITING, ended_at=None, outcome=None)
    text = a_text("t9", SRI, state=TextState.TALKING, closed_at=None)
    async with database.engine.begin() as connection:
        await upsert(connection, WorkItemRow, [item.row()])
        await upsert(connection, TextConversationRow, [row_of(text)])


async def test_what_lives_is_named_one_by_one_and_left_alone(database: Database) -> None:
    await fill(database)
    await living(database)
    made = await erased(database)
    assert sorted(made.left, key=lambda one: one.what) == [
        Left("call", "up", "is up, or has no end yet"),
        Left("callback", "w-up", "is open: the line owes a call"),
        Left("incident", "2026-000009", "is not over (opened)"),
        Left("text", "t9", "is open"),
    ]
    assert not made.is_whole and made.erased["calls"] == 3
    rows = {one["call_id"]: one for one in await rows_of(database, CallRow)}
    assert rows["up"]["caller_number"] == SRI and rows["s1"]["caller_number"] == "erased"


async def hold(database: Database, kind: str, target: str) -> None:
    values = {"kind": kind, "target": target, "reason": "court", "placed_by": "dpo"}
    values |= {"placed_at": NOON, "released_because": ""}
    async with database.engine.begin() as connection:
        await connection.execute(insert(PrivacyHoldRow).values(fit(PrivacyHoldRow, values)))


@pytest.mark.parametrize(
    ("kind", "target", "stay"),
    [
        ("call", "s1", ["call s1", "incident 2026-000001"]),
        ("incident", "i2", ["call s2", "incident 2026-000002"]),
        (
            "number",
            SRI_KEY,
            [
                *("call s1", "call s2", "call s3", "callback w-s3"),
                *("incident 2026-000001", "incident 2026-000002", "registered place ", "text t1"),
            ],
        ),
    ],
)
async def test_a_hold_keeps_what_belongs_to_it(
    database: Database, kind: str, target: str, stay: list[str]
) -> None:
    await fill(database)
    await hold(database, kind, target)
    made = await erased(database)
    assert sorted(f"{one.what} {one.name}" for one in made.left) == stay
    assert {one.why for one in made.left} == {"on legal hold 1 (court)"}


async def merge(database: Database) -> None:
    """What Sri told of alone stands in the place of what Budi told of alone, and is still open."""
    first = {"number": "2026-000008", "calls": ["b8"], "contact": BUDI_CONTACT}
    merged = ((EntryKind.OPENED, first), *OVER[:1], (EntryKind.MERGED, {"into": "i7"}))
    await add_incident(database, entries_of("i8", NOON, *merged), [BUDI_KEY], ["b8"])
    await add_call(database, events_of("b8", BUDI, "Budi", NOON, ENDED))
    item, text = an_item("b8", BUDI), a_text("t8", BUDI, call_id="b8")
    async with database.engine.begin() as connection:
        await upsert(connection, WorkItemRow, [item.row()])
        await upsert(connection, TextConversationRow, [row_of(text)])


async def test_a_hold_on_an_incident_keeps_all_that_is_of_what_is_merged_into_it(
    database: Database,
) -> None:
    second = {"number": "2026-000007", "calls": ["s7"], "contact": SRI_CONTACT, "description": "x"}
    await add_incident(database, entries_of("i7", NOON, (EntryKind.OPENED, second), *OVER))
    await merge(database)
    await hold(database, "incident", "i7")
    made = await erase(database, BUDI_KEY, let_go=nobody, **HOW)
    left = sorted(f"{one.what} {one.name}" for one in made.left)
    assert left == ["call b8", "callback w-b8", "incident 2026-000008", "text t8"]
    assert made.erased == {}


async def test_who_told_of_what_was_merged_in_and_who_withheld_the_number_are_others(
    database: Database,
) -> None:
    opened = {"number": "2026-000007", "calls": ["s7"], "contact": SRI_CONTACT, "description": "x"}
    entries = entries_of("i7", NOON, (EntryKind.OPENED, opened), *OVER)
    await add_incident(database, entries, [SRI_KEY])
    await merge(database)
    nobody_knows = {"number": "anonymous", "withheld": True}
    steps = ((EntryKind.OPENED, opened | {"number": "2026-000009"}), *OVER)
    steps = (*steps[:1], (EntryKind.CONTACT, nobody_knows), *steps[1:])
    await add_incident(database, entries_of("i9", NOON, *steps), [SRI_KEY])
    made = await erased(database)
    assert sorted(made.texts_kept) == ["2026-000007", "2026-000009"]
    rows = {one["id"]: one for one in await rows_of(database, IncidentRow)}
    assert rows["i7"]["description"] == rows["i9"]["description"] == "x"


async def test_a_call_stays_while_its_incident_is_not_over(database: Database) -> None:
    opened = {"number": "2026-000007", "calls": ["s7"], "contact": SRI_CONTACT}
    await add_call(database, events_of("s7", SRI, "Sri", NOON, *TALK, ENDED))
    entries = entries_of("i7", NOON, (EntryKind.OPENED, opened))
    await add_incident(database, entries, [SRI_KEY], ["s7"])
    made = await erased(database)
    assert Left("call", "s7", "belongs to an incident that is not over (opened)") in made.left
    assert SRI in repr(await rows_of(database, CallRow))


@pytest.mark.parametrize("is_over", [False, True])
async def test_what_was_written_stays_as_long_as_the_incident_that_it_opened_is_not_over(
    database: Database, is_over: bool
) -> None:
    opened = {"number": "2026-000007", "calls": ["t7"], "contact": SRI_CONTACT}
    steps = ((EntryKind.OPENED, opened), *(OVER if is_over else ()))
    await add_incident(database, entries_of("i7", NOON, *steps), [SRI_KEY], ["t7"])
    async with database.engine.begin() as connection:
        await upsert(connection, TextConversationRow, [row_of(a_text("t7", SRI))])
    made = await erased(database)
    left = Left("text", "t7", "belongs to an incident that is not over (opened)")
    assert (left in made.left) is not is_over
    assert made.erased == ({"texts": 1, "incidents": 1} if is_over else {})
    assert (SRI in repr(await rows_of(database, TextConversationRow))) is not is_over


async def test_what_an_engine_writes_late_does_not_bring_it_back(database: Database) -> None:
    await fill(database)
    kinds = ((CallRow, CALLS), (IncidentRow, INCIDENTS))
    before = {model: await rows_of(database, model) for model, _ in kinds}
    await erased(database)
    after = await whole_text(database)
    async with database.engine.begin() as connection:
        for model, kind in kinds:
            assert kind.counter is not None
            ended = None if kind.reopens else kind.ended
            await upsert_newer(connection, model, before[model], kind.counter, ended)
    assert await whole_text(database) == after


async def test_an_erasure_that_is_cut_off_goes_on_where_it_was(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    await fill(database)
    monkeypatch.setattr(erasing, "ROWS", 1)
    real, done = erasing.bit_by_bit, []

    async def until_the_power_goes(work: Any) -> Any:
        if len(done) == 4:
            raise RuntimeError("power cut")
        done.append(await real(work))

    monkeypatch.setattr(erasing, "bit_by_bit", until_the_power_goes)
    with pytest.raises(RuntimeError, match="power cut"):
        await erased(database)
    await check_folds(database)
    monkeypatch.setattr(erasing, "bit_by_bit", real)
    made = await erased(database)
    assert made.is_whole and made.erased["incidents"] == 2
    assert SRI not in repr(await rows_of(database, CallRow))


async def test_the_command_closes_the_request_once_nothing_is_left(tmp_path: Path) -> None:
    settings = line_settings(tmp_path / "line")
    settings.home.mkdir(mode=0o700)
    await with_tables(settings.url)
    async with Database(settings.url) as database:
        await fill(database)
        await living(database)
    asked = ("privacy", "request", "-n", SRI, "--kind", "erasure", "--verified", "called back")
    assert (await run(settings, *asked)).code == 0
    do = ("privacy", "erase", "-n", SRI, "--request", "1")
    ran = await run(settings, *do, "--dry-run")
    assert ran.code == 1 and "would be erased" in ran.out and "is not over (opened)" in ran.out
    ran = await run(settings, *do)
    assert ran.code == 1 and ran.err == ""
    assert ran.out.startswith("1 callback, 1 text, 3 calls, 2 incidents, 1 registered place: ")
    assert "2026-000002" in ran.out and "less than an hour" not in ran.out
    assert "in hand" in (await run(settings, "privacy", "list")).out
    failed_in_one_line(
        await run(settings, "privacy", "done", "1", "--reason", "x"), "privacy erase --number"
    )
    failed_in_one_line(
        await run(settings, "privacy", "erase", "-n", "0812 9999 9999", "--request", "1"),
        "does not ask for the erasure of this number",
    )


async def test_what_waits_in_a_journal_is_not_overtaken(tmp_path: Path) -> None:
    settings = line_settings(tmp_path / "line")
    settings.home.mkdir(mode=0o700)
    await with_tables(settings.url)
    async with Database(settings.url) as database:
        await fill(database)
        before = await whole_text(database)
    journal = WriteAheadLog(settings.journal)
    journal.add(("calls", {"call_id": "s1"}))
    journal.close()
    asked = ("privacy", "request", "-n", SRI, "--kind", "erasure", "--verified", "called back")
    assert (await run(settings, *asked)).code == 0
    ran = await run(settings, "privacy", "erase", "-n", SRI, "--request", "1")
    failed_in_one_line(ran, "The journal has 1 entries", "start the line")
    async with Database(settings.url) as database:
        assert await whole_text(database) == before


async def test_what_is_recorded_and_not_written_yet_is_erased_too(database: Database) -> None:
    waits = [events_of("late", SRI, "Sri", NOON, *TALK, ENDED)]

    async def written(calls: Sequence[str], incidents: Sequence[str]) -> None:
        while waits:
            await add_call(database, waits.pop())

    made = await erase(database, SRI_KEY, let_go=written, **HOW)
    assert made.erased["calls"] == 1 and made.is_whole
    assert SRI not in await whole_text(database)


async def test_what_comes_after_each_look_is_left_and_not_called_done(database: Database) -> None:
    await fill(database)
    calls: list[str] = []

    async def one_more(of_calls: Sequence[str], incidents: Sequence[str]) -> None:
        calls.append(f"more{len(calls)}")
        await add_call(database, events_of(calls[-1], SRI, "Sri", NOON, *TALK, ENDED))

    made = await erase(database, SRI_KEY, let_go=one_more, **HOW)
    assert Left("call", calls[-1], "was changed while it was erased") in made.left


async def test_a_hold_that_is_placed_meanwhile_counts(database: Database) -> None:
    await fill(database)

    async def held(calls: Sequence[str], incidents: Sequence[str]) -> None:
        if calls:
            await hold(database, "call", "s3")

    made = await erase(database, SRI_KEY, let_go=held, **HOW)
    assert "call s3" in {f"{one.what} {one.name}" for one in made.left}
    rows = {one["call_id"]: one for one in await rows_of(database, CallRow)}
    assert rows["s3"]["caller_number"] == SRI_KEY and rows["s1"]["caller_number"] == "erased"


async def later(served: Any) -> None:
    """Let the time pass in which the engine changes nothing that it was asked to let go of."""
    timers = served.engine.router.dispatcher.timers
    await served.engine.do(lambda now: timers.fire(now + UNCHANGED_S))


async def test_nobody_is_found_by_the_word_that_stands_for_numbers(database: Database) -> None:
    await fill(database)
    await erased(database)
    async with database.session() as session:
        assert await list_calls(session, caller="erased") == []
        assert len(await list_calls(session)) == 4
        assert (await show_text(session, "t1")).calls == []


async def test_who_calls_himself_erased_is_erased(database: Database) -> None:
    await add_call(database, events_of("e", "erased", "Sri", NOON, *TALK, ENDED))
    how = Erasing(why="x", by="x", now=LATER, holds=Holds(), country="ID")
    for counted in (1, 1):
        async with writing(database) as connection:
            await erase_calls(connection, ["e"], how)
        assert how.erased["calls"] == ["e"] * counted
    (row,) = await rows_of(database, CallRow)
    assert (row["caller_number"], row["caller_name"]) == ("erased", "")


async def test_an_engine_lets_go_and_writes_nothing_back(tmp_path: Path) -> None:
    async with an_engine(tmp_path) as served:
        await fill(served.database)
        book = served.engine.router.incidents
        (row,) = [one for one in await rows_of(served.database, IncidentRow) if one["id"] == "i1"]
        incident = incident_of(row)
        await served.engine.do(
            lambda now: book.change(
                book.take(incident), EntryKind.NOTED, By("1001", "phone"), now, {"text": ""}
            )
        )
        assert "i1" in book.in_hand
        await served.post("/api/privacy/let_go", calls=["s1"], incidents=["i1", "nobody"])
        assert "i1" not in book.in_hand
        await erase(served.database, SRI_KEY, let_go=nobody, **(HOW | {"now": 4e9}))
        refused = await served.refusal("post", "/api/incidents/2026-000001/note", text="seen")
        assert refused[0] == 409 and "is being erased" in refused[1]
        await later(served)
        # a note afterwards begins with what the database has now
        await served.post("/api/incidents/2026-000001/note", text="seen")
        await served.journal.recorder.flushed()
        await check_folds(served.database)
        left = repr(
            [one for one in await rows_of(served.database, IncidentRow) if one["id"] == "i1"]
        )
        assert SRI not in left and "Ijen" not in left


async def test_the_call_that_an_operator_has_in_mind_is_erased_there_too(tmp_path: Path) -> None:
    async with an_engine(tmp_path) as served:
        events = events_of("c9", SRI, "Sri", NOON, *TALK, ENDED)
        record = await add_call(served.database, events)
        legs = served.engine.dispatcher.operator_legs
        legs.last_calls["1001"] = Call(channel="c9", record=record, journal=served.engine.journal)
        await served.post("/api/privacy/let_go", calls=["c9"])
        await erase(served.database, SRI_KEY, let_go=nobody, **HOW)
        assert record.caller_number == SRI and "1001" not in legs.last_calls
        say = ("/api/calls/c9/disposition", {"disposition": "prank", "operator": "1001"})
        refused = await served.refusal("post", say[0], **say[1])
        assert refused[0] == 409 and "is being erased" in refused[1]
        await later(served)
        await served.post(say[0], **say[1])
        await served.journal.recorder.flushed()
        (row,) = await rows_of(served.database, CallRow)
        assert (row["caller_number"], row["disposition"]) == ("erased", "prank")
        await check_folds(served.database)
