"""What the demo plays: groups of citizens, and what the records must say of each."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from acd.calls.record import CallRecord
from lab.actors.sipp import SippResult

PHONES = ("101", "102", "103", "104")


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """Citizens who behave alike, and what their records must say."""

    scenario: str
    count: int
    outcome: str
    category: str | None
    source: str
    keys: dict[str, str] = {}
    what: str


def _talk(count: int, key: str, category: str, source: str = "menu", **more: str) -> Group:
    keys = {"key": key, **more}
    return Group(
        scenario="citizen_keys_talk_until_bye" if more else "citizen_key_talk_until_bye",
        count=count,
        outcome="answered",
        category=category,
        source=source,
        keys=keys,
        what=f"press {' then '.join(keys.values())}",
    )


NOBODY_THERE = (
    Group(
        scenario="citizen_key_queue_bye",
        count=2,
        outcome="lost_queue",
        category="fire",
        source="menu",
        keys={"key": "3"},
        what="press 3, hang up in the queue",
    ),
    Group(
        scenario="citizen_menu_bye",
        count=2,
        outcome="lost_menu",
        category=None,
        source="none",
        what="hang up in the menu",
    ),
    Group(
        scenario="citizen_information_bye",
        count=2,
        outcome="information",
        category="covid",
        source="menu",
        what="listen to the information",
    ),
)
NOBODY_ANSWERS = (
    Group(
        scenario="citizen_key_queue_bye",
        count=2,
        outcome="lost_ringing",
        category="police",
        source="menu",
        keys={"key": "2"},
        what="press 2, hang up while a phone rings",
    ),
)
SERVED = (
    _talk(4, "2", "police"),
    _talk(4, "3", "fire"),
    _talk(3, "4", "power"),
    _talk(2, "0", "general"),
    _talk(2, "1", "covid", key2="0"),
    _talk(2, "9", "general", "invalid", key2="9"),
    _talk(2, "6", "fire", key2="3"),
    Group(
        scenario="citizen_silent_talk_until_bye",
        count=2,
        outcome="answered",
        category="general",
        source="silence",
        what="press nothing",
    ),
)


MORE_CALLS = 1
"""Beside those of the groups: that of the fire (`lab.demo.incidents`)."""


class Check(msgspec.Struct, frozen=True):
    """One line of the comparison: what SIPp counted, what the records say."""

    what: str
    expected: str
    sipp: int
    records: int

    @property
    def agree(self) -> bool:
        """Both tell the same."""
        return self.sipp == self.records


def compare(
    results: Sequence[tuple[Group, str, SippResult]], records: Sequence[CallRecord]
) -> list[Check]:
    """Hold each group's SIPp counts against the records of its callers."""
    checks = []
    for group, caller, result in results:
        theirs = [one for one in records if one.caller_number.startswith(caller)]
        as_told = [
            one
            for one in theirs
            if (one.outcome, one.category, one.category_source)
            == (group.outcome, group.category, group.source)
        ]
        expected = f"{group.outcome}, {group.category or 'no category'}, {group.source}"
        what = f"{group.count} {group.what}"
        checks.append(Check(what, expected, result.successful, len(as_told)))
        if result.calls != group.count or len(theirs) != group.count:
            checks.append(Check("  of these, calls in all", "", result.calls, len(theirs)))
    calls = sum(result.calls for _, _, result in results) + MORE_CALLS
    checks.append(Check("all calls", "offered", calls, len(records)))
    return checks
