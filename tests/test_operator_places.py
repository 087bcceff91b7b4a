"""Databases of places that operators have: what the shipped detections make of them."""

import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from ekswatch.audit.event import AuditEvent
from ekswatch.cli.examples import Example, Judge, find_examples
from ekswatch.findings.finding import Finding
from ekswatch.rules.compiler.compile import compile_ruleset
from tests import places
from tests.audit.examples import EVENTS, event

DETECTIONS = EVENTS.parent / "detections"
USES_PLACES = ("anonymous-scan-burst", "secret-read-unlisted-caller", "user-unusual-network")
DATABASES = ("country", "asn")

HOME, SAME_OWNER, SAME_COUNTRY, ABROAD, UNKNOWN = (
    "203.0.113.20",
    "2001:db8:3::5",
    "2001:db8:4::5",
    "198.51.100.7",
    "192.0.2.8",
)
GERMANY = {"country": {"iso_code": "DE"}}
LOCATIONS = {**places.LOCATIONS, "2001:db8:3::/48": GERMANY, "2001:db8:4::/48": GERMANY}
OWNERS = {
    **places.OWNERS,
    "2001:db8:3::/48": places.OWNERS["203.0.113.0/24"],
    "2001:db8:4::/48": {"autonomous_system_number": 65550},
}


def judge(
    folder: Path,
    *databases: str,
    locations: Sequence[str] | None = None,
    detections: Path | None = None,
) -> Judge:
    """Detections with some databases, and a list of locations for secret reads.

    By default only those shipped ones that use places, as the others would take their time.
    """
    detections = detections or few(folder / "detections")
    places.write_country(folder / "country.mmdb", LOCATIONS)
    places.write_asn(folder / "asn.mmdb", OWNERS)
    lists = {"allowed_secret_locations": {"replace": [*locations]}} if locations else {}
    settings = {"geo": {each: f"{each}.mmdb" for each in databases}, "lists": lists}
    (folder / "ekswatch.yml").write_text(yaml.safe_dump(settings))
    return Judge(compile_ruleset(detections, folder))


def few(folder: Path) -> Path:
    """A folder with the detections that use places, and the lists."""
    folder.mkdir()
    (folder / "lists").symlink_to(DETECTIONS / "lists")
    for slug in USES_PLACES:
        (file,) = DETECTIONS.rglob(f"{slug}.yml")
        (folder / file.name).symlink_to(file)
    return folder


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Judge:
    return judge(tmp_path_factory.mktemp("both"), *DATABASES, detections=DETECTIONS)


@pytest.mark.parametrize(
    "example",
    [example for example in find_examples(EVENTS) if example.slug in USES_PLACES],
    ids=lambda example: example.name,
)
def test_examples_are_judged_alike(both: Judge, example: Example) -> None:
    """Databases add to what is found; they take nothing away."""
    assert both.outcome(example).problem == ""


# New to the caller


@cache
def call() -> dict[str, Any]:
    """An ordinary request of a person."""
    line = (EVENTS / "user-unusual-network" / "match_other_network.jsonl").read_text()
    return json.loads(line.partition("\n")[0])


def calls(*given: tuple[str, str], **fields: Any) -> list[AuditEvent]:
    """Requests of one person, each on a day of November from an address."""
    return [
        event(
            call(),
            auditID=f"00000000-0000-4000-8000-{index:012}",
            sourceIPs=["198.51.100.99", address],
            requestReceivedTimestamp=f"2026-11-{day}T09:00:00.000000Z",
            stageTimestamp=f"2026-11-{day}T09:00:00.100000Z",
            **fields,
        )
        for index, (day, address) in enumerate(given)
    ]


def unusual(judge: Judge, events: list[AuditEvent]) -> list[tuple[str, str]]:
    """Severity and document of each finding about the network."""
    return [
        (one.severity.name, one.lead.document)
        for one in judge.findings(events)
        if one.detection.slug == "user-unusual-network"
    ]


ALL_NEW = [("MEDIUM", "user-unusual-network-country")]
NEW_OWNER = [("MEDIUM", "user-unusual-network-owner")]
NEW_NETWORK = [("LOW", "user-unusual-network")]

NEWS = [
    (DATABASES, ABROAD, ALL_NEW),
    (DATABASES, SAME_COUNTRY, NEW_OWNER),
    (DATABASES, SAME_OWNER, NEW_NETWORK),
    (DATABASES, UNKNOWN, [("MEDIUM", "user-unusual-network")]),
    (DATABASES, HOME, []),
    (("asn",), ABROAD, NEW_OWNER),
    (("asn",), SAME_OWNER, NEW_NETWORK),
    (("country",), SAME_COUNTRY, [("MEDIUM", "user-unusual-network")]),
    ((), ABROAD, [("MEDIUM", "user-unusual-network")]),
]


@pytest.mark.parametrize(("databases", "address", "expected"), NEWS)
def test_what_is_new_to_a_caller(
    tmp_path: Path, databases: Sequence[str], address: str, expected: list[tuple[str, str]]
) -> None:
    """One finding per network, led by what weighs most: the owner or country, or the network."""
    given = calls(("01", HOME), ("10", address))

    assert unusual(judge(tmp_path, *databases), given) == expected


def test_a_new_country_says_so(tmp_path: Path) -> None:
    """With a database of countries alone, where the network is as new as the country."""
    matches = judge(tmp_path, "country").matches(calls(("01", HOME), ("10", ABROAD)))

    documents = {m.document for m in matches if m.detection.slug == "user-unusual-network"}

    assert documents >= {"user-unusual-network", "user-unusual-network-country"}


def test_a_secret_read_from_a_new_country_is_high(both: Judge) -> None:
    """As it is from a new network."""
    (_, ordinary), reads = calls(("01", HOME), ("10", ABROAD)), {"resource": "secrets"}
    first = calls(("01", HOME))
    read = event(
        call(),
        auditID=ordinary.auditID,
        verb="list",
        objectRef=reads,
        sourceIPs=[ABROAD],
        requestReceivedTimestamp="2026-11-10T09:00:00.000000Z",
    )

    assert [severity for severity, _ in unusual(both, [*first, read])] == ["HIGH"]


def test_learning_starts_with_the_first_place_of_a_caller(both: Judge) -> None:
    """Somebody who was known before the databases were does not alarm with every country."""
    given = calls(("01", UNKNOWN), ("15", HOME), ("20", ABROAD), ("25", SAME_COUNTRY))

    documents = [document for _, document in unusual(both, given)]

    assert documents == ["user-unusual-network", "user-unusual-network", NEW_OWNER[0][1]]


# Locations from which secrets may be read


def reads(judge: Judge, address: str, **fields: Any) -> list[Finding]:
    """The findings about a secret that a listed person reads from an address."""
    path = EVENTS / "secret-read-unlisted-caller" / "ignore_listed_user_and_group.json"
    found = judge.findings([event(json.loads(path.read_text()), sourceIPs=[address], **fields)])
    return [one for one in found if one.detection.slug == "secret-read-unlisted-caller"]


PLACES = [
    (["DE"], HOME, False),
    (["de"], HOME, False),
    (["Leipzig"], HOME, False),
    (["Leipzig"], "203.0.113.200", True),  # Germany, and no city in the database
    (["AS64496"], HOME, False),
    (["DE", "AS64511"], ABROAD, False),
    (["DE"], ABROAD, True),
    (["DE"], UNKNOWN, False),  # nobody knows where it is
    (["DE"], "10.0.0.7", False),
    (["*"], ABROAD, False),
]


@pytest.mark.parametrize(("allowed", "address", "is_found"), PLACES)
def test_secrets_are_read_from_listed_locations(
    tmp_path: Path, allowed: list[str], address: str, is_found: bool
) -> None:
    """Country, city or network owner: one entry of the list that fits suffices."""
    found = reads(judge(tmp_path, *DATABASES, locations=allowed), address)

    assert bool(found) is is_found


def test_a_finding_says_where_it_was(tmp_path: Path) -> None:
    """Country, city and owner, as far as they are known."""
    (finding,) = reads(judge(tmp_path, *DATABASES, locations=["DE"]), ABROAD)

    assert finding.lead.document == "secret-read-unlisted-caller-location"
    assert finding.severity.name == "MEDIUM"
    assert "from 198.51.100.7, at an unlisted location (BR Recife AS64511, ok)" in finding.message


@pytest.mark.parametrize("locations", [None, ["DE"]])
def test_without_databases_locations_are_not_evaluated(
    tmp_path: Path, locations: list[str] | None
) -> None:
    """Whatever the list says."""
    assert reads(judge(tmp_path, locations=locations), ABROAD) == []


def test_the_shipped_list_allows_every_location(both: Judge) -> None:
    """The test is off until the operator names locations."""
    assert reads(both, ABROAD) == []


# Who scans


def test_a_scan_names_country_and_owner(both: Judge) -> None:
    """What the finding collects of the requests."""
    path = EVENTS / "anonymous-scan-burst" / "match_six_kinds_refused.jsonl"
    given = [event(json.loads(line), sourceIPs=[ABROAD]) for line in path.read_text().splitlines()]

    found = [one for one in both.findings(given) if one.detection.slug == "anonymous-scan-burst"]

    told = {
        name: found[0].facts[name] for name in ("source.country", "source.asn", "source.as_org")
    }
    assert told == {
        "source.country": ("BR",),
        "source.asn": ("AS64511",),
        "source.as_org": ("Sample Hosting",),
    }
