"""A person's token at the command line: out of a file or the environment, and never an argument."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ngalam112.cli.app import commands
from ngalam112.cli.own_token import FILE_VARIABLE, VARIABLE, TokenError, personal_token


def test_without_one_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (VARIABLE, FILE_VARIABLE):
        monkeypatch.setenv(name, "")
    assert personal_token() is None


def test_a_file_counts_before_the_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv(VARIABLE, " n112_environment ")
    assert personal_token() == "n112_environment"
    file = tmp_path / "token"
    file.touch(0o600)
    file.write_text("n112_file\n")
    monkeypatch.setenv(FILE_VARIABLE, str(file))
    assert personal_token() == "n112_file"


@pytest.mark.parametrize(
    ("mode", "content", "words"),
    [
        (0o640, b"n112_x", "chmod 600"),
        (0o604, b"n112_x", "chmod 600"),
        (0o600, b"", "is empty"),
        (0o600, b"a" * 129, "no token"),
        (0o600, b"n112_x\nn112_y", "no token"),
        (0o600, b"\xff\xfe", "no token"),
        (None, b"", "No such file"),
    ],
)
def test_a_file_that_others_can_read_or_that_has_no_token_is_refused(
    mode: int | None,
    content: bytes,
    words: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    file = tmp_path / "token"
    if mode is not None:
        file.write_bytes(content)
        file.chmod(mode)
    monkeypatch.setenv(FILE_VARIABLE, str(file))
    with pytest.raises(TokenError, match=words) as caught:
        personal_token()
    assert "n112" not in str(caught.value)


def options(command: Any) -> Iterator[str]:
    for one in getattr(command, "commands", {}).values():
        yield from options(one)
    for param in command.params:
        yield from param.opts


def test_no_command_takes_a_token_as_an_argument() -> None:
    found = set(options(commands()))
    assert "--pin-file" in found
    assert [one for one in found if "token" in one or "secret" in one or "bearer" in one] == []
