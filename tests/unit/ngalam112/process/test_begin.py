"""Which command lines start an engine without the other commands."""

from __future__ import annotations

import subprocess
import sys

import pytest

from ngalam112.process.begin import engine_of


@pytest.mark.parametrize(
    ("words", "name"),
    [("engine", "1"), ("engine --name 3", "3")],
)
def test_an_engine_alone_is_one(words: str, name: str) -> None:
    assert engine_of(words.split()) == name


@pytest.mark.parametrize(
    "words",
    ["", "up", "engine restart", "engine --help", "engine --name", "engine --name --help"],
)
def test_all_else_is_the_command_line_s(words: str) -> None:
    assert engine_of(words.split()) is None


def test_no_other_command_is_imported_before_it_is_wanted() -> None:
    code = "import sys, ngalam112.__main__; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = done.stdout.split()
    assert "ngalam112.process.begin" in loaded
    assert not {"typer", "ngalam112.cli.app", "ngalam112.cli.status"} & set(loaded)
