"""Places: what databases say of addresses, and what is not asked of them."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ekswatch.audit.event import locate
from ekswatch.audit.places import MEMO_ENTRIES, NOWHERE, BadDatabase, Place, Places
from ekswatch.audit.vocabulary import DERIVED, reader
from tests import places
from tests.audit.examples import made


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> Places:
    folder = tmp_path_factory.mktemp("geo")
    return Places(
        country=places.write_country(folder / "city.mmdb"),
        asn=places.write_asn(folder / "asn.mmdb"),
    )


LEIPZIG = Place("DE", "Leipzig", "AS64496", "Example Net")

ADDRESSES = [
    ("203.0.113.7", LEIPZIG),
    ("203.0.113.127", LEIPZIG),
    ("203.0.113.128", Place("DE", "", "AS64496", "Example Net")),
    ("198.51.100.1", Place("BR", "Recife", "AS64511", "Sample Hosting")),
    ("::ffff:203.0.113.7", LEIPZIG),
    ("2001:db8:1::5", Place("CH", "", "AS65551", "")),
    ("2001:db8:1::5%eth0", Place("CH", "", "AS65551", "")),
    ("2001:db8:2::5", NOWHERE),
    ("192.0.2.1", NOWHERE),
    ("10.1.2.3", NOWHERE),  # in the database, and private
    ("127.0.0.1", NOWHERE),
    ("::1", NOWHERE),
    ("not an address", NOWHERE),
    ("", NOWHERE),
]


@pytest.mark.parametrize(("address", "expected"), ADDRESSES)
def test_an_address_has_its_place(known: Places, address: str, expected: Place) -> None:
    """Country and city from one database, the network's owner from the other."""
    assert known.of(address) == expected


def test_each_database_may_be_missing(tmp_path: Path) -> None:
    """What one of them would say is then empty."""
    country = Places(country=places.write_country(tmp_path / "city.mmdb"))
    asn = Places(asn=places.write_asn(tmp_path / "asn.mmdb"))

    assert country.of("203.0.113.7") == Place("DE", "Leipzig")
    assert asn.of("203.0.113.7") == Place(asn="AS64496", as_org="Example Net")
    assert Places().of("203.0.113.7") == NOWHERE


def test_a_database_of_ipv4_has_no_ipv6(tmp_path: Path) -> None:
    """Such an address is not in it, which is no error."""
    only = {"203.0.113.0/24": {"country": {"iso_code": "DE"}}}
    known = Places(country=places.write_country(tmp_path / "v4.mmdb", only, ip_version=4))

    assert known.of("203.0.113.7") == Place("DE")
    assert known.of("2001:db8:1::5") == NOWHERE


def test_an_enterprise_database_has_the_owner_among_traits(tmp_path: Path) -> None:
    """One file serves for both."""
    record = {
        "country": {"iso_code": "DE"},
        "traits": {"autonomous_system_number": 64496, "autonomous_system_organization": "Net"},
    }
    file = places.write_database(
        tmp_path / "all.mmdb", {"203.0.113.0/24": record}, type_="GeoIP2-Enterprise"
    )

    assert Places(country=file, asn=file).of("203.0.113.7") == Place("DE", "", "AS64496", "Net")


@pytest.mark.parametrize(
    "record",
    [
        {},
        {"country": "DE", "city": ["Leipzig"], "autonomous_system_number": "64496"},
        {"country": {"iso_code": 49}, "city": {"names": "Leipzig"}, "traits": "none"},
        {"city": {"names": {"de": "Leipzig"}}, "autonomous_system_number": 0},
        ["DE"],
        "DE",
    ],
)
def test_records_of_other_shapes_say_nothing(tmp_path: Path, record: Any) -> None:
    """A record that is not as MaxMind's are reads as absent."""
    file = places.write_database(tmp_path / "odd.mmdb", {"203.0.113.0/24": record}, type_="Odd")

    assert Places(country=file, asn=file).of("203.0.113.7") == NOWHERE


def test_a_lost_or_damaged_database_raises(tmp_path: Path) -> None:
    """Whoever asks decides what becomes of the event."""
    damaged = tmp_path / "damaged.mmdb"
    damaged.write_bytes(b"no database")

    with pytest.raises(BadDatabase, match=r"geo: .*/gone\.mmdb: .*No such file"):
        Places(country=tmp_path / "gone.mmdb").of("203.0.113.7")
    with pytest.raises(BadDatabase, match=r"geo: .*/damaged\.mmdb: Error opening"):
        Places(asn=damaged).of("203.0.113.7")


def test_damage_inside_a_database_raises_where_it_is(tmp_path: Path) -> None:
    """Other addresses have their places."""
    file = places.write_country(tmp_path / "City.mmdb")
    places.damage(file, b"Recife")
    known = Places(country=file)

    with pytest.raises(BadDatabase, match=r"geo: .*/City\.mmdb: Invalid"):
        known.of("198.51.100.7")
    assert known.of("203.0.113.7") == Place("DE", "Leipzig")


def test_a_private_address_opens_no_database(tmp_path: Path) -> None:
    """The file is opened at the first public address, not before."""
    assert Places(country=tmp_path / "gone.mmdb").of("10.0.0.1") == NOWHERE


def test_the_memory_is_bounded(known: Places) -> None:
    """A caller from everywhere fills no memory."""
    for number in range(MEMO_ENTRIES + 10):
        known.of(f"203.0.{number // 256}.{number % 256}")

    assert known.of.cache_info().currsize == MEMO_ENTRIES


def test_an_event_knows_its_place_once_located(known: Places) -> None:
    """Only the last address counts, which the API server saw; without databases all are absent."""
    facts = {field.name: reader(field.name) for field in DERIVED if field.name in FACTS}
    given = made(sourceIPs=["198.51.100.1", "203.0.113.7"])

    before = {name: read(made(sourceIPs=["203.0.113.7"])) for name, read in facts.items()}
    locate(given, known)

    assert before == dict.fromkeys(FACTS)
    assert {name: read(given) for name, read in facts.items()} == FACTS


FACTS = {
    "source.country": "DE",
    "source.city": "Leipzig",
    "source.asn": "AS64496",
    "source.as_org": "Example Net",
}


def test_an_event_without_addresses_lies_nowhere(known: Places) -> None:
    """As of a request that the API server made to itself."""
    given = made(verb="get")

    locate(given, known)

    assert given.place == NOWHERE


def test_the_library_is_imported_by_those_who_have_a_database() -> None:
    """Everybody else does not pay for it at start."""
    program = (
        "import sys\n"
        "from ekswatch.audit.places import Places\n"
        "Places().of('203.0.113.7')\n"
        "print('maxminddb' in sys.modules)\n"
    )

    run = subprocess.run(  # noqa: S603 - our own interpreter and program
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )

    assert run.stdout == "False\n"
