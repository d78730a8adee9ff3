"""The pages behind agencies' links, as HTML for any phone: no script, nothing from elsewhere. Pure.

What citizens and operators have written is escaped, and cut.
"""

from __future__ import annotations

import base64
import hashlib
from html import escape

from deliveries.attempt import shown
from deliveries.links import Action
from incidents.by_link import Standing
from incidents.report import Report

LONGEST_FIELD = 255  # characters
LONGEST_DESCRIPTION = 1000
MOST_LINES = 30
FIELD = "do"
"""What a button's form sends: this, with the action."""

# black on white, one column, large enough for a thumb
_STYLE = (
    "*{box-sizing:border-box}"
    "body{margin:0 auto;max-width:34em;padding:.75em;background:#fff;color:#000;"
    "font:1.1em/1.4 sans-serif;overflow-wrap:anywhere}"
    "h1{font-size:1.3em;margin:0 0 .5em}"
    "dt{font-weight:bold}dd{margin:0 0 .6em;max-height:40em;overflow:hidden}"
    ".now{border:2px solid #000;padding:.5em}"
    "button{display:block;width:100%;min-height:3em;margin:.6em 0;padding:.4em;font:inherit;"
    "font-weight:bold;color:#000;background:#fff;border:3px solid #000;border-radius:.3em}"
    "button.first{color:#fff;background:#000}"
)
_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode("ascii")

HEADERS = {
    "Content-Type": "text/html; charset=utf-8",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "noindex, nofollow",
    "Content-Security-Policy": (
        f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; form-action 'self'; "
        "base-uri 'none'; frame-ancestors 'none'"
    ),
}
"""Of every answer, whatever it says."""

NOT_VALID = "Tautan ini tidak berlaku. Hubungi operator 112."
EXPIRED = "Masa berlaku tautan ini sudah habis. Hubungi operator 112."
TRY_AGAIN = "Data sedang tidak dapat dibaca. Coba lagi sebentar lagi, atau hubungi operator 112."
NOT_UNDERSTOOD = "Permintaan ini tidak dapat dipahami. Buka lagi tautannya."
FAILED = "Terjadi kesalahan. Coba lagi sebentar lagi, atau hubungi operator 112."
NOT_NOW = "Tindakan itu sudah dilakukan atau tidak mungkin lagi. "

_HEADING = "Penugasan 112\n{}"
_SENTENCES = {
    Standing.OPEN: "Apakah instansi Anda menerima penugasan ini?",
    Standing.ACCEPTED: "Penugasan ini sudah diterima.",
    Standing.DECLINED: "Penugasan ini sudah ditolak.",
    Standing.OVER: "Penugasan ini sudah selesai atau dibatalkan. Terima kasih.",
}
_BUTTONS = {
    Action.ACCEPT: "Terima",
    Action.DECLINE: "Tolak",
    Action.ON_SCENE: "Di lokasi",
    Action.RESOLVE: "Selesai",
}


def job_page(
    report: Report,
    agency: str,
    standing: Standing,
    actions: tuple[Action, ...],
    *,
    accepted_at: str = "",
    refused: bool = False,
) -> str:
    """Return the page of a job that is not over.

    `agency`: its name. `accepted_at`: as people read it. `refused`: somebody wanted what was not
    possible any more.
    """
    sentence = _SENTENCES[standing]
    if standing is Standing.ACCEPTED and accepted_at:
        sentence = f"Penugasan ini sudah diterima pada {accepted_at}."
    facts = {
        "Kategori": report.category_name or report.category or "",
        "Tempat": ", ".join(filter(None, (report.place, report.kelurahan, report.kecamatan))),
        "Uraian": report.description,
        "Prioritas": str(report.priority),
        "Untuk": agency,
    }
    buttons = "".join(
        f'<button name="{FIELD}" value="{one.value}"{_first(index)}>{_BUTTONS[one]}</button>'
        for index, one in enumerate(actions)
    )
    body = (
        f"<h1>{_text(_HEADING.format(report.incident), 80)}</h1>"
        f'<p class="now">{NOT_NOW if refused else ""}{sentence}</p>'
        f"<dl>{''.join(_fact(name, value) for name, value in facts.items() if value.strip())}</dl>"
        f'<form method="post">{buttons}</form>'
    )
    return _page(body)


def over_page(incident: str, standing: Standing) -> str:
    """Return the page of a job of which nothing is to be done any more; it tells no more."""
    return sentence_page(_SENTENCES[standing], _HEADING.format(incident))


def sentence_page(sentence: str, heading: str = "112") -> str:
    """Return a page that says one thing."""
    return _page(f'<h1>{_text(heading, 80)}</h1><p class="now">{escape(sentence)}</p>')


def _page(body: str) -> str:
    return (
        '<!doctype html>\n<html lang="id"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>112</title><style>{_STYLE}</style></head>"
        f"<body>{body}</body></html>\n"
    )


def _first(index: int) -> str:
    return ' class="first"' if index == 0 else ""


def _fact(name: str, value: str) -> str:
    longest = LONGEST_DESCRIPTION if name == "Uraian" else LONGEST_FIELD
    return f"<dt>{name}</dt><dd>{_text(value, longest)}</dd>"


def _text(value: str, longest: int) -> str:
    """Somebody's text in a few lines, with nothing in it that a browser or a reader obeys."""
    cut = value[:longest] + (" [...]" if len(value) > longest else "")
    lines = [shown(line, longest + 6) for line in cut.splitlines()]
    return "<br>".join(escape(line) for line in lines[:MOST_LINES] if line)
