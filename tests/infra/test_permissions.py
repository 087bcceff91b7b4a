"""Who may do what, in full."""

from typing import Any

import pytest

from tests.infra.conftest import Synthesise
from tests.infra.template import Resources

STATE = ["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"]
WRITE = ["logs:CreateLogStream", "logs:PutLogEvents"]
ENCRYPT = ["kms:Decrypt", "kms:GenerateDataKey"]
PRODUCT = (
    "arn:${AWS::Partition}:securityhub:${AWS::Region}:${AWS::AccountId}"
    ":product/${AWS::AccountId}/default"
)
HERE = "${AWS::Region}:${AWS::AccountId}"
AUDIT_LOGS = f"arn:${{AWS::Partition}}:logs:{HERE}:log-group:/aws/eks/*/cluster:*"
FIND = {
    "ListClusters": ("eks:ListClusters", "*"),
    "DescribeClusters": ("eks:DescribeCluster", f"arn:${{AWS::Partition}}:eks:{HERE}:cluster/*"),
    "ListLogGroups": (
        "logs:DescribeLogGroups",
        f"arn:${{AWS::Partition}}:logs:{HERE}:log-group:*",
    ),
    "DescribeFilters": ("logs:DescribeSubscriptionFilters", AUDIT_LOGS),
}
BOTH = {
    "KeepFailedEvents": ("s3:PutObject", "${FailedEvents.Arn}/aws/lambda/async/*"),
    "ListFailedEvents": ("s3:ListBucket", "${FailedEvents.Arn}"),
    "KeepState": (STATE, "${State.Arn}"),
    "ImportFindings": ("securityhub:BatchImportFindings", PRODUCT),
    "PublishFindings": ("sns:Publish", "${FindingsTopic}"),
    "EncryptFindings": (ENCRYPT, "${FindingsKey.Arn}"),
}
STREAM = BOTH | {
    "WriteOwnLog": (WRITE, "${StreamLog.Arn}"),
    "ReadBaselines": ("dynamodb:BatchGetItem", "${State.Arn}"),
    "WriteSignals": (WRITE, "${Signals.Arn}"),
}
HOURLY = (
    BOTH
    | FIND
    | {
        "WriteOwnLog": (WRITE, "${HourlyLog.Arn}"),
        "QuerySignals": ("logs:StartQuery", "${Signals.Arn}"),
        "FinishQueries": (["logs:GetQueryResults", "logs:StopQuery"], "*"),
        "WriteSignals": (WRITE, "${Signals.Arn}"),
    }
)


def allowed(resources: Resources, role: str) -> dict[str, Any]:
    return {
        sid: (statement["Action"], statement["Resource"])
        for sid, statement in resources.statements(role).items()
    }


@pytest.mark.parametrize(("role", "statements"), [("StreamRole", STREAM), ("HourlyRole", HOURLY)])
def test_a_function_may_do_this_and_nothing_else(
    resources: Resources, role: str, statements: dict[str, Any]
) -> None:
    """The whole list of actions and resources, as a reviewer would read it."""
    assert allowed(resources, role) == statements


def test_no_action_is_a_wildcard(resources: Resources) -> None:
    """Every action is written out."""
    actions = [
        action
        for role in ("StreamRole", "HourlyRole")
        for granted, _ in allowed(resources, role).values()
        for action in ([granted] if isinstance(granted, str) else granted)
    ]

    assert [action for action in actions if "*" in action] == []


def test_only_queries_and_the_list_of_clusters_have_no_resource(resources: Resources) -> None:
    """Everything that touches data names what it touches."""
    everywhere = {
        sid
        for role in ("StreamRole", "HourlyRole")
        for sid, (_, on) in allowed(resources, role).items()
        if on == "*"
    }

    assert everywhere == {"FinishQueries", "ListClusters"}


def test_roles_have_no_other_policies(resources: Resources) -> None:
    """Nothing is attached beside the inline statements, and only Lambda may assume a role."""
    assert {"AWS::IAM::Policy", "AWS::IAM::ManagedPolicy"}.isdisjoint(resources.types())
    for role in resources.of("AWS::IAM::Role").values():
        assert "ManagedPolicyArns" not in role
        (trust,) = role["AssumeRolePolicyDocument"]["Statement"]
        assert trust["Principal"] == {"Service": "lambda.amazonaws.com"}


def test_only_where_clusters_are_found_may_they_be_subscribed(synthesise: Synthesise) -> None:
    """With names, the stack makes the filters, and the function looks but changes nothing."""
    named, found = (
        set(allowed(Resources.read(synthesise(clusters=clusters)), "HourlyRole"))
        for clusters in ("prod", "all")
    )

    assert found - named == {"SubscribeClusters"}
    assert named - found == set()


def test_a_sink_that_is_off_needs_no_permission(synthesise: Synthesise) -> None:
    """Without Security Hub no function may import findings, and the topic is the only sink."""
    resources = Resources.read(synthesise(clusters="prod", security_hub="false"))

    for role in ("StreamRole", "HourlyRole"):
        assert "ImportFindings" not in allowed(resources, role)
        assert "PublishFindings" in allowed(resources, role)
