"""A citizen's way through the menu ends with an operator, in time, whatever is pressed or fails."""

from __future__ import annotations

import msgspec
import pytest
from factories import OFTEN, THE_MENU
from hypothesis import given
from hypothesis import strategies as st

from acd.calls.record import CategorySource
from acd.rules.rules import Category
from ivr import information
from ivr.information import Information
from ivr.menu import Key, Menu, MenuTree
from ivr.session import (
    LONGEST_INFORMATION_S,
    Action,
    Audible,
    Back,
    Digit,
    Done,
    Event,
    Heard,
    Inform,
    Listen,
    Phase,
    Piece,
    Play,
    PromptEnded,
    Session,
    Speak,
    Started,
    Tick,
    begin,
    fits,
    left,
    step,
)

ARRIVED = 100.0
ENDED, FAILED, AUDIBLE = PromptEnded(), PromptEnded(failed=True), Audible()
SOURCE = CategorySource
LOOP = MenuTree(
    start="a",
    menus={
        "a": Menu("pa", "ra", "x", {"1": Key(menu="b"), "2": Key(category="y")}, tries=9),
        "b": Menu(
            "pb",
            "rb",
            "y",
            {
                "1": Key(menu="a"),
                "9": Key(None, "x", "info"),
                "8": Key(None, "x", "news"),
                "7": Key(language="en", offer="o"),
            },
            tries=9,
        ),
    },
    categories={"x": Category("X"), "y": Category("Y")},
    limit_s=3.0,
    information={
        "news": Information(
            pieces=(
                information.Piece(prompt="old", ends=ARRIVED),
                information.Piece(prompt="one"),
                information.Piece(prompt="short", ends=ARRIVED + 30.0),
                information.Piece(prompt="two"),
                information.Piece(prompt="future", begins=ARRIVED + 1e9),
            )
        )
    },
)
TREES = st.sampled_from([THE_MENU, LOOP])
EVENTS = st.lists(
    st.tuples(
        st.sampled_from("0123456789*#").map(Digit)
        | st.sampled_from([ENDED, FAILED, AUDIBLE, Tick()]),
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
    limit, chosen, informed = ARRIVED + tree.limit_s, False, False
    for now, session, actions in ticking(tree, events):
        for action in actions:
            if isinstance(action, Back) or (isinstance(action, Speak) and not chosen):
                limit = now + tree.limit_s  # a citizen who does something has the time for it
                chosen, informed = chosen or isinstance(action, Speak), False
            elif isinstance(action, Inform):
                informed = True
            elif isinstance(action, Play) and session.phase is Phase.PROMPT:
                assert now < limit
            elif isinstance(action, Done) and not informed:
                assert now <= limit
        if session.phase in (Phase.PROMPT, Phase.SILENCE):
            assert session.due <= limit


@OFTEN
@given(TREES, EVENTS)
def test_who_is_not_done_waits_for_a_time_that_is_in_bounds(
    tree: MenuTree, events: list[tuple[Event, float]]
) -> None:
    for now, session, _ in ticking(tree, events):
        if session.phase is not Phase.DONE:
            assert session.due <= now + LONGEST_INFORMATION_S


@OFTEN
@given(TREES, EVENTS)
def test_a_category_once_known_stays_and_what_is_heard_was_begun_and_true(
    tree: MenuTree, events: list[tuple[Event, float]]
) -> None:
    known, playing = None, None
    for now, _, actions in ticking(tree, events):
        assert len([one for one in actions if isinstance(one, Play | Piece)]) <= 1
        for action in actions:
            match action:
                case Inform(_, category):
                    known = category
                case Back():
                    known = None
                case Piece(name, prompt):
                    playing = prompt
                    pieces = {one.prompt: one for one in tree.information_of(name).pieces}
                    assert pieces[prompt.rpartition("/")[2]].is_true(now)
                case Heard(_, prompt, seconds):
                    assert playing is not None and playing.endswith(prompt)
                    assert seconds >= 0
                    playing = None
                case Done(category) if known is not None:
                    assert category == known


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
        ((5.0, ENDED, 1.0, AUDIBLE, 1.0, Tick()), Done("general", SOURCE.SILENCE)),
        ((9.6, ENDED, 1.9, Tick()), Done("general", SOURCE.SILENCE)),
        ((5.0, ENDED, Digit("6"), 4.0, ENDED, 2.0, Tick()), Done("general", SOURCE.INVALID)),
        ((11.5, Tick()), Done("general", SOURCE.SILENCE)),
        ((FAILED,), Done("general", SOURCE.NONE)),
        ((Digit("9"), Digit("9")), Done("general", SOURCE.INVALID)),
        ((Digit("9"), 4.0, ENDED, 2.0, Tick()), Done("general", SOURCE.INVALID)),
        ((Digit("9"), FAILED), Done("general", SOURCE.NONE)),
        ((Digit("9"), Digit("3")), Done("fire", SOURCE.MENU)),
        ((Digit("7"), Digit("3")), Done("fire", SOURCE.MENU)),
        ((Digit("8"), 5.0, ENDED, 2.0, Tick()), Done("general", SOURCE.SILENCE)),
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
        "a language, then right",
        "a language, then silence",
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


OFFERS = ("jv/choose_jv", "en/choose_en")


def test_a_wrong_key_asks_again_and_a_tick_too_early_changes_nothing() -> None:
    session, actions, now = walk(THE_MENU, Digit("9"), 1.0, Tick())
    assert actions == [Play("menu", OFFERS), Play("menu_retry")]
    assert (session.wrong, session.phase, session.due > now) == (1, Phase.PROMPT, True)


def test_a_language_is_chosen_by_a_key_and_the_question_is_asked_anew_in_it() -> None:
    session, actions, now = walk(THE_MENU, 7.0, Digit("8"), 2.0, Digit("9"))
    assert actions[1:] == [Speak("en"), Play("en/menu"), Play("en/menu_retry")]
    assert session.deadline == ARRIVED + 7.0 + THE_MENU.limit_s
    again, actions = step(THE_MENU, session, Digit("7"), now)
    assert actions == [Speak("jv"), Play("jv/menu")]
    assert again.deadline == session.deadline, "the time is given once"


def test_a_language_that_the_trunk_tells_is_spoken_at_once_and_the_others_are_offered() -> None:
    session = begin(THE_MENU, ARRIVED, "jv")
    _, actions = step(THE_MENU, session, Started(), ARRIVED)
    assert actions == [Play("jv/menu", ("en/choose_en", "choose_id"))]
    assert begin(THE_MENU, ARRIVED, "xx").language == "id", "as if nothing had been told"


KEYS, END = Play("information_keys"), Play("information_end")
NEWS = (Digit("1"), Digit("8"))
ONE, SHORT, TWO = (Piece("news", prompt) for prompt in ("one", "short", "two"))


def news(*events: Event | float) -> list[Action]:
    """What follows once the keys of the information were told."""
    session, actions, _ = walk(LOOP, *NEWS, 1.0, ENDED, *events)
    assert actions[:4] == [
        Play("pa"),
        Play("pb", ("en/o",)),
        Inform("news", "x", SOURCE.MENU),
        KEYS,
    ]
    return [*actions[4:], *([session.phase] if session.phase is Phase.DONE else [])]  # type: ignore[list-item]


def heard(prompt: str, seconds: float, whole: bool = True) -> Heard:
    return Heard("news", prompt, seconds, whole)


DONE = Done("x", SOURCE.MENU)


def test_all_pieces_that_are_true_are_heard_then_an_operator_is_found() -> None:
    told = news(5.0, ENDED, 5.0, ENDED, 5.0, ENDED, 2.0, ENDED, 3.0, Tick())
    assert told == [
        ONE,
        *(heard("one", 5.0), SHORT),
        *(heard("short", 5.0), TWO),
        *(heard("two", 5.0), END),
        DONE,
        Phase.DONE,
    ]


def test_a_piece_that_is_over_while_the_one_before_plays_is_not_begun() -> None:
    assert news(30.0, ENDED) == [ONE, heard("one", 30.0), TWO]


def test_keys_repeat_skip_and_lead_back_and_any_other_to_an_operator() -> None:
    cut = heard("one", 2.0, whole=False)
    assert news(2.0, Digit("1")) == [ONE, cut, ONE]
    assert news(2.0, Digit("2")) == [ONE, cut, SHORT]
    assert news(2.0, Digit("*")) == [ONE, cut, Back(), Play("pb", ("en/o",))]
    for key in "0356789#":
        assert news(2.0, Digit(key)) == [ONE, cut, DONE, Phase.DONE]
    closing = (Digit("2"), Digit("2"), Digit("2"), 1.0)
    assert news(*closing)[-1] == END
    assert news(*closing, Digit("1"))[-1] == ONE, "all of it again"
    assert news(*closing, Digit("2"))[-2:] == [DONE, Phase.DONE]


@pytest.mark.parametrize("event", [FAILED, Tick()], ids=repr)
def test_information_that_cannot_be_played_or_never_ends_leads_to_an_operator(
    event: Event,
) -> None:
    told = news(LONGEST_INFORMATION_S, event)
    assert told == [ONE, heard("one", LONGEST_INFORMATION_S, whole=False), DONE, Phase.DONE]


def test_who_has_pressed_keys_and_gone_back_is_not_silent() -> None:
    tree = msgspec.structs.replace(LOOP, start="b", limit_s=11.0)
    _, actions, _ = walk(tree, Digit("8"), 1.0, ENDED, Digit("*"), 1.0, ENDED, 2.0, Tick())
    assert actions[-1] == Done("y", SOURCE.SILENCE) and Listen() not in actions
    assert walk(tree, 1.0, ENDED, 2.0, Tick())[1][-1] == Done("y", SOURCE.SILENCE, silent=True)


def test_who_goes_back_has_the_whole_time_for_the_menu_and_no_category_yet() -> None:
    session, _, now = walk(LOOP, *NEWS, 100.0, Digit("*"))
    assert session.deadline == now + LOOP.limit_s
    assert walk(LOOP, *NEWS, 100.0, Digit("*"), 1.0, ENDED, 2.0, Tick())[1][-1] == Done(
        "y", SOURCE.MENU
    )


def test_information_of_which_nothing_is_true_leads_to_an_operator_at_once() -> None:
    gone = Information(pieces=(information.Piece(prompt="old", ends=ARRIVED),))
    tree = msgspec.structs.replace(LOOP, information={"news": gone})
    assert walk(tree, *NEWS)[1][2:] == [DONE]


def test_what_was_heard_of_a_piece_is_known_when_the_citizen_goes() -> None:
    session, _, now = walk(LOOP, *NEWS, 1.0, ENDED, 4.0)
    assert left(LOOP, session, now) == heard("one", 4.0, whole=False)
    assert left(LOOP, walk(LOOP, *NEWS)[0], now) is None, "only the keys were told"
    assert left(LOOP, walk(LOOP)[0], now) is None


def test_a_session_of_another_menu_is_known_not_to_fit() -> None:
    session, _, _ = walk(LOOP, *NEWS, ENDED, Digit("2"), Digit("2"))
    assert fits(LOOP, session)
    assert not fits(msgspec.structs.replace(LOOP, information={}), session)
    assert not fits(msgspec.structs.replace(LOOP, categories={}), session)
    assert not fits(THE_MENU, session)
    assert not fits(LOOP, msgspec.structs.replace(session, language="jv"))


def test_a_call_that_comes_too_late_for_the_menu_gets_an_operator_and_no_prompt() -> None:
    _, actions = step(THE_MENU, begin(THE_MENU, ARRIVED), Started(), ARRIVED + 30)
    assert actions == [Done("general", SOURCE.SILENCE)]
