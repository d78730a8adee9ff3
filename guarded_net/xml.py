"""Reads XML of somebody else. Pure.

lxml is told to expand no entity and to fetch nothing, and a document with a DTD, in another
encoding than UTF-8 or of more bytes than allowed does not even come so far. Elements may be nested
256 deep (libxml2, without `huge_tree`).
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lxml.etree import XMLParser, _Element


class XmlError(ValueError):
    """A document is not read; the message is a sentence that says why."""


@cache
def parser() -> XMLParser:
    """The hardened parser; the first call loads lxml."""
    # only now: most lines get no document for months, and an engine is to start at once
    from lxml import etree

    return etree.XMLParser(
        encoding="utf-8",
        resolve_entities=False,
        load_dtd=False,
        dtd_validation=False,
        attribute_defaults=False,
        no_network=True,
        huge_tree=False,
        recover=False,
        remove_comments=True,
        remove_pis=True,
    )


def read_xml(document: bytes, largest: int) -> _Element:
    """Return the root of a document of at most `largest` bytes; raises XmlError."""
    from lxml import etree

    if len(document) > largest:
        raise XmlError(f"The document has {len(document)} bytes, more than {largest}.")
    # In UTF-8 no other bytes than these begin a DTD. Without one there are no entities to expand.
    try:
        document.decode()
    except UnicodeDecodeError:
        raise XmlError("The document is not UTF-8.") from None
    if b"<!DOCTYPE" in document or b"\0" in document:
        raise XmlError("The document has a DTD, or a NUL.")
    try:
        return etree.fromstring(document.strip(), parser())
    except (etree.XMLSyntaxError, ValueError) as error:
        why = " ".join(str(error)[:100].split())
        printable = "".join(one if one.isprintable() else " " for one in why)
        raise XmlError(f"The document is no XML: {printable}.") from None
