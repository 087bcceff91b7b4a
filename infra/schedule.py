"""HourlySchedule: judges the past hour at minute 0 of every hour."""

from aws_cdk import Duration
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

EVERY_HOUR = "cron(0 * * * ? *)"


class HourlySchedule(Construct):
    """An EventBridge rule on the function.

    A delivery is tried for an hour: then the next run reads what the missed one left.
    """

    def __init__(self, scope: Construct, construct_id: str, *, function: lambda_.IFunction) -> None:
        super().__init__(scope, construct_id)
        events.Rule(
            self,
            "Rule",
            description="ekswatch: run the windowed detections",
            schedule=events.Schedule.expression(EVERY_HOUR),
            targets=[
                targets.LambdaFunction(function, retry_attempts=10, max_event_age=Duration.hours(1))
            ],
        )
