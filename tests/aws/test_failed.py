"""Records of failed events: as Lambda writes them, and everything that is none."""

import json
from typing import Any

import pytest
from botocore.session import Session

from ekswatch.aws.failed import (
    COUNTED,
    PREFIX,
    RECORD_BYTES,
    BadRecord,
    Store,
    read_record,
    records,
)

BUCKET = "failed-events"

DOCUMENTED: dict[str, Any] = {
    "version": "1.0",
    "timestamp": "2019-11-14T18:16:05.568Z",
    "requestContext": {
        "requestId": "e4b46cbf-b738-xmpl-8880-a18cdf61200e",
        "functionArn": "arn:aws:lambda:us-east-1:123456789012:function:my-function:$LATEST",
        "condition": "RetriesExhausted",
        "approximateInvokeCount": 3,
    },
    "requestPayload": {"ORDER_IDS": ["9e07af03-ce31-4ff3-xmpl-36dce652cb4f"]},
    "responseContext": {
        "statusCode": 200,
        "executedVersion": "$LATEST",
        "functionError": "Unhandled",
    },
    "responsePayload": {"errorMessage": "Process exited before completing request"},
}
"""Source: AWS Lambda developer guide, "Capturing records of Lambda asynchronous invocations"."""


@pytest.fixture
def store(session: Session) -> Store:
    """An empty bucket."""
    client: Any = session.create_client("s3")
    client.create_bucket(
        Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"}
    )
    return Store(client, BUCKET)


def put(store: Store, key: str, body: bytes = b"{}") -> None:
    store.client.put_object(Bucket=store.bucket, Key=key, Body=body)


def test_a_record_is_read_as_aws_documents_it() -> None:
    """Which function, when, why, how often, with what error and what payload."""
    record = read_record(json.dumps(DOCUMENTED).encode())

    assert (record.function, record.failed_at) == ("my-function", "2019-11-14T18:16:05.568Z")
    assert (record.condition, record.attempts) == ("RetriesExhausted", 3)
    assert record.error == "Process exited before completing request"
    assert record.payload == DOCUMENTED["requestPayload"]


def test_an_event_that_grew_too_old_has_no_response() -> None:
    """Lambda gave up before the function could answer; the payload is there all the same."""
    bare = {"requestPayload": {"awslogs": {"data": ""}}}

    record = read_record(json.dumps(bare).encode())

    assert (record.function, record.error, record.attempts) == ("", "", 0)
    assert record.payload == bare["requestPayload"]


@pytest.mark.parametrize(
    ("context", "function"),
    [
        ("arn:aws:lambda:us-east-1:123456789012:function:mine", "mine"),
        ("arn:aws-cn:lambda:cn-north-1:123456789012:function:mine:live", "mine"),
        ("arn:aws:s3:::bucket", ""),
        ("mine", ""),
        (7, ""),
    ],
)
def test_the_name_of_the_function_is_in_its_arn(context: object, function: str) -> None:
    """With and without a version or an alias."""
    changed = DOCUMENTED | {"requestContext": {"functionArn": context}}

    assert read_record(json.dumps(changed).encode()).function == function


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (b"", "not JSON"),
        (b"\xff", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b"[]", "no requestPayload"),
        (b'"text"', "no requestPayload"),
        (b"{}", "no requestPayload"),
        (b'{"requestPayload": null}', "no JSON object"),
        (b'{"requestPayload": [1]}', "no JSON object"),
    ],
)
def test_what_is_no_record_says_why(raw: bytes, why: str) -> None:
    """Whatever lies there, one clear line comes of it."""
    with pytest.raises(BadRecord, match=why):
        read_record(raw)


def test_a_record_with_broken_parts_is_still_replayed() -> None:
    """Only the payload is needed."""
    changed = DOCUMENTED | {"timestamp": 7, "requestContext": "x", "responsePayload": []}

    record = read_record(json.dumps(changed).encode())

    assert (record.function, record.failed_at, record.error) == ("", "", "")
    assert record.payload == DOCUMENTED["requestPayload"]


def test_a_file_has_one_record_or_one_a_line() -> None:
    """A bad line names itself and costs the others nothing."""
    raw = json.dumps(DOCUMENTED).encode()
    pretty = json.dumps(DOCUMENTED, indent=2).encode()

    assert [type(one).__name__ for one in records(pretty)] == ["Record"]
    assert [type(one).__name__ for one in records(raw + b"\n\n" + raw + b"\n")] == ["Record"] * 2
    first, second = records(raw + b"\nnonsense}\n")
    assert not isinstance(first, BadRecord)
    assert str(second).startswith("line 2: it is not JSON")


def test_a_pretty_record_that_is_cut_is_one_bad_record() -> None:
    """Its lines are no records."""
    cut = json.dumps(DOCUMENTED, indent=2).encode()[:-2]

    (bad,) = records(cut)
    assert isinstance(bad, BadRecord)


def test_a_record_has_a_size(store: Store) -> None:
    """As much as a function takes is read, more is not even fetched."""
    put(store, f"{PREFIX}s/1", b" " * RECORD_BYTES)
    put(store, f"{PREFIX}s/2", b" " * (RECORD_BYTES + 1))

    assert len(store.read(f"{PREFIX}s/1")) == RECORD_BYTES
    with pytest.raises(BadRecord, match=r"6,291,457 bytes, and a record has 6,291,456 at most"):
        store.read(f"{PREFIX}s/2")
    (bad,) = records(b" " * (RECORD_BYTES + 1))
    assert "6,291,457 bytes" in str(bad)


def test_records_come_oldest_first_of_whichever_function(store: Store) -> None:
    """The name of the function is the first part of the key, its time the rest."""
    keys = [
        f"{PREFIX}stream/2026/11/20/2026-11-20T09.00.00-aa",
        f"{PREFIX}hourly/2026/11/20/2026-11-20T10.00.00-aa",
        f"{PREFIX}stream/2026/11/21/2026-11-21T08.00.00-aa",
    ]
    for key in reversed(keys):
        put(store, key)
    put(store, "elsewhere/2026")

    assert store.keys() == keys
    store.remove(keys[0])
    assert store.keys() == keys[1:]


def test_records_are_counted_up_to_a_bound(store: Store) -> None:
    """One call says how many wait, or that it is the most that one call lists."""
    assert store.count() == 0
    put(store, "elsewhere/1")
    for number in range(COUNTED):
        put(store, f"{PREFIX}stream/{number:04d}")
    assert store.count() == COUNTED

    put(store, f"{PREFIX}stream/more")
    assert store.count() == COUNTED
    assert len(store.keys()) == COUNTED + 1
