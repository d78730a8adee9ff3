"""Alarms that are kept, by a real engine over real HTTP; Asterisk is down."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from answer_types import hold_to_its_type
from lines import eventually
from served import ServedEngine, an_engine
from test_commands import run

from ngalam112.alarms.book import HOLD_S
from ngalam112.api.live_state import live_state


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[ServedEngine]:
    async with an_engine(tmp_path, alarm_wait_s=1.0, alarm_disk_percent=0.0) as one:
        yield one


async def looks(served: ServedEngine, times: int = 2) -> None:
    assert served.api is not None
    for _ in range(times):
        await served.api.alarm_watch.look()


async def on(served: ServedEngine) -> dict[str, dict[str, Any]]:
    found = (await served.get("/api/alarms/on"))["alarms"]
    return {f"{one['kind']} {one['about']}".rstrip(): one for one in found}


async def test_many_who_wait_too_long_are_one_alarm(served: ServedEngine) -> None:
    for n in range(60):
        await served.citizen(f"c{n}", f"0812{n:06}")
    await eventually(lambda: len(served.engine.dispatcher.queue) == 60, within=20)

    async def too_long() -> bool:
        return bool((await served.get("/api/status"))["queue"]["longest_wait_s"] > 1.0)

    await eventually(too_long, what="a wait of a second")
    await looks(served, 3)
    alarms = await on(served)
    assert {"wait", "asterisk", "ami", "operators"} <= alarms.keys()
    assert "for more than 1 s; 60 are in the queue" in alarms["wait"]["text"]
    listed = (await served.get("/api/alarms", **{"from": "today"}))["alarms"]
    assert [one["kind"] for one in listed].count("wait") == 1


async def test_who_acknowledges_an_alarm_is_kept_and_audited_and_shown_on_the_board(
    served: ServedEngine,
) -> None:
    await looks(served)
    id = (await on(served))["operators"]["id"]
    await served.post(f"/api/alarms/{id}/acknowledge", by="Rini")
    known = (await on(served))["operators"]
    assert known["acknowledged_by"] == "Rini" and known["acknowledged_at"] is not None
    status, said = await served.refusal("post", f"/api/alarms/{id}/acknowledge", by="Budi")
    assert status == 409 and "Rini has acknowledged the alarm operators before" in said
    status, said = await served.refusal("post", "/api/alarms/nothing/acknowledge", by="Budi")
    assert status == 404 and "alarms list" in said
    audit = (await served.get("/api/audit"))["audit"]
    assert ("POST /api/alarms/{id}/acknowledge", id) in {
        (one["command"], one["target"]) for one in audit
    }
    assert served.api is not None
    health = (await served.get("/api/status"))["engine"]
    made = live_state(served.engine, served.settings, health, 1)
    snapshot = msgspec.json.decode(msgspec.json.encode(made))
    hold_to_its_type("GET", "/api/live", snapshot)
    shown = {one["alarm"]: one["acknowledged_by"] for one in snapshot["alarms"]}
    assert shown["operators"] == "Rini" and shown["asterisk"] is None


async def test_alarms_are_told_and_acknowledged_while_the_database_is_away(
    served: ServedEngine,
) -> None:
    recorder = served.journal.recorder
    recorder.away(OSError("the cable"))
    assert served.api is not None
    state = served.api.alarm_watch._engine_state()
    assert state["database"] is False
    found = {"database": "the database is away since now; the journal keeps what happens"}
    for _ in range(2):
        await served.engine.do(lambda now: served.engine.alarms.look(found, now))
    row = await served.post("/api/alarms/database/acknowledge", by="Rini")
    assert row["acknowledged_by"] == "Rini"
    # what the journal has kept of it is in the database once that is back
    await eventually(lambda: recorder.failing_since is None, what="the database is back")
    listed = (await served.get("/api/alarms"))["alarms"]
    assert [(one["kind"], one["acknowledged_by"]) for one in listed] == [("database", "Rini")]


async def test_an_alarm_that_is_over_long_ago_is_acknowledged_from_the_database(
    served: ServedEngine,
) -> None:
    book, found = served.engine.alarms, {"disk": "3.0 % of the disk is free; make room"}

    async def look(found: dict[str, str], at: float) -> None:
        await served.engine.do(lambda now: book.look(found, now + at))

    for at in (0.0, 2.0):
        await look(found, at)
    for at in (4.0, 4.0 + HOLD_S):
        await look({}, at)
    assert book.on == {}
    book._over.clear()  # as another engine knows it
    (row,) = (await served.get("/api/alarms"))["alarms"]
    assert row["ended_at"] is not None and row["acknowledged_by"] is None
    await served.post(f"/api/alarms/{row['id']}/acknowledge", by="Rini")
    (row,) = (await served.get("/api/alarms"))["alarms"]
    assert row["ended_at"] is not None and row["acknowledged_by"] == "Rini"
    status, _ = await served.refusal("post", f"/api/alarms/{row['id']}/acknowledge", by="Budi")
    assert status == 409


async def test_what_the_last_engine_kept_is_on_in_the_next_one(tmp_path: Path) -> None:
    """As `ngalam112.process.service` does it; the database has not taken the last word yet."""
    async with an_engine(tmp_path) as served:
        await looks(served)
        before = await on(served)
        await served.post("/api/alarms/operators/acknowledge", by="Rini")
    settings = served.settings
    async with an_engine(tmp_path, api_port=settings.api_port) as after:
        kept = after.journal.recorder.local.kept
        engine, api = after.engine, after.api
        assert api is not None
        engine.alarms.remember(list(kept.others["alarms"].values()), engine.clock.now())
        api.alarm_watch.remember({"alarms_served_by": "another"}, None)
        await looks(after)
        alarms = await on(after)
        assert {key: one["id"] for key, one in before.items()} == {
            key: one["id"] for key, one in alarms.items() if key != "change"
        }
        assert alarms["operators"]["acknowledged_by"] == "Rini"
        assert "another engine serves now" in alarms["change"]["text"]


async def test_the_commands_list_and_acknowledge_with_the_engine_up_and_list_without(
    tmp_path: Path,
) -> None:
    async with an_engine(tmp_path) as served:
        await looks(served)
        ran = await run(served.settings, "alarms", "list", "--open")
        assert ran.code == 0 and "no operator is ready" in ran.out
        ran = await run(served.settings, "alarms", "acknowledge", "operators")
        assert ran.code == 0 and "The alarm operators is acknowledged by" in ran.out
        ran = await run(served.settings, "alarms", "list", "--from", "today", "-f", "csv")
        assert ran.out.startswith("id,kind,about,text,began_at,ended_at,acknowledged_at,")
        ran = await run(served.settings, "alarms", "list", "--open", "--from", "today")
        assert ran.code != 0 and "--open" in ran.err
    for more in (("--open",), ("--from", "today")):
        ran = await run(served.settings, "alarms", "list", *more)
        assert ran.code == 0 and "operators" in ran.out, "read from the database"
