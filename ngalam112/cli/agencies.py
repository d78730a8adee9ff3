"""The commands for agencies: `ngalam112 agency ...`."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

import typer
from msgspec import UNSET, UnsetType

from acd.agencies.agency import FIELDS, AgencyKind, Change
from ngalam112.api.time_ranges import on_screen
from ngalam112.cli.adding import write_one
from ngalam112.cli.agency_changes import change, take_in
from ngalam112.cli.common import FormatOption, make_group, read
from ngalam112.cli.export import OutputOption, written
from ngalam112.config.settings import load_settings
from ngalam112.terminal import Column, Format, console, safe, table, write_list

agencies = make_group("agency", "Institutions that calls and reports are handed to.")

LARGEST_FILE = 1_000_000
_NAMES = (*FIELDS, "ways", "changed_at", "retired_at")
_COLUMNS = (
    Column("id", "agency"),
    Column("number", "dial", right=True),
    Column("name", "name"),
    Column("kind", "kind"),
    Column("ways", "reached by"),
    Column("hours", "hours", spare=True),
    Column("serves", "serves", spare=True),
)


class FileKind(StrEnum):
    """How agencies are written in a file."""

    CSV = "csv"
    TOML = "toml"


Id = Annotated[str, typer.Argument(metavar="ID", help="The agency's word, such as polresta.")]
Words = Annotated[str | None, typer.Option(metavar="A,B", help='A list; "" is all.')]
AsOption = Annotated[
    FileKind | None, typer.Option("--as", help="Of the file; else by its name, .toml or CSV.")
]


@agencies.command("list")
def agency_list(
    retired: Annotated[bool, typer.Option("--retired", help="Those that are retired too.")] = False,
    fmt: FormatOption = Format.TABLE,
) -> None:
    """List the agencies: what operators dial, and how each can be reached."""
    params = {"retired": "true"} if retired else None
    rows = read(load_settings(), "/api/agencies", params)["agencies"]
    nothing = "There are no agencies yet; the first start of the line makes them: ngalam112 up"
    write_list(
        rows, _COLUMNS, fmt, names=_NAMES, shown=[_shown(one) for one in rows], nothing=nothing
    )


@agencies.command("show")
def agency_show(id: Id, fmt: FormatOption = Format.TABLE) -> None:
    """Show all that is known of one agency."""
    settings = load_settings()
    row = read(settings, f"/api/agencies/{quote(id, safe='', errors='replace')}")["agency"]
    if fmt is not Format.TABLE:
        write_one(row, fmt)
        return
    zone = ZoneInfo(settings.timezone)
    facts = [
        {"what": name, "value": _fact(name, value, zone)}
        for name, value in row.items()
        if value not in (None, "")
    ]
    console().print(table(facts, (Column("what", "agency"), Column("value", ""))))


@agencies.command("set")
def agency_set(
    id: Id,
    number: Annotated[str | None, typer.Option(help="What operators dial: 1 to 10 digits.")] = None,
    name: Annotated[str | None, typer.Option(help="As people call it.")] = None,
    kind: Annotated[AgencyKind | None, typer.Option(help="What it is for.")] = None,
    voice: Annotated[str | None, typer.Option(help="Digits, or sip:a@b:5060.")] = None,
    fallback: Annotated[str | None, typer.Option(help="... if that does not answer.")] = None,
    mail: Annotated[str | None, typer.Option(help="Where reports are sent.")] = None,
    webhook: Annotated[str | None, typer.Option(help="https://... for reports.")] = None,
    hours: Annotated[str | None, typer.Option(help='07:00-15:30, local; "" is always.')] = None,
    holidays: Annotated[bool | None, typer.Option(help="Open on public holidays too.")] = None,
    categories: Words = None,
    kecamatan: Words = None,
    chain: Annotated[
        str | None, typer.Option(metavar="A,B", help="Whom to try next: ids, numbers, addresses.")
    ] = None,
    acknowledge_s: Annotated[float | None, typer.Option(help="Agreed time to say yes.")] = None,
    report_s: Annotated[float | None, typer.Option(help="Agreed time to report back.")] = None,
    back: Annotated[bool, typer.Option("--back", help="Bring a retired one back.")] = False,
    fmt: FormatOption = Format.TABLE,
) -> None:
    """Change an agency, or add one, with effect at once; what is not given stays."""
    wanted = Change(
        id=id,
        number=_given(number),
        name=_given(name),
        kind=UNSET if kind is None else kind,
        voice=_given(voice),
        fallback=_given(fallback),
        mail=_given(mail),
        webhook=_given(webhook),
        hours=_given(hours),
        holidays=UNSET if holidays is None else holidays,
        categories=_words(categories),
        kecamatan=_words(kecamatan),
        chain=_words(chain),
        acknowledge_s=UNSET if acknowledge_s is None else acknowledge_s,
        report_s=UNSET if report_s is None else report_s,
        retired=False if back else UNSET,
    )
    if not wanted.values() and not back:
        raise typer.BadParameter("say what to change, such as --mail desk@city.go.id")
    (row,) = change(load_settings(), [wanted])
    _tell(row, f"Agency {row['id']} ({row['name']}) is kept.", fmt)


@agencies.command("retire")
def agency_retire(id: Id, fmt: FormatOption = Format.TABLE) -> None:
    """Retire an agency: it is dialled no more, and records that name it stay."""
    (row,) = change(load_settings(), [Change(id=id, retired=True)])
    _tell(row, f"Agency {row['id']} ({row['name']}) is retired.", fmt)


@agencies.command("import")
def agency_import(
    file: Annotated[Path, typer.Argument(help="As `agency export` writes it; - is stdin.")],
    kind: AsOption = None,
) -> None:
    """Take in a file: agencies that are new are added, others changed, none retired.

    A line that is wrong is named, and then nothing of the file is taken in.
    """
    from acd.agencies.files import read_csv, read_toml

    text = read_text(file)
    given = (read_toml if file_kind(file, kind) is FileKind.TOML else read_csv)(text)
    count = take_in(load_settings(), given)
    more = "" if count is None else f", {count} of them new or changed"
    console().print(f"{len(given)} agencies are taken in{more}.")


def read_text(file: Path) -> str:
    """Return what a file says that is to be taken in; - is stdin. Raises Unusable."""
    from acd.agencies.files import Unusable

    with open(0 if str(file) == "-" else file, "rb", closefd=True) as stream:
        content = stream.read(LARGEST_FILE + 1)
    if len(content) > LARGEST_FILE:
        raise Unusable([(0, f"{file} is larger than {LARGEST_FILE // 1_000_000} MB")])
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise Unusable([(line, "it is no UTF-8")]) from None


@agencies.command("export")
def agency_export(output: OutputOption = None, kind: AsOption = None) -> None:
    """Write the agencies that are not retired, as `agency import` reads them."""
    from acd.agencies.files import to_csv, to_toml
    from ngalam112.cli.agency_changes import known

    rows = read(load_settings(), "/api/agencies")["agencies"]
    write = to_toml if file_kind(output or Path(), kind) is FileKind.TOML else to_csv
    text = write(known(rows).values())
    if output is None:
        sys.stdout.write(text)
        return
    with written(output) as file:
        file.write(text)


def file_kind(file: Path, kind: FileKind | None) -> FileKind:
    """Return how a file is written: as is said, else as its name says."""
    return kind or (FileKind.TOML if file.suffix.lower() == ".toml" else FileKind.CSV)


def _given(value: str | None) -> str | UnsetType:
    return UNSET if value is None else value


def _words(text: str | None) -> tuple[str, ...] | UnsetType:
    if text is None:
        return UNSET
    return tuple(one.strip() for one in text.replace(";", ",").split(",") if one.strip())


def _shown(row: dict[str, Any]) -> dict[str, Any]:
    ways = "retired" if row["retired_at"] else ", ".join(row["ways"]) or "no way"
    serves = [*row["categories"], *row["kecamatan"]]
    return {**row, "ways": ways, "serves": ", ".join(serves) or "all"}


def _fact(name: str, value: Any, zone: ZoneInfo) -> Any:
    if name.endswith("_at"):
        return on_screen(value, zone)
    if isinstance(value, list):
        empty = {"ways": "no way", "chain": "nobody"}.get(name, "all")
        return ", ".join(value) or empty
    return value


def _tell(row: dict[str, Any], sentence: str, fmt: Format) -> None:
    if fmt is Format.TABLE:
        console().print(safe(sentence))
        if not row["ways"] and not row["retired_at"]:
            console().print("It has no way to be reached: give it --voice, --mail or --webhook.")
    else:
        write_one(row, fmt)


@agencies.command("secret")
def agency_secret(id: Id) -> None:
    """Print the secret of an agency's webhook, for its engineer: who has it can check the line's
    messages, and make others believe that theirs are the line's.
    """
    from ngalam112.engine.report_sender import webhook_secret_text

    settings = load_settings()
    found = read(settings, f"/api/agencies/{quote(id, safe='', errors='replace')}")
    console().print(webhook_secret_text(settings, found["agency"]["id"]), soft_wrap=True)
