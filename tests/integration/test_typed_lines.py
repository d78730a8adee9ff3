"""The command bar at a real engine: one line opens, codes, dispatches, closes, or does nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from served import ServedEngine, an_engine
from test_commands import Ran, failed_in_one_line, run


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[ServedEngine]:
    async with an_engine(tmp_path / "home") as found:
        yield found


async def do(served: ServedEngine, *line: str) -> Ran:
    return await run(served.settings, "incident", "do", *line)


async def done(served: ServedEngine, *line: str) -> str:
    ran = await do(served, *line)
    assert (ran.code, ran.err) == (0, ""), ran
    return ran.out


async def shown(served: ServedEngine, number: str) -> Any:
    return await served.get(f"/api/incidents/{number}")


async def count(served: ServedEngine) -> int:
    return len((await served.get("/api/incidents", which="all"))["incidents"])


async def test_a_line_opens_an_incident_codes_it_and_tells_the_agencies(
    served: ServedEngine,
) -> None:
    said = await done(served, "fire klojen 2 dispatch damkar pmi note dua orang di dalam")
    what, number = said.splitlines()
    assert what == (
        "open an incident: Kebakaran, Klojen, priority 2, described as 'dua orang di dalam'; "
        "dispatch damkar, pmi."
    )
    found = await shown(served, number.removeprefix("Incident ").rstrip("."))
    one = found["incident"]
    assert (one["category"], one["incident_class"], one["kecamatan"], one["priority"]) == (
        "fire",
        "emergency",
        "Klojen",
        2,
    )
    assert (one["description"], one["state"]) == ("dua orang di dalam", "dispatched")
    # both are of one millisecond, so neither of them is the first
    assert sorted(each["agency"] for each in found["dispatches"]) == ["damkar", "pmi"]


async def test_a_line_goes_on_with_an_incident_to_its_end(served: ServedEngine) -> None:
    year = (await done(served, "ular", "kasin")).split("Incident ")[1][:4]
    said = await done(
        served,
        f"{year}-1 blimbing 1 dispatch 62 ack damkar scene resolve close note ular sawah",
        "--by",
        "1001",
    )
    assert said.endswith(f"Incident {year}-000001.\n")
    found = await shown(served, f"{year}-1")
    one = found["incident"]
    assert (one["state"], one["priority"], one["kecamatan"]) == ("closed", 1, "Blimbing")
    assert not one["kelurahan"], "Kasin is in Klojen"
    kinds = [each["kind"] for each in found["entries"]]
    assert kinds.count("moved") == 5 and kinds[-1] == "noted"
    assert {each["by"] for each in found["entries"][3:] if each["source"] == "api"} == {"1001"}
    await done(served, f"{year}-1 reopen")
    await done(served, "ular kasin")
    await done(served, f"{year}-2 merge {year}-1")
    merged = (await shown(served, f"{year}-1"))["merged"]
    assert [each["number"] for each in merged] == [f"{year}-000002"]


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("frie klojen dispatch damkar", "did you mean fire?"),
        ("fire klojen dispatch damkar ghostbusters", "'ghostbusters' is not known"),
        ("fire klojen dispatch damkar reopen", "cannot become reopened"),
        ("2026-999 scene", "There is no incident '2026-000999'"),
        ("", "the form is"),
    ],
)
async def test_a_line_with_anything_wrong_in_it_does_nothing(
    served: ServedEngine, line: str, says: str
) -> None:
    failed_in_one_line(await do(served, line), says)
    assert await count(served) == 0


async def test_what_would_be_done_can_be_asked(served: ServedEngine) -> None:
    said = await done(served, "fire klojen dispatch damkar", "--dry-run")
    assert said == "open an incident: Kebakaran, Klojen; dispatch damkar.\n"
    assert await count(served) == 0


async def test_what_is_refused_midway_says_how_far_it_came(served: ServedEngine) -> None:
    number = (await done(served, "fire klojen dispatch damkar")).split("Incident ")[1][:-2]
    ran = await do(served, f"{number} 1 dispatch damkar note x")
    assert ran.out == f"incident {number} is priority 1; dispatch damkar; note 'x'.\n"
    assert ran.code == 1 and "already" in ran.err
    assert "Done before that" in ran.err and "change priority" in ran.err
    assert "not done: dispatch damkar, and what follows" in ran.err
    kinds = [each["kind"] for each in (await shown(served, number))["entries"]]
    assert "prioritised" in kinds and "noted" not in kinds


async def test_an_agency_that_was_added_just_now_is_known_by_its_begin(
    served: ServedEngine,
) -> None:
    await served.put("/api/agencies/kelinci", number="88", name="Dinas Peternakan")
    said = await done(served, "animal klojen dispatch kelin")
    assert "dispatch kelinci." in said
