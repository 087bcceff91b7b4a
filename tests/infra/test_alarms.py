"""What goes wrong is told."""

import json

import pytest

from infra.alarms import ANALYSIS, MEANING
from lambdas.telemetry import Counts, flush
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


@pytest.mark.parametrize("metric", ANALYSIS)
def test_an_analysis_that_fails_raises_the_alarm(
    resources: Resources,
    metric: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The alarm listens to exactly the metric that the stream function writes."""
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", "stream")
    counts = Counts()
    counts.add("prod", **{metric: 1})
    flush(counts)
    written = json.loads(capsys.readouterr().out)
    described = written["_aws"]["CloudWatchMetrics"][0]

    alarm = resources.of("AWS::CloudWatch::Alarm")[f"Analysisprod{metric}"]

    assert alarm["Namespace"] == described["Namespace"]
    assert alarm["MetricName"] in {one["Name"] for one in described["Metrics"]}
    assert {one["Name"] for one in alarm["Dimensions"]} == set(described["Dimensions"][0])
    assert {one["Name"]: one["Value"] for one in alarm["Dimensions"]} == {
        name: written[name] for name in described["Dimensions"][0]
    }
    assert alarm["AlarmActions"] == ["${FindingsTopic}"]


def test_hours_without_a_finished_run_raise_the_alarm(
    resources: Resources, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Silence is the alarm: the metric is missing when nothing runs. It is the hourly one's."""
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", "hourly")
    counts = Counts()
    counts.add("", WindowsJudged=1)
    flush(counts)
    written = json.loads(capsys.readouterr().out)

    alarm = resources.of("AWS::CloudWatch::Alarm")["StaleWindowWindowsJudged"]

    assert alarm["MetricName"] == "WindowsJudged"
    assert {one["Name"]: one["Value"] for one in alarm["Dimensions"]} == {
        name: written[name] for name in written["_aws"]["CloudWatchMetrics"][0]["Dimensions"][0]
    }
    assert (alarm["Statistic"], alarm["Threshold"]) == ("Sum", 1)
    assert (alarm["Period"], alarm["EvaluationPeriods"]) == (3_600, 3)
    assert alarm["ComparisonOperator"] == "LessThanThreshold"
    assert alarm["TreatMissingData"] == "breaching"
    assert alarm["AlarmActions"] == ["${FindingsTopic}"]
