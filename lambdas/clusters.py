"""The account's clusters as the view `cluster` has them, subscribed where that is allowed."""

from dataclasses import dataclass
from typing import Any

from ekswatch.aws.clients import client
from ekswatch.aws.clusters import SLOTS, Cluster, Subscription, log_group, look, subscribe
from ekswatch.aws.settings import Settings
from lambdas.telemetry import Counts, logger, report


@dataclass(frozen=True, slots=True)
class Standing:
    """A cluster that there is something to say about; `watched` ones have metrics of their own."""

    name: str
    watched: bool
    row: dict[str, Any]


def standings(settings: Settings, counts: Counts) -> list[Standing]:
    """How the clusters stand, in order of name, after those that are to be watched were subscribed.

    The names given at deployment make the others worth a word; a tag leaves them alone.
    What could not be looked at or subscribed is counted and logged, and never raises.
    """
    if not settings.stream_function_arn:
        return []  # nothing was deployed that a log could be delivered to
    found = look(settings.clusters, eks=client("eks"), logs=client("logs"))
    made = [_standing(cluster, settings, counts) for cluster in found]
    failing = [one for one in made if one.row["cluster.problem"]]
    counts.add("", ClusterErrors=len(failing))
    report(
        "cluster not seen to",
        [{"cluster": one.name, "why": one.row["cluster.problem"]} for one in failing],
    )
    return [one for one in made if one.watched or settings.clusters or one in failing]


def _standing(cluster: Cluster, settings: Settings, counts: Counts) -> Standing:
    watched = _is_watched(cluster, settings)
    if watched and settings.discovery and (cluster.is_live or cluster.status == "CREATING"):
        cluster = _subscribed(cluster, settings, counts)
    return Standing(cluster.name, watched, _row(cluster, settings, watched=watched))


def _is_watched(cluster: Cluster, settings: Settings) -> bool:
    if settings.discovery:
        return cluster.known and settings.discovery.takes(cluster.tags)
    return cluster.name in settings.clusters


def _subscribed(cluster: Cluster, settings: Settings, counts: Counts) -> Cluster:
    after = subscribe(cluster, Subscription.of(settings), logs=client("logs"))
    if after.filters != cluster.filters:
        logger.info("cluster subscribed", cluster=cluster.name)
        counts.add(cluster.name, ClustersSubscribed=1)
    return after


def _row(cluster: Cluster, settings: Settings, *, watched: bool) -> dict[str, Any]:
    ours = Subscription.of(settings)
    others = [found for found in cluster.filters if not ours.delivers(found)]
    newest = max(others, key=lambda found: found.created_ms, default=None)
    subscribed = len(others) < len(cluster.filters)
    about: dict[str, Any] = {
        "cluster.name": cluster.name or None,
        "cluster.known": cluster.known,
        "cluster.problem": cluster.problem or None,
    }
    if not cluster.known:
        return about
    return about | {
        "cluster.watched": watched,
        "cluster.live": cluster.is_live,
        "cluster.status": cluster.status or None,
        "cluster.audit_log": cluster.audit_log,
        "cluster.log_group": log_group(cluster.name),
        "cluster.log_class": cluster.log_class or None,
        "cluster.subscribed": subscribed,
        "cluster.others": tuple(found.name for found in others),
        "cluster.others_to": tuple(found.destination for found in others),
        "cluster.newest_other": newest.name if newest else None,
        "cluster.slots_full": not subscribed and (cluster.full or len(others) >= SLOTS),
        "cluster.filter": ours.name,
        "cluster.pattern": ours.pattern,
        "cluster.function": ours.function_arn,
        "cluster.deploy": _deploy(cluster.name, settings.clusters) or None,
    }


def _deploy(cluster: str, named: tuple[str, ...]) -> str:
    """The named clusters with this one, or without it if it is one of them."""
    others = tuple(name for name in named if name != cluster)
    return ",".join(others if cluster in named else (*named, cluster) if named else ())
