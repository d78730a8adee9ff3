"""Which holes of Asterisk are known in a version, out of `known_holes.toml`."""

from __future__ import annotations

import tomllib
from datetime import date
from pathlib import Path

import msgspec

from pbx.root import parse_version

FILE = Path(__file__).with_name("known_holes.toml")


class Hole(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A hole or a fatal fault: open before `mended_in`, and in that branch only.

    The line is not open to one in a `module` that it does not load, nor where `avoided` says why.
    """

    id: str
    what: str
    mended_in: str
    module: str = ""
    avoided: str = ""

    @property
    def release(self) -> tuple[int, ...]:
        """The first release without it."""
        return parse_version(self.mended_in) or ()


class KnownHoles(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All that the file knows, and the day of the last look at what is published."""

    as_of: date
    hole: tuple[Hole, ...]

    def open_in(self, version: tuple[int, ...]) -> list[Hole]:
        """Return the holes of this version of Asterisk to which a line is open."""
        return [
            one
            for one in self.hole
            if version[:1] == one.release[:1] and version < one.release
            if not one.module and not one.avoided
        ]

    def knows(self, version: tuple[int, ...]) -> bool:
        """Whether the file names any release of this version's branch."""
        return any(version[:1] == one.release[:1] for one in self.hole)


def load_known_holes(file: Path = FILE) -> KnownHoles:
    """Read the file, which comes with the project."""
    return msgspec.convert(tomllib.loads(file.read_text()), KnownHoles)
