"""What counts as a look, and at what."""

from __future__ import annotations

from typing import Any

import pytest

from acd.numbers.caller import same_caller
from ngalam112.api.incident_queries import STORED as OF_INCIDENTS
from ngalam112.api.incident_queries import STORED_ONE as OF_ONE_INCIDENT
from ngalam112.api.queries import STORED, STORED_ONE
from ngalam112.api.text_queries import STORED as OF_TEXTS
from ngalam112.api.text_queries import STORED_ONE as OF_ONE_TEXT
from privacy.trail import Looked, changed_what, looked_at

NOBODYS = {"/api/summary", "/api/operators", "/api/phones", "/api/status"}


def seen(path: str, params: dict[str, str] | None = None, answer: Any = None) -> Any:
    return looked_at(path, params or {}, answer or {}, same_caller)


@pytest.mark.parametrize(
    ("path", "answer", "looked"),
    [
        ("/api/calls/{id}", {"call": {"call_id": "c1"}}, (Looked.CALL, "c1")),
        ("/api/incidents/{id}", {"incident": {"id": "i1"}}, (Looked.INCIDENT, "i1")),
        ("/api/texts/{id}", {"text": {"id": "t1"}}, (Looked.TEXT, "t1")),
        ("/api/callbacks/{id}", {"callback": {"id": "w1"}}, (Looked.CALLBACK, "w1")),
        ("/api/calls/{id}", {"call": None}, None),
        ("/api/calls", {}, (Looked.LIST, "calls")),
        ("/metrics", {}, None),
    ],
)
def test_the_answer_tells_what_was_looked_at(path: str, answer: Any, looked: Any) -> None:
    assert seen(path, answer=answer) == looked


def test_a_list_of_one_number_is_a_look_at_the_number_in_any_spelling() -> None:
    for path, name in (("/api/calls", "caller"), ("/api/places", "number")):
        assert seen(path, {name: "0812 3456 7890"}) == (Looked.NUMBER, "+6281234567890")
    assert seen("/api/calls", {"caller": "anonymous"}) == (Looked.LIST, "calls")


def test_every_question_about_citizens_leaves_a_trail() -> None:
    lists = {*STORED, *OF_INCIDENTS, *OF_TEXTS} - NOBODYS
    assert [path for path in lists if seen(path) is None] == []
    names = {"/api/calls": "call", "/api/callbacks": "callback", "/api/incidents": "incident"}
    names |= {"/api/texts": "text"}
    for path in (*STORED_ONE, *OF_ONE_INCIDENT, *OF_ONE_TEXT):
        answer = {names[path]: {"id": "x", "call_id": "x"}}
        assert seen(f"{path}/{{id}}", answer=answer) is not None


@pytest.mark.parametrize(
    ("path", "parts", "answer", "what"),
    [
        ("/api/operators/{id}/login", ["1001"], {"id": "1001"}, "1001"),
        ("/api/operators", [], {"id": "1001", "name": "Sari"}, "1001"),
        ("/api/phones", [], {"number": "101", "password": "x"}, "101"),
        ("/api/tokens", [], {"token": {"id": "ab12"}, "secret": "n112_x"}, "ab12"),
        ("/api/agencies", [], {"agencies": [{"id": "pmi"}, {"id": "pln"}]}, "pmi,pln"),
        ("/api/places/{number}", ["0341366444"], {"number": "0341366444"}, ""),
        ("/api/places", [], {"places": 3}, ""),
        ("/api/incidents", [], {}, ""),
    ],
)
def test_a_change_names_what_it_changed_and_no_more(
    path: str, parts: list[str], answer: Any, what: str
) -> None:
    assert changed_what(path, parts, answer) == what
