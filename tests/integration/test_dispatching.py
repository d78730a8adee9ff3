"""Incidents go to agencies: a real web server and a real mail server take them, and answer."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import pytest
from agency_server import AgencyServer, agency_server
from lines import eventually
from mail_server import MailServerOfTest, mail_server
from served import ServedEngine, an_engine
from test_commands import failed_in_one_line, run

from deliveries.signatures import Secret, verify
from lab.actors.certificates import ca_file


class City(NamedTuple):
    """A line whose fire brigade has a computer, and whose Red Cross has a mailbox."""

    served: ServedEngine
    brigade: AgencyServer
    mail: MailServerOfTest


@pytest.fixture
async def city(tmp_path: Path) -> AsyncIterator[City]:
    async with agency_server() as brigade, mail_server() as mail:
        changes: dict[str, Any] = {
            "webhook_hosts": ["localhost"],
            "agency_ca_file": ca_file(),
            "smtp_host": "127.0.0.1",
            "smtp_port": mail.port,
            "smtp_tls": "off",
            "smtp_sender": "112@malang.example",
        }
        async with an_engine(tmp_path / "home", **changes) as served:
            await set_agency(served, "damkar", webhook=f"{brigade.base}/taken")
            await set_agency(served, "pmi", mail="piket@pmi.example")
            yield City(served, brigade, mail)


async def set_agency(served: ServedEngine, id: str, **changes: Any) -> None:
    await served.put(f"/api/agencies/{id}", **changes)


async def ok(served: ServedEngine, *args: str) -> str:
    ran = await run(served.settings, *args)
    assert (ran.code, ran.err) == (0, ""), ran
    return ran.out


async def opened(served: ServedEngine) -> str:
    said = await ok(
        served,
        *("incident", "open", "Asap di lantai 2", "--category", "fire_building"),
        *("--place", "Jalan Ijen 1", "--number", "08123456789"),
    )
    return said.split()[1]


async def shown(served: ServedEngine, number: str) -> Any:
    return await served.get(f"/api/incidents/{number}")


async def test_an_incident_reaches_the_brigade_s_computer_and_the_red_cross_s_mailbox(
    city: City,
) -> None:
    served, brigade, mail = city
    number = await opened(served)
    said = await ok(served, "incident", "dispatch", number, "damkar", "64", "--by", "1001")
    assert said == "damkar is told by webhook.\npmi is told by mail.\n"
    await eventually(lambda: bool(brigade.taken and mail.taken), what="both are told")
    (taken,) = brigade.taken
    secret = (await ok(served, "agency", "secret", "damkar")).strip()
    message_id = verify(taken.headers, taken.body, (Secret(secret),), served.engine.clock.now())
    told = json.loads(taken.body)["data"]
    assert (told["incident"], told["category"], told["place"]) == (
        number,
        "fire_building",
        "Jalan Ijen 1",
    )
    assert message_id == f"{told['dispatch']}-0" and told["callers"] == ["08123456789"]
    letter = mail.message()
    assert letter["Subject"] == f"112 {number}: Kebakaran rumah atau gedung, Jalan Ijen 1"
    assert letter["To"] == "piket@pmi.example" and "Asap di lantai 2" in letter.get_content()

    async def delivered() -> bool:
        found = (await shown(served, number))["dispatches"]
        return [one["state"] for one in found] == ["sent", "sent"]

    await eventually(delivered, what="both receipts are kept")
    await ok(served, "incident", "ack", number, "damkar", "--by", "damkar")
    found = await shown(served, number)
    assert found["incident"]["state"] == "acknowledged"
    receipts = {one["agency"]: one["deliveries"][0]["receipt"] for one in found["dispatches"]}
    assert receipts["damkar"] == "HTTP 200, A-17" and receipts["pmi"].startswith("250 ")
    kinds = [one["kind"] for one in found["entries"]]
    assert kinds.count("delivered") == 2 and "acknowledged" in kinds
    screen = await ok(served, "incident", "show", number)
    assert "webhook delivered" in screen and "acknowledged" in screen
    failed_in_one_line(
        await run(served.settings, "incident", "ack", number, "damkar"), "has accepted already"
    )
    failed_in_one_line(
        await run(served.settings, "incident", "dispatch", number, "bpbd", "damkar"), "already"
    )
    assert len((await shown(served, number))["dispatches"]) == 2, "all of them or none"


async def test_what_no_agency_can_get_is_on_the_list_and_the_next_one_is_told(city: City) -> None:
    served, brigade, _ = city
    brigade.status = 410
    await set_agency(served, "bpbd", webhook=f"{brigade.base}/status", chain=["damkar"])
    number = await opened(served)
    await ok(served, "incident", "dispatch", number, "bpbd")

    async def told() -> bool:
        found = (await shown(served, number))["dispatches"]
        return [one["agency"] for one in found] == ["bpbd", "damkar"]

    await eventually(told, what="the brigade is told in its place")
    listed = await ok(served, "incident", "undelivered")
    assert number in listed and "webhook failed gone" in listed
    assert number in await ok(served, "incident", "alarms")
    await ok(served, "incident", "resolve", number)
    assert await ok(served, "incident", "alarms") == "All agencies are within their times.\n"


async def test_a_complaint_waits_for_the_agencys_hours_and_other_hours_count_at_once(
    city: City,
) -> None:
    served, _, mail = city
    zone = ZoneInfo(served.settings.timezone)
    opens = datetime.fromtimestamp(served.engine.clock.now(), zone) + timedelta(hours=2)
    hours = f"{opens:%H:%M}-{opens + timedelta(hours=1):%H:%M}"
    await set_agency(served, "pmi", hours=hours)
    number = await opened(served)
    await served.post(f"/api/incidents/{number}/change", category="road_damage")
    held = f"mail (held until {opens:%H:%M})"
    assert await ok(served, "incident", "dispatch", number, "pmi") == f"pmi is told by {held}.\n"
    for command in (("show", number), ("undelivered",)):
        screen = " ".join((await ok(served, "incident", *command)).split())
        assert f"held until {opens:%H:%M}" in screen, command
    assert mail.taken == []
    await set_agency(served, "pmi", hours="")
    await eventually(lambda: bool(mail.taken), what="it is sent")


async def test_a_receiver_that_is_away_gets_it_later_and_the_same(city: City) -> None:
    served, brigade, _ = city
    brigade.status, brigade.extra = 503, {"Retry-After": "1"}
    await set_agency(served, "bpbd", webhook=f"{brigade.base}/status")
    number = await opened(served)
    await ok(served, "incident", "dispatch", number, "bpbd")
    await eventually(lambda: len(brigade.taken) == 1, what="tried")
    brigade.status = 200
    await eventually(lambda: len(brigade.taken) == 2, within=20, what="tried again")
    first, second = brigade.taken
    assert first.body == second.body
    assert first.headers["webhook-id"] == second.headers["webhook-id"]


async def test_who_is_no_agency_is_told_nothing(city: City) -> None:
    served = city.served
    number = await opened(served)
    ran = await run(served.settings, "incident", "dispatch", number, "ghostbusters")
    failed_in_one_line(ran, "no agency 'ghostbusters'", "agency list")
    ran = await run(served.settings, "incident", "ack", number, "damkar")
    failed_in_one_line(ran, "was not told of incident")
