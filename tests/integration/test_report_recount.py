"""The reports against a recount of what happened, by a script that knows nothing of them.

A day of simulated calls is written by what an engine writes with: a call, the journal, the writer
of the database. Then a crowd of SIPp's calls a real line, and the script counts SIPp's own logs of
its messages (`tests/harness/recount.py`).
"""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import recount
from lines import FULL, Line, eventually, open_line
from report_calls import DAY
from simulated_day import Told, simulated
from sipp_crowd import Crowd
from sqlalchemy import text

from models.database import Database
from ngalam112.config.settings import PROJECT
from pbx.programs import Programs
from reports.calls import list_calls
from reports.check import check
from reports.figures import Figures
from reports.summary import summary
from reports.supervisor_facts import operator_parts

pytest_plugins = ("databases",)

SIMULATED, PLAYED = (2000, 200) if FULL else (250, 40)
EXACT_S, NEAR_S = 0.0011, 0.2
OPERATORS = 4 if not FULL else 8
TRIES = 2  # a play in which the machine made SIPp or Asterisk late proves no time
RINGS, RINGS_MS = "\nSIP/2.0 180 ", "15000" if FULL else "9000"


# --- what is compared -------------------------------------------------------------------------


def near(found: int | None, told: float | None, within: float) -> bool:
    if found is None or told is None:
        return found is told
    return abs(found / 1000 - told) <= within


def disagreements(found: Figures, told: Told, within: float) -> list[str]:
    """The figures that are not what the recount says; times may differ by so many seconds."""
    wrong = []
    counts = ("offered", "answered", "lost_menu", "lost_queue", "lost_ringing", "live", "taken")
    for name in (*counts, "by_category"):
        if getattr(found, name) != told[name]:
            wrong.append(f"{name}: {getattr(found, name)}, and not {told[name]}")
    times = {
        f"{kind}_{name}_ms": (told[kind] or {}).get(part)
        for kind in ("answer", "queue")
        for name, part in {
            "mean": "mean",
            "p50": "p50",
            "p90": "p90",
            "p95": "p95",
            "longest_tenth_mean": "longest_tenth",
        }.items()
    }
    times |= {f"wait_{name}_ms": (told["wait"] or {}).get(name) for name in ("p50", "p95")}
    times["talk_mean_ms"] = told["talk_mean"]
    for name, expected in times.items():
        if not near(getattr(found, name), expected, within):
            wrong.append(f"{name}: {getattr(found, name)}, and not {expected}")
    for loss in found.losses:
        of = told.get(f"{loss.stage}_after") or {}
        for name in ("mean", "p50", "p95"):
            if not near(getattr(loss, f"{name}_ms"), of.get(name), within):
                wrong.append(f"{loss.stage} {name}: {loss}, and not {of}")
    limits = [(one.seconds, one.answered, told["answered_after"]) for one in found.service_levels]
    for limit, count, after in [*limits, (found.short_s, found.short, told["lost_after"])]:
        # who is so near to the limit may count or not
        least, most = (sum(one <= limit + edge for one in after) for edge in (-within, within))
        if not least <= count <= most:
            wrong.append(f"within {limit} s: {count}, and not {least} to {most}")
    return wrong


async def differences(
    url: str,
    calls: list[Told],
    within: float,
    since: datetime | None = None,
    until: datetime | None = None,
) -> list[str]:
    """Hold every figure of the calls of a time, and of each category, against the recount."""
    async with Database(url, read_only=True) as database, database.session() as session:
        found = await summary(session, since, until, by="category")
        (operators,) = await operator_parts(session, since, until)
    assert found.adds_up
    assert set(found.groups) == {one.get("category") or "none" for one in calls}
    wrong = disagreements(found, recount.figures(calls), within)
    for name, one in found.groups.items():
        theirs = [each for each in calls if (each.get("category") or "none") == name]
        wrong += [f"{name} {each}" for each in disagreements(one, recount.figures(theirs), within)]
    for name, taken, first, answer, *_ in operators.rows:
        after = [one["answered"] - one["arrived"] for one in calls if one.get("operator") == name]
        assert (taken, first) == (len(after), len(after)), name
        if after:
            assert isinstance(answer, float)
            if abs(answer - sum(after) / len(after)) > within + 0.05:  # told to a tenth
                wrong.append(f"{name} answers after {answer} s, and not {sum(after) / len(after)}")
    return wrong


async def test_a_simulated_day_is_what_its_reports_say(
    database: Database, database_url: str, tmp_path: Path
) -> None:
    plan = await simulated(database_url, tmp_path / "journal", SIMULATED)
    assert len(plan) == SIMULATED
    assert await differences(database_url, plan, EXACT_S, DAY, DAY + timedelta(days=1)) == []
    assert await differences(database_url, plan, EXACT_S) == []
    for hour in (0, 8, 23):
        begin = DAY + timedelta(hours=hour)
        until = begin + timedelta(hours=1)
        some = [one for one in plan if begin.timestamp() <= one["arrived"] < until.timestamp()]
        assert await differences(database_url, some, EXACT_S, begin, until) == []
    await passes_until_a_row_is_altered(database_url, SIMULATED, "s00000")


async def passes_until_a_row_is_altered(url: str, calls: int, altered: str) -> None:
    """The check passes; and fails, and names the call, once its row is altered by hand."""
    async with Database(url) as database:
        async with database.session() as session:
            found = await check(session, None, None)
            assert (found.calls, found.wrong, found.disagreements) == (calls, 0, [])
        async with database.engine.begin() as connection:
            later = text("UPDATE calls SET outcome = 'information' WHERE call_id = :id")
            assert (await connection.execute(later, {"id": altered})).rowcount == 1
        async with database.session() as session:
            found = await check(session, None, None)
    named = {one.call for one in found.disagreements}
    assert found.wrong and altered in named and named <= {altered, ""}


# --- a crowd of SIPp's ------------------------------------------------------------------------


@pytest.fixture
def nobody_is_called_back(tmp_path: Path) -> Path:
    """What the city decides, but that lost calls are called back much later."""
    shipped = (PROJECT / "acd" / "distribution.toml").read_text("utf-8")
    assert "first_after_s = 5.0" in shipped
    plan = tmp_path / "distribution.toml"
    plan.write_text(shipped.replace("first_after_s = 5.0", "first_after_s = 3000.0"), "utf-8")
    return plan


async def played(line: Line) -> Told:
    """Let the crowd call, some of whom are not served; return the recount of SIPp's logs."""
    crowd, share = Crowd(line, PLAYED), PLAYED // 10
    phones = await crowd.phones([str(101 + n) for n in range(OPERATORS)])
    menu, waiting = 2 * share - OPERATORS // 4, 2 * share
    # whose phones ring hang up when all others who were not served have done so
    stay = "citizen_some_key_bye_some_time"
    ringing = await crowd.citizens(stay, OPERATORS, 10.0, RINGS_MS)
    await eventually(lambda: phones.messages().count(RINGS) >= OPERATORS, what="all phones ring")
    lost = [
        ringing,
        await crowd.citizens("citizen_bye_some_time", menu, 10.0, "1300"),
        await crowd.citizens(stay, waiting, 20.0, "2500"),
    ]
    for run in lost:
        assert (result := await run.result()).failed == 0, result
    served = PLAYED - crowd.count
    talks = await crowd.citizens("citizen_noted_key_talk_until_bye", served, 2.0 * OPERATORS)
    assert (result := await talks.result()).failed == 0, result
    await line.ended(SIMULATED + PLAYED, within=30)
    await line.is_written()
    await phones.stop()
    told = recounted(crowd)
    expected = {"lost_menu": menu, "lost_queue": waiting, "lost_ringing": OPERATORS}
    expected |= {"offered": PLAYED, "answered": served}
    assert {one: told["figures"][one] for one in expected} == expected
    return told


@pytest.mark.play
@pytest.mark.timeout(600)
async def test_a_crowd_is_what_sipp_has_seen_of_it(
    programs: Programs, brief_sounds: Path, tmp_path: Path, nobody_is_called_back: Path
) -> None:
    changes: Told = {"silence_s": 6.0, "ring_timeout_s": 60}
    changes["distribution_file"] = nobody_is_called_back
    for attempt in range(TRIES):
        home = tmp_path / str(attempt)
        async with open_line(home, programs, brief_sounds, desks=OPERATORS, **changes) as line:
            url = line.settings.url
            plan = await simulated(url, home / "simulated", SIMULATED)
            calls = (await played(line))["calls"]
        # however late a machine is, the counts are right
        assert await differences(url, [*plan, *calls], 60.0) == []
        wrong = await differences(url, calls, NEAR_S, DAY + timedelta(days=1))
        wrong += await differences(url, [*plan, *calls], NEAR_S)
        if not wrong:
            break
    assert wrong == []
    async with Database(url) as database, database.session() as session:
        (last,) = await list_calls(session, DAY + timedelta(days=1), limit=1)
    await passes_until_a_row_is_altered(url, SIMULATED + PLAYED, last.call_id)


def recounted(crowd: Crowd) -> Told:
    """What the script says of the logs, run as a program of its own."""
    files = {
        "citizens": sorted(crowd.work.glob("citizen_*.messages")),
        "phones": sorted(crowd.work.glob("phone_noted_*.messages")),
        # those who hang up in the menu have a key in their rows, and press none
        "rows": sorted(
            one for one in crowd.work.glob("citizen_*.rows") if "citizen_bye" not in one.name
        ),
    }
    args = [part for name, some in files.items() for part in (f"--{name}", *map(str, some))]
    done = subprocess.run([sys.executable, "-I", recount.__file__, *args], capture_output=True)
    assert done.returncode == 0, done.stderr.decode()
    told: Told = json.loads(done.stdout)
    return told
