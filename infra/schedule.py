"""HourlySchedule: judges the past hour, once an hour."""

from aws_cdk import Duration
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_lambda as lambda_
from constructs import Construct


class HourlySchedule(Construct):
    """An EventBridge rule on the function, at a minute of every hour.

    Always an hour apart: the stream function knows from the minute alone which run was the last
    one (`ekswatch.aws.mark.judged_before`), and the alarm on silence counts a run per hour.

    A delivery is tried for an hour: then the next run reads what the missed one left.
    """

    def __init__(
        self, scope: Construct, construct_id: str, *, function: lambda_.IFunction, minute: int
    ) -> None:
        super().__init__(scope, construct_id)
        events.Rule(
            self,
            "Rule",
            description="ekswatch: run the windowed detections",
            schedule=events.Schedule.expression(f"cron({minute} * * * ? *)"),
            targets=[
                targets.LambdaFunction(function, retry_attempts=10, max_event_age=Duration.hours(1))
            ],
        )
