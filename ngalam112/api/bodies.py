"""Reads what is posted, and writes what is answered: JSON both ways."""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec
from aiohttp import web

S = TypeVar("S", bound=msgspec.Struct)


class BadBody(ValueError):
    """The body of a request is not what was asked for; the message says why."""


class Nothing(msgspec.Struct, forbid_unknown_fields=True):
    """Nothing has to be said: an empty body, or `{}`."""


async def read_body(request: web.Request, kind: type[S]) -> S:
    """Read the body, which may be empty where nothing has to be said."""
    try:
        return msgspec.json.decode(await request.read() or b"{}", type=kind)
    except msgspec.ValidationError as error:
        raise BadBody(f"The body cannot be used: {error}.") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadBody(f"The body is no JSON: {error}.") from None


def reply(value: Any, status: int = 200) -> web.Response:
    """Return a value as a JSON response."""
    return json_response(msgspec.json.encode(value), status)


def json_response(body: bytes, status: int = 200) -> web.Response:
    """Return what is JSON already as a response."""
    return web.Response(body=body, status=status, content_type="application/json")
