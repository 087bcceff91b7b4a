"""From a cluster's audit log to the stream function."""

import pytest

from infra.clusters import MAX_CLUSTERS
from tests.infra.conftest import Synthesise
from tests.infra.template import Resources


@pytest.mark.parametrize("cluster", ["prod", "staging"])
def test_each_cluster_is_subscribed(resources: Resources, cluster: str) -> None:
    """The filter is on the cluster's own log group and passes audit events to the function."""
    subscription = resources.of("AWS::Logs::SubscriptionFilter")[f"AuditLog{cluster}Filter"]

    assert subscription == {
        "FilterName": "ekswatch",
        "FilterPattern": '"audit.k8s.io"',
        "LogGroupName": f"/aws/eks/{cluster}/cluster",
        "DestinationArn": "${StreamFunction.Arn}",
    }


@pytest.mark.parametrize("cluster", ["prod", "staging"])
def test_only_that_log_group_may_call_the_function(resources: Resources, cluster: str) -> None:
    """CloudWatch Logs may invoke it for this group of this account, and for no other."""
    permission = resources.of("AWS::Lambda::Permission")[f"AuditLog{cluster}Permission"]

    assert permission == {
        "Action": "lambda:InvokeFunction",
        "FunctionName": "${StreamFunction.Arn}",
        "Principal": "logs.amazonaws.com",
        "SourceAccount": "${AWS::AccountId}",
        "SourceArn": "arn:${AWS::Partition}:logs:${AWS::Region}:${AWS::AccountId}"
        f":log-group:/aws/eks/{cluster}/cluster:*",
    }


@pytest.mark.parametrize("cluster", ["prod", "staging"])
def test_events_flow_only_when_all_is_ready(resources: Resources, cluster: str) -> None:
    """The filter waits for its permission and for the retries: a refused delivery is lost."""
    subscriptions = resources.whole("AWS::Logs::SubscriptionFilter")
    awaited = {
        dependency.rstrip("0123456789ABCDEF")
        for dependency in subscriptions[f"AuditLog{cluster}Filter"]["DependsOn"]
    }

    assert {f"AuditLog{cluster}Permission", "StreamRetries"} <= awaited


def test_nothing_that_we_write_is_subscribed(resources: Resources) -> None:
    """No filter is on a log group of this stack: there is no way round in a circle."""
    own = {group["LogGroupName"] for group in resources.of("AWS::Logs::LogGroup").values()}
    read = {
        subscription["LogGroupName"]
        for subscription in resources.of("AWS::Logs::SubscriptionFilter").values()
    }

    assert own.isdisjoint(read)
    assert all(name.startswith("/ekswatch/") for name in own)
    assert all(name.startswith("/aws/eks/") for name in read)


def test_log_groups_of_clusters_are_not_ours(resources: Resources) -> None:
    """The stack neither creates nor changes what belongs to EKS and the customer."""
    groups = set(resources.of("AWS::Logs::LogGroup"))

    assert groups == {"Signals", "StreamLog", "HourlyLog"}


@pytest.mark.parametrize("kind", ["term", "narrow"])
def test_the_most_clusters_with_long_names_fit(synthesise: Synthesise, kind: str) -> None:
    """Lambda allows 20,480 bytes of function policy; its variables are measured at synthesis."""
    names = [f"{number:080}" for number in range(MAX_CLUSTERS)]
    assembly = synthesise(clusters=",".join(names), stack_name="s" * 64, filter=kind)

    statements = [
        permission
        for permission in Resources.read(assembly).of("AWS::Lambda::Permission").values()
        if permission["Principal"] == "logs.amazonaws.com"
    ]
    longer = 20  # names may have 100 characters, in shorter stacks
    around = 350  # statement ID, the function's full ARN and the names that IAM adds
    policy_bytes = sum(around + longer + len(one["SourceArn"]) for one in statements)

    assert len(statements) == MAX_CLUSTERS
    assert policy_bytes <= 20_480
