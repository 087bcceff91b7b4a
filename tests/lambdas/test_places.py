"""Databases of places in the archive: findings say where callers are, a lost one costs none."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from ekswatch.local import Account, account
from ekswatch.rules.ruleset import Database
from tests import places
from tests.local.examples import RULESET, benign, line


@pytest.fixture
def aws(tmp_path: Path) -> Iterator[Account]:
    """An account whose functions were deployed with a database of countries."""
    file = places.write_country(tmp_path / "Country.mmdb")
    database = Database(
        "country", str(file), "0123456789abcdef" * 4, "GeoLite2-Country", "2026-11-01"
    )
    with account(replace(RULESET, databases=(database,)).sealed(), clusters=("prod",)) as opened:
        file.unlink()
        yield opened


def deployed() -> Path:
    """The copy of the database that the functions read."""
    (file,) = (Path(os.environ["EKSWATCH_RULESET"]).parent / "geo").iterdir()
    return file


def test_a_finding_says_where_the_caller_is(aws: Account) -> None:
    """In Security Hub and in the message, from the copy in the archive."""
    aws.put_audit_log("prod", [*benign(3), line("a-1", sourceIPs=["198.51.100.7"])])

    (finding,) = aws.findings()
    (message,) = aws.messages()
    assert finding["ProductFields"]["ekswatch/source.country"] == "BR"
    assert "Recife, BR" in message.text
    assert aws.metric("RuleFailures", cluster="prod") == 0


def test_a_damaged_database_costs_no_finding(aws: Account) -> None:
    """What was raised is counted for the metric that the alarm watches, and logged once."""
    deployed().write_bytes(b"damaged")

    aws.put_audit_log("prod", [line("a-1", sourceIPs=["198.51.100.7"])])

    (finding,) = aws.findings()
    assert "ekswatch/source.country" not in finding["ProductFields"]
    assert aws.metric("RuleFailures", cluster="prod") == 1
    (said,) = [entry for entry in aws.logged() if entry.get("message") == "rule failed"]
    assert (said["document"], said["error"]) == ("geo", "BadDatabase")
