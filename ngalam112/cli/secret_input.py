"""Where a PIN or a password comes from: a question, standard input or a file; never the arguments.

Whoever is on the machine can read the arguments of every process, and shells keep them.
"""

from __future__ import annotations

import sys
from pathlib import Path

import typer

from ngalam112.cli.common import tell

STDIN = "-"
_LONGEST = 1024


class SecretError(Exception):
    """A PIN or a password cannot be read; the message says from where and what to do."""


def secret(name: str, *, argument: str | None, file: str | None, ask: bool) -> str | None:
    """Return the secret called `name` ("PIN"); None if none is given and nobody is to be asked.

    `file` is a path, or `-` for standard input; its first line counts. An `argument` still works
    in this version, with a warning. Raises SecretError.
    """
    option = f"--{name.lower()}"
    if argument is not None and file is not None:
        raise SecretError(f"Give {option}-file alone; {option} goes away.")
    if argument is not None:
        tell(
            f"{option} on the command line can be read by everybody on this machine, and the next "
            f"version will refuse it; use {option}-file FILE, or - for standard input"
        )
        return argument
    if file is not None:
        return _first_line(name, file)
    if not ask:
        return None
    if not sys.stdin.isatty():
        raise SecretError(f"There is nobody to ask for the {name}; use {option}-file FILE, or -.")
    return str(typer.prompt(name, hide_input=True, confirmation_prompt=True))


def _first_line(name: str, file: str) -> str:
    try:
        if file == STDIN:
            line = sys.stdin.readline(_LONGEST)
        else:
            with Path(file).open(encoding="utf-8") as opened:
                line = opened.readline(_LONGEST)
    except (OSError, UnicodeDecodeError) as error:
        raise SecretError(f"The {name} cannot be read from {file}: {error}.") from None
    found = line.rstrip("\r\n")
    if not found:
        where = "standard input" if file == STDIN else file
        raise SecretError(f"The {name} is missing: the first line of {where} is empty.")
    return found
