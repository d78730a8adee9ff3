"""What an operator's keys mean in a talk: any keys at all, and each command."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acd.transfers.dtmf_commands import (
    FORGET_S,
    Command,
    Complete,
    HandOver,
    Keys,
    Record,
    Return,
    TellAgency,
    Three,
    press,
)


def commands(keys: str, underway: bool = False, step: float = 0.5) -> list[Command]:
    """What a row of keys, half a second apart, brings."""
    state, found, now = Keys(), [], 100.0
    for key in keys:
        state, command = press(state, key, underway, now)
        now += step
        found += [command] if command is not None else []
    return found


@pytest.mark.parametrize(
    ("keys", "underway", "wanted"),
    [
        ("*2102#", False, [HandOver("102")]),
        ("*2", True, [Complete()]),
        ("*3", True, [Three()]),
        ("*0", True, [Return()]),
        ("*21*2102#", False, [HandOver("102")]),  # a star begins anew
        ("*2#", False, []),
        ("102#", False, []),
        ("*9102#", False, []),
        ("*2" + "1" * 16 + "#", False, []),  # longer than any number
        ("*2102#*3", True, [Complete(), Three()]),
        ("*562#", False, [TellAgency("62")]),
        ("*562#", True, [TellAgency("62")]),
        ("*56*562#*2102#", False, [TellAgency("62"), HandOver("102")]),
        ("*7", False, [Record(on=False)]),
        ("*8*7", True, [Record(on=True), Record(on=False)]),
        ("*5#", False, []),
        ("*562", False, []),
        ("*5" + "1" * 16 + "#", False, []),
    ],
)
def test_keys_and_what_they_bring(keys: str, underway: bool, wanted: list[Command]) -> None:
    assert commands(keys, underway) == wanted


def test_what_was_begun_long_ago_is_forgotten() -> None:
    assert commands("*2102#", step=FORGET_S) == [HandOver("102")]
    assert commands("*2102#", step=FORGET_S + 0.1) == []


@given(st.text("0123456789*#ABCD", max_size=40), st.booleans())
def test_no_row_of_keys_breaks_anything_and_a_number_is_only_digits(
    keys: str, underway: bool
) -> None:
    for command in commands(keys, underway):
        if isinstance(command, HandOver | TellAgency):
            assert 1 <= len(command.number) <= 15
            key = "*2" if isinstance(command, HandOver) else "*5"
            assert f"{key}{command.number}#" in keys
