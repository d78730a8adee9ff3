"""Reads the list of an authority's warnings, RSS 2.0 or Atom (RFC 4287): links to CAP. Pure.

BMKG's is RSS with an item for each province that has a warning; the link of an item is the CAP
document.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING
from urllib.parse import urljoin

import msgspec

from guarded_net.xml import XmlError, read_xml
from public_warnings.errors import WarningError

if TYPE_CHECKING:
    from lxml.etree import _Element

LARGEST_LIST = 2 * 1024 * 1024
MOST_LINKS = 100
"""So many warnings of a list are followed, from its top, where the newest are."""
_MOST_CHILDREN = 40
_LONGEST_LINK = 500
_ATOM = "{http://www.w3.org/2005/Atom}"


class Link(msgspec.Struct, frozen=True):
    """Where a document is. `version`: changes when the list says that the document has."""

    url: str
    version: str


def read_list(document: bytes, base: str) -> list[Link]:
    """Return the links of a list, without doubles; an entry without a link is passed over.

    `base`: the URL of the list, for links that are relative to it. Raises WarningError if it is no
    list.
    """
    try:
        root = read_xml(document, LARGEST_LIST)
    except XmlError as error:
        raise WarningError(str(error)) from None
    found: dict[str, Link] = {}
    for entry in _entries(root):
        href, *rest = _of_entry(entry)
        if not href or len(href) > _LONGEST_LINK:
            continue
        try:
            url = urljoin(base, href)
        except ValueError:
            continue
        version = hashlib.sha256("\n".join((url, *rest)).encode()).hexdigest()[:16]
        found.setdefault(url, Link(url, version))
        if len(found) >= MOST_LINKS:
            break
    return list(found.values())


def _entries(root: _Element) -> Iterator[_Element]:
    if root.tag == "rss":
        channel = root.find("channel")
        if channel is not None:
            return channel.iterchildren("item")
    elif root.tag == f"{_ATOM}feed":
        return root.iterchildren(f"{_ATOM}entry")
    raise WarningError("The document is neither an RSS channel nor an Atom feed.")


def _of_entry(entry: _Element) -> tuple[str, str, str]:
    """The link, the id and the time of an entry, as far as it has them."""
    link = id = at = ""
    for child in islice(entry, _MOST_CHILDREN):
        text = (child.text or "").strip()[: 2 * _LONGEST_LINK]
        match child.tag:
            case "link":
                link = link or text
            case "guid" | "{http://www.w3.org/2005/Atom}id":
                id = text
            case "pubDate" | "{http://www.w3.org/2005/Atom}updated":
                at = text
            case "{http://www.w3.org/2005/Atom}link" if child.get("rel", "alternate") in (
                "alternate",
                "self",
            ):
                link = link or child.get("href", "").strip()
    return link, id, at
