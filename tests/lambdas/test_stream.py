"""The stream function, in an account: nothing is lost, nothing is told twice."""

import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace

from ekswatch.local import Account, account
from ekswatch.local.subscription import control_payload, encoded, payload
from ekswatch.rules.ruleset import And, Check, Use, dump
from tests.local.examples import AT, RULESET, benign, line, reads

ROOT = Path(__file__).parents[2]


def delivered(*lines: str, group: str = "/aws/eks/prod/cluster") -> dict[str, object]:
    """One payload that holds the lines."""
    events = [{"timestamp": 1_795_000_000_000, "message": text} for text in lines]
    return payload(events, group=group, stream="kube-apiserver-audit-1", account="111122223333")


def counts(aws: Account, *names: str, cluster: str = "prod") -> list[float]:
    return [aws.metric(name, cluster=cluster) for name in names]


def test_a_match_becomes_a_finding_and_a_message(aws: Account) -> None:
    """It goes to Security Hub and the topic, in the account and Region of the function."""
    aws.put_audit_log("prod", [*benign(5), line("a-1")])

    (finding,) = aws.findings()
    (message,) = aws.messages()
    assert finding["AwsAccountId"] == "111122223333"
    assert finding["ProductArn"].startswith("arn:aws:securityhub:eu-central-1:111122223333:")
    assert finding["Id"] == message.finding["id"] == message.attributes["finding_id"]
    assert message.finding["audit_ids"] == ["a-1"]
    assert message.subject.startswith("[MEDIUM]")
    assert message.text.startswith("[MEDIUM]")


def test_the_same_payload_twice_changes_nothing(aws: Account) -> None:
    """Delivery is at least once: same finding, same count, one message, same signals."""
    twice = delivered(line("a-1"), line("a-2"), *reads(3))

    aws.deliver(twice)
    first = (aws.findings(), aws.messages(), set(aws.signals()))
    aws.deliver(twice)

    assert (aws.findings(), aws.messages(), set(aws.signals())) == first
    assert len(aws.messages()) == 1
    assert aws.messages()[0].finding["count"] == 2


def test_a_batch_that_is_cut_otherwise_changes_nothing(aws: Account) -> None:
    """A replay may put the same events into other batches."""
    aws.deliver(delivered(line("a-1"), line("a-2")))
    first = aws.findings()

    for text in (line("a-2"), line("a-1")):
        aws.deliver(delivered(text))

    assert aws.findings() == first
    assert len(aws.messages()) == 1


def test_two_stages_of_one_request_are_one(aws: Account) -> None:
    """ResponseStarted and ResponseComplete share an audit ID and count once."""
    aws.deliver(delivered(line("a-1", stage="ResponseStarted"), line("a-1")))

    assert [m.finding["count"] for m in aws.messages()] == [1]


def test_the_same_event_in_two_clusters_is_two_findings(aws: Account) -> None:
    """The cluster is part of the ID."""
    for cluster in ("prod", "staging"):
        aws.put_audit_log(cluster, [line("a-1")])

    assert len({finding["Id"] for finding in aws.findings()}) == 2


def test_people_are_told_again_when_it_gets_worse(aws: Account) -> None:
    """A second message for a higher severity, and for ten times the count."""
    aws.deliver(delivered(line("a-1")))
    aws.deliver(delivered(line("a-2", userAgent="curl/8")))
    aws.deliver(delivered(*[line(f"b-{n}") for n in range(18)]))

    assert [m.attributes["why"] for m in aws.messages()] == ["new", "escalated", "tenfold"]


def test_a_poison_record_costs_only_itself(aws: Account) -> None:
    """Whatever a line holds, the events around it are judged, and it is counted and named."""
    poison = ["", "{", "null", "[[" * 5_000, '{"verb": NaN}', "\x00", "x" * 100_000, '{"a": 1}']

    aws.deliver(delivered(line("a-1"), *poison, line("a-2")))

    assert [m.finding["count"] for m in aws.messages()] == [2]
    received, unreadable, partial = counts(
        aws, "EventsReceived", "EventsUnreadable", "EventsPartial"
    )
    assert received == len(poison) + 2
    assert unreadable + partial == len(poison)
    named = [x for x in aws.logged() if x.get("message") == "record unreadable"]
    assert len(named) == unreadable
    assert all(entry["record"] and entry["why"] for entry in named)


def test_a_cut_record_is_judged_and_marked(aws: Account) -> None:
    """The header of a truncated event is enough for a finding that says it is partial."""
    whole = line("a-1", requestObject={"padding": "x" * 1_000})
    cut = whole[: whole.index('"requestReceived')] + "[Truncated...]"

    aws.deliver(delivered(whole.replace("a-1", "a-2"), cut))

    assert counts(aws, "EventsPartial", "EventsUnreadable") == [1, 0]


def test_a_control_message_is_no_event(aws: Account) -> None:
    """The probe of CloudWatch Logs is answered with success and without work."""
    aws.deliver(control_payload())

    assert aws.strict.calls == []
    assert aws.findings() == []


def test_other_control_plane_logs_are_skipped_and_counted(aws: Account) -> None:
    """Streams of the authenticator and the scheduler are no audit log."""
    content = {
        "messageType": "DATA_MESSAGE",
        "owner": "111122223333",
        "logGroup": "/aws/eks/prod/cluster",
        "logStream": "authenticator-0123",
        "logEvents": [{"id": "1", "timestamp": 0, "message": "level=info msg=ok"}],
    }

    aws.deliver(encoded(content))

    assert counts(aws, "EventsReceived", "EventsSkipped", "EventsUnreadable") == [1, 1, 0]


@pytest.mark.parametrize("group", ["/aws/lambda/ekswatch-stream", "/ekswatch/signals"])
def test_own_log_groups_are_refused(aws: Account, group: str) -> None:
    """Were our own log subscribed, each line about it would make another."""
    aws.deliver(delivered(line("a-1"), group=group))

    assert aws.findings() == []
    assert aws.metric("PayloadsRefused", cluster="none") == 1


def test_a_broken_sink_keeps_the_other_and_fails_the_invocation(aws: Account) -> None:
    """With SNS down findings still reach Security Hub, and the event is kept for a replay."""
    aws.fail("sns", "Publish", "InternalError")

    with pytest.raises(ExceptionGroup, match="functions failed") as raised:
        aws.deliver(delivered(line("a-1")))

    assert "SNS did not take 1: ekswatch-" in str(raised.value.exceptions[0])
    assert len(aws.findings()) == 1
    assert len(aws.failed) == 1
    assert aws.metric("Failures", cluster="prod") == 3


def test_a_replay_after_the_outage_tells_what_was_not_told(aws: Account) -> None:
    """The failed event goes through again: one finding, one message."""
    aws.fail("sns", "Publish", "InternalError")
    with pytest.raises(ExceptionGroup):
        aws.deliver(delivered(line("a-1")))
    aws.heal()

    aws.replay()

    assert (len(aws.findings()), len(aws.messages()), aws.failed) == (1, 1, [])


def test_a_hub_that_is_down_keeps_no_message_back(aws: Account) -> None:
    """Security Hub may be off; people are told once, though Lambda tries three times."""
    aws.fail("securityhub", "BatchImportFindings", "InvalidAccessException")

    with pytest.raises(ExceptionGroup):
        aws.deliver(delivered(line("a-1")))

    assert len(aws.messages()) == 1


def test_a_table_that_is_down_keeps_nothing_back(aws: Account) -> None:
    """Without its memory the function may say things twice, and says that it does."""
    for operation in ("GetItem", "PutItem", "UpdateItem"):
        aws.fail("dynamodb", operation, "ProvisionedThroughputExceededException")

    for _ in range(2):
        aws.deliver(delivered(line("a-1")))

    assert len(aws.findings()) == 1
    assert [m.attributes["why"] for m in aws.messages()] == ["unknown", "unknown"]
    assert aws.metric("StateErrors", cluster="prod") == 4


def test_a_crash_between_message_and_mark_repeats_the_message(aws: Account) -> None:
    """Perhaps told twice, never untold."""
    aws.fail("dynamodb", "UpdateItem", "InternalServerError", times=1)

    for _ in range(3):
        aws.deliver(delivered(line("a-1")))

    assert [m.attributes["why"] for m in aws.messages()] == ["new", "new"]


def test_signals_that_cannot_be_written_fail_the_invocation(aws: Account) -> None:
    """Findings go out all the same, and the retry writes the signals."""
    aws.fail("logs", "PutLogEvents", "ServiceUnavailableException", times=1)

    aws.deliver(delivered(line("a-1"), *reads(2)))

    assert len(aws.messages()) == 1
    assert len(aws.signals()) == 1
    assert aws.metric("Failures", cluster="prod") == 1


def test_security_hub_and_topic_can_be_off() -> None:
    """A sink that is off is not called."""
    with account(RULESET, clusters=("prod",), security_hub=False, sns=False) as aws:
        aws.deliver(delivered(line("a-1")))

        assert {service for service, _ in aws.strict.calls} == {"dynamodb"}


def test_one_line_says_what_came_in_and_went_out(aws: Account) -> None:
    """The log has counts and IDs, and no part of an event's body."""
    canary = "hunter2-canary"
    aws.deliver(delivered(line("a-1", requestObject={"data": {"password": canary}})))

    (entry,) = [x for x in aws.logged() if x.get("message") == "batch"]
    assert (entry["EventsReceived"], entry["Matches"], entry["Findings"]) == (1, 1, 1)
    assert entry["finding_ids"] == [aws.findings()[0]["Id"]]
    assert canary not in json.dumps(aws.logged())


def test_the_hot_path_loads_no_sdk_and_no_build_tool(tmp_path: Path) -> None:
    """After a benign batch neither the AWS SDK nor pySigma, YAML or pydantic is in memory."""
    ruleset = tmp_path / "ruleset.json"
    ruleset.write_bytes(dump(RULESET))
    (tmp_path / "event.json").write_text(json.dumps(delivered(*benign(3))))
    program = (
        "import json, sys, types; from lambdas import stream\n"
        "context = types.SimpleNamespace(log_stream_name='1/[$LATEST]a',\n"
        "    invoked_function_arn='arn:aws:lambda:us-east-1:111122223333:function:stream')\n"
        "stream.handler(json.load(open(sys.argv[1])), context)\n"
        "print(*sys.modules, file=sys.stderr)\n"
    )
    environment = os.environ | {
        "EKSWATCH_RULESET": str(ruleset),
        "EKSWATCH_TABLE_NAME": "state",
        "EKSWATCH_SIGNALS_LOG_GROUP": "signals",
    }

    done = subprocess.run(  # noqa: S603  # this interpreter
        [sys.executable, "-c", program, str(tmp_path / "event.json")],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )

    loaded = set(done.stderr.split())
    assert '"EventsReceived":[3.0]' in done.stdout.replace(" ", "")
    unwanted = {"boto3", "maxminddb", "pydantic", "yaml", "sigma"}
    assert not {name.split(".")[0] for name in loaded} & unwanted
    assert not {name for name in loaded if name.startswith("botocore.")}


def test_a_batch_from_two_days_is_written_whole(aws: Account) -> None:
    """A replay may hold days; the signals log group takes 24 hours per call."""
    days = [reads(2, at=AT - timedelta(days=n))[0] for n in range(3)]

    aws.put_audit_log("prod", days)

    assert len(aws.signals()) == 3


def test_what_a_filter_expects_is_counted_and_not_told(aws: Account) -> None:
    """A suppressed match makes no finding and no signal; the log says which filter hid it."""
    aws.deliver(delivered(line("a-1", user="auditor"), *reads(2, user="auditor")))

    (entry,) = [x for x in aws.logged() if x.get("message") == "batch"]
    assert (aws.findings(), aws.messages(), aws.signals()) == ([], [], [])
    assert counts(aws, "Matches", "Suppressed", "Findings") == [3, 3, 0]
    assert entry["suppressed"] == [
        {"detection": "secrets-listed", "filter": "auditor", "matches": 1},
        {"detection": "secrets-read-often", "filter": "auditor", "matches": 2},
    ]


def test_a_rule_that_raises_is_counted_and_the_others_run() -> None:
    """The batch goes on, and the metric that the alarm watches says how often it happened."""
    broken = Check("responseStatus.code", "lt", ("a word",))
    rules = [replace(rule, condition=And((Use("listed"), broken))) for rule in RULESET.rules[1:]]
    ruleset = replace(
        RULESET, rules=(*RULESET.rules, *(replace(rule, name="broken") for rule in rules))
    ).sealed()

    with account(ruleset, clusters=("prod",)) as aws:
        aws.deliver(delivered(line("a-1")))

        assert len(aws.findings()) == 1
        assert aws.metric("RuleFailures", cluster="prod") == 1


def test_a_payload_that_lost_its_log_group_still_makes_findings(aws: Account) -> None:
    """Security Hub wants a name for the cluster, so what is not known is called that."""
    aws.deliver(delivered(line("a-1"), group=""))

    assert [m.finding["cluster"] for m in aws.messages()] == ["unknown"]
    assert len(aws.findings()) == 1


def test_an_event_from_the_end_of_time_costs_no_other_its_finding(aws: Account) -> None:
    """The last microsecond of the year 9999 is a time like any other."""
    end = datetime.max.replace(tzinfo=UTC)

    aws.deliver(delivered(line("a-1"), line("a-2", user="eve", at=end)))

    assert len(aws.findings()) == len(aws.messages()) == 2


def test_an_audit_id_of_a_megabyte_is_remembered(aws: Account) -> None:
    """DynamoDB keeps 400 KB per item; an ID that the caller chose does not fill it."""
    long = line("a" * 600_000)

    for _ in range(2):
        aws.deliver(delivered(line("a-1"), long))

    assert [m.finding["count"] for m in aws.messages()] == [2]
    assert counts(aws, "StateErrors") == [0]


def test_a_detection_that_is_only_logged_is_delivered_nowhere() -> None:
    """Its finding is a line of the function's log."""
    quiet = replace(RULESET, log_only=("secrets-listed",)).sealed()
    with account(quiet, clusters=("prod",)) as aws:
        aws.put_audit_log("prod", [line("a-1")])

        assert (aws.findings(), aws.messages()) == ([], [])
        (entry,) = [x for x in aws.logged() if x.get("message") == "finding logged only"]
        assert (entry["detection"], entry["cluster"]) == ("secrets-listed", "prod")
