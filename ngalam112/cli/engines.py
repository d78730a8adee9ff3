"""The engine as a command: `ngalam112 engine` runs one, `ngalam112 engine restart` changes it."""

from __future__ import annotations

from typing import Annotated

import msgspec
import typer

from ngalam112.cli.adding import write_one
from ngalam112.cli.common import FormatOption
from ngalam112.config.settings import load_settings
from ngalam112.process.begin import run_engine
from ngalam112.terminal import Format, console

engines = typer.Typer(name="engine", help="The engine: runs one, or hands over to a fresh one.")


@engines.callback(invoke_without_command=True)
def engine(
    context: typer.Context,
    name: Annotated[
        str, typer.Option(help="Its name among the engines of a line.", metavar="NAME")
    ] = "1",
) -> None:
    """Run an engine beside an Asterisk that runs already; a second one waits to take over."""
    if context.invoked_subcommand is not None:
        return
    raise typer.Exit(run_engine(name))


@engines.command()
def restart(fmt: FormatOption = Format.TABLE) -> None:
    """Change to fresh engines, with the present code and settings files; no call notices."""
    from ngalam112.process.rolling_restart import hand_over

    done = hand_over(load_settings())
    if fmt is Format.TABLE:
        console().print(
            f"The engine with pid {done.served} served, pid {done.serves} serves now; "
            f"for {done.away_ms} ms nobody did. Calls went on.",
            soft_wrap=True,
        )
    else:
        write_one(msgspec.structs.asdict(done), fmt)
