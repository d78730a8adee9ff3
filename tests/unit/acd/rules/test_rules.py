"""What a category means for its calls, and whom a caller who calls again gets."""

from __future__ import annotations

import pytest
from factories import Desk

from acd.operators.states import State
from acd.rules.rules import Category, Ring, Rules

CATEGORIES = {
    "fire": Category("API", head_start_s=60.0, wrap_up_s=30.0),
    "covid": Category("COVID"),
}


def test_a_call_with_a_head_start_is_served_before_those_who_came_a_little_earlier() -> None:
    desk = Desk(categories=CATEGORIES)
    busy = desk.talking("busy", now=0.0)
    early = desk.queued("early", now=10.0, category="covid")
    late = desk.queued("late", now=80.0, category="covid")
    fire = desk.queued("fire", now=100.0, category="fire")
    assert list(desk.dispatcher.queue) == [early, fire, late]
    assert busy.stage == "talking"


def test_the_work_after_a_call_may_depend_on_its_category() -> None:
    desk = Desk(categories=CATEGORIES, wrap_up_s=10.0)
    call = desk.queued("c1", now=100.0, category="fire")
    desk.dispatcher.leg_answered(call.leg or "", 101.0)
    desk.dispatcher.connected(call.bridge or "", 101.0)
    desk.dispatcher.citizen_gone(call, 16, 110.0)
    assert desk.operator().state is State.WRAP_UP
    desk.timers.fire(139.9)
    assert desk.operator().state is State.WRAP_UP
    desk.timers.fire(140.0)
    assert desk.operator().state is State.IDLE
    assert desk.operator().talk_s == 9.0


@pytest.mark.parametrize(("after", "operator"), [(50.0, "1001"), (100.1, "1002")])
def test_who_calls_again_soon_gets_the_operator_of_before(after: float, operator: str) -> None:
    desk = Desk(operators=2, wrap_up_s=0.0, preferred_s=100.0)
    first = desk.talking("c1", now=100.0)
    assert first.operator == "1001"
    desk.dispatcher.citizen_gone(first, 16, 110.0)
    desk.dispatcher.leg_gone(next(iter(desk.dispatcher.operator_legs._phone_of_leg)), 16, 110.0)
    again = desk.queued("c2", now=110.0 + after)
    assert again.operator == operator


@pytest.mark.parametrize(
    ("number", "again", "preferred"),
    [
        *((nobody, nobody, None) for nobody in ("", "anonymous", "unknown", "0000", "warga110")),
        ("+6281234567890", "081234567890", "1001"),
        ("081234567890", "081234567891", None),
    ],
)
def test_the_operator_of_before_is_that_of_the_same_number_and_of_nobody_who_withholds_it(
    number: str, again: str, preferred: str | None
) -> None:
    desk = Desk(operators=2, wrap_up_s=0.0, preferred_s=100.0)
    first = desk.queued("c1", now=100.0, number=number)
    desk.dispatcher.leg_answered(first.leg or "", 101.0)
    desk.dispatcher.connected(first.bridge or "", 101.0)
    desk.dispatcher.citizen_gone(first, 16, 110.0)
    assert desk.queued("c2", now=120.0, number=again).preferred == preferred


def test_a_category_that_the_data_does_not_know_has_its_name_on_the_display() -> None:
    rules = Rules(categories=CATEGORIES)
    assert rules.category("flood").label == "FLOOD"
    assert rules.category(None).label == "112"
    assert rules.wrap_up("covid") == 10.0


def test_the_circle_of_operators_widens_as_the_line_says_unless_the_category_does() -> None:
    own = (Ring(0.0, 5), Ring(20.0, 0))
    rules = Rules(categories=CATEGORIES | {"power": Category("LISTRIK", rings=own)})
    assert rules.rings_of("power") == own
    assert rules.rings_of("fire") == rules.rings_of(None) == rules.rings
    assert rules.rings[-1].min_level == 0
