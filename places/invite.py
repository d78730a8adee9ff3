"""What an INVITE says of the place (RFC 6442): documents in its body, and references. Pure.

The packet is one that Asterisk has taken for a request; its header names and its body are whatever
the far end sent. Nothing here takes longer than the packet is long.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice
from urllib.parse import unquote

import msgspec

LARGEST_PACKET = 65_535
_MOST_VALUES = 6
_MOST_PARTS = 10
_MOST_HEADERS = 300
_MOST_DOCUMENTS = 2

# cheap, on the bytes of a whole packet: most calls have no such header, and go no further
NAMES_A_PLACE = re.compile(rb"\r?\ngeolocation[ \t]*:", re.IGNORECASE)
_FOLDED = re.compile(rb"\r?\n[ \t]+")
_VALUE = re.compile(r"<([^<>\s]{1,2000})>")
_BOUNDARY = re.compile(r';\s*boundary\s*=\s*("([^"]{1,100})"|([^\s;,"]{1,100}))', re.IGNORECASE)
_PIDF = "application/pidf+xml"


class Said(msgspec.Struct, frozen=True):
    """`documents`: PIDF-LO by value; `references`: https URIs of others, in their order."""

    documents: tuple[bytes, ...] = ()
    references: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.documents or self.references)


def said(packet: bytes) -> Said:
    """Return what the INVITE says of the place; nothing for whatever cannot be understood."""
    if len(packet) > LARGEST_PACKET or not NAMES_A_PLACE.search(packet):
        return Said()
    head, body = _parted(packet)
    headers = list(_headers(head))
    values = [
        value for name, text in headers if name == "geolocation" for value in _VALUE.findall(text)
    ][:_MOST_VALUES]
    kind = next((text for name, text in headers if name in ("content-type", "c")), "")
    documents: list[bytes] = []
    if any(value.lower().startswith("cid:") for value in values):
        parts = list(_parts(kind, headers, body))
        wanted = [unquote(value[4:]) for value in values if value.lower().startswith("cid:")]
        documents = [one for cid, one in parts if cid in wanted]
        if not documents and len(parts) == 1:
            documents = [parts[0][1]]  # a sender that got the name wrong, and means this one
    return Said(
        tuple(documents[:_MOST_DOCUMENTS]),
        tuple(dict.fromkeys(one for one in values if one.lower().startswith("https:"))),
    )


def _parted(text: bytes) -> tuple[bytes, bytes]:
    """Headers and body, which an empty line parts."""
    for gap in (b"\r\n\r\n", b"\n\n"):
        head, found, body = text.partition(gap)
        if found:
            return head, body
    return text, b""


def _headers(head: bytes) -> Iterator[tuple[str, str]]:
    for line in islice(_FOLDED.sub(b" ", head).splitlines(), _MOST_HEADERS):
        name, colon, value = line.partition(b":")
        if colon:
            yield name.strip().lower().decode("latin-1"), value.strip().decode("utf-8", "replace")


def _parts(kind: str, headers: list[tuple[str, str]], body: bytes) -> Iterator[tuple[str, bytes]]:
    """The PIDF-LO documents of a body, each with its Content-ID."""
    if _is_pidf(kind):
        yield _content_id(headers), body
        return
    found = _BOUNDARY.search(kind) if kind.lower().startswith("multipart/") else None
    if found is None:
        return
    mark = b"--" + (found[2] or found[3]).encode("utf-8", "replace")
    for part in body.split(mark, _MOST_PARTS + 1)[1 : _MOST_PARTS + 1]:
        if part.startswith(b"--"):
            return
        # the line on which the boundary stands ends before the part begins
        head, text = _parted(part.partition(b"\n")[2])
        own = list(_headers(head))
        if _is_pidf(next((value for name, value in own if name in ("content-type", "c")), "")):
            yield _content_id(own), text


def _is_pidf(kind: str) -> bool:
    return kind.partition(";")[0].strip().lower() == _PIDF


def _content_id(headers: list[tuple[str, str]]) -> str:
    value = next((value for name, value in headers if name == "content-id"), "")
    return value.strip().removeprefix("<").removesuffix(">")
