"""The archive under Lambda's own runtime client, against AWS over HTTP."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.runtime import payloads
from tests.runtime.account import Account, account
from tests.runtime.environment import Environment, running

POD, BURST = "priv_pod_create", "secrets_enum_burst"
"""Recorded attacks: the first is found at once, the second by the hourly run."""

Start = Callable[..., AbstractContextManager[Environment]]


@pytest.fixture(scope="module")
def aws() -> Iterator[Account]:
    with account() as opened:
        yield opened


@pytest.fixture
def start(local: Path, brought: Path) -> Start:
    """Start a handler of the archive."""
    return partial(running, code=local, runtime=brought)


def detections(findings: list[dict[str, Any]]) -> set[str]:
    return {finding["GeneratorId"].rpartition("/")[2] for finding in findings}


def without(variables: Mapping[str, str], name: str) -> dict[str, str]:
    return {key: value for key, value in variables.items() if key != name}


def test_an_attack_becomes_a_finding_and_a_message(start: Start, aws: Account) -> None:
    """A subscription payload in, counts out, and Security Hub and the topic know of it."""
    (payload,) = payloads.stream(POD, until=datetime.now(UTC) - timedelta(minutes=5))

    with start("lambdas.stream.handler", variables=aws.variables) as function:
        first, again = function.invoke(payload), function.invoke(payload)

    told = aws.messages()
    assert [answer.kind for answer in (first, again)] == ["response"] * 2
    assert first.body["Findings"] == first.body["Notifications"] == len(told) > 0
    assert "Notifications" not in again.body
    assert "privileged-workload-created" in detections(aws.findings())
    assert {finding["id"] for finding in told} == {finding["Id"] for finding in aws.findings()}
    assert len(told) == len({finding["id"] for finding in told})


def test_each_module_of_ours_is_loaded_by_a_handler(
    start: Start, aws: Account, local: Path, tmp_path: Path
) -> None:
    """With findings to send, signals to write and a live list to read, nothing is left over."""
    now = datetime.now(UTC)
    aws.client("ssm").put_parameter(Name="/intel/bad", Value="192.0.2.1", Type="String")
    variables = {**aws.variables, "EKSWATCH_LIVE_LISTS": "tor_exits=ssm:/intel/bad"}
    (payload,) = payloads.stream(POD, until=now - timedelta(minutes=5))

    loaded = {"lambdas", "lambdas.stream", "lambdas.hourly"}  # by the client, without a line
    for handler, event in (("stream", payload), ("hourly", payloads.scheduled(now))):
        with (
            (tmp_path / handler).open("w") as told,
            start(
                f"lambdas.{handler}.handler",
                variables=variables,
                options=("-X", "importtime"),
                log=told.fileno(),
            ) as function,
        ):
            assert function.invoke(event).kind == "response"
        lines = (tmp_path / handler).read_text().splitlines()
        loaded |= {line.rpartition("|")[2].strip() for line in lines if "import time" in line}

    held = {
        ".".join(path.relative_to(local).with_suffix("").parts).removesuffix(".__init__")
        for package in ("ekswatch", "lambdas")
        for path in (local / package).rglob("*.py")
    }
    assert held
    assert held - loaded == set()


def test_a_burst_is_found_by_the_hourly_function(start: Start, aws: Account) -> None:
    """What one process wrote as signals, another one counts."""
    now = datetime.now(UTC)

    with start("lambdas.stream.handler", variables=aws.variables) as stream:
        for payload in payloads.stream(BURST, until=now - timedelta(minutes=5)):
            assert stream.invoke(payload).kind == "response"
    assert "secret-read-burst" not in detections(aws.findings())
    with start("lambdas.hourly.handler", variables=aws.variables) as hourly:
        answer = hourly.invoke(payloads.scheduled(now + timedelta(minutes=30)))

    assert (answer.kind, answer.body["WindowsJudged"]) == ("response", 1)
    assert "secret-read-burst" in detections(aws.findings())


@pytest.mark.parametrize(
    ("handler", "error", "named"),
    [
        ("lambdas.stream.handlr", "Runtime.HandlerNotFound", "'handlr' missing on module"),
        ("lambdas.strem.handler", "Runtime.ImportModuleError", "'lambdas.strem'"),
        ("stream", "Runtime.MalformedHandlerName", "'stream'"),
    ],
)
def test_a_wrong_handler_is_named_before_any_event(
    start: Start, aws: Account, handler: str, error: str, named: str
) -> None:
    """The runtime client reports it at the start, so no event is needed to see it."""
    with start(handler, variables=aws.variables) as function:
        answer = function.api.answer()

    assert (answer.kind, answer.body["errorType"]) == ("init/error", error)
    assert named in answer.body["errorMessage"]


@pytest.mark.parametrize("handler", ["lambdas.stream.handler", "lambdas.hourly.handler"])
@pytest.mark.parametrize("variable", ["EKSWATCH_TABLE_NAME", "EKSWATCH_SIGNALS_LOG_GROUP"])
def test_a_missing_variable_is_named(
    start: Start, aws: Account, handler: str, variable: str
) -> None:
    """Each event fails with the name of what is not set, and the next one is asked for."""
    with start(handler, variables=without(aws.variables, variable)) as function:
        answers = [function.invoke({}), function.invoke({})]

    assert [(a.kind, a.body["errorType"]) for a in answers] == [("error", "SettingError")] * 2
    assert {a.body["errorMessage"] for a in answers} == {f"{variable} is not set"}


def test_the_functions_see_the_archive_and_nothing_of_the_developers(
    start: Start, aws: Account
) -> None:
    """What the tests above show could not come from packages that Lambda does not have."""
    with start("sigma.rule.handler", variables=aws.variables) as function:
        answer = function.api.answer()

    assert answer.body["errorType"] == "Runtime.ImportModuleError"
    assert "No module named 'sigma'" in answer.body["errorMessage"]
