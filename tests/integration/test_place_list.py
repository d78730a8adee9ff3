"""The city's list of fixed numbers: taken in, listed and removed, with an engine up and without."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from lines import eventually, line_settings
from served import ServedEngine, an_engine
from test_commands import failed_in_one_line, run

from models.database import Database
from ngalam112.accounts.places import load_places
from ngalam112.api.places import know_places

LIST = """number,address,lat,lon
0341 366922,"Balai Kota, Jalan Tugu 1",-7.9778,112.6340
+62341362101,RSUD Dr Saiful Anwar,,
0341551611,,-8.1,112.55
"""


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[ServedEngine]:
    async with an_engine(tmp_path / "home") as one:
        yield one


async def test_a_list_is_taken_in_shown_and_removed_while_the_engine_is_up(
    served: ServedEngine, tmp_path: Path
) -> None:
    settings, known = served.settings, served.engine.router.locations.registered
    (tmp_path / "list.csv").write_text(LIST)
    ran = await run(settings, "place", "import", "list.csv")
    assert ran == (0, "3 places are taken in.\n", "")
    assert known["+62341366922"].kelurahan == "Kiduldalem"
    assert known["+62341551611"].text == "11 km southwest of Malang"
    rows = json.loads((await run(settings, "place", "list", "-f", "json")).out)
    assert [one["number"] for one in rows] == ["+62341362101", "0341 366922", "0341551611"]
    assert rows[1]["kecamatan"] == "Klojen"
    # again, with one changed
    (tmp_path / "list.csv").write_text("number,address\n(0341)362101,RSSA\n")
    assert (await run(settings, "place", "import", "list.csv", "-f", "json")).code == 0
    assert (known["+62341362101"].text, len(known)) == ("RSSA", 3)
    table = await run(settings, "place", "list", "--number", "0341-362101")
    assert "RSSA" in table.out and "Balai Kota" not in table.out
    removed = await run(settings, "place", "remove", "+62 341 362101")
    assert removed.code == 0 and "+62341362101" not in known
    failed_in_one_line(await run(settings, "place", "remove", "0341362101"), "no place for")


async def test_a_wrong_line_is_named_and_nothing_is_taken_in(
    served: ServedEngine, tmp_path: Path
) -> None:
    (tmp_path / "list.csv").write_text(LIST + "anonymous,X,,\n0341,\x1b[2J,91,200\n")
    ran = await run(served.settings, "place", "import", "list.csv")
    failed_in_one_line(ran, "Nothing is taken in", "line 5", "line 6")
    assert "\x1b" not in ran.err
    (tmp_path / "binary.csv").write_bytes(b"number,address\n\xff\xfe,x\n")
    failed_in_one_line(await run(served.settings, "place", "import", "binary.csv"), "after line")
    failed_in_one_line(await run(served.settings, "place", "import", "none.csv"), "none.csv")
    assert served.engine.router.locations.registered == {}


async def test_a_list_of_many_numbers_is_taken_in_by_parts(
    served: ServedEngine, tmp_path: Path
) -> None:
    lines = [f"0341{number:06},Rumah {number},-7.97,112.63" for number in range(300_000, 301_000)]
    (tmp_path / "list.csv").write_text("\n".join(["number,address,lat,lon", *lines]))
    ran = await run(served.settings, "place", "import", "list.csv")
    assert ran == (0, "1000 places are taken in.\n", "")
    assert len(served.engine.router.locations.registered) == 1000


@pytest.mark.parametrize(
    "places",
    [
        [],
        [{"number": "x", "address": "y"}],
        [{"number": "0341366922"}],
        [{"number": "0341366922", "lat": 1.0}],
        [{"number": "0341366922", "lat": 200.0, "lon": 1.0}],
        [{"number": "0341366922", "address": "x" * 300}],
        [{"number": "0341366922", "address": "x", "more": 1}],
        [{"number": "0341366922", "address": "x"}] * 201,
    ],
)
async def test_what_the_api_cannot_use_is_refused(
    served: ServedEngine, places: list[dict[str, object]]
) -> None:
    status, _ = await served.refusal("post", "/api/places", places=places)
    assert status == 400
    assert (await served.get("/api/places"))["places"] == []


async def test_without_an_engine_the_list_is_in_the_database_for_the_next_one(
    tmp_path: Path,
) -> None:
    settings = line_settings(tmp_path / "home")
    (tmp_path / "list.csv").write_text(LIST)
    ran = await run(settings, "place", "import", "list.csv")
    assert ran.code == 0 and "takes effect when the line starts" in ran.err
    assert "Balai Kota" in (await run(settings, "place", "list")).out
    assert (await run(settings, "place", "remove", "0341551611")).code == 0
    async with Database(settings.url) as database:
        rows = await load_places(database, country="ID")
        assert [one.kelurahan for one in rows] == [None, "Kiduldalem"]


async def test_an_engine_learns_the_list_once_the_database_is_there(served: ServedEngine) -> None:
    listed = {"number": "0341366922", "address": "Balai Kota"}
    await served.post("/api/places", places=[listed])
    known = served.engine.router.locations.registered
    known.clear()
    await know_places(served.engine, served.settings)
    await eventually(lambda: known["+62341366922"].text == "Balai Kota", what="known")
