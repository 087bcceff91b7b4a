"""SNS: one message per finding that is due, readable by people, and as JSON for machines.

Email and SMS get text; queues, functions and web endpoints get the finding as JSON;
the attributes are for subscription filters.
Source: Amazon SNS API Reference, Publish.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from ekswatch.aws.sinks import NotDelivered, Rejected
from ekswatch.findings import text
from ekswatch.findings.finding import Finding, to_dict

if TYPE_CHECKING:
    from mypy_boto3_sns import SNSClient

MESSAGE_BYTES = 262_144
"""256 KiB for body and attributes together."""
SUBJECT_CHARS = 99
MACHINES = ("sqs", "lambda", "http", "https")
BULKY = ("samples", "evidence", "audit_ids", "commands", "runbook")
"""Keys of the finding's JSON that go first, in this order, when a message is too large."""
SHORT_BYTES = 1_000
"""Values that stay in the JSON when even that is not enough."""
NOTE = "\n[cut: the message was over the limit of SNS; the finding in Security Hub is whole]"

Attributes = dict[str, dict[str, str]]


def deliver(
    findings: Sequence[Finding],
    *,
    client: "SNSClient",
    topic_arn: str,
    due: Mapping[str, str],
    published: Callable[[Finding], None],
) -> None:
    """Publish one message for each finding whose ID is a key of `due`; the value says why.

    `published` is called after each message, so that a crash in between repeats a message
    rather than losing it.
    Raises: NotDelivered, with the code and message of every finding that was not published.
    """
    rejected = []
    for finding in findings:
        if finding.id not in due:
            continue
        try:
            client.publish(TopicArn=topic_arn, **message(finding, why=due[finding.id]))
        except ClientError as error:
            said = error.response["Error"]
            rejected.append(Rejected(finding.id, said["Code"], said["Message"]))
        except Exception as error:  # one message that cannot be written keeps no other one back
            rejected.append(Rejected(finding.id, type(error).__name__, str(error)))
        else:
            published(finding)
    if rejected:
        raise NotDelivered("SNS", rejected)


def message(finding: Finding, *, why: str) -> dict[str, Any]:
    """The arguments of Publish for one finding, within the limits of SNS."""
    about = attributes(finding, why=why)
    room = MESSAGE_BYTES - attribute_bytes(about)
    return {
        "Subject": safe_subject(text.subject(finding))
        or f"ekswatch: {finding.severity.name} finding",
        "Message": _fitting(text.body(finding), to_dict(finding), room_bytes=room),
        "MessageStructure": "json",
        "MessageAttributes": about,
    }


def attributes(finding: Finding, *, why: str) -> Attributes:
    """What a subscription can filter on; under ten, the most that raw delivery to SQS takes."""
    return {
        **text.attributes(finding),
        "finding_id": {"DataType": "String", "StringValue": finding.id},
        "risk": {"DataType": "Number", "StringValue": str(finding.risk)},
        "why": {"DataType": "String", "StringValue": why},
    }


def attribute_bytes(about: Mapping[str, Mapping[str, str]]) -> int:
    """What attributes count for: their names, types and values, in bytes of UTF-8."""
    return sum(
        len((name + value["DataType"] + value["StringValue"]).encode())
        for name, value in about.items()
    )


def safe_subject(words: str) -> str:
    """ASCII, one line, beginning with a letter, digit or punctuation mark, under 100 characters."""
    ascii_only = words.encode("ascii", "replace").decode()
    one_line = re.sub(r"[\x00-\x20\x7f]+", " ", ascii_only).strip()
    return one_line if len(one_line) <= SUBJECT_CHARS else one_line[: SUBJECT_CHARS - 3] + "..."


def _fitting(words: str, finding: Mapping[str, Any], *, room_bytes: int) -> str:
    """The message body: whole if it fits, else without the bulky keys, else with the text cut."""
    for dropped in range(len(BULKY) + 1):
        cut = BULKY[:dropped]
        kept = {key: value for key, value in finding.items() if key not in cut}
        encoded = _structure(words, kept | ({"cut": cut} if cut else {}))
        if len(encoded) <= room_bytes:
            return encoded
    return _cut(words, finding, room_bytes=room_bytes)


def _cut(words: str, finding: Mapping[str, Any], *, room_bytes: int) -> str:
    bare = {k: v for k, v in finding.items() if len(json.dumps(v)) < SHORT_BYTES} | {
        "cut": ["rest"]
    }
    kept = words
    while len(encoded := _structure(kept + NOTE, bare)) > room_bytes and kept:
        kept = kept[: len(kept) // 2]
    return encoded


def _structure(words: str, finding: Mapping[str, Any]) -> str:
    machine = json.dumps(finding)
    return json.dumps({"default": words, **dict.fromkeys(MACHINES, machine)})
