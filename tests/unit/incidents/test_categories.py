"""The city's tree of categories: what it finds, what of a file is refused, what is shipped."""

from __future__ import annotations

from pathlib import Path

import pytest
from factories import OFTEN
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from acd.config_file import load_distribution
from incidents.categories import Categories, Category, Question, QuestionKind
from incidents.categories_file import (
    MOST_ROWS,
    CategoriesError,
    category_problems,
    load_categories,
)
from incidents.data_files import LARGEST_FILE
from incidents.states import IncidentClass
from ivr.menu import load_menu
from ngalam112.config.settings import PROJECT

SHIPPED = load_categories()
AGENCIES = {
    *("damkar", "pmi", "polresta", "pln", "bpbd", "satpol_pp", "psc119"),
    *("dinkes", "dishub", "dinsos", "dpuprpkp", "pdam", "rsud"),
}
"""Those that the city has signed with."""

RIGHT = """
version = "2026-11"
[[categories]]
id = "fire"
code = "50"
name = { id = "Kebakaran", en = "Fire" }
class = "emergency"
apco = "fire"
agencies = ["damkar", "pmi"]
menu = "fire"
questions = [{ id = "inside", kind = "yes_no", text = { id = "Ada orang?", en = "Anybody?" } }]
[[categories]]
id = "building"
parent = "fire"
code = "51"
name = { id = "Gedung" }
class = "emergency"
questions = [{ id = "floor", kind = "number", text = { id = "Lantai?" } }]
[[categories]]
id = "kiosk"
parent = "building"
code = "520"
name = { id = "Kios" }
class = "complaint"
agencies = ["satpol_pp"]
"""


def written(folder: Path, text: str | bytes) -> Path:
    path = folder / "categories.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def refusal(folder: Path, text: str | bytes) -> str:
    """What is said about a file with this text."""
    path = written(folder, text)
    with pytest.raises(CategoriesError) as error:
        load_categories(path)
    said = str(error.value)
    assert str(path) in said
    assert said.endswith(".")
    assert "\n" not in said
    return said


def a_row(id: str, **changes: object) -> Category:
    values = {"code": "50", "name": {"id": id}, "national_class": IncidentClass.EMERGENCY}
    return Category(id=id, **(values | changes))  # type: ignore[arg-type]


def named(**names: str) -> Categories:
    """Rows by their ids, with these names in Indonesian."""
    return Categories("1", [a_row(id, name={"id": name}) for id, name in names.items()])


def ids(found: list[Category]) -> list[str]:
    return [row.id for row in found]


# --- a tree that is read ---------------------------------------------------------------------


def test_a_row_has_what_the_file_says(tmp_path: Path) -> None:
    tree = load_categories(written(tmp_path, RIGHT))
    assert tree.version == "2026-11"
    inside = Question(
        id="inside", kind=QuestionKind.YES_NO, text={"id": "Ada orang?", "en": "Anybody?"}
    )
    assert tree.get("fire") == Category(
        id="fire",
        code="50",
        name={"id": "Kebakaran", "en": "Fire"},
        national_class=IncidentClass.EMERGENCY,
        apco="fire",
        questions=(inside,),
        agencies=("damkar", "pmi"),
        menu="fire",
    )


def test_a_part_asks_its_parents_questions_first_and_has_their_agencies_unless_its_own(
    tmp_path: Path,
) -> None:
    tree = load_categories(written(tmp_path, RIGHT))
    building, kiosk = tree.get("building"), tree.get("kiosk")
    assert building and kiosk
    assert [one.id for one in building.questions] == ["inside", "floor"]
    assert [one.id for one in kiosk.questions] == ["inside", "floor"]
    assert building.agencies == ("damkar", "pmi")
    assert kiosk.agencies == ("satpol_pp",)
    assert (building.menu, kiosk.national_class) == (None, IncidentClass.COMPLAINT)


def test_a_category_is_found_by_its_whole_code_and_by_its_menu(tmp_path: Path) -> None:
    tree = load_categories(written(tmp_path, RIGHT))
    assert tree.of_code("520") is tree.get("kiosk")
    assert [tree.of_code(one) for one in ("5", "52", "5200", "", "x")] == [None] * 5
    assert tree.of_menu("fire") is tree.get("fire")
    assert tree.of_menu("building") is None
    assert tree.get("nothing") is None


def test_the_way_down_to_a_category_and_what_is_below_it(tmp_path: Path) -> None:
    tree = load_categories(written(tmp_path, RIGHT))
    kiosk = tree.get("kiosk")
    assert kiosk
    assert ids(tree.path(kiosk)) == ["fire", "building", "kiosk"]
    assert ids(tree.children()) == ["fire"]
    assert ids(tree.children("fire")) == ["building"]
    assert tree.children("kiosk") == []


def test_a_text_that_is_missing_in_a_language_is_in_the_lines_own(tmp_path: Path) -> None:
    tree = load_categories(written(tmp_path, RIGHT))
    fire, building = tree.get("fire"), tree.get("building")
    assert fire and building
    assert (fire.called(), fire.called("en"), fire.called("jv")) == (
        *("Kebakaran", "Fire", "Kebakaran"),
    )
    assert building.called("en") == "Gedung"
    assert [one.asked("en") for one in building.questions] == ["Anybody?", "Lantai?"]


# --- what is found by words ------------------------------------------------------------------


def test_the_best_comes_first() -> None:
    tree = named(
        mixed="Api besar", second="Kebun api", begins="Apiari kota", exact="Api", other="Banjir"
    )
    assert ids(tree.find("api")) == ["exact", "mixed", "begins", "second"]


def test_an_id_is_as_good_as_a_name() -> None:
    tree = named(fire="Kebakaran", fire_building="Gedung", gedung="Lain")
    assert ids(tree.find("fire")) == ["fire", "fire_building"]
    assert ids(tree.find("fire_building")) == ["fire_building"]
    assert ids(tree.find("gedung")) == ["fire_building", "gedung"]


def test_each_word_may_be_a_beginning_and_in_any_order() -> None:
    tree = named(tree="Pohon tumbang di jalan", road="Jalan rusak")
    assert ids(tree.find("tum poh")) == ["tree"]
    assert ids(tree.find("jal")) == ["road", "tree"]
    assert tree.find("umbang") == []
    assert tree.find("pohon rusak") == []


def test_words_of_several_names_are_found_last() -> None:
    mixed = a_row("fire", name={"id": "Kebakaran rumah", "en": "House fire"})
    whole = a_row("x", name={"id": "Rumah dan house"})
    tree = Categories("1", [mixed, whole])
    assert ids(tree.find("rumah house")) == ["x", "fire"]


def test_capitals_accents_and_signs_do_not_matter() -> None:
    tree = named(a="Évakuasi héwan", b="KEBAKARAN: rumah/gedung", c="Straße")
    assert ids(tree.find("EVAKUASI Hew")) == ["a"]
    assert ids(tree.find("évakuasi")) == ["a"]
    assert ids(tree.find("e\u0301vakuasi")) == ["a"]
    assert ids(tree.find("gedung")) == ["b"]
    assert ids(tree.find("kebakaran rumah")) == ["b"]
    assert ids(tree.find("strasse")) == ["c"]


def test_a_parent_comes_before_its_parts() -> None:
    part = a_row("fire_part", parent="fire", name={"id": "Api"})
    tree = Categories("1", [part, a_row("fire", name={"id": "Api"})])
    assert ids(tree.find("api")) == ["fire", "fire_part"]


def test_nothing_is_found_by_nothing() -> None:
    assert [SHIPPED.find(one) for one in ("", "   ", "-_-", "\0", "\u0301")] == [[]] * 5


def test_no_more_is_found_than_is_asked_for() -> None:
    tree = Categories("1", [a_row(f"a{one}") for one in range(50)])
    assert len(tree.find("a")) == 20
    assert ids(tree.find("a", most=2)) == ["a0", "a1"]


@OFTEN
@given(st.sampled_from(SHIPPED.rows), st.data())
def test_each_beginning_of_a_name_finds_its_category(row: Category, data: st.DataObject) -> None:
    name = data.draw(st.sampled_from([row.id, *row.name.values()]))
    begun = name[: data.draw(st.integers(1, len(name)))]
    found = SHIPPED.find(begun.swapcase(), most=len(SHIPPED.rows))
    assert row in found
    if begun == name:
        assert found[0].id == row.id or name in found[0].name.values()


@OFTEN
@given(st.text(max_size=20000))
def test_any_words_may_be_searched_for(words: str) -> None:
    assert len(SHIPPED.find(words)) <= 20


# --- what is refused -------------------------------------------------------------------------

LONG = "x" * 200


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (('"2026-11"', '"Nov 2026"'), "version must be a word, such as"),
        (('"2026-11"', "2026"), "version must be a word, such as"),
        (('version = "2026-11"', "[x]"), "version must be a word, such as"),
        (('version = "2026-11"', 'version = "1"\nfoo = 1'), "'foo' is neither version nor"),
        (('id = "fire"', 'id = "Fire!"'), "row 1 (Fire!): id 'Fire!' must be 1 to 32 small"),
        (('id = "fire"', "id = 7"), "row 1: Expected `str`, got `int` - at `$.id`"),
        (('id = "building"', 'id = "fire"'), "row 2 (fire): the id is there twice"),
        (('code = "50"', "code = 50"), "row 1 (fire): Expected `str`, got `int`"),
        (('code = "50"', ""), "row 1 (fire): Object missing required field `code`"),
        (('code = "50"', 'code = "5"'), "row 1 (fire): code '5' must be 2 to 6 digits"),
        (('code = "50"', 'code = "5000000"'), "row 1 (fire): code '5000000' must be 2 to 6"),
        (('code = "50"', 'code = "5x"'), "row 1 (fire): code '5x' must be 2 to 6 digits"),
        (('code = "50"', 'code = "٥٠"'), "must be 2 to 6 digits"),
        (('code = "50"', 'code = "15"'), "code '15' begins with 1, which *4 has for dispositions"),
        (('code = "50"', 'code = "05"'), "code '05' begins with 0"),
        (('code = "51"', 'code = "50"'), "row 2 (building): code '50' is the code of row 1 (fire)"),
        (('code = "51"', 'code = "52"'), "(kiosk): code '520' begins with the code of row 2 (bu"),
        (
            ('class = "emergency"', 'class = "darurat"'),
            "row 1 (fire): Invalid enum value 'darurat'",
        ),
        (('apco = "fire"', 'apocalypse = "fire"'), "unknown field `apocalypse`"),
        (('apco = "fire"', f'apco = "{LONG}"'), "row 1 (fire): apco must be one line"),
        (('id = "Kebakaran", en', "en"), "row 1 (fire): name: id, the line's own language, is"),
        (('id = "Kebakaran"', 'id = ""'), "row 1 (fire): name, id: it must be one line of 1 to 60"),
        (('id = "Kebakaran"', 'id = "a\\nb"'), "row 1 (fire): name, id: it must be one line"),
        (('id = "Kebakaran"', f'id = "{LONG}"'), "row 1 (fire): name, id: it must be one line"),
        (('en = "Fire"', 'english = "Fire"'), "name: 'english' must be a language of two or three"),
        (('["damkar", "pmi"]', '["damkar", "damkar"]'), "agencies must be at most 12, each named"),
        (('["damkar", "pmi"]', '["PMI Kota"]'), "row 1 (fire): agency 'PMI Kota' must be 1 to 32"),
        (('["damkar", "pmi"]', '"damkar"'), "row 1 (fire): Expected `array`, got `str`"),
        (('menu = "fire"', 'menu = ""'), "row 1 (fire): menu '' must be the name of a category"),
        (
            ('"Gedung" }', '"Gedung" }\nmenu = "fire"'),
            "menu 'fire' belongs to row 1 (fire) already",
        ),
        (('kind = "yes_no"', 'kind = "maybe"'), "row 1 (fire): Invalid enum value 'maybe'"),
        (('id = "floor"', 'id = "Floor 1"'), "row 2 (building): question 'Floor 1': its id must"),
        (('id = "floor"', 'id = "inside"'), "row 2 (building): question 'inside' is there already"),
        (
            ('id = "Lantai?"', 'en = "Floor?"'),
            "question 'floor', text: id, the line's own language",
        ),
        (('id = "Lantai?"', f'id = "{LONG}"'), "question 'floor', text, id: it must be one line"),
        (('parent = "fire"', 'parent = "flood"'), "row 2 (building): there is no row 'flood'"),
        (('code = "50"', 'code = "50"\nparent = "fire"'), "row 1 (fire): it is a part of itself"),
        (('code = "50"', 'code = "50"\nparent = "kiosk"'), "row 1 (fire): it is a part of itself"),
        (("[[categories]]", "[[category]]"), "'category' is neither version nor categories"),
    ],
)
def test_what_is_wrong_is_named_with_its_row(
    tmp_path: Path, change: tuple[str, str], says: str
) -> None:
    assert change[0] in RIGHT
    problems = category_problems(written(tmp_path, RIGHT.replace(*change, 1)))
    assert any(says in one for one in problems), problems
    refusal(tmp_path, RIGHT.replace(*change, 1))


def test_a_tree_has_at_most_three_levels(tmp_path: Path) -> None:
    deep = '[[categories]]\nid = "deep"\nparent = "kiosk"\ncode = "60"\nname = { id = "X" }\n'
    said = refusal(tmp_path, RIGHT + deep + 'class = "test"\n')
    assert "row 4 (deep): it lies below 3 levels; move it up" in said


def test_a_row_that_cannot_be_read_does_not_make_its_parts_wrong(tmp_path: Path) -> None:
    problems = category_problems(written(tmp_path, RIGHT.replace('code = "50"', "")))
    assert len(problems) == 1
    assert "row 1 (fire)" in problems[0]


@pytest.mark.parametrize("listed", ["", "categories = 1\n", "categories = []\n"])
def test_a_file_without_rows_is_refused(tmp_path: Path, listed: str) -> None:
    said = refusal(tmp_path, f'version = "1"\n{listed}')
    assert f"there must be 1 to {MOST_ROWS} rows [[categories]]" in said


def test_too_many_rows_are_refused(tmp_path: Path) -> None:
    row = '[[categories]]\nid = "a{0}"\ncode = "9{0:03}"\nname = {{ id = "X" }}\nclass = "test"\n'
    text = 'version = "1"\n' + "".join(row.format(one) for one in range(MOST_ROWS))
    assert len(load_categories(written(tmp_path, text)).rows) == MOST_ROWS
    assert f"1 to {MOST_ROWS} rows" in refusal(tmp_path, text + row.format(MOST_ROWS))


def test_rows_that_are_no_tables_are_refused(tmp_path: Path) -> None:
    said = refusal(tmp_path, 'version = "1"\ncategories = [1, "x"]\n')
    assert "row 1: Expected `object`, got `int` (and 1 more)" in said


def test_what_cannot_be_read_is_refused(tmp_path: Path) -> None:
    assert "is no UTF-8 text" in refusal(tmp_path, RIGHT.encode() + b"# \xff")
    assert "has more than 512 KB" in refusal(tmp_path, RIGHT + "#" * LARGEST_FILE)
    assert "no valid TOML" in refusal(tmp_path, RIGHT + "=")
    with pytest.raises(CategoriesError, match=r"absent\.toml cannot be read: No such file"):
        load_categories(tmp_path / "absent.toml")
    assert category_problems(tmp_path / "absent.toml") != []


def test_all_that_is_wrong_is_told_at_once(tmp_path: Path) -> None:
    text = RIGHT.replace('code = "50"', 'code = "5"').replace("2026-11", "?")
    path = written(tmp_path, text.replace('parent = "building"', 'parent = "bulding"'))
    problems = category_problems(path)
    assert len(problems) == 3
    assert all(one.startswith(f"{path}: ") and one.endswith(".") for one in problems)
    assert "(and 2 more)" in refusal(tmp_path, path.read_bytes())
    assert category_problems(written(tmp_path, RIGHT)) == []


def test_a_city_with_other_dispositions_has_other_codes_taken(tmp_path: Path) -> None:
    path = written(tmp_path, RIGHT)
    assert load_categories(path, taken="0123").of_code("50")
    assert "begins with 5, which *4 has" in "".join(category_problems(path, taken="05"))


@settings(OFTEN, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, len(RIGHT)), st.integers(0, len(RIGHT)), st.text(max_size=20))
def test_a_damaged_file_is_read_or_refused(tmp_path: Path, one: int, other: int, text: str) -> None:
    first, last = sorted((one, other))
    path = written(tmp_path, (RIGHT[:first] + text + RIGHT[last:]).encode("utf-8", "replace"))
    try:
        load_categories(path)
    except CategoriesError as error:
        assert str(path) in str(error)


# --- what is shipped -------------------------------------------------------------------------


@pytest.mark.parametrize("menu", ["menu.toml", "menu_malang.toml"])
def test_each_category_of_the_shipped_menus_is_taken_for_a_category(menu: str) -> None:
    tree = load_menu(PROJECT / "ivr" / menu)
    assert [name for name in tree.categories if SHIPPED.of_menu(name) is None] == []


def test_each_menu_that_the_shipped_file_names_is_in_a_shipped_menu() -> None:
    files = [PROJECT / "ivr" / name for name in ("menu.toml", "menu_malang.toml")]
    known = {name for file in files for name in load_menu(file).categories}
    assert {row.menu for row in SHIPPED.rows if row.menu is not None} == known


def test_no_shipped_code_begins_with_the_digit_of_a_disposition() -> None:
    for name in ("distribution.toml", "distribution_malang.toml"):
        taken = {"0", *load_distribution(PROJECT / "acd" / name).dispositions}
        assert [row.code for row in SHIPPED.rows if row.code[0] in taken] == []


def test_the_shipped_categories_are_in_indonesian_and_in_english() -> None:
    for row in SHIPPED.rows:
        for texts in (row.name, *(one.text for one in row.questions)):
            assert set(texts) == {"id", "en"}


def test_the_shipped_categories_go_to_agencies_of_the_city() -> None:
    used = {agency for row in SHIPPED.rows for agency in row.agencies}
    assert used == AGENCIES
    emergencies = [row for row in SHIPPED.rows if row.national_class is IncidentClass.EMERGENCY]
    assert [row.id for row in emergencies if not row.agencies] == ["general"]


def test_the_shipped_categories_have_all_national_classes_and_what_malang_calls_about() -> None:
    assert {row.national_class for row in SHIPPED.rows} == {*IncidentClass} - {
        IncidentClass.UNCODED
    }
    assert len(SHIPPED.rows) >= 35
    wanted = {
        *("accident", "ambulance", "animal", "rescue", "fire", "fire_building", "fire_vehicle"),
        *("fire_vegetation", "tree", "flood", "landslide", "power", "public_order", "police"),
        *("covid", "missing_person", "gas_leak", "water", "road_damage", "street_light"),
        *("information", "complaint", "prank", "ghost", "test"),
    }
    assert wanted - {row.id for row in SHIPPED.rows} == set()


def test_of_a_fire_in_a_building_is_asked_whether_anybody_is_inside_and_on_which_floor() -> None:
    building = SHIPPED.of_code("51")
    assert building
    asked = {one.id: one.kind for one in building.questions}
    assert (asked["inside"], asked["floor"]) == (QuestionKind.YES_NO, QuestionKind.NUMBER)


@pytest.mark.parametrize(
    ("words", "first"),
    [
        *(("keb", "fire"), ("fire", "fire"), ("gedung", "fire_building")),
        *(("fire veh", "fire_vehicle"), ("ular", "animal_snake"), ("snake", "animal_snake")),
        *(("banjir", "flood"), ("pohon", "tree"), ("listrik", "power")),
        *(("KDRT", "violence"), ("lampu jalan", "street_light")),
    ],
)
def test_an_operator_finds_a_shipped_category_by_a_few_letters(words: str, first: str) -> None:
    assert SHIPPED.find(words)[0].id == first
