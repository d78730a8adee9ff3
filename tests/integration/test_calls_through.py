"""Citizens' calls from the INVITE to the record: real digits, real phones, on one line."""

from __future__ import annotations

import asyncio
import re

import pytest
from lines import Line

from acd.calls.record import CallRecord, fold
from lab.actors.sipp import run_sipp

pytestmark = pytest.mark.asyncio(loop_scope="module")

MENU_LIMIT_S = 12.0


async def one(line: Line, scenario: str, caller: str, **keys: str) -> CallRecord:
    result = await line.players.citizens(scenario, 1, caller=caller, keys=keys)
    assert result.successful == 1, "SIPp did not get what its scenario wants"
    return (await line.ended(1, caller))[0]


@pytest.mark.parametrize(
    ("key", "category"), [("2", "police"), ("3", "fire"), ("4", "power"), ("0", "general")]
)
async def test_a_digit_leads_to_its_category_and_an_operator(
    line: Line, key: str, category: str
) -> None:
    record = await one(line, "citizen_key_talk_until_bye", f"0810{key}", key=key)
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


async def test_a_digit_stops_the_menu_and_rings_a_phone_at_once(line: Line) -> None:
    record = await one(line, "citizen_key_talk_until_bye", "08111", key="2")
    events = (await line.history(record.call_id)).events
    at = {event.kind: event.at for event in events}
    assert at["ringing"] - at["digit"] < 0.5
    assert at["digit"] - at["arrived"] < 3.0, "the digit was heard while the prompt still played"


async def test_silence_leads_to_an_operator_within_the_limit(line: Line) -> None:
    record = await one(line, "citizen_silent_talk_until_bye", "08112")
    assert (record.outcome, record.category, record.category_source) == (
        "answered",
        "general",
        "silence",
    )
    assert record.menu_done_at is not None
    assert record.menu_done_at - record.arrived_at <= MENU_LIMIT_S


async def test_two_wrong_digits_lead_to_an_operator_within_the_limit(line: Line) -> None:
    record = await one(line, "citizen_keys_talk_until_bye", "08113", key="9", key2="6")
    assert (record.outcome, record.category_source) == ("answered", "invalid")
    assert record.menu_done_at is not None
    assert record.menu_done_at - record.arrived_at <= MENU_LIMIT_S


async def test_a_wrong_digit_may_be_mended(line: Line) -> None:
    record = await one(line, "citizen_keys_talk_until_bye", "08114", key="6", key2="4")
    assert (record.category, record.category_source) == ("power", "menu")


async def test_the_covid_line_leads_to_an_operator(line: Line) -> None:
    record = await one(line, "citizen_keys_talk_until_bye", "08115", key="1", key2="0")
    assert (record.outcome, record.category) == ("answered", "covid")


async def test_who_hears_the_information_and_hangs_up_was_not_lost(line: Line) -> None:
    record = await one(line, "citizen_information_bye", "08116")
    assert (record.outcome, record.category, record.ended_by) == ("information", "covid", "caller")
    assert record.queued_at is None


async def test_who_hangs_up_in_the_menu_is_counted_there(line: Line) -> None:
    record = await one(line, "citizen_menu_bye", "08117")
    assert (record.outcome, record.category_source, record.ended_by) == (
        "lost_menu",
        "none",
        "caller",
    )


async def test_who_hangs_up_while_talking_was_answered(line: Line) -> None:
    record = await one(line, "citizen_key_queue_bye", "08118", key="3")
    assert (record.outcome, record.ended_by, record.hangup_cause) == ("answered", "caller", 16)


async def test_every_record_is_the_fold_of_its_events(line: Line) -> None:
    records = await line.records()
    assert len(records) > 8
    histories = await asyncio.gather(*(line.history(record.call_id) for record in records))
    for history in histories:
        again = fold(history.record.call_id, history.events)
        assert (again.outcome, again.category, again.events) == (
            history.record.outcome,
            history.record.category,
            history.record.events,
        )


async def test_the_audio_of_a_talk_is_measured(line: Line) -> None:
    record = await one(line, "citizen_key_talk_until_bye", "08119", key="2")
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
