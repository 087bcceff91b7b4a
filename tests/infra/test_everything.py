"""The stack with every setting given: what is the operator's is used, and nothing more allowed."""

import json
import re
from collections.abc import Mapping
from pathlib import Path

import aws_cdk as cdk
import pytest
from aws_cdk import aws_kms as kms
from aws_cdk.assertions import Template
from cfnlint.api import lint_all

from ekswatch.aws.settings import Discovery, Settings
from infra.topic import FindingsTopic
from lambdas.telemetry import Counts, flush
from tests.infra.conftest import ROOT, Synthesise
from tests.infra.template import Resources

PLACE = "eu-central-1:111122223333"
KEY = f"arn:aws:kms:{PLACE}:key/1234abcd-12ab-34cd-56ef-1234567890ab"
TOPIC_KEY = f"arn:aws:kms:{PLACE}:key/mrk-1234abcd12ab34cd56ef1234567890ab"
TOPIC = f"arn:aws:sns:{PLACE}:alerts"
ROLES = ("StreamRole", "HourlyRole")
FUNCTIONS = ("StreamFunction", "HourlyFunction")
USE = ["kms:Decrypt", "kms:GenerateDataKey"]
LOG_GROUPS = "arn:${AWS::Partition}:logs:${AWS::Region}:${AWS::AccountId}:log-group:/aws/eks/*"
NETWORK = {
    *("ec2:CreateNetworkInterface", "ec2:DeleteNetworkInterface"),
    *("ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets"),
    *("ec2:AssignPrivateIpAddresses", "ec2:UnassignPrivateIpAddresses"),
}
"""Of the managed policy AWSLambdaVPCAccessExecutionRole, without what it says of logs."""


@pytest.fixture(scope="module")
def everything(synthesise: Synthesise) -> Path:
    """One synthesis, under cdk-nag, which finds nothing that is not explained."""
    return synthesise(
        checked=True,
        clusters="tag:env=prod",
        sns_topic=TOPIC,
        sns_topic_kms_key=TOPIC_KEY,
        live_lists="tor_exits=s3://intel/tor.txt",
        live_list_hours="24",
        schedule_minute="17",
        memory_mb="1024",
        reserved_concurrency="5",
        kms_key=KEY,
        permissions_boundary="Boundary",
        subnet_ids="subnet-0a1b2c3d4e5f67890,subnet-1a1b2c3d4e5f67890",
        security_group_ids="sg-0a1b2c3d4e5f67890",
        tags="owner=soc,cost-center=12",
        retention_days="90",
    )


@pytest.fixture(scope="module")
def given(everything: Path) -> Resources:
    return Resources.read(everything)


def variables(resources: Resources, name: str) -> Mapping[str, str]:
    return resources.of("AWS::Lambda::Function")[name]["Environment"]["Variables"]


def test_cfn_lint_finds_nothing(everything: Path) -> None:
    """As for the default stack: W3005 is CDK's way, and I... is advice on style."""
    problems = lint_all((everything / "ekswatch.template.json").read_text())

    assert [str(p) for p in problems if p.rule.id != "W3005" and p.rule.id[0] != "I"] == []


def test_tags_are_those_of_the_stack(everything: Path) -> None:
    """CloudFormation hands them on to all that it makes; the template has none of its own."""
    manifest = json.loads((everything / "manifest.json").read_text())
    stack = manifest["artifacts"]["ekswatch"]["properties"]

    assert stack["tags"] == {"owner": "soc", "cost-center": "12"}
    assert "cost-center" not in (everything / "ekswatch.template.json").read_text()


def test_what_nobody_gave_is_not_there(assembly: Path, resources: Resources) -> None:
    """The stack with the defaults: no tag, boundary, network or reservation."""
    manifest = json.loads((assembly / "manifest.json").read_text())

    assert "tags" not in manifest["artifacts"]["ekswatch"]["properties"]
    for role in resources.of("AWS::IAM::Role").values():
        assert "PermissionsBoundary" not in role
    for function in resources.of("AWS::Lambda::Function").values():
        assert {"VpcConfig", "ReservedConcurrentExecutions"}.isdisjoint(function)


def test_what_is_kept_is_kept_as_long_as_asked(given: Resources) -> None:
    """What the functions say, signals and failed events."""
    (expiry,) = given.only("AWS::S3::Bucket")["LifecycleConfiguration"]["Rules"]
    groups = given.of("AWS::Logs::LogGroup").values()

    assert {group["RetentionInDays"] for group in groups} == {expiry["ExpirationInDays"]} == {90}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_are_told_of_live_lists(given: Resources, name: str) -> None:
    """Where they are, and when they are stale."""
    read = Settings.from_env({**variables(given, name), "EKSWATCH_TABLE_NAME": "state"})

    assert read.live_lists == (("tor_exits", "s3://intel/tor.txt"),)
    assert read.live_list_hours == 24


@pytest.mark.parametrize("role", ROLES)
def test_the_boundary_bounds_every_role(given: Resources, role: str) -> None:
    """A policy by name is one of the account."""
    assert set(given.of("AWS::IAM::Role")) == set(ROLES)
    assert given.of("AWS::IAM::Role")[role]["PermissionsBoundary"] == (
        "arn:${AWS::Partition}:iam::${AWS::AccountId}:policy/Boundary"
    )


def test_the_given_key_encrypts_what_is_kept(given: Resources) -> None:
    """Log groups, table and bucket; no key is made."""
    (rule,) = given.only("AWS::S3::Bucket")["BucketEncryption"]["ServerSideEncryptionConfiguration"]

    assert "AWS::KMS::Key" not in given.types()
    assert {group["KmsKeyId"] for group in given.of("AWS::Logs::LogGroup").values()} == {KEY}
    assert given.only("AWS::DynamoDB::Table")["SSESpecification"] == {
        "SSEEnabled": True,
        "SSEType": "KMS",
        "KMSMasterKeyId": KEY,
    }
    assert rule == {
        "BucketKeyEnabled": True,
        "ServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": KEY},
    }


@pytest.mark.parametrize("role", ROLES)
def test_the_given_key_serves_only_what_is_kept(given: Resources, role: str) -> None:
    """The key may protect other things: a function cannot call KMS with it by itself."""
    statement = given.statements(role)["UseKey"]

    assert (statement["Action"], statement["Resource"]) == (USE, KEY)
    assert statement["Condition"] == {
        "StringLike": {
            "kms:ViaService": [
                f"{service}.${{AWS::Region}}.amazonaws.com*"
                for service in ("dynamodb", "logs", "s3")
            ]
        }
    }


def test_findings_go_to_the_given_topic(given: Resources) -> None:
    """No topic, policy or subscription is made; the functions may publish and encrypt for it."""
    assert not [kind for kind in given.types() if kind.startswith("AWS::SNS::")]
    for role in ROLES:
        statements = given.statements(role)
        assert statements["PublishFindings"]["Resource"] == TOPIC
        assert statements["EncryptFindings"]["Action"] == USE
        assert statements["EncryptFindings"]["Resource"] == TOPIC_KEY
    for function in FUNCTIONS:
        assert variables(given, function)["EKSWATCH_SNS_TOPIC_ARN"] == TOPIC
    for alarm in given.of("AWS::CloudWatch::Alarm").values():
        assert alarm["AlarmActions"] == [TOPIC]


def test_a_given_topic_may_have_no_key(synthesise: Synthesise) -> None:
    """Then the functions may publish, and use no key for it; the given one stays with the rest."""
    resources = Resources.read(synthesise(clusters="prod", sns_topic=TOPIC, kms_key=KEY))

    for role in ROLES:
        statements = resources.statements(role)
        assert "EncryptFindings" not in statements
        assert statements["PublishFindings"]["Resource"] == TOPIC
        assert statements["UseKey"]["Resource"] == KEY


def test_our_own_topic_takes_the_given_key(synthesise: Synthesise) -> None:
    """The functions may encrypt for the topic with it; no other key is made."""
    resources = Resources.read(synthesise(clusters="prod", kms_key=KEY))

    assert resources.only("AWS::SNS::Topic")["KmsMasterKeyId"] == KEY
    assert "AWS::KMS::Key" not in resources.types()
    for role in ROLES:
        assert resources.statements(role)["EncryptFindings"]["Resource"] == KEY


def test_the_boundary_may_be_of_another_place(synthesise: Synthesise) -> None:
    """An ARN stays as it is."""
    arn = "arn:aws:iam::111122223333:policy/team/Boundary"
    resources = Resources.read(synthesise(clusters="prod", permissions_boundary=arn))

    roles = resources.of("AWS::IAM::Role").values()
    assert {role["PermissionsBoundary"] for role in roles} == {arn}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_run_in_the_given_network(given: Resources, name: str) -> None:
    """In these subnets, behind these groups, with the memory asked for."""
    function = given.of("AWS::Lambda::Function")[name]

    assert function["VpcConfig"] == {
        "SubnetIds": ["subnet-0a1b2c3d4e5f67890", "subnet-1a1b2c3d4e5f67890"],
        "SecurityGroupIds": ["sg-0a1b2c3d4e5f67890"],
    }
    assert function["MemorySize"] == 1024


@pytest.mark.parametrize("role", ROLES)
def test_only_lambda_itself_makes_network_interfaces(given: Resources, role: str) -> None:
    """What the role needs for that, code that runs in a function is denied."""
    allowed, denied = (given.statements(role)[sid] for sid in ("JoinNetwork", "CodeMayNot"))

    assert (allowed["Effect"], denied["Effect"]) == ("Allow", "Deny")
    assert set(allowed["Action"]) == set(denied["Action"]) == NETWORK
    assert denied["Condition"] == {"Null": {"lambda:SourceFunctionArn": "false"}}


def test_executions_are_reserved_for_the_stream(given: Resources) -> None:
    """The hourly function runs once at a time anyway."""
    functions = given.of("AWS::Lambda::Function")

    assert functions["StreamFunction"]["ReservedConcurrentExecutions"] == 5
    assert "ReservedConcurrentExecutions" not in functions["HourlyFunction"]


def test_the_schedule_and_the_functions_agree_on_the_minute(given: Resources) -> None:
    """The stream function tells by it which signals are late."""
    told = {variables(given, name)["EKSWATCH_SCHEDULE_MINUTE"] for name in FUNCTIONS}

    assert given.only("AWS::Events::Rule")["ScheduleExpression"] == "cron(17 * * * ? *)"
    assert told == {"17"}


def test_clusters_are_found_at_run_time(given: Resources) -> None:
    """No filter stands in the template; any EKS cluster's log group may call, and no other."""
    (permission,) = [
        permission
        for permission in given.of("AWS::Lambda::Permission").values()
        if permission["Principal"] == "logs.amazonaws.com"
    ]

    assert "AWS::Logs::SubscriptionFilter" not in given.types()
    assert permission == {
        "Action": "lambda:InvokeFunction",
        "FunctionName": "${StreamFunction.Arn}",
        "Principal": "logs.amazonaws.com",
        "SourceAccount": "${AWS::AccountId}",
        "SourceArn": f"{LOG_GROUPS}/cluster:*",
    }


def test_the_hourly_function_may_find_and_subscribe_clusters(given: Resources) -> None:
    """It alone, and only log groups of clusters."""
    statements = given.statements("HourlyRole")
    added = {
        sid: (statements[sid]["Action"], statements[sid]["Resource"])
        for sid in set(statements) - set(given.statements("StreamRole"))
        if sid.endswith(("Clusters", "Filters"))
    }

    assert added == {
        "ListClusters": ("eks:ListClusters", "*"),
        "DescribeClusters": (
            "eks:DescribeCluster",
            "arn:${AWS::Partition}:eks:${AWS::Region}:${AWS::AccountId}:cluster/*",
        ),
        "DescribeFilters": ("logs:DescribeSubscriptionFilters", f"{LOG_GROUPS}/cluster:*"),
        "SubscribeClusters": ("logs:PutSubscriptionFilter", f"{LOG_GROUPS}/cluster:*"),
    }


@pytest.mark.parametrize("name", FUNCTIONS)
def test_both_sides_read_the_same_clusters(given: Resources, name: str) -> None:
    """What the stack writes is what the settings read."""
    read = Settings.from_env({**variables(given, name), "EKSWATCH_TABLE_NAME": "state"})

    assert (read.clusters, read.discovery) == ((), Discovery(("env", "prod")))
    assert (read.schedule_minute, read.sns_topic_arn) == (17, TOPIC)


def test_alarms_and_graphs_cover_clusters_that_nobody_named(
    given: Resources, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """They ask for the dimensions under which the stream function writes, whatever the cluster."""
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", "stream")
    counts = Counts()
    counts.add("prod", RuleFailures=1)
    flush(counts)
    ((*dimensions,),) = json.loads(capsys.readouterr().out)["_aws"]["CloudWatchMetrics"][0][
        "Dimensions"
    ]
    (query,) = given.of("AWS::CloudWatch::Alarm")["AnalysisRuleFailures"]["Metrics"]
    page = str(given.only("AWS::CloudWatch::Dashboard")["DashboardBody"])
    schema = ", ".join(("ekswatch", *sorted(dimensions)))

    assert (
        f"SUM(RuleFailures) FROM SCHEMA({schema}) WHERE service = 'stream'" in query["Expression"]
    )
    searched = re.findall(r"SEARCH\('\{ekswatch,(\w+),(\w+)\} MetricName=\W+(\w+)", page)
    assert {frozenset(pair) for *pair, _ in searched} == {frozenset(dimensions)}
    assert {"EventsReceived", "RuleFailures"} <= {metric for *_, metric in searched}


def test_a_given_key_encrypts_our_own_topic() -> None:
    """The topic is still ours, with its policy; the key's policy is the operator's."""
    stack = cdk.Stack(cdk.App(), "Test")
    key = kms.Key.from_key_arn(stack, "Key", KEY)
    FindingsTopic(stack, "Findings", email=("a@example.com", "b@example.com"), key=key)
    template = Template.from_stack(stack)

    template.resource_count_is("AWS::KMS::Key", 0)
    template.resource_count_is("AWS::SNS::TopicPolicy", 1)
    template.resource_count_is("AWS::SNS::Subscription", 2)
    template.has_resource_properties("AWS::SNS::Topic", {"KmsMasterKeyId": KEY})


def test_the_documented_key_policy_admits_the_same_as_our_own_key(resources: Resources) -> None:
    """What alarms need of our key, they need of the operator's; log groups need more."""
    page = (ROOT / "docs" / "deploying.md").read_text()
    documented = {
        statement["Sid"]: statement
        for block in re.findall(r"```json\n(.*?)```", page, re.DOTALL)
        for statement in json.loads(block)
    }
    ours = {
        statement["Sid"]: statement
        for statement in resources.only("AWS::KMS::Key")["KeyPolicy"]["Statement"]
        if "Sid" in statement
    }
    pattern = documented["LogGroups"]["Condition"]["ArnLike"]["kms:EncryptionContext:aws:logs:arn"]

    assert documented["AlarmsMayEncrypt"] == ours["AlarmsMayEncrypt"]
    assert {
        group["LogGroupName"].rpartition("/")[0] + "/*"
        for group in resources.of("AWS::Logs::LogGroup").values()
    } == {pattern.partition("log-group:")[2]}
