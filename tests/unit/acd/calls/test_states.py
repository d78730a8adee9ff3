"""The tables of states: an illegal move raises and changes nothing; nothing goes around them."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from factories import LineDesk
from states_page import page

from acd.calls.states import (
    CALL_MOVES,
    LEG_MOVES,
    TRANSFER_MOVES,
    IllegalMove,
    LegStage,
    Stage,
    Step,
)
from acd.operators.changes import OPERATOR_STATES
from acd.operators.states import OPERATOR_MOVES, State
from acd.texts.states import MESSAGE_MOVES, TEXT_MOVES, MessageState, TextState
from acd.work_items.states import ITEM_MOVES, ItemState
from ngalam112.config.settings import PROJECT

KEPT = {"stage", "step", "state"}
MOVERS = {
    Path("acd/calls/call.py"): 3,
    Path("acd/operators/changes.py"): 2,
    Path("acd/texts/conversation.py"): 2,
    Path("acd/work_items/item.py"): 1,
    Path("ivr/agency_calls.py"): 1,
}


def test_every_stage_is_in_its_table() -> None:
    assert CALL_MOVES.keys() == set(Stage)
    assert LEG_MOVES.keys() == set(LegStage)
    assert TRANSFER_MOVES.keys() == set(Step)
    assert OPERATOR_MOVES.keys() == set(State)
    assert ITEM_MOVES.keys() == set(ItemState)
    assert TEXT_MOVES.keys() == set(TextState)
    assert MESSAGE_MOVES.keys() == set(MessageState)


def test_an_ended_call_goes_nowhere() -> None:
    call = LineDesk().citizen("c1")
    call.move(Stage.ENDED)
    for stage in set(Stage) - {Stage.ENDED}:
        with pytest.raises(IllegalMove, match=f"Stage ended cannot become {stage}"):
            call.move(stage)
    assert call.stage is Stage.ENDED


def test_an_illegal_move_of_an_operator_changes_neither_state_nor_call() -> None:
    desk = LineDesk(operators=1)
    one, changes = desk.operator("1001"), desk.roster.changes
    changes.move(one, State.WRAP_UP, None, 1.0)
    kept = dict(desk.journal.tables[OPERATOR_STATES])
    with pytest.raises(IllegalMove, match="wrap_up cannot become calling"):
        changes.move(one, State.CALLING, "own", 2.0)
    with pytest.raises(IllegalMove, match="wrap_up cannot become calling"):
        changes.move_with_row(one, State.CALLING, "own", 2.0)
    assert (one.state, one.call) == (State.WRAP_UP, None)
    assert desk.journal.tables[OPERATOR_STATES] == kept


def test_a_move_to_the_same_stage_is_legal() -> None:
    call = LineDesk().citizen("c1")
    call.move(call.stage)
    assert call.stage is Stage.MENU


def written(file: Path) -> int:
    """How often a stage, step or state of something is assigned in a file."""
    found = 0
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        targets = node.targets if isinstance(node, ast.Assign) else []
        flat = [one for target in targets for one in getattr(target, "elts", [target])]
        found += sum(isinstance(one, ast.Attribute) and one.attr in KEPT for one in flat)
    return found


def test_every_write_of_a_stage_goes_through_its_table() -> None:
    rooms = [PROJECT / room for room in ("acd", "ivr", "ngalam112/engine", "ngalam112/recovery")]
    files = [file for room in rooms for file in room.rglob("*.py")]
    found = {file.relative_to(PROJECT): written(file) for file in files}
    assert {file: count for file, count in found.items() if count} == MOVERS


def test_the_page_is_drawn_from_the_tables() -> None:
    kept = (PROJECT / "docs" / "states.md").read_text("utf-8")
    assert kept == page(), "make it again, as tests/harness/states_page.py says"
