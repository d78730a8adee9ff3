"""The token of who sits at the command line, out of a file or the environment; never the arguments.

Without one the command line has the line's own token, which its own user alone can read.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

from ngalam112.accounts.people import LONGEST_SECRET

VARIABLE, FILE_VARIABLE = "NGALAM112_TOKEN", "NGALAM112_TOKEN_FILE"


class TokenError(Exception):
    """A person's token cannot be used; the message says why and what to do."""


def personal_token() -> str | None:
    """Return the token that is named by NGALAM112_TOKEN_FILE or NGALAM112_TOKEN; None: neither is.

    Raises TokenError for a file that others can read, and for what cannot be a token.
    """
    file = os.environ.get(FILE_VARIABLE, "")
    said = _of_file(Path(file)) if file else os.environ.get(VARIABLE, "")
    found = said.strip()
    if not found:
        if file:
            raise TokenError(f"The token is missing: {file} is empty ({FILE_VARIABLE}).")
        return None
    if len(found) > LONGEST_SECRET or not found.isascii() or not found.isprintable():
        raise TokenError(f"{FILE_VARIABLE if file else VARIABLE} holds no token of this line.")
    return found


def _of_file(file: Path) -> str:
    try:
        with file.open("rb") as opened:
            mode = os.fstat(opened.fileno()).st_mode
            content = opened.read(4 * LONGEST_SECRET)
    except OSError as error:
        raise TokenError(
            f"The token cannot be read from {file}: {error.strerror} ({FILE_VARIABLE})."
        ) from None
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise TokenError(f"Others can read the token in {file}; do: chmod 600 {file}")
    return content.decode("utf-8", "replace")
