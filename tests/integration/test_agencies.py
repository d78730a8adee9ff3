"""Agencies are rows: filled once, changed while the engine is up, and known to the next one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from databases import with_tables
from served import ServedEngine, an_engine
from structlog.testing import capture_logs

from acd.agencies.agency import Agency, Change, by_id
from acd.agencies.changes import AgencyError, Terms
from acd.agencies.first import Section, Sources
from journal.database_writer import DatabaseWriter
from journal.write_ahead_log import WriteAheadLog
from models.database import Database
from ngalam112.accounts.admin import add_operator, add_phone
from ngalam112.accounts.agencies import change_agencies, filled_agencies, load_agencies
from ngalam112.api.agency_queries import STORED
from ngalam112.api.metrics import CountingJournal
from ngalam112.api.queries import ask_stored
from ngalam112.config.settings import PROJECT, Settings, load_settings
from ngalam112.recovery.late_database import _learn, remember
from ngalam112.recovery.startup_state import Known, known_by, read_stored
from ngalam112.wiring import build

pytest_plugins = ("databases",)

SECTIONS = {
    "110": Section("Polresta", "0341366444", "110", "07:00-22:00"),
    "61": Section("Pos Tugu", "sip:tugu@192.0.2.1"),
}
SOURCES = Sources(SECTIONS, Terms(dial=lambda number: number))
FALLBACK = 'fallback = ["61", "pmi"]\n'
OF_FILE = '[agencies.110]\nname = "Polresta"\nnumber = "sip:a@192.0.2.1"\n'


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[ServedEngine]:
    async with an_engine(tmp_path) as one:
        yield one


# --- the table ------------------------------------------------------------------------------------


async def test_an_empty_table_is_filled_once_from_the_file_and_from_what_we_ship(
    database: Database,
) -> None:
    await add_phone(database, "62", "a-phone-password", None)
    await add_operator(database, "63", "Sari", "654321", None)
    told: list[list[Agency]] = []
    both = await asyncio.gather(
        *(filled_agencies(database, SOURCES, 9.0, told.append) for _ in range(2))
    )
    assert both[0] == both[1] == await load_agencies(database)
    found = by_id(both[0])
    assert (found["polresta"].number, found["polresta"].voice) == ("110", "0341366444")
    assert found["pos_tugu"].number == "61" and len(found) == 14
    assert not {one.number for one in both[0]} & {"62", "63"}
    assert told == both[:1], "once"
    await change_agencies(database, SOURCES, [Change(id="pmi", retired=True)], 20.0)
    other = Sources({"120": Section("Pos Baru", "0341")}, SOURCES.terms)
    again = by_id(await filled_agencies(database, other, 30.0))
    assert again["pmi"].retired_at == 20.0, "who was retired does not come back"
    assert {*again} == {*found}, "and the file is not read any more"


async def test_all_that_an_agency_has_comes_back_as_it_was_kept(database: Database) -> None:
    values: dict[str, Any] = {
        "name": "=Damkar 🚒",
        "mail": "a@b",
        "webhook": "https://hooks.example/",
        "hours": "07:00-15:30",
        "holidays": False,
        "categories": ("fire", "tree"),
        "kecamatan": ("Klojen",),
        "chain": ("pmi", "c@d"),
        "acknowledge_s": 60.5,
    }
    found = await change_agencies(database, SOURCES, [Change(id="damkar", **values)], 100.25)
    stored = await load_agencies(database)
    assert found == stored
    one = by_id(stored)["damkar"]
    assert {name: getattr(one, name) for name in values} == values
    assert (one.changed_at, one.retired_at) == (100.25, None)


async def test_two_agencies_change_their_numbers_with_each_other(database: Database) -> None:
    changes = [Change(id="polresta", number="61"), Change(id="pos_tugu", number="110")]
    await change_agencies(database, SOURCES, changes, 9.0)
    stored = by_id(await load_agencies(database))
    assert [stored[id].number for id in ("polresta", "pos_tugu")] == ["61", "110"]


async def test_of_changes_of_which_one_is_wrong_none_is_kept(database: Database) -> None:
    before = await filled_agencies(database, SOURCES, 9.0)
    await add_phone(database, "101", "a-phone-password", None)
    changes = [Change(id="pmi", mail="a@b"), Change(id="pln", number="101")]
    with pytest.raises(AgencyError, match="'pln': number 101 is that of phone 101"):
        await change_agencies(database, SOURCES, changes, 20.0)
    assert await load_agencies(database) == before


async def test_changes_at_the_same_moment_are_all_kept(database: Database) -> None:
    await filled_agencies(database, SOURCES, 9.0)
    changes = [Change(id=id, mail=f"{id}@b") for id in ("pmi", "pln", "pdam", "rsud")]
    await asyncio.gather(*(change_agencies(database, SOURCES, [one], 20.0) for one in changes))
    stored = by_id(await load_agencies(database))
    assert [stored[one.id].mail for one in changes] == [one.mail for one in changes]


async def test_a_start_tells_in_the_log_whom_it_has_moved_from_the_file(database_url: str) -> None:
    for times in (1, 0):
        with capture_logs() as logs:
            known = await read_stored(database_url, SOURCES)
        assert len(known.agencies) == 14
        told = [one for one in logs if one["event"] == "agencies_made"]
        assert [one["from_distribution_file"] for one in told] == [["polresta", "pos_tugu"]] * times


# --- the API --------------------------------------------------------------------------------------


async def test_a_change_is_used_at_once_and_known_to_the_next_engine(served: ServedEngine) -> None:
    engine = served.engine
    assert engine.agencies.by_number["61"].id == "polresta", "before anybody asked the database"
    made = await served.put("/api/agencies/pmi", voice="sip:pmi@192.0.2.9", chain=["psc119"])
    assert (made["agency"]["ways"], made["agency"]["chain"]) == (["voice"], ["psc119"])
    assert engine.agencies.by_number["64"].voice == "sip:pmi@192.0.2.9"
    await served.put("/api/agencies/pos", number="81", name="Pos Tugu", mail="a@b")
    await served.delete("/api/agencies/pln")
    assert engine.agencies.find("66") is None and engine.agencies.find("pos") is not None
    listed = (await served.get("/api/agencies"))["agencies"]
    assert {one["id"] for one in listed} == {one.id for one in engine.agencies.by_number.values()}
    everybody = (await served.get("/api/agencies", retired="true"))["agencies"]
    assert {one["id"] for one in everybody} - {one["id"] for one in listed} == {"pln"}
    gone = (await served.get("/api/agencies/pln"))["agency"]
    assert gone["retired_at"] is not None and gone["id"] == "pln"
    stored = await ask_stored(STORED["/api/agencies"], served.settings, {"retired": "true"})
    assert stored["agencies"] == everybody, "with the engine down it is the same"
    local = served.journal.recorder.local
    local.close()
    again = WriteAheadLog(local.folder)
    known = known_by(again.kept)  # the database is away
    again.close()
    assert by_id(known.agencies) == engine.agencies.by_id
    assert known.agencies == await load_agencies(served.database)


async def test_whom_asterisk_rings_by_itself_follows(tmp_path: Path) -> None:
    settings = with_distribution(tmp_path, FALLBACK)
    async with an_engine(tmp_path, distribution_file=settings.distribution_file) as served:
        listed = served.settings.asterisk_home / "etc" / "agencies.list"
        await served.put("/api/agencies/pmi", voice="sip:pmi@192.0.2.9")
        assert listed.read_text() == "64|*|PJSIP/outside/sip:pmi@192.0.2.9\n"
        await served.put("/api/agencies/pmi", number="89")
        assert listed.read_text().startswith("89|*|"), "it is named by its id"
        status, told = await served.refusal("delete", "/api/agencies/pmi")
        assert status == 400 and "names it as pmi" in told
        status, told = await served.refusal("put", "/api/agencies/polresta", number="88")
        assert status == 400 and "names it as 61" in told


async def test_several_are_changed_together_or_not_at_all(served: ServedEngine) -> None:
    several: list[dict[str, object]] = [
        {"id": "pmi", "mail": "a@b"},
        {"id": "new", "number": "80", "name": "Baru"},
    ]
    made = await served.put("/api/agencies", agencies=several)
    assert [one["id"] for one in made["agencies"]] == ["pmi", "new"]
    wrong = [*several, {"id": "pln", "webhook": "http://x"}]
    wrong[0] = {"id": "pmi", "mail": "c@d"}
    status, told = await served.refusal("put", "/api/agencies", agencies=wrong)
    assert status == 400 and "agency 'pln': webhook 'http://x' must begin with https" in told
    assert served.engine.agencies.by_id["pmi"].mail == "a@b"


@pytest.mark.parametrize(
    ("status", "path", "body", "said"),
    [
        (404, "/api/agencies/nobody", {"retired": True}, "no agency 'nobody'"),
        (400, "/api/agencies/nobody", {}, "a new agency needs a number and a name"),
        (400, "/api/agencies/No", {"number": "1", "name": "x"}, "its id must be"),
        (400, "/api/agencies/pmi", {"id": "pln"}, "the path is not"),
        (400, "/api/agencies/pmi", {"kind": "ufo"}, "Invalid enum value 'ufo'"),
        (400, "/api/agencies/pmi", {"secret": "x"}, "unknown field"),
        (400, "/api/agencies/pmi", {"changed_at": 1}, "unknown field"),
        (400, "/api/agencies/pmi", {"voice": "112"}, "the line's own number"),
        (400, "/api/agencies/pmi", {"number": "92"}, "that of category police"),
        (400, "/api/agencies/pmi", {"name": "a\x1b[2J\n"}, "readable characters"),
        (400, "/api/agencies/pmi", {"name": "x" * 70_000}, "larger than 64 KiB"),
        (400, "/api/agencies", {"agencies": []}, "length >= 1"),
        (400, "/api/agencies", {"agencies": [{"id": "a"}] * 201}, "length <= 200"),
    ],
)
async def test_what_cannot_be_is_refused(
    served: ServedEngine, status: int, path: str, body: dict[str, Any], said: str
) -> None:
    before = dict(served.engine.agencies.by_id)
    found = await served.refusal("put", path, **body)
    assert found[0] == status and said in found[1]
    assert served.engine.agencies.by_id == before


async def test_an_agency_that_is_not_there_is_not_shown(served: ServedEngine) -> None:
    await served.put("/api/agencies/pmi", mail="a@b")
    assert (await served.refusal("get", "/api/agencies/nobody"))[0] == 404
    assert (await served.refusal("get", "/api/agencies", colour="red"))[0] == 400


# --- the next engine ------------------------------------------------------------------------------


def with_distribution(home: Path, text: str) -> Settings:
    home.mkdir(parents=True, exist_ok=True)
    file = home / "own.toml"
    shipped = (PROJECT / "acd" / "distribution.toml").read_text("utf-8")
    assert "fallback = []\n" in shipped
    given = text if text.startswith("fallback") else "fallback = []\n"
    more = "" if text.startswith("fallback") else text
    file.write_text(shipped.replace("fallback = []\n", given) + more, "utf-8")
    return load_settings(home=home, distribution_file=file)


class Started(ServedEngine):
    """An engine that has not served yet, and knows what `known` says."""

    def start(self, known: Known, *, is_stored: bool) -> list[Any]:
        with capture_logs() as logs:
            remember(
                self.engine,
                build(self.settings, self.journal).reconnect,
                self.journal.recorder,
                known,
                seen_at=None,
                is_stored=is_stored,
            )
        return logs


async def started(served: ServedEngine) -> Started:
    return Started(served.engine, served.database, served.journal)


def some(**changes: Any) -> list[Agency]:
    return [Agency(id="pos", number="81", name="Pos", **changes)]


async def test_an_engine_that_finds_no_database_has_the_agencies_of_the_last_one(
    served: ServedEngine,
) -> None:
    one = await started(served)
    one.start(Known(operators=[], phones=[], calls=[], agencies=some()), is_stored=False)
    assert list(one.engine.agencies.by_number) == ["81"]
    stored = Known(operators=[], phones=[], calls=[], agencies=some(mail="a@b"))
    await one.engine.do(lambda _: _learn(one.engine, one.journal.recorder, stored))
    assert one.engine.agencies.by_number["81"].mail == "a@b"
    changed = await one.put("/api/agencies/pmi", mail="c@d")
    await one.engine.do(lambda _: _learn(one.engine, one.journal.recorder, stored))
    found = one.engine.agencies.by_id["pmi"]
    assert found.mail == changed["agency"]["mail"], "what the API has changed is newer"


async def test_a_file_that_still_has_agencies_is_told_once_with_whom_it_would_lose(
    tmp_path: Path,
) -> None:
    settings = with_distribution(tmp_path, OF_FILE)
    async with an_engine(tmp_path, distribution_file=settings.distribution_file) as served:
        one = await started(served)
        assert one.engine.agencies.by_number["110"].voice == "sip:a@192.0.2.1"
        known = Known(operators=[], phones=[], calls=[], agencies=some())
        logs = one.start(known, is_stored=True)
        (told,) = [log for log in logs if log["event"] == "agencies_in_distribution_file"]
        assert told["not_among_the_agencies"] == ["110"] and "ngalam112 agency" in told["what"]
        assert told["file"] == str(settings.distribution_file)
        assert list(one.engine.agencies.by_number) == ["81"], "the rows count"


async def test_a_first_start_without_a_database_has_the_agencies_of_the_file(
    tmp_path: Path,
) -> None:
    settings = with_distribution(tmp_path, OF_FILE)
    await with_tables(settings.url)
    async with an_engine(tmp_path, distribution_file=settings.distribution_file) as served:
        one = await started(served)
        one.start(Known(operators=[], phones=[], calls=[]), is_stored=False)
        assert one.engine.agencies.by_number["110"].id == "polresta"
        assert not one.engine.agencies_stored


def test_the_recorder_keeps_the_fact_through_a_new_segment(tmp_path: Path) -> None:
    local = WriteAheadLog(tmp_path / "journal")
    journal = CountingJournal(DatabaseWriter(Database("sqlite://"), local))
    journal.keep("agencies", [one.row() for one in some(categories=("fire",))])
    local.keep_phones([])
    local.close()
    again = WriteAheadLog(tmp_path / "journal")
    assert known_by(again.kept).agencies == some(categories=("fire",))
    again.close()
