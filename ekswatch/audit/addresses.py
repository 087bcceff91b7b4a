"""What kind of network an address belongs to.

Private means the ranges that a VPC and its nodes use, and nothing else: Python's
`ipaddress.is_private` also counts documentation and benchmark ranges, which are public here.
"""

import socket
from functools import lru_cache

Network = tuple[int, int]
"""First address of a network and its number of host bits."""


def _networks(family: socket.AddressFamily, *blocks: str) -> tuple[Network, ...]:
    found = []
    for block in blocks:
        address, prefix = block.split("/")
        packed = socket.inet_pton(family, address)
        host_bits = len(packed) * 8 - int(prefix)
        found.append((int.from_bytes(packed) >> host_bits, host_bits))
    return tuple(found)


LOOPBACK_4 = _networks(socket.AF_INET, "127.0.0.0/8")
LOOPBACK_6 = _networks(socket.AF_INET6, "::1/128")
PRIVATE_4 = _networks(
    socket.AF_INET,
    "10.0.0.0/8",
    "172.16.0.0/12",
    "192.168.0.0/16",
    "100.64.0.0/10",  # carrier-grade NAT, EKS custom networking
    "169.254.0.0/16",  # link-local
)
PRIVATE_6 = _networks(socket.AF_INET6, "fc00::/7", "fe80::/10")

MAPPED_IPV4 = bytes(10) + b"\xff\xff"
"""First 12 bytes of an IPv6 address that carries an IPv4 address."""


@lru_cache(maxsize=4096)
def address_class(text: str) -> str:
    """Return loopback, private, public, or unknown for a text that is no address."""
    packed = _packed(text)
    if packed is None:
        return "unknown"
    number, is_ipv4 = int.from_bytes(packed), len(packed) == 4
    if _within(number, LOOPBACK_4 if is_ipv4 else LOOPBACK_6):
        return "loopback"
    return "private" if _within(number, PRIVATE_4 if is_ipv4 else PRIVATE_6) else "public"


@lru_cache(maxsize=4096)
def network(text: str) -> str:
    """Return the network of a public address (/24, for IPv6 /48), else its class.

    A text that is no address is its own network.
    """
    kind = address_class(text)
    if kind != "public":
        return kind if kind != "unknown" else text
    packed = _packed(text) or b""
    if len(packed) == 4:
        return f"{socket.inet_ntop(socket.AF_INET, packed[:3] + bytes(1))}/24"
    return f"{socket.inet_ntop(socket.AF_INET6, packed[:6] + bytes(10))}/48"


def plain(text: str) -> str:
    """Return an address in its usual form, without zone, a mapped IPv4 address as itself.

    Empty for a text that is no address.
    """
    packed = _packed(text)
    if packed is None:
        return ""
    return socket.inet_ntop(socket.AF_INET if len(packed) == 4 else socket.AF_INET6, packed)


def _packed(text: str) -> bytes | None:
    """Return the 4 or 16 bytes of an address; a mapped IPv4 address has 4."""
    text, _, _zone = text.partition("%")
    try:
        if ":" not in text:
            return socket.inet_pton(socket.AF_INET, text)
        packed = socket.inet_pton(socket.AF_INET6, text)
    except (OSError, ValueError):
        return None
    return packed[12:] if packed.startswith(MAPPED_IPV4) else packed


def _within(number: int, networks: tuple[Network, ...]) -> bool:
    return any(number >> host_bits == first for first, host_bits in networks)
