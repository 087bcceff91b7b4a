"""Subscription payloads, byte for byte as CloudWatch Logs hands them to Lambda.

Source: Lambda Developer Guide, "Using Lambda with CloudWatch Logs".
"""

import base64
import gzip
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

PAYLOAD_BYTES = 1_000_000
"""What Lambda takes in an asynchronous invocation, as encoded."""

LogEvent = Mapping[str, Any]
"""`timestamp` in milliseconds, `message` text."""


def log_group(cluster: str) -> str:
    """The log group that EKS writes a cluster's control-plane logs to."""
    return f"/aws/eks/{cluster}/cluster"


def payloads(
    events: Sequence[LogEvent], *, group: str, stream: str, account: str
) -> Iterator[dict[str, Any]]:
    """Payloads that hold the events in order, halved until each is one that Lambda takes.

    An event that is too large alone goes out alone, as nothing can be done about it.
    """
    made = payload(events, group=group, stream=stream, account=account)
    if len(made["awslogs"]["data"]) <= PAYLOAD_BYTES or len(events) == 1:
        yield made
        return
    middle = len(events) // 2
    for half in (events[:middle], events[middle:]):
        yield from payloads(half, group=group, stream=stream, account=account)


def payload(events: Sequence[LogEvent], *, group: str, stream: str, account: str) -> dict[str, Any]:
    """One payload: the same for the same events."""
    return encoded(
        {
            "messageType": "DATA_MESSAGE",
            "owner": account,
            "logGroup": group,
            "logStream": stream,
            "subscriptionFilters": ["ekswatch"],
            "logEvents": [
                {"id": f"{e['timestamp']:020d}{n:036d}", **e} for n, e in enumerate(events)
            ],
        }
    )


def control_payload() -> dict[str, Any]:
    """The probe that CloudWatch Logs may send to see whether a destination answers."""
    probe = "CWL CONTROL MESSAGE: Checking health of destination Lambda."
    return encoded(
        {
            "messageType": "CONTROL_MESSAGE",
            "owner": "CloudwatchLogs",
            "logGroup": "",
            "logStream": "",
            "subscriptionFilters": [],
            "logEvents": [{"id": "", "timestamp": 0, "message": probe}],
        }
    )


def encoded(content: Mapping[str, Any]) -> dict[str, Any]:
    """Content as JSON, compressed and encoded, in the envelope that a function gets."""
    data = gzip.compress(json.dumps(content, separators=(",", ":")).encode(), mtime=0)
    return {"awslogs": {"data": base64.b64encode(data).decode()}}
