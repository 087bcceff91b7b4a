"""SNS: one message per due finding, within the limits of the service."""

import json
from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

from ekswatch.aws import sns
from ekswatch.aws.sinks import NotDelivered
from ekswatch.findings.finding import Finding
from ekswatch.local.strict import check_publish
from tests.aws.examples import finding, many

TOPIC = "arn:aws:sns:eu-central-1:111122223333:findings"


class Topic:
    """A client that publishes unless the subject of the failing is in the message."""

    def __init__(self, failing: str = "nothing") -> None:
        self.failing = failing
        self.published: list[dict[str, Any]] = []

    def publish(self, **message: Any) -> None:
        check_publish(message)
        if self.failing in message["Message"]:
            raise ClientError({"Error": {"Code": "Throttled", "Message": "later"}}, "Publish")
        self.published.append(message)

    def deliver(self, *findings: Finding, due: dict[str, str]) -> list[Finding]:
        client: Any = self
        told: list[Finding] = []
        sns.deliver(findings, client=client, topic_arn=TOPIC, due=due, published=told.append)
        return told


def test_only_due_findings_are_published() -> None:
    """One that is not due makes no message and is not marked."""
    one, two = many(2)
    topic = Topic()

    told = topic.deliver(one, two, due={two.id: "new"})

    assert told == [two]
    assert [m["MessageAttributes"]["finding_id"]["StringValue"] for m in topic.published] == [
        two.id
    ]


def test_people_get_text_and_machines_get_json() -> None:
    """The default body is readable, the one for queues and functions is the finding."""
    message = sns.message(finding(), why="new")
    bodies = json.loads(message["Message"])

    assert bodies["default"].startswith("[MEDIUM]")
    assert json.loads(bodies["sqs"])["id"] == finding().id
    assert bodies["sqs"] == bodies["lambda"] == bodies["http"] == bodies["https"]


def test_attributes_are_there_to_filter_on() -> None:
    """Severity, detection, cluster and reason are attributes; raw delivery takes ten."""
    about = sns.message(finding(), why="tenfold")["MessageAttributes"]

    assert about["severity"]["StringValue"] == "MEDIUM"
    assert about["detection"]["StringValue"] == "secrets-listed"
    assert about["cluster"]["StringValue"] == "prod"
    assert about["why"]["StringValue"] == "tenfold"
    assert about["risk"]["DataType"] == "Number"
    assert len(about) < 10


def test_every_finding_is_tried_and_failures_are_named() -> None:
    """A throttled message does not keep the next from going out."""
    one, two = many(2)
    topic = Topic(failing=one.id)

    with pytest.raises(NotDelivered, match=rf"{one.id} \(Throttled: later\)"):
        topic.deliver(one, two, due={one.id: "new", two.id: "new"})

    assert len(topic.published) == 1


def test_a_message_that_is_too_large_loses_its_bulk_first() -> None:
    """Samples go before the finding itself, and the message says what is missing."""
    bulky = replace(finding(), samples=tuple({"n": f"{n} {'x' * 2_000}"} for n in range(60)))

    message = sns.message(bulky, why="new")

    check_publish(message)
    bodies = json.loads(message["Message"])
    machine = json.loads(bodies["sqs"])
    assert machine["cut"] == ["samples"]
    assert "samples" not in machine
    assert machine["evidence"]
    assert "cut" not in bodies["default"]


def test_a_text_that_is_too_large_is_cut_with_a_note() -> None:
    """Whatever else, a message goes out, and the note says that it was cut."""
    room = 20_000

    encoded = sns._fitting("x" * 300_000, {"id": "f-1", "facts": ["x" * 300_000]}, room_bytes=room)

    bodies = json.loads(encoded)
    assert len(encoded) <= room
    assert bodies["default"].endswith(sns.NOTE)
    assert json.loads(bodies["sqs"]) == {"id": "f-1", "cut": ["rest"]}


@given(st.text())
def test_any_subject_is_one_that_sns_takes(words: str) -> None:
    """Line breaks, emoji and length never make SNS refuse a message."""
    subject = sns.safe_subject(words) or "fallback"

    check_publish({"Subject": subject, "Message": "text"})


def test_a_message_that_cannot_be_written_keeps_no_other_back() -> None:
    """Whatever rendering raises is named with its finding, and the rest is published."""
    one, two = many(2)
    broken = replace(one, first_seen="no time")  # type: ignore[arg-type]  # the defect
    topic = Topic()

    with pytest.raises(NotDelivered) as raised:
        topic.deliver(broken, two, due={one.id: "new", two.id: "new"})

    assert [r.finding for r in raised.value.rejected] == [one.id]
    assert len(topic.published) == 1
