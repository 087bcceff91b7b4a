"""Lists that are read at run time, in an account: what changes takes effect, age is told."""

import os
from collections.abc import Iterator
from datetime import timedelta

import pytest
from msgspec.structs import replace

from ekswatch.aws import clients
from ekswatch.local import Account, account
from ekswatch.rules.detection import Severity
from ekswatch.rules.ruleset import Check, Rule, Use
from lambdas import stream
from tests.local.examples import AT, RULESET, line

RUN_FOR_AT = AT + timedelta(hours=2)
BAD = Check("source.address", "cidr", ("192.0.2.0/24",), lists=("bad",))
LISTED = replace(
    RULESET,
    detections=(
        *RULESET.detections,
        replace(RULESET.detections[0], slug="from-listed", message="{actor.name} called"),
        replace(
            RULESET.detections[0],
            slug="live-list-stale",
            message="{list.name} is {list.age_hours} hours old",
            dedup=("list.name",),
        ),
    ),
    rules=(
        *RULESET.rules,
        Rule("from-listed", "from-listed", "", {"bad": BAD}, Use("bad"), Severity.HIGH),
        Rule(
            name="live-list-stale",
            detection="live-list-stale",
            view="list",
            selections={"stale": Check("list.stale", "equals", (True,))},
            condition=Use("stale"),
            severity=Severity.LOW,
            facts=("list.name", "list.age_hours"),
        ),
    ),
).sealed()


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    with account(LISTED, clusters=("prod",)) as opened:
        monkeypatch.setitem(os.environ, "EKSWATCH_LIVE_LISTS", "bad=s3://intel/bad.txt")
        region = os.environ.get("AWS_REGION", "eu-central-1")
        place = {"LocationConstraint": region}
        clients.client("s3").create_bucket(Bucket="intel", CreateBucketConfiguration=place)  # type: ignore[arg-type]
        stream._live.cache_clear()
        yield opened
    stream._live.cache_clear()


def put(text: str) -> None:
    clients.client("s3").put_object(Bucket="intel", Key="bad.txt", Body=text.encode())


def called(aws: Account, audit_id: str, address: str) -> list[str]:
    aws.put_audit_log("prod", [line(audit_id, sourceIPs=[address])])
    found = aws.findings()
    return sorted(f["GeneratorId"].rpartition("/")[2] for f in found)


def test_the_values_of_the_moment_decide(aws: Account) -> None:
    """What ships counts until the list was read; then only the list does."""
    put("198.51.100.7")

    assert not any("from-listed" in each for each in called(aws, "a-1", "192.0.2.1"))
    assert any("from-listed" in each for each in called(aws, "a-2", "198.51.100.7"))


def test_what_ships_counts_while_the_list_cannot_be_read(aws: Account) -> None:
    """It is counted and logged; the batch goes on."""
    assert any("from-listed" in each for each in called(aws, "a-1", "192.0.2.1"))
    assert aws.metric("LiveListErrors", cluster="none") == 1
    (entry,) = [x for x in aws.logged() if x.get("message") == "live list not read"]
    assert entry["list"] == "bad"


def test_an_old_list_is_a_finding(aws: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the hourly function, for each cluster, once a day; a fresh one is none."""
    put("198.51.100.7")
    aws.fire_hourly(AT + timedelta(hours=1))
    assert aws.findings() == []

    monkeypatch.setitem(os.environ, "EKSWATCH_LIVE_LIST_HOURS", "1")
    monkeypatch.setitem(os.environ, "EKSWATCH_LIVE_LISTS", "bad=s3://intel/never-written.txt")
    aws.fire_hourly(RUN_FOR_AT)
    aws.fire_hourly(RUN_FOR_AT)

    (finding,) = aws.findings()
    assert "bad is" in finding["Description"] or "bad" in finding["Title"]
    assert len(aws.messages()) == 1
