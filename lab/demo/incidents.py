"""The last part of the demo: a fire is called in, coded by the phone, and agencies are told of it.

The fire brigade is rung, hears the incident read out, and accepts by a key (SIPp); the Red Cross's
computer takes a signed webhook, the disaster agency a mail: both servers are real, and belong to
the demo.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from rich.console import Console
from sqlalchemy.ext.asyncio import AsyncSession

from acd.calls.record import CallRecord
from deliveries.signatures import Secret
from incidents.dispatch import DispatchState
from lab.actors.agencies import MailAgency, WebhookAgencies, mail_agency, webhook_agencies
from lab.actors.certificates import ca_file
from lab.actors.players import PlayedPhone, Players
from lab.actors.sipp import SippError, SippRun
from lab.demo.plan import Check
from lab.machine.waiting import eventually
from ngalam112.cli.client import Client
from ngalam112.config.settings import Settings
from ngalam112.engine.report_sender import webhook_secret_text
from ngalam112.terminal import Column, table
from reports.dispatches import dispatches_of
from reports.incidents import Which, list_incidents, show_incident

BRIGADE, RED_CROSS, DISASTER = "damkar", "pmi", "bpbd"
DISPATCH = ("*562", "*564", "*565")
"""What the operator dials for these three: their numbers behind *5."""

LISTENS_MS = 4000
"""The brigade presses its key so long after its answer."""

CALLER = "0814000000"
CODE = "*451"
"""What the operator dials after the talk: the code of a building on fire."""


class Agencies:
    """The servers of two agencies of the demo, while they are up."""

    def __init__(self, red_cross: WebhookAgencies, disaster: MailAgency) -> None:
        self.red_cross, self.disaster = red_cross, disaster

    def settings(self) -> dict[str, Any]:
        """What the line has to be told of them."""
        return {
            "webhook_hosts": ["localhost"],
            "agency_ca_file": ca_file(),
            "smtp_host": "127.0.0.1",
            "smtp_port": self.disaster.port,
            "smtp_tls": "off",
            "smtp_sender": "112@demo.example",
        }

    async def are_known(self, settings: Settings, brigade: SippRun) -> None:
        """Let the line know how the three are reached, as a supervisor does."""
        client = Client(settings)
        self.red_cross.secrets[RED_CROSS] = Secret(webhook_secret_text(settings, RED_CROSS))
        for agency, way in (
            (BRIGADE, {"voice": f"sip:{BRIGADE}@127.0.0.1:{brigade.port}"}),
            (RED_CROSS, {"webhook": self.red_cross.url(RED_CROSS)}),
            (DISASTER, {"mail": "piket@bpbd.example"}),
        ):
            await asyncio.to_thread(client.put, f"/api/agencies/{agency}", way)


@asynccontextmanager
async def agencies() -> AsyncIterator[Agencies]:
    """The servers of both, until the block ends."""
    async with webhook_agencies(RED_CROSS) as red_cross, mail_agency() as disaster:
        yield Agencies(red_cross, disaster)


async def a_fire(
    settings: Settings, players: Players, phones: Sequence[PlayedPhone], told: Agencies
) -> None:
    """A citizen reports a fire; the operator codes it and tells three agencies; one accepts.

    Raises SippError or ClientError if any of it cannot be done.
    """
    client = Client(settings)
    keys = {"pressed": "1", "after": str(LISTENS_MS)}
    await told.are_known(settings, await players.telephone("agency_answer_key_until_bye", keys))
    result = await players.citizens(
        "citizen_key_talk_until_bye", 1, caller=CALLER, keys={"key": "3"}
    )
    if result.successful != 1:
        raise SippError(f"The citizen of the fire was not served; SIPp says: {result.why}")
    (call,) = (await asyncio.to_thread(client.get, "/api/calls", {"caller": CALLER}))["calls"]
    phone = next(one for one in phones if one.number == call["phone"])
    for code in (CODE, *DISPATCH):
        await players.dial(phone, code)

    async def accepted() -> bool:
        found = await asyncio.to_thread(client.get, f"/api/incidents/{call['call_id']}")
        is_told = bool(told.red_cross.reports and told.disaster.subjects)
        return is_told and bool(found["incident"]["state"] == "acknowledged")

    await eventually(accepted, 30.0, "the brigade has accepted", error=SippError)


async def checks(
    session: AsyncSession, records: Sequence[CallRecord], told: Agencies
) -> list[Check]:
    """Hold what the agencies have got against the incidents, and those against the calls."""
    incidents = await list_incidents(session, which=Which.ALL, limit=10_000)
    answered = sum(one.operator_answered_at is not None for one in records)
    found = [Check("answered calls", "an incident each", answered, len(incidents))]
    fires = [one for one in incidents if one.category == "fire_building"]
    sent = [one for fire in fires for one in await dispatches_of(session, fire.id)]
    arrived = Counter(one.agency for one in sent if one.has_arrived)
    got = (len(told.red_cross.reports), len(told.disaster.subjects))
    found += [
        Check("a webhook at the Red Cross", "delivered", got[0], arrived[RED_CROSS]),
        Check("a mail at the disaster agency", "delivered", got[1], arrived[DISASTER]),
    ]
    accepted = [one for one in sent if one.acknowledged_by == BRIGADE]
    by_key = [one for one in accepted if one.state is DispatchState.ACKNOWLEDGED]
    found.append(Check("a key of the fire brigade", "accepted", 1, len(by_key)))
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
