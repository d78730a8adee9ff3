"""The pages behind links: what anybody has written stays text, and they fit any phone."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deliveries.links import Action
from incidents.by_link import Standing
from incidents.report import Report
from ngalam112.api.link_pages import HEADERS, job_page, over_page, sentence_page

ALLOWED = {
    *("html", "head", "meta", "title", "style", "body", "h1", "p"),
    *("dl", "dt", "dd", "br", "form", "button"),
}
ATTRIBUTES = {"lang", "charset", "name", "content", "class", "method", "value"}
HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "</dd></dl></form><form action=https://evil.example><input name=do>",
    "<style>body{display:none}</style>",
    "&lt;b&gt; &#60;script&#62; <!-- ]]>",
    "\u202egpj.exe\u2066 \ufeff\u0000\u001b[31m",
    "half of a character: \ud83d",
    "\u0061" + "\u0301" * 500,
    "حريق في المبنى  火災 ꦏꦧꦏꦫꦤ꧀ 🔥",
]


class Tags(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: set[str] = set()
        self.buttons: list[str | None] = []
        self.shown = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes |= {name for name, _ in attrs}
        if tag == "button":
            self.buttons.append(dict(attrs)["value"])

    def handle_data(self, data: str) -> None:
        self.shown += data


def a_page(description: str = "Asap", **changes: Any) -> str:
    given = {"place": "Jalan Ijen 1", "category_name": "Kebakaran", "callers": ("0812345",)}
    report = Report(
        dispatch="d1",
        agency="damkar",
        incident="2026-000001",
        description=description,
        **(given | changes),  # type: ignore[arg-type]
    )
    return job_page(report, "Damkar", Standing.OPEN, (Action.ACCEPT, Action.DECLINE))


def test_a_page_says_what_where_and_for_whom_and_not_who_called() -> None:
    seen = Tags(a_page())
    for word in ("2026-000001", "Kebakaran", "Jalan Ijen 1", "Asap", "Damkar", "Terima", "Tolak"):
        assert word in seen.shown
    assert seen.buttons == ["accept", "decline"]
    assert "0812345" not in seen.shown


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("field", ["description", "place", "category_name", "kecamatan"])
def test_nothing_that_is_written_becomes_a_tag(text: str, field: str) -> None:
    page = a_page(**{field: text})
    seen = Tags(page)
    assert set(seen.tags) <= ALLOWED and seen.attributes <= ATTRIBUTES
    assert seen.tags.count("form") == 1 and len(seen.buttons) == 2
    assert not {"\u202e", "\u2066", "\x00", "\x1b"} & set(page)


@given(st.text(), st.text())
def test_any_text_gives_the_same_page_but_for_that_text(description: str, place: str) -> None:
    page = a_page(description, place=place)
    seen = Tags(page)
    usual = [one for one in Tags(a_page()).tags if one not in ("br", "dt", "dd")]
    assert [one for one in seen.tags if one not in ("br", "dt", "dd")] == usual
    assert page.encode("utf-8", "replace")


def test_the_longest_page_has_some_kilobytes() -> None:
    page = a_page("'" * 100_000, place="<" * 10_000, category_name="&\n" * 10_000)
    assert len(page.encode()) < 12_000
    assert len(a_page("\n" * 10_000).encode()) < 4_000


def test_a_job_that_is_over_shows_nothing_of_it() -> None:
    assert "Jalan" not in over_page("2026-000001", Standing.OVER)
    assert "button" not in Tags(over_page("2026-000001", Standing.DECLINED)).tags


def test_no_page_asks_for_anything_from_elsewhere() -> None:
    for page in (a_page(), over_page("1", Standing.OVER), sentence_page("Coba lagi.")):
        assert "http" not in page and "url(" not in page and "<script" not in page
    policy = HEADERS["Content-Security-Policy"]
    assert "default-src 'none'" in policy and "script-src" not in policy
    assert HEADERS["Cache-Control"] == "no-store" and HEADERS["Referrer-Policy"] == "no-referrer"


def test_the_policy_names_the_style_of_the_page() -> None:
    import base64
    import hashlib

    style = a_page().partition("<style>")[2].partition("</style>")[0]
    wanted = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"style-src 'sha256-{wanted}'" in HEADERS["Content-Security-Policy"]
