"""The command line: all commands, and `main`, which runs one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from importlib.metadata import entry_points
from typing import Annotated, Any

import typer

from ngalam112 import __version__
from ngalam112.cli.accounts import operators
from ngalam112.cli.agencies import agencies
from ngalam112.cli.alarms import alarms
from ngalam112.cli.api import api
from ngalam112.cli.audit import audits
from ngalam112.cli.callbacks import callbacks
from ngalam112.cli.calls import calls
from ngalam112.cli.categories import categories, category_list
from ngalam112.cli.command_bar import incident_do
from ngalam112.cli.common import FormatOption, make_group, read
from ngalam112.cli.desk import desk
from ngalam112.cli.engines import engines
from ngalam112.cli.export import exports
from ngalam112.cli.incidents import incidents
from ngalam112.cli.live.command import live
from ngalam112.cli.menus import menus
from ngalam112.cli.monitors import monitors
from ngalam112.cli.national import report_national
from ngalam112.cli.notices import notices
from ngalam112.cli.one_line import run_command, tell
from ngalam112.cli.operator_times import report_operator_times
from ngalam112.cli.people import people
from ngalam112.cli.phones import phones
from ngalam112.cli.places import place
from ngalam112.cli.privacy import privacy
from ngalam112.cli.privacy_breaches import breaches
from ngalam112.cli.privacy_erase import privacy_erase
from ngalam112.cli.privacy_export import privacy_export
from ngalam112.cli.privacy_holds import holds
from ngalam112.cli.privacy_purge import privacy_purge, privacy_purges
from ngalam112.cli.privacy_trail import privacy_trail
from ngalam112.cli.recordings import recordings
from ngalam112.cli.report_check import report_check
from ngalam112.cli.report_schedule import schedules
from ngalam112.cli.reports import reports
from ngalam112.cli.staffing import staffing
from ngalam112.cli.status import write_status
from ngalam112.cli.supervisor_reports import SUPERVISOR_REPORTS
from ngalam112.cli.texts import texts
from ngalam112.cli.tokens import tokens
from ngalam112.cli.warnings import public_warnings
from ngalam112.cli.watch import watch
from ngalam112.config.settings import load_settings
from ngalam112.terminal import Column, Format, console, safe, write_list

_MORE_COMMANDS = "ngalam112.commands"
"""The group of entry points (pyproject.toml) by which commands come that are not the product's."""

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
incidents.command("do")(incident_do)
incidents.command("categories")(category_list)
for name, command in SUPERVISOR_REPORTS.items():
    reports.command(name)(command)
reports.add_typer(schedules)
reports.command("check")(report_check)
reports.command("national")(report_national)
reports.command("operator-times")(report_operator_times)
app.command("staffing")(staffing)
privacy.command("export")(privacy_export)
privacy.command("erase")(privacy_erase)
privacy.command("purge")(privacy_purge)
privacy.command("purges")(privacy_purges)
privacy.command("trail")(privacy_trail)
privacy.add_typer(holds)
privacy.add_typer(breaches)
app.command()(watch)
app.command()(live)
for group in (
    *(engines, phones, operators, agencies, categories, calls, texts, incidents),
    *(desk, callbacks, alarms, monitors, place, notices, public_warnings, menus),
    *(privacy, recordings, reports, exports, database, sounds, api, people, tokens, audits),
):
    app.add_typer(group)


def commands() -> Callable[..., Any]:
    """All commands, with those that entry points add: a third of a second of work to make."""
    _add_more_commands()
    return typer.main.get_command(app)


def main(run: Callable[..., Any] | None = None) -> None:
    """Run one command; an error is one line on standard error, and exit 1.

    `run`: what `commands` has made before, if anything.
    """
    run_command(lambda: (run or commands())(prog_name="ngalam112"))


def _add_more_commands() -> None:
    for more in entry_points(group=_MORE_COMMANDS):
        try:
            app.command(more.name)(more.load())
        except Exception as error:
            # the line must start, whatever is wrong with what only plays it
            tell(f"The command {more.name} is left out: {error}; run `make setup`.")


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
    from ngalam112.process.up import main as run

    raise typer.Exit(run(load_settings()))


@app.command()
def asterisk() -> None:
    """Run Asterisk alone in the foreground, with engines beside it: for a service of its own."""
    from ngalam112.process.parts import become_asterisk

    become_asterisk(load_settings())


@app.command()
def rescue() -> None:
    """Run the rescuer alone: it takes citizens to the fallback for whom no engine beats."""
    from ngalam112.process.parts import become_rescuer

    become_rescuer(load_settings())


@app.command()
def doctor(fmt: FormatOption = Format.TABLE) -> None:
    """Say what is missing, wrong or unreachable, and how to fix it; exit 1 if anything is."""
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
    from acd.languages import in_language
    from ngalam112.config.routing import build_prompts
    from ngalam112.config.sounds import build_music
    from pbx.programs import Programs

    settings, programs = load_settings(), Programs.find()
    settings.home.mkdir(parents=True, exist_ok=True, mode=0o700)
    made = build_prompts(settings, programs)
    made.append(build_music(settings.music, programs))
    names = ("name", "source", "seconds", "built")
    rows = [{name: getattr(sound, name) for name in names} for sound in made]
    for row, sound in zip(rows, made, strict=True):
        if sound.path.parent.parent == settings.sounds.parent:
            row["name"] = in_language(sound.name, sound.path.parent.name)
    shown = [{**row, "seconds": f"{row['seconds']:.1f}"} for row in rows]
    columns = (*map(Column, names[:2], names[:2]), Column("seconds", "seconds", right=True))
    write_list(rows, (*columns, Column("built", "made now")), fmt, names=names, shown=shown)
