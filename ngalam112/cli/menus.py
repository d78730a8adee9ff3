"""The command for menu files: `ngalam112 menu check`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from ivr.menu import MenuError, load_menu, menu_problems
from ngalam112.cli.common import make_group
from ngalam112.config.settings import Settings, load_settings
from ngalam112.terminal import console, safe

menus = make_group("menu", "What a citizen who dials the number is asked.")


@menus.command("check")
def menu_check(
    file: Annotated[
        Path | None, typer.Argument(help="The menu file; NGALAM112_MENU_FILE if not given.")
    ] = None,
) -> None:
    """List all that is wrong with a menu file, a line each; exit 1 if anything is.

    `ngalam112 engine restart` takes a right one into use, and no call notices.
    """
    settings = load_settings(**({} if file is None else {"menu_file": file}))
    problems = menu_problems(settings.menu_file, settings.timezone) or list(_of_the_line(settings))
    for problem in problems:
        console().print(safe(problem), soft_wrap=True)
    if problems:
        raise typer.Exit(1)
    console().print(f"{safe(str(settings.menu_file))} is right.", soft_wrap=True)


def _of_the_line(settings: Settings) -> Iterator[str]:
    """What is wrong with a right menu file together with the texts and the distribution file.

    Audio that is not there yet is no fault: `engine restart` makes it.
    """
    from acd.config_file import DistributionError, load_distribution
    from ngalam112.config.routing import NO_AUDIO, load_checked_menu, mismatches, without_text

    tree = load_menu(settings.menu_file)
    for text in without_text(settings, tree):
        yield f"There is no text {text}; write what is to be heard."
    try:
        load_checked_menu(settings)
    except MenuError as error:
        if not str(error).startswith(NO_AUDIO):
            yield str(error)
    try:
        distribution = load_distribution(settings.distribution_file)
    except DistributionError as error:
        yield str(error)
        return
    for problem in mismatches(distribution, tree, settings):
        yield f"{settings.distribution_file} is wrong: {problem}."
