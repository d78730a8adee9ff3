"""Odd callers: whatever comes in, there is a normal record, and nothing is executed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from lines import Line, open_line

from acd.calls.record import CallRecord
from pbx.programs import Programs

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def line(
    programs: Programs, brief_sounds: Path, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Line]:
    """A line whose menu is soon over: nobody here presses a key."""
    home = tmp_path_factory.mktemp("line")
    async with open_line(home, programs, brief_sounds, silence_s=0.5) as line:
        await line.operators_ready("101", "102", "103", "104")
        yield line


NUMBER = "<sip:085{}@127.0.0.1>"


async def call(line: Line, sender: str, header: str = "Subject: darurat") -> None:
    result = await line.players.citizens(
        "citizen_odd_talk_until_bye", 1, caller="-", rows=[(sender, header)]
    )
    assert result.successful == 1, f"From: {sender[:80]}"


ODD = {
    "851": f'"Robert\') OR 1=1 --" {NUMBER.format(1)}',
    "852": f"\"=cmd()|' /C calc'!A0\" {NUMBER.format(2)}",
    "853": f'"[red]Siti[/red] [link=x]" {NUMBER.format(3)}',
    "854": f'"Bu Ánáxá 消防 🚒" {NUMBER.format(4)}',
    "855": f'"${{SHELL(touch /tmp/x)}} ${{CHANNEL(name)}}" {NUMBER.format(5)}',
    "856": f'"a\x01b\x1b[31mc\x7f" {NUMBER.format(6)}',
    "857": f'"{"x" * 2000}" {NUMBER.format(7)}',
}


async def test_odd_names_give_normal_records(line: Line) -> None:
    await asyncio.gather(*(call(line, sender) for sender in ODD.values()))
    records = {one.caller_number: one for one in await line.ended(len(ODD), "085")}
    assert sorted(records) == sorted("0" + key for key in ODD)
    for record in records.values():
        assert_normal(record)
    assert records["0851"].caller_name == "Robert') OR 1=1 --"
    assert records["0855"].caller_name.startswith("${SHELL(")
    assert len(records["0857"].caller_name) == 64


def assert_normal(record: CallRecord) -> None:
    assert (record.outcome, record.category_source) == ("answered", "silence")
    assert record.caller_name.isprintable()


@pytest.mark.parametrize(
    ("sender", "number"),
    [
        ("<sip:127.0.0.1>", ""),
        ('"Anonymous" <sip:anonymous@anonymous.invalid>', "anonymous"),
        ("<sip:+6285861@127.0.0.1>", "+6285861"),
        ("<sip:101@127.0.0.1>", "101"),
    ],
)
async def test_odd_numbers_give_normal_records(line: Line, sender: str, number: str) -> None:
    before = {one.call_id for one in await line.records()}
    await call(line, sender)
    fresh = [one for one in await line.ended(len(before) + 1) if one.call_id not in before]
    assert [one.caller_number for one in fresh] == [number]
    assert_normal(fresh[0])


async def test_a_header_of_two_thousand_characters_changes_nothing(line: Line) -> None:
    await call(line, NUMBER.format(71), "X-Long: " + "y" * 2000)
    assert_normal((await line.ended(1, "08571"))[0])


async def test_an_invite_without_sdp_is_served(line: Line) -> None:
    result = await line.players.citizens("citizen_no_sdp_talk_until_bye", 1, caller="08572")
    assert result.successful == 1
    assert_normal((await line.ended(1, "08572"))[0])


async def test_the_number_asserted_by_the_carrier_counts_when_the_caller_hides_it(
    line: Line,
) -> None:
    sender = '"Anonymous" <sip:anonymous@anonymous.invalid>'
    header = "P-Asserted-Identity: <sip:0858999@127.0.0.1>\n      Privacy: id"
    await call(line, sender, header.split("\n", maxsplit=1)[0])
    assert_normal((await line.ended(1, "0858999"))[0])


async def test_who_hangs_up_at_the_answer_leaves_a_record_and_no_channel(line: Line) -> None:
    result = await line.players.citizens("citizen_answer_bye", 5, caller="0859")
    assert result.successful == 5
    records = await line.ended(5, "0859")
    assert {(one.outcome, one.ended_by) for one in records} == {("lost_menu", "caller")}
    await line.is_empty()
