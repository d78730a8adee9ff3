"""All routes of the API, in one table: the engine serves them, and its document is made of them.

Statuses of refusals are those that the route's handler can raise, by `refusals`; what every route
can answer (a wrong token, a request that cannot be read, a fault of ours) is added by the document.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from ngalam112.api import (
    alarm_queries,
    answers,
    audit_queries,
    incident_queries,
    live_answers,
    queries,
    report_kinds,
    text_queries,
)
from ngalam112.api.agencies import AgencyRoutes
from ngalam112.api.agency_desk import AgencyDesk
from ngalam112.api.alarms import AlarmRoutes
from ngalam112.api.categories import CategoryRoutes
from ngalam112.api.changes import Changes
from ngalam112.api.incidents import IncidentChanges
from ngalam112.api.least_roles import with_roles
from ngalam112.api.line import LineNow
from ngalam112.api.live import LiveRoutes
from ngalam112.api.monitors import MonitorRoutes
from ngalam112.api.notices import NoticeRoutes
from ngalam112.api.openapi import DOCUMENT_PATH, Document
from ngalam112.api.people import PeopleRoutes
from ngalam112.api.places import Places
from ngalam112.api.privacy import PrivacyRoutes
from ngalam112.api.recordings import RecordingRoutes
from ngalam112.api.routes import Route, Turn
from ngalam112.api.texts import TextChanges
from ngalam112.api.waiting_calls import WaitingCalls
from ngalam112.api.warnings import WarningRoutes

_AWAY = 503  # the database is


def _get(path: str, handler: Callable[..., Awaitable[Any]], answer: Any, *errors: int) -> Route:
    return Route(method="GET", path=path, handler=handler, answer=answer, errors=errors)


def _post(
    path: str, handler: Callable[..., Awaitable[Any]], answer: Any, *errors: int, status: int = 200
) -> Route:
    return Route(
        method="POST", path=path, handler=handler, answer=answer, status=status, errors=errors
    )


def _put(path: str, handler: Callable[..., Awaitable[Any]], answer: Any, *errors: int) -> Route:
    return Route(method="PUT", path=path, handler=handler, answer=answer, errors=errors)


def _delete(path: str, handler: Callable[..., Awaitable[Any]], answer: Any, *errors: int) -> Route:
    return Route(method="DELETE", path=path, handler=handler, answer=answer, errors=errors)


def _list(
    path: str,
    question: queries.Question,
    answer: Any,
    turn: Turn = Turn.LOOK_UP,
    *,
    fresh: bool = False,
) -> Route:
    """A question about the past."""
    return Route(
        method="GET",
        path=path,
        handler=question,
        answer=answer,
        errors=(_AWAY,),
        turn=turn,
        fresh=fresh,
    )


def _one(path: str, question: queries.Question, answer: Any, *, fresh: bool = False) -> Route:
    """A question about one, which may not be there, or be one of several."""
    return Route(
        method="GET",
        path=path,
        handler=question,
        answer=answer,
        errors=(404, 409, _AWAY),
        turn=Turn.LOOK_UP,
        fresh=fresh,
    )


_LINE = (
    Route(
        method="GET",
        path="/healthz",
        handler=LineNow.healthz,
        answer=answers.Health,
        also={503: answers.Health},
        open_to_all=True,
    ),
    _get("/metrics", LineNow.metrics, None),
    _get(DOCUMENT_PATH, Document.openapi, dict[str, Any]),
    _get("/api/status", LineNow.status, answers.LineStatus),
    Route(
        method="GET",
        path="/api/live",
        handler=LiveRoutes.live,
        answer=live_answers.LiveSnapshot,
        errors=(409,),
        events=True,
    ),
    _list("/api/alarms", alarm_queries.alarms, answers.Alarms, fresh=True),
    _get("/api/alarms/on", AlarmRoutes.on, answers.Alarms),
    _post("/api/alarms/{id}/acknowledge", AlarmRoutes.acknowledge, answers.Alarm, 404, 409, _AWAY),
)
_INCIDENTS = (
    _list("/api/incidents", incident_queries.incidents, answers.Incidents, fresh=True),
    _one("/api/incidents/{id}", incident_queries.incident, answers.FoundIncident, fresh=True),
    _list("/api/dispatches", incident_queries.dispatches, answers.Dispatches, fresh=True),
    _post("/api/incidents", IncidentChanges.open, answers.Incident, status=201),
    *(
        _post(f"/api/incidents/{{id}}/{name}", handler, answers.Incident, 404, 409, _AWAY)
        for name, handler in (
            ("change", IncidentChanges.change),
            ("note", IncidentChanges.note),
            ("move", IncidentChanges.move),
            ("merge", IncidentChanges.merge),
            ("unmerge", IncidentChanges.unmerge),
            ("link", IncidentChanges.link),
            ("publish", IncidentChanges.publish),
            ("unpublish", IncidentChanges.unpublish),
            ("verify", IncidentChanges.verify),
        )
    ),
    _post(
        "/api/incidents/{id}/dispatch",
        IncidentChanges.dispatch,
        answers.MadeDispatches,
        *(404, 409, _AWAY),
        status=201,
    ),
    _post(
        "/api/incidents/{id}/acknowledge",
        IncidentChanges.acknowledge,
        answers.AnsweredDispatch,
        *(404, 409, _AWAY),
    ),
    _post(
        "/api/incidents/{id}/decline",
        IncidentChanges.decline,
        answers.AnsweredDispatch,
        *(404, 409, _AWAY),
    ),
)
_DESK = (
    _get("/api/desk/dispatches", AgencyDesk.desk_list, answers.DeskDispatches, _AWAY),
    _get("/api/desk/dispatches/{id}", AgencyDesk.desk_show, answers.DeskFound, 404, _AWAY),
    *(
        _post(f"/api/desk/dispatches/{{id}}/{name}", handler, answers.DeskFound, 404, 409, _AWAY)
        for name, handler in (
            ("accept", AgencyDesk.desk_accept),
            ("decline", AgencyDesk.desk_decline),
            ("on_scene", AgencyDesk.desk_on_scene),
            ("resolve", AgencyDesk.desk_resolve),
            ("note", AgencyDesk.desk_note),
        )
    ),
)
_CALLS = (
    _list("/api/calls", queries.calls, answers.Calls),
    _one("/api/calls/{id}", queries.call, answers.FoundCall),
    _post("/api/calls/{id}/disposition", Changes.dispose_call, answers.Call, 404, 409, _AWAY),
    _post("/api/calls/{id}/first", WaitingCalls.put_first, answers.Call, 404, 409),
    _post("/api/calls/{id}/category", WaitingCalls.move_call, answers.Call, 404, 409),
    _list("/api/summary", queries.totals, answers.Totals, Turn.REPORT),
    _list("/api/reports/{kind}", report_kinds.report, answers.Report, Turn.REPORT),
    _list("/api/callbacks", queries.lost_calls, answers.Callbacks),
    _one("/api/callbacks/{id}", queries.lost_call, answers.FoundCallback),
    _post("/api/callbacks/{id}/take", Changes.take_callback, answers.Callback, 404, 409),
    _post("/api/callbacks/{id}/close", Changes.close_callback, answers.Callback, 404, 409),
)
_TEXTS = (
    _list("/api/texts", text_queries.texts, answers.Texts),
    _one("/api/texts/{id}", text_queries.text, answers.FoundText),
    _post(
        "/api/texts/{id}/answer",
        TextChanges.answer,
        answers.TextMessage,
        *(404, 409),
        status=201,
    ),
    _post("/api/texts/{id}/take", TextChanges.take, answers.TextConversation, 404, 409),
    _post("/api/texts/{id}/close", TextChanges.close, answers.TextConversation, 404, 409),
)
_OPERATORS = (
    _get("/api/operators", LineNow.operators, answers.Operators),
    _post("/api/operators", Changes.add_operator, answers.Operator, *(409, _AWAY), status=201),
    _delete(
        "/api/operators/{id}", Changes.remove_operator, answers.RemovedOperator, 404, 409, _AWAY
    ),
    *(
        _post(f"/api/operators/{{id}}/{name}", handler, answers.Operator, 404, 409)
        for name, handler in (
            ("login", Changes.login_operator),
            ("logout", Changes.logout_operator),
            ("pause", Changes.pause_operator),
            ("ready", Changes.ready_operator),
            ("wrap_up", Changes.wrap_up_operator),
            ("skills", Changes.skills_operator),
        )
    ),
    _post("/api/operators/{id}/recording", RecordingRoutes.record, answers.RecordedTalk, 404, 409),
    _get("/api/monitors", MonitorRoutes.list, answers.Monitors),
    _post("/api/monitors", MonitorRoutes.begin, answers.Monitor, *(404, 409), status=201),
    _delete("/api/monitors/{phone}", MonitorRoutes.end, answers.Monitor, 404),
    _get("/api/phones", LineNow.phones, answers.Phones),
    _post("/api/phones", Changes.add_phone, answers.MadePhone, *(409, _AWAY), status=201),
    _delete("/api/phones/{number}", Changes.remove_phone, answers.RemovedPhone, 404, 409, _AWAY),
)
_CITY = (
    _get("/api/agencies", AgencyRoutes.list, answers.Agencies),
    _get("/api/agencies/{id}", AgencyRoutes.show, answers.FoundAgency, 404),
    _put("/api/agencies", AgencyRoutes.put_all, answers.Agencies, 404, _AWAY),
    _put("/api/agencies/{id}", AgencyRoutes.put, answers.FoundAgency, 404, _AWAY),
    _delete("/api/agencies/{id}", AgencyRoutes.retire, answers.FoundAgency, 404, _AWAY),
    _get("/api/categories", CategoryRoutes.list, answers.Categories),
    _get("/api/categories/{id}", CategoryRoutes.show, answers.FoundCategory, 404),
    _put("/api/categories", CategoryRoutes.put_all, answers.Categories, 404, _AWAY),
    _put("/api/categories/{id}", CategoryRoutes.put, answers.OneCategory, 404, _AWAY),
    _delete("/api/categories/{id}", CategoryRoutes.retire, answers.OneCategory, 404, _AWAY),
    _list("/api/places", queries.registered_places, answers.Places),
    _post("/api/places", Places.add, answers.KeptPlaces, _AWAY, status=201),
    _delete("/api/places/{number}", Places.remove, answers.RemovedPlace, 404, _AWAY),
    _post("/api/privacy/let_go", PrivacyRoutes.let_go, answers.LetGone, _AWAY),
    _get("/api/notices", NoticeRoutes.list, answers.Notices),
    _post("/api/notices", NoticeRoutes.set, answers.Notice, status=201),
    _delete("/api/notices/{name}", NoticeRoutes.clear, answers.Notices, 404),
    _get("/api/warnings", WarningRoutes.list, answers.Warnings),
)
_PEOPLE = (
    _list("/api/audit", audit_queries.audit, answers.Audit, fresh=True),
    _get("/api/people", PeopleRoutes.list_people, answers.AllPeople),
    _post("/api/people", PeopleRoutes.add_person, answers.Person, *(409, _AWAY), status=201),
    _put("/api/people/{id}", PeopleRoutes.change_person, answers.Person, 404, _AWAY),
    _get("/api/tokens", PeopleRoutes.list_tokens, answers.Tokens),
    _post("/api/tokens", PeopleRoutes.add_token, answers.MadeToken, *(404, _AWAY), status=201),
    _delete("/api/tokens/{id}", PeopleRoutes.revoke_token, answers.Token, 404, _AWAY),
)

ROUTES = with_roles((*_INCIDENTS, *_DESK, *_CALLS, *_TEXTS, *_OPERATORS, *_CITY, *_PEOPLE, *_LINE))
"""All of them; incidents first, as the document has them."""
