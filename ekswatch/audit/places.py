"""Places: where public addresses lie, as databases of the operator's say. None ships.

Read are the records of MaxMind's databases (GeoIP2, GeoLite2), which those of DB-IP share.
Source: MaxMind's developer documentation, "City and Country Databases", "ASN and ISP Databases".
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from ekswatch.audit.addresses import address_class, plain
from ekswatch.audit.lenient import Json, mapping, text

if TYPE_CHECKING:
    from maxminddb import Reader

MEMO_ENTRIES = 4_096
"""Addresses remembered; a cluster has fewer callers, and attackers choose theirs."""


class Place(msgspec.Struct, frozen=True, gc=False):
    """Where an address lies, and whose network it is in; empty where no database says.

    Units: `country` is an ISO 3166-1 code of two capitals. `asn` is written as AS64496 (RFC 5396).
    """

    country: str = ""
    city: str = ""
    asn: str = ""
    as_org: str = ""


NOWHERE = Place()


class BadDatabase(Exception):  # noqa: N818 - says what is bad
    """A database that is gone or damaged, with its name."""


class Places:
    """Looks addresses up in a database of countries or cities, and in one of networks' owners.

    A database is opened, as a memory map, when the first public address is asked for.
    """

    def __init__(self, *, country: Path | None = None, asn: Path | None = None) -> None:
        self._country_file = country
        self._asn_file = asn
        self.of = lru_cache(MEMO_ENTRIES)(self._of)

    def _of(self, address: str) -> Place:
        """Where an address lies: nowhere for one that is not public, or that nobody knows.

        Raises: BadDatabase.
        """
        if address_class(address) != "public":
            return NOWHERE
        with _reading(self._country_file):
            located = _record(self._country, address)
        with _reading(self._asn_file):
            owned = _record(self._asn, address)
        owner = mapping(owned.get("traits")) or owned  # of an Enterprise database
        number = owner.get("autonomous_system_number")
        return Place(
            country=text(mapping(located.get("country")).get("iso_code")),
            city=text(mapping(mapping(located.get("city")).get("names")).get("en")),
            asn=f"AS{number}" if isinstance(number, int) and number else "",
            as_org=text(owner.get("autonomous_system_organization")),
        )

    @cached_property
    def _country(self) -> "Reader | None":
        return _opened(self._country_file)

    @cached_property
    def _asn(self) -> "Reader | None":
        return _opened(self._asn_file)


@contextmanager
def _reading(file: Path | None) -> Iterator[None]:
    """Raises: BadDatabase for what the library raises: InvalidDatabaseError is a RuntimeError."""
    try:
        yield
    except (OSError, RuntimeError, ValueError) as error:
        raise BadDatabase(f"geo: {file}: {error}") from error


def _opened(file: Path | None) -> "Reader | None":
    if file is None:
        return None
    from maxminddb import open_database  # for those who have a database

    return open_database(file)


def _record(database: "Reader | None", address: str) -> dict[str, Json]:
    """What a database holds of an address; nothing of an IPv6 address where it is of IPv4 alone."""
    known = plain(address)
    if database is None or (":" in known and database.metadata().ip_version == 4):
        return {}
    return mapping(database.get(known))
