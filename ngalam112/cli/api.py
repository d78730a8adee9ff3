"""The command for the API's document: `ngalam112 api openapi`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec
import typer

from ngalam112.cli.common import make_group

api = make_group("api", "The HTTP API, for whoever builds on it.")


@api.command("openapi")
def api_openapi(
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="The file to write; else the screen.")
    ] = None,
) -> None:
    """Write the OpenAPI 3.1 document of this version's API; no engine has to run."""
    from ngalam112.api.openapi import document
    from ngalam112.api.table import ROUTES

    text = msgspec.json.format(msgspec.json.encode(document(ROUTES)), indent=2) + b"\n"
    if output is None:
        typer.echo(text, nl=False)
    else:
        output.write_bytes(text)
