"""Who has changed what: each change leaves one line, whoever asks, with an engine and without."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from lines import line_settings
from personal import NOON, fill, rows_of
from served import ServedEngine, an_engine
from test_commands import failed_in_one_line, run
from test_people_and_tokens import a_token, asked

from models.database import Database
from models.tables import AccessTrailRow
from ngalam112.accounts.people import Role
from ngalam112.cli.person import person
from ngalam112.personal_data.trail import write_look
from privacy.trail import Looked
from reports.audit import audit

pytest_plugins = ("databases",)


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[ServedEngine]:
    async with an_engine(tmp_path / "home") as one:
        yield one


async def lines(served: ServedEngine, **params: str) -> list[tuple[str, str, str]]:
    found = (await served.get("/api/audit", **params))["audit"]
    return [(one["who"], one["command"], one["target"]) for one in found]


async def test_each_change_is_one_line_with_whose_it_is(served: ServedEngine) -> None:
    me = person()
    _, sari = await a_token(served, "sari", Role.SUPERVISOR)
    incident = (await asked(served, sari, "POST", "/api/incidents", description="Banjir"))[1]
    note = {"text": "Air surut", "by": "wali"}
    path = f"/api/incidents/{incident['number']}/note"
    for _ in range(2):
        assert (await asked(served, sari, "POST", path, **note))[0] == 200
    assert (await asked(served, sari, "POST", path))[0] == 400, "what is not done is no change"
    for _ in range(2):
        assert (await asked(served, sari, "POST", "/api/phones", number="101"))[0] == 403
    await served.post("/api/phones", number="101")
    await served.put("/api/agencies/pmi", mail="pmi@city.example")
    await served.post("/api/places", places=[{"number": "0341366444", "address": "Jalan Ijen 1"}])
    await served.delete("/api/places/0341366444")
    assert (await asked(served, sari, "GET", path.removesuffix("/note")))[0] == 200
    token = (await served.get("/api/tokens"))["tokens"][0]["id"]
    assert list(reversed(await lines(served))) == [
        (me, "POST /api/people", "sari"),
        (me, "POST /api/tokens", token),
        ("sari", "POST /api/incidents", incident["id"]),
        *[("sari", "POST /api/incidents/{id}/note", incident["number"])] * 2,
        ("sari", "refused: POST /api/phones", ""),
        (me, "POST /api/phones", "101"),
        (me, "PUT /api/agencies/{id}", "pmi"),
        (me, "POST /api/places", ""),
        (me, "DELETE /api/places/{number}", ""),
    ]
    assert len(await lines(served, who="sari")) == 4
    assert await lines(served, to="2026-01-01") == []
    rows = await rows_of(served.database, AccessTrailRow)
    assert "0341366444" not in repr(rows) and "341366444" not in repr(rows)
    assert (await asked(served, sari, "GET", "/api/audit"))[0] == 403
    ran = await run(served.settings, "audit", "list", "--who", "sari", "--from", "today")
    assert ran.code == 0 and ran.out.count("sari") == 4 + 1, "that reading it was refused too"


async def test_no_change_waits_for_the_audit_or_fails_by_it(
    served: ServedEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: Any) -> None:
        raise OSError("no space left")

    monkeypatch.setattr("ngalam112.api.trail.AccessTrail._write", fails)
    assert (await served.post("/api/phones", number="101"))["number"] == "101"


async def test_the_commands_leave_lines_without_an_engine_too(tmp_path: Path) -> None:
    settings = line_settings(tmp_path / "line")
    for words in (
        ("phone", "add", "101"),
        ("person", "add", "sari", "--name", "Sari", "--role", "operator"),
        ("phone", "remove", "101"),
        ("export", "queue_log", "-o", str(tmp_path / "queue_log")),
    ):
        assert (await run(settings, *words)).code == 0, words
    failed_in_one_line(await run(settings, "phone", "remove", "101"), "no phone 101")
    ran = await run(settings, "audit", "list", "-f", "json")
    found = [(one["kind"], one["command"], one["target"]) for one in json.loads(ran.out)]
    assert found == [
        ("export", "export queue_log", ""),
        ("change", "DELETE /api/phones/...", "101"),
        ("change", "POST /api/people", "sari"),
        ("change", "POST /api/phones", "101"),
    ]


async def test_looks_are_no_changes_in_both_databases(database: Database) -> None:
    await fill(database)
    for index, command in enumerate(("GET /api/calls", "privacy erase", "monitor listen 1001")):
        await write_look(database, "sari", Looked.CALL, "s1", command, NOON + index)
    async with database.session() as session:
        found = await audit(session, None, None, "sari", 100)
        assert [one.command for one in found] == ["monitor listen 1001", "privacy erase"]
        assert await audit(session, None, None, "dewi", 100) == []
        assert len(await audit(session, None, None, None, 1)) == 1
