"""The commands of supervisors who hear an operator's talk: `ngalam112 monitor ...`."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import quote

import typer

from acd.switch import MonitorMode
from ngalam112.cli.client import Client
from ngalam112.cli.common import FormatOption, make_group
from ngalam112.cli.person import person
from ngalam112.config.settings import load_settings
from ngalam112.terminal import Column, Format, console, safe, write_list

monitors = make_group("monitor", "Listen to an operator's talk, whisper to them, or barge in.")

_NAMES = ("phone", "operator", "call", "mode", "hears", "by", "reason")
_COLUMNS = (
    Column("phone", "phone"),
    Column("mode", "mode"),
    Column("operator", "operator"),
    Column("state", "now"),
    Column("by", "asked by"),
    Column("reason", "reason"),
    Column("call", "call", spare=True),
)

Operator = Annotated[str, typer.Argument(metavar="OPERATOR", help="Who is to be heard.")]
Phone = Annotated[str, typer.Option("--to", metavar="PHONE", help="The phone that is rung.")]
Reason = Annotated[str, typer.Option(help="Why, for the access trail.")]

_SAID = {
    MonitorMode.LISTEN: "Nobody hears",
    MonitorMode.WHISPER: "Only the operator hears",
    MonitorMode.BARGE: "All in the talk hear",
}


@monitors.command("listen")
def monitor_listen(operator: Operator, to: Phone, reason: Reason) -> None:
    """Hear a talk; nobody in it notices."""
    _begin(operator, to, reason, MonitorMode.LISTEN)


@monitors.command("whisper")
def monitor_whisper(operator: Operator, to: Phone, reason: Reason) -> None:
    """Hear a talk and speak to the operator; the citizen does not hear it."""
    _begin(operator, to, reason, MonitorMode.WHISPER)


@monitors.command("barge")
def monitor_barge(operator: Operator, to: Phone, reason: Reason) -> None:
    """Hear a talk and speak to both."""
    _begin(operator, to, reason, MonitorMode.BARGE)


@monitors.command("list")
def monitor_list(fmt: FormatOption = Format.TABLE) -> None:
    """List who hears whom now."""
    rows = Client(load_settings()).get("/api/monitors")["monitors"]
    shown = [{**row, "state": "hears" if row["hears"] else "rings"} for row in rows]
    write_list(rows, _COLUMNS, fmt, names=_NAMES, shown=shown, nothing="Nobody listens to a talk.")


@monitors.command("stop")
def monitor_stop(
    phone: Annotated[str, typer.Argument(metavar="PHONE", help="The phone that hears a talk.")],
) -> None:
    """Hang up on a phone that hears a talk."""
    row = Client(load_settings()).delete(f"/api/monitors/{quote(phone, safe='')}")
    console().print(f"Phone {safe(row['phone'])} is hung up.")


def _begin(operator: str, phone: str, reason: str, mode: MonitorMode) -> None:
    body: dict[str, Any] = {
        "operator": operator,
        "phone": phone,
        "reason": reason,
        "mode": mode.value,
        "by": person()[:64],
    }
    row = Client(load_settings()).post("/api/monitors", body)
    say, whom = console().print, f"the talk of operator {safe(row['operator'])}"
    begun = "hears" if row["hears"] else "rings, and will hear"
    say(f"Phone {safe(row['phone'])} {begun} {whom}.")
    say(f"{_SAID[mode]} what is said at that phone. Its keys: 4 listen, 5 whisper, 6 barge in.")
