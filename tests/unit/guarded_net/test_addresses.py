"""Which addresses may be connected to, and which hosts are addresses."""

from __future__ import annotations

import pytest

from guarded_net.addresses import EVERYWHERE, is_address, may_connect


def test_an_address_inside_is_refused_unless_its_network_is_listed() -> None:
    for inside in (
        "127.0.0.1",
        "10.1.2.3",
        "169.254.169.254",
        "::1",
        "fe80::1%eth0",
        "::ffff:127.0.0.1",
        "0.0.0.0",  # noqa: S104
        "224.0.0.1",
        "fd00::1",
        "192.168.1.1",
        "x",
    ):
        assert not may_connect(inside, ()), inside
    assert may_connect("127.0.0.1", ("127.0.0.0/8",))
    assert may_connect("::ffff:10.0.0.1", ("10.0.0.0/8",))
    assert may_connect("8.8.8.8", ()) and may_connect("2001:4860:4860::8888", ())


@pytest.mark.parametrize(
    "inside",
    [
        "100.64.0.1",  # carriers' own
        "100.100.100.200",  # metadata of a cloud, as the next three
        "192.0.0.192",
        "168.63.129.16",
        "fd00:ec2::254",
        "172.16.0.1",
        "192.0.2.1",
        "198.18.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "ff02::1",
        "fec0::1",
        "::",
        "::7f00:1",
        "2001:db8::1",
        "2001::1",  # Teredo
        "64:ff9b::a00:1",  # 10.0.0.1 behind a NAT64
        "64:ff9b:1::a00:1",
        "2002:7f00:1::1",  # 127.0.0.1 by 6to4
        "2002:a9fe:a9fe::1",
        "::ffff:100.64.0.1",
        "::ffff:0:7f00:1",
    ],
)
def test_what_only_looks_public_is_refused(inside: str) -> None:
    assert not may_connect(inside, ())


def test_a_public_address_behind_a_nat64_may_be_connected_to() -> None:
    assert may_connect("64:ff9b::808:808", ())


def test_everywhere_is_every_address_of_both_families() -> None:
    for one in ("127.0.0.1", "::1", "10.0.0.1", "fe80::1%eth0", "64:ff9b::a00:1"):
        assert may_connect(one, EVERYWHERE)
    assert not may_connect("localhost", EVERYWHERE)


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "2130706433", "127.1", "0x7f.1", "1.2.0x3."])
def test_what_a_connector_reads_as_an_address_is_one(host: str) -> None:
    assert is_address(host)


@pytest.mark.parametrize("host", ["pmi.example", "112.example", "x1", "1x", "xn--4dbrk0ce"])
def test_a_name_is_no_address(host: str) -> None:
    assert not is_address(host)
