"""A withheld number: a trusted trunk tells it, the record has it, people see less of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from lines import Line, eventually, open_line
from plain_sip import ask

from acd.calls.record import CallRecord
from lab.actors.sipp import SippRun, free_port
from pbx.programs import Programs

pytestmark = pytest.mark.asyncio(loop_scope="module")

TRUNK, UNTRUSTED = "127.0.0.2", "127.0.0.3"
HIDDEN = '"Anonymous" <sip:anonymous@anonymous.invalid>'
ASSERTED = "P-Asserted-Identity: <sip:{0}@carrier>"
BOTH = ASSERTED + ", <tel:{0}>"
CARRIER_PORT = free_port()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def line(
    programs: Programs, brief_sounds: Path, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Line]:
    home = tmp_path_factory.mktemp("line")
    changes = {
        # the phones and the played citizens are at another address than either of these
        "trunk_match": [f"{TRUNK}/32", "127.0.0.1/32"],
        "untrusted_match": [f"{UNTRUSTED}/32"],
        "withheld_numbers": "masked",
        "carrier": f"127.0.0.1:{CARRIER_PORT}",
        "wrap_up_s": 5.0,
    }
    async with open_line(home, programs, brief_sounds, **changes) as line:
        yield line


async def record_of(line: Line, host: str, sender: str, *headers: str) -> CallRecord:
    """Dial from an address, hang up when answered, and return the record."""
    before = {one.call_id for one in await line.records()}
    port = line.settings.sip_port
    status = await asyncio.to_thread(ask, port, "INVITE", "sip:112@h", sender, host, headers)
    assert status == 200
    fresh = [one for one in await line.ended(len(before) + 1) if one.call_id not in before]
    return fresh[0]


@pytest.mark.parametrize(
    ("headers", "withheld"),
    [
        ((ASSERTED, "Privacy: id"), True),
        ((BOTH, "Privacy: id"), True),
        ((BOTH, "Privacy: user;critical"), True),
        ((ASSERTED, "Privacy: none"), False),
        ((BOTH,), False),
    ],
)
async def test_a_trusted_trunk_gives_the_number_that_people_are_not_to_see(
    line: Line, headers: tuple[str, ...], withheld: bool
) -> None:
    told = [one.format("+6281234567890") for one in headers]
    record = await record_of(line, TRUNK, HIDDEN, *told)
    assert (record.caller_number, record.withheld) == ("+6281234567890", withheld)


async def test_an_untrusted_trunk_is_not_believed_who_calls(line: Line) -> None:
    header = BOTH.format("+6281234567891")
    record = await record_of(line, UNTRUSTED, HIDDEN, header, "Privacy: id")
    assert (record.caller_number, record.withheld) == ("anonymous", True)
    record = await record_of(line, UNTRUSTED, "<sip:0341555@127.0.0.3>", header)
    assert (record.caller_number, record.withheld) == ("0341555", False)
    party = "Remote-Party-ID: <sip:+6281234567891@h>;party=calling;privacy=full"
    record = await record_of(line, UNTRUSTED, "<sip:0341556@127.0.0.3>", party)
    assert record.caller_number == "0341556"
    port = line.settings.sip_port
    for uri in ("sip:101@h", "sip:*11@h", "sip:1101@h"):
        assert await asyncio.to_thread(ask, port, "INVITE", uri, HIDDEN, UNTRUSTED) in (401, 404)
    # it may ask whether the line lives, as the trusted one
    sender = "<sip:sbc@127.0.0.3>"
    assert await asyncio.to_thread(ask, port, "OPTIONS", "sip:h", sender, UNTRUSTED) == 200


async def test_people_see_the_middle_of_it_masked_and_call_it_back_all_the_same(
    programs: Programs, line: Line
) -> None:
    number, masked = "081234567892", "0812****892"
    line.phones["101"] = await line.players.register("101", "a-phone-password")
    phone = await line.players.behave(line.phones["101"], "phone_answer_talk_bye", trace=True)
    await line.players.dial(line.phones["101"], "*11")
    row = (number, "0", "300", "2", "60000", "")
    result = await line.players.citizens(
        "citizen_withheld_some_key_talk_until_bye", 1, caller="", rows=[row]
    )
    assert result.successful == 1
    (record,) = await line.ended(1, number)
    assert record.withheld
    rung = phone.messages()
    assert f'From: "POLISI {masked}" <sip:anonim@' in rung
    assert "Call-Info" not in rung, "no address is set"
    assert number not in rung
    await line.is_written()
    (listed,) = [
        one for one in (await line.get("/api/calls"))["calls"] if one["call_id"] == record.call_id
    ]
    shown = await line.get(f"/api/calls/{record.call_id}")
    for row_ in (listed, shown["call"], shown["events"][0]["data"]):
        assert row_["caller_number"] == masked
    assert number not in str(shown)
    carrier = SippRun(
        programs,
        line.settings.home / "sipp",
        "phone_answer_talk_bye",
        port=CARRIER_PORT,
        echo=True,
        trace=True,
    )
    # who was lost in the tests before this one is owed a call, and would be rung first
    for one in (await line.get("/api/callbacks"))["callbacks"]:
        await line.post(f"/api/callbacks/{one['id']}/close", {"reason": "of another test"})
    async with carrier:
        await line.players.dial(line.phones["101"], "*16")
        await eventually(lambda: f"INVITE sip:{number}@" in carrier.messages(), what="rung")
    shown = await line.get(f"/api/calls/{record.call_id}")
    assert number not in str(shown)
