"""What goes wrong is told, with what to do about it."""

import json
import re
from typing import Any

import pytest
import typer

from ekswatch.cli.main import app
from infra.alarms import ANALYSIS, DELIVERY, FUNCTION, HOURLY
from lambdas.telemetry import Counts, flush, measure
from tests.infra.conftest import ROOT, Synthesise
from tests.infra.template import Resources

Capture = pytest.CaptureFixture[str]

NAMED = (
    *(f"{name}Alarms{metric}" for name in ("Stream", "Hourly") for metric in FUNCTION),
    *(f"Analysis{cluster}{metric}" for cluster in ("prod", "staging") for metric in ANALYSIS),
    *(f"Delivery{metric}" for metric in DELIVERY),
    *(f"EveryHourAlarms{metric}" for metric in HOURLY),
)
ONE_IS_TOO_MANY = ("GreaterThanOrEqualToThreshold", 1)
NONE_IS_TOO_FEW = ("LessThanThreshold", 1)


@pytest.fixture(scope="module")
def alarms(resources: Resources) -> Any:
    return resources.of("AWS::CloudWatch::Alarm")


def rule(alarm: Any) -> tuple[tuple[str, int], int, str]:
    """How an alarm compares, in how many periods, and what a period without data is."""
    return (
        (alarm["ComparisonOperator"], alarm["Threshold"]),
        alarm["EvaluationPeriods"],
        alarm["TreatMissingData"],
    )


def listens_to(alarm: Any) -> tuple[str, str, dict[str, str]]:
    return (
        alarm["Namespace"],
        alarm["MetricName"],
        {one["Name"]: one["Value"] for one in alarm["Dimensions"]},
    )


def query(alarm: Any) -> Any:
    """The Metrics Insights query of an alarm, and the period that it is asked for."""
    (asked,) = alarm["Metrics"]
    assert asked["ReturnData"] is True
    return asked["Expression"], asked["Period"]


def written(metric: str, line: str) -> tuple[str, str, dict[str, str]]:
    """Namespace, metric and dimensions that CloudWatch makes of a line of the functions."""
    found = json.loads(line)
    described = found["_aws"]["CloudWatchMetrics"][0]
    assert metric in {one["Name"] for one in described["Metrics"]}
    return (
        described["Namespace"],
        metric,
        {name: found[name] for name in described["Dimensions"][0]},
    )


def test_these_are_all_and_each_tells_the_topic(alarms: Any) -> None:
    """No alarm is without its test here, and none rings where nobody listens."""
    assert set(alarms) == set(NAMED)
    assert {tuple(alarm["AlarmActions"]) for alarm in alarms.values()} == {("${FindingsTopic}",)}


@pytest.mark.parametrize("name", NAMED)
def test_an_alarm_says_what_to_do_first(alarms: Any, name: str) -> None:
    """Whoever is woken up reads this and nothing else; CloudWatch takes 1,024 characters."""
    said = alarms[name]["AlarmDescription"]

    assert " First " in said
    assert "{" not in said
    assert len(said) <= 1_024


@pytest.mark.parametrize("metric", FUNCTION)
@pytest.mark.parametrize("name", ["Stream", "Hourly"])
def test_the_metrics_of_lambda_are_watched(alarms: Any, name: str, metric: str) -> None:
    """A single failure is enough and silence is not one; throttling must last."""
    alarm = alarms[f"{name}Alarms{metric}"]

    assert listens_to(alarm) == ("AWS/Lambda", metric, {"FunctionName": f"${{{name}Function}}"})
    assert (alarm["Statistic"], alarm["Period"]) == ("Sum", 300)
    periods = 3 if metric == "Throttles" else 1
    assert rule(alarm) == (ONE_IS_TOO_MANY, periods, "notBreaching")
    assert f"{name.lower()} function" in alarm["AlarmDescription"]


@pytest.mark.parametrize("metric", ANALYSIS)
def test_an_analysis_that_fails_raises_the_alarm(
    alarms: Any, metric: str, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    """The alarm listens to exactly the metric that the stream function writes."""
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", "stream")
    counts = Counts()
    counts.add("prod", **{metric: 1})
    flush(counts)

    alarm = alarms[f"Analysisprod{metric}"]

    assert listens_to(alarm) == written(metric, capsys.readouterr().out)
    assert (alarm["Statistic"], alarm["Period"]) == ("Sum", 300)
    assert "cluster prod" in alarm["AlarmDescription"]


def test_a_cluster_that_is_silent_raises_the_alarm(alarms: Any) -> None:
    """Half an hour without an event: nothing is written then, so what is missing counts."""
    assert rule(alarms["AnalysisprodEventsReceived"]) == (NONE_IS_TOO_FEW, 6, "breaching")
    for metric in ("RuleFailures", "StateErrors"):
        assert rule(alarms[f"Analysisprod{metric}"]) == (ONE_IS_TOO_MANY, 1, "notBreaching")


@pytest.mark.parametrize(("metric", "periods"), [("DeliveryErrors", 1), ("DeliveryThrottling", 3)])
def test_deliveries_that_fail_raise_the_alarm(
    resources: Resources, alarms: Any, metric: str, periods: int
) -> None:
    """One query over all log groups, by the name that all of our filters have."""
    names = {one["FilterName"] for one in resources.of("AWS::Logs::SubscriptionFilter").values()}
    alarm = alarms[f"Delivery{metric}"]

    assert names == {"ekswatch"}
    assert query(alarm) == (
        f"SELECT SUM({metric}) FROM \"AWS/Logs\" WHERE FilterName = 'ekswatch'",  # noqa: S608 - no SQL
        300,
    )
    assert rule(alarm) == (ONE_IS_TOO_MANY, periods, "notBreaching")


def test_hours_without_a_finished_run_raise_the_alarm(
    alarms: Any, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    """Silence is the alarm: the metric is missing when nothing runs. It is the hourly one's."""
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", "hourly")
    counts = Counts()
    counts.add("", WindowsJudged=1)
    flush(counts)

    alarm = alarms["EveryHourAlarmsWindowsJudged"]

    assert listens_to(alarm) == written("WindowsJudged", capsys.readouterr().out)
    assert (alarm["Statistic"], alarm["Period"]) == ("Maximum", 3_600)
    assert rule(alarm) == (NONE_IS_TOO_FEW, 3, "breaching")


def test_failed_events_that_wait_keep_the_alarm(
    alarms: Any, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    """An hour in which nobody counted them does not end it."""
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", "hourly")
    measure("FailedEventsKept", 2)

    alarm = alarms["EveryHourAlarmsFailedEventsKept"]

    assert listens_to(alarm) == written("FailedEventsKept", capsys.readouterr().out)
    assert (alarm["Statistic"], alarm["Period"]) == ("Maximum", 3_600)
    assert rule(alarm) == (ONE_IS_TOO_MANY, 1, "ignore")
    assert "ekswatch replay --failed --dry-run --stack ekswatch" in alarm["AlarmDescription"]


def test_clusters_found_at_run_time_have_one_alarm_together(synthesise: Synthesise) -> None:
    """Nobody knew their names, so the alarm asks for the metric of whichever there are."""
    alarms = Resources.read(synthesise(clusters="all")).of("AWS::CloudWatch::Alarm")

    for metric in ANALYSIS:
        asked, _ = query(alarms[f"Analysis{metric}"])
        assert asked == (
            f"SELECT SUM({metric}) FROM SCHEMA(ekswatch, cluster, service)"  # noqa: S608 - no SQL
            " WHERE service = 'stream'"
        )
    assert rule(alarms["AnalysisEventsReceived"]) == (NONE_IS_TOO_FEW, 6, "breaching")
    assert query(alarms["DeliveryDeliveryErrors"])[0].endswith("FilterName = 'ekswatch'")


def test_another_installation_is_named_by_its_alarms(synthesise: Synthesise) -> None:
    """Commands, log groups and filters are those of its own stack."""
    read = Resources.read(synthesise(clusters="prod", stack_name="second"))
    alarms = read.of("AWS::CloudWatch::Alarm")

    assert query(alarms["DeliveryDeliveryErrors"])[0].endswith("FilterName = 'second'")
    assert "/ekswatch/second/stream" in alarms["StreamAlarmsErrors"]["AlarmDescription"]
    assert "--stack second" in alarms["AnalysisprodEventsReceived"]["AlarmDescription"]


def test_every_alarm_is_in_the_documentation() -> None:
    """The table has a line for each metric, with the alarms' own words for none of them."""
    page = (ROOT / "docs" / "deploying.md").read_text()
    table = page.partition("## Alarms")[2].partition("\n## ")[0]

    watched = {metric for alerts in (FUNCTION, ANALYSIS, DELIVERY, HOURLY) for metric in alerts}
    assert set(re.findall(r"^\| `(\w+)`", table, re.MULTILINE)) == watched


def test_what_an_alarm_says_to_look_for_and_to_run_exists() -> None:
    """Log lines stand in the functions' source, commands in the command line's."""
    logged = "".join(source.read_text() for source in (ROOT / "lambdas").glob("*.py"))
    commands = set(typer.main.get_command(app).commands)  # type: ignore[attr-defined]  # a group
    texts = [alert.text for alerts in (FUNCTION, ANALYSIS, HOURLY) for alert in alerts.values()]

    quoted = {words for text in texts for words in re.findall(r'"([\w ]+)"', text)}
    named = {word for text in texts for word in re.findall(r"(?:run|:) ekswatch (\w+)", text)}
    assert quoted == {"invocation failed", "rule failed", "state unavailable"}
    assert [words for words in quoted if f'"{words}"' not in logged] == []
    assert named == {"replay", "doctor", "scan"} <= commands
