"""A marked line is followed until it came everywhere, or until the time is over."""

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from moto import mock_aws

from ekswatch.audit.records import decode_event
from ekswatch.aws import selftest
from ekswatch.aws.selftest import Hop, Marked, State, Way, follow, marked
from ekswatch.cli.content import detections_folder
from ekswatch.rules.compiler.compile import compile_ruleset
from ekswatch.rules.ruleset import Ruleset
from tests.answers import Answers, answering
from tests.aws.test_checkup import STACK, STREAM, TOLD, TOPIC
from tests.local.examples import RULESET

AT = datetime(2026, 11, 21, 12, tzinfo=UTC)
WAY = Way(STACK, "prod", STREAM, replace(TOLD, sns_topic_arn=TOPIC))


@dataclass(slots=True)
class Clock:
    """A time that only sleep moves."""

    now: float = 100.0
    slept: list[float] = field(default_factory=list)

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


@pytest.fixture(scope="module")
def ruleset() -> Ruleset:
    return compile_ruleset(detections_folder())


@pytest.fixture
def event_of_test(ruleset: Ruleset) -> Marked:
    """One test event."""
    return marked(WAY, ruleset, token="0123abcd", at=AT)


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> Iterator[Answers]:
    """An account in which nothing came yet."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "not-a-secret")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    with mock_aws(), answering() as given:
        given.give("logs", "FilterLogEvents", {"events": []})
        given.give("dynamodb", "GetItem", {})
        given.give("securityhub", "GetFindings", {"Findings": []})
        nothing_denied = {"EvaluationResults": [], "IsTruncated": False}
        given.give("iam", "SimulatePrincipalPolicy", nothing_denied)
        yield given


def arriving(
    clock: Clock, event_of_test: Marked, **seconds: float
) -> Mapping[tuple[str, str], Any]:
    """Answers of AWS where the line comes to a hop so many seconds after it was sent."""
    sent, missing = clock.now, float("inf")

    def since(hop: str) -> bool:
        return clock.now - sent >= seconds.get(hop, missing)

    def logged(_: Any) -> Any:
        return {
            "events": [{"message": f"batch {event_of_test.finding.id}"}]
            if since("function")
            else []
        }

    def item(_: Any) -> Any:
        told = {"notified_count": {"N": "1" if since("sns") else "0"}}
        return {"Item": told} if since("table") else {}

    def found(_: Any) -> Any:
        return {"Findings": [{"Id": event_of_test.finding.id}] if since("hub") else []}

    return {
        ("logs", "FilterLogEvents"): logged,
        ("dynamodb", "GetItem"): item,
        ("securityhub", "GetFindings"): found,
    }


def followed(answers: Answers, event_of_test: Marked, clock: Clock, **seconds: float) -> list[Hop]:
    for call, answer in arriving(clock, event_of_test, **seconds).items():
        answers.give(*call, answer)
    return follow(WAY, event_of_test, timeout_seconds=5, clock=clock, sleep=clock.sleep)


def test_it_ends_when_the_line_came_everywhere(answers: Answers, event_of_test: Marked) -> None:
    """Each hop has the time at which it was seen, to one look in two seconds."""
    clock = Clock()
    hops = followed(answers, event_of_test, clock, function=1, table=1, hub=3, sns=1)

    assert {hop.name: hop.seconds for hop in hops} == {
        "stream function": 2.0,
        "table": 2.0,
        "Security Hub": 4.0,
        "SNS": 2.0,
    }
    assert clock.slept == [2.0, 2.0]


def test_it_ends_when_the_time_is_over(answers: Answers, event_of_test: Marked) -> None:
    """The last look is at that moment, and not later."""
    clock = Clock()
    hops = followed(answers, event_of_test, clock, function=1, table=1, sns=5)

    assert {hop.name: hop.state for hop in hops} == {
        "stream function": State.PASSED,
        "table": State.PASSED,
        "Security Hub": State.FAILED,
        "SNS": State.PASSED,
    }
    assert clock.slept == [2.0, 2.0, 1.0]


def test_a_log_that_is_late_is_no_failure(answers: Answers, event_of_test: Marked) -> None:
    """Only the function fills the table, so it was there."""
    hops = followed(answers, event_of_test, Clock(), table=1, hub=1, sns=1)

    assert {hop.state for hop in hops} == {State.PASSED}


def test_a_hop_that_may_not_be_looked_at(answers: Answers, event_of_test: Marked) -> None:
    """It fails with the right that is missing; the others go on."""
    for call, answer in arriving(Clock(), event_of_test, function=0, table=0, sns=0).items():
        answers.give(*call, answer)
    answers.deny("securityhub", "GetFindings", "securityhub:GetFindings")
    clock = Clock()
    hops = follow(WAY, event_of_test, timeout_seconds=5, clock=clock, sleep=clock.sleep)

    (failed,) = [hop for hop in hops if hop.state is not State.PASSED]
    assert (failed.name, failed.seen) == (
        "Security Hub",
        "not known: you may not securityhub:GetFindings",
    )


def test_a_question_that_is_answered_later(answers: Answers, event_of_test: Marked) -> None:
    """Throttling at one look is forgotten at the next."""
    clock = Clock()
    asked = []

    def found(_: Any) -> Any:
        asked.append(clock.now)
        if len(asked) == 1:
            raise selftest.ClientError({"Error": {"Code": "Throttling"}}, "GetFindings")
        return {"Findings": [{"Id": event_of_test.finding.id}]}

    for call, answer in arriving(clock, event_of_test, function=0, table=0, sns=0).items():
        answers.give(*call, answer)
    answers.give("securityhub", "GetFindings", found)
    hops = follow(WAY, event_of_test, timeout_seconds=5, clock=clock, sleep=clock.sleep)

    assert {hop.state for hop in hops} == {State.PASSED}
    assert len(asked) == 2


def test_each_test_has_a_finding_of_its_own(ruleset: Ruleset) -> None:
    """The token tells them apart, at the same moment."""
    first, second = (marked(WAY, ruleset, token=token, at=AT) for token in ("a", "b"))

    assert first.finding.id != second.finding.id


def test_rules_that_find_something_else_in_it() -> None:
    """The line is never sent."""
    with pytest.raises(ValueError, match=r"the test line gives \[\]"):
        marked(WAY, RULESET, token="a", at=AT)


def test_the_line_is_read_as_an_event_of_now(event_of_test: Marked) -> None:
    """By the reader of real ones."""
    event = decode_event(event_of_test.line)

    assert abs(event.at - AT) < timedelta(seconds=1)
    assert json.loads(event_of_test.line)["user"] == {"username": "ekswatch:selftest"}
