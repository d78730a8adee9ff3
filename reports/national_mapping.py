"""The layout of the national report (`national.toml`): read and checked, all that is wrong at once.

What the nation counts by is not public as a form, so its words, groups and targets are data with a
version of their own.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

import msgspec

from acd.calls.record import COUNTED
from acd.work_items.states import ItemOutcome
from incidents.data_files import DataFileError, plain, read_toml, wrong
from incidents.states import IncidentClass

MAPPING_FILE = Path(__file__).with_name("national.toml")
"""What the project ships."""

NOT_CODED = "not_coded"
"""Beside the classes: nobody has said yet what the incident is."""

NO_INCIDENT = "no_incident"
"""The group of the calls that belong to no incident."""

CLASSES = (*(one.value for one in IncidentClass), NOT_CODED)
TIMES = ("answer", "acknowledge", "arrive", "handle")
SHEETS = ("about", "sum", "category", "agency", "kecamatan", "day", "hour", "times")
COLUMNS = frozenset((
    "item", "value", "part", "calls", "incidents", "answered", "lost", "other", "code", "category",
    "class", "apco", "agency", "told", "reached", "accepted", "declined", "unanswered",
    "called_off", "waiting", "overdue", "accept_median", "accept_p95", "kecamatan", "day", "hour",
    "measured", "median", "p95", "target", "within", "within_percent",
))  # fmt: skip
ROWS = frozenset((
    "month", "timezone", "since", "until", "made_at", "month_over", "mapping_version",
    "categories_version", "adds_up", "wrong", "yes", "no", "total", "live", "test_calls", "open",
    NO_INCIDENT, "merged", "handled", "cancelled", "at_work", "no_category", "other_category",
    "other_agency", "not_known", "outside",
    *(f"part_{one}" for one in ("calls", "callbacks", "classes", "groups", "progress")),
    *(one.value for one in COUNTED),
    *(one.value for one in ItemOutcome),
    *(f"class_{one}" for one in CLASSES),
    *TIMES,
))  # fmt: skip
"""The words that the layout has to have: of columns, and of rows."""

LONGEST_TARGET_S = 30 * 86_400
LONGEST_SHEET, LONGEST_TITLE = 31, 80  # the first is what spreadsheets allow
MOST_GROUPS = 20

_WHAT = "national mapping"
_SEE = "docs/national_report.md says what may stand there"
_VERSION = re.compile(r"[a-z0-9][a-z0-9.-]{0,31}")
_WORD = re.compile(r"[a-z][a-z0-9_]{0,31}")
_NOT_IN_SHEETS = frozenset("[]:*?/\\'")


class MappingError(DataFileError):
    """The layout of the national report cannot be used; the message says where it is wrong."""


class Group(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the nation counts as one. `classes`: ours that belong to it (`CLASSES`)."""

    id: str
    title: str
    classes: tuple[str, ...]


class Targets(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Seconds within which it should have happened; `classes`: of which incidents."""

    answer: int
    acknowledge: int
    arrive: int
    handle: int
    classes: tuple[str, ...]


class Layout(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The layout. `sheets`, `columns`, `rows`: the words that people read, by our names."""

    version: str
    title: str
    targets: Targets
    groups: tuple[Group, ...]
    sheets: dict[str, str]
    columns: dict[str, str]
    rows: dict[str, str]


def load_mapping(path: Path = MAPPING_FILE) -> Layout:
    """Read and check the file; raise MappingError if it cannot be used."""
    raw = read_toml(path, _WHAT, MappingError, _SEE)
    try:
        found = msgspec.convert(raw, Layout)
    except msgspec.ValidationError as error:
        raise wrong(path, _WHAT, MappingError, [str(error)], _SEE) from None
    problems = list(_problems(found))
    if problems:
        raise wrong(path, _WHAT, MappingError, problems, _SEE)
    return found


def _problems(found: Layout) -> Iterator[str]:
    if not _VERSION.fullmatch(found.version):
        yield 'version must be a word for a file\'s name, such as version = "2026-11.1"'
    if not plain(found.title, LONGEST_TITLE):
        yield f"title must be one line of at most {LONGEST_TITLE} characters"
    yield from _target_problems(found.targets)
    yield from _group_problems(found.groups)
    yield from _title_problems("sheets", found.sheets, SHEETS, LONGEST_SHEET)
    yield from _title_problems("columns", found.columns, COLUMNS, LONGEST_TITLE)
    yield from _title_problems("rows", found.rows, ROWS, LONGEST_TITLE)
    for name, title in found.sheets.items():
        if _NOT_IN_SHEETS & set(title):
            yield f"sheets.{name[:32]} has a sign that no sheet may have in its name: []:*?/\\'"
    # spreadsheets see no difference between capitals and others
    for title, count in Counter(one.casefold() for one in found.sheets.values()).items():
        if count > 1:
            yield f"{count} sheets are called {title[:32]!r}; give each a name of its own"


def _target_problems(targets: Targets) -> Iterator[str]:
    for name in TIMES:
        if not 0 < getattr(targets, name) <= LONGEST_TARGET_S:
            yield f"targets.{name} must be 1 to {LONGEST_TARGET_S} seconds"
    if not targets.classes:
        yield "targets.classes is empty; name the classes whose times are measured"
    for one in targets.classes:
        if one not in CLASSES:
            yield _no_class("targets.classes", one)


def _group_problems(groups: Collection[Group]) -> Iterator[str]:
    if len(groups) > MOST_GROUPS:
        yield f"there are {len(groups)} groups; keep at most {MOST_GROUPS}"
        return
    times = Counter(one for group in groups for one in group.classes)
    for group in groups:
        if not _WORD.fullmatch(group.id):
            yield f"group {group.id[:32]!r}: its id must be small letters, digits and _"
        if group.id == NO_INCIDENT:
            yield f"group {NO_INCIDENT!r} is that of the calls without an incident; choose another"
        if not plain(group.title, LONGEST_TITLE):
            yield f"group {group.id[:32]!r}: title must be one line of at most {LONGEST_TITLE}"
        for one in group.classes:
            if one not in CLASSES:
                yield _no_class(f"group {group.id[:32]!r}", one)
    for one in CLASSES:
        if times[one] != 1:
            yield f"class {one} is in {times[one]} groups; put it in exactly one"
    for id, count in Counter(group.id for group in groups).items():
        if count > 1:
            yield f"{count} groups have the id {id[:32]!r}; give each its own"


def _no_class(where: str, one: str) -> str:
    return f"{where}: there is no class {one[:32]!r}; choose from {', '.join(CLASSES)}"


def _title_problems(
    where: str, titles: Mapping[str, str], wanted: Collection[str], longest: int
) -> Iterator[str]:
    for name in sorted(set(wanted) - titles.keys()):
        yield f"{where}.{name} is missing; add its title"
    for name in sorted(titles.keys() - set(wanted)):
        yield f"{where}.{name[:32]} is not used; take it out"
    for name, title in titles.items():
        if not plain(title, longest):
            yield f"{where}.{name[:32]} must be one line of 1 to {longest} characters"
