"""A line in the middle of a busy evening, as a board gets it; and what a screen shows, as text."""

from __future__ import annotations

import os
import re
from html import unescape
from pathlib import Path
from typing import Any

from ngalam112.cli.live.view import View

KEPT = Path(__file__).parent.parent / "unit" / "ngalam112" / "cli" / "boards"
"""What boards looked like when somebody looked at them last."""

DOCS = Path(__file__).parent.parent.parent / "docs"
KEEPS = os.environ.get("NGALAM112_KEEP_BOARDS") == "1"

_NAMES = ("Sari", "Budi Santoso", "Wahyu", "Ningsih", "Agus Prasetyo", "Dewi", "Slamet", "Rina")
_DOES = (
    ("ready", "talking", 74.0, None),
    ("ready", "talking", 312.0, None),
    ("ready", "offered", 4.0, None),
    ("ready", "idle", 0.0, None),
    ("paused", "idle", 754.0, "prayer"),
    ("ready", "wrap_up", 12.0, None),
    ("paused", "talking", 21.0, "meal"),
    ("logged_out", "idle", 9_000.0, None),
)


def a_person(n: int, **changes: Any) -> dict[str, Any]:
    """An operator, of whom each does something else than the one before."""
    status, state, for_s, reason = _DOES[n % len(_DOES)]
    out = status == "logged_out"
    person: dict[str, Any] = {
        "id": f"{1001 + n}",
        "name": _NAMES[n % len(_NAMES)],
        "status": status,
        "state": state,
        "for_s": for_s,
        "pause_reason": reason,
        "phone": None if out else f"{101 + n}",
        "device": None if out else ("in_use" if state == "talking" else "free"),
        "call": None,
        "text": "t1" if n == 4 else None,
        "calls_taken": 17 - n % 17,
    }
    return person | changes


def a_snapshot(people: int = 8, **changes: Any) -> dict[str, Any]:
    """A snapshot as the engine pushes it."""
    everybody = [a_person(n) for n in range(people)]
    if people > 3:
        everybody[3] |= {"device": "unreachable", "for_s": 35.0}
    waiting = [
        ("call", "fire", "081234567890", 43.2),
        ("call", "police", "+6281298765432", 21.0),
        ("call", "police", "", 12.5),
        ("callback", "power", "0341366444", 8.0),
        ("text", "", "081234500000", 3.1),
    ]
    snapshot: dict[str, Any] = {
        "seq": 7,
        "at": "2026-11-30T19:32:05+07:00",
        "engine": {
            "version": "0.1.0",
            "pid": 4711,
            "uptime_s": 12_245.0,
            "ari": True,
            "ami": True,
            "database": True,
            "inbox": 0,
            "backlog": 3,
            "database_away_since": None,
            "journal_failing_since": None,
            "entries_lost": 0,
            "event_errors": 0,
            "clock_ahead_s": 0.0,
        },
        "queue": {"length": 5, "longest_wait_s": 43.2},
        "calls": {"queued": 3, "ringing": 1, "talking": 3, "menu": 2},
        "operators": _counts(everybody),
        "load": {
            "level": "normal",
            "cps": 2,
            "channels": 31,
            "shed": {},
            "at_door": 0,
            "held_back": 0,
        },
        "last_call_s": 3.0,
        "trunk_refused": 2,
        "dispatches": {"sending": 1, "sent": 4, "overdue": 1},
        "warnings": {
            "feed": "up",
            "known": 1,
            "said": "Hujan lebat dan angin kencang, Kota Malang, sampai 22.00. BMKG",
        },
        "categories": [
            {"category": "", "waiting": 1, "longest_wait_s": 3.1},
            {"category": "fire", "waiting": 1, "longest_wait_s": 43.2},
            {"category": "police", "waiting": 3, "longest_wait_s": 21.0},
        ],
        "waiting": [
            {"id": f"c{n}", "kind": kind, "category": category, "caller": caller, "wait_s": wait}
            for n, (kind, category, caller, wait) in enumerate(waiting)
        ],
        "people": everybody,
        "callbacks": {"open": 2, "oldest_s": 610.0},
        "untold": [
            {"incident_id": "2026-1412", "agency": "damkar", "state": "overdue", "for_s": 402.0},
            {"incident_id": "2026-1415", "agency": "pmi", "state": "sending", "for_s": 35.0},
        ],
    }
    return snapshot | changes


def _counts(everybody: list[dict[str, Any]]) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {"status": {}, "state": {}}
    for one in everybody:
        for kind in ("status", "state"):
            found[kind][one[kind]] = found[kind].get(one[kind], 0) + 1
    return found


def a_view(**changes: Any) -> View:
    """A look at that line, with alarms."""
    given: dict[str, Any] = {
        "snapshot": a_snapshot(),
        "alarms": {
            "wait": "a citizen has waited for more than 20 s; 5 are in the queue",
            "phone 104": "phone 104 of operator 1004, who is ready, cannot be reached",
        },
        "selected": "1002",
    }
    return View(**(given | changes))


def text_of_svg(picture: str) -> str:
    """What a picture of a screen shows, line by line."""
    lines: dict[int, list[str]] = {}
    pattern = (
        r'<text class="[^"]*" x="([\d.]+)"[^>]*clip-path="url\(#[^"]*-line-(\d+)\)">([^<]*)</text>'
    )
    for x, line, text in re.findall(pattern, picture):
        cells = lines.setdefault(int(line), [])
        at = round(float(x) / 12.2)
        cells.extend(" " * (at - len(cells)))
        cells[at:] = unescape(text).replace("\xa0", " ")
    last = max(lines, default=-1)
    return "\n".join("".join(lines.get(n, [])).rstrip() for n in range(last + 1)) + "\n"


def keep_picture(name: str, picture: str) -> None:
    """Keep a picture for the docs, if asked as by `as_kept`; without a font out of the net."""
    if KEEPS:
        text = re.sub(r"@font-face \{.*?\}\n", "", picture, flags=re.DOTALL)
        (DOCS / f"{name}.svg").write_text(
            "\n".join(line.rstrip() for line in text.splitlines()) + "\n"
        )


def as_kept(name: str, text: str) -> bool:
    """Whether a board looks as it did; NGALAM112_KEEP_BOARDS=1 keeps it as it is now."""
    path = KEPT / f"{name}.txt"
    if KEEPS:
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    return path.exists() and path.read_text() == text
