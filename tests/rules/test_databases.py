"""Databases of places in the settings: checked when rules are compiled, taken along, read."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from ekswatch.rules.compiler.databases import MAX_DATABASES_BYTES
from ekswatch.rules.compiler.errors import RuleErrors
from ekswatch.rules.compiler.sources import read_sources
from ekswatch.rules.explain import explain
from ekswatch.rules.matcher.engine import Engine
from ekswatch.rules.matcher.live import with_lists
from ekswatch.rules.ruleset import (
    Ruleset,
    dump,
    load,
    load_manifest,
    read_artefact,
    write_artefact,
)
from tests import places
from tests.rules import build

ABROAD = {
    "call": {"source.country|exists": True},
    "home": {"source.country": "DE", "source.asn|startswith": "AS"},
    "condition": "call and not home",
}


def settings(folder: Path, **geo: str) -> Path:
    tuning = folder / "tuning"
    build.write(tuning / "ekswatch.yml", {"geo": geo})
    return tuning


def configured(folder: Path, detection: dict[str, Any] = ABROAD) -> Path:
    """Detections in the folder, and a tuning folder with both databases."""
    build.detection(folder / "detections", build.document("abroad", detection))
    places.write_country(folder / "tuning" / "geo" / "City.mmdb")
    places.write_asn(folder / "tuning" / "geo" / "ASN.mmdb")
    return settings(folder, country="geo/City.mmdb", asn="geo/ASN.mmdb")


def compiled(folder: Path) -> Ruleset:
    return build.compiled(folder / "detections", folder / "tuning")


def found(ruleset: Ruleset, *addresses: str) -> list[bool]:
    """Whether the rule matches a request from each address."""
    engine = Engine(ruleset)
    return [bool(engine.match([build.event(sourceIPs=[one])])) for one in addresses]


def test_a_rule_sees_where_callers_are(tmp_path: Path) -> None:
    """A country that is not named, from a database that the settings name."""
    configured(tmp_path)

    assert found(
        compiled(tmp_path), "198.51.100.7", "203.0.113.7", "2001:db8:1::1", "192.0.2.1", "10.0.0.1"
    ) == [True, False, True, False, False]


def test_without_databases_nothing_is_known(tmp_path: Path) -> None:
    """The same rule never matches, and is no error."""
    configured(tmp_path)

    assert found(build.compiled(tmp_path / "detections"), "198.51.100.7") == [False]


def test_a_remembered_caller_keeps_the_place(tmp_path: Path) -> None:
    """What a profile knows of an address is that of the address, event after event."""
    configured(tmp_path)
    engine = Engine(compiled(tmp_path))
    given = [build.event(sourceIPs=[one]) for one in ("198.51.100.7", "203.0.113.7") * 3]

    matches = engine.match(given)

    assert [match.facts["source.country"] for match in matches] == ["BR"] * 3
    assert {match.facts["source.as_org"] for match in matches} == {"Sample Hosting"}
    assert matches[0].evidence == (("source.country", "BR"),)


def test_an_explanation_knows_the_place(tmp_path: Path) -> None:
    """As the engine does, of an event that no engine has seen."""
    configured(tmp_path)

    told = explain(compiled(tmp_path), build.event(sourceIPs=["198.51.100.7"]), "abroad")

    assert told.outcome == "finding"


def test_live_lists_leave_the_databases(tmp_path: Path) -> None:
    """An engine with newer values still knows where addresses lie."""
    configured(tmp_path)

    ruleset = with_lists(compiled(tmp_path), {"no_such_list": ["x"]})

    assert found(ruleset, "198.51.100.7") == [True]


def test_a_lost_database_costs_no_event(tmp_path: Path) -> None:
    """The event is judged without its place; what was raised is counted and told."""
    configured(tmp_path, {"call": {"verb": "get"}, "condition": "call"})
    ruleset = compiled(tmp_path)
    (tmp_path / "tuning" / "geo" / "ASN.mmdb").unlink()
    told: list[str] = []
    engine = Engine(ruleset, on_error=lambda name, *_: told.append(name))

    matches = engine.match([build.event(sourceIPs=["198.51.100.7"])] * 2)

    assert len(matches) == 2
    assert "source.country" not in matches[0].facts
    assert engine.errors == {("geo", "BadDatabase"): 2}
    assert told == ["geo", "geo"]


# In an artefact


def test_the_artefact_takes_its_databases_along(tmp_path: Path) -> None:
    """They lie beside it, named by their content, and work when the tuning folder is gone."""
    tuning = configured(tmp_path)
    digests = {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in tuning.rglob("*.mmdb")
    }
    (tmp_path / "out").mkdir()
    artefact = tmp_path / "out" / "ruleset.json"
    manifest = write_artefact(artefact, compiled(tmp_path))
    (tmp_path / "tuning").rename(tmp_path / "elsewhere")

    assert [(each.gives, each.type, each.built) for each in manifest.databases] == [
        ("country", "GeoLite2-City", "2026-11-01"),
        ("asn", "GeoLite2-ASN", "2026-11-01"),
    ]
    assert [each.sha256 for each in manifest.databases] == [
        digests["City.mmdb"],
        digests["ASN.mmdb"],
    ]
    assert [each.file for each in manifest.databases] == [
        f"geo/{digests['City.mmdb'][:16]}.mmdb",
        f"geo/{digests['ASN.mmdb'][:16]}.mmdb",
    ]
    assert load_manifest(artefact.read_bytes()) == manifest
    assert str(tmp_path).encode() not in artefact.read_bytes()
    assert found(read_artefact(artefact), "198.51.100.7", "203.0.113.7") == [True, False]


def test_one_file_for_both_is_taken_along_once(tmp_path: Path) -> None:
    """As an Enterprise database is."""
    configured(tmp_path)
    places.write_country(tmp_path / "tuning" / "all.mmdb", type_="GeoIP2-Enterprise")
    settings(tmp_path, country="all.mmdb", asn="all.mmdb")
    (tmp_path / "out").mkdir()

    write_artefact(tmp_path / "out" / "ruleset.json", compiled(tmp_path))

    assert len(list((tmp_path / "out" / "geo").iterdir())) == 1


def test_a_ruleset_is_the_same_wherever_it_is_compiled(tmp_path: Path) -> None:
    """Its hash is of the databases' content and not of their place."""
    configured(tmp_path / "a")
    configured(tmp_path / "b")
    one, other = compiled(tmp_path / "a"), compiled(tmp_path / "b")
    places.write_asn(tmp_path / "b" / "tuning" / "geo" / "ASN.mmdb", {})

    assert dump(one) == dump(other)
    assert one.hash == other.hash == load(dump(one)).hash
    assert compiled(tmp_path / "b").hash != one.hash


def test_an_artefact_without_databases_makes_no_folder(tmp_path: Path) -> None:
    """Who has none is not told of them."""
    configured(tmp_path)
    (tmp_path / "out").mkdir()

    write_artefact(tmp_path / "out" / "ruleset.json", build.compiled(tmp_path / "detections"))

    assert [path.name for path in (tmp_path / "out").iterdir()] == ["ruleset.json"]


def test_what_a_ruleset_says_of_databases_survives_the_artefact(tmp_path: Path) -> None:
    """All but the path, which becomes the one beside it."""
    configured(tmp_path)
    ruleset = compiled(tmp_path)
    moved = [msgspec.structs.replace(each, file=each.name) for each in ruleset.databases]

    assert load(dump(ruleset)) == msgspec.structs.replace(ruleset, databases=tuple(moved))


# What is wrong with the settings


def text(path: Path, content: bytes = b"GIF89a") -> None:
    path.write_bytes(content)


WRONG: list[tuple[str, Callable[[Path], object], str]] = [
    ("there is no file", lambda _: None, "there is no file"),
    ("a folder", lambda path: path.mkdir(), "there is no file"),
    ("another format", text, "cannot be read as a MaxMind database"),
    ("an empty file", lambda path: text(path, b""), "cannot be read as a MaxMind database"),
    (
        "a cut database",
        lambda path: text(path, places.write_asn(path).read_bytes()[:-40]),
        "cannot be read as a MaxMind database",
    ),
    (
        "another kind",
        places.write_country,
        "is of the type 'GeoLite2-City'; its type must have one of ASN, ISP, Enterprise",
    ),
    (
        "a name of the type that is only near",
        lambda path: places.write_asn(path, type_="GeoIP2-Anonymous-IP"),
        "is of the type 'GeoIP2-Anonymous-IP'",
    ),
]


@pytest.mark.parametrize(
    ("put", "reason"), [case[1:] for case in WRONG], ids=[case[0] for case in WRONG]
)
def test_a_database_that_cannot_be_used_stops_compiling(
    tmp_path: Path, put: Callable[[Path], object], reason: str
) -> None:
    """The error names key, file and reason, at the line of the settings."""
    configured(tmp_path)
    put(tmp_path / "tuning" / "wrong.mmdb")
    tuning = settings(tmp_path, country="geo/City.mmdb", asn="wrong.mmdb")

    with pytest.raises(RuleErrors) as raised:
        compiled(tmp_path)

    (error,) = raised.value.errors
    assert error.message.startswith("geo.asn: ")
    assert reason in error.message
    assert str(tuning / "wrong.mmdb") in error.message
    assert (error.file, error.line) == (str(tuning / "ekswatch.yml"), 3)


@pytest.mark.parametrize(
    "type_", ["GeoLite2-Country", "GeoIP2-City", "DBIP-City-Lite", "Enterprise"]
)
def test_types_that_have_countries(tmp_path: Path, type_: str) -> None:
    """Those of MaxMind, and of others who use their names."""
    configured(tmp_path)
    places.write_country(tmp_path / "tuning" / "geo" / "City.mmdb", type_=type_)

    assert compiled(tmp_path).databases[0].type == type_


@pytest.mark.parametrize(
    "type_", ["GeoLite2-ASN", "GeoIP2-ISP", "DBIP-ASN-Lite (compat=GeoLite2-ASN)"]
)
def test_types_that_have_network_owners(tmp_path: Path, type_: str) -> None:
    """Those of MaxMind, and of others who use their names."""
    configured(tmp_path)
    places.write_asn(tmp_path / "tuning" / "geo" / "ASN.mmdb", type_=type_)

    assert compiled(tmp_path).databases[1].type == type_


@pytest.mark.parametrize(("beyond", "fits"), [(0, True), (1, False)])
def test_databases_fit_into_the_archive_together(tmp_path: Path, beyond: int, fits: bool) -> None:
    """Up to 200 MiB of both; a byte more is an error, before anything is read."""
    tuning = configured(tmp_path)
    others = sum(path.stat().st_size for path in tuning.rglob("*.mmdb"))
    padding = MAX_DATABASES_BYTES - others + beyond
    places.write_asn(tuning / "geo" / "ASN.mmdb", padding_bytes=padding)

    errors = read_sources(tmp_path / "detections", tuning).errors

    said = [error.message for error in errors]
    assert fits is (said == [])
    assert all(f"{MAX_DATABASES_BYTES + 1:,} bytes, together they may have" in one for one in said)


def test_a_file_that_is_named_twice_counts_once(tmp_path: Path) -> None:
    """It is deployed once, too."""
    tuning = configured(tmp_path)
    half = MAX_DATABASES_BYTES // 2 + 1_000
    places.write_country(tuning / "all.mmdb", type_="GeoIP2-Enterprise", padding_bytes=half)
    (tuning / "link.mmdb").symlink_to("all.mmdb")
    settings(tmp_path, country="all.mmdb", asn="link.mmdb")

    assert read_sources(tmp_path / "detections", tuning).errors == ()


def test_a_name_that_no_file_can_have_is_an_error(tmp_path: Path) -> None:
    """As any other file that is not there."""
    configured(tmp_path)
    settings(tmp_path, asn="x" * 300)

    with pytest.raises(RuleErrors, match=r"geo\.asn: there is no file .*xxx"):
        compiled(tmp_path)


def test_unknown_keys_are_errors(tmp_path: Path) -> None:
    """A misspelt key never does nothing in silence."""
    configured(tmp_path)
    settings(tmp_path, contry="geo/City.mmdb")

    with pytest.raises(RuleErrors, match=r"unknown key 'geo\.contry'"):
        compiled(tmp_path)


def test_an_absolute_path_is_taken(tmp_path: Path) -> None:
    """As of a database that a tool of the system keeps fresh."""
    configured(tmp_path)
    settings(tmp_path, asn=str(places.write_asn(tmp_path / "share" / "ASN.mmdb")))

    (database,) = compiled(tmp_path).databases

    assert Path(database.file) == tmp_path / "share" / "ASN.mmdb"
