"""Clusters that come and go, in an account: each way not to be watched is a finding, once a day."""

import os
import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from botocore.session import Session
from msgspec.structs import replace

from ekswatch.aws import clients
from ekswatch.local import Account, account
from ekswatch.rules.compiler.compile import compile_ruleset
from ekswatch.rules.ruleset import Ruleset
from tests.aws.clusters import (
    filters_of,
    give_class,
    make_cluster,
    make_filter,
    make_function,
)
from tests.local.examples import RULESET, RUN_FOR_AT, reads

DETECTIONS = Path(__file__).parents[2] / "detections" / "defense-impairment"
PATTERN = '{ $.stage = "ResponseComplete" }'
ON = '{"clusterLogging":[{"types":["audit"],"enabled":true}]}'
DAY = timedelta(days=1)


@pytest.fixture(scope="module")
def ruleset(tmp_path_factory: pytest.TempPathFactory) -> Ruleset:
    """The detections on clusters, as they ship, beside some on events."""
    folder = tmp_path_factory.mktemp("detections") / "defense-impairment"
    folder.mkdir()
    for file in DETECTIONS.glob("cluster-*.yml"):
        shutil.copy(file, folder)
    shipped = compile_ruleset(folder.parent)
    return replace(
        RULESET,
        detections=(*RULESET.detections, *shipped.detections),
        rules=(*RULESET.rules, *shipped.rules),
    ).sealed()


@pytest.fixture
def aws(ruleset: Ruleset) -> Iterator[Account]:
    """The stack deployed for the cluster `prod`, which EKS has, logs and delivers."""
    with account(ruleset, clusters=("prod",)) as opened:
        function = make_function(session(), "ekswatch-Stream-1")
        for name, value in (
            ("STREAM_FUNCTION_ARN", function),
            ("FILTER_NAME", "ekswatch"),
            ("FILTER_PATTERN", PATTERN),
        ):
            os.environ[f"EKSWATCH_{name}"] = value  # the account puts all of it back
        make_cluster(session(), "prod", group=False)
        make_filter(session(), "prod", "ekswatch", function)
        yield opened


def session() -> Session:
    return clients.session()


def deploy_for(clusters: str) -> None:
    os.environ["EKSWATCH_CLUSTERS"] = clusters


def unsubscribe(cluster: str, name: str = "ekswatch") -> None:
    session().create_client("logs").delete_subscription_filter(
        logGroupName=f"/aws/eks/{cluster}/cluster", filterName=name
    )


def told(aws: Account) -> dict[str, tuple[str, str]]:
    """Cluster and severity of the messages, by detection."""
    return {
        m.finding["detection"]: (m.finding["cluster"], m.finding["severity"])
        for m in aws.messages()
    }


def commands(aws: Account) -> list[str]:
    """What the one message says to do."""
    (message,) = aws.messages()
    return list(message.finding["commands"])


def test_a_cluster_that_is_watched_is_nothing_to_tell(aws: Account) -> None:
    """It logs, and its log arrives."""
    aws.fire_hourly(RUN_FOR_AT)

    assert aws.findings() == []
    assert aws.metric("ClusterErrors", cluster="none") == 0


def test_an_audit_log_that_is_off(aws: Account) -> None:
    """Told once a day, with the command that switches it on."""
    eks = session().create_client("eks")
    eks.update_cluster_config(
        name="prod", logging={"clusterLogging": [{"types": ["audit"], "enabled": False}]}
    )

    aws.fire_hourly(RUN_FOR_AT)
    aws.fire_hourly(RUN_FOR_AT + timedelta(hours=1))

    assert told(aws) == {"cluster-audit-log-off": ("prod", "MEDIUM")}
    assert commands(aws)[0] == (
        f"aws eks update-cluster-config --region eu-central-1 --name prod --logging '{ON}'"
    )
    aws.fire_hourly(RUN_FOR_AT + DAY)
    assert len(aws.messages()) == 2


def test_a_filter_that_was_deleted(aws: Account) -> None:
    """The command puts it back as the deployment had it; the function may not."""
    unsubscribe("prod")

    aws.fire_hourly(RUN_FOR_AT)

    assert told(aws) == {"cluster-not-subscribed": ("prod", "HIGH")}
    assert commands(aws)[0] == (
        "aws logs put-subscription-filter --region eu-central-1 --log-group-name"
        f" /aws/eks/prod/cluster --filter-name ekswatch --filter-pattern '{PATTERN}'"
        " --destination-arn"
        " arn:aws:lambda:eu-central-1:111122223333:function:ekswatch-Stream-1"
    )
    assert filters_of(session(), "prod") == {}


def test_one_other_filter_leaves_room(aws: Account) -> None:
    """Ours is missing, and nobody is in its way."""
    unsubscribe("prod")
    make_filter(session(), "prod", "splunk")

    aws.fire_hourly(RUN_FOR_AT)

    assert set(told(aws)) == {"cluster-not-subscribed"}


def test_slots_that_others_occupy(aws: Account) -> None:
    """Their names and where they deliver to are told, and the command that frees one."""
    unsubscribe("prod")
    make_filter(session(), "prod", "splunk")
    make_filter(session(), "prod", "siem")

    aws.fire_hourly(RUN_FOR_AT)

    assert told(aws) == {"cluster-subscription-slots-occupied": ("prod", "MEDIUM")}
    (message,) = aws.messages()
    for owner in ("splunk", "siem"):
        assert f"arn:aws:lambda:eu-central-1:111122223333:function:{owner}" in message.text
    assert commands(aws)[1] in {
        "aws logs delete-subscription-filter --region eu-central-1 --log-group-name"
        f" /aws/eks/prod/cluster --filter-name {name}"
        for name in ("splunk", "siem")
    }


def test_a_class_that_cannot_be_subscribed(aws: Account) -> None:
    """Only a new group mends it."""
    unsubscribe("prod")
    give_class(session(), "prod", "INFREQUENT_ACCESS")

    aws.fire_hourly(RUN_FOR_AT)

    assert told(aws) == {"cluster-log-class-unsupported": ("prod", "MEDIUM")}
    assert "INFREQUENT_ACCESS" in aws.messages()[0].text
    assert commands(aws)[1] == (
        "aws logs create-log-group --region eu-central-1 --log-group-name /aws/eks/prod/cluster"
        " --log-group-class STANDARD"
    )


def test_a_cluster_that_nobody_named(aws: Account) -> None:
    """A word about it, and the deployment that watches it beside the others."""
    make_cluster(session(), "new", logged=())

    aws.fire_hourly(RUN_FOR_AT)

    assert told(aws) == {"cluster-not-watched": ("new", "LOW")}
    assert commands(aws)[0] == "npx cdk deploy -c stack_name=ekswatch -c clusters=prod,new"
    assert filters_of(session(), "new") == {}
    assert not any("_aws" in line and line["cluster"] == "new" for line in aws.logged())


def test_a_cluster_that_is_gone(aws: Account) -> None:
    """A word a week, and the deployment without it."""
    deploy_for("prod,old")

    aws.fire_hourly(RUN_FOR_AT)
    aws.fire_hourly(RUN_FOR_AT + DAY)

    assert told(aws) == {"cluster-gone": ("old", "INFORMATIONAL")}
    assert commands(aws)[0] == "npx cdk deploy -c stack_name=ekswatch -c clusters=prod"


@pytest.mark.parametrize("clusters", ["all", "tag:env=prod"])
def test_new_clusters_are_subscribed(aws: Account, clusters: str) -> None:
    """Where that is allowed, within the hour, once, and without a finding."""
    deploy_for(clusters)
    make_cluster(session(), "new", tags={"env": "prod"})

    aws.fire_hourly(RUN_FOR_AT)
    aws.fire_hourly(RUN_FOR_AT + timedelta(hours=1))

    assert filters_of(session(), "new") == {
        "ekswatch": (PATTERN, os.environ["EKSWATCH_STREAM_FUNCTION_ARN"])
    }
    assert aws.findings() == []
    assert aws.metric("ClustersSubscribed", cluster="new") == 1
    assert [x["cluster"] for x in aws.logged() if x.get("message") == "cluster subscribed"].count(
        "new"
    ) == 1


def test_a_tag_leaves_the_others_alone(aws: Account) -> None:
    """They are neither subscribed nor told of."""
    deploy_for("tag:env=prod")
    make_cluster(session(), "test", tags={"env": "test"}, logged=())
    make_cluster(session(), "plain")

    aws.fire_hourly(RUN_FOR_AT)

    assert aws.findings() == []
    assert filters_of(session(), "test") == filters_of(session(), "plain") == {}


def test_a_refused_subscription_is_told(aws: Account) -> None:
    """With what AWS said."""
    deploy_for("all")
    make_cluster(session(), "new")
    aws.fail("logs", "PutSubscriptionFilter", "AccessDeniedException")

    aws.fire_hourly(RUN_FOR_AT)

    assert told(aws)["cluster-not-subscribed"] == ("new", "HIGH")
    assert "AccessDeniedException" in json_of(aws, "new")
    assert aws.metric("ClusterErrors", cluster="none") >= 1


def json_of(aws: Account, cluster: str) -> str:
    return str([m.finding for m in aws.messages() if m.finding["cluster"] == cluster])


def test_what_aws_refuses_costs_one_cluster_and_nothing_of_the_hour(aws: Account) -> None:
    """The run finishes, its windows are judged, and the cluster that is not known is told."""
    unsubscribe("prod")  # moto would deliver a second time
    aws.put_audit_log("prod", reads(5))
    aws.fail("eks", "DescribeCluster", "AccessDeniedException")

    aws.fire_hourly(RUN_FOR_AT)

    assert told(aws) == {
        "secrets-read-often": ("prod", "HIGH"),
        "cluster-state-unknown": ("prod", "LOW"),
    }
    assert aws.failed == []
    assert aws.metric("WindowsJudged", cluster="none") == 1
    assert aws.metric("ClusterErrors", cluster="none") == 1
    (entry,) = [x for x in aws.logged() if x.get("message") == "cluster not seen to"]
    assert (entry["cluster"], "AccessDenied" in entry["why"]) == ("prod", True)


@pytest.mark.parametrize("clusters", ["all", "prod"])
def test_without_the_list_somebody_is_told(aws: Account, clusters: str) -> None:
    """Which clusters there are, nobody knows; the named ones are seen all the same."""
    deploy_for(clusters)
    aws.fail("eks", "ListClusters", "AccessDeniedException")

    aws.fire_hourly(RUN_FOR_AT)

    assert told(aws) == {"cluster-state-unknown": ("unknown", "LOW")}
    assert ("eks", "DescribeCluster") in aws.strict.calls or clusters == "all"


def test_a_cluster_in_the_making_waits(aws: Account) -> None:
    """It has no log group yet, or an empty one; it is told of when it runs."""
    make_cluster(session(), "new", logged=(), group=False)

    def creating(parsed: dict[str, dict[str, str]], **_: object) -> None:
        if parsed["cluster"]["name"] == "new":
            parsed["cluster"]["status"] = "CREATING"

    session().register("after-call.eks.DescribeCluster", creating)
    deploy_for("prod,new")

    aws.fire_hourly(RUN_FOR_AT)

    assert aws.findings() == []


def test_nothing_is_asked_where_nothing_is_deployed(
    aws: Account,
) -> None:
    """As in the demo, whose account has no function to deliver to."""
    del os.environ["EKSWATCH_STREAM_FUNCTION_ARN"]

    before = len(aws.strict.calls)

    aws.fire_hourly(RUN_FOR_AT)

    assert not any(service == "eks" for service, _ in aws.strict.calls[before:])
