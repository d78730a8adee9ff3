"""The commands for text conversations: `ngalam112 text list|show|answer|take|close`."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

import typer

from acd.texts.conversation import LINE, ConversationRecord
from ngalam112.api.time_ranges import on_screen
from ngalam112.cli.client import Client
from ngalam112.cli.common import FormatOption, make_group, read
from ngalam112.config.settings import load_settings
from ngalam112.terminal import (
    Column,
    Format,
    console,
    safe,
    table,
    write_csv,
    write_json,
    write_list,
)

texts = make_group("text", "Citizens who write to 112.")

IdArgument = Annotated[str, typer.Argument(metavar="ID", help="The id, or its begin.")]
OperatorOption = Annotated[str, typer.Option(help="Who does so; the line's own name if left out.")]

_COLUMNS = (
    Column("text", "text"),
    Column("opened", "opened"),
    Column("number", "from"),
    Column("state", "state"),
    Column("operator", "operator"),
    Column("received", "messages", right=True),
    Column("dropped", "too many", right=True, spare=True),
    Column("outcome", "outcome", spare=True),
)
_MESSAGES = (
    Column("time", "time"),
    Column("author", "from"),
    Column("body", "text"),
    Column("state", "state"),
    Column("status", "SIP", right=True),
    Column("attempts", "tries", right=True),
)
_SHOWN_ID = 14


def _path(text_id: str, action: str = "") -> str:
    return f"/api/texts/{quote(text_id, safe='', errors='replace')}{action}"


@texts.command("list")
def text_list(
    state: Annotated[
        str | None, typer.Option(help="open, held, queued, talking or closed.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="The newest so many.")] = 50,
    fmt: FormatOption = Format.TABLE,
) -> None:
    """List conversations, the newest first."""
    settings = load_settings()
    params = {"limit": str(limit)} | ({"state": state} if state is not None else {})
    rows = read(settings, "/api/texts", params)["texts"]
    zone = ZoneInfo(settings.timezone)
    shown = [
        {**row, "text": row["id"][:_SHOWN_ID], "opened": on_screen(row["opened_at"], zone)}
        for row in rows
    ]
    names = ConversationRecord.__struct_fields__
    nothing = "There are no such conversations."
    write_list(rows, _COLUMNS, fmt, names=names, shown=shown, nothing=nothing)


@texts.command("show")
def text_show(text_id: IdArgument, fmt: FormatOption = Format.TABLE) -> None:
    """Show one conversation: its messages, whether they were delivered, and calls beside it."""
    settings = load_settings()
    found = read(settings, _path(text_id))
    zone, messages = ZoneInfo(settings.timezone), found["messages"]
    match fmt:
        case Format.JSON:
            write_json(found)
        case Format.CSV:
            write_csv(messages, ("at", "author", "body", "state", "status", "attempts"))
        case Format.TABLE:
            say = console().print
            record = found["text"]
            facts = ("id", "number", "name", "state", "operator", "outcome", "call_id", "note")
            rows = [{"what": name, "value": record[name]} for name in facts if record[name]]
            if (of := found["incident"]) is not None:
                rows.append({"what": "incident", "value": of["number"] or of["id"]})
            say(table(rows, (Column("what", "record"), Column("value", ""))))
            say()
            say(table([_shown(one, zone) for one in messages], _MESSAGES))
            for call in found["calls"]:
                when = on_screen(call["arrived_at"], zone)
                say(
                    safe(f"Call {call['call_id'][:_SHOWN_ID]}, {when}: {call['outcome'] or 'live'}")
                )


def _shown(message: dict[str, Any], zone: ZoneInfo) -> dict[str, Any]:
    return {**message, "time": on_screen(message["at"], zone)}


@texts.command("answer")
def text_answer(
    text_id: IdArgument,
    body: Annotated[str, typer.Argument(metavar="TEXT", help="What the citizen gets.")],
    operator: OperatorOption = LINE,
) -> None:
    """Answer a citizen; `text show` says whether it was delivered."""
    client = Client(load_settings())
    client.post(_path(text_id, "/answer"), {"body": body, "operator": operator})
    console().print("Sent; `ngalam112 text show` says whether it is delivered.")


@texts.command("take")
def text_take(text_id: IdArgument, operator: str) -> None:
    """Give a conversation to an operator, whose phone gets its messages from now on."""
    Client(load_settings()).post(_path(text_id, "/take"), {"operator": operator})
    console().print(f"Operator {safe(operator)} has the conversation.")


@texts.command("close")
def text_close(
    text_id: IdArgument,
    note: Annotated[str, typer.Option(help="Why; kept with it.")] = "",
    operator: OperatorOption = LINE,
) -> None:
    """Close a conversation; the citizen is told so."""
    Client(load_settings()).post(_path(text_id, "/close"), {"note": note, "operator": operator})
    console().print("Closed.")
