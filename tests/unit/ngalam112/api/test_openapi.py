"""The API's document: made of the routes and their types, and a valid OpenAPI 3.1 document."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from ngalam112.accounts.people import Role
from ngalam112.api.openapi import document
from ngalam112.api.routes import Route
from ngalam112.api.table import ROUTES


@pytest.fixture(scope="module")
def told() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(msgspec.json.encode(document(ROUTES)))
    return found


def operations(told: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {
        f"{method.upper()} {path}": operation
        for path, methods in told["paths"].items()
        for method, operation in methods.items()
    }


def test_it_is_a_valid_document(told: dict[str, Any]) -> None:
    errors = [str(one) for one in OpenAPIV31SpecValidator(told).iter_errors()]
    assert errors == []
    assert told["openapi"] == "3.1.0"


def test_each_route_has_an_entry_with_a_sentence_and_a_name_of_its_own(
    told: dict[str, Any],
) -> None:
    found = operations(told)
    assert list(found) == list(dict.fromkeys(found)) and len(found) == len(ROUTES)
    assert set(found) == {f"{one.method} {one.path}" for one in ROUTES}
    assert len({one["operationId"] for one in found.values()}) == len(ROUTES)
    for name, one in found.items():
        assert one["summary"].endswith(".") and one["summary"][0].isupper(), name


@pytest.mark.parametrize("route", ROUTES, ids=lambda one: f"{one.method} {one.path}")
def test_a_handler_takes_the_parts_of_its_path(route: Route) -> None:
    given = {*route.hints} - {"return", "body", "query", "database", "settings", "asked", "asker"}
    if route.turn is not None:
        given = {one.name for one in msgspec.structs.fields(route.query)} & {*route.parts}
    assert given == {*route.parts}


def test_whatever_can_be_refused_is_one_type(told: dict[str, Any]) -> None:
    for name, one in operations(told).items():
        for status, answer in one["responses"].items():
            ref = answer.get("$ref", "").rpartition("/")[2]
            answer = told["components"]["responses"].get(ref, answer)
            schema = answer.get("content", {}).get("application/json", {}).get("schema", {})
            if int(status) >= 400 and name != "GET /healthz":
                assert schema == {"$ref": "#/components/schemas/Error"}, (name, status)
    assert told["components"]["schemas"]["Error"]["required"] == ["error"]


def test_only_who_watches_needs_no_token(told: dict[str, Any]) -> None:
    assert told["security"] == [{"token": []}]
    free = {name for name, one in operations(told).items() if one.get("security") == []}
    assert free == {"GET /healthz"}
    for name, one in operations(told).items():
        assert ("401" in one["responses"]) == (name not in free)


def test_parameters_and_bodies_are_those_of_the_handlers_types(told: dict[str, Any]) -> None:
    found = operations(told)
    listed = {one["name"]: one for one in found["GET /api/incidents"]["parameters"]}
    assert set(listed) == {
        "from",
        "to",
        "which",
        "class",
        "category",
        "caller",
        "text",
        "limit",
        "before",
    }
    limit = {"type": "integer", "minimum": 1, "maximum": 10_000, "default": 100}
    assert listed["limit"]["schema"] == limit and listed["limit"]["description"]
    assert listed["from"]["schema"]["type"] == "string", "a parameter is a text, or is not there"
    assert "not_coded" in listed["which"]["schema"]["enum"]
    (part,) = found["GET /api/incidents/{id}"]["parameters"]
    assert (part["name"], part["in"], part["required"]) == ("id", "path", True)
    body = found["POST /api/incidents"]["requestBody"]
    ref = body["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
    schema = told["components"]["schemas"][ref]
    assert body["required"] and schema["required"] == ["description"]
    assert schema["additionalProperties"] is False


def test_a_moment_is_a_text_in_every_answer(told: dict[str, Any]) -> None:
    call = told["components"]["schemas"]["Call"]["properties"]
    assert call["arrived_at"]["format"] == "date-time"
    ended = call["ended_at"]["anyOf"]
    assert {"type": "null"} in ended and any(one.get("format") == "date-time" for one in ended)
    assert call["wait_ms"]["anyOf"] == [{"type": "integer"}, {"type": "null"}]


def test_no_name_is_one_of_the_codes_own(told: dict[str, Any]) -> None:
    for name in told["components"]["schemas"]:
        assert name.isidentifier() and name[0].isupper(), name


def test_it_says_who_may_ask(told: dict[str, Any]) -> None:
    assert told["security"] == [{"token": []}]
    scheme = told["components"]["securitySchemes"]["token"]
    assert (scheme["type"], scheme["scheme"]) == ("http", "bearer")
    for name, one in operations(told).items():
        if name == "GET /healthz":
            assert one["security"] == [] and not {"401", "403", "429"} & set(one["responses"])
        else:
            assert one["x-least-role"] in [role.value for role in Role], name
            assert {"401", "403", "429"} <= set(one["responses"]), name
