"""How `ngalam112 status` shows the line: what is up, who waits, who works, which calls live."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

from ngalam112.terminal import Column, Format, console, table, write_csv, write_json

_LIVING = (
    Column("call_id", "call"),
    Column("stage", "stage"),
    Column("category", "category"),
    Column("caller", "caller"),
    Column("operator", "operator"),
    Column("place", "place", spare=True),
    Column("seconds", "for s", right=True),
)
_LISTS = ("living", "refused_before")


def write_status(found: Mapping[str, Any], fmt: Format) -> None:
    """Write the answer to /api/status, or what the database knows in its place."""
    match fmt:
        case Format.JSON:
            write_json(found)
        case Format.CSV:
            figures = {name: value for name, value in found.items() if name not in _LISTS}
            write_csv(_figures(figures), ("figure", "value"))
        case Format.TABLE:
            say = console().print
            lines = _stored(found) if found["engine"] is None else _serving(found)
            rows = [{"what": what, "found": text} for what, text in lines]
            say(table(rows, (Column("what", "line"), Column("found", ""))))
            if found.get("living"):
                say()
                living = [{**one, "place": _words(one.get("place"))} for one in found["living"]]
                say(table(living, _LIVING))


def _words(place: Mapping[str, Any] | None) -> str | None:
    if place is None:
        return None
    lat, lon = place["lat"], place["lon"]
    return place["place"] or (f"{lat:.5f} {lon:.5f}" if lat is not None else None)


def _serving(found: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    engine, queue, operators = found["engine"], found["queue"], found["operators"]
    up = timedelta(seconds=int(engine["uptime_s"]))
    inside = ("inbox", "backlog", "event_errors")
    figures = ", ".join(f"{name.replace('_', ' ')} {engine[name]}" for name in inside)
    yield "engine", f"version {engine['version']}, up {up}, {figures}"
    yield from _alarms(engine)
    links = (("ARI", engine["ari"]), ("AMI", engine["ami"]), ("database", engine["database"]))
    yield "links", ", ".join(f"{name} {'up' if there else 'DOWN'}" for name, there in links)
    yield "queue", f"{queue['length']} waiting, the longest wait is {queue['longest_wait_s']:.1f} s"
    yield "calls", _counts(found["calls"])
    yield "load", _load(found["load"])
    if any(found["dispatches"].values()):
        yield "agencies", _counts(found["dispatches"])
    yield from _warnings(found["warnings"])
    yield from _recordings(found.get("recordings"))
    if refused := sum(one["calls"] for one in found.get("refused_before", ()) if one["trunk"]):
        yield "refused", f"{refused} calls of trunks within a day: see ngalam112 doctor"
    yield "operators", _counts(operators["status"])
    yield "on duty", _counts(operators["state"])
    yield "phones", _counts(found["phones"])


def _warnings(warnings: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    if warnings["feed"] != "off":
        yield "warnings", warnings["said"]


def _recordings(found: Mapping[str, Any] | None) -> Iterator[tuple[str, str]]:
    if found is None:
        return
    for one in found["alarms"]:
        yield "ALARM", one
    said = ", ".join(f"{found[name]} {name}" for name in ("growing", "waiting", "filed"))
    yield "recordings", f"{said}, {found['free_mb']} MB free"


def _alarms(engine: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    if engine["database_away_since"]:
        waiting = f"{engine['backlog']} entries wait for it in the journal"
        yield "ALARM", f"the database is away since {engine['database_away_since']}; {waiting}"
    if engine["journal_failing_since"]:
        since = engine["journal_failing_since"]
        yield "ALARM", f"the journal cannot be written since {since}; see the disk"
    if abs(engine.get("clock_ahead_s", 0.0)) > 1.0:
        seconds = engine["clock_ahead_s"]
        yield "ALARM", f"the machine's clock was set by {seconds:+.1f} s; followed once all is idle"
    if engine["entries_lost"]:
        yield "ALARM", f"{engine['entries_lost']} entries could be kept nowhere and are lost"


def _stored(found: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    yield "engine", "down"
    yield "operators", _counts(found["operators"]["status"])
    yield "phones", str(found["phones"]["known"])
    yield "calls", f"{found['calls']['without_an_end']} without an end"


def _load(load: Mapping[str, Any]) -> str:
    text = f"{load['level']}, {load['cps']} calls in the last second, {load['channels']} channels"
    text += f"; left undone: {_counts(load['shed'])}"
    waiting = f"{load['at_door']} citizens wait for admission"
    text = f"{text}; {waiting}, {load['held_back']} since the start"
    limits = load.get("beyond_limit", {})
    if any(limits.values()):
        beyond = ", ".join(f"{count} of one {by}" for by, count in limits.items() if count)
        text += (
            f"; {load['behind']} behind them, for more calls at once than [limits] says: {beyond}"
        )
        text += " since the start"
    return text


def _counts(counts: Mapping[str, int]) -> str:
    there = [f"{count} {name.replace('_', ' ')}" for name, count in counts.items() if count]
    return ", ".join(there) or "none"


def _figures(found: Mapping[str, Any], before: str = "") -> Iterator[dict[str, Any]]:
    for name, value in found.items():
        if isinstance(value, Mapping):
            yield from _figures(value, f"{before}{name}_")
        else:
            yield {"figure": f"{before}{name}", "value": value}
