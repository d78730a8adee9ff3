"""A verification: the caller of an incident is rung, to hear whether it is so, before anybody is
sent. Pure.
"""

from __future__ import annotations

KIND = "verification"
"""`WorkItem.kind` of a verification. Its `reason` is the number of the incident."""

TRIES = 2
AGAIN_S = 30.0
"""From a try in vain to the next one: agencies wait for what comes of it."""

FIRST_S = 20.0
"""For so long it waits for the operator who has asked, if that one is busy; then for anybody."""

GIVE_UP_S = 900.0
"""Nobody has taken it for so long: it is of no use any more."""

LOOK_AGAIN_S = 2.0
AFTER_A_CALL_S = 2.0

HEAD_START_S = 60.0
"""An incident that somebody doubts waits for it: it goes before a citizen of the same moment."""
