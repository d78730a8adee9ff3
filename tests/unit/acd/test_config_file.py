"""A distribution file is either right, or refused with one sentence that says where it is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest
from factories import OFTEN, THE_DISTRIBUTION
from hypothesis import given
from hypothesis import strategies as st

from acd.config_file import DistributionError, NoSuchReason, load_distribution
from ngalam112.config.settings import PROJECT

RIGHT = """
[pause_reasons]
1 = { name = "break", prompt = "operator_paused_break" }
2 = { name = "prayer", prompt = "operator_paused_prayer" }
"""


def refusal(folder: Path, text: str | bytes) -> str:
    """What is said about a file with this text."""
    path = folder / "distribution.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(DistributionError) as error:
        load_distribution(path)
    said = str(error.value)
    assert str(path) in said and said.endswith(".") and "\n" not in said
    return said


def test_the_file_that_we_ship_is_right_and_all_its_texts_exist() -> None:
    names = {digit: reason.name for digit, reason in THE_DISTRIBUTION.pause_reasons.items()}
    assert names == {"1": "break", "2": "prayer", "3": "meal", "4": "training", "5": "technical"}
    texts = {path.stem for path in (PROJECT / "ivr" / "prompts" / "id").glob("*.txt")}
    assert THE_DISTRIBUTION.prompts() <= texts


@pytest.mark.parametrize(
    ("right", "wrong", "said"),
    [
        ("1 = {", "12 = {", "pause reason '12': its key must be one of the digits"),
        ("1 = {", "A = {", "pause reason 'A': its key"),
        ("1 = {", '"" = {', "pause reason '': its key"),
        ("1 = {", '"1\\n" = {', "its key must be"),
        ('name = "break"', 'name = "Break"', "'1': the name 'Break' must be 1 to 32 small"),
        ('name = "break"', 'name = ""', "the name '' must be"),
        ('name = "break"', 'name = "break\\n"', "the name 'break\\n' must be"),
        ('name = "break"', f'name = "{"b" * 33}"', "must be 1 to 32"),
        ('name = "break"', 'name = "missed"', "the name 'missed' is the engine's own"),
        ('name = "break"', 'name = "prayer"', "'2': the name 'prayer' is there twice"),
        ('name = "break", ', "", "`name`"),
        ('name = "break"', "name = 1", "`int`"),
        ('"operator_paused_break"', '"../secret"', "the prompt '../secret' must be"),
        (', prompt = "operator_paused_break"', "", "`prompt`"),
        ("[pause_reasons]", "[pause_reason]", "pause_reason"),
        ("[pause_reasons]", "[pause_reasons", "line 2"),
        ('name = "break"', 'name = "break", colour = 1', "colour"),
    ],
)
def test_what_is_wrong_is_said_in_one_sentence(
    tmp_path: Path, right: str, wrong: str, said: str
) -> None:
    assert RIGHT.count(right) == 1
    assert said in refusal(tmp_path, RIGHT.replace(right, wrong))


@pytest.mark.parametrize("text", [b"\xff\xfe", b"\x00", b"a = " + b"[" * 5000, b"a"], ids=len)
def test_a_file_that_is_no_such_file_at_all_is_refused(tmp_path: Path, text: bytes) -> None:
    refusal(tmp_path, text)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(DistributionError, match=r"nowhere\.toml cannot be read: No such file"):
        load_distribution(tmp_path / "nowhere.toml")


def test_a_city_without_reasons_pauses_without_one(tmp_path: Path) -> None:
    path = tmp_path / "distribution.toml"
    path.write_text("")
    found = load_distribution(path)
    found.check_reason(None)
    with pytest.raises(NoSuchReason, match="known are: none at all"):
        found.check_reason("prayer")


@pytest.mark.parametrize("name", ["lunch", "missed", "Prayer", "", "x\n" * 50])
def test_a_reason_that_is_not_in_the_data_is_refused_with_those_that_are(name: str) -> None:
    THE_DISTRIBUTION.check_reason("prayer")
    with pytest.raises(NoSuchReason) as error:
        THE_DISTRIBUTION.check_reason(name)
    assert "known are: break, prayer, meal, training, technical." in str(error.value)
    assert "\n" not in str(error.value)


@OFTEN
@given(st.text(min_size=1, max_size=60))
def test_no_text_at_all_brings_another_error_than_ours(
    tmp_path_factory: pytest.TempPathFactory, text: str
) -> None:
    path = tmp_path_factory.mktemp("distribution", numbered=True) / "distribution.toml"
    path.write_text(text, "utf-8", errors="surrogatepass")
    try:
        assert load_distribution(path).pause_reasons == {}  # blanks, or a comment
    except DistributionError as error:
        assert "\n" not in str(error)


def test_agencies_are_named_by_number_or_id_whether_there_are_such_or_not(tmp_path: Path) -> None:
    path = tmp_path / "distribution.toml"
    steps = '{ after_s = 1, to = "anybody" }, { after_s = 2, to = "pmi" }'
    path.write_text(f'fallback = ["110", "damkar"]\noverflow = [{steps}]\n')
    assert load_distribution(path).named() == {"110", "damkar", "pmi"}
    path.write_text('fallback = ["110", "11 3"]\n')
    with pytest.raises(DistributionError, match=r"fallback: '11 3' is no agency's number or id"):
        load_distribution(path)
