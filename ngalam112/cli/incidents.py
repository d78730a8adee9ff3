"""The commands for incidents: `ngalam112 incident ...`."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

import typer

from incidents.dispatch import Dispatch
from incidents.incident import Incident
from incidents.words import MOST_ASKED
from ngalam112.api.time_ranges import on_screen
from ngalam112.cli.client import Client
from ngalam112.cli.common import (
    FormatOption,
    FromOption,
    ToOption,
    make_group,
    period,
    read,
    tell_restricted,
)
from ngalam112.cli.warnings import warning_lines
from ngalam112.config.settings import load_settings
from ngalam112.terminal import Column, Format, console, safe, table, write_json, write_list

incidents = make_group(
    "incident", "Emergencies, complaints and questions: one record each, and what became of it."
)

Name = Annotated[
    str,
    typer.Argument(
        metavar="INCIDENT",
        help="Its number (2026-123), its id, its call's id, or a reference (LAPOR:123).",
    ),
]
ByOption = Annotated[str, typer.Option("--by", help="Who does so: an operator's number.")]
ReasonOption = Annotated[str, typer.Option(help="Why, for the timeline.")]
VersionOption = Annotated[
    int | None,
    typer.Option("--version", help="The version that you have read; another is refused."),
]
SUPERVISOR = "supervisor"

_COLUMNS = (
    Column("number", "incident"),
    Column("opened", "opened"),
    Column("class", "class"),
    Column("category", "category"),
    Column("state", "state"),
    Column("where", "place"),
    Column("priority", "prio", right=True),
    Column("opened_by", "by", spare=True),
    Column("description", "description", spare=True),
)
_LATE = (
    Column("number", "incident"),
    Column("due", "was due"),
    Column("due_for", "for"),
    *_COLUMNS[2:6],
    Column("opened", "opened", spare=True),
    Column("description", "description", spare=True),
)
_DUE = {
    "forward": "has to be with an agency",
    "agency": "the agency has to report",
    "close": "closed by itself, unless the citizen replies",
}
_ENTRIES = (
    Column("at", "time"),
    Column("kind", "what"),
    Column("by", "by"),
    Column("source", "from"),
    Column("told", "details"),
)
_OTHERS = (
    Column("number", "incident"),
    Column("because", "because"),
    Column("opened", "opened"),
    Column("state", "state"),
    Column("caller", "caller"),
    Column("where", "place"),
    Column("description", "description"),
)


_SENT = (
    Column("agency", "agency"),
    Column("is", "state"),
    Column("told", "told at"),
    Column("ways", "by"),
    Column("due", "answer due"),
    Column("acknowledged_by", "accepted by", spare=True),
)
AgencyArgument = Annotated[str, typer.Argument(metavar="AGENCY", help="Its id or number.")]


_IDS = ("dispatch", "incident", "into", "calls", "source", "due_at", "due_for", "item")
_BESIDE = (
    *("dispatches", "place_source", "due_at", "due_for"),
    *("verification", "verified_at", "verified_by"),
)
"""What `show` tells elsewhere, or better."""


def _path(name: str, action: str = "") -> str:
    return f"/api/incidents/{quote(name, safe='', errors='replace')}{action}"


def _post(name: str, action: str, body: Mapping[str, Any]) -> Any:
    given = {key: value for key, value in body.items() if value is not None}
    return Client(load_settings()).post(_path(name, f"/{action}"), given)


def _said(row: Mapping[str, Any], what: str) -> None:
    console().print(safe(f"Incident {row['number'] or row['id']} {what}."))


def _shown(row: Mapping[str, Any], zone: ZoneInfo) -> dict[str, Any]:
    parts = (row["place"], row["kelurahan"], row["kecamatan"])
    return {
        **row,
        "number": row["number"] or row["id"][:14],
        "opened": on_screen(row["opened_at"], zone),
        "due": on_screen(row["due_at"], zone) if row["due_at"] else "",
        "class": row["incident_class"],
        "where": ", ".join(dict.fromkeys(one for one in parts if one)),
        "caller": ", ".join(one["number"] for one in row["contacts"]),
    }


@incidents.command("list")
def incident_list(
    begin: FromOption = None,
    end: ToOption = None,
    which: Annotated[
        str,
        typer.Option(help="open, all, not_coded, uncoded, merged, overdue_complaints, or a state."),
    ] = "open",
    incident_class: Annotated[
        str | None, typer.Option("--class", help="emergency, information, complaint, prank, ...")
    ] = None,
    category: Annotated[str | None, typer.Option(help="Of this category only.")] = None,
    caller: Annotated[str | None, typer.Option(help="Reported by this number.")] = None,
    text: Annotated[
        str | None,
        typer.Option(help="Words of description and place, or their beginnings."),
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="The newest so many.")] = 50,
    fmt: FormatOption = Format.TABLE,
) -> None:
    """List incidents, the newest first."""
    settings = load_settings()
    wanted = {"class": incident_class, "category": category, "caller": caller}
    wanted["text"] = None if text is None else text[:MOST_ASKED]
    asked = {
        **period(settings, begin, end, ("from", "to")),
        **{name: value for name, value in wanted.items() if value is not None},
        "which": which,
        "limit": str(limit),
    }
    answer = read(settings, "/api/incidents", asked)
    rows = answer["incidents"]
    zone = ZoneInfo(settings.timezone)
    shown = [_shown(row, zone) for row in rows]
    names = Incident.__struct_fields__
    overdue = which == "overdue_complaints"
    nothing = "No complaint is overdue." if overdue else "There are no such incidents."
    columns = _LATE if overdue else _COLUMNS
    write_list(rows, columns, fmt, names=names, shown=shown, nothing=nothing)
    tell_restricted(answer)


@incidents.command("show")
def incident_show(name: Name, fmt: FormatOption = Format.TABLE) -> None:
    """Show an incident: all that is known, its timeline, what may be the same one."""
    settings = load_settings()
    found = read(settings, _path(name))
    if fmt is not Format.TABLE:
        write_json(found)
        return
    zone, say = ZoneInfo(settings.timezone), console().print
    texts = [one["id"] for one in found["texts"]]
    facts = _facts(found["incident"], texts, zone)
    if found["due"] is not None:
        facts.append({"what": "due", "value": _due(found["due"])})
    say(table(facts, (Column("what", "incident"), Column("value", ""))))
    for line in warning_lines(settings, found["incident"]["kecamatan"]):
        say(safe(line), soft_wrap=True)
    say()
    entries = [
        {**one, "at": on_screen(one["at"], zone), "told": _details(one, zone)}
        for one in found["entries"]
    ]
    say(table(entries, _ENTRIES))
    for one in texts:
        say(safe(f"What was written: ngalam112 text show {one}"), soft_wrap=True)
    if found["dispatches"]:
        say()
        say(table([_sent(one, zone) for one in found["dispatches"]], _SENT))
    merged = [{**_shown(one, zone), "because": "merged into it"} for one in found["merged"]]
    same = [
        {**_shown(one["incident"], zone), "because": f"same {one['because']}?"}
        for one in found["proposals"]
    ]
    if merged or same:
        say()
        say(table([*merged, *same], _OTHERS))


def _due(due: Mapping[str, Any]) -> str:
    """The agreed time that runs, as in: 2026-12-03 (2 working days): the agency has to report."""
    days, day = due["working_days"], str(due["at"])[:10]
    if days is None:
        return f"{day}: {_DUE[due['for']]}"
    count = f"{abs(days)} working day" + ("" if abs(days) == 1 else "s")
    is_over = datetime.fromisoformat(str(due["at"])) < datetime.now(UTC)
    left = count if days > 0 else f"{count} ago" if days else "over" if is_over else "today"
    return f"{day} ({left}): {_DUE[due['for']]}"


def _facts(row: Mapping[str, Any], texts: Collection[str], zone: ZoneInfo) -> list[dict[str, Any]]:
    values = {
        **row,
        "contacts": ", ".join(
            " ".join(filter(None, (one["number"], one["name"])))
            + (" (wants to hear the outcome)" if one["wants_outcome"] else "")
            for one in row["contacts"]
        ),
        "answers": ", ".join(f"{name}: {value}" for name, value in row["answers"].items()),
        "call_ids": ", ".join(one for one in row["call_ids"] if one not in texts),
        "texts": ", ".join(texts),
        "publication": (row["publication"] or {}).get("description"),
        "references": ", ".join(_reference(one) for one in row["references"]),
        "verified": _verified(row, zone),
    }
    return [
        {"what": name, "value": on_screen(value, zone) if name.endswith("_at") else value}
        for name, value in values.items()
        if value not in (None, "") and name not in _BESIDE
    ]


def _reference(one: Mapping[str, Any]) -> str:
    return f"{one['system']}:{one['reference']}"


def _verified(row: Mapping[str, Any], zone: ZoneInfo) -> str | None:
    """What the caller of an incident has said of it when rung; None where nobody has asked."""
    if row["verification"] is not None:
        return "the caller is to be rung"
    if row["verified_at"] is None:
        return None
    return f"verified by {row['verified_by']} at {on_screen(row['verified_at'], zone)}"


def _details(entry: Mapping[str, Any], zone: ZoneInfo) -> str:
    told = _told(entry["data"])
    if (due := entry["data"].get("due_at")) is not None:
        due = f"due {on_screen(due, zone)[:10]}: {_DUE[entry['data']['due_for']]}"
        told = ", ".join(filter(None, (told, due)))
    nobody = entry["kind"] == "escalated" and entry["data"].get("to") is None
    return f"{told}: nobody is left to be told" if nobody else told


def _told(data: Mapping[str, Any]) -> str:
    """What an entry tells, without the ids that only programs want."""
    return ", ".join(
        name.replace("_", " ") + ("" if value is True else f" {_value(value)}")
        for name, value in data.items()
        if value not in (None, "", False, []) and name not in _IDS
    )


def _value(value: Any) -> str:
    if isinstance(value, dict):
        return _told(value)
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)


@incidents.command("open")
def incident_open(
    description: Annotated[str, typer.Argument(help="What has happened.")],
    category: Annotated[str | None, typer.Option(help="One of `category list`.")] = None,
    place: Annotated[str | None, typer.Option(help="Where, in words.")] = None,
    kelurahan: Annotated[str | None, typer.Option(help="The kelurahan.")] = None,
    number: Annotated[str, typer.Option(help="The number of who reports it.")] = "",
    name: Annotated[str, typer.Option(help="The name of who reports it.")] = "",
    by: ByOption = SUPERVISOR,
) -> None:
    """Open an incident that was reported otherwise than by a call."""
    where = {"place": place, "kelurahan": kelurahan}
    body: dict[str, Any] = {"description": description, "by": by}
    if category is not None:
        body["category"] = category
    if any(where.values()):
        body["where"] = {key: value for key, value in where.items() if value is not None}
    if number or name:
        body["contact"] = {"number": number, "name": name}
    _said(Client(load_settings()).post("/api/incidents", body), "is opened")


@incidents.command("note")
def incident_note(
    incident: Name,
    text: Annotated[str, typer.Argument(help="The text of the note.")],
    follow_up: Annotated[
        bool, typer.Option("--follow-up", help="The citizen was told this: what came of it.")
    ] = False,
    reply: Annotated[
        bool, typer.Option("--reply", help="The citizen said this to the follow-up.")
    ] = False,
    by: ByOption = SUPERVISOR,
) -> None:
    """Add a note to the timeline; a follow-up or a reply begins an agreed time."""
    body = {"text": text, "follow_up": follow_up, "reply": reply, "by": by}
    _said(_post(incident, "note", body), "has the note")


@incidents.command("code")
def incident_code(
    incident: Name,
    category: Annotated[
        str | None, typer.Argument(metavar="[CATEGORY]", help="Its id, code or name's begin.")
    ] = None,
    incident_class: Annotated[
        str | None, typer.Option("--class", help="If it is another than the category's.")
    ] = None,
    by: ByOption = SUPERVISOR,
) -> None:
    """Say what an incident is, by a category (`category list`) or a class."""
    body = {"class": incident_class, "category": category, "by": by}
    found = _post(incident, "change", body)
    _said(found, f"is coded: {found['incident_class']}, {found['category'] or 'no category'}")


@incidents.command("set")
def incident_set(
    incident: Name,
    description: Annotated[str | None, typer.Option(help="What has happened.")] = None,
    place: Annotated[str | None, typer.Option(help="Where, in words.")] = None,
    kelurahan: Annotated[str | None, typer.Option(help="The kelurahan.")] = None,
    kecamatan: Annotated[str | None, typer.Option(help="The kecamatan.")] = None,
    priority: Annotated[int | None, typer.Option(min=1, max=5, help="1 is first.")] = None,
    contact: Annotated[str | None, typer.Option(help="The number of a contact.")] = None,
    contact_name: Annotated[str, typer.Option(help="... and the name.")] = "",
    wants_outcome: Annotated[
        bool, typer.Option("--wants-outcome", help="The contact wishes to hear how it ended.")
    ] = False,
    answer: Annotated[
        list[str] | None,
        typer.Option(metavar="QUESTION=ANSWER", help="To one of the category's questions."),
    ] = None,
    reference: Annotated[
        list[str] | None,
        typer.Option(metavar="SYSTEM=ID", help="What another system calls it: LAPOR=123."),
    ] = None,
    no_reference: Annotated[
        list[str] | None, typer.Option(metavar="SYSTEM=ID", help="One that was wrong.")
    ] = None,
    version: VersionOption = None,
    by: ByOption = SUPERVISOR,
) -> None:
    """Change what is known of an incident; what is not given stays."""
    where = {"place": place, "kelurahan": kelurahan, "kecamatan": kecamatan}
    answers = dict(one.partition("=")[::2] for one in answer or [])
    references = [
        {"system": system.upper(), "reference": name, "removed": removed}
        for listed, removed in ((reference, False), (no_reference, True))
        for system, _, name in (one.partition("=") for one in listed or [])
    ]
    body = {
        "description": description,
        "priority": priority,
        "where": {key: value for key, value in where.items() if value is not None} or None,
        "contact": None
        if contact is None
        else {"number": contact, "name": contact_name, "wants_outcome": wants_outcome},
        "answers": answers or None,
        "references": references or None,
        "version": version,
        "by": by,
    }
    found = _post(incident, "change", body)
    _said(found, f"is changed, and has version {found['version']}")


def _move(incident: str, state: str, reason: str, by: str) -> None:
    body = {"state": state, "reason": reason, "by": by}
    _said(_post(incident, "move", body), f"is {state.replace('_', ' ')}")


@incidents.command("dispatch")
def incident_dispatch(
    incident: Name,
    agencies: Annotated[list[str], typer.Argument(metavar="AGENCY...", help="Ids or numbers.")],
    by: ByOption = SUPERVISOR,
) -> None:
    """Tell agencies of an incident, by all their ways at once, and follow each to its answer."""
    found = _post(incident, "dispatch", {"agencies": agencies, "by": by})["dispatches"]
    zone = ZoneInfo(load_settings().timezone)
    for one in found:
        ways = [
            f"{way['channel']} ({_state(way, zone)})" if way.get("held") else way["channel"]
            for way in one["deliveries"]
        ]
        by_hand = [way["address"] for way in one["deliveries"] if way["channel"] == "operator"]
        said = f"{one['agency']} is told by {', '.join(ways)}."
        if by_hand:
            number = by_hand[0] or "no number is known"
            said = f"{one['agency']} has to be told by you ({number}); then: incident ack."
        console().print(safe(said))


@incidents.command("ack")
def incident_ack(incident: Name, agency: AgencyArgument, by: ByOption = SUPERVISOR) -> None:
    """An agency has accepted."""
    _post(incident, "acknowledge", {"agency": agency, "by": by})
    console().print(safe(f"{agency} has accepted."))


@incidents.command("decline")
def incident_decline(
    incident: Name, agency: AgencyArgument, reason: ReasonOption = "", by: ByOption = SUPERVISOR
) -> None:
    """An agency does not take it; the next one of its chain is told at once."""
    _post(incident, "decline", {"agency": agency, "reason": reason, "by": by})
    console().print(safe(f"{agency} does not take it."))


def _dispatches(which: str, fmt: Format, nothing: str) -> None:
    settings = load_settings()
    rows = read(settings, "/api/dispatches", {"which": which})["dispatches"]
    zone = ZoneInfo(settings.timezone)
    names = tuple(Dispatch.__struct_fields__)
    shown = [
        {**_sent(row, zone), "number": row["incident"]["number"] or row["incident_id"][:14]}
        for row in rows
    ]
    columns = (Column("number", "incident"), *_SENT)
    write_list(rows, columns, fmt, names=names, shown=shown, nothing=nothing)


def _sent(row: Mapping[str, Any], zone: ZoneInfo) -> dict[str, Any]:
    ways = [
        " ".join(filter(None, (way["channel"], _state(way, zone), way.get("reason", ""))))
        for way in row["deliveries"]
    ]
    return {
        **row,
        "told": on_screen(row["created_at"], zone),
        "ways": ", ".join(ways),
        "due": on_screen(row["due_at"], zone) if row["due_at"] else "",
        "is": "report is late" if row["late_report"] else row["state"],
    }


def _state(way: Mapping[str, Any], zone: ZoneInfo) -> str:
    """How far a message is; one that waits for the agency's hours says until when."""
    if not way.get("held") or way.get("state", "waiting") != "waiting":
        return str(way.get("state", "waiting"))
    until = datetime.fromisoformat(str(way["try_at"])).astimezone(zone)
    soon = until - datetime.now(UTC) < timedelta(hours=20)
    return f"held until {until:%H:%M}" if soon else f"held until {until:%Y-%m-%d %H:%M}"


@incidents.command("undelivered")
def incident_undelivered(fmt: FormatOption = Format.TABLE) -> None:
    """List what has not reached an agency, the oldest first."""
    _dispatches("undelivered", fmt, "Everything has reached its agency.")


@incidents.command("alarms")
def incident_alarms(fmt: FormatOption = Format.TABLE) -> None:
    """List what was not accepted, or not reported, in the agreed time; then overdue complaints."""
    _dispatches("alarms", fmt, "All agencies are within their times.")
    if fmt is not Format.TABLE:
        return
    settings = load_settings()
    rows = read(settings, "/api/incidents", {"which": "overdue_complaints"})["incidents"]
    if rows:
        zone = ZoneInfo(settings.timezone)
        console().print()
        write_list(rows, _LATE, fmt, names=(), shown=[_shown(row, zone) for row in rows])


@incidents.command("scene")
def incident_scene(incident: Name, reason: ReasonOption = "", by: ByOption = SUPERVISOR) -> None:
    """Somebody is on the scene."""
    _move(incident, "on_scene", reason, by)


@incidents.command("resolve")
def incident_resolve(incident: Name, reason: ReasonOption = "", by: ByOption = SUPERVISOR) -> None:
    """Resolve: nothing more is to be done there."""
    _move(incident, "resolved", reason, by)


@incidents.command("close")
def incident_close(incident: Name, reason: ReasonOption = "", by: ByOption = SUPERVISOR) -> None:
    """Close: it is resolved, and whoever wanted to know has been told."""
    _move(incident, "closed", reason, by)


@incidents.command("cancel")
def incident_cancel(incident: Name, reason: ReasonOption = "", by: ByOption = SUPERVISOR) -> None:
    """Cancel: nothing was to be done, or nothing is any more."""
    _move(incident, "cancelled", reason, by)


@incidents.command("reopen")
def incident_reopen(incident: Name, reason: ReasonOption = "", by: ByOption = SUPERVISOR) -> None:
    """Reopen: it is not over after all."""
    _move(incident, "reopened", reason, by)


@incidents.command("publish")
def incident_publish(
    incident: Name,
    description: Annotated[
        str, typer.Option("--description", help="What everybody may read; no names, no numbers.")
    ],
    version: VersionOption = None,
    by: ByOption = SUPERVISOR,
) -> None:
    """Publish a complaint, in words of its own and with its kelurahan; see `unpublish`."""
    body = {"description": description, "version": version, "by": by}
    public = _post(incident, "publish", body)["publication"]
    where = ", ".join(filter(None, (public["kelurahan"], public["kecamatan"]))) or "no place"
    told = f"Everybody may read: {public['description']} ({where})"
    console().print(safe(told), soft_wrap=True)


@incidents.command("unpublish")
def incident_unpublish(incident: Name, by: ByOption = SUPERVISOR) -> None:
    """Take back what was published."""
    _said(_post(incident, "unpublish", {"by": by}), "is not published")


@incidents.command("merge")
def incident_merge(
    incident: Name,
    into: Annotated[str, typer.Argument(metavar="INTO", help="The incident that is worked on.")],
    by: ByOption = SUPERVISOR,
) -> None:
    """Merge this incident into another one, which is worked on from then on; see `unmerge`."""
    found = _post(incident, "merge", {"into": into, "by": by})
    _said(found, f"stands for {incident} as well")


@incidents.command("unmerge")
def incident_unmerge(incident: Name, by: ByOption = SUPERVISOR) -> None:
    """Take a merge back: both incidents are what they were."""
    _said(_post(incident, "unmerge", {"by": by}), "is one of its own again")


@incidents.command("verify")
def incident_verify(
    incident: Name,
    operator: Annotated[
        str | None, typer.Option(help="Who is offered it first; anybody if not given.")
    ] = None,
    by: ByOption = SUPERVISOR,
) -> None:
    """Have the caller of its last call rung, to hear whether it is so, before anybody is sent."""
    _said(_post(incident, "verify", {"operator": operator, "by": by}), "is to be verified")


@incidents.command("link")
def incident_link(
    incident: Name,
    call: Annotated[str, typer.Argument(metavar="CALL", help="The id of the call, or its begin.")],
    by: ByOption = SUPERVISOR,
) -> None:
    """Link a call to this incident; its caller becomes a contact."""
    _said(_post(incident, "link", {"call": call, "by": by}), "has the call")
