"""`ngalam112 category ...` as a process, with an engine up and without."""

from __future__ import annotations

import csv
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from lines import line_settings
from served import ServedEngine, an_engine
from test_commands import failed_in_one_line, run

from models.database import Database
from ngalam112.accounts.categories import load_categories


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[ServedEngine]:
    async with an_engine(tmp_path / "home") as one:
        yield one


async def test_a_category_is_set_shown_retired_and_brought_back(served: ServedEngine) -> None:
    settings, tree = served.settings, served.engine.categories
    options = ("--code", "57", "--name", "Pasar", "--name", "en=Market", "--class", "emergency")
    asks = ("--parent", "fire", "--question", "gas:yes_no:Ada gas?", "--priority", "1")
    ran = await run(settings, "category", "set", "fire_market", *options, *asks)
    assert ran == (0, "Category fire_market (Pasar, *457) is kept.\n", "")
    one = tree.own["fire_market"]
    assert (one.name, one.parent, one.priority) == ({"id": "Pasar", "en": "Market"}, "fire", 1)
    assert [question.id for question in one.questions] == ["gas"]
    shown = await run(settings, "category", "show", "fire_market", COLUMNS="80")
    assert "Ada gas? (gas, yes_no)" in shown.out and "asks, as its parent" in shown.out
    alias = await run(settings, "incident", "categories", "pasa")
    assert alias == await run(settings, "category", "list", "pasa")
    assert "fire_market" in alias.out
    ran = await run(settings, "category", "retire", "fire_market")
    assert ran.out == "Category fire_market (Pasar, *457) is retired.\n"
    assert "fire_market" not in (await run(settings, "category", "list")).out
    listed = json.loads((await run(settings, "category", "list", "--retired", "-f", "json")).out)
    assert [one["id"] for one in listed if one["retired"]] == ["fire_market"]
    ran = await run(settings, "category", "set", "fire_market", "--back", "-f", "json")
    assert json.loads(ran.out)["retired_at"] is None and tree.of_code("57") is not None


async def test_what_cannot_be_is_one_line(served: ServedEngine) -> None:
    for args, said in (
        (("set", "new", "--code", "57"), "a new category needs a name and a class"),
        (("set", "fire", "--code", "15"), "which *4 has for dispositions"),
        (("set", "fire", "--code", "5\x1b[2J"), "must be 2 to 6 digits"),
        (("retire", "nobody"), "There is no category 'nobody'"),
        (("show", "../phones"), "There is no category '../phones'"),
    ):
        failed_in_one_line(await run(served.settings, "category", *args), said)


async def test_a_file_is_taken_in_whole_or_not_at_all(served: ServedEngine, tmp_path: Path) -> None:
    settings, tree, file = served.settings, served.engine.categories, tmp_path / "c.csv"
    assert (await run(settings, "category", "export", "-o", str(file))).code == 0
    rows = list(csv.DictReader(file.read_text("utf-8").splitlines()))
    assert len(rows) == len(tree.rows)
    before = tree.own
    file.write_text("id,code,apco\nfire,59,blaze\nprank,1,\nnobody,578,\n", "utf-8")
    ran = await run(settings, "category", "import", str(file))
    failed_in_one_line(ran, "line 3: category 'prank': code '1' must be 2 to 6 digits")
    assert "line 4: category 'nobody': a new category needs" in ran.err
    assert tree.own == before
    file.write_text("id,code,apco\nfire,59,blaze\nflood,71,\n", "utf-8")
    ran = await run(settings, "category", "import", str(file), "--dry-run")
    assert ran.out.startswith("New or changed would be: fire") and tree.own == before
    ran = await run(settings, "category", "import", str(file))
    assert ran.out.startswith("2 categories are taken in, ") and tree.own["fire"].code == "59"
    toml = tmp_path / "c.toml"
    await run(settings, "category", "export", "-o", str(toml))
    ran = await run(settings, "category", "import", str(toml))
    assert ran.out.endswith("categories are taken in, 0 of them new or changed.\n")


async def test_without_an_engine_they_are_kept_in_the_database(tmp_path: Path) -> None:
    settings = line_settings(tmp_path / "home")
    ran = await run(settings, "category", "set", "fire", "--code", "59")
    assert ran.code == 0 and "takes effect when the line starts" in ran.err
    async with Database(settings.url) as database:
        stored = {one.id: one for one in await load_categories(database)}
    assert stored["fire"].code == "59" and (stored["fire"].version, len(stored)) == (2, 47)
    assert "59" in (await run(settings, "category", "list", "fire")).out
