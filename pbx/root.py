"""Where Asterisk and its helpers come from: the host's own packages, or a Debian root in the cache.

Decides by the host's Asterisk alone: new enough, and everything is the host's; else everything
comes out of one root, shared by all clones and keyed by what is in it. Standard library only,
because deploy/setup.py imports this before there is a virtual environment.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
from pathlib import Path

SUITE = "forky"
PACKAGES = ("asterisk", "sip-tester", "baresip-core", "espeak-ng", "sox", "postgresql", "python3")
FORMAT = 1
"""To be raised when roots are built differently from the same suite and packages."""

OLDEST_ASTERISK = (22, 10, 1)
"""REST over WebSocket, StasisBroadcast and claims are all there in 22.10; this release of it mends
twenty holes (`known_holes.toml`)."""


def key() -> str:
    """Return twelve hex digits that change whenever a root with other content is needed."""
    content = "\n".join([SUITE, *sorted(PACKAGES), str(FORMAT)])
    return hashlib.sha256(content.encode()).hexdigest()[:12]


def cache_folder() -> Path:
    """Return our folder in the user's cache; it need not exist yet."""
    # the XDG rule: a relative path there is to be ignored
    base = Path(os.environ.get("XDG_CACHE_HOME", ""))
    return (base if base.is_absolute() else Path.home() / ".cache") / "ngalam112"


def root_path() -> Path:
    """Return the place of the root with today's key; if it exists, it is complete."""
    return cache_folder() / f"root-{key()}"


def other_roots() -> list[Path]:
    """Return complete roots with other keys, left by other versions of the project."""
    return sorted(path for path in cache_folder().glob("root-*") if path != root_path())


def parse_version(text: str) -> tuple[int, ...] | None:
    """Return the first dotted number in what a program says of itself; None if there is none."""
    found = re.search(r"\d+(?:\.\d+)+", text)
    return None if found is None else tuple(int(part) for part in found.group().split("."))


def host_asterisk() -> tuple[int, ...] | None:
    """Return the version of the host's own Asterisk, or None if it has none that runs."""
    path = os.environ.get("PATH", "") + os.pathsep + "/usr/sbin"
    program = shutil.which("asterisk", path=path)
    if program is None:
        return None
    try:
        said = subprocess.run([program, "-V"], capture_output=True, text=True, timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return parse_version(said.stdout)


def host_serves() -> bool:
    """Whether the host's Asterisk is used and no root is needed."""
    version = host_asterisk()
    return version is not None and version >= OLDEST_ASTERISK
