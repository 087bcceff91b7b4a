"""Alarms: what goes wrong with a function or with the analysis of a cluster, said aloud."""

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sns as sns
from constructs import Construct

PERIOD = Duration.minutes(5)

MEANING = {
    "Errors": "failed at least once. It is tried again, see the function's log",
    "AsyncEventsDropped": "gave up on an event and kept it in the failed-events bucket: replay it",
    "DestinationDeliveryFailures": "lost an event: it could not be kept in the bucket either",
}
"""Lambda's metrics, each 0 when all is well, and what one more means."""


ANALYSIS = {
    "RuleFailures": "could not judge some events by some detection. Its log says which",
    "StateErrors": "could not reach its table. Findings may be told twice meanwhile",
}
"""Metrics of the stream function itself, per cluster; `lambdas.telemetry` writes the same names."""


class FunctionAlarms(Construct):
    """One alarm per metric of Lambda; visible in CloudWatch, and told to `topic` if any."""

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
        for metric, meaning in MEANING.items():
            source = function.metric(metric, statistic="Sum", period=PERIOD)
            _alarm(self, metric, source, f"ekswatch's {name} function {meaning}.", topic)


class AnalysisAlarms(Construct):
    """One alarm per metric of the analysis of one cluster."""

    def __init__(
        self, scope: Construct, construct_id: str, *, cluster: str, topic: sns.ITopic | None
    ) -> None:
        super().__init__(scope, construct_id)
        for metric, meaning in ANALYSIS.items():
            source = cloudwatch.Metric(
                namespace="ekswatch",
                metric_name=metric,
                dimensions_map={"cluster": cluster, "service": "stream"},
                statistic="Sum",
                period=PERIOD,
            )
            _alarm(self, metric, source, f"ekswatch, cluster {cluster}: it {meaning}.", topic)


class StaleAlarm(Construct):
    """Windowed detections have not been judged for hours; silence is the alarm here."""

    def __init__(self, scope: Construct, construct_id: str, *, topic: sns.ITopic | None) -> None:
        super().__init__(scope, construct_id)
        alarm = cloudwatch.Alarm(
            self,
            "WindowsJudged",
            metric=cloudwatch.Metric(
                namespace="ekswatch",
                metric_name="WindowsJudged",
                dimensions_map={"cluster": "none", "service": "hourly"},
                statistic="Sum",
                period=Duration.hours(1),
            ),
            alarm_description=(
                "ekswatch has finished no hourly run for three hours: windowed detections are "
                "silent. The next run that finishes judges what was missed."
            ),
            threshold=1,
            evaluation_periods=3,
            comparison_operator=cloudwatch.ComparisonOperator.LESS_THAN_THRESHOLD,
            treat_missing_data=cloudwatch.TreatMissingData.BREACHING,
        )
        if topic:
            alarm.add_alarm_action(actions.SnsAction(topic))


def _alarm(
    scope: Construct,
    name: str,
    metric: cloudwatch.IMetric,
    description: str,
    topic: sns.ITopic | None,
) -> None:
    """One is too many, and silence is none."""
    alarm = cloudwatch.Alarm(
        scope,
        name,
        metric=metric,
        alarm_description=description,
        threshold=1,
        evaluation_periods=1,
        comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
        treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
    )
    if topic:
        alarm.add_alarm_action(actions.SnsAction(topic))
