"""What the documents tell people to type is a command that there is, with options that it has."""

from __future__ import annotations

import functools
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ngalam112.cli.app import commands
from ngalam112.config.settings import PROJECT

DOCUMENTS = sorted(
    {
        *PROJECT.glob("*.md"),
        *PROJECT.glob("docs/**/*.md"),
        *PROJECT.glob("deploy/**/*.yml"),
        *PROJECT.glob("deploy/**/*.md"),
    }
    - {PROJECT / "CHANGELOG.md"}  # what was there once
)
_FENCE = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)
_INLINE = re.compile(r"`(ngalam112 [^`]*)`")
_TYPED = re.compile(r"(?:^|[;&|(] *|sudo |[A-Z_0-9]+=\S+ )ngalam112 ([^;&()#>\n]*)", re.MULTILINE)


def typed(document: Path) -> Iterator[list[str]]:
    """The words behind `ngalam112` of each command in a document; of `a|b` there are both."""
    text = document.read_text("utf-8")
    found = [*_FENCE.findall(text), *_INLINE.findall(text)]
    if document.suffix == ".yml":
        found += [line.partition("#")[2].strip() for line in text.splitlines()]
    for part in found:
        for line in _TYPED.findall(part):
            lexer = shlex.shlex(line, posix=False, punctuation_chars=False)
            lexer.whitespace_split, lexer.commenters = True, "#"
            yield from _each([word.rstrip(".,:") for word in lexer], [])


def _each(words: list[str], before: list[str]) -> Iterator[list[str]]:
    if not words:
        yield before
    elif "|" in words[0] and not words[0].startswith(("-", "[", "<", "'", '"')):
        for one in words[0].split("|"):
            yield from _each(words[1:], [*before, one])
    else:
        yield from _each(words[1:], [*before, words[0]])


@functools.cache
def tree() -> Any:
    return commands()


def problem(words: list[str]) -> str:
    """What is wrong with these words of a command; "" if nothing is."""
    command = tree()
    path: list[str] = []
    while hasattr(command, "commands") and words:
        word = words[0]
        if not re.fullmatch(r"[a-z][a-z0-9_-]*", word):
            break  # an option, or a name that stands for something
        below = command.commands.get(word)
        if below is None:
            return f"{' '.join([*path, word])}: there is no such command"
        command, path, words = below, [*path, word], words[1:]
    known = {name for one in command.params for name in (*one.opts, *one.secondary_opts)}
    for word in words:
        option = re.match(r"\[?(--[a-z][a-z0-9-]*)", word)
        if option is not None and option[1] not in known | {"--help"}:
            return f"{' '.join(path)} {option[1]}: there is no such option"
    return ""


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda one: str(one.relative_to(PROJECT)))
def test_all_that_a_document_tells_people_to_type_is_there(document: Path) -> None:
    assert [found for words in typed(document) if (found := problem(words))] == []


def test_what_is_not_there_is_found() -> None:
    assert problem(["token", "add", "x"]) == "token add: there is no such command"
    assert problem(["token", "create", "x", "--dayz", "3"]) == (
        "token create --dayz: there is no such option"
    )
    assert problem(["token", "create", "ID"]) == ""
