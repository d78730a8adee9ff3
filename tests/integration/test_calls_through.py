"""Citizens' calls from the INVITE to the record: real digits, real phones, on one line."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
import side_by_side
from lines import Line, open_line

from acd.calls.record import CallRecord, fold
from lab.actors.sipp import SippResult, run_sipp
from pbx.programs import Programs

pytestmark = pytest.mark.asyncio(loop_scope="module")

MENU_LIMIT_S = 12.0
PHONES = tuple(str(101 + index) for index in range(12))
SOME_KEY = "citizen_some_key_talk_until_bye"
KEYS = {"08102": "2", "08103": "3", "08104": "4", "08100": "0", "08111": "2", "08119": "2"}
"""Who presses which key a second after the answer, and talks until the operator hangs up."""
OTHERS = {
    "08112": ("citizen_silent_talk_until_bye", {}),
    "08113": ("citizen_keys_talk_until_bye", {"key": "9", "key2": "6"}),
    "08114": ("citizen_keys_talk_until_bye", {"key": "6", "key2": "4"}),
    "08115": ("citizen_keys_talk_until_bye", {"key": "1", "key2": "0"}),
    "08116": ("citizen_information_bye", {}),
    "08117": ("citizen_menu_bye", {}),
    "08118": ("citizen_key_queue_bye", {"key": "3"}),
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def line(
    programs: Programs, built_sounds: Path, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Line]:
    """A line with an operator for each citizen who wants one."""
    home = tmp_path_factory.mktemp("line")
    async with open_line(home, programs, built_sounds, desks=len(PHONES)) as line:
        await line.operators_ready(*PHONES)
        yield line


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def played(request: Any, line: Line) -> dict[str, SippResult]:
    """All citizens call at the same time; what SIPp counts, by the caller's first digits."""
    side_by_side.begin(request.module)
    rows = [(f"{caller}1", "0", "1000", key, "60000", "") for caller, key in KEYS.items()]
    with_keys = line.players.citizens(SOME_KEY, len(rows), caller="", rate=20.0, rows=rows)
    others = (
        line.players.citizens(scenario, 1, caller=caller, keys=keys)
        for caller, (scenario, keys) in OTHERS.items()
    )
    of_keys, *of_others = await asyncio.gather(with_keys, *others)
    return dict.fromkeys(KEYS, of_keys) | dict(zip(OTHERS, of_others, strict=True))


async def one(line: Line, played: dict[str, SippResult], caller: str) -> CallRecord:
    wanted = len(KEYS) if caller in KEYS else 1
    assert played[caller].successful == wanted, "SIPp did not get what its scenario wants"
    return (await line.ended(1, caller))[0]


@pytest.mark.parametrize(
    ("key", "category"), [("2", "police"), ("3", "fire"), ("4", "power"), ("0", "general")]
)
async def test_a_digit_leads_to_its_category_and_an_operator(
    line: Line, played: dict[str, SippResult], key: str, category: str
) -> None:
    record = await one(line, played, f"0810{key}")
    assert (record.outcome, record.category, record.category_source) == (
        "answered",
        category,
        "menu",
    )
    assert record.called_number == "112"
    assert record.trunk == "127.0.0.1", "where the INVITE came from"
    assert record.caller_number == f"0810{key}1"
    assert record.ended_by == "operator"
    assert record.talk_ms is not None and 1500 <= record.talk_ms <= 3000


async def test_a_digit_stops_the_menu_and_rings_a_phone_at_once(
    line: Line, played: dict[str, SippResult]
) -> None:
    record = await one(line, played, "08111")
    events = (await line.history(record.call_id)).events
    at = {event.kind: event.at for event in events}
    assert at["ringing"] - at["digit"] < 0.5
    assert at["digit"] - at["arrived"] < 3.0, "the digit was heard while the prompt still played"


async def test_silence_leads_to_an_operator_within_the_limit(
    line: Line, played: dict[str, SippResult]
) -> None:
    record = await one(line, played, "08112")
    assert (record.outcome, record.category, record.category_source) == (
        "answered",
        "general",
        "silence",
    )
    assert record.menu_done_at is not None
    assert record.menu_done_at - record.arrived_at <= MENU_LIMIT_S


async def test_two_wrong_digits_lead_to_an_operator_within_the_limit(
    line: Line, played: dict[str, SippResult]
) -> None:
    record = await one(line, played, "08113")
    assert (record.outcome, record.category_source) == ("answered", "invalid")
    assert record.menu_done_at is not None
    assert record.menu_done_at - record.arrived_at <= MENU_LIMIT_S


async def test_a_wrong_digit_may_be_mended(line: Line, played: dict[str, SippResult]) -> None:
    record = await one(line, played, "08114")
    assert (record.category, record.category_source) == ("power", "menu")


async def test_the_covid_line_leads_to_an_operator(
    line: Line, played: dict[str, SippResult]
) -> None:
    record = await one(line, played, "08115")
    assert (record.outcome, record.category) == ("answered", "covid")


async def test_who_hears_the_information_and_hangs_up_was_not_lost(
    line: Line, played: dict[str, SippResult]
) -> None:
    record = await one(line, played, "08116")
    assert (record.outcome, record.category, record.ended_by) == ("information", "covid", "caller")
    assert record.queued_at is None


async def test_who_hangs_up_in_the_menu_is_counted_there(
    line: Line, played: dict[str, SippResult]
) -> None:
    record = await one(line, played, "08117")
    assert (record.outcome, record.category_source, record.ended_by) == (
        "lost_menu",
        "none",
        "caller",
    )


async def test_who_hangs_up_while_talking_was_answered(
    line: Line, played: dict[str, SippResult]
) -> None:
    record = await one(line, played, "08118")
    assert (record.outcome, record.ended_by, record.hangup_cause) == ("answered", "caller", 16)


async def test_every_record_is_the_fold_of_its_events(
    line: Line, played: dict[str, SippResult]
) -> None:
    records = await line.records()
    assert len(records) == len(played)
    histories = await asyncio.gather(*(line.history(record.call_id) for record in records))
    for history in histories:
        again = fold(history.record.call_id, history.events)
        assert (again.outcome, again.category, again.events) == (
            history.record.outcome,
            history.record.category,
            history.record.events,
        )


async def test_the_audio_of_a_talk_is_measured(line: Line, played: dict[str, SippResult]) -> None:
    record = await one(line, played, "08119")
    history = await line.history(record.call_id)
    quality = [event for event in history.events if event.kind == "quality"]
    assert len(quality) == 1, "Asterisk tells the quality of the citizen's leg at its end"
    assert quality[0].data["loss_percent"] is not None


async def test_asterisk_takes_every_setting_of_ours(line: Line) -> None:
    asterisk = line.running.asterisk
    said = asterisk.console_file.read_text() + await asterisk.console("core show version")
    assert [row for row in said.splitlines() if not row.startswith("Asterisk ")] == []
    # what a module does not like goes to the log, where rows of calls name theirs: [C-00000001]
    log = (line.settings.asterisk_home / "log" / "messages").read_text()
    assert re.findall(r"^\S+ \S+ (?:WARNING|ERROR)\[\d+\](?!\[C-).*$", log, re.M) == []


async def test_whoever_hangs_up_at_once_has_a_record(line: Line) -> None:
    callers = [f"0819{index:03d}" for index in range(60)]
    played = await run_sipp(
        line.programs,
        line.settings.home / "sipp",
        "citizen_cancel_at_once",
        target=f"127.0.0.1:{line.settings.sip_port}",
        calls=len(callers),
        rate=60.0,
        limit_s=30,
        rows=[(caller, "0", "0", "", "0", "") for caller in callers],
    )
    assert played.successful == len(callers)
    kept = await line.ended(len(callers), "0819", within=30.0)
    assert sorted(one.caller_number for one in kept) == callers


async def test_afterwards_asterisk_is_empty(line: Line) -> None:
    await line.is_empty()
