"""The last part of the demo: a fire is called in, coded by the phone, and agencies are told of it.

The fire brigade's computer takes a signed webhook, the Red Cross a mail; both servers are real, and
belong to the demo.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from rich.console import Console
from sqlalchemy.ext.asyncio import AsyncSession

from acd.calls.record import CallRecord
from deliveries.signatures import Secret
from incidents.states import IncidentState
from lab.actors.agencies import MailAgency, WebhookAgencies, mail_agency, webhook_agencies
from lab.actors.certificates import ca_file
from lab.actors.players import PlayedPhone, Players
from lab.actors.sipp import SippError
from lab.demo.plan import Check
from lab.machine.waiting import eventually
from ngalam112.cli.client import Client
from ngalam112.config.settings import Settings
from ngalam112.engine.report_sender import webhook_secret_text
from ngalam112.terminal import Column, table
from reports.dispatches import dispatches_of
from reports.incidents import Which, list_incidents, show_incident

BRIGADE, RED_CROSS = "damkar", "pmi"
CALLER = "0814000000"
CODE = "*451"
"""What the operator dials after the talk: the code of a building on fire."""


class Agencies:
    """The two agencies of the demo, while their servers are up."""

    def __init__(self, brigade: WebhookAgencies, red_cross: MailAgency) -> None:
        self.brigade, self.red_cross = brigade, red_cross

    def settings(self) -> dict[str, Any]:
        """What the line has to be told of them."""
        return {
            "webhook_hosts": ["localhost"],
            "agency_ca_file": ca_file(),
            "smtp_host": "127.0.0.1",
            "smtp_port": self.red_cross.port,
            "smtp_tls": "off",
            "smtp_sender": "112@demo.example",
        }

    async def are_known(self, settings: Settings) -> None:
        """Let the line know how the two are reached, as a supervisor does."""
        client = Client(settings)
        self.brigade.secrets[BRIGADE] = Secret(webhook_secret_text(settings, BRIGADE))
        for agency, way in (
            (BRIGADE, {"webhook": self.brigade.url(BRIGADE)}),
            (RED_CROSS, {"mail": "piket@pmi.example"}),
        ):
            await asyncio.to_thread(client.put, f"/api/agencies/{agency}", way)


@asynccontextmanager
async def agencies() -> AsyncIterator[Agencies]:
    """The servers of both, until the block ends."""
    async with webhook_agencies(BRIGADE) as brigade, mail_agency() as red_cross:
        yield Agencies(brigade, red_cross)


async def a_fire(
    settings: Settings, players: Players, phones: Sequence[PlayedPhone], told: Agencies
) -> None:
    """A citizen reports a fire; the operator codes it and tells both agencies; one accepts.

    Raises SippError or ClientError if any of it cannot be done.
    """
    client = Client(settings)
    await told.are_known(settings)
    result = await players.citizens(
        "citizen_key_talk_until_bye", 1, caller=CALLER, keys={"key": "3"}
    )
    if result.successful != 1:
        raise SippError(f"The citizen of the fire was not served; SIPp says: {result.why}")
    (call,) = (await asyncio.to_thread(client.get, "/api/calls", {"caller": CALLER}))["calls"]
    phone = next(one for one in phones if one.number == call["phone"])
    await players.dial(phone, CODE)
    path = f"/api/incidents/{call['call_id']}"

    async def coded() -> bool:
        found = await asyncio.to_thread(client.get, path)
        return bool(found["incident"]["category"] == "fire_building")

    await eventually(coded, 10.0, "the incident is coded", error=SippError)
    body = {"agencies": [BRIGADE, RED_CROSS], "by": call["operator"]}
    await asyncio.to_thread(client.post, f"{path}/dispatch", body)
    await eventually(
        lambda: bool(told.brigade.reports and told.red_cross.subjects),
        15.0,
        "both agencies are told",
        error=SippError,
    )
    body = {"agency": BRIGADE, "by": BRIGADE}
    await asyncio.to_thread(client.post, f"{path}/acknowledge", body)


async def checks(
    session: AsyncSession, records: Sequence[CallRecord], told: Agencies
) -> list[Check]:
    """Hold what the agencies have got against the incidents, and those against the calls."""
    incidents = await list_incidents(session, which=Which.ALL, limit=10_000)
    answered = sum(one.operator_answered_at is not None for one in records)
    found = [Check("answered calls", "an incident each", answered, len(incidents))]
    fires = [one for one in incidents if one.category == "fire_building"]
    sent = [one for fire in fires for one in await dispatches_of(session, fire.id)]
    arrived = sum(one.has_arrived for one in sent)
    got = len(told.brigade.reports) + len(told.red_cross.subjects)
    found.append(Check("reports at agencies", "delivered, with a receipt", got, arrived))
    accepted = [one for one in fires if one.state is IncidentState.ACKNOWLEDGED]
    found.append(Check("a fire reported", "acknowledged", 1, len(accepted)))
    return found


async def show(session: AsyncSession, screen: Console) -> None:
    """Print the incidents by class and category, and the timeline of the fire."""
    incidents = await list_incidents(session, which=Which.ALL, limit=10_000)
    counts: dict[tuple[str, str], int] = {}
    for one in incidents:
        key = (one.incident_class or "not coded yet", one.category or "")
        counts[key] = counts.get(key, 0) + 1
    rows: list[dict[str, Any]] = [
        {"class": what, "category": category, "count": count}
        for (what, category), count in sorted(counts.items())
    ]
    columns = (
        Column("class", "class"),
        Column("category", "category"),
        Column("count", "incidents", right=True),
    )
    screen.print(table(rows, columns, "Incidents"))
    for fire in [one for one in incidents if one.category == "fire_building"]:
        history = await show_incident(session, fire.id)
        steps = [
            {
                "after": f"{entry.at - fire.opened_at:.1f} s",
                "what": entry.kind.value,
                "by": entry.by,
                "tells": ", ".join(
                    f"{value}"
                    for name, value in entry.data.items()
                    if name in ("agency", "class", "category", "receipt", "state") and value
                ),
            }
            for entry in history.entries
        ]
        names = [Column(name, name) for name in ("after", "what", "by", "tells")]
        screen.print(table(steps, names, f"The timeline of incident {fire.number}"))


def as_json(found: Sequence[Check]) -> dict[str, int]:
    """Return the counts for the demo's JSON line."""
    return {check.what.replace(" ", "_"): check.records for check in found}
