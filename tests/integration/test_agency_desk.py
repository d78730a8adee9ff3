"""People of an agency see and do what it is told of, at a real engine, and nothing else."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from personal import rows_of
from served import ServedEngine, an_engine
from test_commands import failed_in_one_line, run
from test_people_and_tokens import a_token, asked

from acd.calls.ids import new_id
from models.tables import AccessTrailRow
from ngalam112.accounts.people import Role
from ngalam112.api import agency_desk, written
from ngalam112.api.table import ROUTES

pytest_plugins = ("databases",)
SEEN = "08123456789"
DESK = "/api/desk/dispatches"


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[ServedEngine]:
    async with an_engine(tmp_path / "home") as one:
        yield one


async def a_desk(served: ServedEngine, id: str, agency: str) -> str:
    """The secret of a person's token who works for an agency."""
    await served.post("/api/people", id=id, name=id.title(), role="agency", agency=agency)
    return str((await served.post("/api/tokens", person=id))["secret"])


def without_database(served: ServedEngine, monkeypatch: pytest.MonkeyPatch) -> asyncio.Event:
    """Let nothing be written any more; the event is set once somebody waits for that."""
    waiting = asyncio.Event()

    async def never() -> None:
        waiting.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(served.journal.recorder, "flushed", never)
    return waiting


async def told(served: ServedEngine, *agencies: str) -> tuple[str, list[str]]:
    """A new incident that agencies are told of: its number, and the dispatches."""
    found = await served.post(
        "/api/incidents",
        description="Asap di lantai 2",
        category="fire_building",
        where={"place": "Jalan Ijen 1"},
        contact={"number": SEEN},
    )
    number = str(found["number"])
    made = await served.post(f"/api/incidents/{number}/dispatch", agencies=list(agencies))
    return number, [one["id"] for one in made["dispatches"]]


async def test_an_agency_sees_its_own_dispatches_and_no_other(served: ServedEngine) -> None:
    damkar, pmi = await a_desk(served, "budi", "damkar"), await a_desk(served, "dewi", "pmi")
    number, (fire, red) = await told(served, "damkar", "pmi")
    status, answer = await asked(served, damkar, "GET", DESK)
    (one,) = answer["dispatches"]
    assert (status, one["id"], one["incident"], one["standing"]) == (200, fire, number, "open")
    assert one["actions"] == ["accept", "decline", "on_scene"]
    report = one["report"]
    assert (report["description"], report["place"]) == ("Asap di lantai 2", "Jalan Ijen 1")
    assert report["callers"] == [SEEN], "which the dispatch tells"
    status, answer = await asked(served, pmi, "GET", DESK)
    assert [one["id"] for one in answer["dispatches"]] == [red]
    for method, path in (
        ("GET", f"{DESK}/{red}"),
        ("GET", f"{DESK}/{new_id(0)}"),
        *(("POST", f"{DESK}/{red}/{name}") for name in ("accept", "decline", "on_scene")),
        ("POST", f"{DESK}/{red}/resolve"),
    ):
        status, answer = await asked(served, damkar, method, path)
        assert (status, "Your agency has no dispatch" in answer["error"]) == (404, True), path
    status, answer = await asked(served, damkar, "POST", f"{DESK}/{red}/note", text="Hai")
    assert status == 404
    assert (await asked(served, pmi, "GET", f"{DESK}/{red}"))[1]["dispatch"]["standing"] == "open"


async def test_an_agency_accepts_notes_and_is_done(served: ServedEngine) -> None:
    damkar = await a_desk(served, "budi", "damkar")
    number, (fire,) = await told(served, "damkar")
    status, answer = await asked(served, damkar, "POST", f"{DESK}/{fire}/accept")
    assert (status, answer["dispatch"]["state"]) == (200, "acknowledged")
    assert (await asked(served, damkar, "POST", f"{DESK}/{fire}/accept"))[0] == 409, "once"
    status, _ = await asked(
        served, damkar, "POST", f"{DESK}/{fire}/note", text="Dua unit berangkat"
    )
    assert status == 200
    assert (await asked(served, damkar, "POST", f"{DESK}/{fire}/note", text="  "))[0] == 400
    status, answer = await asked(served, damkar, "POST", f"{DESK}/{fire}/on_scene")
    assert (status, answer["dispatch"]["incident_state"]) == (200, "on_scene")
    status, answer = await asked(served, damkar, "POST", f"{DESK}/{fire}/resolve")
    assert (status, answer["dispatch"]["standing"]) == (200, "over")
    assert answer["dispatch"]["report"] is None and SEEN not in json.dumps(answer)
    assert (await asked(served, damkar, "GET", DESK))[1] == {"dispatches": []}
    assert (await asked(served, damkar, "POST", f"{DESK}/{fire}/note", text="Lagi"))[0] == 409
    entries = (await served.get(f"/api/incidents/{number}"))["entries"]
    own = [(one["by"], one["source"]) for one in entries if one["source"] == "agency"]
    assert own and set(own) == {("budi", "agency")}
    assert "Dua unit berangkat" in [one["data"].get("text") for one in entries]


async def test_an_agency_declines_with_a_reason_and_the_next_one_is_told(
    served: ServedEngine,
) -> None:
    damkar, pmi = await a_desk(served, "budi", "damkar"), await a_desk(served, "dewi", "pmi")
    await served.put("/api/agencies/damkar", chain=["pmi"])
    number, (fire,) = await told(served, "damkar")
    path = f"{DESK}/{fire}/decline"
    status, answer = await asked(served, damkar, "POST", path, reason="Semua unit keluar")
    assert (status, answer["dispatch"]["standing"]) == (200, "declined")
    assert answer["dispatch"]["report"] is None and answer["dispatch"]["actions"] == []
    assert (await asked(served, damkar, "GET", DESK))[1] == {"dispatches": []}
    (other,) = (await asked(served, pmi, "GET", DESK))[1]["dispatches"]
    assert (other["incident"], other["standing"]) == (number, "open")
    entries = (await served.get(f"/api/incidents/{number}"))["entries"]
    assert "Semua unit keluar" in json.dumps(entries)


async def test_who_declines_with_nobody_left_to_be_told_may_still_accept(
    served: ServedEngine,
) -> None:
    damkar = await a_desk(served, "budi", "damkar")
    await served.put("/api/agencies/damkar", chain=[])
    _, (fire,) = await told(served, "damkar")
    path = f"{DESK}/{fire}"
    _, answer = await asked(served, damkar, "POST", f"{path}/decline", reason="Penuh")
    assert answer["dispatch"]["state"] == "overdue", "which is the supervisor's"
    status, answer = await asked(served, damkar, "POST", f"{path}/accept")
    assert (status, answer["dispatch"]["state"]) == (200, "acknowledged")


async def test_a_wrong_id_holds_up_nobody_while_the_database_is_away(
    served: ServedEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    damkar = await a_desk(served, "budi", "damkar")
    number, _ = await told(served, "damkar")
    waiting = without_database(served, monkeypatch)
    monkeypatch.setattr(agency_desk, "FIND_WITHIN_S", 1.0)
    for name, body in (("accept", {}), ("note", {"text": "Hai"})):
        waiting.clear()
        path = f"{DESK}/{new_id(0)}/{name}"
        desk = asyncio.create_task(asked(served, damkar, "POST", path, **body))
        await waiting.wait()
        assert served.api is not None
        assert not served.api.lookup.changing.locked(), "operators need it"
        await served.post(f"/api/incidents/{number}/note", text="Api sudah terlihat")
        status, answer = await desk
        assert (status, "try again later" in answer["error"]) == (503, True)


async def test_with_the_database_away_the_list_is_what_the_engine_has_in_hand(
    served: ServedEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    damkar, pmi = await a_desk(served, "budi", "damkar"), await a_desk(served, "dewi", "pmi")
    made = [await told(served, "damkar", "pmi") for _ in range(2)]
    monkeypatch.setattr(written, "WRITTEN_WITHIN_S", 0.1)
    without_database(served, monkeypatch)
    for token, at in ((damkar, 0), (pmi, 1)):
        status, answer = await asked(served, token, "GET", DESK)
        assert status == 200
        assert [one["id"] for one in answer["dispatches"]] == [found[at] for _, found in made]
    _, answer = await asked(served, damkar, "GET", f"{DESK}?limit=1")
    assert [one["id"] for one in answer["dispatches"]] == [made[0][1][0]]
    assert (await asked(served, damkar, "GET", f"{DESK}?limit=101"))[0] == 400


async def test_nothing_else_is_answered_to_an_agency_whatever_route(served: ServedEngine) -> None:
    damkar = await a_desk(served, "budi", "damkar")
    number, _ = await told(served, "damkar")
    for route in ROUTES:
        if route.open_to_all or route.path.startswith("/api/desk/"):
            continue
        path = route.path.replace("{id}", number).replace("{kind}", "summary")
        path = path.replace("{phone}", "101").replace("{number}", "101").replace("{name}", "a")
        status, answer = await asked(served, damkar, route.method, path)
        assert status == 403, route
        assert "has the role agency" in answer["error"] and number not in answer["error"]
    for role in (Role.READ_ONLY, Role.ADMINISTRATOR):
        _, other = await a_token(served, role.value.replace("_", "-"), role)
        assert (await asked(served, other, "GET", DESK))[0] == 403
    assert (await served.refusal("get", DESK))[0] == 403, "the line itself is no agency"


async def test_what_an_agency_looks_at_and_does_is_in_the_audit(served: ServedEngine) -> None:
    damkar = await a_desk(served, "budi", "damkar")
    _, (fire,) = await told(served, "damkar")
    await asked(served, damkar, "GET", f"{DESK}/{fire}")
    await asked(served, damkar, "GET", DESK)
    await asked(served, damkar, "POST", f"{DESK}/{fire}/accept")
    await asked(served, damkar, "GET", "/api/calls")
    await asked(served, damkar, "POST", "/api/incidents", description="Banjir")
    await served.journal.recorder.flushed()
    rows = [one for one in await rows_of(served.database, AccessTrailRow) if one["who"] == "budi"]
    kept = served.engine.dispatches.open[fire]
    assert {(one["kind"], one["target"], one["command"]) for one in rows} >= {
        ("incident", kept.incident_id, f"GET {DESK}/{{id}}"),
        ("list", "desk/dispatches", f"GET {DESK}"),
        ("change", fire, f"POST {DESK}/{{id}}/accept"),
        ("refused", "", "refused: GET /api/calls"),
        ("refused", "", "refused: POST /api/incidents"),
    }


async def test_a_person_of_an_agency_needs_one_that_there_is(served: ServedEngine) -> None:
    for body in (
        {"role": "agency"},
        {"role": "agency", "agency": "nobody"},
        {"role": "operator", "agency": "damkar"},
    ):
        assert (await served.refusal("post", "/api/people", id="x", name="X", **body))[0] == 400
    damkar = await a_desk(served, "budi", "damkar")
    _, (fire,) = await told(served, "damkar")
    await served.put("/api/people/budi", agency="pmi")
    assert (await asked(served, damkar, "GET", DESK))[1] == {"dispatches": []}
    assert (await asked(served, damkar, "GET", f"{DESK}/{fire}"))[0] == 404
    made = await served.put("/api/people/budi", role="operator")
    assert (made["role"], made["agency"]) == ("operator", None)
    assert (await asked(served, damkar, "GET", DESK))[0] == 403
    assert (await served.refusal("put", "/api/people/budi", role="agency"))[0] == 400


async def test_the_command_line_of_an_agency(served: ServedEngine) -> None:
    settings = served.settings
    ran = await run(
        settings,
        "person",
        "add",
        "budi",
        "--name",
        "Budi",
        "--role",
        "agency",
        "--agency",
        "damkar",
    )
    assert (ran.code, ran.out) == (0, "Person budi (Budi, agency) is added.\n")
    number, (fire,) = await told(served, "damkar")
    token = {"NGALAM112_TOKEN": str((await served.post("/api/tokens", person="budi"))["secret"])}
    listed = (await run(settings, "desk", "list", **token)).out
    assert fire in listed.replace("\n", "") or number in listed
    shown = (await run(settings, "desk", "show", fire, **token)).out
    assert "description: Asap di lantai 2" in shown and "may do: accept, decline" in shown
    assert "standing: accepted" in (await run(settings, "desk", "accept", fire, **token)).out
    ran = await run(settings, "desk", "note", fire, "Unit berangkat", **token)
    assert ran.code == 0
    ran = await run(settings, "desk", "resolve", fire, "-f", "json", **token)
    assert json.loads(ran.out)["report"] is None or ran.code == 1
    failed_in_one_line(await run(settings, "calls", "list", **token), "has the role agency")
    failed_in_one_line(await run(settings, "desk", "list"), "people of an agency")
