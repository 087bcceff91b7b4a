"""Address classes."""

import pytest

from ekswatch.audit.addresses import address_class, network


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("127.0.0.1", "loopback"),
        ("127.255.255.254", "loopback"),
        ("::1", "loopback"),
        ("::ffff:127.0.0.1", "loopback"),
        ("10.0.0.1", "private"),
        ("172.15.255.255", "public"),
        ("172.16.0.0", "private"),
        ("172.31.255.255", "private"),
        ("172.32.0.0", "public"),
        ("192.168.3.4", "private"),
        ("192.169.0.0", "public"),
        ("100.63.255.255", "public"),
        ("100.64.0.0", "private"),
        ("100.127.255.255", "private"),
        ("100.128.0.0", "public"),
        ("169.254.169.254", "private"),
        ("::ffff:10.1.2.3", "private"),
        ("fc00::1", "private"),
        ("fdff:ffff::1", "private"),
        ("fe80::1%eth0", "private"),
        ("203.0.113.7", "public"),
        ("198.51.100.1", "public"),
        ("2001:db8::1", "public"),
        ("8.8.8.8", "public"),
        ("", "unknown"),
        ("10.0.0", "unknown"),
        ("010.0.0.1x", "unknown"),
        ("10.0.0.1, 8.8.8.8", "unknown"),
        ("nonsense::zz", "unknown"),
        ("10.0.0.1\0", "unknown"),
    ],
)
def test_only_vpc_ranges_are_private(address: str, expected: str) -> None:
    """Documentation ranges count as public, and a text that is no address is unknown."""
    assert address_class(address) == expected


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("203.0.113.7", "203.0.113.0/24"),
        ("203.0.113.255", "203.0.113.0/24"),
        ("203.0.114.0", "203.0.114.0/24"),
        ("::ffff:203.0.113.7", "203.0.113.0/24"),
        ("2001:db8:1:2::5", "2001:db8:1::/48"),
        ("2001:db8:1:ffff::5", "2001:db8:1::/48"),
        ("2001:db8:2::5", "2001:db8:2::/48"),
        ("10.1.2.3", "private"),
        ("fe80::1%eth0", "private"),
        ("127.0.0.1", "loopback"),
        ("somewhere", "somewhere"),
    ],
)
def test_a_public_address_has_a_network(address: str, expected: str) -> None:
    """Neighbours share it; inside a VPC addresses change with every node."""
    assert network(address) == expected
