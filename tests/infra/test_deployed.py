"""The synthesised template deployed into moto, with nothing skipped, and the whole line in it."""

import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from moto import mock_aws

from ekswatch.aws import clients, signals
from ekswatch.local.strict import Strict
from infra import bundling
from infra.alarms import ANALYSIS, DELIVERY, FUNCTION, HOURLY
from tests.e2e import privilege
from tests.e2e.recorder import Call, session_key
from tests.infra import deployment
from tests.infra.conftest import ROOT
from tests.infra.deployment import ACCOUNT, REGION, client
from tests.infra.template import name
from tests.scenarios import audit_lines

CLUSTERS = ("prod", "staging")
POD, BURST = "priv_pod_create", "secrets_enum_burst"
"""Recorded attacks: the first is found at once, the second by the hourly run."""


@pytest.fixture(scope="module")
def credentials() -> Iterator[None]:
    """Credentials that open nothing, so that a call past moto cannot reach an account."""
    with pytest.MonkeyPatch.context() as patch:
        for variable in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
            patch.setenv(variable, "testing")
        patch.setenv("AWS_DEFAULT_REGION", REGION)
        patch.delenv("AWS_PROFILE", raising=False)
        yield


@pytest.fixture(scope="module")
def deployed(credentials: None, template: Mapping[str, Any]) -> Iterator[Mapping[str, str]]:  # noqa: ARG001  # must come first
    """The stack in moto, as a mapping from readable names to physical IDs."""
    with mock_aws(config={"iam": {"load_aws_managed_policies": False}}):
        deployment.deploy(template, CLUSTERS)
        yield {name(logical): physical for logical, physical in deployment.physical_ids().items()}


def test_every_resource_of_the_template_is_made(
    deployed: Mapping[str, str], template: Mapping[str, Any]
) -> None:
    """moto skips what it does not know and still says CREATE_COMPLETE; here it made all."""
    stack = client("cloudformation").describe_stacks(StackName="ekswatch")["Stacks"][0]

    assert stack["StackStatus"] == "CREATE_COMPLETE"
    assert set(deployed) == {name(logical) for logical in template["Resources"]}


def test_a_type_that_moto_skips_is_an_error(credentials: None) -> None:  # noqa: ARG001
    """The check above can fail: an unknown type does not pass for deployed."""
    template = {"Resources": {"Thing": {"Type": "AWS::Scheduler::Unknown", "Properties": {}}}}

    with mock_aws(), pytest.raises(UserWarning, match="not supported by moto"):
        deployment.deploy(template, (), stack="unknown")


@pytest.mark.parametrize("cluster", CLUSTERS)
def test_the_subscription_is_on_the_clusters_log_group(
    deployed: Mapping[str, str], cluster: str
) -> None:
    """CloudWatch Logs shows one filter, on the function, with the pattern of the template."""
    filters = client("logs").describe_subscription_filters(
        logGroupName=f"/aws/eks/{cluster}/cluster"
    )["subscriptionFilters"]

    assert [
        (found["filterName"], found["filterPattern"], found["destinationArn"].rpartition(":")[2])
        for found in filters
    ] == [("ekswatch", '"audit.k8s.io"', deployed["StreamFunction"])]


def test_cloudwatch_logs_may_call_the_stream_function(deployed: Mapping[str, str]) -> None:
    """The function's policy admits each cluster's log group of this account."""
    policy = json.loads(
        client("lambda").get_policy(FunctionName=deployed["StreamFunction"])["Policy"]
    )

    arns = {
        statement["Condition"]["ArnLike"]["AWS:SourceArn"]
        for statement in policy["Statement"]
        if statement["Principal"] == {"Service": "logs.amazonaws.com"}
    }
    assert arns == {
        f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/aws/eks/{cluster}/cluster:*"
        for cluster in CLUSTERS
    }


@pytest.mark.parametrize("function", ["StreamFunction", "HourlyFunction"])
def test_failed_events_go_to_the_bucket(deployed: Mapping[str, str], function: str) -> None:
    """Lambda shows two retries and the bucket behind them."""
    config = client("lambda").get_function_event_invoke_config(FunctionName=deployed[function])

    assert config["MaximumRetryAttempts"] == 2
    assert config["DestinationConfig"]["OnFailure"]["Destination"] == (
        f"arn:aws:s3:::{deployed['FailedEvents']}"
    )


def test_the_bucket_refuses_plain_connections(deployed: Mapping[str, str]) -> None:
    """S3 shows the policy, resolved to the bucket's own ARN."""
    policy = json.loads(client("s3").get_bucket_policy(Bucket=deployed["FailedEvents"])["Policy"])

    (statement,) = policy["Statement"]
    arn = f"arn:aws:s3:::{deployed['FailedEvents']}"
    assert (statement["Effect"], statement["Resource"]) == ("Deny", [arn, f"{arn}/*"])


def test_the_topic_has_its_key_policy_and_subscriber(deployed: Mapping[str, str]) -> None:
    """SNS shows the key, both statements of the policy and the address."""
    topic = deployed["FindingsTopic"]
    attributes = client("sns").get_topic_attributes(TopicArn=topic)["Attributes"]
    subscriptions = client("sns").list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]

    assert attributes["KmsMasterKeyId"].endswith(deployed["FindingsKey"])
    assert {statement["Effect"] for statement in json.loads(attributes["Policy"])["Statement"]} == {
        "Allow",
        "Deny",
    }
    assert [found["Endpoint"] for found in subscriptions] == ["oncall@example.com"]


def test_alarms_tell_the_topic(deployed: Mapping[str, str]) -> None:
    """Of each function, of each cluster, of all filters, of every hour; the topic is told."""
    alarms = client("cloudwatch").describe_alarms()["MetricAlarms"]

    assert {_watched(alarm) for alarm in alarms} == {
        *(
            (deployed[f"{name}Function"], metric)
            for name in ("Stream", "Hourly")
            for metric in FUNCTION
        ),
        *((cluster, metric) for cluster in CLUSTERS for metric in ANALYSIS),
        *(("AWS/Logs", metric) for metric in DELIVERY),
        *(("none", metric) for metric in HOURLY),
    }
    assert {tuple(alarm["AlarmActions"]) for alarm in alarms} == {(deployed["FindingsTopic"],)}


def _watched(alarm: Mapping[str, Any]) -> tuple[str, str]:
    """The first dimension's value and the metric of an alarm, or what its query selects from."""
    if not alarm["Metrics"]:
        return alarm["Dimensions"][0]["Value"], alarm["MetricName"]
    query = alarm["Metrics"][0]["Expression"]
    (metric,), (source,) = re.findall(r"SUM\((\w+)\)", query), re.findall(r'FROM "(.+?)"', query)
    return source, metric


def test_the_hourly_rule_points_at_the_hourly_function(deployed: Mapping[str, str]) -> None:
    """EventBridge shows the schedule and its one target."""
    rule = deployed["EveryHourRule"]
    targets = client("events").list_targets_by_rule(Rule=rule)["Targets"]

    assert client("events").describe_rule(Name=rule)["ScheduleExpression"] == "cron(0 * * * ? *)"
    assert [target["Arn"].rpartition(":")[2] for target in targets] == [deployed["HourlyFunction"]]


def test_own_log_groups_end(deployed: Mapping[str, str]) -> None:  # noqa: ARG001  # the stack
    """CloudWatch Logs shows our three groups with their retention, and the clusters' without."""
    groups = client("logs").describe_log_groups()["logGroups"]

    assert {group["logGroupName"]: group.get("retentionInDays") for group in groups} == {
        "/aws/eks/prod/cluster": None,
        "/aws/eks/staging/cluster": None,
        "/ekswatch/ekswatch/signals": 30,
        "/ekswatch/ekswatch/stream": 30,
        "/ekswatch/ekswatch/hourly": 30,
    }


class Calls:
    """AWS calls that the handlers make, each under the key of the function that runs."""

    def __init__(self, stack: Mapping[str, str]) -> None:
        self.made: list[Call] = []
        self._keys = {
            stack[f"{name}Function"]: session_key(
                function=f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{stack[f'{name}Function']}",
                role=f"arn:aws:iam::{ACCOUNT}:role/{stack[f'{name}Role']}",
            )
            for name in ("Stream", "Hourly")
        }

    def record(self, params: Mapping[str, Any], model: Any, **_: Any) -> None:
        """Hook for botocore's event provide-client-params."""
        key = self._keys[os.environ["AWS_LAMBDA_FUNCTION_NAME"]]
        service = model.service_model.signing_name
        self.made.append(Call(key, REGION, service, model.name, dict(params)))


@pytest.fixture(scope="module")
def line(deployed: Mapping[str, str], ruleset: Path) -> Iterator[Mapping[str, Any]]:
    """Recorded attacks sent through the deployed stack: findings, messages and calls made."""
    queue = _listen(deployed["FindingsTopic"])
    calls = Calls(deployed)
    clients.forget()
    clients.session().register("provide-client-params.*.*", calls.record)
    Strict(queries=signals.QUERIES).watch(clients.session())
    with deployment.functions_run_here({"EKSWATCH_RULESET": str(ruleset)}):
        now = datetime.now(UTC)
        for cluster, scenario in (("prod", POD), ("staging", BURST)):
            lines = audit_lines(scenario, until=now - timedelta(minutes=5))
            deployment.put_audit_log(cluster, lines, int(now.timestamp() * 1000))
        _run_hourly(deployed["HourlyFunction"], now + timedelta(minutes=30))
        yield {
            "findings": client("securityhub").get_findings()["Findings"],
            "messages": _received(queue),
            "calls": calls.made,
        }
    clients.forget()


def _listen(topic: str) -> str:
    queue = client("sqs").create_queue(QueueName="listener")["QueueUrl"]
    arn = f"arn:aws:sqs:{REGION}:{ACCOUNT}:listener"
    client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    return str(queue)


def _received(queue: str) -> list[Mapping[str, Any]]:
    messages: list[Mapping[str, Any]] = []
    while (
        batch := client("sqs")
        .receive_message(QueueUrl=queue, MaxNumberOfMessages=10)
        .get("Messages")
    ):
        messages += [json.loads(message["Body"]) for message in batch]
        for message in batch:
            client("sqs").delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
    return messages


def _run_hourly(function: str, at: datetime) -> None:
    """Invoke as EventBridge does; moto never fires a schedule by itself."""
    event = {
        "version": "0",
        "id": "00000000-0000-0000-0000-000000000000",
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": ACCOUNT,
        "region": REGION,
        "time": at.strftime("%Y-%m-%dT%H:%M:00Z"),
        "resources": [],
        "detail": {},
    }
    client("lambda").invoke(FunctionName=function, Payload=json.dumps(event))


def detections(findings: Sequence[Mapping[str, Any]]) -> set[str]:
    """The slugs of the detections behind ASFF findings."""
    return {finding["GeneratorId"].rpartition("/")[2] for finding in findings}


def test_an_attack_in_the_log_group_becomes_a_finding_in_security_hub(
    line: Mapping[str, Any],
) -> None:
    """Put into the log group, delivered by the template's filter, found, imported."""
    labels = json.loads((ROOT / "events" / "scenarios" / "labels.json").read_text())
    (attack,) = labels[POD]["attack"]

    about = [finding for finding in line["findings"] if attack in json.dumps(finding)]

    assert "privileged-workload-created" in detections(about)
    assert {finding["ProductArn"] for finding in about} == {
        f"arn:aws:securityhub:{REGION}:{ACCOUNT}:product/{ACCOUNT}/default"
    }


def test_a_burst_is_found_by_the_hourly_run(line: Mapping[str, Any]) -> None:
    """Signals written by one function are read and counted by the other."""
    assert "secret-read-burst" in detections(line["findings"])


def test_people_are_told_once_through_the_topic(line: Mapping[str, Any]) -> None:
    """Each finding arrives at a subscriber of the encrypted topic, and none twice."""
    texts = [message["Message"] for message in line["messages"]]

    assert any("privileged" in text.lower() for text in texts)
    assert len(texts) == len(set(texts))


def test_the_functions_may_do_what_they_do_and_nothing_else(
    line: Mapping[str, Any], template: Mapping[str, Any]
) -> None:
    """Each call has its grant, each grant its call or the reason why no run can show one."""
    problems = privilege.check(
        template, deployment.physical_ids(), line["calls"], account=ACCOUNT, region=REGION
    )

    assert len({call.access_key for call in line["calls"]}) == 2
    assert not problems, "\n".join(problems)


def test_the_ruleset_is_the_same_in_every_build(tmp_path: Path) -> None:
    """Compiled twice, the detections are the same bytes: the archive's hash stays."""
    first, second = tmp_path / "first.json", tmp_path / "second.json"

    bundling.compile_ruleset(first, None)
    bundling.compile_ruleset(second, None)

    assert first.read_bytes() == second.read_bytes()
