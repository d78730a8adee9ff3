"""Which holes of Asterisk the doctor warns of."""

from __future__ import annotations

import pytest

from ngalam112.config.settings import PROJECT
from pbx.known_holes import load_known_holes
from pbx.root import OLDEST_ASTERISK


def test_the_oldest_asterisk_of_the_line_has_no_known_hole() -> None:
    known = load_known_holes()
    assert known.open_in(OLDEST_ASTERISK) == []
    assert known.knows(OLDEST_ASTERISK)


@pytest.mark.parametrize("version", [(22, 10), (22, 10, 0), (22, 9, 3)])
def test_an_older_asterisk_has_those_that_the_line_is_open_to(version: tuple[int, ...]) -> None:
    found = {one.id for one in load_known_holes().open_in(version)}
    assert found == {"GHSA-g8q2-p36q-94f6", "GHSA-vrfp-mg3q-3959"}


def test_of_another_branch_nothing_is_known() -> None:
    known = load_known_holes()
    assert not known.knows((23, 4, 0)) and known.open_in((23, 4, 0)) == []


def test_a_module_that_is_told_to_be_left_out_is_not_loaded() -> None:
    loaded = (PROJECT / "asterisk_conf" / "modules.conf").read_text().split()
    named = [f"{one.module}.so" for one in load_known_holes().hole if one.module]
    assert named and not set(named) & set(loaded)


def test_the_twenty_of_june_2026_are_there_and_all_releases_are_readable() -> None:
    holes = load_known_holes().hole
    assert sum(one.mended_in == "22.10.1" for one in holes) == 20
    assert all(len(one.release) == 3 and one.what for one in holes)
