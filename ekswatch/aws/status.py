"""Status: how an installation does now, asked of its metrics, its table and its bucket.

A question that AWS does not answer is a trouble of its own and ends no other one.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any, TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from ekswatch.aws.answers import missing_right
from ekswatch.aws.archive import NotReadable
from ekswatch.aws.audit_logs import watched
from ekswatch.aws.clients import client
from ekswatch.aws.failed import Store
from ekswatch.aws.live_lists import LiveLists
from ekswatch.aws.mark import Mark
from ekswatch.aws.settings import Settings
from ekswatch.aws.stack import Stack
from ekswatch.correlate.window import CLOSES
from ekswatch.rules.ruleset import BadRuleset, Filter, Ruleset

NAMESPACE = "ekswatch"
PERIOD = timedelta(minutes=5)
DAY = timedelta(days=1)
QUERIES_PER_CALL = 500
"""Of GetMetricData."""

QUIET = timedelta(minutes=30)
"""A cluster's control plane always talks; without an event for this long, it is not heard."""
HOUR = timedelta(hours=1)
STALE = timedelta(hours=2) + CLOSES
"""How old the end of the last judged window may be: an hourly run was missed, and more."""
SOON_DAYS = 7

HEARD = ("EventsReceived", "Findings", "Notifications")
"""Metrics of a cluster whose newest value says when something happened last."""
BROKEN = ("RuleFailures", "StateErrors", "Failures")
"""Metrics that are 0 when all is well."""
SERVICES = ("stream", "hourly")
NOBODY = "none"
"""The cluster of what is counted for none."""

Key = tuple[str, str]
"""A cluster and a metric."""
Series = Mapping[Key, Sequence[tuple[datetime, float]]]
Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class Heard:
    """What came of a cluster within a day; None where nothing did. Times are to five minutes."""

    cluster: str
    last_event_at: datetime | None
    last_finding_at: datetime | None
    last_message_at: datetime | None
    events: int
    findings: int
    broken: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Ending:
    """A suppression that ends within a week, or is over: `days_left` is negative then."""

    name: str
    owner: str
    expires: str
    days_left: int


@dataclass(frozen=True, slots=True)
class List:
    """A list that is read at run time; `age_hours` is None where nobody knows."""

    name: str
    source: str
    age_hours: int | None
    stale_hours: int
    problem: str


@dataclass(slots=True)
class Status:
    """How an installation does. What was not answered is None, and a trouble says why."""

    stack: Stack
    at: datetime
    clusters: Sequence[Heard] | None = None
    lag: timedelta | None = None
    """How long an event waited for the stream function at most, within an hour."""
    judged_until: datetime | None = None
    late_since: datetime | None = None
    failed_events: int | None = None
    suppressions: Sequence[Ending] | None = None
    live_lists: Sequence[List] = ()
    troubles: list[str] = field(default_factory=list)


def status(stack: Stack, told: Settings, rules: Callable[[], Ruleset], *, at: datetime) -> Status:
    """Everything there is to say at a time; `rules` gives the rules whose suppressions count."""
    found = Status(stack, at)

    def ask(about: str, question: Callable[[], Answer]) -> Answer | None:
        try:
            return question()
        except (ClientError, BotoCoreError, NotReadable, BadRuleset) as error:
            right = missing_right(error)
            hint = "; see ekswatch doctor" if isinstance(error, ClientError) else ""
            why = f"you may not {right}" if right else f"{error}{hint}"
            found.troubles.append(f"{about}: not known: {why}")
            return None

    found.clusters = ask("events", lambda: heard(watched(told), at))
    found.lag = ask("lag", lambda: waited(stack.stream_function, at))
    progress = ask("window", Mark(client("dynamodb"), stack.state_table).read)
    if progress:
        found.judged_until, found.late_since = progress.judged_until, progress.late_since
        found.troubles += _of_the_window(found.judged_until, at)
    store = Store(client("s3"), stack.failed_events_bucket)
    found.failed_events = ask("failed events", store.count)
    found.suppressions = ask("suppressions", lambda: ending(rules().filters, at.date()))
    found.live_lists = _lists(told, at)
    found.troubles += _troubles(found)
    return found


def heard(clusters: Sequence[str], at: datetime) -> list[Heard]:
    """What came of each cluster in the day before a time, and of none of them.

    Raises: ClientError, BotoCoreError.
    """
    names = (*clusters, NOBODY)
    series = _series([(c, m) for c in names for m in (*HEARD, *BROKEN)], at)
    return [_heard(cluster, series, at) for cluster in names]


def _heard(cluster: str, series: Series, at: datetime) -> Heard:
    events, found, told = (series[cluster, metric] for metric in HEARD)
    return Heard(
        cluster=cluster,
        last_event_at=_last(events, at),
        last_finding_at=_last(found, at),
        last_message_at=_last(told, at),
        events=_sum(events),
        findings=_sum(found),
        broken={metric: _sum(series[cluster, metric]) for metric in BROKEN},
    )


def waited(function: str, at: datetime) -> timedelta | None:
    """How long Lambda kept an event for a function at most, in the hour before a time.

    Source: AWS Lambda developer guide, "Types of metrics for Lambda functions": AsyncEventAge.
    Raises: ClientError, BotoCoreError.
    """
    query = _metric("AWS/Lambda", "AsyncEventAge", {"FunctionName": function}, "Maximum")
    values = [value for _, _, value in _values([{"Id": "q0", **query}], at, HOUR)]
    return timedelta(milliseconds=max(values)) if values else None


def ending(filters: Sequence[Filter], today: date) -> list[Ending]:
    """The suppressions of the operator that end within a week or are over, soonest first."""
    found = [
        Ending(one.name, one.owner, one.expires, left)
        for one in filters
        if not one.default and one.expires
        for left in [(date.fromisoformat(one.expires) - today).days]
        if left <= SOON_DAYS
    ]
    return sorted(found, key=lambda one: (one.expires, one.name))


def _lists(told: Settings, at: datetime) -> list[List]:
    return [
        List(one.name, one.source, one.age_hours(at), told.live_list_hours, one.problem)
        for one in LiveLists(told.live_lists).current()
    ]


# --- metrics


def _series(keys: Sequence[Key], at: datetime) -> Series:
    """The values of metrics of a day that are not 0, newest first, of both functions together."""
    queries = [(key, service) for key in keys for service in SERVICES]
    found: dict[Key, list[tuple[datetime, float]]] = defaultdict(list)
    for start in range(0, len(queries), QUERIES_PER_CALL):
        part = queries[start : start + QUERIES_PER_CALL]
        for number, when, value in _values([_query(n, *q) for n, q in enumerate(part)], at, DAY):
            found[part[number][0]].append((when, value))
    return {key: sorted(found[key], reverse=True) for key in keys}


def _values(
    queries: Sequence[Any], at: datetime, span: timedelta
) -> Iterator[tuple[int, datetime, float]]:
    end = at - timedelta(seconds=at.timestamp() % PERIOD.total_seconds()) + PERIOD
    pages = (
        client("cloudwatch")
        .get_paginator("get_metric_data")
        .paginate(MetricDataQueries=queries, StartTime=end - span, EndTime=end)
    )
    for page in pages:
        for result in page["MetricDataResults"]:
            for when, value in zip(result["Timestamps"], result["Values"], strict=True):
                if value:
                    yield int(result["Id"].removeprefix("q")), when.astimezone(UTC), value


def _query(number: int, key: Key, service: str) -> dict[str, Any]:
    cluster, metric = key
    dimensions = {"cluster": cluster, "service": service}
    return {"Id": f"q{number}", **_metric(NAMESPACE, metric, dimensions, "Sum")}


def _metric(
    namespace: str, metric: str, dimensions: Mapping[str, str], stat: str
) -> dict[str, Any]:
    return {
        "MetricStat": {
            "Metric": {
                "Namespace": namespace,
                "MetricName": metric,
                "Dimensions": [{"Name": n, "Value": v} for n, v in dimensions.items()],
            },
            "Period": int(PERIOD.total_seconds()),
            "Stat": stat,
        },
    }


def _last(values: Sequence[tuple[datetime, float]], at: datetime) -> datetime | None:
    """The end of the newest period with a value: it happened then, or up to five minutes before."""
    return min(values[0][0] + PERIOD, at) if values else None


def _sum(values: Sequence[tuple[datetime, float]]) -> int:
    return int(sum(value for _, value in values))


# --- what is wrong


def _troubles(found: Status) -> Iterator[str]:
    for one in found.clusters or ():
        yield from _of_a_cluster(one, found)
    if found.lag is not None and found.lag > CLOSES:
        yield (
            f"lag: an event waited {minutes(found.lag)} minutes for the stream function,"
            f" {minutes(CLOSES)} are allowed: raise its reserved_concurrency or memory_mb"
        )
    if found.failed_events:
        replay = f"ekswatch replay --failed --stack {found.stack.name}"
        yield f"failed events: {found.failed_events} wait in the bucket: {replay}"
    for end in found.suppressions or ():
        yield f"suppression {end.name}: {_when(end.days_left)} ({end.expires}), ask {end.owner}"
    for each in found.live_lists:
        if each.problem:
            yield f"list {each.name}: not read: {each.problem}"
        elif each.age_hours is None or each.age_hours > each.stale_hours:
            yield f"list {each.name}: {each.age_hours} hours old, {each.stale_hours} are allowed"


def _when(days_left: int) -> str:
    """When a suppression ends or ended, by its last day."""
    if days_left == 0:
        return "ends today"
    days = f"{abs(days_left)} day{'s' if abs(days_left) > 1 else ''}"
    return f"ends in {days}" if days_left > 0 else f"ended {days} ago"


def _of_a_cluster(one: Heard, found: Status) -> Iterator[str]:
    if one.cluster != NOBODY and (
        one.last_event_at is None or found.at - one.last_event_at > QUIET
    ):
        since = f"since {one.last_event_at:%Y-%m-%d %H:%MZ}" if one.last_event_at else "for a day"
        usual = f"{minutes(QUIET)} minutes are usual"
        yield f"{one.cluster}: no event {since}, {usual}: ekswatch doctor"
    for metric, count in one.broken.items():
        if count:
            whose = "" if one.cluster == NOBODY else f"{one.cluster}: "
            logs = f"{found.stack.log_group('stream')} and hourly"
            yield f"{whose}{count} {metric} in a day: see the log groups {logs}"


def minutes(span: timedelta) -> int:
    """A time span in whole minutes."""
    return int(span.total_seconds() // 60)


def _of_the_window(judged_until: datetime | None, at: datetime) -> Iterator[str]:
    if judged_until is None:
        yield "window: no hourly run has finished yet"
    elif at - judged_until > STALE:
        yield (
            f"window: judged until {judged_until:%Y-%m-%d %H:%MZ} only; the next run that finishes"
            " judges what was missed, see the log of the hourly function"
        )
