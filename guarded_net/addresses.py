"""Which addresses may be connected to when others have named the host. Pure.

Whoever names a host also decides what its name means, and may have it mean an address inside the
city's own network, or the place where a cloud keeps its secrets.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address, ip_network

_Address = IPv4Address | IPv6Address
EVERYWHERE = ("0.0.0.0/0", "::/0")

_NEVER_PUBLIC = tuple(
    ip_network(one)
    for one in (
        "100.64.0.0/10",  # carriers' own (CGNAT); a cloud's metadata at 100.100.100.200
        "168.63.129.16/32",  # a public address that inside Azure is the machine's host
        "192.0.0.0/24",  # RFC 6890; metadata at 192.0.0.192. Python before 3.11.10 has but a part
        "192.88.99.0/24",  # relays of 6to4
    )
)
_UNICAST_V6 = ip_network("2000::/3")
_NAT64 = ip_network("64:ff9b::/96")


def may_connect(address: str, networks: Iterable[str]) -> bool:
    """Whether a host's address may be connected to: a public one, or one of these networks.

    An IPv6 address that stands for an IPv4 one (mapped, 6to4, NAT64) counts as that.
    """
    try:
        found = _meant(ipaddress.ip_address(address.partition("%")[0]))
    except ValueError:
        return False
    return _is_public(found) or any(found in ip_network(one) for one in networks)


def is_address(host: str) -> bool:
    """Whether a host is an address and no name; so is all that ends in a number (WHATWG URL).

    A connector uses such a host as it is, and asks nobody for its address.
    """
    last = host.rstrip(".").rpartition(".")[2]
    if last.isdigit() or last.startswith("0x"):
        return True
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _is_public(found: _Address) -> bool:
    if not found.is_global or found.is_multicast:
        return False
    if isinstance(found, IPv6Address):
        return found in _UNICAST_V6
    return not any(found in one for one in _NEVER_PUBLIC)


def _meant(found: _Address) -> _Address:
    if isinstance(found, IPv4Address):
        return found
    if found.ipv4_mapped is not None:
        return found.ipv4_mapped
    if found.sixtofour is not None:
        return found.sixtofour
    if found in _NAT64:
        return IPv4Address(found.packed[-4:])
    return found
