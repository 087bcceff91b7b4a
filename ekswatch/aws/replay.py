"""Replay: a failed event handed in again, to the function that it was for."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from botocore.config import Config

from ekswatch.audit.intake import PayloadError, read_parts
from ekswatch.aws import clients
from ekswatch.aws.failed import BadRecord, Record
from ekswatch.aws.quiet import aloud, quietly
from ekswatch.aws.stack import Stack

LONGEST_SECONDS = 900
"""The longest that Lambda runs any function; the answer comes when it is done."""


class FailedAgain(Exception):  # noqa: N818  # read as a fact
    """The function ran and raised; the message is its own."""


@dataclass(frozen=True, slots=True)
class Event:
    """What a failed event is: a batch of a cluster's records, or the hourly run of a time.

    Of the hourly run, `cluster` is empty and nothing is counted.
    """

    function: str
    cluster: str = ""
    events: int = 0
    unreadable: int = 0
    run: str = ""


@dataclass(frozen=True, slots=True)
class Judged:
    """What a function made of an event: findings, those of them that were due for a message, and
    payloads that it refused to judge."""

    findings: int
    due: int
    refused: int


def read_event(record: Record, stack: Stack, *, any_function: bool) -> Event:
    """The event that a record holds, and which function of the stack it is for.

    Raises: BadRecord for what is no event of ekswatch, and for the record of a function that is
    not the stack's, unless any is taken.
    """
    event = _hourly(record, stack) or _stream(record, stack)
    if not any_function and record.function != event.function:
        whose = f"the function {record.function}" if record.function else "no function"
        raise BadRecord(
            f"it is of {whose}, and the stack {stack.name} has {event.function};"
            " --any-function hands it in all the same"
        )
    return event


def patient_client() -> Any:
    """A client of Lambda that outwaits any function; botocore's own would ask twice."""
    patient = Config(read_timeout=LONGEST_SECONDS, tcp_keepalive=True)
    return clients.session().create_client("lambda", config=clients.CONFIG.merge(patient))


def hand_in(function: str, payload: Mapping[str, Any], *, notify: bool, functions: Any) -> Judged:
    """Let the function judge the payload, and wait for it; `functions` is a patient client.

    Raises: FailedAgain, ClientError, BotoCoreError.
    """
    event = aloud(payload) if notify else quietly(payload)
    answer = functions.invoke(FunctionName=function, Payload=json.dumps(event).encode())
    said = _said(answer["Payload"].read())
    if "FunctionError" in answer:
        raise FailedAgain(said.get("errorMessage") or answer["FunctionError"])
    return Judged(
        findings=said.get("Findings", 0),
        due=said.get("Notifications", 0),
        refused=said.get("PayloadsRefused", 0),
    )


def _hourly(record: Record, stack: Stack) -> Event | None:
    time = record.payload.get("time")
    if "awslogs" in record.payload or not isinstance(time, str):
        return None
    return Event(stack.hourly_function, run=time)


def _stream(record: Record, stack: Stack) -> Event:
    cluster, events, unreadable = "", 0, 0
    try:
        for batch in read_parts(record.payload):
            cluster = batch.cluster
            events += len(batch.events)
            unreadable += len(batch.unreadable)
    except PayloadError:
        raise BadRecord(
            "its requestPayload is neither a delivery of CloudWatch Logs nor an hourly event"
        ) from None
    return Event(stack.stream_function, cluster=cluster, events=events, unreadable=unreadable)


def _said(answer: bytes) -> Mapping[str, Any]:
    """What the function returned, or how it failed; nothing where it said nothing of either."""
    try:
        said = json.loads(answer or b"null")
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}
