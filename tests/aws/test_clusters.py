"""Clusters: how they stand, and our filter on their log groups and nothing else."""

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from botocore.session import Session

from ekswatch.aws.clusters import Cluster, Filter, Subscription, look, subscribe
from tests.aws.clusters import (
    filters_of,
    give_class,
    make_cluster,
    make_filter,
    make_function,
)

PATTERN = '"audit.k8s.io"'
FUNCTION = "ekswatch-StreamFunction0E605769-aBcD"


@pytest.fixture
def ours(session: Session) -> Subscription:
    """What a stack named `ekswatch` subscribes with."""
    return Subscription("ekswatch", PATTERN, make_function(session, FUNCTION))


def seen(session: Session, *named: str) -> dict[str, Cluster]:
    eks, logs = session.create_client("eks"), session.create_client("logs")
    return {one.name: one for one in look(named, eks=eks, logs=logs)}


def refuse(session: Session, operation: str, code: str, on: Callable[[Any], bool]) -> list[Any]:
    """Refuse an operation with an error code; the calls that were made, refused or not."""
    made = []

    def answer(params: Any, **_: Any) -> None:
        made.append(params)
        if on(params):
            raise ClientError({"Error": {"Code": code, "Message": "no"}}, operation)

    session.register(f"provide-client-params.*.{operation}", answer)
    return made


def subscribed(session: Session, cluster: str, ours: Subscription) -> Cluster:
    logs = session.create_client("logs")
    return subscribe(seen(session)[cluster], ours, logs=logs)


def test_a_cluster_is_seen_whole(session: Session, ours: Subscription) -> None:
    """State, tags, logging, log group and filters."""
    make_cluster(session, "prod", tags={"env": "prod"})
    make_filter(session, "prod", "ekswatch", ours.function_arn)

    (cluster,) = seen(session).values()

    (found,) = cluster.filters
    assert (found.name, found.destination) == ("ekswatch", ours.function_arn)
    assert cluster == Cluster(
        "prod",
        status="ACTIVE",
        tags={"env": "prod"},
        audit_log=True,
        log_class="STANDARD",
        filters=(found,),
    )
    assert cluster.is_live


@pytest.mark.parametrize("logged", [(), ("api",)])
def test_audit_logging_is_a_type_of_its_own(session: Session, logged: tuple[str, ...]) -> None:
    """Other types say nothing of it, nor does its name among those that are off."""
    make_cluster(session, "prod", logged=logged)

    assert not seen(session)["prod"].audit_log


def test_the_class_is_that_of_the_clusters_own_group(session: Session) -> None:
    """A group whose name goes on after it is another one."""
    make_cluster(session, "prod", group=False)
    make_cluster(session, "test")
    session.create_client("logs").create_log_group(logGroupName="/aws/eks/prod/cluster-copy")
    give_class(session, "test", "INFREQUENT_ACCESS")

    clusters = seen(session)

    assert clusters["prod"].log_class == ""
    assert clusters["prod"].filters == ()
    assert clusters["test"].log_class == "INFREQUENT_ACCESS"


def test_every_page_of_the_list_is_read(session: Session) -> None:
    """EKS gives a hundred at a time; here it gives two."""
    for name in ("a", "b", "c"):
        make_cluster(session, name, group=False)
    session.register(
        "provide-client-params.eks.ListClusters", lambda params, **_: {**params, "maxResults": 2}
    )

    assert list(seen(session)) == ["a", "b", "c"]


def test_a_named_cluster_that_is_gone_is_told(session: Session) -> None:
    """It has no state; others that go between two questions are just not there."""
    make_cluster(session, "prod")
    make_cluster(session, "short-lived")
    gone = {"name": "short-lived"}
    refuse(session, "DescribeCluster", "ResourceNotFoundException", lambda p: p == gone)

    clusters = seen(session, "prod", "old")

    assert list(clusters) == ["old", "prod"]
    assert clusters["old"] == Cluster("old")
    assert not clusters["old"].is_live


@pytest.mark.parametrize(
    ("operation", "of"),
    [
        ("DescribeCluster", {"name": "test"}),
        ("DescribeLogGroups", {"logGroupNamePrefix": "/aws/eks/test/cluster"}),
        ("DescribeSubscriptionFilters", {"logGroupName": "/aws/eks/test/cluster"}),
    ],
)
def test_what_is_refused_for_one_cluster_costs_that_one(
    session: Session, operation: str, of: dict[str, str]
) -> None:
    """The others are seen as ever, and the words of AWS are kept."""
    make_cluster(session, "prod")
    make_cluster(session, "test")
    refuse(session, operation, "AccessDeniedException", lambda p: of.items() <= p.items())

    clusters = seen(session)

    assert clusters["prod"].audit_log
    assert not clusters["test"].known
    assert "AccessDeniedException" in clusters["test"].problem
    assert operation in clusters["test"].problem


def test_without_the_list_the_named_ones_are_seen(session: Session) -> None:
    """And a nameless one says that the list is missing."""
    make_cluster(session, "prod")
    make_cluster(session, "test")
    refuse(session, "ListClusters", "AccessDeniedException", lambda _: True)

    clusters = seen(session, "prod")

    assert list(clusters) == ["", "prod"]
    assert not clusters[""].known
    assert "ListClusters" in clusters[""].problem
    assert clusters["prod"].audit_log


def test_a_service_out_of_reach_is_a_refusal(session: Session) -> None:
    """As in a VPC without an endpoint for EKS."""

    def unreachable(**_: Any) -> None:
        raise EndpointConnectionError(endpoint_url="https://eks")

    session.register("provide-client-params.eks.ListClusters", unreachable)

    assert "EndpointConnectionError" in seen(session)[""].problem


def test_a_new_cluster_is_subscribed_once(session: Session, ours: Subscription) -> None:
    """Another run finds the filter and calls nothing."""
    make_cluster(session, "prod")
    made = refuse(session, "PutSubscriptionFilter", "none", lambda _: False)

    after = subscribed(session, "prod", ours)
    again = subscribed(session, "prod", ours)

    assert filters_of(session, "prod") == {"ekswatch": (PATTERN, ours.function_arn)}
    assert after.filters == (ours.filter,)
    assert again.filters == seen(session)["prod"].filters
    assert len(made) == 1


def test_others_keep_their_filter(session: Session, ours: Subscription) -> None:
    """Ours goes beside it."""
    make_cluster(session, "prod")
    make_filter(session, "prod", "splunk")
    before = filters_of(session, "prod")

    subscribed(session, "prod", ours)

    assert filters_of(session, "prod") == before | {"ekswatch": (PATTERN, ours.function_arn)}


@pytest.mark.parametrize("destination", [FUNCTION, "ekswatch-StreamFunction0E605769-OlDeR"])
def test_a_filter_of_ours_is_brought_up_to_date(
    session: Session, ours: Subscription, destination: str
) -> None:
    """Its pattern changed, or a stack of this name was destroyed and made again."""
    arn = ours.function_arn if destination == FUNCTION else make_function(session, destination)
    make_cluster(session, "prod")
    make_filter(session, "prod", "ekswatch", arn)

    after = subscribed(session, "prod", ours)

    assert filters_of(session, "prod") == {"ekswatch": (PATTERN, ours.function_arn)}
    assert after.filters == (ours.filter,)


@pytest.mark.parametrize("function", ["other", "ekswatch-HourlyFunction0E605769-aBcD"])
def test_a_filter_of_our_name_that_is_not_ours_stays(
    session: Session, ours: Subscription, function: str
) -> None:
    """It calls something else; somebody has to look."""
    make_cluster(session, "prod")
    make_filter(session, "prod", "ekswatch", make_function(session, function))
    before = filters_of(session, "prod")

    after = subscribed(session, "prod", ours)

    assert filters_of(session, "prod") == before
    assert f"function:{function}, and is not ours" in after.problem


def test_a_filter_of_another_name_serves_as_well(session: Session, ours: Subscription) -> None:
    """What somebody put there by hand is not doubled: each event would come twice."""
    make_cluster(session, "prod")
    make_filter(session, "prod", "by-hand", ours.function_arn)

    assert subscribed(session, "prod", ours).problem == ""
    assert list(filters_of(session, "prod")) == ["by-hand"]


def test_a_log_group_that_is_full_stays_as_it_is(session: Session, ours: Subscription) -> None:
    """CloudWatch Logs says so, not we."""
    make_cluster(session, "prod")
    make_filter(session, "prod", "splunk")
    make_filter(session, "prod", "siem")

    after = subscribed(session, "prod", ours)

    assert after.full
    assert "LimitExceededException" in after.problem
    assert set(filters_of(session, "prod")) == {"splunk", "siem"}


def test_a_cluster_without_log_group_waits(session: Session, ours: Subscription) -> None:
    """EKS makes the group with the first event."""
    make_cluster(session, "prod", group=False)

    assert subscribed(session, "prod", ours) == seen(session)["prod"]


def test_a_refused_filter_is_a_problem(session: Session, ours: Subscription) -> None:
    """As with a class that takes none; the cluster stays as it was seen."""
    make_cluster(session, "prod")
    refuse(session, "PutSubscriptionFilter", "InvalidOperationException", lambda _: True)

    after = subscribed(session, "prod", ours)

    assert "InvalidOperationException" in after.problem
    assert (after.filters, after.full, after.known) == ((), False, True)


def test_only_what_arrives_here_is_delivered() -> None:
    """By the function that a filter calls, whatever its name."""
    ours = Subscription("ekswatch", PATTERN, "arn:aws:lambda:eu-central-1:1:function:stream-1")

    assert ours.delivers(Filter("x", "", ours.function_arn))
    assert not ours.delivers(Filter("ekswatch", PATTERN, ours.function_arn + "2"))
