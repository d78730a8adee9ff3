"""Says reports in the language of who reads them: words by a catalogue, numbers and dates by CLDR.

A catalogue is `catalogues/LANGUAGE.po`, as all programs for translators read and write it; it is
read when the first report needs it, without a step that compiles it. English needs none. A title
that means different things in two tables has the name of its table as its context.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from io import BytesIO
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec
from babel import Locale
from babel.dates import format_datetime, get_timezone_name
from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.numbers import format_decimal
from babel.support import Translations

from reports.parts import Cell, Part, Report, Title
from reports.said import NamedTime, Said

ENGLISH, INDONESIAN = "en", "id"
LANGUAGES = (ENGLISH, INDONESIAN)

_CATALOGUES = Path(__file__).with_name("catalogues")
_WHOLE, _TENTHS, _EXACT = "#,##0", "#,##0.0", "#,##0.###"
# CLDR's short dates have years of two digits and days of one, which stand in no line
_PATTERNS = {
    "15min": "dd/MM/yyyy HH.mm",
    "hour": "dd/MM/yyyy HH.mm",
    "shift": "dd/MM/yyyy",
    "day": "dd/MM/yyyy",
    "month": "MMMM yyyy",
}
_MOMENT = "d MMMM yyyy HH.mm"


class Words:
    """How one language says texts, numbers and times; what its catalogue lacks is English."""

    def __init__(self, language: str) -> None:
        self.language, self._locale = language, Locale.parse(language)
        self._texts = _texts(language)
        # also of durations: rule of the Indonesian spelling (EYD), and CLDR has it so
        self._colon = ":" if language == ENGLISH else "."

    def __call__(self, template: str, **values: object) -> str:
        """Return a text with its values filled in."""
        return self.said(Said(template, **values))

    def said(self, text: Said, context: str = "") -> str:
        """Return a text of ours; `context`: the name of the table in which it stands."""
        found = text.template
        if not found:
            return ""  # by the empty text a catalogue has its header
        if context:
            found = str(self._texts.pgettext(context, text.template))
        if found == text.template:
            found = str(self._texts.gettext(text.template))
        filled = {name: self._filled(value, context) for name, value in text.values.items()}
        return found.format(**filled) if filled else found

    def cell(self, value: Cell, context: str = "") -> Cell:
        """Return what stands in a cell: texts of ours and times in words, all else as it is."""
        if isinstance(value, Said):
            return self.said(value, context)
        return self.time_name(value) if isinstance(value, NamedTime) else value

    def number(self, value: float) -> str:
        """Return a number; one of tenths has them even where they are none."""
        pattern = _TENTHS if isinstance(value, float) else _WHOLE
        return format_decimal(value, pattern, self._locale)

    def as_exact(self, value: float) -> str:
        """Return a number with the places that it has, at most three."""
        return format_decimal(value, _EXACT, self._locale)

    def time_name(self, name: NamedTime) -> str:
        """Return the name of an hour, a shift, a day or a month. English has them by ISO 8601."""
        if self.language == ENGLISH:
            return str(name)
        shown = format_datetime(name.at, _PATTERNS[name.by], locale=self._locale)
        return f"{shown} {name.shift.replace(':', self._colon)}" if name.shift else shown

    def moment(self, at: datetime, zone: ZoneInfo) -> str:
        """Return a moment to the minute, by the clock of a zone."""
        local = at.astimezone(zone)
        if self.language == ENGLISH:
            return f"{local:%Y-%m-%d %H:%M}"
        return format_datetime(local.replace(tzinfo=None), _MOMENT, locale=self._locale)

    def zone(self, tz: str, at: datetime | None = None) -> str:
        """Return how people call a time zone at a moment (now)."""
        if self.language == ENGLISH:
            return tz
        local = (at or datetime.now(UTC)).astimezone(ZoneInfo(tz))
        return get_timezone_name(local, width="short", locale=self._locale)

    def clock(self, *parts: int) -> str:
        """Return how long something took: hours, minutes, and seconds if there are any given."""
        first, *others = parts
        return self._colon.join([str(first), *(f"{one:02}" for one in others)])

    def hour(self, hour: int) -> str:
        """Return the begin of an hour of the day."""
        return f"{hour:02}{self._colon}00"

    def report(self, found: Report) -> Report:
        """Return a report whose texts and times are in this language; numbers stay numbers."""
        title = found.title
        return msgspec.structs.replace(
            found,
            title=self.said(title) if isinstance(title, Said) else title,
            parts=[self._part(one) for one in found.parts],
        )

    def _part(self, one: Part) -> Part:
        def text(value: str) -> str:
            return str(self.cell(value, one.name))

        return Part(
            name=one.name,
            title=text(one.title),
            columns=[Title(column.name, text(column.title)) for column in one.columns],
            rows=[[self.cell(value, one.name) for value in row] for row in one.rows],
        )

    def _filled(self, value: object, context: str) -> object:
        if isinstance(value, Said | NamedTime):
            return self.cell(value, context)
        return self.as_exact(value) if isinstance(value, int | float) else value


@cache
def words_of(language: str) -> Words:
    """Return the words of a language, one of LANGUAGES."""
    return Words(language)


def catalogue_of(language: str) -> Catalog:
    """Return the catalogue of a language as it is written in its file."""
    with (_CATALOGUES / f"{language}.po").open("rb") as file:
        return read_po(file, locale=language, abort_invalid=True)


def _texts(language: str) -> Translations:
    if language == ENGLISH:
        return Translations()
    compiled = BytesIO()
    write_mo(compiled, catalogue_of(language))
    compiled.seek(0)
    return Translations(compiled)
