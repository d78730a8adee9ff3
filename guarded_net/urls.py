"""Reads a URL of somebody else, and refuses what two readers may read differently. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection
from urllib.parse import urlsplit

import msgspec

LONGEST_URL = 2000
_HOST = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?")


class UrlError(ValueError):
    """A URL is not used; the message says why and continues a sentence: "is no URL"."""


class Url(msgspec.Struct, frozen=True):
    """What is decided by. `scheme` and `host` are in small letters; `port` is None if not said."""

    scheme: str
    host: str
    port: int | None


def read_url(url: str) -> Url:
    """Return the parts of a URL; raises UrlError.

    Only ASCII, no user or password, and as host a name or an IPv4 address.
    """
    if len(url) > LONGEST_URL or not url.isascii() or not url.isprintable() or "\\" in url:
        raise UrlError("is too long, or no URL")
    try:
        parts = urlsplit(url)
        host, port = (parts.hostname or "").lower(), parts.port
    except ValueError:
        raise UrlError("is no URL") from None
    if parts.username is not None or parts.password is not None or port == 0:
        raise UrlError("holds a password, or no port")
    if not _HOST.fullmatch(host):
        raise UrlError("names no host")
    return Url(parts.scheme.lower(), host, port)


def is_listed(host: str, hosts: Collection[str]) -> bool:
    """Whether a host is one of these; one that begins with a dot stands for all that end so."""
    return any(host == one or (one.startswith(".") and host.endswith(one)) for one in hosts)
