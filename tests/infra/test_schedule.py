"""The hourly run."""

from tests.infra.template import Resources


def test_the_hourly_function_runs_every_hour(resources: Resources) -> None:
    """At minute 0 by default, with a delivery tried for at most an hour: then the next is due."""
    rule = resources.only("AWS::Events::Rule")

    assert (rule["ScheduleExpression"], rule["State"]) == ("cron(0 * * * ? *)", "ENABLED")
    (target,) = rule["Targets"]
    assert target["Arn"] == "${HourlyFunction.Arn}"
    assert target["RetryPolicy"]["MaximumEventAgeInSeconds"] == 3600


def test_only_the_rule_may_call_the_hourly_function(resources: Resources) -> None:
    """EventBridge may invoke it for this rule; nobody else is admitted."""
    permissions = [
        (permission["Principal"], permission["SourceArn"])
        for permission in resources.of("AWS::Lambda::Permission").values()
        if permission["FunctionName"] == "${HourlyFunction.Arn}"
    ]

    assert permissions == [("events.amazonaws.com", "${EveryHourRule.Arn}")]
