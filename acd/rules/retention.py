"""How long records are kept, as data of the city: days by class, for what is personal and for rows.

No Indonesian rule with a number of days was found (UU 27/2022, articles 42 to 44: as long as the
purpose needs, then erased). The defaults follow what is usual in the USA: three years for the
records of a dispatch centre (Utah), 31 days for what is recorded technically (New Jersey,
Arkansas). Rows without persons are statistics, and stay.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec

CALL_CLASSES = (
    *("answered", "information", "lost", "fallback", "callback"),
    *("prank", "ghost", "test"),
)
"""Calls by their outcome; those that an operator has marked as prank or ghost apart."""

INCIDENT_CLASSES = (
    *("emergency", "information", "complaint"),
    *("prank", "ghost", "test", "uncoded"),
)

THREE_YEARS, A_MONTH = 1095, 31
_LONGEST = 36_500


class Keep(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Days from the begin of a record on; None: for ever.

    `personal`: until what is personal is taken out. `row`: until the record is removed.
    """

    personal: int | None = None
    row: int | None = None


_PERSONS = Keep(personal=THREE_YEARS)
_ROWS = Keep(row=THREE_YEARS)


class Retention(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The section of the file. Classes that a file leaves out are as here; one that it names has
    only what it says.
    """

    calls: dict[str, Keep] = {}
    incidents: dict[str, Keep] = {}
    callbacks: Keep = _PERSONS
    texts: Keep = _PERSONS
    requests: Keep = _PERSONS
    operator_events: Keep = Keep()
    operator_states: Keep = _ROWS
    recordings: Keep = Keep(personal=A_MONTH)
    trail: Keep = _ROWS
    logs: Keep = Keep(row=A_MONTH)

    def of_call(self, name: str) -> Keep:
        """How long calls of a class are kept."""
        return self.calls.get(name, _PERSONS)

    def of_incident(self, name: str) -> Keep:
        """... and incidents of a class."""
        return self.incidents.get(name, _PERSONS)

    def by_name(self) -> Mapping[str, Keep]:
        """All classes, by their names, in the order in which a purge takes them."""
        return {
            **{f"calls.{name}": self.of_call(name) for name in CALL_CLASSES},
            **{f"incidents.{name}": self.of_incident(name) for name in INCIDENT_CLASSES},
            "callbacks": self.callbacks,
            "texts": self.texts,
            "requests": self.requests,
            "operator_events": self.operator_events,
            "operator_states": self.operator_states,
            "recordings": self.recordings,
            "trail": self.trail,
            "logs": self.logs,
        }


_ONLY_ROWS = ("operator_events", "operator_states", "trail", "logs")


def retention_problems(rules: Retention) -> Iterator[str]:
    """What is wrong with the data, one clause each."""
    for kind, given, known in (
        ("calls", rules.calls, CALL_CLASSES),
        ("incidents", rules.incidents, INCIDENT_CLASSES),
    ):
        for name in given.keys() - set(known):
            yield f"retention.{kind}: {name!r} is none of {', '.join(known)}"
    for name, keep in rules.by_name().items():
        for days in (keep.personal, keep.row):
            if days is not None and not 1 <= days <= _LONGEST:
                yield f"retention.{name}: days must be between 1 and {_LONGEST}"
        if keep.row is not None and (keep.personal or 0) > keep.row:
            yield f"retention.{name}: row must not be below personal"
        is_row = keep.row is not None and 1 <= keep.row <= _LONGEST
        if is_row and keep.personal is None and name not in _ONLY_ROWS:
            yield f"retention.{name}: give personal too; without it persons stay as long as the row"
        if name == "recordings" and keep.row is not None:
            yield "retention.recordings: leave row out; each row vouches for those before it"
        if name in _ONLY_ROWS and keep.personal is not None:
            yield f"retention.{name} has rows only; leave personal out"
