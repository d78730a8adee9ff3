"""The API asked with made-up values, by its own document, over a real socket.

Whatever is asked, it is answered as the document says, and never by a fault of ours.
"""

from __future__ import annotations

import asyncio
import json
import warnings
from pathlib import Path
from typing import Any

import pytest
from served import ServedEngine, a_record, an_engine, keep

with warnings.catch_warnings():  # of its own parts
    warnings.simplefilter("ignore")
    import schemathesis
    from schemathesis import GenerationMode
    from schemathesis.checks import not_a_server_error
    from schemathesis.specs.openapi.checks import (
        content_type_conformance,
        ignored_auth,
        negative_data_rejection,
        response_schema_conformance,
        status_code_conformance,
    )

from hypothesis import HealthCheck, given, seed, settings

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    negative_data_rejection,
    ignored_auth,
]
MADE_UP, NAMED = 4, 3
"""Requests of each route, about; and of those about one thing, as many that name one there is."""

LIVE = "GET /api/live"
"""Its answer goes on, but for who asks for so many events; what it refuses is in `test_live`."""

NOON = 1_776_056_400.0
THERE = {
    "/api/calls": "aa1",
    "/api/incidents": "2026-1",
    "/api/operators": "1001",
    "/api/phones": "102",
    "/api/agencies": "pmi",
    "/api/places": "0341366444",
}


async def with_something_in_it(served: ServedEngine) -> None:
    """One of everything, so that answers have rows."""
    await keep(served.database, a_record("aa1", NOON), a_record("aa2", NOON + 60))
    for number in ("101", "102"):
        await served.post("/api/phones", number=number)
    await served.post("/api/operators", id="1001", name="Sari", pin="654321", home_phone="101")
    await served.post("/api/operators/1001/login")
    await served.post("/api/incidents", description="Pohon tumbang")
    await served.post("/api/places", places=[{"number": "0341366444", "address": "Jalan Ijen 1"}])
    await served.citizen("c1")


def one_there(path: str) -> str | None:
    """What there is one of at this path."""
    at, _, _ = path.partition("/{")
    return THERE.get(at) if "{" in path else None


class Asking:
    """Asks all that a document has. `asked`: how many requests each route had."""

    def __init__(self, document: dict[str, Any], url: str, token: str) -> None:
        self._schema = schemathesis.openapi.from_dict(document)
        self._schema.config.update(base_url=url)
        self._headers = {"Authorization": f"Bearer {token}"}
        self.asked: dict[str, int] = {}

    def all(self) -> None:
        for result in self._schema.get_all_operations():
            operation = result.ok()
            if operation.label == LIVE:
                self._ask(operation.as_strategy(generation_mode=GenerationMode.POSITIVE), 1, None)
                continue
            self._ask(operation.as_strategy(), MADE_UP, None)
            if (name := one_there(operation.path)) is not None:
                positive = operation.as_strategy(generation_mode=GenerationMode.POSITIVE)
                self._ask(positive, NAMED, name)

    def _ask(self, cases: Any, most: int, name: str | None) -> None:
        @seed(112)
        @settings(
            max_examples=most,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        )
        @given(case=cases)
        def ask(case: Any) -> None:
            if name is not None:
                case.path_parameters = dict.fromkeys(case.path_parameters, name)
            label = case.operation.label
            if label == LIVE:
                case.query = {"events": 1}
            self.asked[label] = self.asked.get(label, 0) + 1
            # without Asterisk the line says by 503 that it is not well, which is its answer
            healthy = [one for one in CHECKS if one is not not_a_server_error]
            checks = healthy if label == "GET /healthz" else CHECKS
            case.call_and_validate(headers=self._headers, checks=checks, timeout=20)

        ask()


@pytest.mark.filterwarnings("ignore")
async def test_whatever_is_asked_is_answered_as_the_document_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # it shows hundreds of wrong tokens, each of which is to be answered 401
    monkeypatch.setattr("ngalam112.api.askers.WRONG_TOKENS", 100_000)
    async with an_engine(tmp_path) as served:
        await with_something_in_it(served)
        port, token = served.settings.api_port, served.settings.secrets.api_token
        _, body = await served.raw("GET", "/api/openapi.json", token=token)
        document = json.loads(body)
        asking = Asking(document, f"http://127.0.0.1:{port}", token)
        await asyncio.to_thread(asking.all)
        # nothing that was asked has harmed the line
        assert served.engine.event_errors == 0
        assert served.journal.recorder.failing_since is None
    routes = sum(len(one) for one in document["paths"].values())
    assert len(asking.asked) == routes
