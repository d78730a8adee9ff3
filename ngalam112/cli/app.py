"""The command line. `main` is the only place where an error becomes a line and an exit code."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from pathlib import Path
from typing import Annotated

import typer

from ngalam112 import __version__
from ngalam112.cli.accounts import operators
from ngalam112.cli.callbacks import callbacks
from ngalam112.cli.calls import calls
from ngalam112.cli.common import FormatOption, make_group, read, tell
from ngalam112.cli.engines import engines
from ngalam112.cli.export import exports
from ngalam112.cli.output import Column, Format, console, safe, write_list
from ngalam112.cli.phones import phones
from ngalam112.cli.reports import reports
from ngalam112.cli.status import write_status
from ngalam112.settings import load_settings

_OURS = ("models", "acd", "ivr", "pbx", "reports", "ngalam112")

FailuresOption = Annotated[
    Path | None,
    typer.Option(
        envvar="NGALAM112_FAILURES",
        help="Where what tells the cause of a failure is kept; else in the state folder.",
    ),
]

app = typer.Typer(
    name="ngalam112",
    help="An emergency call centre for a city, on Asterisk. Settings are NGALAM112_* variables.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
database = make_group("db", "The database.")
sounds = make_group("sounds", "What citizens hear.")
for group in (engines, phones, operators, calls, callbacks, reports, exports, database, sounds):
    app.add_typer(group)


def main() -> None:
    """Run one command; an error is one line on standard error, and exit 1."""
    for stream in (sys.stdout, sys.stderr):
        # a terminal that knows no Unicode is no reason to fail
        stream.reconfigure(errors="replace")  # type: ignore[union-attr]
    threading.excepthook = _thread_failed
    try:
        app(prog_name="ngalam112")
    except Exception as error:
        if os.environ.get("NGALAM112_LOG_LEVEL") == "debug":
            raise
        tell(_sentence(error))
        sys.exit(1)


def _thread_failed(failure: threading.ExceptHookArgs) -> None:
    # aiosqlite's thread still wants to tell a loop that has ended that a file cannot be opened;
    # the command has told it already
    if str(failure.exc_value) != "Event loop is closed":
        threading.__excepthook__(failure)


def _sentence(error: Exception) -> str:
    ours = type(error).__module__.partition(".")[0] in _OURS
    text = str(error).removeprefix("ngalam112: ")
    if ours and text:
        return text
    if isinstance(error, OSError):
        where = f"{error.filename}: " if error.filename else ""
        return f"{where}{error.strerror or text}."
    name = type(error).__name__
    return f"{name}: {text}. That is a fault of ours; NGALAM112_LOG_LEVEL=debug shows where."


def _version(wanted: bool) -> None:
    if wanted:
        console().print(f"ngalam112 {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    pass


@app.command()
def up() -> None:
    """Run the line in the foreground: Asterisk, three engines, the rescuer, until Ctrl-C."""
    from ngalam112.up import main as run

    raise typer.Exit(run(load_settings()))


@app.command()
def asterisk() -> None:
    """Run Asterisk alone in the foreground, with engines beside it: for a service of its own."""
    from ngalam112.parts import become_asterisk

    become_asterisk(load_settings())


@app.command()
def rescue() -> None:
    """Run the rescuer alone: it takes citizens to the fallback for whom no engine beats."""
    from ngalam112.parts import become_rescuer

    become_rescuer(load_settings())


@app.command()
def demo(fmt: FormatOption = Format.TABLE) -> None:
    """Play the whole line on loopback, with citizens and operators, and check the records."""
    from ngalam112.demo.run import main as run

    if fmt is Format.CSV:
        raise typer.BadParameter("the demo writes table or json", param_hint="--format")
    raise typer.Exit(run(load_settings(), fmt.value))


@app.command()
def storm(
    seed: Annotated[int | None, typer.Option(min=0, help="Repeat a storm; else random.")] = None,
    calls: Annotated[int, typer.Option(min=1, max=20_000, help="How many citizens.")] = 1000,
    keep: Annotated[bool, typer.Option("--keep", help="Keep the state folder and logs.")] = False,
    failures: FailuresOption = None,
    fmt: FormatOption = Format.TABLE,
) -> None:
    """Let random citizens and phones storm a line on loopback; exit 1 if it does not hold."""
    from ngalam112.storm.run import Wanted
    from ngalam112.storm.run import main as run

    if fmt is Format.CSV:
        raise typer.BadParameter("the storm writes table or json", param_hint="--format")
    wanted = Wanted(seed=seed, calls=calls, keep=keep, json=fmt is Format.JSON, failures=failures)
    raise typer.Exit(run(load_settings(), wanted))


@app.command()
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
    from ngalam112.chaos.run import SCENARIOS, Wanted
    from ngalam112.chaos.run import main as run

    if fmt is Format.CSV:
        raise typer.BadParameter("chaos writes table or json", param_hint="--format")
    for name in set(only or ()) - SCENARIOS.keys():
        names = ", ".join(SCENARIOS)
        raise typer.BadParameter(f"no scenario {name}; there are {names}", param_hint="--only")
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


@app.command()
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
    from ngalam112.bench.run import MEASURES, Wanted
    from ngalam112.bench.run import main as run

    if fmt is Format.CSV:
        raise typer.BadParameter("the bench writes table or json", param_hint="--format")
    for name in set(only or ()) - MEASURES.keys():
        names = ", ".join(MEASURES)
        raise typer.BadParameter(f"no measure {name}; there are {names}", param_hint="--only")
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


@app.command()
def doctor(fmt: FormatOption = Format.TABLE) -> None:
    """Say what is missing, wrong or unreachable, and how to mend it; exit 1 if anything is."""
    from ngalam112.cli.doctor import examine, healthy
    from ngalam112.cli.doctor_links import Check

    checks = asyncio.run(examine())
    rows = [{name: getattr(one, name) for name in Check.__struct_fields__} for one in checks]
    columns = [Column(name, name) for name in Check.__struct_fields__]
    write_list(rows, columns, fmt, names=Check.__struct_fields__)
    if not healthy(checks):
        raise typer.Exit(1)


@app.command()
def status(fmt: FormatOption = Format.TABLE) -> None:
    """Show the line as it is now: links, queue, operators, phones, living calls."""
    write_status(read(load_settings(), "/api/status"), fmt)


@database.command("upgrade")
def database_upgrade() -> None:
    """Make the tables, or bring them to this version's; nothing is lost."""
    from models.database import Database, upgrade

    settings = load_settings()
    settings.home.mkdir(parents=True, exist_ok=True, mode=0o700)
    asyncio.run(upgrade(settings.url))
    console().print(f"{safe(Database(settings.url).name)} is up to date.", soft_wrap=True)


@sounds.command("build")
def sounds_build(fmt: FormatOption = Format.TABLE) -> None:
    """Turn the prompts into audio, and make the music; what has not changed is kept."""
    from ngalam112.sounds import build_music, build_sounds
    from pbx.programs import Programs

    settings, programs = load_settings(), Programs.find()
    settings.home.mkdir(parents=True, exist_ok=True, mode=0o700)
    made = build_sounds(settings.prompts, settings.sounds, programs)
    made.append(build_music(settings.music, programs))
    names = ("name", "source", "seconds", "built")
    rows = [{name: getattr(sound, name) for name in names} for sound in made]
    shown = [{**row, "seconds": f"{row['seconds']:.1f}"} for row in rows]
    columns = (*map(Column, names[:2], names[:2]), Column("seconds", "seconds", right=True))
    write_list(rows, (*columns, Column("built", "made now")), fmt, names=names, shown=shown)
