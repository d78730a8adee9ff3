"""The commands of the lab, which the product's command line finds as entry points.

`pyproject.toml` lists them under `ngalam112.commands`; without that list the command line has the
product's commands alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated

import typer

from ngalam112.cli.common import FormatOption
from ngalam112.config.settings import load_settings
from ngalam112.terminal import Format

FailuresOption = Annotated[
    Path | None,
    typer.Option(
        envvar="NGALAM112_FAILURES",
        help="Where what tells the cause of a failure is kept; else in the state folder.",
    ),
]


def _check_format(who: str, fmt: Format) -> None:
    if fmt is Format.CSV:
        raise typer.BadParameter(f"{who} writes table or json", param_hint="--format")


def _check_names(kind: str, only: Iterable[str] | None, known: Mapping[str, object]) -> None:
    for name in set(only or ()) - known.keys():
        names = ", ".join(known)
        raise typer.BadParameter(f"no {kind} {name}; there are {names}", param_hint="--only")


def demo(fmt: FormatOption = Format.TABLE) -> None:
    """Play the whole line on loopback, with citizens and operators, and check the records."""
    from lab.demo.run import main as run

    _check_format("the demo", fmt)
    raise typer.Exit(run(load_settings(), fmt.value))


def storm(
    seed: Annotated[int | None, typer.Option(min=0, help="Repeat a storm; else random.")] = None,
    calls: Annotated[int, typer.Option(min=1, max=20_000, help="How many citizens.")] = 1000,
    kills: Annotated[bool, typer.Option(help="Kill the engine now and then.")] = True,
    keep: Annotated[bool, typer.Option("--keep", help="Keep the state folder and logs.")] = False,
    failures: FailuresOption = None,
    fmt: FormatOption = Format.TABLE,
) -> None:
    """Let random citizens and phones storm a line on loopback; exit 1 if it does not hold."""
    from lab.storm.run import Wanted
    from lab.storm.run import main as run

    _check_format("the storm", fmt)
    wanted = Wanted(
        seed=seed,
        calls=calls,
        kills=kills,
        keep=keep,
        json=fmt is Format.JSON,
        failures=failures,
    )
    raise typer.Exit(run(load_settings(), wanted))


def chaos(
    only: Annotated[
        list[str] | None, typer.Option("--only", help="Play this one; may be given again.")
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Fewer calls, shorter faults.")] = False,
    seed: Annotated[int | None, typer.Option(min=0, help="Repeat a play; else random.")] = None,
    beside: Annotated[
        int, typer.Option(min=1, max=20, help="How many faults are played at the same time.")
    ] = 1,
    keep: Annotated[bool, typer.Option("--keep", help="Keep the state folders and logs.")] = False,
    failures: FailuresOption = None,
    fmt: FormatOption = Format.TABLE,
) -> None:
    """Let each part of a line die on loopback, and count what it costs; exit 1 if any is lost."""
    from lab.chaos.run import SCENARIOS, Wanted
    from lab.chaos.run import main as run

    _check_format("chaos", fmt)
    _check_names("scenario", only, SCENARIOS)
    wanted = Wanted(
        seed=seed,
        only=only or (),
        beside=beside,
        quick=quick,
        keep=keep,
        json=fmt is Format.JSON,
        failures=failures,
    )
    raise typer.Exit(run(load_settings(), wanted))


def bench(
    only: Annotated[
        list[str] | None, typer.Option("--only", help="Play this measure; may be given again.")
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Fewer sizes, shorter windows.")] = False,
    pairs: Annotated[int | None, typer.Option(min=1, max=50, help="How often a peer.")] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Repeat a bench; else random.")] = None,
    keep: Annotated[bool, typer.Option("--keep", help="Keep the state folders and logs.")] = False,
    out: Annotated[Path | None, typer.Option(help="Where the result goes, as JSON.")] = None,
    svg: Annotated[Path | None, typer.Option(help="Draw the result to this file.")] = None,
    failures: FailuresOption = None,
    fmt: FormatOption = Format.TABLE,
) -> None:
    """Measure the line beside app_queue and a bare Asterisk; exit 1 if a bound is not reached."""
    from lab.bench.run import MEASURES, Wanted
    from lab.bench.run import main as run

    _check_format("the bench", fmt)
    _check_names("measure", only, MEASURES)
    wanted = Wanted(
        only=only or (),
        pairs=pairs,
        seed=seed,
        quick=quick,
        keep=keep,
        json=fmt is Format.JSON,
        out=out,
        svg=svg,
        failures=failures,
    )
    raise typer.Exit(run(load_settings(), wanted))
