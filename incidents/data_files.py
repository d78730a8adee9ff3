"""Reads the city's TOML files: bounded, and refused with one clear sentence."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

LARGEST_FILE = 512 * 1024
"""Bytes; a city's file has some 30,000."""

SEE = "docs/incident_data.md says what may stand there"


class DataFileError(Exception):
    """A file of the city cannot be used; the message says where it is wrong and what to do.

    `problems`: all that is wrong with it, a clause each; empty if it cannot be read at all.
    """

    def __init__(self, message: str, problems: Iterable[str] = ()) -> None:
        super().__init__(message)
        self.problems = tuple(problems)

    def sentences(self, path: Path) -> list[str]:
        """All that is wrong with the file `path`, a sentence each."""
        return [f"{path}: {one}." for one in self.problems] or [str(self)]


def read_toml(path: Path, what: str, error: type[DataFileError], see: str = SEE) -> dict[str, Any]:
    """Return the tables of the file; raise `error` if it cannot be read or is no TOML.

    `what`: how the message calls it, such as "categories file". `see`: where to read what may stand
    there.
    """
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST_FILE + 1)
    except OSError as failed:
        raise error(f"The {what} {path} cannot be read: {failed.strerror}.") from None
    if len(content) > LARGEST_FILE:
        raise error(f"The {what} {path} has more than {LARGEST_FILE >> 10} KB; make it smaller.")
    try:
        return tomllib.loads(content.decode("utf-8"))
    except UnicodeDecodeError:
        raise error(f"The {what} {path} is no UTF-8 text; save it as UTF-8.") from None
    except RecursionError:
        raise error(f"The {what} {path} is nested too deeply; {see}.") from None
    except ValueError as failed:  # of TOML, and of numbers with thousands of digits
        raise error(f"The {what} {path} is no valid TOML: {failed}; correct that line.") from None


def wrong(
    path: Path, what: str, error: type[DataFileError], found: list[str], see: str = SEE
) -> DataFileError:
    """Return the error for a file in which `found` is wrong; its message names the first."""
    more = len(found) - 1
    rest = f" (and {more} more)" if more else ""
    return error(f"The {what} {path} is wrong: {found[0]}{rest}; {see}.", found)


def plain(text: str, longest: int) -> bool:
    """Whether a text is one line of 1 to `longest` characters that can be shown anywhere."""
    return 0 < len(text) <= longest and text.isprintable() and text == text.strip()
