"""What goes wrong is told."""

import pytest

from infra.alarms import MEANING
from tests.infra.template import Resources


@pytest.mark.parametrize("metric", MEANING)
@pytest.mark.parametrize("name", ["Stream", "Hourly"])
def test_one_failure_raises_the_alarm(resources: Resources, name: str, metric: str) -> None:
    """A single failure is enough, silence is not one, and the topic is told."""
    alarm = resources.of("AWS::CloudWatch::Alarm")[f"{name}Alarms{metric}"]

    assert (alarm["Namespace"], alarm["MetricName"]) == ("AWS/Lambda", metric)
    assert alarm["Dimensions"] == [{"Name": "FunctionName", "Value": f"${{{name}Function}}"}]
    assert (alarm["Statistic"], alarm["Threshold"]) == ("Sum", 1)
    assert alarm["ComparisonOperator"] == "GreaterThanOrEqualToThreshold"
    assert alarm["TreatMissingData"] == "notBreaching"
    assert alarm["AlarmActions"] == ["${FindingsTopic}"]
