"""Who asks for a number gets its state or an operator, whatever fails; and nothing waits for it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from acd.texts.ports import Received
from incidents.dispatch import Dispatch
from incidents.incident import Contact, Incident
from incidents.states import IncidentClass
from ivr.status_dialogue import Found
from ngalam112.api import status_questions
from ngalam112.api.status_questions import MOST_A_DAY, MOST_WITHHELD, MOST_WRONG, StatusQuestions
from reports.errors import NoSuchIncident

NOW = 1_795_000_000.0  # November 2026
MINE, OTHER = "08123456789", "08999999999"


class Engine:
    """What the questions see of an engine. `faults`: what its writer raises, one by one."""

    def __init__(self) -> None:
        self.told: list[tuple[str, Found]] = []
        self.faults: list[Exception] = []
        self.settings = SimpleNamespace(country="ID", timezone="Asia/Jakarta")
        self.reception = SimpleNamespace(found=self._found, look_up=None)
        intake = SimpleNamespace(is_open=lambda one: False)
        self.text_service: Any = SimpleNamespace(intake=intake)
        texts = SimpleNamespace(sender_of=lambda number, address: number)
        self.router = SimpleNamespace(texts=texts)
        self.agencies = SimpleNamespace(by_id={})
        self.clock = SimpleNamespace(now=lambda: NOW)
        self.inbox = SimpleNamespace(post=lambda do: do.act(NOW))

    def _found(self, call: Any, found: Found, now: float) -> None:
        self.told.append((call.id, found))

    async def do(self, act: Callable[[float], Any]) -> Any:
        if self.faults:
            raise self.faults.pop(0)
        return act(NOW)


class Lookup:
    """The incidents that there are. `slow`: seconds each look takes; `looks`: for what."""

    def __init__(self, *incidents: Incident, slow: float = 0.0) -> None:
        self.incidents, self.slow, self.looks = incidents, slow, list[str]()

    async def find(self, number: str) -> Incident:
        self.looks.append(number)
        await asyncio.sleep(self.slow)
        for one in self.incidents:
            if one.number == number:
                return one
        raise NoSuchIncident(number)

    async def exactly(self, incident_id: str) -> Incident | None:
        return next((one for one in self.incidents if one.id == incident_id), None)

    async def dispatches(self, incident: Incident) -> list[Dispatch]:
        return []


def a_complaint(number: str = "2026-000123", **changes: Any) -> Incident:
    changes = {"incident_class": IncidentClass.COMPLAINT} | changes
    return Incident(id=number, number=number, contacts=[Contact(number=MINE)], **changes)


def questions(*incidents: Incident, slow: float = 0.0) -> tuple[StatusQuestions, Engine, Lookup]:
    engine, lookup = Engine(), Lookup(*incidents, slow=slow)
    made: Any = StatusQuestions(engine, lookup)  # type: ignore[arg-type]
    return made, engine, lookup


def a_call(id: str = "c1", number: str = MINE, *, withheld: bool = False) -> Any:
    record = SimpleNamespace(caller_number=number, withheld=withheld, language="id")
    return SimpleNamespace(id=id, record=record)


async def ask(asked: StatusQuestions, engine: Engine, call: Any, digits: str) -> Found:
    """What a caller hears who has typed digits."""
    before = len(engine.told)
    engine.reception.look_up(call, digits)
    running = asyncio.create_task(asked.run())
    async with asyncio.timeout(5):
        while len(engine.told) == before:
            assert not running.done(), running
            await asyncio.sleep(0)
    running.cancel()
    return engine.told[-1][1]


def texts(*bodies: str, number: str = MINE) -> list[Received]:
    return [
        Received(id=f"m{at}", at=NOW, number=number, body=body, size=len(body))
        for at, body in enumerate(bodies)
    ]


async def test_one_question_s_trouble_ends_nothing_and_its_caller_gets_an_operator() -> None:
    asked, engine, _ = questions(a_complaint())
    engine.faults = [RuntimeError("a fault of ours")]
    assert await ask(asked, engine, a_call(), "2026123") == Found(failed=True)
    assert (await ask(asked, engine, a_call("c2"), "2026123")).prompts
    assert [call for call, _ in engine.told] == ["c1", "c2"]


async def test_all_messages_of_a_reading_have_one_limit_and_the_first_time_out_ends_the_asking(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(status_questions, "TEXTS_WITHIN_S", 0.05)
    asked, _, lookup = questions(a_complaint(), slow=30.0)
    began = time.monotonic()
    assert await asked.answers(texts(*["STATUS 2026-123"] * 5)) == {}
    assert time.monotonic() - began < 2.0 and lookup.looks == ["2026-000123"]


async def test_what_was_found_in_time_is_answered() -> None:
    asked, engine, _ = questions(a_complaint())
    assert set(await asked.answers(texts("STATUS 2026-123", "tolong"))) == {"m0"}
    assert [engine.text_service.asks(one) for one in texts("STATUS 1", "tolong")] == [True, False]


async def test_a_short_number_means_the_caller_s_own_incident_and_else_nobody_s_is_guessed() -> (
    None
):
    short, long = a_complaint("2026-000001"), a_complaint("2026-020261")
    short.contacts = []
    asked, engine, _ = questions(short, long)
    found = await asked.find("20261", MINE)
    assert found is not None and (found.number, found.is_contact) == (long.number, True)
    assert await ask(asked, engine, a_call(number=OTHER), "20261") == Found(failed=True)
    assert await asked.answers(texts("STATUS 20261", number=OTHER)) == {}


async def test_an_emergency_is_no_such_number_for_others() -> None:
    asked, engine, _ = questions(a_complaint(incident_class=IncidentClass.EMERGENCY))
    assert await ask(asked, engine, a_call(number=OTHER), "2026123") == Found()
    assert (await ask(asked, engine, a_call(), "2026123")).prompts


@pytest.mark.parametrize(
    ("number", "typed", "most"),
    [
        (OTHER, "2026123", MOST_A_DAY),
        (OTHER, "2026999", MOST_WRONG),
        ("", "2026999", MOST_WITHHELD),
    ],
)
async def test_a_caller_asks_so_often_and_gets_an_operator_then(
    number: str, typed: str, most: int
) -> None:
    asked, engine, lookup = questions(a_complaint())
    call = a_call(number=number, withheld=not number)
    for _ in range(most):
        assert not (await ask(asked, engine, call, typed)).failed
    looks = len(lookup.looks)
    assert await ask(asked, engine, call, typed) == Found(failed=True)
    assert len(lookup.looks) == looks, "nothing is looked up"
    assert not (await ask(asked, engine, a_call(), typed)).failed, "others may ask"
