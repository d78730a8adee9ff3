"""Each change of what an operator has chosen and does is a row, and only one module makes it."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import pytest
from factories import LineDesk, a_channel, a_leg, an_operator
from fakes import FakeJournal
from text_desk import TextDesk

from acd.operators.changes import OPERATOR_STATES, OperatorChanges
from acd.operators.states import State
from ngalam112.config.settings import PROJECT
from pbx.ari_types import ChannelDestroyed, StasisEnd

WRITTEN = {"status", "pause_reason", "phone", "state", "call", "text"}
OTHERS = {
    *("record", "conversation.record", "self.record", "message"),  # calls, conversations, messages
    *("item", "work.item", "other", "self", "Xml.SubElement(element, name)"),
}
"""What else has such a name, by how the code calls it; none of them is an operator."""


def rows(desk: LineDesk, operator: str = "1001") -> list[dict[str, Any]]:
    """What was kept of an operator, in order."""
    found = desk.journal.tables.get(OPERATOR_STATES, {})
    return [found[id] for id in sorted(found) if found[id]["operator"] == operator]


def told(desk: LineDesk, *names: str) -> list[tuple[Any, ...]]:
    return [tuple(row[name] for name in names) for row in rows(desk)]


def hang_up(desk: LineDesk, leg: str, now: float) -> None:
    desk.handle(ChannelDestroyed(a_channel(leg), 16), StasisEnd(a_channel("c1")), now=now)


def test_an_answered_call_is_kept_from_state_to_state_with_its_call() -> None:
    desk = LineDesk(operators=1, wrap_up_s=10.0)
    call = desk.citizen_talks(now=110.0)
    hang_up(desk, call.leg or "", 130.0)
    desk.timers.fire(140.0)
    assert told(desk, "at", "status", "state", "call_id") == [
        (101.0, "ready", "offered", call.id),
        (110.0, "ready", "talking", call.id),
        (130.0, "ready", "wrap_up", ""),
        (140.0, "ready", "idle", ""),
    ]


def test_an_offer_that_is_missed_ends_when_it_does_and_not_when_idling_began() -> None:
    desk = LineDesk(operators=1)
    call = desk.citizen()
    desk.press("2")
    desk.handle(StasisEnd(a_channel(call.channel)), now=107.0)
    assert told(desk, "at", "state") == [(101.0, "offered"), (107.0, "idle")]
    assert desk.operator().idle_since == 1.0


def test_what_operators_choose_is_kept_with_phone_and_reason() -> None:
    desk = LineDesk(operators=1)
    roster = desk.roster
    roster.logout("1001", 50.0)
    roster.login("1001", "101", 60.0)
    roster.pause("1001", "lunch", 70.0)
    roster.pause("1001", "prayer", 75.0)
    roster.ready("1001", 80.0)
    assert told(desk, "at", "status", "phone", "pause_reason") == [
        (50.0, "logged_out", None, None),
        (60.0, "ready", "101", None),
        (70.0, "paused", "101", "lunch"),
        (75.0, "paused", "101", "prayer"),
        (80.0, "ready", "101", None),
    ]


def test_what_changes_nothing_keeps_nothing() -> None:
    desk = LineDesk(operators=1)
    desk.roster.login("1001", "101", 50.0)
    desk.roster.ready("1001", 51.0)
    desk.roster.idle(desk.operator(), 52.0)
    desk.roster.changes.give_text(desk.operator(), None, 53.0)
    assert rows(desk) == []
    assert desk.journal.rows["1001"]["idle_since"] == 52.0, "but fairness is kept"


def test_another_call_in_the_same_state_is_a_change() -> None:
    desk = LineDesk(operators=1)
    for call in ("first", "second", "second"):
        desk.roster.changes.move(desk.operator(), State.CALLING, call, 50.0)
    assert told(desk, "state", "call_id") == [("calling", "first"), ("calling", "second")]


def test_who_is_done_with_something_is_idle_from_now_on_and_fair_as_before() -> None:
    desk = LineDesk(operators=1)
    desk.roster.changes.move(desk.operator(), State.CALLING, "own", 50.0)
    desk.roster.free("1001", "own", 90.0)
    assert told(desk, "at", "state") == [(50.0, "calling"), (90.0, "idle")]
    assert desk.operator().idle_since == 1.0


def test_a_text_conversation_is_kept_beside_what_the_calls_tell() -> None:
    desk = TextDesk()
    conversation = desk.has()
    kept = [(row["text_id"], row["state"]) for row in rows(desk)]
    assert kept[-1] == (conversation.id, "idle")
    desk.phone_writes("0812", "*17", now=120.0)
    assert told(desk, "at", "text_id")[-1] == (120.0, None)


def test_changes_of_one_moment_stay_in_their_order() -> None:
    journal = FakeJournal()
    changes, one = OperatorChanges(journal), an_operator()
    for state in (State.OFFERED, State.TALKING, State.WRAP_UP, State.IDLE) * 5:
        changes.move(one, state, None, 100.0)
    ids = sorted(journal.tables[OPERATOR_STATES])
    assert [journal.tables[OPERATOR_STATES][id]["state"] for id in ids][-2:] == ["wrap_up", "idle"]
    assert len(ids) == 20


@pytest.mark.parametrize("talks_on", [True, False])
def test_what_a_dead_engine_kept_goes_on_or_is_closed_by_the_next_one(talks_on: bool) -> None:
    desk = LineDesk(operators=1)
    call = desk.citizen_talks(now=110.0)
    leg = call.leg or ""
    after = desk.next_engine(200.0)
    live = (a_leg(), a_leg(leg, citizen=False)) if talks_on else ()
    after.restore_calls(*live, bridges={call.bridge or "": ["c1", leg]}, now=200.0)
    after.roster.changes.restate(after.roster.operators.values(), 200.0)
    last = rows(after)[-1]
    state, whose = ("talking", call.id) if talks_on else ("idle", "")
    assert (last["at"], last["state"], last["call_id"]) == (200.0, state, whose)
    assert {row["at"] for row in rows(after)} == {200.0}
    assert min(row["id"] for row in rows(after)) > max(row["id"] for row in rows(desk))


def others_that_write(file: Path) -> set[str]:
    """What has one of the operators' fields assigned in a file, but for what is known."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        targets = node.targets if isinstance(node, ast.Assign) else []
        targets += [node.target] if isinstance(node, ast.AugAssign | ast.AnnAssign) else []
        flat = [one for target in targets for one in getattr(target, "elts", [target])]
        found |= {
            ast.unparse(one)
            for one in flat
            if isinstance(one, ast.Attribute)
            and one.attr in WRITTEN
            and ast.unparse(one.value) not in OTHERS
        }
    return found


def test_only_one_module_writes_what_an_operator_has_chosen_and_does() -> None:
    rooms = [PROJECT / room for room in ("acd", "ivr", "ngalam112")]
    files = [file for room in rooms for file in room.rglob("*.py")]
    found = {str(file.relative_to(PROJECT)): others_that_write(file) for file in files}
    assert {file: some for file, some in found.items() if some} == {
        "acd/operators/changes.py": {f"one.{name}" for name in WRITTEN}
    }
