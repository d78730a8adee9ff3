"""A citizen's way through the menu ends with an operator, in time, whatever is pressed or fails."""

from __future__ import annotations

import pytest
from factories import OFTEN, THE_MENU
from hypothesis import given
from hypothesis import strategies as st

from acd.calls.record import CategorySource
from acd.rules.rules import Category
from ivr.menu import Key, Menu, MenuTree
from ivr.session import (
    LONGEST_INFORMATION_S,
    Action,
    Digit,
    Done,
    Event,
    Heard,
    Inform,
    Listen,
    Phase,
    Play,
    PromptEnded,
    Session,
    Started,
    Tick,
    begin,
    step,
)

ARRIVED = 100.0
ENDED, FAILED, HEARD = PromptEnded(), PromptEnded(failed=True), Heard()
SOURCE = CategorySource
LOOP = MenuTree(
    start="a",
    menus={
        "a": Menu("pa", "ra", "x", {"1": Key(menu="b"), "2": Key(category="y")}, tries=9),
        "b": Menu("pb", "rb", "y", {"1": Key(menu="a"), "9": Key(None, "x", "info")}, tries=9),
    },
    categories={"x": Category("X"), "y": Category("Y")},
    limit_s=3.0,
)
TREES = st.sampled_from([THE_MENU, LOOP])
EVENTS = st.lists(
    st.tuples(
        st.sampled_from("0123456789*#").map(Digit)
        | st.sampled_from([ENDED, FAILED, HEARD, Tick()]),
        st.floats(min_value=0.0, max_value=4.0),
    ),
    max_size=40,
)


def walk(tree: MenuTree, *events: Event | float) -> tuple[Session, list[Action], float]:
    """Let events happen; a number lets so many seconds go by. Returns all actions."""
    session, done, now = begin(tree, ARRIVED), list[Action](), ARRIVED
    for event in (Started(), *events):
        if isinstance(event, float):
            now += event
        else:
            session, actions = step(tree, session, event, now)
            done += actions
    return session, done, now


def ticking(
    tree: MenuTree, events: list[tuple[Event, float]]
) -> list[tuple[float, Session, list[Action]]]:
    """As `walk`, with a Tick whenever one is due, as the reception arranges it."""
    session, now = begin(tree, ARRIVED), ARRIVED
    seen: list[tuple[float, Session, list[Action]]] = []
    for event, pause in [(Started(), 0.0), *events, (Tick(), 1e6)]:
        then = now + pause
        while session.phase is not Phase.DONE and seen and session.due <= then:
            now = max(now, session.due)
            session, actions = step(tree, session, Tick(), now)
            seen.append((now, session, actions))
        now = then
        session, actions = step(tree, session, event, now)
        seen.append((now, session, actions))
    return seen


@OFTEN
@given(TREES, EVENTS)
def test_every_session_ends_just_once_with_an_operator(
    tree: MenuTree, events: list[tuple[Event, float]]
) -> None:
    seen = ticking(tree, events)
    ends = [one for _, _, actions in seen for one in actions if isinstance(one, Done)]
    assert len(ends) == 1
    assert ends[0].category in tree.categories
    assert seen[-1][1].phase is Phase.DONE


@OFTEN
@given(TREES, EVENTS)
def test_the_menu_never_lasts_longer_than_its_limit(
    tree: MenuTree, events: list[tuple[Event, float]]
) -> None:
    informed = False
    for now, _, actions in ticking(tree, events):
        for action in actions:
            if isinstance(action, Play):
                assert now < ARRIVED + tree.limit_s
            elif not informed:
                assert now <= ARRIVED + tree.limit_s
            informed = informed or isinstance(action, Inform)


@OFTEN
@given(TREES, EVENTS)
def test_who_is_not_done_waits_for_a_time_that_is_in_bounds(
    tree: MenuTree, events: list[tuple[Event, float]]
) -> None:
    for now, session, _ in ticking(tree, events):
        if session.phase is Phase.INFORMATION:
            assert session.due <= now + LONGEST_INFORMATION_S
        elif session.phase is not Phase.DONE:
            assert session.due <= ARRIVED + tree.limit_s


@OFTEN
@given(TREES, EVENTS)
def test_every_event_leads_to_one_thing_at_most_and_a_category_once_known_stays(
    tree: MenuTree, events: list[tuple[Event, float]]
) -> None:
    known = None
    for _, _, actions in ticking(tree, events):
        assert len(actions) <= 1
        for action in actions:
            if isinstance(action, Inform):
                known = action.category
            elif isinstance(action, Done) and tree is THE_MENU:
                assert known in (None, action.category)


@pytest.mark.parametrize(
    ("digit", "category"), [("2", "police"), ("3", "fire"), ("4", "power"), ("0", "general")]
)
@pytest.mark.parametrize("before", [(), (4.0, ENDED, 1.0)], ids=["in the prompt", "after it"])
def test_a_digit_is_obeyed_at_once(digit: str, category: str, before: tuple[Event]) -> None:
    session, actions, _ = walk(THE_MENU, *before, Digit(digit))
    assert [one for one in actions[1:] if one != Listen()] == [Done(category, SOURCE.MENU)]
    assert session.phase is Phase.DONE


@pytest.mark.parametrize(
    ("events", "done"),
    [
        ((5.0, ENDED, 2.0, Tick()), Done("general", SOURCE.SILENCE, silent=True)),
        ((5.0, ENDED, 1.0, HEARD, 1.0, Tick()), Done("general", SOURCE.SILENCE)),
        ((9.6, ENDED, 1.9, Tick()), Done("general", SOURCE.SILENCE)),
        ((5.0, ENDED, Digit("7"), 4.0, ENDED, 2.0, Tick()), Done("general", SOURCE.INVALID)),
        ((11.5, Tick()), Done("general", SOURCE.SILENCE)),
        ((FAILED,), Done("general", SOURCE.NONE)),
        ((Digit("7"), Digit("8")), Done("general", SOURCE.INVALID)),
        ((Digit("7"), 4.0, ENDED, 2.0, Tick()), Done("general", SOURCE.INVALID)),
        ((Digit("7"), FAILED), Done("general", SOURCE.NONE)),
        ((Digit("7"), Digit("3")), Done("fire", SOURCE.MENU)),
        ((Digit("1"), Digit("0")), Done("covid", SOURCE.MENU)),
        ((Digit("1"), Digit("9")), Done("covid", SOURCE.MENU)),
        ((Digit("1"), 3.0, ENDED, 2.0, Tick()), Done("covid", SOURCE.MENU)),
        ((Digit("1"), FAILED), Done("covid", SOURCE.MENU)),
        ((12.0, Digit("1")), Done("covid", SOURCE.MENU)),
    ],
    ids=[
        "silence",
        "heard",
        "silence too short to tell",
        "a wrong key and silence after the prompt",
        "a prompt that never ends",
        "a prompt that cannot be played",
        "wrong twice",
        "wrong, then silence",
        "wrong, then trouble",
        "wrong, then right",
        "covid, operator",
        "covid, wrong",
        "covid, silence",
        "covid, trouble",
        "covid, too late for another question",
    ],
)
def test_which_operator_a_way_through_the_menu_leads_to(
    events: tuple[Event | float, ...], done: Done
) -> None:
    assert walk(THE_MENU, *events)[1][-1] == done


def test_a_wrong_key_asks_again_and_a_tick_too_early_changes_nothing() -> None:
    session, actions, now = walk(THE_MENU, Digit("7"), 1.0, Tick())
    assert actions == [Play("menu"), Play("menu_retry")]
    assert (session.wrong, session.phase, session.due > now) == (1, Phase.PROMPT, True)


@pytest.mark.parametrize("event", [Digit("5"), Digit("1"), ENDED, FAILED, Tick()], ids=repr)
def test_recorded_information_ends_with_an_operator_whatever_ends_it(event: Event) -> None:
    session, actions, _ = walk(THE_MENU, Digit("1"), Digit("1"), 60.0, event)
    assert actions[2:] == [
        Inform("info_covid", "covid", SOURCE.MENU),
        Done("covid", SOURCE.MENU),
    ]
    assert session.phase is Phase.DONE


def test_a_call_that_comes_too_late_for_the_menu_gets_an_operator_and_no_prompt() -> None:
    _, actions = step(THE_MENU, begin(THE_MENU, ARRIVED), Started(), ARRIVED + 30)
    assert actions == [Done("general", SOURCE.SILENCE)]
