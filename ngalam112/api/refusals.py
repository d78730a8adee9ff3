"""How the API says no: one status and one sentence for each kind of error."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import structlog
from aiohttp import web

from acd.agencies.changes import AgencyError, NoSuchAgency
from acd.callbacks.by_hand import CallbackRefused, NoOpenCallback
from acd.callbacks.verifications import VerificationRefused
from acd.calls.monitor import MonitorRefused, NoSuchMonitor
from acd.config_file import NoSuchReason
from acd.feature_codes.dispositions import NoSuchDisposition
from acd.leaving import BeingErased
from acd.operators.roster import NoSuchOperator, NoSuchPhone, RosterError
from acd.queueing.notices import NoSuchNotice
from acd.supervision import NotWaiting
from acd.texts.ports import NoOpenText, TextError
from incidents.category_changes import CategoryError, NoSuchCategory
from incidents.errors import BadIncident, IncidentError
from models.database import DatabaseError
from ngalam112.accounts.admin import AdminError, AlreadyThere
from ngalam112.accounts.people import NoSuchPerson, PeopleError, PersonThere
from ngalam112.accounts.places import NoSuchPlace
from ngalam112.accounts.skills import WrongSkill
from ngalam112.alarms.alarm import AlarmError, NoSuchAlarm
from ngalam112.api.asked import Misunderstood
from ngalam112.api.askers import WITHIN_S, NotAllowed, NotKnown
from ngalam112.api.bodies import BadBody, reply
from ngalam112.api.live import LiveRefused
from ngalam112.api.time_ranges import TimeError
from ngalam112.config.notice_audio import NoticeError
from ngalam112.config.sounds import SoundError
from ngalam112.engine.recording_pauses import NotRecorded
from places.place import PlaceError
from reports.errors import (
    NoSuchCall,
    NoSuchCallback,
    NoSuchIncident,
    NoSuchText,
    ReportError,
    ReportFailed,
    SeveralCallbacks,
    SeveralCalls,
    SeveralIncidents,
    SeveralTexts,
)

log = structlog.get_logger("api")

LARGEST_BODY = 64 * 1024

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

# the first that fits counts, so kinds come before their base
_STATUS: tuple[tuple[type[Exception], int], ...] = (
    (NoSuchOperator, 404),
    (NoSuchPhone, 404),
    (NoSuchNotice, 404),
    (NoticeError, 400),
    (SoundError, 400),
    (RosterError, 409),
    (BeingErased, 409),
    (NoSuchMonitor, 404),
    (MonitorRefused, 409),
    (NotRecorded, 409),
    (LiveRefused, 409),
    (NoSuchAlarm, 404),
    (AlarmError, 409),
    (NotWaiting, 409),
    (NoOpenText, 404),
    (TextError, 409),
    (NoSuchCall, 404),
    (SeveralCalls, 409),
    (NoSuchCallback, 404),
    (SeveralCallbacks, 409),
    (NoOpenCallback, 404),
    (CallbackRefused, 409),
    (VerificationRefused, 409),
    (NoSuchIncident, 404),
    (SeveralIncidents, 409),
    (BadIncident, 400),
    (IncidentError, 409),
    (NoSuchText, 404),
    (SeveralTexts, 409),
    (ReportFailed, 503),
    (ReportError, 400),
    (NoSuchAgency, 404),
    (AgencyError, 400),
    (NoSuchCategory, 404),
    (CategoryError, 400),
    (NoSuchPlace, 404),
    (PlaceError, 400),
    (NoSuchPerson, 404),
    (PersonThere, 409),
    (PeopleError, 400),
    (AlreadyThere, 409),
    (AdminError, 400),
    (BadBody, 400),
    (NoSuchReason, 400),
    (NoSuchDisposition, 400),
    (WrongSkill, 400),
    (TimeError, 400),
    (Misunderstood, 400),
    (NotAllowed, 403),
    (DatabaseError, 503),
)


def kind_of(error: Exception) -> str:
    """Name the kind of an error that is refused with a sentence of its own; "" for any other."""
    return next((kind.__name__ for kind, _ in _STATUS if isinstance(error, kind)), "")


def known_error(kind: str, sentence: str) -> Exception | None:
    """Return the error of a kind that `kind_of` has named; None for any other."""
    return next((one(sentence) for one, _ in _STATUS if one.__name__ == kind), None)


def refusal(status: int, sentence: str) -> web.Response:
    """Answer with the status and what is wrong."""
    response = reply({"error": sentence}, status)
    if status == 401:
        response.headers["WWW-Authenticate"] = "Bearer"
    return response


@web.middleware
async def errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn whatever a handler raises into one sentence."""
    try:
        return await handler(request)
    except web.HTTPRequestEntityTooLarge:
        return refusal(400, f"The body is larger than {LARGEST_BODY // 1024} KiB.")
    except web.HTTPNotFound:
        return refusal(404, f"There is nothing at {request.path[:100]}.")
    except web.HTTPMethodNotAllowed as error:
        allowed = ", ".join(sorted(error.allowed_methods))
        sentence = f"{request.method[:20]} does not work at {request.path[:100]}; use {allowed}."
        response = refusal(405, sentence)
        response.headers["Allow"] = allowed
        return response
    except web.HTTPException as error:
        return refusal(error.status, f"The request cannot be used: {error.reason}.")
    except NotKnown as error:
        response = refusal(429 if error.waits else 401, str(error))
        if error.waits:
            response.headers["Retry-After"] = f"{WITHIN_S:.0f}"
        return response
    except Exception as error:
        for kind, status in _STATUS:
            if isinstance(error, kind):
                return refusal(status, str(error))
        log.exception("request_failed", method=request.method, path=request.path)
        return refusal(500, "The engine failed at this request; its log tells how.")
