"""Who has looked at what, or changed it: what one line of the access trail says. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum
from typing import Any

import msgspec


class Looked(StrEnum):
    """What somebody has looked at. The target is its id; of a number, its key."""

    CALL = "call"
    INCIDENT = "incident"
    TEXT = "text"
    CALLBACK = "callback"
    NUMBER = "number"
    LIST = "list"
    CHANGE = "change"  # looked at nothing, changed it: the target says what
    REFUSED = "refused"  # wanted it, and had no role for it
    EXPORT = "export"


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """The row of `access_trail`. `at`: seconds since the epoch. `source`: cli, api, or
    line for who has listened to a talk. `reason`: why, where that was asked.
    """

    id: str
    at: float
    who: str
    source: str
    kind: Looked
    target: str
    command: str
    reason: str | None = None


TABLE = "access_trail"
"""The table of its rows."""

USER_HEADER = "X-Ngalam112-User"
"""The header by which the command line says who sits there; whoever has the token is believed."""

_ONE: Mapping[str, tuple[Looked, str, str]] = {
    "/api/calls/{id}": (Looked.CALL, "call", "call_id"),
    "/api/incidents/{id}": (Looked.INCIDENT, "incident", "id"),
    "/api/desk/dispatches/{id}": (Looked.INCIDENT, "dispatch", "incident_id"),
    "/api/texts/{id}": (Looked.TEXT, "text", "id"),
    "/api/callbacks/{id}": (Looked.CALLBACK, "callback", "id"),
}
_LISTS = (
    *("/api/calls", "/api/incidents", "/api/texts", "/api/callbacks", "/api/dispatches"),
    *("/api/places", "/api/desk/dispatches"),
)


def shows_one(path: str) -> bool:
    """Whether only the answer tells what was seen: by this path one is asked for by its id."""
    return path in _ONE


def looked_at(
    path: str,
    params: Mapping[str, str],
    answer: Mapping[str, Any],
    key_of: Callable[[str], str | None],
) -> tuple[Looked, str] | None:
    """Return what somebody has seen who got this answer to this question; None: nobody's data.

    `path`: of the API, with {id} for an id; what was asked for may be the begin of one, so the
    answer tells which it was. A list that was asked for by a number is a look at the number.
    """
    if path in _ONE:
        kind, name, id = _ONE[path]
        found = answer.get(name)
        target = found.get(id) if isinstance(found, Mapping) else None
        return (kind, str(target)) if target else None
    if path not in _LISTS:
        return None
    number = params.get("caller") or params.get("number") or ""
    key = key_of(number) if number else None
    if key is not None:
        return Looked.NUMBER, key
    return Looked.LIST, path.removeprefix("/api/")


LOOK = "GET "
"""With this begins the command of who only looks; all others are in the audit."""

_OF_CITIZENS = frozenset({"/api/places/{number}"})
"""Paths whose part is a citizen's number, which the audit does not repeat."""


def changed_what(path: str, parts: Iterable[str], answer: Mapping[str, Any]) -> str:
    """Return what a request has changed, by ids alone: of its path, else of what was made."""
    if path in _OF_CITIZENS:
        return ""
    if found := ",".join(parts):
        return found
    made = answer.get("token", answer)
    for name in ("id", "number", "phone"):
        if isinstance(made, Mapping) and isinstance(made.get(name), str):
            return str(made[name])
    # several at once
    rows = next((one for one in answer.values() if isinstance(one, list)), [])
    return ",".join(str(one["id"]) for one in rows if isinstance(one, Mapping) and "id" in one)
