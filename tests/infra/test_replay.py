"""A delivery fails three times, its record is kept, and `ekswatch replay` makes good for it."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from moto import mock_aws
from typer.testing import CliRunner

from ekswatch.aws import clients
from ekswatch.cli.exits import Exit
from ekswatch.cli.main import app
from tests.infra import deployment
from tests.infra.asynchronous import functions_run_as_lambda, keep
from tests.infra.conftest import ROOT
from tests.infra.deployment import ACCOUNT, REGION, client
from tests.infra.template import name
from tests.scenarios import audit_lines

SCENARIO = "priv_pod_create"
BROKEN = {"EKSWATCH_TABLE_NAME": ""}
"""A deployment gone wrong: the functions stop at their settings."""


@dataclass(frozen=True)
class Deployed:
    """The stack in moto: physical names by readable ones, and what came out of it."""

    names: Mapping[str, str]
    queue: str
    ruleset: Path

    @property
    def bucket(self) -> str:
        return self.names["FailedEvents"]

    def records(self) -> list[str]:
        found = client("s3").list_objects_v2(Bucket=self.bucket).get("Contents", [])
        return [one["Key"] for one in found]

    def findings(self) -> list[Any]:
        found = client("securityhub").get_findings()["Findings"]
        return sorted(found, key=lambda one: one["Id"])

    def messages(self) -> list[str]:
        """The subjects of the messages since the last call."""
        received = []
        sqs = client("sqs")
        while got := sqs.receive_message(QueueUrl=self.queue, MaxNumberOfMessages=10).get(
            "Messages"
        ):
            for one in got:
                received.append(json.loads(one["Body"])["Subject"])
                sqs.delete_message(QueueUrl=self.queue, ReceiptHandle=one["ReceiptHandle"])
        return received

    def replay(self, *arguments: object, broken: bool = False) -> "Replayed":
        with functions_run_as_lambda(_environment(self.ruleset, broken=broken)):
            result = CliRunner(env={"COLUMNS": "200"}).invoke(app, ["replay", *map(str, arguments)])
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return Replayed(result.exit_code, result.stdout, result.stderr)


@dataclass(frozen=True)
class Replayed:
    """What the command answered."""

    exit_code: int
    stdout: str
    stderr: str

    def column(self, key: str) -> list[Any]:
        """A key of every record, of the answer as JSON."""
        return [record[key] for record in json.loads(self.stdout)["records"]]


@pytest.fixture
def deployed(
    template: Mapping[str, Any], ruleset: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Deployed]:
    """The stack in an account whose credentials open nothing, with a queue behind its topic."""
    for variable in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.setenv(variable, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    clients.forget()
    with mock_aws(config={"iam": {"load_aws_managed_policies": False}}):
        deployment.deploy(template, ("prod", "staging"))
        names = {name(logical): found for logical, found in deployment.physical_ids().items()}
        # moto knows no conditions, so that the denial of plain connections denies everything
        client("s3").delete_bucket_policy(Bucket=names["FailedEvents"])
        yield Deployed(names, _listener(names["FindingsTopic"]), ruleset)
    clients.forget()


def _environment(ruleset: Path, *, broken: bool) -> Mapping[str, str]:
    return {"EKSWATCH_RULESET": str(ruleset), **(BROKEN if broken else {})}


def _listener(topic: str) -> str:
    queue = client("sqs").create_queue(QueueName="listener")["QueueUrl"]
    arn = f"arn:aws:sqs:{REGION}:{ACCOUNT}:listener"
    client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    return str(queue)


def attack() -> Sequence[str]:
    """The requests of a recorded attack, a few minutes ago."""
    labels = json.loads((ROOT / "events" / "scenarios" / "labels.json").read_text())
    ids = labels[SCENARIO]["attack"]
    lines = audit_lines(SCENARIO, until=datetime.now(UTC) - timedelta(minutes=5))
    return [line for line in lines if any(one in line for one in ids)]


def put(stack: Deployed, *, broken: bool = False) -> None:
    """Let the cluster write the attack into its audit log, and CloudWatch Logs deliver it."""
    with functions_run_as_lambda(_environment(stack.ruleset, broken=broken)):
        at = int(datetime.now(UTC).timestamp() * 1_000)
        deployment.put_audit_log("prod", attack(), at)


def hourly_event() -> dict[str, Any]:
    time = datetime.now(UTC) - timedelta(hours=3)
    return {"source": "aws.events", "time": time.strftime("%Y-%m-%dT%H:00:00Z"), "detail": {}}


def test_without_failures_there_is_nothing_to_replay(deployed: Deployed) -> None:
    """An empty store is fine."""
    answer = deployed.replay("--failed")

    assert (answer.exit_code, answer.stdout, answer.stderr) == (Exit.OK, "", "0 records\n")


def test_a_failed_delivery_is_made_good(deployed: Deployed) -> None:
    """The same findings as of a delivery that did not fail; the record stays until told to go."""
    put(deployed, broken=True)
    assert (len(deployed.records()), deployed.findings()) == (1, [])

    answer = deployed.replay("--failed", "--format", "json")
    replayed = deployed.findings()
    put(deployed)

    assert (answer.exit_code, answer.column("outcome")) == (Exit.OK, ["replayed"])
    assert answer.column("cluster") == ["prod"]
    assert answer.column("findings") == answer.column("due") == [len(replayed)]
    assert "privileged-workload-created" in {one["GeneratorId"].split("/")[-1] for one in replayed}
    assert len(deployed.records()) == 1
    assert {one["Id"] for one in replayed} == {one["Id"] for one in deployed.findings()}


def test_nobody_is_told_unless_asked_for_and_then_once(deployed: Deployed) -> None:
    """Quiet first, then a message per finding, then never again; counts stay as they are."""
    put(deployed, broken=True)

    quiet = deployed.replay("--failed")
    found, told = deployed.findings(), deployed.messages()
    loud = deployed.replay("--failed", "--notify")
    told_then = deployed.messages()
    again = deployed.replay("--failed", "--notify")

    assert (told, len(told_then), deployed.messages()) == ([], len(found), [])
    assert [one.exit_code for one in (quiet, loud, again)] == [Exit.OK] * 3
    assert f"nobody was told of {len(found)}: run it again with --notify" in quiet.stderr
    assert f"{len(found)} findings, {len(found)} messages due" in loud.stderr
    assert f"{len(found)} findings, 0 messages due" in again.stderr
    assert deployed.findings() == found


def test_a_quiet_replay_does_not_silence_what_comes_after(deployed: Deployed) -> None:
    """Nobody was told of it, so the next delivery with the same finding tells."""
    put(deployed, broken=True)
    deployed.replay("--failed")
    assert deployed.messages() == []

    put(deployed)

    assert len(deployed.messages()) == len(deployed.findings())


def test_what_was_told_before_the_failure_is_not_told_again(deployed: Deployed) -> None:
    """The messages went out and only the signals could not be written."""
    group = "/ekswatch/ekswatch/signals"
    client("logs").delete_log_group(logGroupName=group)
    put(deployed)
    before = deployed.messages()
    assert (len(deployed.records()), bool(before)) == (1, True)

    client("logs").create_log_group(logGroupName=group)
    answer = deployed.replay("--failed", "--notify")

    assert (answer.exit_code, deployed.messages()) == (Exit.OK, [])
    signals = client("logs").filter_log_events(logGroupName=group)["events"]
    assert signals


def test_a_replayed_record_is_removed_on_request(deployed: Deployed) -> None:
    """Then the store is empty; standard error says so where it is not."""
    put(deployed, broken=True)
    kept = deployed.replay("--failed")

    answer = deployed.replay("--failed", "--delete", "--format", "json")

    assert "1 replayed record remains in s3://" in kept.stderr
    assert "--delete" in kept.stderr
    assert (answer.exit_code, answer.column("removed")) == (Exit.OK, [True])
    assert "remain" not in answer.stderr
    assert deployed.records() == []


def test_what_fails_again_is_kept(deployed: Deployed) -> None:
    """Its function says why, the others go on, and AWS makes no second record of it."""
    put(deployed, broken=True)
    keep(deployed.names["HourlyFunction"], hourly_event(), {"errorMessage": "no table"})
    before = deployed.records()

    answer = deployed.replay("--failed", "--delete", "--format", "json", broken=True)

    assert (answer.exit_code, answer.column("outcome")) == (Exit.AWS, ["failed", "failed"])
    assert answer.column("why") == ["EKSWATCH_TABLE_NAME is not set"] * 2
    assert "2 records: 2 failed again" in answer.stderr
    assert deployed.records() == before


def test_a_dry_run_says_what_there_is_and_does_nothing(deployed: Deployed) -> None:
    """What each record holds and why it failed, oldest first."""
    put(deployed, broken=True)
    keep(deployed.names["HourlyFunction"], hourly_event(), {"errorMessage": "no table"})

    answer = deployed.replay("--failed", "--dry-run", "--notify", "--delete")
    table = deployed.replay("--failed", "--dry-run", "--format", "json")

    assert (answer.exit_code, table.column("outcome")) == (Exit.OK, ["ready", "ready"])
    assert f"prod: {len(attack())} event" in answer.stdout
    assert "the hourly run of 2" in answer.stdout
    assert "ready: EKSWATCH_TABLE_NAME is not set" in answer.stdout
    assert "ready: no table" in answer.stdout
    assert "2 records: 2 to be replayed" in answer.stderr
    assert table.column("attempts") == [3, 3]
    assert (len(deployed.records()), deployed.findings(), deployed.messages()) == (2, [], [])


def test_bad_records_are_named_and_the_others_go_on(deployed: Deployed) -> None:
    """One line each, with what is wrong; they stay where they are."""
    put(deployed, broken=True)
    stranger = {"requestContext": {"functionArn": _arn("stranger")}, "requestPayload": _delivery()}
    nobody = {"requestContext": {}, "requestPayload": {"ORDER_IDS": ["9e07af03"]}}
    for key, body in {
        "0/not-json": b"{",
        "1/no-payload": b'{"version": "1.0"}',
        "2/text-payload": b'{"requestPayload": "x"}',
        "3/stranger": json.dumps(stranger).encode(),
        "4/orders": json.dumps(nobody).encode(),
        "5/huge": b" " * (6 * 1024 * 1024 + 1),
    }.items():
        client("s3").put_object(Bucket=deployed.bucket, Key=f"aws/lambda/async/{key}", Body=body)

    answer = deployed.replay("--failed", "--delete", "--format", "json")

    said = dict(zip(answer.column("record"), answer.column("why"), strict=True))
    why = {key.rpartition("async/")[2]: text for key, text in said.items() if text}
    assert (answer.exit_code, deployed.findings() != []) == (Exit.INCOMPLETE, True)
    assert sorted(answer.column("outcome")) == ["replayed", *["unusable"] * 6]
    assert why["0/not-json"].startswith("it is not JSON")
    assert why["1/no-payload"].startswith("it has no requestPayload")
    assert why["2/text-payload"].startswith("its requestPayload is no JSON object")
    assert why["3/stranger"].startswith("it is of the function stranger, and the stack ekswatch")
    assert why["4/orders"].startswith("its requestPayload is neither a delivery of CloudWatch")
    assert why["5/huge"].startswith("it has 6,291,457 bytes")
    assert all(f"{place}: {text}" in answer.stderr for place, text in said.items() if text)
    assert len(deployed.records()) == 6


def test_records_of_functions_before_are_taken_on_request(deployed: Deployed) -> None:
    """A bucket outlives its stack, and a function that was replaced has another name."""
    put(deployed, broken=True)
    (key,) = deployed.records()
    body = client("s3").get_object(Bucket=deployed.bucket, Key=key)["Body"].read()
    old = json.loads(body)
    old["requestContext"]["functionArn"] = _arn("ekswatch-StreamFunction-before")
    client("s3").put_object(Bucket=deployed.bucket, Key=key, Body=json.dumps(old).encode())

    refused = deployed.replay("--failed")
    answer = deployed.replay("--failed", "--any-function")

    assert (refused.exit_code, "--any-function" in refused.stderr) == (Exit.INCOMPLETE, True)
    assert answer.exit_code == Exit.OK
    assert deployed.findings() != []


def test_records_in_files_are_replayed_and_left_alone(deployed: Deployed, tmp_path: Path) -> None:
    """As `aws s3 cp --recursive` leaves them, or many in one file, a line each."""
    put(deployed, broken=True)
    (key,) = deployed.records()
    record = client("s3").get_object(Bucket=deployed.bucket, Key=key)["Body"].read()
    folder = tmp_path / "aws" / "lambda"
    folder.mkdir(parents=True)
    (folder / "one").write_bytes(record)
    (folder / "two.jsonl").write_bytes(record + b"\n{}\n")

    answer = deployed.replay(tmp_path, "--format", "json")

    assert answer.exit_code == Exit.INCOMPLETE
    assert answer.column("outcome") == ["replayed", "replayed", "unusable"]
    assert answer.column("why")[-1].startswith("line 2: it has no requestPayload")
    assert "remain" not in answer.stderr
    assert deployed.findings() != []


def test_an_hourly_run_is_replayed_without_moving_the_mark(deployed: Deployed) -> None:
    """A quiet one is no finished run: the next one judges the same, and tells of it."""
    keep(deployed.names["HourlyFunction"], hourly_event(), {"errorMessage": "no table"})

    quiet = deployed.replay("--failed")
    before = _marked(deployed)
    loud = deployed.replay("--failed", "--notify")

    assert (quiet.exit_code, loud.exit_code) == (Exit.OK, Exit.OK)
    assert (before, _marked(deployed)) == (False, True)


def test_a_refusal_of_aws_ends_the_command_and_loses_nothing(deployed: Deployed) -> None:
    """What was not tried is said, and its records stay."""
    put(deployed, broken=True)
    client("lambda").delete_function(FunctionName=deployed.names["StreamFunction"])

    answer = deployed.replay("--failed", "--delete")

    assert (answer.exit_code, answer.stdout) == (Exit.AWS, "")
    assert "the rest was not tried: An error occurred (ResourceNotFoundException)" in answer.stderr
    assert len(deployed.records()) == 1


def test_a_stack_that_is_not_there_is_wrong_use(deployed: Deployed) -> None:
    """The message names it and the ways to name another."""
    answer = deployed.replay("--failed", "--stack", "second")

    assert answer.exit_code == Exit.USAGE
    assert "second" in answer.stderr
    assert "--region" in answer.stderr


def _marked(stack: Deployed) -> bool:
    found = client("dynamodb").get_item(TableName=stack.names["State"], Key={"pk": {"S": "hourly"}})
    return "Item" in found


def _arn(function: str) -> str:
    return f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{function}:$LATEST"


def _delivery() -> dict[str, Any]:
    from ekswatch.local.subscription import payload

    return payload([], group="/aws/eks/prod/cluster", stream="x", account=ACCOUNT)
