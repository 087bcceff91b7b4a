"""Each check of `ekswatch doctor` alone: as it must be, and every way in which it is not."""

import json
import os
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from moto import mock_aws

from ekswatch.aws import checkup
from ekswatch.aws.answers import missing_right
from ekswatch.aws.audit_logs import watched
from ekswatch.aws.checkup import Check
from ekswatch.aws.clients import client
from ekswatch.aws.rights import Right, admits_logs, key_admits, refused, rights
from ekswatch.aws.settings import Discovery, Settings
from ekswatch.aws.stack import Function, Stack
from tests.answers import Answers, answering, error

ACCOUNT = "123456789012"
REGION = "eu-central-1"
STACK = Stack(
    name="ekswatch",
    status="CREATE_COMPLETE",
    partition="aws",
    account=ACCOUNT,
    region=REGION,
    failed_events_bucket="failed",
    signals_log_group="/ekswatch/ekswatch/signals",
    state_table="state",
    stream_function="stream",
    hourly_function="hourly",
)
STREAM_ARN = STACK.arn("lambda", "function:stream")
STREAM = Function("stream", STREAM_ARN, f"arn:aws:iam::{ACCOUNT}:role/r", "Active", "", {})
TOLD = Settings("state", "/ekswatch/ekswatch/signals", clusters=("prod",))
TOPIC = STACK.arn("sns", "findings")
GROUP = "/aws/eks/prod/cluster"
AT = datetime(2026, 11, 21, 12, tzinfo=UTC)


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> Iterator[Answers]:
    """An empty account, in which some answers are not moto's."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "not-a-secret")
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    with mock_aws(), answering() as given:
        yield given


def crossed(check: Check, seen: str, fix: str) -> None:
    assert not check.ok
    assert seen in check.seen
    assert fix in check.fix


# --- the clock


@pytest.mark.parametrize("seconds", [-300, 0, 300])
def test_a_clock_within_five_minutes_is_right(seconds: int) -> None:
    """AWS takes what was signed up to five minutes ago."""
    assert checkup.clock(AT + timedelta(seconds=seconds), AT).ok


@pytest.mark.parametrize(("seconds", "words"), [(-301, "behind"), (301, "ahead of")])
def test_a_clock_further_off_is_a_cross(seconds: int, words: str) -> None:
    """One second more is too much, on either side, and the limit is said."""
    check = checkup.clock(AT + timedelta(seconds=seconds), AT)

    crossed(check, f"301 s {words} AWS, 300 s are allowed", "timedatectl")


# --- the functions and their rights


@pytest.mark.parametrize(("state", "ok"), [("Active", True), ("Inactive", True), ("Failed", False)])
def test_a_function_must_be_able_to_run(state: str, ok: bool) -> None:
    """An idle function is made ready by its next event; a failed one is not."""
    check = checkup.runs("stream", Function("stream", "", "", state, "out of ENIs", {}))

    assert check.ok is ok
    assert ok or "out of ENIs" in check.seen


def simulated(*denied: str, **details: Any) -> Any:
    """An answer of IAM's simulator that denies these actions."""

    def answer(params: Any) -> Any:
        actions = [v for k, v in params["body"].items() if k.startswith("ActionNames")]
        return {
            "EvaluationResults": [
                {"EvalActionName": action, "EvalDecision": "implicitDeny", **details}
                if action in denied
                else {"EvalActionName": action, "EvalDecision": "allowed"}
                for action in actions
            ],
            "IsTruncated": False,
        }

    return answer


def test_a_role_that_may_everything(answers: Answers) -> None:
    """Every right of the function is asked for, on its own resource."""
    answers.give("iam", "SimulatePrincipalPolicy", simulated())

    assert checkup.may("stream", STREAM, STACK, TOLD) == Check(
        "stream rights", True, "all 11 actions are allowed"
    )


@pytest.mark.parametrize(
    ("details", "why", "fix"),
    [
        ({}, "by its own policy", "npx cdk deploy"),
        (
            {"PermissionsBoundaryDecisionDetail": {"AllowedByPermissionsBoundary": False}},
            "by its permissions boundary",
            "in the boundary",
        ),
        (
            {"OrganizationsDecisionDetail": {"AllowedByOrganizations": False}},
            "by a policy of the organization",
            "service control policies",
        ),
    ],
)
def test_a_role_that_lacks_a_right(
    answers: Answers, details: dict[str, Any], why: str, fix: str
) -> None:
    """The action is named, with who refuses it and who can mend that."""
    answers.give("iam", "SimulatePrincipalPolicy", simulated("dynamodb:PutItem", **details))

    crossed(checkup.may("stream", STREAM, STACK, TOLD), f"dynamodb:PutItem ({why})", fix)


def test_each_resource_is_simulated_with_its_own_actions(answers: Answers) -> None:
    """A right on one resource is not asked for another."""
    asked: list[tuple[str, str]] = []

    def answer(params: Any) -> Any:
        body = params["body"]
        asked.append((body["ResourceArns.member.1"], body["ActionNames.member.1"]))
        return simulated()(params)

    answers.give("iam", "SimulatePrincipalPolicy", answer)

    assert refused(STREAM.role_arn, [Right("b", "s3:Put"), Right("a", "sns:Publish")]) == []
    assert asked == [("a", "sns:Publish"), ("b", "s3:Put")]


def test_rights_follow_what_the_functions_are_told() -> None:
    """Sinks that are off need none; found clusters and live lists need more."""

    def more(function: str, **told: Any) -> set[tuple[str, str]]:
        needed = set(rights(function, STACK, replace(TOLD, **told)))
        return {(r.action, r.resource) for r in needed ^ set(rights(function, STACK, TOLD))}

    hub = STACK.arn("securityhub", f"product/{ACCOUNT}/default")
    logs = STACK.arn("logs", "log-group:/aws/eks/*/cluster:*")
    lists = (("tor", "s3://lists/tor.txt"), ("known", "ssm:/known"), ("other", "ssm:other"))
    assert more("stream", security_hub=False) == {("securityhub:BatchImportFindings", hub)}
    assert more("stream", sns_topic_arn=TOPIC) == {("sns:Publish", TOPIC)}
    assert more("stream", clusters=(), discovery=Discovery()) == set()
    assert more("hourly", clusters=(), discovery=Discovery()) == {
        ("logs:PutSubscriptionFilter", logs)
    }
    assert more("stream", live_lists=lists) == {
        ("s3:GetObject", "arn:aws:s3:::lists/tor.txt"),
        ("ssm:GetParameter", STACK.arn("ssm", "parameter/known")),
        ("ssm:GetParameter", STACK.arn("ssm", "parameter/other")),
    }


# --- table, log groups, Security Hub


def test_the_table(answers: Answers) -> None:  # noqa: ARG001
    """A table that is gone is a cross with its backups as the fix."""
    crossed(checkup.table("state"), "there is no table state", "aws dynamodb list-backups")

    client("dynamodb").create_table(
        TableName="state",
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    assert checkup.table("state").ok


@pytest.mark.parametrize(
    ("signals", "seen"),
    [(None, "for ever"), (13, "kept 13 days, 14 are needed"), (14, ""), (30, "")],
)
def test_retention(answers: Answers, signals: int | None, seen: str) -> None:  # noqa: ARG001
    """Our groups end, and the signals not before the hourly function has looked back on them."""
    days = {"stream": 30, "hourly": 30, "signals": signals}
    for name, each in days.items():
        group = STACK.log_group(name)
        client("logs").create_log_group(logGroupName=group)
        if each:
            client("logs").put_retention_policy(logGroupName=group, retentionInDays=each)

    check = checkup.retention(STACK)

    assert check.ok is (seen == "")
    assert seen in check.seen
    assert check.ok or check.fix.startswith("aws logs put-retention-policy --log-group-name")


def test_a_log_group_of_ours_that_is_gone(answers: Answers) -> None:  # noqa: ARG001
    """The functions cannot log, nor write signals."""
    crossed(checkup.retention(STACK), "there is no log group /ekswatch/ekswatch/stream", "deploy")


def test_security_hub_off_and_on(answers: Answers) -> None:  # noqa: ARG001
    """Off is a cross with the command that switches it on."""
    crossed(checkup.security_hub(), "off", "aws securityhub enable-security-hub")

    client("securityhub").enable_security_hub()
    assert checkup.security_hub().ok


# --- topic and key


def test_a_topic_that_is_gone(answers: Answers) -> None:  # noqa: ARG001
    """There is nothing to subscribe to."""
    crossed(checkup.topic(TOPIC), "there is no topic", "npx cdk deploy")


def test_a_topic_to_which_nobody_listens(answers: Answers) -> None:
    """None subscribed, or subscribed and not confirmed: nobody is told."""
    client("sns").create_topic(Name="findings")
    crossed(
        checkup.topic(TOPIC), "confirmed subscriptions: 0 of 0", "aws sns subscribe --topic-arn"
    )

    pending = {"Subscriptions": [{"SubscriptionArn": "PendingConfirmation"}]}
    answers.give("sns", "ListSubscriptionsByTopic", pending)
    crossed(checkup.topic(TOPIC), "confirmed subscriptions: 0 of 1", "open the link")

    answers.heal()
    client("sns").subscribe(TopicArn=TOPIC, Protocol="email", Endpoint="soc@example.com")
    assert checkup.topic(TOPIC).ok


def key_with(*statements: dict[str, Any]) -> str:
    """The topic, encrypted with a key of this policy."""
    root = {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "kms:*", "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [root, *statements]})
    kms: Any = client("kms")
    key: str = kms.create_key(Policy=policy)["KeyMetadata"]["KeyId"]
    client("sns").create_topic(Name="findings", Attributes={"KmsMasterKeyId": key})
    return key


def cloudwatch(*actions: str, effect: str = "Allow") -> dict[str, Any]:
    principal = {"Service": "cloudwatch.amazonaws.com"}
    return {"Effect": effect, "Principal": principal, "Action": list(actions), "Resource": "*"}


def test_a_key_that_cloudwatch_may_use(answers: Answers) -> None:  # noqa: ARG001
    """Enabled, and its policy admits alarms."""
    key_with(cloudwatch("kms:Decrypt", "kms:GenerateDataKey*"))

    assert checkup.key_of_topic(TOPIC).ok


@pytest.mark.parametrize(
    "statements",
    [
        [],
        [cloudwatch("kms:Decrypt")],
        [cloudwatch("kms:Decrypt", "kms:GenerateDataKey", effect="Deny")],
    ],
)
def test_a_key_that_cloudwatch_may_not_use(
    answers: Answers,  # noqa: ARG001
    statements: list[dict[str, Any]],
) -> None:
    """Alarms would stay silent; the account itself is not CloudWatch."""
    key_with(*statements)

    crossed(checkup.key_of_topic(TOPIC), "CloudWatch may not", "kms:GenerateDataKey*")


@pytest.mark.parametrize(
    ("break_it", "state", "fix"),
    [
        (lambda kms, key: kms.disable_key(KeyId=key), "Disabled", "aws kms enable-key"),
        (
            lambda kms, key: kms.schedule_key_deletion(KeyId=key),
            "PendingDeletion",
            "aws kms cancel-key-deletion",
        ),
    ],
)
def test_a_key_that_does_not_work(
    answers: Answers,  # noqa: ARG001
    break_it: Any,
    state: str,
    fix: str,
) -> None:
    """A disabled key, and one that is about to be deleted."""
    key = key_with(cloudwatch("kms:*"))
    break_it(client("kms"), key)

    crossed(checkup.key_of_topic(TOPIC), state, f"{fix} --key-id {key}")


def test_a_topic_without_a_key(answers: Answers) -> None:  # noqa: ARG001
    """An operator's own topic may have none."""
    client("sns").create_topic(Name="findings")

    assert checkup.key_of_topic(TOPIC).ok


def test_a_key_policy_is_read_as_iam_writes_it() -> None:
    """A single action is a string, a service may be one of several."""
    policy = {"Statement": {**cloudwatch(), "Action": "kms:*"}}
    policy["Statement"]["Principal"] = {"Service": ["events.amazonaws.com", "x.amazonaws.com"]}

    assert not key_admits(json.dumps({"Statement": [policy["Statement"]]}), checkup.CLOUDWATCH)
    policy["Statement"]["Principal"]["Service"].append(checkup.CLOUDWATCH)
    assert key_admits(json.dumps({"Statement": [policy["Statement"]]}), checkup.CLOUDWATCH)


# --- clusters


def create_cluster(name: str, *, audit: bool, tags: dict[str, str] | None = None) -> None:
    client("eks").create_cluster(
        name=name,
        roleArn=f"arn:aws:iam::{ACCOUNT}:role/eks",
        resourcesVpcConfig={},
        logging={"clusterLogging": [{"types": ["api", "audit"], "enabled": audit}]},
        tags=tags or {},
    )


def test_the_audit_log_type(answers: Answers) -> None:  # noqa: ARG001
    """On, off, and of a cluster that is not here."""
    create_cluster("prod", audit=True)
    create_cluster("quiet", audit=False)

    assert checkup.audit_log("prod").ok
    crossed(checkup.audit_log("quiet"), "off", "aws eks update-cluster-config --name quiet")
    crossed(checkup.audit_log("gone"), "no such cluster", "aws eks list-clusters")


def test_the_log_group(answers: Answers) -> None:
    """There, not there though one with a longer name is, and of a class that has no filters."""
    client("logs").create_log_group(logGroupName=f"{GROUP}-2")
    crossed(
        checkup.group_of_cluster("prod"),
        f"there is no {GROUP}",
        f"create-log-group --log-group-name {GROUP}",
    )

    client("logs").create_log_group(logGroupName=GROUP)
    assert checkup.group_of_cluster("prod").seen == f"{GROUP}, kept for ever"

    infrequent = {"logGroupName": GROUP, "logGroupClass": "INFREQUENT_ACCESS"}
    answers.give("logs", "DescribeLogGroups", {"logGroups": [infrequent]})
    crossed(checkup.group_of_cluster("prod"), "INFREQUENT_ACCESS", "delete-log-group")


def one(name: str, destination: str = "arn:aws:firehose:x", created: int = 0) -> dict[str, Any]:
    return {
        "filterName": name,
        "filterPattern": "",
        "destinationArn": destination,
        "creationTime": created,
    }


HOURLY = replace(
    TOLD,
    filter_name="ekswatch",
    filter_pattern='"audit.k8s.io"',
    stream_function_arn=STREAM_ARN,
)
PUT = (
    f"aws logs put-subscription-filter --log-group-name {GROUP} --filter-name ekswatch"
    f" --filter-pattern '\"audit.k8s.io\"' --destination-arn {STREAM_ARN}"
)


def subscription(*filters: dict[str, Any], answers: Answers, told: Settings = HOURLY) -> Check:
    answers.give("logs", "DescribeSubscriptionFilters", {"subscriptionFilters": list(filters)})
    return checkup.subscription("prod", told)


def test_our_filter_is_there(answers: Answers) -> None:
    """Under whatever name it delivers to us, beside another one, whose owner is named."""
    check = subscription(one("by-hand", STREAM_ARN), one("siem"), answers=answers)

    assert check.ok
    assert check.seen == "by-hand delivers to us; 2 of 2 slots used (siem to arn:aws:firehose:x)"


def test_our_filter_leads_elsewhere(answers: Answers) -> None:
    """To the function of an installation before this one; the command replaces it."""
    old = STREAM_ARN + "-old"
    check = subscription(one("ekswatch", old), answers=answers)

    crossed(check, f"(ekswatch to {old})", PUT)


def test_our_filter_is_missing(answers: Answers) -> None:
    """With room for it the exact command puts it there, or the next hourly run."""
    check = subscription(one("siem"), answers=answers)

    crossed(check, "no filter delivers to us; 1 of 2 slots used", "")
    assert check.fix == PUT

    found = replace(HOURLY, clusters=(), discovery=Discovery())
    check = subscription(one("siem"), answers=answers, told=found)
    assert check.fix == f"the next hourly run does it, or at once: {PUT}"


def test_no_slot_is_free(answers: Answers) -> None:
    """Both owners are named, with the commands that put ours in the place of the newest."""
    check = subscription(one("siem", created=2), one("lake", created=1), answers=answers)

    crossed(check, "no free slot", "")
    assert "siem to arn:aws:firehose:x, lake to arn:aws:firehose:x" in check.seen
    assert check.fix == (
        "if nobody needs siem: aws logs delete-subscription-filter"
        f" --log-group-name {GROUP} --filter-name siem && {PUT}"
    )


@pytest.mark.parametrize(("filters", "ok"), [(["a"], True), (["a", "b"], False)])
def test_slots_before_the_deployment(answers: Answers, filters: list[str], ok: bool) -> None:
    """One is enough, and none is a cross."""
    found = {"subscriptionFilters": [one(name) for name in filters]}
    answers.give("logs", "DescribeSubscriptionFilters", found)

    assert checkup.free("prod").ok is ok


def test_no_log_group_has_no_filters(answers: Answers) -> None:  # noqa: ARG001
    """That the group is missing is said by its own check."""
    assert checkup.slots("prod").said == "0 of 2 slots used"


LOGS = {"Service": "logs.amazonaws.com"}
ARN = STACK.arn("logs", f"log-group:{GROUP}:*")


def admission(arn: str, *, effect: str = "Allow", test: str = "ArnLike") -> str:
    statement = {"Effect": effect, "Principal": LOGS, "Action": "lambda:InvokeFunction"}
    return json.dumps({"Statement": [{**statement, "Condition": {test: {"AWS:SourceArn": arn}}}]})


@pytest.mark.parametrize(
    ("policy", "admitted"),
    [
        (admission(ARN), True),
        (admission(STACK.arn("logs", "log-group:/aws/eks/*/cluster:*")), True),
        (admission(ARN.replace("prod", "staging")), False),
        (admission(ARN, effect="Deny"), False),
        ('{"Statement": []}', False),
    ],
)
def test_who_may_invoke_the_function(policy: str, admitted: bool) -> None:
    """CloudWatch Logs for this group or a pattern of it, and not for another cluster's."""
    assert admits_logs(policy, ARN) is admitted


def test_a_permission_that_is_gone(answers: Answers) -> None:
    """The filter is there, and CloudWatch Logs drops what it delivers."""
    answers.refuse("lambda", "GetPolicy", "ResourceNotFoundException")

    check = checkup.delivery("prod", STACK, STREAM)

    crossed(check, "may not invoke", "aws lambda add-permission --function-name stream")
    assert f"--source-arn '{ARN}' --source-account {ACCOUNT}" in check.fix


@pytest.mark.parametrize(
    ("clusters", "names"), [("all", ("dev", "prod")), ("tag:env=live", ("prod",)), ("x", ("x",))]
)
def test_clusters_that_are_watched(
    answers: Answers,  # noqa: ARG001
    clusters: str,
    names: tuple[str, ...],
) -> None:
    """Those named, all there are, or those with a tag."""
    create_cluster("prod", audit=True, tags={"env": "live"})
    create_cluster("dev", audit=True)
    environment = {"EKSWATCH_TABLE_NAME": "t", "EKSWATCH_SIGNALS_LOG_GROUP": "s"}

    assert watched(Settings.from_env(environment | {"EKSWATCH_CLUSTERS": clusters})) == names


# --- what AWS does not answer


def test_the_right_that_is_missing() -> None:
    """As AWS names it, or as the operation is called; other errors are no matter of rights."""
    said = "User: x is not authorized to perform: kms:DescribeKey on resource: y"

    assert missing_right(error("DescribeKey", "AccessDeniedException", said)) == "kms:DescribeKey"
    assert missing_right(error("ListObjectsV2", "AccessDenied", "Access Denied")) == "ListObjectsV2"
    assert missing_right(error("DescribeKey", "ThrottlingException", said)) == ""
    assert missing_right(ValueError("x")) == ""


def test_a_question_that_is_not_answered() -> None:
    """A cross that says which right is missing, or what AWS said."""
    said = "not authorized to perform: sns:GetTopicAttributes"
    denied = error("GetTopicAttributes", "AuthorizationError", said)

    crossed(
        checkup.unanswered("topic", denied), "you may not sns:GetTopicAttributes", "credentials"
    )
    crossed(checkup.unanswered("topic", error("X", "Throttling", "slow")), "slow", "try again")
