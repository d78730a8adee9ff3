"""The result of a bench as tables for people."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
from rich.console import Console

from lab.bench.bounds import Verdict
from lab.bench.figures import median
from lab.bench.stage import Figures
from ngalam112.terminal import Column, table

Row = dict[str, Any]


def write_tables(screen: Console, found: Figures, judged: Sequence[Verdict]) -> None:
    """Write one table for each measure that was played, and the verdict."""
    for title, rows in _tables(found):
        if rows:
            columns = [Column(name, name, right=index > 0) for index, name in enumerate(rows[0])]
            screen.print(table(rows, columns, f"\n{title}"))
    bounds = [
        {**msgspec.structs.asdict(one), "reached": "yes" if one.reached else "NO"} for one in judged
    ]
    shown = [
        {**row, "measured": f"{row['measured']:.3g}", "wish": row["wish"] and f"{row['wish']:.3g}"}
        for row in bounds
    ]
    columns = [
        Column("name", "bound"),
        Column("bound", "must be", right=True),
        Column("wish", "wish", right=True),
        Column("measured", "measured", right=True),
        Column("reached", "reached"),
    ]
    screen.print(table(shown, columns, "\nThe bounds"))


def _tables(found: Figures) -> Iterator[tuple[str, list[Row]]]:
    yield "Free operator: from the BYE to the next INVITE, in ms", list(_free(found))
    yield "Throughput with 200 operators, and CPU of a call in ms", list(_throughput(found))
    yield "CPU of a call in ms, both at the same time", list(_beside(found))
    yield "Set-up, in ms", list(_setup(found))
    yield "With calls that wait, 20 operators", list(_growth(found))
    yield "A surge, 20 operators", list(_surge(found))
    yield (
        "Served while so many times as many come as can be served, calls a second",
        list(_goodput(found)),
    )
    yield "Four busy loops beside the line, served a second", list(_busy(found))
    for database, one in found.get("incidents", {}).items():
        title = f"What is asked of {one['count']:,} incidents on {database}, in ms"
        yield title, list(_incidents(one["questions"]))
    for database, one in found.get("reports", {}).items():
        title = (
            f"Reports of {one['month_calls']:,} and {one['year_calls']:,} calls on {database}, s"
        )
        yield title, list(_reports(one["reports"]))
    yield "An answer of the engine's loop beside ten reports at once, ms", list(_crowd(found))
    yield "The engine alone, on one core against a recorded Asterisk", list(_alone(found))


def _free(found: Figures) -> Iterator[Row]:
    for peer, by_count in found.get("free_operator_ms", {}).items():
        for count, one in by_count.items():
            if one:
                low, high = min(one["p50_runs"]), max(one["p50_runs"])
                row = {"peer": peer, "operators": count, "p50": f"{one['p50']:.1f}"}
                row |= {"p50 of the pairs": f"{low:.1f} to {high:.1f}"}
                row |= {"p99": f"{one['p99']:.1f}", "max": f"{one['max']:.1f}"}
                ratio = found.get("free_operator_ratio", {}).get(count, {})
                says = peer == "ours" and ratio.get("p50")
                yield row | {"p50 is 1/": f"{1 / ratio['p50']:.0f}" if says else None}


def _throughput(found: Figures) -> Iterator[Row]:
    for peer, runs in found.get("throughput_runs", {}).items():
        cps = runs["cps"]
        row: Row = {"peer": peer, "calls a second": f"{found['throughput_cps'][peer]:.1f}"}
        row |= {"of the pairs": f"{min(cps):.1f} to {max(cps):.1f}"}
        row |= {"Asterisk": f"{found['asterisk_cpu_ms_per_call'][peer]:.1f}"}
        engine = runs.get("engine")
        yield row | {"engine": f"{median(engine):.2f}" if engine else None}


def _beside(found: Figures) -> Iterator[Row]:
    for peer, runs in found.get("beside_runs", {}).items():
        row: Row = {"peer": peer}
        for name, title in (
            ("asterisk", "Asterisk"),
            ("engine", "engine"),
            ("cps", "calls a second"),
        ):
            row[title] = f"{median(runs[name]):.2f}" if name in runs else None
        yield row


def _setup(found: Figures) -> Iterator[Row]:
    titles = {"answer": "INVITE to 200", "digit": "digit to INVITE", "voices": "200 to both voices"}
    for peer, by_rate in found.get("setup_ms", {}).items():
        for rate, steps in by_rate.items():
            row: Row = {"peer": peer, "calls a second": rate}
            for step, title in titles.items():
                one = steps.get(step)
                shown = one and " ".join(f"{one[part]:.0f}" for part in ("p50", "p95", "p99"))
                row[f"{title} (p50 p95 p99)"] = shown
            yield row


def _surge(found: Figures) -> Iterator[Row]:
    for rate, runs in found.get("surge", {}).items():
        for peer in ("app_queue", "ours"):
            one = runs[peer]
            row: Row = {"calls a second": rate, "peer": peer, "offered": one["offered"]}
            row |= {"served": one["served"], "out of turn": one["out_of_turn"]}
            row |= {"gave up": one["gave_up"]}
            row |= {"rings of the fallback": one["rings_of_fallback"]}
            row |= {"seconds": f"{one['seconds']:.1f}"}
            yield row | {"Asterisk": "lives" if one["asterisk_lives"] else "DEAD"}


def _goodput(found: Figures) -> Iterator[Row]:
    for peer, by_times in found.get("goodput_cps", {}).items():
        yield {"peer": peer} | {f"{often} times": f"{cps:.1f}" for often, cps in by_times.items()}


def _busy(found: Figures) -> Iterator[Row]:
    for peer, runs in found.get("busy", {}).get("runs", {}).items():
        for one in runs:
            row: Row = {"peer": peer}
            row |= {name: f"{one[name]:.1f}" for name in ("before", "during", "after")}
            yield row | {"Asterisk": "lives" if one["asterisk_lives"] else "DEAD"}


def _incidents(asked: Figures) -> Iterator[Row]:
    for what, one in asked.items():
        row: Row = {"question": what}
        for name in ("p50", "p95", "max"):
            row[name] = f"{one[f'{name}_ms']:.1f}"
        yield row | {"rows": one["rows"], "by": one["index"]}


def _reports(asked: Figures) -> Iterator[Row]:
    for what, one in asked.items():
        row: Row = {"report": what}
        for name in ("month", "year"):
            row |= {name: f"{one[f'{name}_s']:.1f}", f"{name}, CPU": f"{one[f'{name}_cpu_s']:.1f}"}
        yield row


def _crowd(found: Figures) -> Iterator[Row]:
    one = found.get("report_crowd", {})
    for name in ("without", "with") if one else ():
        row: Row = {"reports": one["reports"] if name == "with" else 0}
        yield row | {part: f"{one[name][f'{part}_ms']:.2f}" for part in ("p50", "p95", "p99")}


def _alone(found: Figures) -> Iterator[Row]:
    names = {
        "calls_per_second": "calls a second",
        "events_per_second": "events a second",
        "engine_cpu_ms_per_call": "CPU of a call, ms",
        "engine_memory_mb": "memory, MB",
    }
    if one := found.get("engine_alone"):
        yield {title: f"{one[name]:.1f}" for name, title in names.items()}


def _growth(found: Figures) -> Iterator[Row]:
    names = {
        "free_p50_ms": "free p50",
        "free_p99_ms": "free p99",
        "answer_p50_ms": "INVITE to 200 p50",
        "asterisk_cores": "Asterisk, cores",
        "engine_cores": "engine, cores",
        "engine_mb": "engine, MB",
    }
    for peer, by_waiting in found.get("growth", {}).items():
        for waiting, one in by_waiting.items():
            row: Row = {"peer": peer, "waiting": waiting}
            for name, title in names.items():
                row[title] = f"{one[name]:.2f}" if name in one else None
            yield row
