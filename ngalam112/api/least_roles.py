"""Which role each route needs at least: the one place that says what people may do by the API.

A route that is not named here is refused to everybody but the line's own processes; a test wants
each to be named.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from ngalam112.accounts.people import Role
from ngalam112.api.routes import Route

_OF_ROLE: Mapping[Role, tuple[str, ...]] = {
    # looks, and changes nothing; each look at a citizen's record is in the trail, and not who calls
    # now (status, live)
    Role.READ_ONLY: (
        "GET /metrics",
        "GET /api/openapi.json",
        "GET /api/status",
        "GET /api/live",
        "GET /api/alarms",
        "GET /api/alarms/on",
        "GET /api/summary",
        "GET /api/operators",
        "GET /api/phones",
        "GET /api/agencies",
        "GET /api/agencies/{id}",
        "GET /api/categories",
        "GET /api/categories/{id}",
        "GET /api/notices",
        "GET /api/warnings",
        "GET /api/calls",
        "GET /api/calls/{id}",
        "GET /api/callbacks",
        "GET /api/callbacks/{id}",
        "GET /api/incidents",
        "GET /api/incidents/{id}",
        "GET /api/dispatches",
        "GET /api/texts",
        "GET /api/texts/{id}",
    ),
    # what follows from calls and reports
    Role.OPERATOR: (
        "POST /api/incidents",
        "POST /api/incidents/{id}/change",
        "POST /api/incidents/{id}/note",
        "POST /api/incidents/{id}/move",
        "POST /api/incidents/{id}/merge",
        "POST /api/incidents/{id}/unmerge",
        "POST /api/incidents/{id}/link",
        "POST /api/incidents/{id}/publish",
        "POST /api/incidents/{id}/unpublish",
        "POST /api/incidents/{id}/verify",
        "POST /api/incidents/{id}/dispatch",
        "POST /api/incidents/{id}/acknowledge",
        "POST /api/incidents/{id}/decline",
        "POST /api/calls/{id}/disposition",
        "POST /api/callbacks/{id}/take",
        "POST /api/callbacks/{id}/close",
        "POST /api/texts/{id}/answer",
        "POST /api/texts/{id}/take",
        "POST /api/texts/{id}/close",
    ),
    # what is done to others who work here, and to what all callers hear
    Role.SUPERVISOR: (
        "GET /api/reports/{kind}",
        "POST /api/alarms/{id}/acknowledge",
        "POST /api/operators/{id}/login",
        "POST /api/operators/{id}/logout",
        "POST /api/operators/{id}/pause",
        "POST /api/operators/{id}/ready",
        "POST /api/operators/{id}/wrap_up",
        "POST /api/operators/{id}/skills",
        "POST /api/operators/{id}/recording",
        "POST /api/calls/{id}/first",
        "POST /api/calls/{id}/category",
        "GET /api/monitors",
        "POST /api/monitors",
        "DELETE /api/monitors/{phone}",
        "POST /api/notices",
        "DELETE /api/notices/{name}",
        "GET /api/places",
    ),
    # how the line is set up, and who may use it
    Role.ADMINISTRATOR: (
        "POST /api/operators",
        "DELETE /api/operators/{id}",
        "POST /api/phones",
        "DELETE /api/phones/{number}",
        "PUT /api/agencies",
        "PUT /api/agencies/{id}",
        "DELETE /api/agencies/{id}",
        "PUT /api/categories",
        "PUT /api/categories/{id}",
        "DELETE /api/categories/{id}",
        "POST /api/places",
        "DELETE /api/places/{number}",
        "POST /api/privacy/let_go",
        "GET /api/audit",
        "GET /api/people",
        "POST /api/people",
        "PUT /api/people/{id}",
        "GET /api/tokens",
        "POST /api/tokens",
        "DELETE /api/tokens/{id}",
    ),
    # what an agency is told of, its own alone (`agency_desk`)
    Role.AGENCY: (
        "GET /api/desk/dispatches",
        "GET /api/desk/dispatches/{id}",
        "POST /api/desk/dispatches/{id}/accept",
        "POST /api/desk/dispatches/{id}/decline",
        "POST /api/desk/dispatches/{id}/on_scene",
        "POST /api/desk/dispatches/{id}/resolve",
        "POST /api/desk/dispatches/{id}/note",
    ),
}
_OWN = frozenset(
    f"POST /api/operators/{{id}}/{name}"
    for name in ("login", "logout", "pause", "ready", "wrap_up", "recording")
)
"""What a person of the role operator may do where the path names their own number."""

LEAST_ROLE: Mapping[str, Role] = {name: role for role, names in _OF_ROLE.items() for name in names}
"""By method and path."""


def with_roles(routes: Iterable[Route]) -> tuple[Route, ...]:
    """Return the routes, each with the least role that it needs."""
    return tuple(
        replace(one, least=LEAST_ROLE.get(name), own=name in _OWN)
        for one in routes
        for name in [f"{one.method} {one.path}"]
    )
