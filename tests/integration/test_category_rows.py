"""Categories are rows: filled once, changed while the engine is up, and known to the next one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from served import ServedEngine, an_engine
from structlog.testing import capture_logs
from test_agencies import started

from acd.agencies.changes import Terms
from acd.agencies.first import Sources
from acd.feature_codes.dispositions import CategoryCode
from incidents.categories import Categories, Category, Question, QuestionKind
from incidents.categories_file import load_categories as load_file
from incidents.category_changes import CategoryError, Change, first_categories
from incidents.category_rules import TAKEN_DIGITS
from incidents.states import IncidentClass
from journal.database_writer import DatabaseWriter
from journal.write_ahead_log import WriteAheadLog
from models.database import Database
from ngalam112.accounts.categories import (
    change_categories,
    filled_categories,
    load_categories,
)
from ngalam112.api.metrics import CountingJournal
from ngalam112.recovery.late_database import _learn
from ngalam112.recovery.startup_state import Known, known_by, read_stored

pytest_plugins = ("databases",)

SHIPPED = load_file()
ROWS = list(SHIPPED.own.values())
SOURCES = Sources({}, Terms(dial=lambda number: number))


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[ServedEngine]:
    async with an_engine(tmp_path) as one:
        yield one


async def change(database: Database, *changes: Change, now: float = 20.0) -> Categories:
    found = await change_categories(database, ROWS, changes, TAKEN_DIGITS, now)
    return Categories("", found)


# --- the table ------------------------------------------------------------------------------------


async def test_an_empty_table_is_filled_once(database: Database) -> None:
    told: list[list[Category]] = []
    both = await asyncio.gather(
        *(filled_categories(database, ROWS, 9.0, told.append) for _ in range(2))
    )
    assert both[0] == both[1] == await load_categories(database)
    assert told == [both[0]], "once"
    assert [one.id for one in both[0]] == [one.id for one in ROWS], "in the order of their codes"
    as_file = [msgspec.structs.replace(one, version=0, changed_at=0.0) for one in both[0]]
    assert as_file == ROWS and {one.version for one in both[0]} == {1}
    await change(database, Change(id="prank", retired=True))
    again = {one.id: one for one in await filled_categories(database, ROWS, 30.0)}
    assert again["prank"].retired_at == 20.0, "what was retired does not come back"


async def test_all_that_a_category_has_comes_back_as_it_was_kept(database: Database) -> None:
    asks = Question(id="deep", kind=QuestionKind.NUMBER, text={"id": "Sedalam apa?", "en": "How?"})
    values: dict[str, Any] = {
        "code": "699",
        "name": {"id": "=Sumur 🚒", "en": "Well"},
        "national_class": IncidentClass.INFORMATION,
        "parent": "fire",
        "priority": 1,
        "menu": "well",
        "apco": "well rescue",
        "agencies": ("damkar",),
        "questions": (asks,),
    }
    tree = await change(database, Change(id="well", **values), now=100.25)
    assert tree.version == "2"
    one = {row.id: row for row in await load_categories(database)}["well"]
    assert {name: getattr(one, name) for name in values} == values
    assert (one.version, one.changed_at, one.retired_at) == (2, 100.25, None)


async def test_two_categories_change_their_codes_with_each_other(database: Database) -> None:
    tree = await change(database, Change(id="fire", code="45"), Change(id="ambulance", code="50"))
    found = [tree.of_code(code) for code in ("50", "45")]
    assert [one and one.id for one in found] == ["ambulance", "fire"]


async def test_of_changes_of_which_one_is_wrong_none_is_kept(database: Database) -> None:
    before = await filled_categories(database, ROWS, 9.0)
    with pytest.raises(CategoryError, match="'fire': code '15' begins with 1"):
        await change(database, Change(id="prank", apco="x"), Change(id="fire", code="15"))
    assert await load_categories(database) == before


async def test_changes_at_the_same_moment_are_all_kept_each_with_its_version(
    database: Database,
) -> None:
    await filled_categories(database, ROWS, 9.0)
    ids = ("fire", "prank", "ambulance", "accident")
    await asyncio.gather(*(change(database, Change(id=id, apco=f"is {id}")) for id in ids))
    stored = {one.id: one for one in await load_categories(database)}
    assert [stored[id].apco for id in ids] == [f"is {id}" for id in ids]
    assert sorted(stored[id].version for id in ids) == [2, 3, 4, 5]


async def test_a_start_fills_the_table_and_tells_so_once(database_url: str) -> None:
    for times in (1, 0):
        with capture_logs() as logs:
            known = await read_stored(database_url, SOURCES, categories=ROWS)
        assert len(known.categories) == len(ROWS)
        told = [one["count"] for one in logs if one["event"] == "categories_made"]
        assert told == [len(ROWS)] * times


# --- the API --------------------------------------------------------------------------------------


async def test_a_change_is_used_by_the_next_code_incident_and_report(served: ServedEngine) -> None:
    engine, codes = served.engine, served.engine.router.dispositions
    assert codes.categories["51"].category == "fire_building", "before anybody asked the database"
    new = {"id": "fire_market", "code": "57", "name": {"id": "Pasar"}, "class": "emergency"}
    listed = (await served.put("/api/categories", categories=[new]))["categories"]
    assert [(one["code"], one["version"]) for one in listed] == [("57", 2)]
    assert codes.categories["57"] == CategoryCode("fire_market", "emergency")
    assert "57" in engine.dispatcher.transfers.codes
    assert (found := engine.categories.of_code("57")) is not None and found.called() == "Pasar"
    await served.put("/api/categories/fire_market", code="58", menu="market")
    assert "57" not in codes.categories and codes.categories["58"].category == "fire_market"
    assert engine.router.incidents._category_of("market") == "fire_market"
    told = await served.get("/api/categories/fire_market")
    assert (told["category"]["code"], told["path"]) == ("58", ["fire_market"])


async def test_a_retired_category_is_named_and_neither_dialled_nor_found(
    served: ServedEngine,
) -> None:
    made = await served.post("/api/incidents", description="x", category="prank")
    await served.delete("/api/categories/prank")
    tree = served.engine.categories
    assert tree.get("prank") is not None and tree.find("prank") == []
    assert "prank" not in {one.category for one in tree_codes(served).values()}
    rows = (await served.get("/api/categories"))["categories"]
    everything = (await served.get("/api/categories", retired="true"))["categories"]
    assert {one["id"] for one in everything} - {one["id"] for one in rows} == {"prank"}
    shown = await served.get(f"/api/incidents/{made['id']}")
    assert shown["incident"]["category"] == "prank"
    await served.put("/api/categories/prank", retired=False)
    assert "prank" in {one.category for one in tree_codes(served).values()}


def tree_codes(served: ServedEngine) -> dict[str, CategoryCode]:
    return dict(served.engine.router.dispositions.categories)


# --- the next engine ------------------------------------------------------------------------------


def test_the_next_engine_knows_them_from_the_journal(tmp_path: Path) -> None:
    local = WriteAheadLog(tmp_path / "journal")
    journal = CountingJournal(DatabaseWriter(Database("sqlite://"), local))
    journal.keep("categories", [msgspec.to_builtins(one) for one in ROWS])
    local.keep_phones([])
    local.close()
    again = WriteAheadLog(tmp_path / "journal")
    assert known_by(again.kept).categories == ROWS
    again.close()


async def test_an_engine_has_those_of_the_last_one_until_the_database_is_there(
    served: ServedEngine,
) -> None:
    one = await started(served)
    (kept,) = first_categories([SHIPPED.own["fire"]], 9.0)
    known = Known(operators=[], phones=[], calls=[], categories=[kept])
    one.start(known, is_stored=False)
    assert [*tree_codes(served)] == ["50"] and not one.engine.categories_stored
    later = msgspec.structs.replace(kept, code="59", version=2)
    stored = msgspec.structs.replace(known, categories=[later])
    await one.engine.do(lambda _: _learn(one.engine, one.journal.recorder, stored))
    assert [*tree_codes(served)] == ["59"] and one.engine.categories.version == "2"
    await one.put("/api/categories/fire", code="58")
    await one.engine.do(lambda _: _learn(one.engine, one.journal.recorder, stored))
    assert [*tree_codes(served)] == ["58"], "what the API has changed is newer"


async def test_a_file_of_the_city_fills_the_table_and_is_passed_over_afterwards(
    tmp_path: Path,
) -> None:
    file = tmp_path / "own.toml"
    file.write_text(
        'version = "1"\n[[categories]]\nid = "whale"\ncode = "77"\nname = { id = "Paus" }\n'
        'class = "emergency"\n',
        "utf-8",
    )
    async with an_engine(tmp_path / "home", categories_file=file) as served:
        assert [*tree_codes(served)] == ["77"]
        one = await started(served)
        known = Known(operators=[], phones=[], calls=[], categories=first_categories(ROWS, 9.0))
        logs = one.start(known, is_stored=True)
        (told,) = [log for log in logs if log["event"] == "categories_file_passed_over"]
        assert told["file"] == str(file) and "NGALAM112_CATEGORIES_FILE" in told["what"]
        assert len(tree_codes(served)) == len(ROWS), "the rows count"


@pytest.mark.parametrize(
    ("status", "path", "body", "said"),
    [
        (400, "/api/categories/fire", {"code": "41" * 4}, "must be 2 to 6 digits"),
        (400, "/api/categories/fire", {"code": 50}, "Expected `str"),
        (400, "/api/categories/fire", {"id": "prank"}, "the path is not"),
        (400, "/api/categories/fire", {"colour": "red"}, "unknown field"),
        (400, "/api/categories/fire", {"name": {"id": "a\x1b[2J"}}, "must be one line of 1 to 60"),
        (400, "/api/categories/fire", {"parent": "fire_building"}, "a part of itself"),
        (400, "/api/categories/fire", {"apco": "x" * 70_000}, "larger than 64 KiB"),
        (404, "/api/categories/nobody", {"retired": True}, "There is no category 'nobody'"),
        (400, "/api/categories", {"categories": []}, "length >= 1"),
        (400, "/api/categories", {"categories": [{"id": "a"}] * 501}, "length <= 500"),
    ],
)
async def test_what_cannot_be_is_refused(
    served: ServedEngine, status: int, path: str, body: dict[str, Any], said: str
) -> None:
    before = served.engine.categories.own
    found = await served.refusal("put", path, **body)
    assert found[0] == status and said in found[1]
    assert served.engine.categories.own == before
