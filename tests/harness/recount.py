"""Counts calls from SIPp's logs of its messages, and from nothing else: a script of its own.

`python tests/harness/recount.py --citizens FILE --phones FILE [--rows FILE]` writes JSON. It takes
nothing from the line or its reports, so it can tell whether these are right. A citizen's call runs
from the INVITE to the BYE; an operator has answered when a phone's 200 went out to the INVITE that
shows this citizen's number. `--rows`: the injection files of citizens who press a key
(number;...;milliseconds before the key;key), by which the queue is entered and the category known.
"""

from __future__ import annotations

import argparse
import json
import math
import re
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

KEYS = {"2": "police", "3": "fire", "4": "power", "0": "general"}
KEY_S = 0.65  # from the order to SIPp to the end of the tone: before it SIPp sends 0.4 s of filler
_MESSAGE = re.compile(
    r"^-{20,} (\S+)\r?\n\S+ message (sent|received) \[\d+\] bytes:\r?\n\r?\n", re.M
)
_NUMBER = re.compile(r"^From:.*?<sip:([^@>]*)@", re.M)
_PHONE = re.compile(r"^To:.*?<sip:([^@>]*)@", re.M)
_CALL = re.compile(r"^Call-ID: *(\S+)", re.M)


def messages(text: str) -> list[dict[str, Any]]:
    """Each message: when, whether it was sent, its first line, its call and the number in From."""
    parts = _MESSAGE.split(text)[1:]
    found = []
    for moment, way, said in zip(parts[::3], parts[1::3], parts[2::3], strict=True):
        call, number, phone = (one.search(said) for one in (_CALL, _NUMBER, _PHONE))
        found.append(
            {
                "at": datetime.fromisoformat(moment).timestamp(),
                "sent": way == "sent",
                "first": said.split("\r\n")[0].split("\n")[0],
                "of": re.search(r"^CSeq: *\d+ (\w+)", said, re.M)[1],  # type: ignore[index]
                "call": call[1] if call else "",
                "number": number[1] if number else "",
                "phone": phone[1] if phone else "",
            }
        )
    return found


def calls_of(citizens: str, phones: str, rows: str = "") -> list[dict[str, Any]]:
    """Join what citizens and phones sent and got: one record for each call of a citizen."""
    pressed = {}
    for row in rows.splitlines():
        fields = row.split(";")
        if len(fields) > 3:
            pressed[fields[0]] = (float(fields[2]) / 1000, fields[3])
    calls: dict[str, dict[str, Any]] = {}
    for one in messages(citizens):
        if one["sent"] and one["first"].startswith("INVITE "):
            about = {"number": one["number"], "arrived": one["at"], "ended": None}
            calls.setdefault(one["call"], about)
        elif one["first"].startswith("SIP/2.0 200") and one["of"] == "INVITE":
            calls[one["call"]].setdefault("up", one["at"])
        elif one["first"].startswith("BYE "):
            call = calls[one["call"]]
            call["ended"], call["by"] = one["at"], "caller" if one["sent"] else "operator"
    rings = _rings(phones)
    for call in calls.values():
        legs = rings.get(call["number"], [])
        answered = sorted((leg["answered"], leg["phone"]) for leg in legs if "answered" in leg)
        call["answered"], call["taken"] = None, len(answered)
        if answered:
            call["answered"], call["operator"] = answered[0][0], f"1{answered[0][1]}"
        if call["number"] in pressed and "up" in call:
            after, key = pressed[call["number"]]
            queued = call["up"] + after + KEY_S
            if call["ended"] is None or queued < call["ended"]:
                call["queued"], call["category"] = queued, KEYS[key]
        call["outcome"] = _outcome(call, legs)
    return list(calls.values())


def _rings(phones: str) -> dict[str, list[dict[str, Any]]]:
    """What rang at phones, by the citizen's number that they show."""
    legs: dict[str, dict[str, Any]] = {}
    for one in messages(phones):
        if not one["sent"] and one["first"].startswith("INVITE "):
            legs.setdefault(one["call"], {name: one[name] for name in ("number", "phone")})
        elif one["call"] not in legs:
            continue
        elif one["sent"] and one["first"].startswith("SIP/2.0 200") and one["of"] == "INVITE":
            legs[one["call"]].setdefault("answered", one["at"])
        elif one["first"].startswith(("BYE ", "CANCEL ")):
            legs[one["call"]]["over"] = one["at"]
    found: dict[str, list[dict[str, Any]]] = {}
    for leg in legs.values():
        found.setdefault(leg["number"], []).append(leg)
    return found


def _outcome(call: dict[str, Any], legs: list[dict[str, Any]]) -> str:
    if call["ended"] is None:
        return "live"
    if call["answered"] is not None:
        return "answered"
    if "queued" not in call:
        return "lost_menu"
    # a phone rang until the citizen had hung up
    rang = any(leg.get("over", call["ended"]) >= call["ended"] - 0.05 for leg in legs)
    return "lost_ringing" if rang else "lost_queue"


def figures(calls: list[dict[str, Any]]) -> dict[str, Any]:
    """The figures of some calls, times in seconds. A call has moments, `outcome` and `taken`."""
    outcomes = ("answered", "lost_menu", "lost_queue", "lost_ringing", "live")
    found: dict[str, Any] = {one: _having(calls, "outcome", one) for one in outcomes}
    found["offered"] = len(calls)
    found["taken"] = sum(one["taken"] for one in calls)
    names = {one.get("category") or "none" for one in calls}
    of = {one: sum((each.get("category") or "none") == one for each in calls) for one in names}
    found["by_category"] = dict(sorted(of.items()))
    served = [one for one in calls if one["answered"] is not None]
    found["answer"] = _times([one["answered"] - one["arrived"] for one in served])
    found["queue"] = _times([one["answered"] - one["queued"] for one in served])
    waited = [one for one in calls if one["outcome"] in ("answered", "lost_queue", "lost_ringing")]
    found["wait"] = _times([(one["answered"] or one["ended"]) - one["queued"] for one in waited])
    talks = [one["ended"] - one["answered"] for one in served if one["ended"] is not None]
    found["talk_mean"] = sum(talks) / len(talks) if talks else None
    for stage in ("lost_menu", "lost_queue", "lost_ringing"):
        lost = [one["ended"] - one["arrived"] for one in calls if one["outcome"] == stage]
        found[f"{stage}_after"] = _times(lost)
    gone = [one for one in calls if one["outcome"].startswith("lost")]
    found["lost_after"] = sorted(one["ended"] - one["arrived"] for one in gone)
    found["answered_after"] = sorted(one["answered"] - one["arrived"] for one in served)
    return found


def _having(calls: list[dict[str, Any]], name: str, value: str) -> int:
    return sum(one[name] == value for one in calls)


def _times(values: list[float]) -> dict[str, float] | None:
    """The mean, the nearest ranks and the mean of the longest tenth; None of nothing."""
    if not values:
        return None
    ordered, count = sorted(values), len(values)
    tenth = ordered[count - math.ceil(count / 10) :]
    ranks = {f"p{part}": ordered[math.ceil(count * part / 100) - 1] for part in (50, 90, 95)}
    return {"mean": sum(ordered) / count, "longest_tenth": sum(tenth) / len(tenth), **ranks}


def main() -> None:
    """Read the logs that are named and write the figures."""
    parser = argparse.ArgumentParser()
    for name in ("citizens", "phones", "rows"):
        parser.add_argument(f"--{name}", nargs="*", type=Path, default=[])
    asked = parser.parse_args()
    texts = [
        "\n".join(file.read_text("utf-8", "replace") for file in getattr(asked, name))
        for name in ("citizens", "phones", "rows")
    ]
    calls = calls_of(*texts)
    json.dump({"figures": figures(calls), "calls": calls}, sys.stdout)


if __name__ == "__main__":
    main()
