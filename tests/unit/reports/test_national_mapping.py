"""A mapping of the national report is either right, or refused with one sentence."""

from __future__ import annotations

from pathlib import Path

import pytest

from reports.national_mapping import (
    CLASSES,
    MAPPING_FILE,
    Layout,
    MappingError,
    load_mapping,
)

RIGHT = MAPPING_FILE.read_text()


def loaded(folder: Path, text: str) -> Layout:
    path = folder / "national.toml"
    path.write_text(text)
    return load_mapping(path)


def test_what_is_shipped_has_each_class_in_one_group_and_the_national_target() -> None:
    shipped = load_mapping()
    assert sorted(one for group in shipped.groups for one in group.classes) == sorted(CLASSES)
    assert (shipped.targets.handle, shipped.targets.arrive) == (900, 900)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('version = "2026-11.1"', 'version = "../x"', "version must be a word for a file's name"),
        ("answer = 20", "answer = 0", "targets.answer must be 1 to"),
        ("answer = 20", 'answer = "soon"', "Expected `int`"),
        ("answer = 20", "anwser = 20", "anwser"),
        ('classes = ["prank"]', "classes = []", "class prank is in 0 groups"),
        ('classes = ["ghost"]', 'classes = ["ghost", "prank"]', "class prank is in 2 groups"),
        ('classes = ["ghost"]', 'classes = ["ghost", "joke"]', "there is no class 'joke'"),
        ('classes = ["emergency"]', "classes = []", "targets.classes is empty"),
        ('id = "ghost"', 'id = "prank"', "2 groups have the id 'prank'"),
        ('id = "ghost"', 'id = "no_incident"', "choose another"),
        ('lost = "Terputus"\n', "", "columns.lost is missing; add its title"),
        ('lost = "Terputus"', 'lots = "x"\nlost = "Terputus"', "columns.lots is not used"),
        ('value = "Isi"', 'value = ""', "columns.value must be one line"),
        ('day = "Hari"', 'day = "a/b"', "no sheet may have"),
        ('day = "Hari"', 'day = "JAM"', "2 sheets are called 'jam'"),
        ('day = "Hari"', f'day = "{"x" * 32}"', "1 to 31 characters"),
    ],
)
def test_what_is_wrong_with_a_mapping_is_said_in_one_sentence(
    tmp_path: Path, old: str, new: str, says: str
) -> None:
    assert old in RIGHT
    with pytest.raises(MappingError) as error:
        loaded(tmp_path, RIGHT.replace(old, new, 1))
    said = str(error.value)
    assert says in said and said.endswith("; docs/national_report.md says what may stand there.")
    assert said.startswith(f"The national mapping {tmp_path / 'national.toml'} is wrong: ")


def test_a_mapping_that_is_missing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MappingError, match="cannot be read: No such file"):
        load_mapping(tmp_path / "none.toml")
