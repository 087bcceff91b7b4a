"""Clusters: the account's EKS clusters as they stand, and how they are subscribed.

What AWS refuses about one cluster costs that cluster alone: its `problem` says what. Nothing is
ever taken from a log group, and only a filter of ours is put on one.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from ekswatch.aws.answers import code
from ekswatch.aws.settings import Settings

if TYPE_CHECKING:
    from mypy_boto3_eks import EKSClient
    from mypy_boto3_logs import CloudWatchLogsClient

REFUSALS = (ClientError, BotoCoreError)

SLOTS = 2
"""Subscription filters that every log group has room for. Some accounts have room for more, up to
five; there a log group is full when CloudWatch Logs says so.
Sources: CloudWatch Logs API reference, PutSubscriptionFilter; user guide, "CloudWatch Logs quotas".
"""

LIVE = ("ACTIVE", "UPDATING")
STANDARD = "STANDARD"
"""The class of log group that CloudWatch Logs means where it names none."""


@dataclass(frozen=True, slots=True)
class Filter:
    """A subscription filter; `created_ms` since the epoch."""

    name: str
    pattern: str
    destination: str
    created_ms: int = 0


@dataclass(frozen=True, slots=True)
class Subscription:
    """The filter that belongs on each log group; `name` is that of the stack."""

    name: str
    pattern: str
    function_arn: str

    @classmethod
    def of(cls, told: Settings) -> "Subscription":
        """What the hourly function was told."""
        return cls(told.filter_name, told.filter_pattern, told.stream_function_arn)

    @property
    def filter(self) -> Filter:
        return Filter(self.name, self.pattern, self.function_arn)

    def delivers(self, found: Filter) -> bool:
        """Whether what passes a filter arrives here, whoever made it."""
        return found.destination == self.function_arn

    def may_replace(self, found: Filter) -> bool:
        """Whether a filter of our name is ours: it calls this function, or the one that a stack
        of this name had before it was destroyed. CloudFormation ends names in a random part."""
        return found.destination.rpartition("-")[0] == self.function_arn.rpartition("-")[0]


@dataclass(frozen=True, slots=True)
class Cluster:
    """How a cluster stands.

    Shape: `known` is false where AWS refused to say, and then only the name holds. `status` is
    empty for one that EKS does not have, `log_class` where there is no log group. `full` is true
    where CloudWatch Logs refused another filter.
    """

    name: str
    known: bool = True
    status: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    audit_log: bool = False
    log_class: str = ""
    filters: tuple[Filter, ...] = ()
    full: bool = False
    problem: str = ""

    @property
    def is_live(self) -> bool:
        """Whether it runs: one that is being made has no log yet, and one that goes needs none."""
        return self.status in LIVE


def log_group(cluster: str) -> str:
    """The log group that EKS writes a cluster's control-plane logs to."""
    return f"/aws/eks/{cluster}/cluster"


def look(
    named: Collection[str], *, eks: "EKSClient", logs: "CloudWatchLogsClient"
) -> tuple[Cluster, ...]:
    """The account's clusters and the named ones, in order of name.

    Where AWS does not list them, one without a name says why, beside the named ones.
    """
    try:
        found = list(listed(eks))
    except REFUSALS as refusal:
        unknown = Cluster("", known=False, problem=_words(refusal))
        return (unknown, *_inspected(sorted(named), named, eks, logs))
    return tuple(_inspected(sorted({*named, *found}), named, eks, logs))


def subscribe(
    cluster: Cluster, subscription: Subscription, *, logs: "CloudWatchLogsClient"
) -> Cluster:
    """Put our filter on the log group of a cluster, if it has one and lacks the filter.

    Returns: the cluster as it is then, with the problem where CloudWatch Logs refused.
    """
    wanted = subscription.filter
    same = next((found for found in cluster.filters if found.name == wanted.name), None)
    if not cluster.log_class or _is_served(cluster, subscription):
        return cluster
    if same and not subscription.may_replace(same):
        problem = f"the filter {same.name} on it delivers to {same.destination}, and is not ours"
        return replace(cluster, problem=problem)
    try:
        logs.put_subscription_filter(
            logGroupName=log_group(cluster.name),
            filterName=wanted.name,
            filterPattern=wanted.pattern,
            destinationArn=wanted.destination,
        )
    except REFUSALS as refusal:
        full = isinstance(refusal, ClientError) and code(refusal) == "LimitExceededException"
        return replace(cluster, full=full, problem=_words(refusal))
    kept = tuple(found for found in cluster.filters if found is not same)
    return replace(cluster, filters=(*kept, wanted))


def _is_served(cluster: Cluster, subscription: Subscription) -> bool:
    """Whether its log arrives here, by a filter of ours as it is now or by one of another name."""
    return any(
        subscription.delivers(found)
        and (found.name != subscription.name or found.pattern == subscription.pattern)
        for found in cluster.filters
    )


def listed(eks: "EKSClient") -> Iterator[str]:
    """The names of the account's clusters. Raises: ClientError, BotoCoreError."""
    for page in eks.get_paginator("list_clusters").paginate():
        yield from page["clusters"]


def _inspected(
    names: Collection[str],
    named: Collection[str],
    eks: "EKSClient",
    logs: "CloudWatchLogsClient",
) -> Iterator[Cluster]:
    for name in names:
        try:
            cluster = _inspect(name, eks, logs)
        except REFUSALS as refusal:
            cluster = Cluster(name, known=False, problem=_words(refusal))
        if cluster.status or not cluster.known or name in named:  # else it has gone just now
            yield cluster


def _inspect(name: str, eks: "EKSClient", logs: "CloudWatchLogsClient") -> Cluster:
    """Raises: ClientError, BotoCoreError."""
    try:
        found = eks.describe_cluster(name=name)["cluster"]
    except ClientError as refusal:
        if code(refusal) == "ResourceNotFoundException":
            return Cluster(name)
        raise
    group = described_group(log_group(name), logs)
    log_class = group.get("logGroupClass", STANDARD) if group else ""
    return Cluster(
        name,
        status=found.get("status", ""),
        tags=found.get("tags", {}),
        audit_log=logs_audit(found),
        log_class=log_class,
        filters=tuple(filters_on(log_group(name), logs)) if log_class else (),
    )


def logs_audit(described: Mapping[str, Any]) -> bool:
    """Whether EKS writes the audit log of a cluster that DescribeCluster has like this."""
    return any(
        setup.get("enabled") and "audit" in setup.get("types", ())
        for setup in described.get("logging", {}).get("clusterLogging", ())
    )


def described_group(name: str, logs: "CloudWatchLogsClient") -> Mapping[str, Any] | None:
    """A log group as DescribeLogGroups has it, None where there is none of this name.

    Raises: ClientError, BotoCoreError.
    """
    pages = logs.get_paginator("describe_log_groups").paginate(logGroupNamePrefix=name)
    found = (group for page in pages for group in page["logGroups"])
    return next((dict(group) for group in found if group.get("logGroupName") == name), None)


def filters_on(group: str, logs: "CloudWatchLogsClient") -> Iterator[Filter]:
    """The subscription filters of a log group. Raises: ClientError, BotoCoreError."""
    for page in logs.get_paginator("describe_subscription_filters").paginate(logGroupName=group):
        for one in page["subscriptionFilters"]:
            yield Filter(
                one.get("filterName", ""),
                one.get("filterPattern", ""),
                one.get("destinationArn", ""),
                one.get("creationTime", 0),
            )


def _words(refusal: Exception) -> str:
    return f"{type(refusal).__name__}: {refusal}"
