"""What the functions say about themselves: log lines and metrics, never an event's body."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.metrics import EphemeralMetrics

from ekswatch.findings.finding import Finding

NAMESPACE = "ekswatch"
METRICS = (
    ("EventsReceived", "audit records that came in, readable or not"),
    ("EventsUnreadable", "records that could not be read at all"),
    ("EventsPartial", "records of which only a part could be read"),
    ("EventsSkipped", "records of other control-plane logs"),
    ("PayloadsRefused", "payloads of log groups that are not a cluster's"),
    ("Matches", "detections that held, expected or not"),
    ("MatchesKnown", "matches of what a cluster does all the time, by its baseline"),
    ("MatchesLearning", "matches of what a baseline is still learning"),
    ("MatchesNew", "matches of what a baseline had not seen before"),
    ("Suppressed", "matches that a filter says are expected"),
    ("Findings", "findings made"),
    ("Signals", "signals written (stream) or read (hourly)"),
    ("SignalsUnreadable", "lines of the signals log group that could not be read"),
    ("WindowsJudged", "hourly runs that judged every cluster"),
    ("LiveListErrors", "lists that could not be read again, so that older values stay"),
    ("ClusterErrors", "clusters that could not be looked at, or not be subscribed"),
    ("ClustersSubscribed", "subscription filters put on the logs of new clusters"),
    ("RuleFailures", "evaluations of a detection that raised"),
    ("Notifications", "findings that were due for a message"),
    ("StateErrors", "findings and novel matches for which the table did not answer"),
    ("Failures", "invocations that raised"),
)
"""Every count. Dimensions: `cluster`, and `service` where Powertools is told one."""
MEASURES = (("FailedEventsKept", "failed events that wait for replay, up to 1,000"),)
"""What is measured rather than counted: written when it is known, and never 0 for want of it."""
LINES_PER_PROBLEM = 20
"""Log lines for one kind of problem in one batch; the metric has the whole count."""

logger = Logger()


class Counts:
    """Counts of one invocation, all starting at zero, per cluster.

    `cluster` is the one that a failure counts for.
    """

    def __init__(self, cluster: str = "") -> None:
        self.cluster = cluster
        self._counts: dict[str, dict[str, int]] = {}

    def add(self, cluster: str, **counts: int) -> None:
        """Add to the counts of a cluster; a name that `METRICS` lacks is a KeyError."""
        mine = self._counts.setdefault(cluster, {name: 0 for name, _ in METRICS})
        for name, count in counts.items():
            mine[name] += count

    def of(self, cluster: str) -> dict[str, int]:
        return self._counts[cluster]

    def totals(self) -> dict[str, int]:
        """The sums over all clusters, without those that are 0."""
        names = (name for name, _ in METRICS)
        sums = {name: sum(mine[name] for mine in self._counts.values()) for name in names}
        return {name: count for name, count in sums.items() if count}

    def __iter__(self) -> Iterator[tuple[str, dict[str, int]]]:
        return iter(self._counts.items())


def flush(counts: Counts) -> None:
    """Print the counts in the embedded metric format, which CloudWatch turns into metrics."""
    for cluster, mine in counts:
        _print(cluster, mine)


def measure(name: str, value: int) -> None:
    """Print one of `MEASURES`, which belongs to no cluster."""
    _print("", {name: value})


def _print(cluster: str, values: Mapping[str, int]) -> None:
    metrics = EphemeralMetrics(namespace=NAMESPACE)
    metrics.add_dimension("cluster", cluster or "none")
    for name, value in values.items():
        metrics.add_metric(name, "Count", value)
    metrics.flush_metrics()


@contextmanager
def counted(cluster: str = "") -> Iterator[Counts]:
    """Counts that are printed at the end, also when the invocation raises."""
    counts = Counts(cluster)
    try:
        yield counts
    except Exception as error:
        counts.add(counts.cluster, Failures=1)
        logger.error("invocation failed", error=f"{type(error).__name__}: {error}")
        raise
    finally:
        flush(counts)


def report(problem: str, details: Sequence[dict[str, Any]]) -> None:
    """One log line per problem, up to a bound, and one that says how many are left out."""
    for detail in details[:LINES_PER_PROBLEM]:
        logger.warning(problem, **detail)
    if len(details) > LINES_PER_PROBLEM:
        logger.warning(problem, left_out=len(details) - LINES_PER_PROBLEM)


def heeded(found: Sequence[Finding], log_only: Sequence[str]) -> list[Finding]:
    """The findings to deliver; those of detections that are only to be logged are logged."""
    for finding in found:
        if finding.detection.slug in log_only:
            logger.info(
                "finding logged only",
                finding=finding.id,
                detection=finding.detection.slug,
                severity=finding.severity.name,
                cluster=finding.scope.cluster,
                said=finding.message,
            )
    return [finding for finding in found if finding.detection.slug not in log_only]
