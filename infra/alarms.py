"""Alarms: what goes wrong on the way from a cluster to a finding, and what to do about it first.

Every description says so, because it is all that whoever is woken up gets to read.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from aws_cdk import Duration, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sns as sns
from constructs import Construct

PERIOD = Duration.minutes(5)
HOUR = Duration.hours(1)

AT_LEAST = cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD
LESS_THAN = cloudwatch.ComparisonOperator.LESS_THAN_THRESHOLD
Missing = cloudwatch.TreatMissingData


@dataclass(frozen=True, slots=True)
class Alert:
    """When a metric raises its alarm, and what the alarm says.

    `text` has {placeholders}. The alarm is raised when every one of the last `periods` compares
    with 1 as `compared`; a period without data counts as `missing` says.
    """

    text: str
    periods: int = 1
    compared: cloudwatch.ComparisonOperator = AT_LEAST
    missing: cloudwatch.TreatMissingData = Missing.NOT_BREACHING


FUNCTION: Mapping[str, Alert] = {
    "Errors": Alert(
        "ekswatch's {name} function failed; Lambda tries an event twice more. First look for"
        ' "invocation failed" in the log group {log}.'
    ),
    "AsyncEventsDropped": Alert(
        "ekswatch's {name} function gave up on an event, which is kept in the bucket of failed"
        " events. First mend what the log group {log} says, then look at the event:"
        " ekswatch replay --failed --dry-run --stack {stack}"
    ),
    "DestinationDeliveryFailures": Alert(
        "ekswatch's {name} function lost an event: it could not be kept in the bucket of failed"
        " events. First see that the bucket is there and that the function's role may write to it."
        " What was lost is still in the cluster's log group: export it and run ekswatch scan."
    ),
    "Throttles": Alert(
        "Lambda has refused to run ekswatch's {name} function for a quarter of an hour; events wait"
        " up to six hours. First compare the account's concurrency, and what is reserved for the"
        " function, with what runs.",
        periods=3,
    ),
}
"""Lambda's own metrics, by function. Source: AWS Lambda developer guide, "Types of metrics"."""

ANALYSIS: Mapping[str, Alert] = {
    "RuleFailures": Alert(
        "ekswatch, {whose}: some events could not be judged by some detection. First look for"
        ' "rule failed" in the log group {log}, which names it.'
    ),
    "StateErrors": Alert(
        "ekswatch, {whose}: the state table did not answer, so findings may be told twice. First"
        ' look for "state unavailable" in the log group {log}.'
    ),
    "EventsReceived": Alert(
        "ekswatch, {whose}: no audit event has come in for half an hour. First see whether the"
        " audit log is still on and subscribed: ekswatch doctor --stack {stack}",
        periods=6,
        compared=LESS_THAN,
        missing=Missing.BREACHING,
    ),
}
"""Metrics of the stream function itself, per cluster; `lambdas.telemetry` writes the same names.

A cluster's control plane always talks to itself. The detection `audit-stream-silent` says so as
well, but only of a cluster that has spoken, and only while the functions run.
"""

DELIVERY: Mapping[str, Alert] = {
    "DeliveryErrors": Alert(
        "CloudWatch Logs could not hand audit events to ekswatch's stream function, and skips them"
        " for up to ten minutes where it has no permission. First see that the function is there"
        " and that its policy admits the log group; the metric's LogGroupName says which one."
    ),
    "DeliveryThrottling": Alert(
        "CloudWatch Logs has been throttled for a quarter of an hour as it hands audit events to"
        " ekswatch's stream function; it tries again for 24 hours. First see whether the function"
        " is throttled, then the account's concurrency.",
        periods=3,
    ),
}
"""Metrics of subscription filters. Source: CloudWatch Logs user guide, "Monitoring with
CloudWatch metrics"."""

HOURLY: Mapping[str, Alert] = {
    "WindowsJudged": Alert(
        "ekswatch has finished no hourly run for three hours: windowed detections are silent. First"
        " look into the log group {log}. The next run that finishes judges what was missed.",
        periods=3,
        compared=LESS_THAN,
        missing=Missing.BREACHING,
    ),
    "FailedEventsKept": Alert(
        "Failed events wait for replay: nothing has analysed them, and they expire. First see"
        " what they are: ekswatch replay --failed --dry-run --stack {stack}. The alarm ends within"
        " an hour after the bucket is empty.",
        missing=Missing.IGNORE,
    ),
}
"""Metrics that the hourly function writes once an hour, of no cluster.

The number of objects that S3 itself writes is a day old, and its request metrics are billed and
delivered as best they can. AsyncEventsDropped tells of each failed event at once; this one stays
until none is left.
"""


class FunctionAlarms(Construct):
    """What Lambda says of one function; visible in CloudWatch, and told to `topic` if any."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        name: str,
        function: lambda_.IFunction,
        topic: sns.ITopic | None,
    ) -> None:
        super().__init__(scope, construct_id)
        for metric, alert in FUNCTION.items():
            source = function.metric(metric, statistic="Sum", period=PERIOD)
            _alarm(self, metric, source, alert, topic, name=name, log=_log(self, name))


class AnalysisAlarms(Construct):
    """What the analysis says of one cluster, or of all together that are found at run time."""

    def __init__(
        self, scope: Construct, construct_id: str, *, cluster: str | None, topic: sns.ITopic | None
    ) -> None:
        super().__init__(scope, construct_id)
        whose = f"cluster {cluster}" if cluster else "any cluster"
        for metric, alert in ANALYSIS.items():
            source = _of_cluster(metric, cluster) if cluster else _of_any(metric)
            _alarm(self, metric, source, alert, topic, whose=whose, log=_log(self, "stream"))


class DeliveryAlarms(Construct):
    """What CloudWatch Logs says of the subscription filters of this name, on whatever log group."""

    def __init__(
        self, scope: Construct, construct_id: str, *, filter_name: str, topic: sns.ITopic | None
    ) -> None:
        super().__init__(scope, construct_id)
        for metric, alert in DELIVERY.items():
            _alarm(self, metric, _of_filter(metric, filter_name), alert, topic)


class HourlyAlarms(Construct):
    """What the hourly function says once an hour, and that it says so."""

    def __init__(self, scope: Construct, construct_id: str, *, topic: sns.ITopic | None) -> None:
        super().__init__(scope, construct_id)
        for metric, alert in HOURLY.items():
            source = cloudwatch.Metric(
                namespace="ekswatch",
                metric_name=metric,
                dimensions_map={"cluster": "none", "service": "hourly"},
                statistic="Maximum",  # a run that is tried again says it again
                period=HOUR,
            )
            _alarm(self, metric, source, alert, topic, log=_log(self, "hourly"))


def _log(scope: Construct, function: str) -> str:
    return f"/ekswatch/{Stack.of(scope).stack_name}/{function}"


def _of_cluster(metric: str, cluster: str) -> cloudwatch.IMetric:
    return cloudwatch.Metric(
        namespace="ekswatch",
        metric_name=metric,
        dimensions_map={"cluster": cluster, "service": "stream"},
        statistic="Sum",
        period=PERIOD,
    )


def _of_any(metric: str) -> cloudwatch.IMetric:
    """A Metrics Insights query: it sees clusters that nobody knew at deployment."""
    return _query(
        f"SELECT SUM({metric}) FROM SCHEMA(ekswatch, cluster, service)"  # noqa: S608 - no SQL
        " WHERE service = 'stream'"
    )


def _of_filter(metric: str, filter_name: str) -> cloudwatch.IMetric:
    """A Metrics Insights query over all log groups that have the filter.

    It leaves DestinationType open: how AWS spells that dimension's values is not documented.
    """
    return _query(
        f'SELECT SUM({metric}) FROM "AWS/Logs"'  # noqa: S608 - no SQL
        f" WHERE FilterName = '{filter_name}'"
    )


def _query(expression: str) -> cloudwatch.IMetric:
    return cloudwatch.MathExpression(expression=expression, using_metrics={}, period=PERIOD)


def _alarm(
    scope: Construct,
    metric: str,
    source: cloudwatch.IMetric,
    alert: Alert,
    topic: sns.ITopic | None,
    **about: str,
) -> None:
    alarm = cloudwatch.Alarm(
        scope,
        metric,
        metric=source,
        alarm_description=alert.text.format(stack=Stack.of(scope).stack_name, **about),
        threshold=1,
        evaluation_periods=alert.periods,
        comparison_operator=alert.compared,
        treat_missing_data=alert.missing,
    )
    if topic:
        alarm.add_alarm_action(actions.SnsAction(topic))
