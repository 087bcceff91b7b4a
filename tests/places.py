"""Databases of places for tests: a writer of MaxMind's format, and addresses of documentation.

Source: MaxMind DB File Format Specification, version 2.0. Networks are those of RFC 5737 and 3849.
"""

import ipaddress
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

BUILT = datetime(2026, 11, 1, tzinfo=UTC)

LOCATIONS: Mapping[str, Any] = {
    "203.0.113.0/25": {"country": {"iso_code": "DE"}, "city": {"names": {"en": "Leipzig"}}},
    "203.0.113.128/25": {"country": {"iso_code": "DE"}},
    "198.51.100.0/24": {"country": {"iso_code": "BR"}, "city": {"names": {"en": "Recife"}}},
    "2001:db8:1::/48": {"country": {"iso_code": "CH"}},
    "10.0.0.0/8": {"country": {"iso_code": "XX"}},
}
OWNERS: Mapping[str, Any] = {
    "203.0.113.0/24": {
        "autonomous_system_number": 64496,
        "autonomous_system_organization": "Example Net",
    },
    "198.51.100.0/24": {
        "autonomous_system_number": 64511,
        "autonomous_system_organization": "Sample Hosting",
    },
    "2001:db8:1::/48": {"autonomous_system_number": 65551},
}

EMPTY_RECORD = -1
SEPARATOR = bytes(16)
METADATA = b"\xab\xcd\xefMaxMind.com"
STRING, MAP, UINT16, UINT32, UINT64, ARRAY = 2, 7, 5, 6, 9, 11
FEW, MORE = 29, 285
"""A size below 29 stands in the control byte, one below 285 in the byte after it."""


def write_country(path: Path, networks: Mapping[str, Any] = LOCATIONS, **about: Any) -> Path:
    return write_database(path, networks, **{"type_": "GeoLite2-City", **about})


def write_asn(path: Path, networks: Mapping[str, Any] = OWNERS, **about: Any) -> Path:
    return write_database(path, networks, **{"type_": "GeoLite2-ASN", **about})


def write_database(
    path: Path,
    networks: Mapping[str, Any],
    *,
    type_: str,
    built: datetime = BUILT,
    ip_version: int = 6,
    padding_bytes: int = 0,
) -> Path:
    """Write records by network; one inside another is not supported. Returns the path.

    Units: `padding_bytes` of nothing lie between data and metadata, as a hole in the file.
    """
    nodes: list[list[Any]] = [[EMPTY_RECORD, EMPTY_RECORD]]
    data = b""
    for name, record in networks.items():
        _insert(nodes, _bits(name, ip_version), ~len(data) - 1)
        data += _encoded(record)
    tree = b"".join(_record(side, len(nodes)) for node in nodes for side in node)
    about = {
        "binary_format_major_version": (UINT16, 2),
        "binary_format_minor_version": (UINT16, 0),
        "build_epoch": (UINT64, int(built.timestamp())),
        "database_type": type_,
        "description": {"en": "For tests"},
        "ip_version": (UINT16, ip_version),
        "languages": ["en"],
        "node_count": (UINT32, len(nodes)),
        "record_size": (UINT16, 32),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        file.write(tree + SEPARATOR + data)
        file.seek(padding_bytes, 1)
        file.write(METADATA + _encoded(about))
    return path


def damage(path: Path, text: bytes) -> None:
    """Spoil a database where a text stands: what begins there is of no type."""
    content = path.read_bytes()
    at = content.index(text) - 1
    path.write_bytes(content[:at] + b"\x00\xff" + content[at + 2 :])


def _bits(name: str, ip_version: int) -> str:
    """The bits that all addresses of a network begin with; IPv4 lies below ::/96."""
    network = ipaddress.ip_network(name)
    bits = f"{int(network.network_address):0{network.max_prefixlen}b}"[: network.prefixlen]
    return "0" * 96 + bits if network.version == 4 and ip_version == 6 else bits


def _insert(nodes: list[list[int]], bits: str, record: int) -> None:
    """Let the bits lead to a record: below -1 it is ~(1 + offset), from 0 another node."""
    at = 0
    for bit in bits[:-1]:
        if nodes[at][int(bit)] == EMPTY_RECORD:
            nodes.append([EMPTY_RECORD, EMPTY_RECORD])
            nodes[at][int(bit)] = len(nodes) - 1
        at = nodes[at][int(bit)]
    nodes[at][int(bits[-1])] = record


def _record(side: int, count: int) -> bytes:
    """A record of 32 bits: a node, the number of nodes for nothing, or beyond it data."""
    if side == EMPTY_RECORD:
        return count.to_bytes(4)
    return (side if side >= 0 else count + len(SEPARATOR) + ~side - 1).to_bytes(4)


def _encoded(value: Any) -> bytes:
    match value:
        case str():
            return _control(STRING, len(value.encode())) + value.encode()
        case dict():
            members = (_encoded(key) + _encoded(member) for key, member in value.items())
            return _control(MAP, len(value)) + b"".join(members)
        case list():
            return _control(ARRAY, len(value)) + b"".join(map(_encoded, value))
        case (int(kind), int(number)):
            size = (number.bit_length() + 7) // 8
            return _control(kind, size) + number.to_bytes(size)
        case int():
            return _encoded((UINT32, value))
    raise TypeError(value)


def _control(kind: int, size: int) -> bytes:
    if size >= MORE:
        raise ValueError(size)
    short, more = (size, b"") if size < FEW else (FEW, bytes([size - FEW]))
    if kind <= MAP:
        return bytes([kind << 5 | short]) + more
    return bytes([short, kind - MAP]) + more
