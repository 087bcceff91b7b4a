"""FunctionAlarms: what goes wrong with a function, said aloud."""

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sns as sns
from constructs import Construct

MEANING = {
    "Errors": "failed at least once. It is tried again, see the function's log",
    "AsyncEventsDropped": "gave up on an event and kept it in the failed-events bucket: replay it",
    "DestinationDeliveryFailures": "lost an event: it could not be kept in the bucket either",
}
"""Lambda's metrics, each 0 when all is well, and what one more means."""


class FunctionAlarms(Construct):
    """One alarm per metric; visible in CloudWatch, and told to `topic` if there is one."""

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
            alarm = cloudwatch.Alarm(
                self,
                metric,
                metric=function.metric(metric, statistic="Sum", period=Duration.minutes(5)),
                alarm_description=f"ekswatch's {name} function {meaning}.",
                threshold=1,
                evaluation_periods=1,
                comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
                treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
            )
            if topic:
                alarm.add_alarm_action(actions.SnsAction(topic))
