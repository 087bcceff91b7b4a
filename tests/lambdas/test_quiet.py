"""Quiet events, in an account: findings as ever, no message, and nothing silenced for later."""

import json
from typing import Any

import pytest

from ekswatch.aws import clients
from ekswatch.aws.failed import PREFIX
from ekswatch.aws.mark import Mark
from ekswatch.aws.quiet import quietly
from ekswatch.aws.settings import FAILED_EVENTS_BUCKET
from ekswatch.local import Account
from ekswatch.local.account import REGION, TABLE, Context
from ekswatch.local.subscription import payload
from lambdas import stream
from tests.local.examples import RUN_FOR_AT, line, reads

BUCKET = "failed-events"


def delivered(*lines: str, group: str = "/aws/eks/prod/cluster") -> dict[str, Any]:
    events = [{"timestamp": 1_795_000_000_000, "message": text} for text in lines]
    return payload(events, group=group, stream="kube-apiserver-audit-1", account="111122223333")


def hourly(aws: Account, *, quiet: bool = False) -> None:
    """The schedule's event, handed in by a person where it is quiet."""
    if not quiet:
        aws.fire_hourly(RUN_FOR_AT)
        return
    aws.deliver(quietly({"source": "aws.events", "time": RUN_FOR_AT.isoformat()}))


def test_a_quiet_delivery_makes_the_finding_and_no_message(aws: Account) -> None:
    """The finding and its signals are those of any delivery."""
    aws.deliver(quietly(delivered(line("a-1"), *reads(3))))

    assert len(aws.findings()) == 1
    assert aws.signals() != []
    assert aws.messages() == []


def test_the_same_events_aloud_tell_once(aws: Account) -> None:
    """Nobody was told by the quiet one, everybody by the first that is not."""
    event = delivered(line("a-1"))

    aws.deliver(quietly(event))
    (before,) = aws.findings()
    for _ in range(2):
        aws.deliver(event)

    assert len(aws.messages()) == 1
    assert aws.findings() == [before]


def test_a_quiet_replay_after_a_message_is_nothing_new(aws: Account) -> None:
    """What was told stays told, and its count stays as it is."""
    event = delivered(line("a-1"), line("a-2"))
    aws.deliver(event)
    before = aws.findings()

    aws.deliver(quietly(event))

    assert (aws.findings(), len(aws.messages())) == (before, 1)


def test_what_a_quiet_delivery_adds_up_to_is_told_by_the_hourly_run(aws: Account) -> None:
    """Its signals are as good as all others."""
    aws.deliver(quietly(delivered(*reads(5))))
    assert (aws.findings(), aws.messages()) == ([], [])

    hourly(aws)

    assert len(aws.findings()) == len(aws.messages()) == 1


@pytest.mark.parametrize(
    "text",
    [
        line("a-1", ekswatch={"notify": False}),
        json.dumps(quietly(json.loads(line("a-1")))),
    ],
)
def test_a_log_line_cannot_silence_anything(aws: Account, text: str) -> None:
    """Whoever writes into the log writes data; the mark is none."""
    aws.put_audit_log("prod", [text])

    assert len(aws.messages()) == 1


@pytest.mark.usefixtures("aws")
def test_a_function_says_what_it_made_of_an_event() -> None:
    """Lambda gives it to whoever waits for it; findings, and those of them that were due."""
    context = Context("stream")
    event = delivered(line("a-1"))

    first = stream.handler(quietly(event), context)
    second = stream.handler(event, context)
    third = stream.handler(event, context)
    refused = stream.handler(delivered(line("a-1"), group="/ekswatch/signals"), context)

    assert [one["Findings"] for one in (first, second, third)] == [1, 1, 1]
    assert [one.get("Notifications", 0) for one in (first, second, third)] == [1, 1, 0]
    assert refused == {"PayloadsRefused": 1}


def test_a_quiet_hourly_run_leaves_the_mark(aws: Account) -> None:
    """The run after it judges the window that nobody was told of, and tells."""
    aws.put_audit_log("prod", reads(5))

    hourly(aws, quiet=True)
    mark = Mark(clients.client("dynamodb"), TABLE)
    assert (len(aws.findings()), aws.messages(), mark.read().judged_until) == (1, [], None)
    assert aws.metric("WindowsJudged", cluster="none") == 0

    hourly(aws)
    assert (len(aws.findings()), len(aws.messages())) == (1, 1)
    assert mark.read().judged_until is not None
    assert aws.metric("WindowsJudged", cluster="none") == 1


def test_the_hourly_run_says_how_many_failed_events_wait(
    aws: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A measure of its own, written only when it is known."""
    hourly(aws)
    assert not any("FailedEventsKept" in said for said in aws.logged())
    s3: Any = clients.client("s3")
    s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
    monkeypatch.setenv(FAILED_EVENTS_BUCKET, BUCKET)

    for waiting in range(2):
        hourly(aws)
        assert aws.metric("FailedEventsKept", cluster="none") == waiting
        s3.put_object(Bucket=BUCKET, Key=f"{PREFIX}stream/{waiting}", Body=b"{}")


def test_a_bucket_that_cannot_be_listed_is_an_error_when_all_is_judged(
    aws: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Findings and mark are there; the alarm on errors tells of the rest."""
    aws.put_audit_log("prod", reads(5))
    monkeypatch.setenv(FAILED_EVENTS_BUCKET, BUCKET)

    with pytest.raises(ExceptionGroup, match="functions failed") as failed:
        hourly(aws)

    assert "NoSuchBucket" in str(failed.value.exceptions[0])
    assert len(aws.messages()) == 1
    assert not any("FailedEventsKept" in said for said in aws.logged())
    assert Mark(clients.client("dynamodb"), TABLE).read().judged_until is not None
