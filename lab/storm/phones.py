"""Puts scenarios of phones together, so that one SIPp plays a phone that is never the same twice.

Each scenario of a phone that takes rows (`kind;ring;talk;...`) begins with `recv INVITE` and ends
with a handler of what else may come, from the label `_unexp.main` on. Between the two lies what it
does; all of these go into one scenario, and the row's first field says which of them a call plays.
Beginning and handler are the last file's, which has to know all fields and all that may come.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

_INVITE = "  </recv>\n"
_HANDLER = '  <label id="_unexp.main" />\n'
_LABELS = re.compile(r'(<label id|next|ontimeout)="(?!over")([^"]+)"')


class CannotJoin(Exception):
    """A scenario does not begin and end as those of phones that take rows do."""


def join(files: Sequence[Path]) -> str:
    """Return one scenario that plays that of `files` whose index is the row's first field."""
    heads, bodies, tails = zip(*(_parts(file) for file in files), strict=True)
    ways = [
        f'  <nop><action><test assign_to="is_{index}" variable="kind" compare="equal"'
        f' value="{index}" /></action></nop>\n  <nop next="{index}_" test="is_{index}" />\n'
        for index in range(len(files))
    ]
    played = [
        f'  <label id="{index}_" />\n  <nop />\n' + _LABELS.sub(rf'\1="{index}_\2"', body)
        for index, body in enumerate(bodies)
    ]
    kind = (
        '  <nop><action><assignstr assign_to="kind_text" value="[field0]" />'
        '<todouble assign_to="kind" variable="kind_text" /></action></nop>\n'
    )
    return "".join([heads[-1], kind, *ways, *played, tails[-1]])


def _parts(file: Path) -> tuple[str, str, str]:
    text = file.read_text("ascii")
    head, invite, rest = text.partition(_INVITE)
    body, handler, tail = rest.partition(_HANDLER)
    if not invite or not handler:
        raise CannotJoin(
            f"{file} cannot be joined: it takes no rows as phone_answer_some_talk_bye."
        )
    return head + invite, body, handler + tail
