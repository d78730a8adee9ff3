"""The rules of distribution as data: times, priorities, and what a category means for its calls."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Literal
from urllib.parse import quote

import msgspec

from acd.numbers.caller import COUNTRY
from acd.numbers.caller_limits import CallerLimits
from acd.numbers.nuisance import Nuisance
from acd.numbers.outbound import Barred, Outbound
from acd.numbers.withheld import Withheld
from acd.rules.callbacks import CallbackRules
from acd.rules.dispositions import DISPOSITIONS, Disposition
from acd.rules.incidents import IncidentRules
from acd.rules.load_shedding import Limits

LONGEST_HEAD_START_S = 600.0
LONGEST_CAP_S = 3600.0
# Levels of a skill; 0 is no skill at all.
BEST_LEVEL = 9


class Ring(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A widening: after so many seconds of waiting, an operator of this level may have the call.

    `min_level` 0 is anybody who is ready, whatever they know.
    """

    after_s: float
    min_level: int


# At first whoever has the skill, at any level; nobody waits longer than this for the right one.
RINGS = (Ring(0.0, 1), Ring(30.0, 0))

# Head starts by Resource-Priority (RFC 4412: wps and ets, 0 is the most urgent; RFC 7135: esnet, 4
# is). esnet.0 and esnet.1 are not here: among emergency calls they are nothing special.
RESOURCE_PRIORITY: Mapping[str, float] = {
    **{f"wps.{level}": 60.0 - 15.0 * level for level in range(4)},
    **{f"ets.{level}": 60.0 - 15.0 * level for level in range(4)},
    **{f"esnet.{level}": 15.0 * level for level in range(2, 5)},
}


class Failure(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What follows for an operator from an offer that failed for one reason.

    `rest_s`: no further offer for so long. `counts`: as a miss; too many in a row pause the
    operator. `pauses`: at once.
    """

    rest_s: float = 0.5
    counts: bool = False
    pauses: bool = False


# A phone that rang in vain may be tried again at once, one that refuses may not. What is not here
# (the phone could not be rung, the talk could not be joined) is no fault of the operator's.
FAILURES: Mapping[str, Failure] = {
    "no_answer": Failure(0.5, counts=True),
    "busy": Failure(3.0, counts=True),
    "rejected": Failure(5.0, counts=True),
    "unreachable": Failure(5.0, counts=True),
}
_NO_FAULT = Failure()

# A citizen who cannot speak is asked what can be answered by a key; 4 and 5 are what Massachusetts
# and others use for text-less calls.
ANSWERS: Mapping[str, str] = {"4": "yes", "5": "no"}
LABELS: Mapping[str, str] = {
    "silent": "DIAM",
    "calls": "BERULANG",
    "short_calls": "PENDEK",
    "marks": "PRANK?",
}


ANYBODY = "anybody"  # whoever is ready, whatever they know
ALL_PHONES = "all_phones"  # every phone that can be rung, whoever sits there


class OverflowStep(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """After a call has waited `after_s` with nobody on duty for it, `to` is tried.

    `to`: ANYBODY, ALL_PHONES, or the number or id of an agency; one that is not there is passed
    over.
    """

    after_s: float
    to: str


class Category(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a category means for a call.

    `label` is for the operator's display. `head_start_s` is the priority: a call is served as if it
    had arrived so many seconds earlier, so it passes others but never one that has waited that much
    longer. `strategy` names who gets the call (`acd.queueing.strategies`). `wrap_up_s`: work after
    the call, if other than the line's. `cap_s`: the maximum wait; who has waited longer is served
    before all others, by anybody. `rings`: how the circle of operators widens, if other than the
    line's.
    """

    label: str
    head_start_s: float = 0.0
    strategy: str = "longest-idle"
    wrap_up_s: float | None = None
    cap_s: float = 120.0
    rings: tuple[Ring, ...] | None = None


Mode = Literal["off", "position", "wait"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Announce:
    """What waiting citizens are told beside "you are in line": nothing, their place, or the wait.

    `first_s`: from joining the queue to the first figure; `every_s`: from one to the next.
    `text_s`: how long the music's own words take, which no figure cuts off. `silent`: the prompts
    by which who says nothing is asked to press a key, one for each language.
    """

    mode: Mode = "off"
    first_s: float = 3.0
    every_s: float = 30.0
    text_s: float = 0.0
    silent: tuple[str, ...] = ("silent_caller",)


CALL_ID = "{call_id}"
"""Stands for a call's id in `Rules.desk_url`."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Rules:
    """The rules of one line; times in seconds.

    `preferred_s`: for how long a caller who calls again gets the operator of the last talk, if that
    one is free. `rings`: how the circle of operators who may have a call widens while it waits; the
    last one is of level 0, so that no call waits for a skill that never comes. `language_s`: how
    long a call waits for who speaks its language, if that is not the line's. `ring_all_most`: how
    many phones one call rings together at most. Head starts beside the category's: by the value of
    a Resource-Priority header, for a callback, for a silent call. `failures`: what follows from an
    offer that failed, by its reason. `overflow`: what is tried when nobody is on duty, and after
    `overflow_again_s` once more. `whisper`: say to the operator what the call is about. `limits`:
    how many calls and channels the line takes before it sheds work, and calls. `country`: where
    numbers without a country code are from (ISO 3166). `callback_ring_s`, `agency_ring_s`: how
    long a citizen who is called back, and an agency, is rung. `outbound`: which numbers are
    dialled. `callbacks`: when lost calls are called back. `number`: what citizens dial. `withheld`:
    what people see of a number that its caller withholds. `answers`: what a citizen's key
    means in a talk. `labels`: what an operator's display shows of a call beside its category.
    `phone_silence_s`: a phone without audio for so long in a talk is taken for dead.
    `nuisance`: what makes a number one, and what follows. `caller_limits`: how many calls at once a
    number or an address has before its next ones are behind. `dispositions`: what a call was, by
    the digit that an operator dials behind *4. `incidents`: how long that may take. `desk_url`: the
    address of a call for phones that open one, with {call_id} where its id belongs; "" is none.
    """

    ring_timeout_s: float = 12.0
    callback_ring_s: float = 45.0
    agency_ring_s: float = 30.0
    wrap_up_s: float = 10.0
    preferred_s: float = 0.0
    rings: tuple[Ring, ...] = RINGS
    language_s: float = 20.0
    ring_all_most: int = 20
    resource_priority: Mapping[str, float] = field(default_factory=lambda: RESOURCE_PRIORITY)
    callback_head_start_s: float = -120.0
    silent_head_start_s: float = 30.0
    handed_over_head_start_s: float = 30.0
    failures: Mapping[str, Failure] = field(default_factory=lambda: FAILURES)
    overflow: tuple[OverflowStep, ...] = ()
    overflow_again_s: float = 30.0
    whisper: bool = False
    announce: Announce = Announce()
    limits: Limits = field(default_factory=Limits)
    country: str = COUNTRY
    outbound: Outbound = field(default_factory=Outbound)
    callbacks: CallbackRules = field(default_factory=CallbackRules)
    number: str = "112"
    phone_silence_s: float = 20.0
    withheld: Withheld = Withheld.SHOWN
    answers: Mapping[str, str] = field(default_factory=lambda: ANSWERS)
    labels: Mapping[str, str] = field(default_factory=lambda: LABELS)
    nuisance: Nuisance = field(default_factory=Nuisance)
    caller_limits: CallerLimits = field(default_factory=CallerLimits)
    dispositions: Mapping[str, Disposition] = field(default_factory=lambda: DISPOSITIONS)
    incidents: IncidentRules = field(default_factory=IncidentRules)
    desk_url: str = ""
    categories: Mapping[str, Category] = field(default_factory=dict)

    def failure(self, reason: str) -> Failure:
        """What follows from an offer that failed for this reason."""
        if reason == "lost":
            reason = "unreachable"
        if reason == "hung_up":
            reason = "rejected"  # who hangs up in the moment of the answer has refused
        return self.failures.get(reason, _NO_FAULT)

    def ring_s(self, kind: str) -> float:
        """How long somebody is rung: a citizen's mobile and an agency longer than a phone here."""
        outside = {"citizen": self.callback_ring_s, "agency": self.agency_ring_s}
        return outside.get(kind, self.ring_timeout_s)

    def dial_string(self, number: str) -> str | Barred:
        """What to dial for a citizen's number, or why it is not dialled."""
        return self.outbound.dial_string(number, self.country, self.number)

    def desk_address(self, call_id: str) -> str:
        """The address of a call for phones that open one; "" if there is none."""
        if not self.desk_url:
            return ""
        return self.desk_url.replace(CALL_ID, quote(call_id, safe=""))

    def category(self, name: str | None) -> Category:
        """What a category means; one that is not in the data has its name as label."""
        return self.categories.get(name or "") or Category((name or "112").upper())

    def wrap_up(self, category: str | None) -> float:
        """How long the work after a call of this category takes."""
        own = self.category(category).wrap_up_s
        return self.wrap_up_s if own is None else own

    def rings_of(self, category: str | None) -> tuple[Ring, ...]:
        """How the circle of operators widens for a call of this category."""
        own = self.category(category).rings
        return self.rings if own is None else own


def ring_problems(rings: Sequence[Ring]) -> list[str]:
    """What is wrong with rings, as clauses."""
    found = []
    if not rings or rings[0].after_s != 0:
        found.append("the first of the rings must have after_s = 0")
    elif rings[-1].min_level != 0:
        found.append(
            "the last of the rings must have min_level = 0, so that somebody has each call"
        )
    for ring in rings:
        if not 0 <= ring.min_level <= BEST_LEVEL:
            found.append(f"min_level of a ring must be between 0 and {BEST_LEVEL}")
        if not 0 <= ring.after_s <= LONGEST_CAP_S:
            found.append(f"after_s of a ring must be between 0 and {LONGEST_CAP_S:g}")
    for one, wider in pairwise(rings):
        if not (one.after_s < wider.after_s and one.min_level > wider.min_level):
            found.append(
                "each of the rings must be later and of a lower min_level than the one before"
            )
    return found
