"""What SIPp's citizens and phones wrote down: who did what when. Pure.

A line is SIPp's time stamp (date, time, seconds since the epoch, apart by tabs), a word, and who:
a citizen's number, or From and To of the call that a phone got.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

import msgspec

FALLBACK = "FALLBACK"
"""What phones show where the fallback rings them."""

_LINE = re.compile(
    r"^\S+\s+\S+\s+(\d+\.\d+)\s+(dialled|answered|gave_up|rings|lifts|talks|over)\s+(.*)$"
)
_CALL = re.compile(r'(?:"([^"]*)")?\s*<sip:([^@>]*)@.* at .*<sip:([^@>]*)@')


class Note(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that a citizen or a phone saw: `what` at `at`, seconds since the epoch.

    Of citizens: dialled, answered (by the line), gave_up, over. Of phones: rings, lifts (the
    receiver), talks, over. `citizen`: the citizen's number; `shown`: the name that the phone
    `phone` shows.
    """

    at: float
    what: str
    citizen: str
    shown: str = ""
    phone: str = ""


def read_notes(text: str) -> list[Note]:
    """Return the notes in their order; a line that SIPp has not finished is left out."""
    found = (_LINE.match(line) for line in text.splitlines())
    return [_note(float(one[1]), one[2], one[3].strip()) for one in found if one is not None]


def _note(at: float, what: str, who: str) -> Note:
    call = _CALL.search(who)
    if call is None:
        return Note(at=at, what=what, citizen=who)
    return Note(at=at, what=what, citizen=call[2], shown=call[1] or "", phone=call[3])


def times(notes: Iterable[Note], what: str) -> dict[str, float]:
    """When each citizen had this for the first time."""
    first: dict[str, float] = {}
    for note in notes:
        if note.what == what:
            first[note.citizen] = min(note.at, first.get(note.citizen, note.at))
    return first
