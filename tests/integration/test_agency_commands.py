"""`ngalam112 agency ...` as a process, with an engine up and without; and what the doctor says."""

from __future__ import annotations

import csv
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from lines import line_settings
from served import ServedEngine, an_engine
from test_commands import failed_in_one_line, run

from acd.agencies.agency import FIELDS, by_id
from models.database import Database
from ngalam112.accounts.agencies import load_agencies
from ngalam112.config.settings import PROJECT, Settings

FORMULA = "=cmd|' /C calc'!A0"


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[ServedEngine]:
    async with an_engine(tmp_path / "home") as one:
        await one.put("/api/agencies/pmi", mail="pmi@city.example")  # the table is filled by now
        yield one


async def test_an_agency_is_set_shown_retired_and_brought_back(served: ServedEngine) -> None:
    settings, known = served.settings, served.engine.agencies
    options = ("--mail", "jaga@city.example", "--number", "88", "--hours", "07:00-15:30")
    served_by = ("--categories", "fire, tree", "--chain", "pmi,0341366444", "--no-holidays")
    ran = await run(settings, "agency", "set", "damkar", *options, *served_by)
    assert ran == (0, "Agency damkar (Damkar Kota Malang) is kept.\n", "")
    one = known.by_number["88"]
    assert (one.mail, one.categories, one.chain, one.holidays) == (
        *("jaga@city.example", ("fire", "tree")),
        *(("pmi", "0341366444"), False),
    )
    await run(settings, "agency", "set", "damkar", "--categories", "", "--hours", "")
    assert (known.by_number["88"].categories, known.by_number["88"].hours) == ((), "")
    table = await run(settings, "agency", "list", COLUMNS="80")
    assert max(map(len, table.out.splitlines())) <= 80
    assert "damkar" in table.out and "88" in table.out and "no way" in table.out
    shown = await run(settings, "agency", "show", "damkar", COLUMNS="80")
    assert "jaga@city.example" in shown.out and "acknowledge_s" in shown.out
    ran = await run(settings, "agency", "retire", "damkar")
    assert ran.out == "Agency damkar (Damkar Kota Malang) is retired.\n"
    assert known.find("damkar") is None
    assert "damkar" not in (await run(settings, "agency", "list")).out
    listed = json.loads((await run(settings, "agency", "list", "--retired", "-f", "json")).out)
    assert [one["id"] for one in listed if one["retired_at"]] == ["damkar"]
    again = await run(settings, "agency", "set", "damkar", "--mail", "a@b")
    failed_in_one_line(again, "it is retired", "--back")
    ran = await run(settings, "agency", "set", "damkar", "--back", "-f", "json")
    assert json.loads(ran.out)["retired_at"] is None and known.find("damkar") is not None


async def test_what_cannot_be_is_one_line(served: ServedEngine) -> None:
    settings = served.settings
    for args, said in (
        (("set", "new", "--mail", "a@b"), "a new agency needs a number and a name"),
        (("set", "pmi", "--webhook", "http://x"), "must begin with https"),
        (("set", "pmi", "--number", "61"), "that of agency polresta"),
        (("set", "pmi", "--voice", "x\x1b[2J"), "neither 2 to 15 digits"),
        (("retire", "nobody"), "There is no agency 'nobody'"),
        (("show", "nobody"), "There is no agency 'nobody'"),
        (("show", "../phones"), "There is no agency '../phones'"),
    ):
        failed_in_one_line(await run(settings, "agency", *args), said)
    assert (await run(settings, "agency", "set", "pmi")).code == 2


@pytest.mark.parametrize("kind", ["csv", "toml"])
async def test_what_is_exported_is_taken_in_by_another_line(
    served: ServedEngine, tmp_path: Path, kind: str
) -> None:
    await served.put("/api/agencies/pmi", name=FORMULA, chain=["psc119", "a@b"], report_s=1.5)
    await served.delete("/api/agencies/rsud")
    file = f"agencies.{kind}"
    assert await run(served.settings, "agency", "export", "-o", file) == (0, "", "")
    same = await run(served.settings, "agency", "import", file)
    assert same.out == "12 agencies are taken in, 0 of them new or changed.\n"
    if kind == "csv":
        with (tmp_path / file).open() as text:
            rows = {row["id"]: row for row in csv.DictReader(text)}
        assert rows["pmi"]["name"] == f"'{FORMULA}" and "rsud" not in rows
    other = line_settings(tmp_path / "other")
    ran = await run(other, "agency", "import", file)
    assert ran.code == 0 and "takes effect when the line starts" in ran.err
    async with Database(other.url) as database:
        taken = by_id(await load_agencies(database))
    for id, one in served.engine.agencies.by_id.items():
        if id != "rsud":
            assert taken[id].row() | {"changed_at": 0} == one.row() | {"changed_at": 0}
    await run(other, "agency", "retire", "rsud")
    printed = await run(other, "agency", "export", "--as", kind)
    assert printed.out == (tmp_path / file).read_text()


async def test_a_wrong_line_is_named_and_nothing_is_taken_in(
    served: ServedEngine, tmp_path: Path
) -> None:
    await wrong_files_are_refused(served.settings, tmp_path)
    assert served.engine.agencies.by_id["pmi"].mail == "pmi@city.example"
    assert not served.engine.agencies.by_id.keys() & {"baru", "a", "b"}


async def test_without_an_engine_too_a_wrong_line_is_named(tmp_path: Path) -> None:
    await wrong_files_are_refused(line_settings(tmp_path / "home"), tmp_path)


async def wrong_files_are_refused(settings: Settings, tmp_path: Path) -> None:
    head = "id,number,name,mail,chain\n"
    good = "pmi,64,PMI,new@city.example,\n"
    for lines, said in (
        ("baru,61,Baru,,\n", "line 3: agency 'baru': number 61 is that of agency polresta"),
        ("baru,81,Baru,x y,\n", "line 3: agency 'baru': mail 'x y' must look like"),
        ("a,81,A,,b\nb,82,B,,a\n", "line 4: agency 'b': chain: it comes back"),
        ("a,81,A,,nobody\n", "line 3: agency 'a': chain: there is no agency nobody"),
        ("pmi,65,PMI,,\n", "line 3: agency 'pmi': it is there twice"),
        ("a,81\n", "line 3: it has 2 cells"),
        ("a,92,\x1b[2J,,\n", "line 3: agency 'a': name must be"),
    ):
        (tmp_path / "wrong.csv").write_text(head + good + lines)
        ran = await run(settings, "agency", "import", "wrong.csv")
        failed_in_one_line(ran, "Nothing is taken in", said)
        assert "\x1b" not in ran.err
    (tmp_path / "wrong.csv").write_bytes(b"id,name\npmi,\xff\n")
    failed_in_one_line(await run(settings, "agency", "import", "wrong.csv"), "line 2: it is no UTF")
    (tmp_path / "wrong.csv").write_bytes(b"x" * 1_000_001)
    failed_in_one_line(await run(settings, "agency", "import", "wrong.csv"), "larger than 1 MB")
    (tmp_path / "wrong.toml").write_text('[pmi]\nmail = "a@b"\n\n[pln]\nkind = "ufo"\n')
    failed_in_one_line(await run(settings, "agency", "import", "wrong.toml"), "line 4: Invalid")
    failed_in_one_line(await run(settings, "agency", "import", "none.csv"), "none.csv")


async def test_as_many_agencies_as_there_may_be_are_taken_in_at_once(
    served: ServedEngine, tmp_path: Path
) -> None:
    line = "agency-{0},{0},Dinas Pelayanan Nomor {0},other,sip:{0}@192.0.2.1,,desk{0}@city.example"
    line += ",https://hooks.example/reports/{0},,yes,fire; tree,,,300,1800\n"
    lines = "".join(line.format(number) for number in range(1000, 1187))
    (tmp_path / "many.csv").write_text(f"{','.join(FIELDS)}\n{lines}")
    ran = await run(served.settings, "agency", "import", "many.csv")
    assert ran == (0, "187 agencies are taken in, 187 of them new or changed.\n", "")
    assert len(served.engine.agencies.by_number) == 200
    failed = await run(
        served.settings, "agency", "set", "one-more", "--number", "99", "--name", "One more"
    )
    failed_in_one_line(failed, "more than 200")


async def test_without_an_engine_agencies_are_kept_for_the_next_one(tmp_path: Path) -> None:
    settings = line_settings(tmp_path / "home")
    ran = await run(settings, "agency", "list")
    failed_in_one_line_of_two(ran.err)
    ran = await run(settings, "agency", "set", "pmi", "--mail", "a@b", "-f", "json")
    assert ran.code == 0 and "takes effect when the line starts" in ran.err
    assert (json.loads(ran.out)["mail"], json.loads(ran.out)["ways"]) == ("a@b", ["mail"])
    assert "pmi" in (await run(settings, "agency", "list")).out
    assert (await run(settings, "agency", "retire", "pln")).code == 0
    async with Database(settings.url) as database:
        stored = by_id(await load_agencies(database))
    assert (stored["pmi"].mail, len(stored)) == ("a@b", 13)
    assert stored["pln"].retired_at is not None


def failed_in_one_line_of_two(err: str) -> None:
    told = err.splitlines()
    assert len(told) == 2 and "does not exist yet" in told[1]


async def test_the_doctor_says_who_cannot_be_reached_and_what_the_file_names(
    tmp_path: Path,
) -> None:
    settings = with_file(tmp_path, 'fallback = ["pmi", "777"]\n', "")
    assert await said(settings, "agencies") == [("unknown", "only the database knows")]
    await run(settings, "agency", "set", "pmi", "--mail", "a@b")
    ((state, found),) = await said(settings, "agencies")
    assert state == "warning" and found.startswith("12 of 13 have no way to be reached: bpbd, ")
    assert "pmi" not in found and "NGALAM112_CARRIER" in found
    ((state, found),) = await said(settings, "agencies named")
    assert state == "warning" and "names 777, which is no agency" in found
    assert await said(settings, "agencies in the file") == []
    late = '[agencies.120]\nname = "Pos"\nnumber = "sip:a@b"\n'
    settings = with_file(tmp_path, "fallback = []\n", late)
    ((state, found),) = await said(settings, "agencies in the file")
    assert state == "warning" and "of them no agency has 120" in found
    for id in (one["id"] for one in json.loads(await listed(settings))):
        await run(settings, "agency", "set", id, "--mail", "a@b")
    assert await said(settings, "agencies") == [("ok", "13, and each can be reached")]


async def listed(settings: Settings) -> str:
    return (await run(settings, "agency", "list", "-f", "json")).out


def with_file(folder: Path, fallback: str, more: str) -> Settings:
    file = folder / "own.toml"
    text = (PROJECT / "acd" / "distribution.toml").read_text("utf-8")
    assert "fallback = []\n" in text
    file.write_text(text.replace("fallback = []\n", fallback) + more, "utf-8")
    return line_settings(folder / "home", distribution_file=file)


async def said(settings: Settings, what: str) -> list[tuple[str, str]]:
    checks = json.loads((await run(settings, "doctor", "-f", "json")).out)
    return [(one["state"], one["found"]) for one in checks if one["what"] == what]
