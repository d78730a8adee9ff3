"""Makes the API's OpenAPI 3.1 document out of its routes and their types."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from ngalam112 import __version__
from ngalam112.api import answers
from ngalam112.api.queries import Answer
from ngalam112.api.routes import Route

DOCUMENT_PATH = "/api/openapi.json"

_ABOUT = """\
What the engine of an emergency line (112) knows, and what can be done with it. Everything but \
`/healthz` needs a token: the line's own, or that of a person, whose role has to be the least \
one of the operation (`x-least-role`) or one behind it: read_only, operator, supervisor, \
administrator. A request that cannot be done changes nothing, and is answered with one sentence \
(`Error`). Fields may be added to answers; whoever reads passes over those that it does not know. \
Parameters and fields of requests that the line does not know are refused.\
"""
_REFUSED = {
    400: "What was asked for cannot be understood, or is not possible; the sentence says why.",
    401: "The token is missing, wrong, expired or revoked.",
    403: "The role of whose token it is does not allow it; the sentence says which does.",
    404: "There is no such thing.",
    408: "The body did not come in time.",
    409: "It cannot be done as things are now, or the name stands for several.",
    429: "Too many wrong tokens came from this address; a right one is answered all the same.",
    500: "A fault of ours; the engine's log tells which.",
    503: "The database is away; the line serves calls, and this can be asked again later.",
}
_ALWAYS = (400, 401, 403, 408, 429, 500)
_OF_TOKENS = {401, 403, 429}
_TEMPLATE = "#/components/schemas/{name}"


class Document:
    """Serves the document; it is made once, in a thread, when somebody asks for it."""

    def __init__(self, routes: Sequence[Route]) -> None:
        self._routes, self._made = routes, asyncio.Lock()
        self._document: Answer | None = None

    async def openapi(self) -> Answer:
        """This document."""
        async with self._made:
            if self._document is None:
                self._document = await asyncio.to_thread(document, self._routes)
            return self._document


def document(routes: Sequence[Route]) -> Answer:
    """Return the document of these routes, as JSON has it."""
    asked = {one.query for one in routes}
    told = _types(routes)
    schemas, components = msgspec.json.schema_components([*told, *asked], ref_template=_TEMPLATE)
    schema_of = dict(zip([*told, *asked], schemas, strict=True))
    # parameters are told one by one; their types as wholes are in nobody's way
    fields = {one: components.pop(schema_of[one]["$ref"].rpartition("/")[2]) for one in asked}
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        at = paths.setdefault(route.path, {})
        at[route.method.lower()] = _operation(route, schema_of, fields[route.query])
    return {
        "openapi": "3.1.0",
        "info": {"title": "Ngalam 112", "version": __version__, "description": _ABOUT},
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "schemas": _in_paragraphs(dict(sorted(components.items()))),
            "responses": _all_refusals(schema_of[answers.Error]),
            "securitySchemes": {
                "token": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "A person's token (`ngalam112 token create`); the line's own "
                    "processes have `api_token` of `secrets.json` in the state folder.",
                }
            },
        },
    }


def _types(routes: Iterable[Route]) -> list[Any]:
    found: dict[Any, None] = {answers.Error: None}
    for route in routes:
        for one in (route.answer, *route.also.values(), route.body):
            if one is not None:
                found[one] = None
    return list(found)


def _operation(route: Route, schema_of: dict[Any, Any], fields: dict[str, Any]) -> dict[str, Any]:
    known = {**_answers(route, schema_of), **_refusals(route)}
    made: dict[str, Any] = {
        "operationId": _id(route),
        "tags": [_tag(route)],
        "summary": route.summary,
        "parameters": _parameters(route, fields),
        "responses": {str(status): known[status] for status in sorted(known)},
    }
    if route.details:
        made["description"] = route.details
    if route.body is not None:
        needed = any(one.required for one in msgspec.structs.fields(route.body))
        made["requestBody"] = {
            "required": needed,
            "content": {"application/json": {"schema": schema_of[route.body]}},
        }
    if route.open_to_all:
        made["security"] = []
    elif route.least is not None:
        made["x-least-role"] = route.least.value
    return {name: value for name, value in made.items() if value or name == "security"}


def _answers(route: Route, schema_of: dict[Any, Any]) -> dict[int, Any]:
    if route.answer is None:
        content: dict[str, Any] = {"text/plain": {"schema": {"type": "string"}}}
        return {route.status: {"description": "As text.", "content": content}}
    if route.events:
        content = {"text/event-stream": {"schema": _event(schema_of[route.answer])}}
        return {route.status: {"description": "Events, without an end.", "content": content}}
    all_of = {route.status: route.answer, **route.also}
    return {
        status: {
            "description": "Done." if status < 400 else "Not all is well.",
            "content": {"application/json": {"schema": schema_of[kind]}},
        }
        for status, kind in all_of.items()
    }


def _event(data: Any) -> dict[str, Any]:
    """The schema of one server-sent event, whose data is JSON."""
    text = {"type": "string"}
    kept = {**text, "contentMediaType": "application/json", "contentSchema": data}
    properties = {"id": text, "event": text, "data": kept}
    return {"type": "object", "required": list(properties), "properties": properties}


def _refusals(route: Route) -> dict[int, Any]:
    statuses = {*_ALWAYS, *route.errors} - (_OF_TOKENS if route.open_to_all else set())
    return {one: {"$ref": f"#/components/responses/Refused{one}"} for one in statuses}


def _all_refusals(error: Any) -> dict[str, Any]:
    content = {"application/json": {"schema": error}}
    return {
        f"Refused{status}": {"description": says, "content": content}
        for status, says in _REFUSED.items()
    }


def _parameters(route: Route, fields: dict[str, Any]) -> list[dict[str, Any]]:
    of_path = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in route.parts
    ]
    needed = fields.get("required", ())
    of_query = [
        {"name": name, "in": "query", "required": name in needed, **_given(schema)}
        for name, schema in fields.get("properties", {}).items()
        if name not in route.parts
    ]
    return [*of_path, *of_query]


def _given(schema: dict[str, Any]) -> dict[str, Any]:
    """Return what says of a parameter what it is where it is given: a text is never null."""
    kinds = [one for one in schema.get("anyOf", ()) if one != {"type": "null"}]
    if len(kinds) == 1:
        schema = kinds[0]
    says = schema.get("description")
    told = {name: value for name, value in schema.items() if name != "description"}
    return {"schema": told} | ({"description": says} if says else {})


def _in_paragraphs(schemas: dict[str, Any]) -> dict[str, Any]:
    """Return the schemas with descriptions that are not broken into lines as the code's are."""
    for schema in schemas.values():
        if "description" in schema:
            pieces = inspect.cleandoc(schema["description"]).split("\n\n")
            schema["description"] = "\n\n".join(" ".join(one.split()) for one in pieces)
    return schemas


def _tag(route: Route) -> str:
    pieces = [one for one in route.path.split("/") if one]
    return pieces[1] if pieces[0] == "api" else "watching"


def _id(route: Route) -> str:
    """What a generated client calls it: `post_incidents_id_move`."""
    pieces = [one.strip("{}") for one in route.path.split("/") if one not in ("", "api")]
    return "_".join([route.method.lower(), *pieces]).replace(".", "_")
