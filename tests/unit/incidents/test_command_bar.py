"""The command bar: what a line means, and that a line with any doubt in it does nothing."""

from __future__ import annotations

from itertools import permutations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from incidents.categories_file import load_categories
from incidents.command_bar import (
    LONGEST_LINE,
    LONGEST_NOTE,
    VERBS,
    Acknowledge,
    Code,
    Dispatch,
    Merge,
    Move,
    Note,
    Plan,
    check,
    understand,
)
from incidents.command_words import KnownAgency, Where, Words
from incidents.errors import NotUnderstood
from incidents.states import INCIDENT_MOVES, IncidentState
from ngalam112.config.settings import PROJECT
from places.districts import kelurahan_by_kecamatan

PLACES = kelurahan_by_kecamatan(PROJECT / "places" / "malang.geojson")
AGENCIES = [
    KnownAgency("damkar", "62", "Pemadam Kebakaran"),
    KnownAgency("pmi", "64", "PMI Kota Malang"),
    KnownAgency("pln", "63", "PLN UP3 Malang"),
    KnownAgency("pdam", "70", "PDAM"),
    KnownAgency("polresta", "61", "Polresta Malang Kota"),
]
TREE = load_categories()
WORDS = Words(TREE, PLACES, AGENCIES)
SCENE, RESOLVED = Move(IncidentState.ON_SCENE), Move(IncidentState.RESOLVED)


def plan(line: str) -> Plan:
    found = understand(line, WORDS)
    check(found)
    return found


def refused(line: str) -> str:
    with pytest.raises(NotUnderstood) as caught:
        plan(line)
    sentence = str(caught.value)
    assert sentence.startswith("Nothing was done: ") and "\n" not in sentence
    return sentence


def facts(line: str) -> tuple[str | None, str | None, int | None]:
    found = plan(line)
    category = None if found.category is None else found.category.id
    return category, None if found.where is None else found.where.name, found.priority


def test_a_whole_line_is_understood() -> None:
    found = plan("fire klojen 3 dispatch damkar pmi")
    assert found == Plan(
        category=TREE.get("fire"),
        where=Where("Klojen"),
        priority=3,
        steps=(Dispatch(("damkar", "pmi")),),
    )
    assert found.said() == (
        "open an incident: Kebakaran, Klojen, priority 3; dispatch damkar, pmi."
    )


@pytest.mark.parametrize("words", list(permutations(["fire", "klojen", "3"])))
def test_facts_come_in_any_order(words: tuple[str, ...]) -> None:
    assert facts(" ".join(words)) == ("fire", "Klojen", 3)


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("FIRE", ("fire", None, None)),
        ("kebakaran rumah oro-oro 1", ("fire_building", "Oro-oro Dowo", 1)),
        ("orooro listrik padam", ("power", "Oro-oro Dowo", None)),
        ("gading kas pohon tumbang", ("tree", "Gading Kasri", None)),
        ("51 lowok", ("fire_building", "Lowokwaru", None)),
        ("kasin", (None, "Kasin", None)),
        ("kas ular", ("animal_snake", "Kasin", None)),  # begins so, before a word that does
        ("blim", (None, "Blimbing", None)),
        ("kebak suko", ("fire", "Sukoharjo", None)),  # all others are parts of it
        ("évakuasi héwan", ("animal", None, None)),
    ],
)
def test_beginnings_of_names_are_enough(
    line: str, wanted: tuple[str | None, str | None, int | None]
) -> None:
    assert facts(line) == wanted


def test_a_kecamatan_goes_before_the_kelurahan_of_its_name() -> None:
    assert plan("klojen").where == Where("Klojen")
    assert plan("kasin").where == Where("Klojen", "Kasin")


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("frie klojen", "did you mean fire?"),
        ("suk fire", "'suk' may mean Sukoharjo, Sukun"),
        ("listrik", "'listrik' may mean power, fire_electrical"),
        ("fire klojen dispach damkar", "did you mean dispatch?"),
        ("fire klojen damkar", "'damkar' is an agency, which wants a verb before it"),
        ("fire klojen blimbing", "not one category and one place"),
        ("fire 3 klojen 2", "2 priorities, 3 and 2"),
        ("fire 6", "'6' is not known"),
        ("fire 0", "'0' is not known"),
        ("fi klo", "'fi' is not known"),
        ("fire dispatch", "dispatch wants 1 to 20 agencies"),
        ("fire dispatch damkr", "did you mean damkar?"),
        ("fire dispatch p", "'p' is not known"),
        ("fire dispatch damkar scene now", "after scene 'now' is not known"),
        ("fire dispatch damkar dispatch damkar", "damkar is dispatched twice"),
        ("fire ack damkar", "damkar cannot accept what it is not told of"),
        ("fire reopen", "what is opened cannot become reopened"),
        ("fire close resolve", "what is closed cannot become resolved"),
        ("fire cancel dispatch pmi", "nobody can be sent to what is cancelled"),
        ("fire code", "code wants a category"),
        ("fire code nonsense", "'nonsense' is not known"),
        ("fire code listrik", "may mean power, fire_electrical"),
        ("fire note", "a note has 1 to 1000 characters"),
        ("2026-1 note " + "x" * (LONGEST_NOTE + 1), "a note has 1 to 1000 characters"),
        ("fire merge 2026-1", "merge needs two incidents"),
        ("2026-1 merge 2026-000001", "merge needs two incidents"),
        ("2026-1 merge 2026-2 scene", "merge must be the last verb"),
        ("2026-1 merge", "merge wants one number"),
        ("2026-1 merge fire", "merge wants one number"),
        ("2026-1", "say what is to be done with 2026-000001"),
        ("2026-1-2 scene", "'2026-1-2' is not known"),
        ("", "the form is [NUMBER] CATEGORY PLACE PRIORITY VERB"),
        ("3", "the form is"),
        ("scene", "the form is"),
        ("x " * LONGEST_LINE, "more than 2000 characters"),
        ("fire " * 13, "more than 12 words"),
        ("2026-1 " + "scene " * 21, "more than 20 verbs"),
    ],
)
def test_what_is_not_understood_is_refused_as_a_whole(line: str, says: str) -> None:
    assert says in refused(line)


@pytest.mark.parametrize("line", ["ular", "ular banjir", "banjir ular 2"])
def test_what_can_be_read_in_two_ways_is_refused_with_both(line: str) -> None:
    words = Words(TREE, {"Ular": ["Banjir"]}, AGENCIES)
    with pytest.raises(NotUnderstood, match="may mean") as caught:
        understand(line, words)
    assert "animal_snake" in str(caught.value) and "Ular" in str(caught.value)


def test_verbs_are_done_in_the_order_in_which_they_are_typed() -> None:
    found = plan("2026-123 2 dispatch damkar, 64 ack damkar scene resolve note it was a bin")
    assert found.incident == "2026-000123" and found.priority == 2
    assert found.then == (
        Dispatch(("damkar", "pmi")),
        Acknowledge(("damkar",)),
        SCENE,
        RESOLVED,
        Note("it was a bin"),
    )
    assert found.said() == (
        "incident 2026-000123 is priority 2; dispatch damkar, pmi; accepted by damkar; on scene; "
        "resolved; note 'it was a bin'."
    )
    assert plan("2026-123 code 51 merge 2026-7").then == (
        Code(TREE.rows[TREE.rows.index(TREE.meant("51")[0])]),
        Merge("2026-000007"),
    )


def test_a_note_of_a_new_incident_is_what_agencies_read_and_goes_to_the_end() -> None:
    found = plan("fire klojen dispatch damkar note two inside, close the road")
    assert found.description == "two inside, close the road"
    assert found.then == (Dispatch(("damkar",)),)
    assert "described as 'two inside, close the road'" in found.said()
    assert plan("fire klojen 1").description == "Kebakaran, Klojen"


@pytest.mark.parametrize("state", IncidentState)
@pytest.mark.parametrize("verb", ["scene", "resolve", "close", "cancel", "reopen"])
def test_a_move_is_refused_before_anything_is_done_where_the_engine_would(
    state: IncidentState, verb: str
) -> None:
    found = understand(f"2026-1 {verb}", WORDS)
    (step,) = found.steps
    assert isinstance(step, Move)
    if step.state in INCIDENT_MOVES[state]:
        check(found, state)
    else:
        with pytest.raises(NotUnderstood, match="cannot become"):
            check(found, state)


SOME = [
    *("fire", "klojen", "3", "kasin", "51", "damkar", "64", "2026-1", "pol", "suk", "x", "ular"),
    *VERBS,
]


@given(st.lists(st.one_of(st.sampled_from(SOME), st.text(max_size=12)), max_size=12))
@example(["fire", "\x00\ud800"])
def test_any_line_is_a_plan_or_a_sentence(typed: list[str]) -> None:
    line = " ".join(typed)
    try:
        found = plan(line)
    except NotUnderstood as error:
        assert len(str(error)) < 2000
    else:
        assert found.said() and (found.incident or found.description)
        # each verb that was typed is there, up to a note, whose text may hold any word
        begun = line.casefold().split()
        upto = begun.index("note") + 1 if "note" in begun else len(begun)
        assert len(found.steps) == sum(word in VERBS for word in begun[:upto])


@given(st.sampled_from(TREE.rows), st.sampled_from([k for ks in PLACES.values() for k in ks]))
def test_every_category_and_kelurahan_can_be_said_by_its_whole_name(
    category: object, kelurahan: str
) -> None:
    name = category.id  # type: ignore[attr-defined]
    assert facts(f"{name} {kelurahan} 2") == (name, kelurahan, 2)
