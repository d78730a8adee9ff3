"""Which references to a place may be fetched, and from where. Pure.

A reference stands in a header that whoever calls may have written, and the engine asks for what it
names. So the city lists the hosts of its carriers, and only those are asked; and a name that turns
out to be an address inside the city's own network is refused, unless that network is listed too.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Collection, Iterable
from urllib.parse import urlsplit

from places.place import PlaceError, readable

LONGEST_URL = 2000
_HOST = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?")


def check_reference(url: str, hosts: Collection[str]) -> str:
    """Return the reference if it may be fetched; raises PlaceError if not.

    `hosts`: names that are allowed; one that begins with a dot allows all names that end so.
    """
    shown = readable(url, 80)
    if len(url) > LONGEST_URL or not url.isascii() or not url.isprintable() or "\\" in url:
        raise PlaceError(f"The reference {shown} is too long, or no URL.")
    try:
        parts = urlsplit(url)
        host, port = (parts.hostname or "").lower(), parts.port
    except ValueError:
        raise PlaceError(f"The reference {shown} is no URL.") from None
    if parts.scheme.lower() != "https":
        raise PlaceError(f"The reference {shown} is not https.")
    if parts.username is not None or parts.password is not None or port == 0:
        raise PlaceError(f"The reference {shown} holds a password, or no port.")
    if not _HOST.fullmatch(host) or _is_address(host):
        raise PlaceError(f"The reference {shown} names no host.")
    if not any(host == one or (one.startswith(".") and host.endswith(one)) for one in hosts):
        raise PlaceError(
            f"The host {host} is not one of NGALAM112_PLACE_HOSTS; nothing is fetched there."
        )
    return url


def _is_address(host: str) -> bool:
    # an address would be connected to as it is, without asking for it and so without a check
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def may_connect(address: str, networks: Iterable[str]) -> bool:
    """Whether a host's address may be connected to: a public one, or one of these networks."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    mapped = getattr(found, "ipv4_mapped", None)
    found = mapped or found
    if found.is_global and not found.is_multicast:
        return True
    return any(found in ipaddress.ip_network(one) for one in networks)
