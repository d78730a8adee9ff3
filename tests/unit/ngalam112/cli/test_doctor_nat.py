"""The doctor reads who is behind a NAT out of Asterisk's own database."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from ngalam112.cli.doctor_nat import check_nat
from ngalam112.config.settings import Settings, load_settings

NAT = "sip:{0}@10.0.0.{0};x-ast-orig-host=192.168.1.{0}:5060"


def line_with(home: Path, *contacts: Any, **changes: Any) -> Settings:
    settings = load_settings(home=home, **changes)
    lib = settings.asterisk_home / "lib"
    lib.mkdir(parents=True)
    with closing(sqlite3.connect(lib / "astdb.sqlite3")) as astdb, astdb:
        astdb.execute("CREATE TABLE astdb (key VARCHAR PRIMARY KEY, value VARCHAR)")
        for number, one in enumerate(contacts):
            text = one if isinstance(one, str) else json.dumps(one)
            astdb.execute("INSERT INTO astdb VALUES (?, ?)", (f"/registrar/contact/{number}", text))
    return settings


@pytest.mark.parametrize(
    ("contact", "named"),
    [
        ({"endpoint": "101", "uri": NAT.format(101)}, True),
        ({"endpoint": "101", "uri": "sips:101@[2001:db8::1]:5;x-ast-orig-host=[fd00::1]:5"}, True),
        ({"endpoint": "101", "uri": "sip:101@10.0.0.1:5062"}, False),
        ({"endpoint": "101", "uri": "sip:101@10.0.0.1:6;x-ast-orig-host=10.0.0.1:5060"}, False),
        ({"endpoint": "101"}, False),
        ({"uri": NAT.format(101)}, False),
        ("no JSON", False),
        ("[]", False),
    ],
)
def test_whose_contact_has_another_address_is_behind_a_nat(
    tmp_path: Path, contact: Any, named: bool
) -> None:
    (check,) = check_nat(line_with(tmp_path, contact))
    assert (check.state == "warning") is named
    assert ("101" in check.found) is named


def test_many_are_counted(tmp_path: Path) -> None:
    contacts = [{"endpoint": str(one), "uri": NAT.format(one)} for one in range(101, 113)]
    (check,) = check_nat(line_with(tmp_path, *contacts))
    assert check.found.endswith("101, 102, 103, 104, 105 and 7 more")


@pytest.mark.parametrize("setting", ["phone_nat", "trunk_nat"])
def test_where_the_line_knows_of_it_nothing_is_wrong(tmp_path: Path, setting: str) -> None:
    contact = {"endpoint": "101", "uri": NAT.format(101)}
    assert check_nat(line_with(tmp_path, contact, **{setting: True})) == []


def test_without_a_line_there_is_nothing_to_say(tmp_path: Path) -> None:
    assert check_nat(load_settings(home=tmp_path)) == []
