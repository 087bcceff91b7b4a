"""The two functions: where they run, what they are told, what happens when they fail."""

import ast
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest

from ekswatch.aws import settings
from infra.config import ConfigError
from infra.function import MAX_ENVIRONMENT_BYTES, REFERENCE_BYTES, fitting
from tests.infra.conftest import ROOT, Synthesise
from tests.infra.template import Resources

POWERTOOLS = {"POWERTOOLS_SERVICE_NAME", "POWERTOOLS_METRICS_NAMESPACE"}


def function(resources: Resources, name: str) -> Any:
    return resources.of("AWS::Lambda::Function")[name]


@pytest.mark.parametrize("name", ["StreamFunction", "HourlyFunction"])
def test_handlers_exist_in_the_source(resources: Resources, name: str) -> None:
    """The handler that the template names is a function in a file of ours."""
    module, _, handler = function(resources, name)["Handler"].rpartition(".")
    source = ROOT / Path(*module.split(".")).with_suffix(".py")

    functions = [
        node.name
        for node in ast.parse(source.read_text()).body
        if isinstance(node, ast.FunctionDef)
    ]
    assert handler in functions


@pytest.mark.parametrize(
    ("name", "handler", "timeout"),
    [
        ("StreamFunction", "lambdas.stream.handler", 60),
        ("HourlyFunction", "lambdas.hourly.handler", 600),
    ],
)
def test_functions_run_the_newest_python_on_arm64(
    resources: Resources, name: str, handler: str, timeout: int
) -> None:
    """The platform is the one that the archive's wheels are picked for."""
    properties = function(resources, name)

    assert (properties["Handler"], properties["Timeout"]) == (handler, timeout)
    assert properties["Runtime"] == "python3.14"
    assert properties["Architectures"] == ["arm64"]
    assert properties["MemorySize"] == 512


@pytest.mark.parametrize("name", ["StreamFunction", "HourlyFunction"])
def test_functions_are_told_what_they_read(resources: Resources, name: str) -> None:
    """The template sets the variables that the settings read, all of them and no others."""
    variables = function(resources, name)["Environment"]["Variables"]

    told = {variable for variable, _ in settings.ENVIRONMENT} | POWERTOOLS
    if name == "StreamFunction":
        told -= set(settings.HOURLY_ONLY)
    assert set(variables) == told
    assert variables["EKSWATCH_CLUSTERS"] == "prod,staging"
    assert variables["EKSWATCH_SNS_TOPIC_ARN"] == "${FindingsTopic}"
    assert variables["EKSWATCH_TABLE_NAME"] == "${State}"
    assert variables["EKSWATCH_SIGNALS_LOG_GROUP"] == "${Signals}"


@pytest.mark.parametrize(
    ("context", "security_hub", "topic"),
    [({}, True, "arn"), ({"security_hub": "false"}, False, "arn"), ({"sns": "false"}, True, "")],
)
def test_switches_mean_the_same_on_both_sides(
    synthesise: Synthesise, context: dict[str, str], security_hub: bool, topic: str
) -> None:
    """What the context switches off, the settings read as off."""
    resources = Resources.read(synthesise(clusters="prod", **context))
    variables = function(resources, "StreamFunction")["Environment"]["Variables"]
    told = variables | {
        "EKSWATCH_SNS_TOPIC_ARN": variables["EKSWATCH_SNS_TOPIC_ARN"]
        and "arn:aws:sns:us-east-1:123456789012:findings"
    }

    read = settings.Settings.from_env(told)

    assert (read.security_hub, read.sns_topic_arn[:3], read.clusters) == (
        security_hub,
        topic,
        ("prod",),
    )


def test_the_hourly_function_knows_how_clusters_are_subscribed(resources: Resources) -> None:
    """What it would write is what the stack writes."""
    variables = function(resources, "HourlyFunction")["Environment"]["Variables"]
    written = next(iter(resources.of("AWS::Logs::SubscriptionFilter").values()))

    assert {
        "FilterName": variables["EKSWATCH_FILTER_NAME"],
        "FilterPattern": variables["EKSWATCH_FILTER_PATTERN"],
        "DestinationArn": variables["EKSWATCH_STREAM_FUNCTION_ARN"],
    }.items() <= written.items()


@pytest.mark.parametrize(("spare", "taken"), [(0, True), (-1, False)])
def test_variables_that_lambda_would_refuse_end_the_synthesis(spare: int, taken: bool) -> None:
    """4,096 bytes as JSON; what is known at deployment counts as long as it can be."""
    around = len('{"TABLE":"' + "x" * REFERENCE_BYTES + '","CLUSTERS":"ää"}'.replace("ä", "12"))
    long = "ä" * 2 + "c" * (MAX_ENVIRONMENT_BYTES - around - spare)
    environment = {"TABLE": cdk.Fn.ref("Table"), "CLUSTERS": long}

    if taken:
        assert fitting(environment) == environment
    else:
        with pytest.raises(ConfigError, match="clusters, live_lists, filter: have 4097 bytes"):
            fitting(environment)


def test_both_functions_share_one_archive(resources: Resources) -> None:
    """The archive is built and uploaded once."""
    stream, hourly = (function(resources, name) for name in ("StreamFunction", "HourlyFunction"))

    assert stream["Code"] == hourly["Code"]


@pytest.mark.parametrize("name", ["Stream", "Hourly"])
def test_a_failed_event_is_tried_again_then_kept(resources: Resources, name: str) -> None:
    """Two more attempts within six hours, then the bucket."""
    config = resources.of("AWS::Lambda::EventInvokeConfig")[f"{name}Retries"]

    assert config == {
        "FunctionName": f"${{{name}Function}}",
        "Qualifier": "$LATEST",
        "MaximumRetryAttempts": 2,
        "MaximumEventAgeInSeconds": 21600,
        "DestinationConfig": {"OnFailure": {"Destination": "${FailedEvents.Arn}"}},
    }


@pytest.mark.parametrize("name", ["Stream", "Hourly"])
def test_logs_go_to_a_group_of_their_own_that_ends(resources: Resources, name: str) -> None:
    """Lambda makes no log group by itself, which would be kept for ever."""
    logging = function(resources, f"{name}Function")["LoggingConfig"]

    assert logging == {"LogGroup": f"${{{name}Log}}"}
    assert resources.of("AWS::Logs::LogGroup")[f"{name}Log"] == {
        "LogGroupName": f"/ekswatch/ekswatch/{name.lower()}",
        "RetentionInDays": 30,
    }


def test_cdk_adds_no_functions_of_its_own(resources: Resources) -> None:
    """Custom resources and log retention would bring functions that nobody asked for."""
    assert set(resources.of("AWS::Lambda::Function")) == {"StreamFunction", "HourlyFunction"}
    assert not [kind for kind in resources.types() if kind.startswith("Custom::")]
