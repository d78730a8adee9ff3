"""The distribution file: what the city decides about its operators, as data, checked when read."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec

from acd.agencies.fields import ID, NUMBER
from acd.agencies.first import Section, section_problems
from acd.numbers.caller_limits import CallerLimits, caller_limit_problems
from acd.numbers.nuisance import Nuisance, nuisance_problems
from acd.numbers.outbound import Outbound, outbound_problems
from acd.operators.operator import MISSED
from acd.rules.callbacks import CallbackRules, callback_problems
from acd.rules.complaints import ComplaintRules, complaint_problems
from acd.rules.dispositions import DISPOSITIONS, Disposition, disposition_problems
from acd.rules.incidents import IncidentRules, incident_problems
from acd.rules.retention import Retention, retention_problems
from acd.rules.rules import (
    ALL_PHONES,
    ANSWERS,
    ANYBODY,
    FAILURES,
    LABELS,
    LONGEST_CAP_S,
    LONGEST_HEAD_START_S,
    RESOURCE_PRIORITY,
    RINGS,
    Failure,
    OverflowStep,
    Ring,
    ring_problems,
)

LONGEST_REST_S = 3600.0

_NAME = re.compile(r"[a-z][a-z0-9_-]{0,31}")
_LABEL = re.compile(r"[A-Za-z0-9 ?-]{1,16}")
_PROMPT = re.compile(r"[a-z0-9_]{1,64}")


class DistributionError(Exception):
    """The distribution file cannot be used; the message says where it is wrong."""


class NoSuchReason(ValueError):
    """A pause has a reason that is not in the data; the message lists those that are."""


class PauseReason(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Why an operator is away: `name` for the records, `prompt` for the operator's ear."""

    name: str
    prompt: str


class Priority(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Head starts in seconds, beside that of a call's category.

    `callback`, `silent`: of calls with these flags. `handed_over`: of calls that an operator has
    handed to a category, counted from then. `resource`: by the value of a Resource-Priority
    header, such as esnet.4.
    """

    callback: float = -120.0
    silent: float = 30.0
    handed_over: float = 30.0
    resource: dict[str, float] = msgspec.field(default_factory=lambda: dict(RESOURCE_PRIORITY))


class Distribution(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole file, one field a table.

    `pause_reasons`: by the digit that is dialled. `rings`: how the circle of operators widens while
    a call waits, where its category says nothing else. `language_s`: how long a call waits for who
    speaks its language. `ring_all_most`: how many phones the
    strategy ring-all rings together. `failures`: what follows from an offer that failed, by the
    reason. `overflow`: what is tried for who waits with nobody on duty, in the order of time, and
    `overflow_again_s` after the last step from the first. `category_numbers`: by the number that
    operators dial. `agencies`: what the table of agencies is filled with at first, and nothing
    else. `fallback`: the agencies that are rung, in this order, when no engine serves and no phone
    answers, by number or id. `outbound`: which numbers are dialled at all.
    `callbacks`: when lost calls are called back. `answers`: what a citizen's key means in a talk,
    by the digit. `labels`: what the display says of a call beside its category.
    `nuisance`: which numbers are served behind others. `limits`: how many calls at once a number
    or an address has before that holds for its next ones. `dispositions`: what a call was, by the
    digit that an operator dials behind *4. `incidents`: how long that may take. `complaints`: the
    agreed times of complaints and information. `retention`: how long records are kept.
    """

    pause_reasons: dict[str, PauseReason] = {}
    priority: Priority = Priority()
    rings: tuple[Ring, ...] = RINGS
    language_s: float = 20.0
    ring_all_most: int = 20
    failures: dict[str, Failure] = {}
    overflow: list[OverflowStep] = []
    overflow_again_s: float = 30.0
    callbacks: CallbackRules = CallbackRules()
    outbound: Outbound = Outbound()
    answers: dict[str, str] = msgspec.field(default_factory=lambda: dict(ANSWERS))
    labels: dict[str, str] = {}
    nuisance: Nuisance = Nuisance()
    limits: CallerLimits = CallerLimits()
    dispositions: dict[str, Disposition] = msgspec.field(default_factory=lambda: dict(DISPOSITIONS))
    incidents: IncidentRules = IncidentRules()
    complaints: ComplaintRules = ComplaintRules()
    retention: Retention = Retention()
    agencies: dict[str, Section] = {}
    category_numbers: dict[str, str] = {}
    fallback: tuple[str, ...] = ()

    def named(self) -> frozenset[str]:
        """The agencies that the plan and the fallback name, by number or id."""
        steps = {step.to for step in self.overflow} - {ANYBODY, ALL_PHONES}
        return frozenset(steps | {*self.fallback})

    def prompts(self) -> set[str]:
        """The names of all prompts that can be played."""
        reasons = {reason.prompt for reason in self.pause_reasons.values()}
        return reasons | {one.prompt for one in self.dispositions.values()}

    def check_reason(self, name: str | None) -> None:
        """Raise NoSuchReason unless `name` is one of the data, or None: without a reason."""
        names = [reason.name for reason in self.pause_reasons.values()]
        if name is not None and name not in names:
            known = ", ".join(names) or "none at all"
            raise NoSuchReason(f"There is no pause reason {name[:32]!r}; known are: {known}.")


def load_distribution(path: Path) -> Distribution:
    """Read and check the file; raise DistributionError with one sentence if it cannot be used."""
    try:
        found = msgspec.convert(tomllib.loads(path.read_text("utf-8")), Distribution)
    except OSError as error:
        raise DistributionError(
            f"The distribution file {path} cannot be read: {error.strerror}."
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, msgspec.ValidationError) as error:
        raise DistributionError(f"The distribution file {path} is wrong: {error}.") from None
    except RecursionError:
        raise DistributionError(
            f"The distribution file {path} is wrong: it is nested too deeply."
        ) from None
    for problem in _problems(found):
        raise DistributionError(f"The distribution file {path} is wrong: {problem}.")
    return found


def _problems(found: Distribution) -> Iterator[str]:
    """All that is wrong; each table has its own checks."""
    yield from _reason_problems(found.pause_reasons)
    yield from _priority_problems(found.priority)
    yield from ring_problems(found.rings)
    if not 0 <= found.language_s <= LONGEST_CAP_S:
        yield f"language_s must be between 0 and {LONGEST_CAP_S:g}"
    if not 1 <= found.ring_all_most <= 1000:
        yield "ring_all_most must be between 1 and 1000"
    yield from section_problems(found.agencies)
    for number in found.category_numbers:
        if not NUMBER.fullmatch(number) or number in found.agencies:
            yield (
                f"category number {number}: operators dial 1 to 10 digits for it, and it is no "
                "agency's"
            )
    for name in found.fallback:
        if not _names_agency(name):
            yield f"fallback: {name!r} is no agency's number or id"
    yield from _failure_problems(found.failures)
    yield from _overflow_problems(found)
    yield from outbound_problems(found.outbound)
    yield from callback_problems(found.callbacks)
    yield from _word_problems(found)
    yield from nuisance_problems(found.nuisance)
    yield from caller_limit_problems(found.limits)
    yield from disposition_problems(found.dispositions)
    yield from incident_problems(found.incidents)
    yield from complaint_problems(found.complaints)
    yield from retention_problems(found.retention)


def _priority_problems(priority: Priority) -> Iterator[str]:
    starts = {
        "callback": priority.callback,
        "silent": priority.silent,
        "handed_over": priority.handed_over,
        **priority.resource,
    }
    for name, seconds in starts.items():
        least = -LONGEST_HEAD_START_S if name == "callback" else 0
        if not least <= seconds <= LONGEST_HEAD_START_S:
            yield (
                f"priority, {name}: seconds must be between {least:g} and {LONGEST_HEAD_START_S:g}"
            )
        if name != name.lower():
            yield f"priority, {name}: names are written small"


def _word_problems(found: Distribution) -> Iterator[str]:
    for digit, meaning in found.answers.items():
        if len(digit) != 1 or digit not in "0123456789*#":
            yield f"answers, {digit!r}: its key must be one of 0 to 9, * or #"
        if not _NAME.fullmatch(meaning):
            yield f"answers, {digit}: {meaning!r} must be 1 to 32 small letters, digits, _ or -"
    for name, label in found.labels.items():
        if name not in LABELS:
            yield f"labels: {name!r} is none of {', '.join(LABELS)}"
        if not _LABEL.fullmatch(label):
            yield f"labels, {name}: {label!r} must be 1 to 16 letters, digits, blanks, - or ?"


def _failure_problems(failures: Mapping[str, Failure]) -> Iterator[str]:
    for reason, failure in failures.items():
        if reason not in FAILURES:
            yield f"failures: {reason!r} is none of {', '.join(FAILURES)}"
        if not 0 <= failure.rest_s <= LONGEST_REST_S:
            yield f"failures, {reason}: rest_s must be between 0 and {LONGEST_REST_S:g}"


def _overflow_problems(found: Distribution) -> Iterator[str]:
    if not 1 <= found.overflow_again_s <= LONGEST_REST_S:
        yield f"overflow_again_s must be between 1 and {LONGEST_REST_S:g}"
    before = 0.0
    for number, step in enumerate(found.overflow, 1):
        where = f"overflow, step {number}"
        if not _names_agency(step.to):  # as the two others are written too
            yield (
                f"{where}: {step.to!r} is neither {ANYBODY}, {ALL_PHONES} nor an agency's number "
                "or id"
            )
        if not before <= step.after_s <= LONGEST_REST_S:
            yield (
                f"{where}: after_s must be between 0 and {LONGEST_REST_S:g}, and not below that of "
                "the step before"
            )
        before = step.after_s


def _names_agency(name: str) -> bool:
    return bool(NUMBER.fullmatch(name) or ID.fullmatch(name))


def _reason_problems(reasons: Mapping[str, PauseReason]) -> Iterator[str]:
    names: set[str] = set()
    for digit, reason in reasons.items():
        where = f"pause reason {digit!r}"
        if len(digit) != 1 or digit not in "0123456789":
            yield f"{where}: its key must be one of the digits 0 to 9"
        if not _NAME.fullmatch(reason.name):
            yield (
                f"{where}: the name {reason.name!r} must be 1 to 32 small letters, digits, _ or -, "
                "beginning with a letter"
            )
        if reason.name == MISSED:
            yield f"{where}: the name {MISSED!r} is the engine's own"
        if reason.name in names:
            yield f"{where}: the name {reason.name!r} is there twice"
        if not _PROMPT.fullmatch(reason.prompt):
            yield f"{where}: the prompt {reason.prompt!r} must be a-z, 0-9 and _ only"
        names.add(reason.name)
