"""Strict: both sides of each limit that AWS documents and moto does not hold."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from ekswatch.aws.clients import client
from ekswatch.aws.signals import QUERY
from ekswatch.findings.asff import asff
from ekswatch.local import Account
from ekswatch.local.strict import (
    MESSAGE_BYTES,
    PUT_BYTES,
    PUT_EVENTS,
    PUT_OVERHEAD_BYTES,
    PUT_SPAN_MILLIS,
    check_import_size,
    check_publish,
    check_put_log_events,
    insights_time,
    refusal_of_record,
)
from tests.aws.examples import finding


def takes(check: Callable[[Any], object], call: Any) -> bool:
    """Whether a call passes the check."""
    try:
        check(call)
    except ClientError:
        return False
    return True


@pytest.mark.parametrize(
    ("subject", "taken"),
    [
        ("[HIGH] ok", True),
        ("x" * 99, True),
        ("x" * 100, False),
        ("two\nlines", False),
        (" blank first", False),
        ("späti", False),
        ("", False),
    ],
)
def test_a_subject_is_short_ascii_on_one_line(subject: str, taken: bool) -> None:
    """Letters, digits or punctuation first, under 100 characters."""
    assert takes(check_publish, {"Subject": subject, "Message": "text"}) is taken


@pytest.mark.parametrize(("size", "taken"), [(MESSAGE_BYTES, True), (MESSAGE_BYTES + 1, False)])
def test_a_message_counts_with_its_attributes(size: int, taken: bool) -> None:
    """256 KiB of body, names, types and values together."""
    attributes = {"why": {"DataType": "String", "StringValue": "new"}}
    message = "x" * (size - len("why" + "String" + "new"))

    assert takes(check_publish, {"Message": message, "MessageAttributes": attributes}) is taken


@pytest.mark.parametrize(
    "message", [{"sqs": "{}"}, {"default": ""}, {"default": "text", "sqs": {"not": "text"}}]
)
def test_a_structured_message_needs_a_default_and_strings(message: dict[str, Any]) -> None:
    """Without a default body SNS refuses the call."""
    call = {"Message": json.dumps(message), "MessageStructure": "json"}

    assert not takes(check_publish, call)


def event(timestamp: int = 0, size: int = 1) -> dict[str, Any]:
    return {"timestamp": timestamp, "message": "x" * size}


@pytest.mark.parametrize(
    ("events", "taken"),
    [
        ([event(size=PUT_BYTES - PUT_OVERHEAD_BYTES)], True),
        ([event(size=PUT_BYTES - PUT_OVERHEAD_BYTES + 1)], False),
        ([event()] * PUT_EVENTS, True),
        ([event()] * (PUT_EVENTS + 1), False),
        ([event(0), event(PUT_SPAN_MILLIS)], True),
        ([event(0), event(PUT_SPAN_MILLIS + 1)], False),
        ([event(2), event(1)], False),
        ([event(size=0)], False),
        ([], False),
    ],
)
def test_a_put_holds_its_limits(events: list[dict[str, Any]], taken: bool) -> None:
    """Bytes with overhead, events, span, order, and nothing empty."""
    assert takes(check_put_log_events, {"logEvents": events}) is taken


@pytest.mark.parametrize(("number", "taken"), [(100, True), (101, False)])
def test_a_call_imports_at_most_a_hundred(number: int, taken: bool) -> None:
    """The whole call is refused, not the finding too many."""
    assert takes(check_import_size, json.dumps({"Findings": [{}] * number})) is taken


@pytest.mark.parametrize(("size", "taken"), [(6_000_000, True), (6_000_001, False)])
def test_a_call_imports_at_most_six_megabytes(size: int, taken: bool) -> None:
    """Six megabytes as sent."""
    frame = len(json.dumps({"Findings": [""]}))

    assert takes(check_import_size, json.dumps({"Findings": ["x" * (size - frame)]})) is taken


def test_a_record_is_held_against_asff() -> None:
    """What our format makes passes, and moto's leniency is gone."""
    record = asff(finding())

    assert refusal_of_record(record) is None
    assert refusal_of_record(record | {"Title": "x" * 257})
    assert refusal_of_record(record | {"UpdatedAt": "yesterday"})
    assert refusal_of_record(record | {"Description": "x" * 240_000})


def imported(record: dict[str, Any]) -> Any:
    """What the watched client of the open account answers to one record."""
    hub: Any = client("securityhub")
    answer = hub.batch_import_findings(Findings=[record])
    return answer["SuccessCount"], [f["ErrorCode"] for f in answer["FailedFindings"]]


def test_an_invalid_record_is_refused_alone_and_not_stored(aws: Account) -> None:
    """The call succeeds, the finding is listed as failed."""
    assert imported(asff(finding()) | {"Title": "x" * 257}) == (0, ["InvalidInput"])
    assert aws.findings() == []


@pytest.mark.parametrize(
    ("updated_at", "title"),
    [
        ("2026-11-20T11:59:59.000Z", "first"),
        ("2026-11-20T12:00:00.000Z", "first"),
        ("2026-11-20T12:00:00.001Z", "second"),
    ],
)
def test_only_a_newer_record_replaces(aws: Account, updated_at: str, title: str) -> None:
    """Equal or older is taken and ignored."""
    imported(asff(finding()) | {"Title": "first"})

    answer = imported(asff(finding()) | {"Title": "second", "UpdatedAt": updated_at})

    assert answer == (1, [])
    assert [f["Title"] for f in aws.findings()] == [title]


@pytest.mark.parametrize(
    "query", ["fields @message | filter verb = 'get'", QUERY + " ", QUERY.replace("10000", "9")]
)
@pytest.mark.usefixtures("aws")
def test_only_the_closed_set_of_queries_runs(query: str) -> None:
    """moto would ignore a filter, so a test could pass on text that means something else."""
    with pytest.raises(ClientError, match="MalformedQueryException"):
        client("logs").start_query(
            logGroupNames=["/ekswatch/signals"], startTime=0, endTime=1, queryString=query
        )


def test_insights_writes_times_as_text() -> None:
    """Milliseconds are kept, the zone is UTC and unsaid."""
    assert insights_time(1_795_000_000_007) == "2026-11-18T11:06:40.007".replace("T", " ")
