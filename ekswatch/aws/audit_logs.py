"""Audit logs: which clusters are watched, whether EKS logs them, and who has subscribed.

Each question alone, for an operator who may be allowed to ask one and not the other;
`ekswatch.aws.clusters` asks all of them at once, for the hourly function.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from shlex import quote
from typing import Any

from ekswatch.aws.clients import client
from ekswatch.aws.clusters import (
    SLOTS,
    Filter,
    Subscription,
    filters_on,
    listed,
    log_group,
    logs_audit,
)
from ekswatch.aws.settings import Settings


@dataclass(frozen=True, slots=True)
class Slots:
    """The subscription filters of a log group: those that deliver to us, and the others."""

    ours: Sequence[Filter]
    others: Sequence[Filter]

    @property
    def full(self) -> bool:
        """Whether a further filter needs a quota that is higher than everybody's."""
        return len(self.ours) + len(self.others) >= SLOTS

    @property
    def said(self) -> str:
        owners = ", ".join(f"{one.name} to {one.destination}" for one in self.others)
        used = f"{len(self.ours) + len(self.others)} of {SLOTS} slots used"
        return f"{used} ({owners})" if owners else used


def watched(told: Settings) -> tuple[str, ...]:
    """The clusters that the functions watch: those named, or those that the account has now.

    Raises: ClientError, BotoCoreError.
    """
    if told.discovery is None:
        return told.clusters
    names = sorted(listed(client("eks")))
    return tuple(name for name in names if told.discovery.takes(_described(name).get("tags", {})))


def audit_is_on(cluster: str) -> bool:
    """Raises: ClientError, with ResourceNotFoundException where there is no such cluster."""
    return logs_audit(_described(cluster))


def switch_on(cluster: str) -> str:
    """The command that lets EKS write the audit log of a cluster."""
    logging = '{"clusterLogging":[{"types":["audit"],"enabled":true}]}'
    return f"aws eks update-cluster-config --name {cluster} --logging '{logging}'"


def creating(cluster: str) -> str:
    """The command that makes the log group of a cluster, which EKS then writes to."""
    return f"aws logs create-log-group --log-group-name {log_group(cluster)}"


def slots(cluster: str, ours: Subscription | None = None) -> Slots:
    """The subscription filters on the log group of a cluster, none where there is no group.

    Raises: ClientError, BotoCoreError.
    """
    logs = client("logs")
    try:
        found = list(filters_on(log_group(cluster), logs))
    except logs.exceptions.ResourceNotFoundException:
        found = []
    delivering = [one for one in found if ours and ours.delivers(one)]
    return Slots(ours=delivering, others=[one for one in found if one not in delivering])


def subscribing(cluster: str, ours: Subscription) -> str:
    """The command that puts our filter on the log group of a cluster, or replaces its namesake."""
    return (
        f"aws logs put-subscription-filter --log-group-name {log_group(cluster)}"
        f" --filter-name {quote(ours.name)} --filter-pattern {quote(ours.pattern)}"
        f" --destination-arn {ours.function_arn}"
    )


def unsubscribing(cluster: str, name: str) -> str:
    """The command that takes a filter from the log group of a cluster."""
    remove = "aws logs delete-subscription-filter --log-group-name"
    return f"{remove} {log_group(cluster)} --filter-name {quote(name)}"


def _described(cluster: str) -> Mapping[str, Any]:
    found: Any = client("eks").describe_cluster(name=cluster)["cluster"]
    described: Mapping[str, Any] = found
    return described
