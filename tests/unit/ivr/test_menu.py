"""A menu file is either right, or refused with one sentence that says where it is wrong."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from factories import OFTEN, THE_MENU
from hypothesis import given
from hypothesis import strategies as st

from acd.rules.rules import Ring
from ivr.menu import LONGEST_MENU_S, MenuError, load_menu, menu_problems
from ngalam112.config.settings import PROJECT

RIGHT = """
start = "main"
limit_s = 10.0
[menus.main]
prompt = "menu"
retry_prompt = "again"
category = "general"
[menus.main.keys]
1 = { category = "fire", information = "info" }
2 = { menu = "main" }
[categories]
general = { label = "UMUM" }
fire = { label = "API" }
"""


FIRST, ANYBODY = "after_s = 0, min_level = 7", "after_s = 30, min_level = 0"


def rings(*given_: str) -> str:
    """A category with these rings, as the file says it."""
    return f'label = "API", rings = [{", ".join("{ " + one + " }" for one in given_)}]'


def refusal(folder: Path, text: str | bytes) -> str:
    """What is said about a menu file with this text."""
    path = folder / "menu.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(MenuError) as error:
        load_menu(path)
    said = str(error.value)
    assert str(path) in said
    assert said.endswith(".")
    assert "\n" not in said
    return said


def test_the_menu_that_we_ship_is_right_and_all_its_texts_exist() -> None:
    texts = {path.stem for path in (PROJECT / "ivr" / "prompts" / "id").glob("*.txt")}
    assert THE_MENU.prompts() <= texts
    assert THE_MENU.limit_s <= LONGEST_MENU_S


def test_a_right_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "menu.toml"
    path.write_text(RIGHT)
    tree = load_menu(path)
    keys = {"information_keys", "information_end"}
    assert tree.prompts() == {"menu", "again", "info", "silent_caller", *keys}
    assert tree.categories["fire"].label == "API"


def test_a_category_may_say_how_long_a_call_waits_and_for_whom(tmp_path: Path) -> None:
    path = tmp_path / "menu.toml"
    own = """
[categories.fire]
label = "API"
cap_s = 60
strategy = "ring-all"
rings = [
  { after_s = 0, min_level = 7 },
  { after_s = 10, min_level = 1 },
  { after_s = 30, min_level = 0 },
]
"""
    path.write_text(RIGHT.replace('fire = { label = "API" }\n', own))
    fire = load_menu(path).categories["fire"]
    assert fire.rings == (Ring(0.0, 7), Ring(10.0, 1), Ring(30.0, 0))
    assert (fire.cap_s, fire.strategy) == (60.0, "ring-all")


@pytest.mark.parametrize(
    ("right", "wrong", "said"),
    [
        ('start = "main"', 'start = "mian"', "start = 'mian' is not one of the menus"),
        ('start = "main"\n', "", "`start`"),
        ("limit_s = 10.0", "limit_s = 12.5", "limit_s = 12.5 must be between 1 and 12"),
        ("limit_s = 10.0", "limit_s = 0", "limit_s = 0.0 must be"),
        ("limit_s = 10.0", "limit_s = nan", "limit_s = nan must be"),
        ("limit_s = 10.0", 'limit_s = "ten"', "limit_s"),
        ('prompt = "menu"\n', "", "`prompt`"),
        ('category = "general"\n', 'category = "genral"\n', "menu main: category 'genral'"),
        ('category = "general"\n', 'category = "general"\ntries = 0\n', "menu main: tries"),
        ('category = "general"\n', 'category = "general"\nsilence_s = 0\n', "silence_s above 0"),
        ('category = "general"\n', 'category = "general"\nsilence_s = nan\n', "silence_s above 0"),
        ('category = "general"\n', 'category = "general"\ntrys = 3\n', "`trys`"),
        ('1 = { category = "fire"', '12 = { category = "fire"', "menu main, key 12: a key is"),
        ('1 = { category = "fire"', '"" = { category = "fire"', "a key is one of"),
        ('1 = { category = "fire"', 'A = { category = "fire"', "menu main, key A: a key is"),
        ('"fire", information', '"fir", information', "key 1: 'fir' is not one of the"),
        ('{ menu = "main" }', '{ menu = "second" }', "key 2: there is no menu 'second'"),
        ('{ menu = "main" }', "{ }", "key 2: it must lead either to a menu, to a category or"),
        ('{ menu = "main" }', '{ menu = "main", category = "fire" }', "key 2: it must lead"),
        ('{ menu = "main" }', '{ menu = "main", information = "i" }', "key 2: information goes"),
        ('{ menu = "main" }', '{ menü = "main" }', "line 10"),
        ('{ menu = "main" }', '{ language = "Jv" }', "must be two or three small letters, like jv"),
        ('{ menu = "main" }', '{ language = "jv", menu = "main" }', "key 2: it must lead"),
        ('{ menu = "main" }', '{ menu = "main", offer = "o" }', "an offer goes with a language"),
        (
            '{ menu = "main" }',
            '{ language = "jv", offer = "../o" }',
            "the offer '../o' must",
        ),
        ('prompt = "menu"\n', 'prompt = "../../etc/x"\n', "menu main: the prompt '../../etc/x'"),
        ('information = "info"', 'information = "../info"', "information '../info' must be a-z"),
        ("[menus.main.keys]", "[menus.main.kees]", "kees"),
        ("[menus.main]", "[menus.main", "line"),
        ('general = { label = "UMUM" }\nfire = { label = "API" }\n', "", "there are no categories"),
        ('label = "API"', "", "`label`"),
        ('label = "API"', 'label = "API", strategy = "best"', "'best' is none of longest-idle"),
        ('label = "API"', 'label = "API", head_start_s = 601', "fire: head_start_s must be"),
        ('label = "API"', 'label = "API", head_start_s = nan', "fire: head_start_s must be"),
        ('label = "API"', 'label = "API", wrap_up_s = -1', "fire: wrap_up_s must be"),
        ('label = "API"', 'label = "API", cap_s = 0', "fire: cap_s must be between 1 and 3600"),
        ('label = "API"', 'label = "API", cap_s = inf', "fire: cap_s must be"),
        ('label = "API"', 'label = "API", rings = []', "fire: the first of the rings"),
        ('label = "API"', 'label = "API", rings = [[0, 0]]', "categories"),
        ('label = "API"', rings("after_s = 5, min_level = 0"), "must have after_s = 0"),
        ('label = "API"', rings("after_s = nan, min_level = 0"), "must have after_s = 0"),
        ('label = "API"', rings("after_s = 0, min_level = 1"), "must have min_level = 0"),
        ('label = "API"', rings("after_s = 0, min_level = 10", ANYBODY), "between 0 and 9"),
        ('label = "API"', rings(FIRST, "after_s = nan, min_level = 0"), "after_s of a ring"),
        ('label = "API"', rings(FIRST, "after_s = 4000, min_level = 0"), "after_s of a ring"),
        ('label = "API"', rings(FIRST, "after_s = 0, min_level = 0"), "must be later"),
        ('label = "API"', rings(FIRST, "after_s = 9, min_level = 7", ANYBODY), "must be later"),
        ('label = "API"', rings("after_s = 0"), "`min_level`"),
        ('label = "API"', rings("after_s = 0, min_level = 0, level = 1"), "`level`"),
        ('label = "API"', rings("after_s = 0, min_level = 0.5"), "min_level"),
    ],
)
def test_what_is_wrong_is_said_in_one_sentence(
    tmp_path: Path, right: str, wrong: str, said: str
) -> None:
    assert RIGHT.count(right) == 1
    assert said in refusal(tmp_path, RIGHT.replace(right, wrong))


PIECE = '{ prompt = "one", from = 2026-01-01, until = 2026-12-31 }'


def with_news(pieces: str, more: str = "") -> str:
    return RIGHT.replace('information = "info"', 'information = "news"') + (
        f"[information]\nnews = {pieces}\n{more}"
    )


@pytest.mark.parametrize(
    ("pieces", "more", "said"),
    [
        ("[]", "", "information news: it must be a list of 1 to 50 pieces"),
        ("3", "", "information news: it must be a list"),
        ("[3]", "", "information news, piece 1: it must look like"),
        ("[{ from = 2026-01-01 }]", "", "piece 1: it must look like"),
        (f'[{PIECE}, {{ prompt = "a b" }}]', "", "piece 2: the prompt 'a b' must be a-z"),
        ("[{ prompt = 3 }]", "", "piece 1: the prompt '3' must be"),
        ('[{ prompt = "a", til = 1 }]', "", "piece 1: 'til' is none of from, prompt, until"),
        ('[{ prompt = "a", until = "soon" }]', "", "until must be a day like 2026-12-31"),
        ('[{ prompt = "a", until = 9999-12-31 }]', "", "until must be a day"),
        ('[{ prompt = "a", from = 07:30:00 }]', "", "from must be a day"),
        (
            '[{ prompt = "a", from = 2026-02-01, until = 2026-01-01 }]',
            "",
            "piece 1: from must be before until",
        ),
        (f"[{PIECE}]", '[information_keys]\nback = "**"', "a key is one of 0 to 9, * or #"),
        (f"[{PIECE}]", '[information_keys]\nback = "1"', "must be different keys"),
        (f"[{PIECE}]", "[information_keys]\nsilence_s = nan", "silence_s must be above 0"),
        (f"[{PIECE}]", '[information_keys]\nprompt = "a/b"', "the prompt 'a/b' must be"),
        (f"[{PIECE}]", '[information_keys]\nnext = "3"', "`next`"),
    ],
)
def test_what_is_wrong_with_information_is_said_in_one_sentence(
    tmp_path: Path, pieces: str, more: str, said: str
) -> None:
    assert said in refusal(tmp_path, with_news(pieces, more))


def test_days_belong_to_the_time_of_a_piece_and_are_local(tmp_path: Path) -> None:
    path = tmp_path / "menu.toml"
    path.write_text(with_news(f'[{PIECE}, {{ prompt = "two", until = 2026-03-01T18:00:00Z }}]'))
    one, two = load_menu(path, "Asia/Jakarta").information_of("news").pieces
    begins = datetime(2026, 1, 1, tzinfo=ZoneInfo("Asia/Jakarta")).timestamp()
    ends = datetime(2027, 1, 1, tzinfo=ZoneInfo("Asia/Jakarta")).timestamp()
    assert (one.begins, one.ends) == (begins, ends)
    assert [one.is_true(at) for at in (begins - 1, begins, ends - 1, ends)] == [
        *(False, True, True, False)
    ]
    assert two.ends == datetime(2026, 3, 1, 18, tzinfo=UTC).timestamp()


def test_all_that_is_wrong_is_listed(tmp_path: Path) -> None:
    path = tmp_path / "menu.toml"
    path.write_text(with_news("[3]").replace("limit_s = 10.0", "limit_s = 13"))
    first, second = menu_problems(path)
    assert "news, piece 1" in first and "limit_s = 13" in second
    path.write_text(RIGHT)
    assert menu_problems(path) == []
    (only,) = menu_problems(tmp_path / "nowhere.toml")
    assert "cannot be read" in only


SHIPPED = sorted((PROJECT / "ivr").glob("menu*.toml"))


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_each_menu_that_we_ship_has_its_texts_in_every_language(path: Path) -> None:
    tree, prompts = load_menu(path), PROJECT / "ivr" / "prompts"
    assert tree.languages() == ["id", "jv", "en"]
    for language in tree.languages():
        texts = {one.stem for one in (prompts / language).glob("*.txt")}
        assert tree.prompts() <= texts, language
    for offer, language in tree.offers():
        assert (prompts / language / f"{offer}.txt").is_file()
    for category in tree.categories:
        assert (prompts / "id" / f"whisper_{category}.txt").is_file()


def test_a_menu_without_keys_is_refused(tmp_path: Path) -> None:
    text = "\n".join(line for line in RIGHT.splitlines() if not line.startswith(("1 =", "2 =")))
    assert "menu main: it has no keys" in refusal(tmp_path, text)


@pytest.mark.parametrize("text", [b"\xff\xfe", b"", b"\x00", b"a = " + b"[" * 500], ids=len)
def test_a_file_that_is_no_menu_at_all_is_refused(tmp_path: Path, text: bytes) -> None:
    refusal(tmp_path, text)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(MenuError, match=r"nowhere\.toml cannot be read: No such file"):
        load_menu(tmp_path / "nowhere.toml")
    with pytest.raises(MenuError, match="cannot be read: Is a directory"):
        load_menu(tmp_path)


@OFTEN
@given(st.text(max_size=60))
def test_no_text_at_all_brings_another_error_than_ours(
    tmp_path_factory: pytest.TempPathFactory, text: str
) -> None:
    path = tmp_path_factory.mktemp("menu", numbered=True) / "menu.toml"
    path.write_text(text, "utf-8", errors="surrogatepass")
    with pytest.raises(MenuError):
        load_menu(path)
