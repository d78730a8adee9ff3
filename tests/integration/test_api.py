"""The API of a real engine with a real database, asked over real HTTP; Asterisk is down."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from lines import eventually
from prometheus_client.parser import text_string_to_metric_families
from served import ServedEngine, a_record, an_engine, keep

from acd.calls.record import COUNTED, Outcome
from incidents.dispatch import DispatchState
from journal.write_ahead_log import WriteAheadLog
from ngalam112.accounts.admin import load_roster
from ngalam112.api import written
from ngalam112.recovery.startup_state import known_by
from pbx.render import password_digest
from reports.kinds import KINDS

PATHS = (
    ("GET", "/metrics"),
    ("GET", "/api/status"),
    ("GET", "/api/calls"),
    ("GET", "/api/calls/x"),
    ("POST", "/api/calls/x/disposition"),
    ("GET", "/api/summary"),
    ("GET", "/api/operators"),
    ("POST", "/api/operators"),
    ("POST", "/api/operators/1001/login"),
    ("GET", "/api/phones"),
    ("POST", "/api/phones"),
    ("GET", "/api/agencies"),
    ("PUT", "/api/agencies/pmi"),
    ("DELETE", "/api/agencies/pmi"),
    ("GET", "/api/openapi.json"),
    ("GET", "/nothing"),
)


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[ServedEngine]:
    async with an_engine(tmp_path) as one:
        yield one


async def test_health_tells_what_is_down_and_nothing_else_without_the_token(
    served: ServedEngine,
) -> None:
    status, body = await served.raw("GET", "/healthz")
    assert (status, json.loads(body)) == (503, {"ok": False, "down": ["ari", "ami"]})
    for token in (None, "", "wrong", served.settings.secrets.api_token + "x", "\xff"):
        for method, path in PATHS:
            status, body = await served.raw(method, path, token=token)
            assert (status, list(json.loads(body))) == (401, ["error"]), path


async def test_the_status_says_that_asterisk_is_down_and_what_the_line_holds(
    served: ServedEngine,
) -> None:
    await served.post("/api/phones", number="101")
    await served.post("/api/operators", id="1001", name="Sari", pin="654321", home_phone="101")
    await served.post("/api/operators/1001/login")
    await served.post("/api/operators/1001/pause")
    await served.citizen("c1")
    status = await served.get("/api/status")
    links = {name: status["engine"][name] for name in ("ari", "ami", "database")}
    assert links == {"ari": False, "ami": False, "database": True}
    assert status["engine"]["pid"] == os.getpid()
    keeping = ("database_away_since", "journal_failing_since", "entries_lost")
    assert [status["engine"][name] for name in keeping] == [None, None, 0]
    assert status["engine"]["uptime_s"] >= 0 and status["engine"]["inbox"] == 0
    assert status["operators"]["status"] == {"logged_out": 0, "paused": 1, "ready": 0}
    assert status["operators"]["state"]["idle"] == 1
    assert status["phones"]["unknown"] == 1
    assert status["queue"]["length"] in (0, 1), "the menu cannot be played, so it goes on"
    (living,) = status["living"]
    assert (living["caller"], living["operator"]) == ("08123", None)
    assert sum(status["calls"].values()) == 1 and status["calls"][living["stage"]] == 1


async def test_a_waiting_call_is_in_the_queue_and_its_wait_grows(served: ServedEngine) -> None:
    await served.citizen("c1")

    async def queued() -> bool:
        return bool((await served.get("/api/status"))["queue"]["length"] == 1)

    await eventually(queued, within=20, what="the call is in the queue")
    first = (await served.get("/api/status"))["queue"]["longest_wait_s"]
    assert first >= 0

    async def grows() -> bool:  # told to the millisecond, and two questions may take less
        return bool((await served.get("/api/status"))["queue"]["longest_wait_s"] > first)

    await eventually(grows, within=5, what="the wait grows")


async def test_a_new_phone_is_known_at_once_and_its_password_told_once(
    served: ServedEngine,
) -> None:
    made = await served.post("/api/phones", number="105")
    assert len(made["password"]) >= 12 and made["in_effect"] is False
    rendered = (served.settings.asterisk_home / "etc" / "phones.conf").read_text()
    assert made["password"] not in rendered
    assert f"password_digest = {password_digest('105', made['password'])}\n" in rendered
    listed = await served.get("/api/phones")
    assert listed["phones"] == [
        {"number": "105", "contact": None, "device": "unknown", "operator": None}
    ]
    _, stored = await load_roster(served.database)
    digest = password_digest("105", made["password"])
    assert [(one.number, one.password) for one in stored] == [("105", digest)]
    assert served.engine.roster.phones["105"].password == digest


async def test_a_phone_that_is_there_keeps_its_password_unless_told_otherwise(
    served: ServedEngine,
) -> None:
    first = await served.post("/api/phones", number="105")
    status, sentence = await served.refusal("post", "/api/phones", number="105")
    assert status == 409 and "--replace" in sentence
    assert served.engine.roster.phones["105"].password == password_digest("105", first["password"])
    second = await served.post("/api/phones", number="105", replace=True, password="another-one")
    assert second["password"] == "another-one"
    assert served.engine.roster.phones["105"].password == password_digest("105", "another-one")


async def test_phones_added_at_once_are_all_rendered(served: ServedEngine) -> None:
    numbers = [str(number) for number in range(201, 213)]
    await asyncio.gather(*(served.post("/api/phones", number=number) for number in numbers))
    listed = (served.settings.asterisk_home / "etc" / "phones.list").read_text().split()
    assert listed == numbers


async def test_an_operator_logs_in_pauses_is_ready_and_logs_out(served: ServedEngine) -> None:
    await served.post("/api/phones", number="101")
    await served.post("/api/phones", number="102")
    made = await served.post("/api/operators", id="1001", name="Sari", pin="654321")
    assert (made["status"], made["name"]) == ("logged_out", "Sari")
    assert "pin_hash" not in made
    one = await served.post("/api/operators/1001/login", phone="102")
    assert (one["status"], one["phone"]) == ("ready", "102")
    one = await served.post("/api/operators/1001/pause", reason="prayer")
    assert (one["status"], one["pause_reason"]) == ("paused", "prayer")
    assert (await served.get("/api/phones"))["phones"][1]["operator"] == "1001"
    assert (await served.post("/api/operators/1001/ready"))["status"] == "ready"
    await served.journal.recorder.flushed()
    stored, _ = await load_roster(served.database)
    assert (stored[0].status, stored[0].phone) == ("ready", "102")
    one = await served.post("/api/operators/1001/logout")
    assert (one["status"], one["phone"]) == ("logged_out", None)
    assert (await served.get("/api/operators"))["operators"] == [one]


async def test_who_is_logged_in_and_what_is_needed_is_not_removed(served: ServedEngine) -> None:
    await served.post("/api/phones", number="101")
    await served.post("/api/operators", id="1001", name="Sari", pin="654321", home_phone="101")
    await served.post("/api/operators/1001/login")
    for status, words, path in (
        (409, "is logged in; log them out", "/api/operators/1001"),
        (409, "1001 is logged in at phone 101", "/api/phones/101"),
        (404, "no operator 1009", "/api/operators/1009"),
        (404, "no phone 109", "/api/phones/109"),
    ):
        found = await served.refusal("delete", path)
        assert found[0] == status and words in found[1], (path, found)
    await served.post("/api/operators/1001/logout")
    status, sentence = await served.refusal("delete", "/api/phones/101")
    assert status == 409 and "operator 1001's own" in sentence
    operators, phones = await load_roster(served.database)
    assert ([one.id for one in operators], [one.number for one in phones]) == (["1001"], ["101"])


async def test_who_is_removed_is_gone_everywhere_and_stays_so(served: ServedEngine) -> None:
    for number in ("101", "102"):
        await served.post("/api/phones", number=number)
    await served.post("/api/operators", id="1001", name="Sari", pin="654321", home_phone="101")
    await served.post("/api/operators/1001/login", phone="102")
    await served.post("/api/operators/1001/logout")
    assert await served.delete("/api/operators/1001") == {"id": "1001"}
    assert await served.delete("/api/phones/101") == {"number": "101", "in_effect": False}
    assert served.engine.roster.operators == {} and list(served.engine.roster.phones) == ["102"]
    await served.journal.recorder.flushed()
    operators, phones = await load_roster(served.database)
    assert ([one.id for one in operators], [one.number for one in phones]) == ([], ["102"])
    rendered = (served.settings.asterisk_home / "etc" / "phones.list").read_text().split()
    assert rendered == ["102"]
    local = served.journal.recorder.local
    local.close()
    again = WriteAheadLog(local.folder)
    known = known_by(again.kept)
    assert ([one.id for one in known.operators], [one.number for one in known.phones]) == (
        [],
        ["102"],
    )
    again.close()


async def test_what_cannot_be_removed_from_the_database_is_there_again(
    served: ServedEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    await served.post("/api/phones", number="101")
    await served.post("/api/operators", id="1001", name="Sari", pin="654321")
    monkeypatch.setattr(written, "WRITTEN_WITHIN_S", 0.1)

    async def never() -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(served.journal.recorder, "flushed", never)
    for path in ("/api/operators/1001", "/api/phones/101"):
        status, sentence = await served.refusal("delete", path)
        assert status == 503 and "nothing is changed" in sentence
    assert list(served.engine.roster.operators) == ["1001"]
    assert list(served.engine.roster.phones) == ["101"]


async def test_an_operator_with_a_new_name_stays_logged_in(served: ServedEngine) -> None:
    await served.post("/api/phones", number="101")
    await served.post("/api/operators", id="1001", name="Sari", pin="654321", home_phone="101")
    await served.post("/api/operators/1001/login")
    status, _ = await served.refusal("post", "/api/operators", id="1001", name="Dewi", pin="654321")
    assert status == 409
    made = await served.post("/api/operators", id="1001", name="Dewi", pin="654321", replace=True)
    assert (made["name"], made["status"], made["phone"]) == ("Dewi", "ready", "101")
    await served.journal.recorder.flushed()
    stored, _ = await load_roster(served.database)
    assert (stored[0].name, stored[0].status, stored[0].phone) == ("Dewi", "ready", "101")


async def test_a_wrap_up_is_made_longer_and_ended(served: ServedEngine) -> None:
    await served.post("/api/phones", number="101")
    await served.post("/api/operators", id="1001", name="Sari", pin="654321", home_phone="101")
    await served.post("/api/operators/1001/login")
    engine = served.engine
    one = engine.roster.operators["1001"]
    await engine.do(lambda now: engine.wrap_ups.begin(one, 10.0, now))
    until = one.wrap_up_until
    row = await served.post("/api/operators/1001/wrap_up", extend_s=30)
    assert (row["state"], one.wrap_up_until) == ("wrap_up", until + 30.0)
    assert row["wrap_up_until"].endswith("+07:00")
    await served.journal.recorder.flushed()
    (stored,), _ = await load_roster(served.database)
    assert stored.wrap_up_until == pytest.approx(until + 30.0, abs=1e-5)
    row = await served.post("/api/operators/1001/wrap_up", end=True)
    assert (row["state"], row["status"], row["wrap_up_until"]) == ("idle", "ready", None)
    status, sentence = await served.refusal("post", "/api/operators/1001/wrap_up", end=True)
    assert (status, sentence) == (409, "Operator 1001 is not in wrap-up.")


async def test_skills_take_effect_at_once_and_are_kept(served: ServedEngine) -> None:
    async def stored() -> tuple[dict[str, int], int]:
        await served.journal.recorder.flushed()
        (one,), _ = await load_roster(served.database)
        return one.skills, one.weight

    skills = {"police": 9, "lang:jv": 5}
    made = await served.post(
        "/api/operators", id="1001", name="Sari", pin="654321", skills=skills, weight=2
    )
    assert (made["skills"], made["weight"]) == (skills, 2)
    living = served.engine.roster.operators["1001"]
    assert (living.skills, living.weight) == (skills, 2) == await stored()
    await served.post("/api/operators", id="1001", name="Dewi", pin="654321", replace=True)
    assert (living.name, living.skills, living.weight) == ("Dewi", skills, 2)
    assert await stored() == (skills, 2), "who gets a new name keeps the skills"
    row = await served.post("/api/operators/1001/skills", skills={"fire": 1})
    assert (row["skills"], row["weight"]) == ({"fire": 1}, 2)
    assert (living.skills, await stored()) == ({"fire": 1}, ({"fire": 1}, 2))
    await served.post("/api/operators/1001/skills", skills={}, weight=100)
    assert await stored() == ({}, 100)


async def test_calls_and_totals_are_those_of_the_database(served: ServedEngine) -> None:
    noon = 1_776_056_400.0  # 2026-04-13T12:00+07:00
    await keep(
        served.database,
        a_record("aa1", noon, category="police", caller_name="=cmd()"),
        a_record("aa2", noon + 60, outcome=Outcome.ANSWERED, operator_answered_at=noon + 64),
        a_record("bb1", noon + 86_400, outcome=None, ended_at=None),
    )
    listed = (await served.get("/api/calls"))["calls"]
    assert [one["call_id"] for one in listed] == ["bb1", "aa2", "aa1"]
    assert listed[2]["arrived_at"] == "2026-04-13T12:00:00.000+07:00"

    async def ids(**params: str) -> list[str]:
        return [one["call_id"] for one in (await served.get("/api/calls", **params))["calls"]]

    assert await ids(**{"from": "2026-04-14"}) == ["bb1"]
    assert await ids(to="2026-04-13") == ["aa2", "aa1"]
    assert await ids(**{"from": "2026-04-13T12:01", "to": "2026-04-13T12:02"}) == ["aa2"]
    assert await ids(**{"from": "2026-04-13T05:01:00Z", "limit": "1"}) == ["bb1"]
    assert await ids(outcome="live") == ["bb1"]
    assert await ids(caller="6789", outcome="answered") == ["aa2"]
    assert (await served.get("/api/calls/bb"))["call"]["call_id"] == "bb1"
    totals = await served.get("/api/summary", **{"from": "2026-04-13", "to": "2026-04-13"})
    assert (totals["offered"], totals["answered"], totals["adds_up"]) == (2, 1, True)
    by_hour = await served.get("/api/summary", by="hour")
    assert list(by_hour["groups"]) == ["2026-04-13T12:00+07:00", "2026-04-14T12:00+07:00"]


async def test_each_report_is_given_as_tables_of_the_same_numbers(served: ServedEngine) -> None:
    noon = 1_776_056_400.0
    answered = {"outcome": Outcome.ANSWERED, "operator": "1101", "operator_answered_at": noon + 9}
    await keep(served.database, a_record("aa1", noon), a_record("aa2", noon, **answered))
    day = {"from": "2026-04-13", "to": "2026-04-13"}
    for name, kind in KINDS.items():
        told = await served.get(f"/api/reports/{name}", **day)
        assert (told["title"], told["since"]) == (kind.title, "2026-04-13T00:00:00+07:00"), name
    told = await served.get("/api/reports/hours", **day)
    hours, busiest = told["parts"]
    assert [one["name"] for one in hours["columns"]][:3] == ["group", "offered", "answered"]
    assert hours["rows"][0][:3] == ["2026-04-13 12:00", 2, 1] and busiest["rows"][0][1] == 2
    told = await served.get("/api/reports/losses", by="day", **day)
    assert told["parts"][1]["rows"][-1][:2] == ["total", 2]
    assert (await served.get("/api/reports/day"))["until"] is not None, "of yesterday"
    assert (await served.get("/api/reports/operators", **{"from": "last shift"}))["until"]


async def test_a_report_that_takes_long_holds_up_no_look_at_a_call(
    served: ServedEngine,
) -> None:
    await keep(served.database, a_record("aa1", 1_776_056_400.0))
    assert (await served.get("/api/summary"))["offered"] == 1
    assert served.api is not None
    pid = served.api.reports.pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    report = asyncio.create_task(served.get("/api/summary"))
    try:
        async with asyncio.timeout(10):
            assert (await served.get("/api/calls/aa"))["call"]["call_id"] == "aa1"
            assert len((await served.get("/api/calls"))["calls"]) == 1
        assert not report.done()
    finally:
        os.kill(pid, signal.SIGCONT)
    assert ((await report)["offered"], served.api.reports.pid) == (1, pid)


async def test_an_engine_is_idle_while_no_call_and_no_wrap_up_is_open(served: ServedEngine) -> None:
    engine = served.engine
    assert not engine.is_idle(), "nobody knows yet what Asterisk holds"
    engine.restored = True
    assert engine.is_idle()
    await served.citizen("c1")
    assert not engine.is_idle()
    await engine.do(engine.hang_up_all)
    engine.router.gone("c1", 16, engine.clock.now())
    assert engine.is_idle()
    await served.post("/api/operators", id="1001", name="Sari", pin="654321")
    await engine.do(lambda now: engine.wrap_ups.begin(engine.roster.operators["1001"], 60.0, now))
    assert not engine.is_idle()
    assert abs((await served.get("/api/status"))["engine"]["clock_ahead_s"]) < 1.0


async def test_the_metrics_count_what_has_happened(served: ServedEngine) -> None:
    async def numbers() -> dict[str, float]:
        token = served.settings.secrets.api_token
        _, body = await served.raw("GET", "/metrics", token=token)
        return {
            ",".join([one.name, *one.labels.values()]): one.value
            for family in text_string_to_metric_families(body.decode())
            for one in family.samples
        }

    before = await numbers()
    assert before["ngalam112_calls_offered_total"] == 0
    assert before["ngalam112_ari_connected"] == before["ngalam112_ami_connected"] == 0
    assert {before[f"ngalam112_dispatches,{one.value}"] for one in DispatchState} == {0}
    await served.citizen("c1")
    await served.citizen("c2")
    incident = (await served.post("/api/incidents", description="Asap"))["number"]
    # by a person, for it has no address: so nothing follows by itself but the agreed time
    await served.post(f"/api/incidents/{incident}/dispatch", agencies=["bpbd"])
    during = await numbers()
    assert during["ngalam112_calls_offered_total"] == 2
    assert during["ngalam112_dispatches,sending"] == 1
    assert during["ngalam112_dispatches_overdue_total"] == 0
    assert during["ngalam112_dispatches_left_to_supervisor_total"] == 0
    await served.engine.do(served.engine.hang_up_all)
    await served.journal.recorder.flushed()
    after = await numbers()
    ended = {name: value for name, value in after.items() if "calls_ended" in name}
    assert sum(ended.values()) == 2 and len(ended) == len(COUNTED)
    assert after["ngalam112_recorder_backlog"] == after["ngalam112_recorder_failing"] == 0
    assert after["ngalam112_recorder_written_total"] > 0
    assert after["ngalam112_journal_failing"] == after["ngalam112_entries_lost_total"] == 0
    served.journal.recorder.away(OSError("gone"))
    during = await numbers()
    assert during["ngalam112_recorder_failing"] == 1
    assert during["ngalam112_recorder_failing_since_seconds"] == pytest.approx(time.time(), abs=60)
    assert after["ngalam112_queue_length"] == 0
    assert after["ngalam112_wrong_pins_total"] == after["ngalam112_pin_waits"] == 0
