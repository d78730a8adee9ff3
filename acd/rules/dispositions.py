"""What operators say that a call was: names and codes, as data."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

import msgspec

INCIDENT_CLASSES = ("emergency", "information", "complaint", "prank", "ghost", "test")
"""What an incident can be said to be: the classes by which the national report counts."""

_NAME = re.compile(r"[a-z][a-z0-9_-]{0,31}")
_PROMPT = re.compile(r"[a-z0-9_]{1,64}")


class Disposition(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a call was: `name` for the records, `prompt` for the operator's ear.

    `nuisance`: marks the caller's number as one. `real`: proves that it is none. `incident_class`:
    what the call's incident is then (`incidents.states.IncidentClass`); None: that is not said.
    """

    name: str
    prompt: str
    nuisance: bool = False
    real: bool = False
    incident_class: str | None = msgspec.field(default=None, name="class")


DISPOSITIONS: Mapping[str, Disposition] = {
    "1": Disposition("prank", "disposition_prank", nuisance=True, incident_class="prank"),
    "2": Disposition("ghost", "disposition_ghost", nuisance=True, incident_class="ghost"),
    "3": Disposition("real", "disposition_real", real=True, incident_class="emergency"),
}
"""By the digit that is dialled behind *4; 0 takes back what was said."""


def disposition_problems(dispositions: Mapping[str, Disposition]) -> Iterator[str]:
    """What is wrong with the data, one clause each."""
    names: set[str] = set()
    for digit, one in dispositions.items():
        where = f"disposition {digit!r}"
        if len(digit) != 1 or digit not in "123456789":
            yield f"{where}: its key must be one of the digits 1 to 9"
        if not _NAME.fullmatch(one.name):
            yield f"{where}: the name {one.name!r} must be 1 to 32 small letters, digits, _ or -"
        if one.name in names:
            yield f"{where}: the name {one.name!r} is there twice"
        if not _PROMPT.fullmatch(one.prompt):
            yield f"{where}: the prompt {one.prompt!r} must be a-z, 0-9 and _ only"
        if one.incident_class is not None and one.incident_class not in INCIDENT_CLASSES:
            known = ", ".join(INCIDENT_CLASSES)
            yield f"{where}: there is no class {one.incident_class!r}; choose one of {known}"
        if one.nuisance and one.real:
            yield f"{where}: a call is a nuisance or real, not both"
        names.add(one.name)
