"""Failed: events that failed every attempt, as Lambda keeps them in the bucket for replay.

One JSON object per event, under aws/lambda/async/<function name>/YYYY/MM/DD/.
Source: AWS Lambda developer guide, "Capturing records of Lambda asynchronous invocations".
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

PREFIX = "aws/lambda/async/"
RECORD_BYTES = 6 * 1024 * 1024
"""What a synchronous invocation takes; the payload of an asynchronous one has 1 MB at most."""
COUNTED = 1_000
"""Records counted at most: what one call lists."""


class BadRecord(ValueError):  # noqa: N818  # read as a fact
    """What lies there is no invocation record; the message says why."""


@dataclass(frozen=True, slots=True)
class Record:
    """One failed invocation. What Lambda did not say is empty, or 0.

    `function` is a name, `failed_at` is as Lambda wrote it, `condition` why it gave up.
    """

    function: str
    failed_at: str
    condition: str
    attempts: int
    error: str
    payload: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Store:
    """The bucket. Every call may raise ClientError or BotoCoreError."""

    client: "S3Client"
    bucket: str

    def count(self) -> int:
        """How many records there are, up to `COUNTED`."""
        found = self.client.list_objects_v2(Bucket=self.bucket, Prefix=PREFIX, MaxKeys=COUNTED)
        return found["KeyCount"]

    def keys(self) -> list[str]:
        """The keys of all records, of whichever function, oldest first."""
        pages = self.client.get_paginator("list_objects_v2").paginate(
            Bucket=self.bucket, Prefix=PREFIX
        )
        found = [each["Key"] for page in pages for each in page.get("Contents", ())]
        return sorted(found, key=lambda key: (key.removeprefix(PREFIX).partition("/")[2], key))

    def read(self, key: str) -> bytes:
        """Raises: BadRecord when the object is larger than a record can be."""
        found = self.client.get_object(Bucket=self.bucket, Key=key)
        _check_size(found["ContentLength"])
        return found["Body"].read()

    def remove(self, key: str) -> None:
        self.client.delete_object(Bucket=self.bucket, Key=key)


def records(raw: bytes) -> Iterator[Record | BadRecord]:
    """The records of a file: one, or one a line; what is none of them says why."""
    try:
        _check_size(len(raw))
        yield read_record(raw)
        return
    except BadRecord as error:
        lines = [line for line in raw.splitlines() if line.strip()]
        if len(lines) < 2 or not lines[0].rstrip().endswith(b"}"):
            yield error
            return
    for number, line in enumerate(lines, 1):
        try:
            yield read_record(line)
        except BadRecord as error:
            yield BadRecord(f"line {number}: {error}")


def read_record(raw: bytes) -> Record:
    """The record that a JSON text is. Raises: BadRecord."""
    try:
        found = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise BadRecord(f"it is not JSON ({error})") from None
    if not isinstance(found, dict) or "requestPayload" not in found:
        raise BadRecord("it has no requestPayload, so it is no record of a failed invocation")
    if not isinstance(payload := found["requestPayload"], dict):
        raise BadRecord("its requestPayload is no JSON object, so no event of ekswatch")
    context, response = _object(found, "requestContext"), _object(found, "responsePayload")
    attempts = context.get("approximateInvokeCount")
    return Record(
        function=_function(_text(context, "functionArn")),
        failed_at=_text(found, "timestamp"),
        condition=_text(context, "condition"),
        attempts=attempts if isinstance(attempts, int) else 0,
        error=_text(response, "errorMessage"),
        payload=payload,
    )


def _check_size(size: int) -> None:
    if size > RECORD_BYTES:
        raise BadRecord(f"it has {size:,} bytes, and a record has {RECORD_BYTES:,} at most")


def _function(arn: str) -> str:
    """The name in arn:<partition>:lambda:<region>:<account>:function:<name>[:<qualifier>]."""
    parts = arn.split(":")
    return parts[6] if len(parts) > 6 and parts[5] == "function" else ""


def _object(found: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = found.get(key)
    return value if isinstance(value, dict) else {}


def _text(found: Mapping[str, Any], key: str) -> str:
    value = found.get(key)
    return value if isinstance(value, str) else ""
