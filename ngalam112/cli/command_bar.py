"""The command bar: `ngalam112 incident do "fire klojen 3 dispatch damkar pmi"`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any
from urllib.parse import quote

import typer

from incidents.command_bar import (
    Acknowledge,
    Code,
    Dispatch,
    Merge,
    Move,
    Note,
    Plan,
    Step,
    check,
    understand,
)
from incidents.command_words import KnownAgency, Where, Words
from incidents.errors import HalfDone
from incidents.states import IncidentState
from ngalam112.cli.category_changes import tree_now
from ngalam112.cli.client import Client, ClientError, EngineRefused
from ngalam112.cli.incidents import SUPERVISOR, ByOption
from ngalam112.config.settings import Settings, load_settings
from ngalam112.terminal import console, safe
from places.districts import kelurahan_by_kecamatan


def incident_do(
    line: Annotated[
        list[str],
        typer.Argument(
            metavar="LINE",
            help="[NUMBER] CATEGORY PLACE PRIORITY, then verbs: dispatch AGENCY..., ack AGENCY..., "
            "code CATEGORY, scene, resolve, close, cancel, reopen, merge NUMBER, note TEXT.",
        ),
    ],
    by: ByOption = SUPERVISOR,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")
    ] = False,
) -> None:
    """Do what one line says, all in one: fire klojen 3 dispatch damkar pmi."""
    settings = load_settings()
    client = Client(settings)
    plan = understand(" ".join(line), _words(settings, client))
    check(plan, _state(plan, client))
    console().print(safe(plan.said()), soft_wrap=True)
    if not dry_run:
        number = _done(plan, client, by)
        console().print(safe(f"Incident {number}."))


def _words(settings: Settings, client: Client) -> Words:
    agencies = client.get("/api/agencies")["agencies"]
    return Words(
        tree_now(settings),
        kelurahan_by_kecamatan(settings.districts_file),
        [KnownAgency(one["id"], one["number"], one["name"]) for one in agencies],
    )


def _state(plan: Plan, client: Client) -> IncidentState:
    if plan.incident is None:
        return IncidentState.OPENED
    for step in plan.steps:
        if isinstance(step, Merge):
            client.get(_path(step.into))  # refused if there is none
    return IncidentState(client.get(_path(plan.incident))["incident"]["state"])


def _done(plan: Plan, client: Client, by: str) -> str:
    """Do it all, and return the incident's number; of what is refused midway say how far it came.

    Raises HalfDone, or a ClientError if nothing is done.
    """
    number, done = plan.incident or "", list[str]()
    for said, path, body in _requests(plan):
        try:
            answer = client.post(path or _path(number, said.split()[0]), {**body, "by": by})
        except ClientError as error:
            if not done:
                raise
            unsure = "" if isinstance(error, EngineRefused) else " (or nobody knows whether)"
            raise HalfDone(
                f"{error} Done before that for incident {number}: {', '.join(done)}; not done"
                f"{unsure}: {said}, and what follows."
            ) from None
        number = number or str(answer["number"] or answer["id"])
        done.append(said)
    return number


Request = tuple[str, str, Mapping[str, Any]]
"""What is done, in words that begin with the action; the path, "" for the action's; the body."""


def _requests(plan: Plan) -> Iterator[Request]:
    facts: dict[str, Any] = {}
    if plan.incident is None:
        body: dict[str, Any] = {"description": plan.description}
        if plan.where is not None:
            body["where"] = _where(plan.where)
        yield "open", "/api/incidents", body
    elif plan.where is not None:
        # a kelurahan that was known before may be of another kecamatan
        facts["where"] = {"kelurahan": "", **_where(plan.where)}
    if plan.category is not None:
        facts["category"] = plan.category.id
    if plan.priority is not None:
        facts["priority"] = plan.priority
    if facts:
        yield f"change {' and '.join(facts)}", "", facts
    for step in plan.then:
        yield from _of_step(step)


def _of_step(step: Step) -> Iterator[Request]:
    match step:
        case Dispatch(agencies):
            yield f"dispatch {', '.join(agencies)}", "", {"agencies": list(agencies)}
        case Acknowledge(agencies):
            for agency in agencies:
                yield f"acknowledge {agency}", "", {"agency": agency}
        case Note(text):
            yield "note", "", {"text": text}
        case Code(category):
            yield f"change category to {category.id}", "", {"category": category.id}
        case Move(state):
            yield f"move to {state.value}", "", {"state": state.value}
        case Merge(into):
            yield f"merge into {into}", "", {"into": into}


def _where(where: Where) -> dict[str, Any]:
    place = {"kecamatan": where.kecamatan}
    return place if where.kelurahan is None else {**place, "kelurahan": where.kelurahan}


def _path(number: str, action: str = "") -> str:
    name = quote(number, safe="", errors="replace")
    return f"/api/incidents/{name}" + (f"/{action}" if action else "")
