"""The menu that Malang calls about, on a real line: its branches, its categories, its agencies."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from lines import Line, eventually, open_line

from acd.calls.record import CallRecord, EventKind
from ivr.menu import load_menu
from ngalam112.config.settings import PROJECT
from pbx.programs import Programs

pytestmark = pytest.mark.asyncio(loop_scope="module")

MENU = PROJECT / "ivr" / "menu_malang.toml"
FILES = {"menu_file": MENU, "distribution_file": PROJECT / "acd" / "distribution_malang.toml"}
RINGS_WITHIN_S = 12.0


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def line(
    programs: Programs, built_sounds: Path, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Line]:
    """A line with this menu and whole prompts, with four operators who answer."""
    home = tmp_path_factory.mktemp("line")
    async with open_line(home, programs, built_sounds, whisper=True, **FILES) as line:
        await line.operators_ready("101", "102", "103", "104")
        yield line


async def one(line: Line, scenario: str, caller: str, **keys: str) -> CallRecord:
    result = await line.players.citizens(scenario, 1, caller=caller, keys=keys)
    assert result.successful == 1, result.why
    return (await line.ended(1, caller))[0]


async def test_each_key_leads_to_its_category_and_an_operator(line: Line) -> None:
    wanted = {"1": "accident", "2": "ambulance", "4": "fire", "5": "police", "0": "general"}
    records = await asyncio.gather(
        *(one(line, "citizen_key_talk_until_bye", f"0880{key}", key=key) for key in wanted)
    )
    assert [record.category for record in records] == list(wanted.values())
    assert {record.outcome for record in records} == {"answered"}


async def test_animals_have_a_menu_of_their_own(line: Line) -> None:
    record = await one(line, "citizen_keys_talk_until_bye", "08811", key="3", key2="1")
    assert (record.outcome, record.category, record.category_source) == (
        *("answered", "animal"),
        "menu",
    )


async def test_who_asks_how_it_stands_with_a_report_may_have_an_operator(line: Line) -> None:
    record = await one(line, "citizen_keys_talk_until_bye", "08816", key="6", key2="0")
    assert (record.outcome, record.category, record.category_source) == (
        *("answered", "general"),
        "menu",
    )
    kinds = [one.kind for one in (await line.history(record.call_id)).events]
    assert EventKind.INFORMATION_STARTED in kinds, "the number was asked for before"


@pytest.mark.parametrize(
    ("scenario", "keys"),
    [
        ("citizen_silent_talk_until_bye", {}),
        ("citizen_keys_talk_until_bye", {"key": "9", "key2": "9"}),
        ("citizen_keys_talk_until_bye", {"key": "3", "key2": "9"}),
    ],
    ids=["nothing", "nothing that makes sense", "nothing after the first key"],
)
async def test_who_presses_nothing_that_makes_sense_has_an_operator_rung_in_time(
    line: Line, scenario: str, keys: dict[str, str]
) -> None:
    caller = f"0882{''.join(keys.values())}"
    await eventually(lambda: line.idle(("101",)), what="101 is idle")
    record = await one(line, scenario, caller, **keys)
    assert record.outcome == "answered" and record.first_offer_at is not None
    assert record.first_offer_at - record.arrived_at <= RINGS_WITHIN_S


async def test_every_category_has_a_number_by_which_operators_hand_over(line: Line) -> None:
    categories = load_menu(MENU).categories
    numbers = FILES["distribution_file"].read_text("utf-8")
    assert [name for name in categories if f'"{name}"' not in numbers] == []
    assert (await line.get("/api/summary"))["adds_up"]
    await line.is_empty()
