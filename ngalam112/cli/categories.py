"""The commands for categories of incidents: `ngalam112 category ...`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

import typer
from msgspec import UNSET, UnsetType

from acd.languages import LANGUAGE, OWN_LANGUAGE
from incidents.categories import Question, QuestionKind
from incidents.category_changes import FIELDS, Change
from incidents.states import IncidentClass
from ngalam112.api.time_ranges import on_screen
from ngalam112.cli.adding import write_one
from ngalam112.cli.agencies import AsOption, FileKind, file_kind, read_text
from ngalam112.cli.category_changes import PATH, change, take_in, tree_now
from ngalam112.cli.common import FormatOption, make_group, read
from ngalam112.cli.export import OutputOption, written
from ngalam112.config.settings import load_settings
from ngalam112.terminal import Column, Format, console, safe, table, write_list

categories = make_group("category", "The city's tree of incident categories: codes, questions.")

_NAMES = (*FIELDS, "version", "retired")
_COLUMNS = (
    Column("code", "code"),
    Column("id", "category"),
    Column("name", "name"),
    Column("class", "class"),
    Column("parent", "part of", spare=True),
    Column("agencies", "usually sent", spare=True),
)
_RETIRED = (*_COLUMNS[:4], Column("retired", "retired"), *_COLUMNS[4:])

Id = Annotated[str, typer.Argument(metavar="ID", help="The category's word, such as fire.")]


@categories.command("list")
def category_list(
    words: Annotated[str, typer.Argument(help="What it is called, or how that begins.")] = "",
    retired: Annotated[bool, typer.Option("--retired", help="Those that are retired too.")] = False,
    fmt: FormatOption = Format.TABLE,
) -> None:
    """List the categories, with the codes that operators dial behind *4."""
    tree = tree_now(load_settings())
    every = tree.all_rows if retired else tree.rows
    found = tree.find(words, most=len(tree.rows)) if words else every
    rows = [
        {
            "code": one.code,
            "id": one.id,
            "name": one.called(),
            "class": one.national_class.value,
            "parent": one.parent,
            "priority": one.priority,
            "menu": one.menu,
            "apco": one.apco,
            "agencies": " ".join(one.agencies),
            "version": one.version,
            "retired": one.retired_at is not None,
        }
        for one in found
    ]
    columns = _RETIRED if retired else _COLUMNS
    write_list(rows, columns, fmt, names=_NAMES, nothing="No category is called like that.")


@categories.command("show")
def category_show(id: Id, fmt: FormatOption = Format.TABLE) -> None:
    """Show all that is known of one category, with the questions of what it is a part of."""
    settings = load_settings()
    found = read(settings, f"{PATH}/{quote(id, safe='', errors='replace')}")
    if fmt is not Format.TABLE:
        write_one(found["category"], fmt)
        return
    row, zone = found["category"], ZoneInfo(settings.timezone)
    own = {one["id"] for one in row["questions"]}
    facts = [
        ("code", f"*4{row['code']}"),
        *((f"name, {key}", row["name"][key]) for key in row["name"]),
    ]
    facts += [("class", row["class"]), ("part of", " > ".join(found["path"][:-1]))]
    facts += [(name, row[name]) for name in ("priority", "menu", "apco")]
    facts += [("usually sent", ", ".join(found["sent"])), ("version", row["version"])]
    facts += [
        (name, row[name] and on_screen(row[name], zone)) for name in ("changed_at", "retired_at")
    ]
    for one in found["asked"]:
        whose = "asks" if one["id"] in own else "asks, as its parent"
        facts.append((whose, f"{one['text'][OWN_LANGUAGE]} ({one['id']}, {one['kind']})"))
    shown = [{"what": what, "value": value} for what, value in facts if value not in (None, "")]
    console().print(table(shown, (Column("what", row["id"]), Column("value", ""))))


@categories.command("set")
def category_set(
    id: Id,
    code: Annotated[str | None, typer.Option(help="What operators dial behind *4.")] = None,
    name: Annotated[
        list[str] | None,
        typer.Option(metavar="[LANGUAGE=]TEXT", help="en=Fire; without a language the line's own."),
    ] = None,
    incident_class: Annotated[
        IncidentClass | None, typer.Option("--class", help="What the nation counts it as.")
    ] = None,
    parent: Annotated[str | None, typer.Option(help='What it is a part of; "" is nothing.')] = None,
    priority: Annotated[
        int | None, typer.Option(help="1 (first) to 5; 0 is the usual one.")
    ] = None,
    menu: Annotated[
        str | None, typer.Option(help='Category of the voice menu; "" is none.')
    ] = None,
    apco: Annotated[str | None, typer.Option(help="Its code in an APCO-style list.")] = None,
    agencies: Annotated[
        str | None, typer.Option(metavar="A,B", help='Usually sent; "" is as its parent.')
    ] = None,
    question: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ID:KIND:TEXT",
            help="All that it asks itself, one option each, in the line's own language; yes_no,"
            ' number, text; "" is none. Other languages: by import.',
        ),
    ] = None,
    back: Annotated[bool, typer.Option("--back", help="Bring a retired one back.")] = False,
    fmt: FormatOption = Format.TABLE,
) -> None:
    """Change a category, or add one, with effect at once; what is not given stays."""
    settings = load_settings()
    wanted = Change(
        id=id,
        code=_given(code),
        name=UNSET if not name else dict(_named(one) for one in name),
        national_class=UNSET if incident_class is None else incident_class,
        parent=UNSET if parent is None else parent or None,
        priority=UNSET if priority is None else priority or None,
        menu=UNSET if menu is None else menu or None,
        apco=_given(apco),
        agencies=_words(agencies),
        retired=False if back else UNSET,
        questions=UNSET if not question else _questions(question),
    )
    if not wanted.values() and not back:
        raise typer.BadParameter("say what to change, such as --code 57")
    (row,) = change(settings, [wanted])
    _tell(row, "is kept", fmt)


@categories.command("retire")
def category_retire(id: Id, fmt: FormatOption = Format.TABLE) -> None:
    """Retire a category: it is dialled and found no more, and incidents that have it keep it."""
    (row,) = change(load_settings(), [Change(id=id, retired=True)])
    _tell(row, "is retired", fmt)


@categories.command("import")
def category_import(
    file: Annotated[Path, typer.Argument(help="As `category export` writes it; - is stdin.")],
    kind: AsOption = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would change, and change nothing.")
    ] = False,
) -> None:
    """Take in a file: categories that are new are added, others changed, none retired.

    A line that is wrong is named, and then nothing of the file is taken in.
    """
    from incidents.category_sheets import read_csv, read_toml

    text = read_text(file)
    given = (read_toml if file_kind(file, kind) is FileKind.TOML else read_csv)(text)
    fresh = take_in(load_settings(), given, dry_run=dry_run)
    if dry_run:
        ids = ", ".join(one.id for one in fresh) or "none"
        console().print(safe(f"New or changed would be: {ids}."), soft_wrap=True)
        return
    console().print(f"{len(given)} categories are taken in, {len(fresh)} of them new or changed.")


@categories.command("export")
def category_export(output: OutputOption = None, kind: AsOption = None) -> None:
    """Write the categories that are not retired, as `category import` reads them."""
    from incidents.category_sheets import to_csv, to_toml

    tree = tree_now(load_settings())
    rows = [tree.own[one.id] for one in tree.rows]
    toml = file_kind(output or Path(), kind) is FileKind.TOML
    text = to_toml(tree.version, rows) if toml else to_csv(rows)
    if output is None:
        sys.stdout.write(text)
        return
    with written(output) as file:
        file.write(text)


def _given(value: str | None) -> str | UnsetType:
    return UNSET if value is None else value


def _words(text: str | None) -> tuple[str, ...] | UnsetType:
    if text is None:
        return UNSET
    return tuple(one.strip() for one in text.replace(";", ",").split(",") if one.strip())


def _named(given: str) -> tuple[str, str]:
    language, equals, text = given.partition("=")
    return (language, text) if equals and LANGUAGE.fullmatch(language) else (OWN_LANGUAGE, given)


def _questions(given: list[str]) -> tuple[Question, ...]:
    found = []
    for one in filter(None, given):
        id, _, rest = one.partition(":")
        kind, _, text = rest.partition(":")
        if kind not in list(QuestionKind):
            said = f"{one[:60]!r} must be like floor:number:Lantai berapa? (yes_no, number, text)"
            raise typer.BadParameter(said)
        found.append(Question(id=id, kind=QuestionKind(kind), text={OWN_LANGUAGE: text.strip()}))
    return tuple(found)


def _tell(row: dict[str, Any], what: str, fmt: Format) -> None:
    if fmt is Format.TABLE:
        sentence = f"Category {row['id']} ({row['name'][OWN_LANGUAGE]}, *4{row['code']}) {what}."
        console().print(safe(sentence))
    else:
        write_one(row, fmt)
