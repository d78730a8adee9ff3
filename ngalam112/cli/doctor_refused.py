"""The doctor's look at calls that Asterisk refuses before the line hears of them: whose and why."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ngalam112.cli.client import Client, ClientError
from ngalam112.cli.doctor_links import Check, ok, warning
from ngalam112.config.settings import Settings, SettingsError

_WHAT, _LIMIT_S = "calls refused before the line", 5.0

_MEND = {
    401: "have the carrier dial {number} there",
    404: "have the carrier dial {number} there",
    420: "have the carrier leave out the header Require, or name the extension in Supported",
    422: "have the carrier ask for longer sessions (Session-Expires)",
    503: "it had more calls at once than NGALAM112_MOST_PER_ADDRESS; if they were real, raise that"
    " and the audio ports (NGALAM112_RTP_PORTS)",
    488: "have the carrier offer PCMA, PCMU or G722, as RTP/AVP without encryption",
}
_LOOK = "look at an INVITE of {source}, such as by tcpdump -A port {port}"
_STRANGER = "if it is the carrier's, add {source} to NGALAM112_TRUNK_MATCH"


def check_refused(settings: Settings) -> list[Check]:
    """Ask the engine which addresses had calls refused within a day; one check for each."""
    if not settings.place:
        off = "not counted with NGALAM112_PLACE=false"
        return [Check(what=_WHAT, state="unknown", found=off)]
    try:
        found = Client(settings, _LIMIT_S).get("/api/status").get("refused_before")
    except (ClientError, SettingsError):
        found = None  # said where the engine is looked at
    if found is None:
        return [Check(what=_WHAT, state="unknown", found="only the engine knows")]
    return refused(found, settings)


def refused(found: Iterable[Mapping[str, Any]], settings: Settings) -> list[Check]:
    """Say what `/api/status` tells: trunks first, then strangers who dial our number."""
    checks = [
        warning(_WHAT, _said(one), _mend(one, settings))
        for one in sorted(found, key=lambda one: not one["trunk"])
    ]
    return checks or [ok(_WHAT, "none of a trunk within a day")]


def _said(one: Mapping[str, Any]) -> str:
    who = f"trunk {one['source']}" if one["trunk"] else f"{one['source']}, which is no trunk"
    what = f"{one['calls']} with {one['status']} ({one['reason']}) since {one['since'][:16]}"
    return f"{who}: {what}, the last at {one['at'][:16]}, dialled {one['dialled'] or 'nobody'}"


def _mend(one: Mapping[str, Any], settings: Settings) -> str:
    mend = _MEND.get(one["status"], _LOOK)
    if not one["trunk"]:
        mend = _STRANGER
    return mend.format(number=settings.number, source=one["source"], port=settings.sip_port)
