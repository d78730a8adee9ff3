"""Times between what phones, citizens and endpoints noted, in milliseconds. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from lab.chaos.notes import Note, times
from lab.chaos.rtp_endpoints import Heard


class SetUp(msgspec.Struct, frozen=True, kw_only=True):
    """How long the steps of calls took, a value for each call that got so far.

    `answer`: from the citizen's INVITE to its 200. `digit`: from the end of the key to the INVITE
    at the operator's phone. `voices`: from its 200 until both have heard the other's voice.
    """

    answer: list[float]
    digit: list[float]
    voices: list[float]


def free_operator(phones: Iterable[Note], begun: float, ended: float) -> list[float]:
    """How long each phone that hung up (BYE) in the window was without a call (next INVITE).

    A wait that is not over when the window ends is left out, so who lets phones wait long comes off
    a little better than it is.
    """
    over: dict[str, float] = {}
    found = []
    for note in sorted(phones, key=lambda note: note.at):
        if note.what == "over":
            over[note.phone] = note.at
        elif note.what == "rings":
            since = over.pop(note.phone, None)
            if since is not None and begun <= since and note.at <= ended:
                found.append((note.at - since) * 1000)
    return found


def completed(notes: Iterable[Note], begun: float, ended: float) -> int:
    """How many calls came to their end in the window."""
    return sum(note.what == "over" and begun <= note.at <= ended for note in notes)


def answers(citizens: Sequence[Note], begun: float, ended: float) -> list[float]:
    """From INVITE to 200, of the citizens who dialled in the window."""
    dialled, answered = times(citizens, "dialled"), times(citizens, "answered")
    return [
        (answered[who] - at) * 1000
        for who, at in dialled.items()
        if begun <= at <= ended and who in answered
    ]


def set_up(
    citizens: Sequence[Note],
    phones: Sequence[Note],
    callers: Mapping[str, Heard],
    desks: Sequence[Heard],
    begun: float,
    ahead: float,
) -> SetUp:
    """Join the notes with what was heard, of all citizens who dialled from `begun` on.

    `callers`: by number, what that citizen heard; `desks`: what was heard at the phone of the first
    call, the second...; `ahead`: what is added to the endpoints' moments to get those of notes.
    """
    dialled = {who: at for who, at in times(citizens, "dialled").items() if at >= begun}
    answered = times(citizens, "answered")
    rang, lifted = times(phones, "rings"), times(phones, "lifts")
    at_desk = dict(
        zip((note.citizen for note in phones if note.what == "rings"), desks, strict=False)
    )
    found = SetUp(answer=[], digit=[], voices=[])
    for who, at in dialled.items():
        if who in answered:
            found.answer.append((answered[who] - at) * 1000)
        released = callers[who].released if who in callers else None
        if released is not None and who in rang:
            found.digit.append((rang[who] - released - ahead) * 1000)
        both = who in callers and who in at_desk and callers[who].voices and at_desk[who].voices
        if both and who in lifted:
            heard = max(callers[who].voices[0], at_desk[who].voices[0])
            found.voices.append((heard + ahead - lifted[who]) * 1000)
    return found
