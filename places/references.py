"""Which references to a place may be fetched, and from where. Pure.

A reference stands in a header that whoever calls may have written, and the engine asks for what it
names. So the city lists the hosts of its carriers, and only those are asked; and a name that turns
out to be an address inside the city's own network is refused, unless that network is listed too.
"""

from __future__ import annotations

from collections.abc import Collection

from guarded_net.addresses import is_address
from guarded_net.urls import UrlError, is_listed, read_url
from places.place import PlaceError, readable


def check_reference(url: str, hosts: Collection[str]) -> str:
    """Return the reference if it may be fetched; raises PlaceError if not.

    `hosts`: names that are allowed; one that begins with a dot allows all names that end so.
    """
    shown = readable(url, 80)
    try:
        found = read_url(url)
    except UrlError as error:
        raise PlaceError(f"The reference {shown} {error}.") from None
    if found.scheme != "https":
        raise PlaceError(f"The reference {shown} is not https.")
    if is_address(found.host):
        # an address would be connected to as it is, without asking for it
        raise PlaceError(f"The reference {shown} names no host.")
    if not is_listed(found.host, hosts):
        raise PlaceError(
            f"The host {found.host} is not one of NGALAM112_PLACE_HOSTS; nothing is fetched there."
        )
    return url
