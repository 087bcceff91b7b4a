"""`ekswatch doctor`, `selftest` and `status` on the deployed stack, whole and broken."""

import io
import json
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from moto import mock_aws
from moto.awslambda.models import LambdaFunction
from msgspec.structs import replace
from typer.testing import CliRunner

from ekswatch.aws.mark import Mark, Progress
from ekswatch.aws.selftest import STREAM
from ekswatch.cli.exits import Exit
from ekswatch.cli.main import app
from ekswatch.correlate.window import Window
from ekswatch.rules.ruleset import dump, load
from infra import bundling
from lambdas import telemetry
from tests.answers import Answers, answering
from tests.aws.archives import archive, serving
from tests.e2e import privilege
from tests.infra import deployment
from tests.infra.asynchronous import functions_run_as_lambda, keep
from tests.infra.deployment import ACCOUNT, REGION, client
from tests.infra.template import name

GROUP = "/aws/eks/prod/cluster"


@dataclass(frozen=True)
class Deployed:
    """The stack in moto: physical names by readable ones, and what AWS answers instead of it."""

    names: Mapping[str, str]
    answers: Answers
    ruleset: Path
    simulator: "Simulator"

    def arn(self, function: str) -> str:
        """Of a function, by its readable name."""
        found = client("lambda").get_function_configuration(FunctionName=self.names[function])
        return str(found["FunctionArn"])

    def tell(self, **variables: str) -> None:
        """Change what both functions were told at deployment."""
        for function in ("StreamFunction", "HourlyFunction"):
            name = self.names[function]
            told = client("lambda").get_function_configuration(FunctionName=name)["Environment"]
            client("lambda").update_function_configuration(
                FunctionName=name, Environment={"Variables": told["Variables"] | variables}
            )

    def run(self, *arguments: str, functions: bool = True, **environment: str) -> "Ran":
        """A command, while the functions run here, or nobody runs them."""
        with self._functions(environment) if functions else not_invoked():
            result = CliRunner(env={"COLUMNS": "250"}).invoke(app, arguments)
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return Ran(Exit(result.exit_code), result.stdout, result.stderr)

    @contextmanager
    def _functions(self, environment: Mapping[str, str]) -> Iterator[None]:
        with functions_run_as_lambda({"EKSWATCH_RULESET": str(self.ruleset), **environment}):
            inner = LambdaFunction.invoke

            def invoke(function: Any, *arguments: Any) -> Any:
                with logged() as lines:
                    answer = inner(function, *arguments)
                failure = json.loads(answer)
                if isinstance(failure, dict) and "errorType" in failure:
                    said = f"[ERROR] {failure['errorType']}: {failure['errorMessage']}"
                    lines.append(f"{said}\rTraceback (most recent call last):\r")  # as Lambda
                log(f"/ekswatch/ekswatch/{function.function_name.split('-')[1][:6].lower()}", lines)
                return answer

            with patch.object(LambdaFunction, "invoke", invoke):
                yield


@dataclass(frozen=True)
class Ran:
    """What a command answered."""

    code: Exit
    stdout: str
    stderr: str

    @property
    def json(self) -> Any:
        return json.loads(self.stdout)


@contextmanager
def not_invoked() -> Iterator[None]:
    with patch.object(LambdaFunction, "invoke", lambda *_: "null"):
        yield


@contextmanager
def logged() -> Iterator[list[str]]:
    """The lines that a function logs inside the `with` block, there at its end."""
    said, lines = io.StringIO(), list[str]()
    handler: Any = telemetry.logger.registered_handler
    before = handler.setStream(said)
    try:
        yield lines
    finally:
        handler.setStream(before or handler.stream)
        lines += said.getvalue().splitlines()


def log(group: str, lines: list[str]) -> None:
    logs = client("logs")
    if not logs.describe_log_streams(logGroupName=group)["logStreams"]:
        logs.create_log_stream(logGroupName=group, logStreamName="one")
    at = int(datetime.now(UTC).timestamp() * 1000)
    if lines:
        events = [{"timestamp": at, "message": line} for line in lines]
        logs.put_log_events(logGroupName=group, logStreamName="one", logEvents=events)


@pytest.fixture(scope="module")
def ruleset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The compiled detections, where the functions are told to find them."""
    file = tmp_path_factory.mktemp("ruleset") / "ruleset.json"
    bundling.compile_ruleset(file, None)
    return file


@pytest.fixture(scope="module")
def code(ruleset: Path) -> Iterator[str]:
    """Where the archive of the functions lies; what moto says of it cannot be fetched."""
    with serving(archive(ruleset_json=ruleset.read_bytes())) as address:
        yield address


@pytest.fixture
def deployed(
    template: Mapping[str, Any], ruleset: Path, code: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Deployed]:
    """The stack for two clusters, as it should be: subscribed, confirmed, Security Hub on."""
    for variable in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.setenv(variable, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    with mock_aws(config={"iam": {"load_aws_managed_policies": False}}), answering() as answers:
        deployment.deploy(template, ("prod", "staging"))
        client("securityhub").enable_security_hub()
        names = {name(logical): found for logical, found in deployment.physical_ids().items()}
        # moto knows no conditions, so that the denial of plain connections denies everything
        client("s3").delete_bucket_policy(Bucket=names["FailedEvents"])
        physical = deployment.physical_ids()
        stack = privilege.Stack(template, physical, ACCOUNT, REGION)
        roles = {found: readable for readable, found in names.items()}
        simulator = Simulator(tuple(stack.statements()), roles)
        answers.give("iam", "SimulatePrincipalPolicy", simulator)
        answers.give("lambda", "GetFunction", {"Code": {"Location": code}})
        yield Deployed(names, answers, ruleset, simulator)


@dataclass(frozen=True)
class Simulator:
    """What IAM's simulator says of the stack's roles: what the template's statements allow."""

    statements: tuple[privilege.Statement, ...]
    roles: Mapping[str, str]
    """Readable names by physical ones."""

    def __call__(self, params: Mapping[str, Any]) -> Mapping[str, Any]:
        body = params["body"]
        role = self.roles[body["PolicySourceArn"].rpartition("/")[2]]
        mine = [one for one in self.statements if one.role == role]
        on = body["ResourceArns.member.1"]
        actions = [action for key, action in body.items() if key.startswith("ActionNames")]
        return {
            "EvaluationResults": [_evaluated(action, on, mine) for action in actions],
            "IsTruncated": False,
        }


def _evaluated(action: str, on: str, statements: Sequence[privilege.Statement]) -> Any:
    allowed = privilege.allowed(statements, action, on)
    return {"EvalActionName": action, "EvalDecision": "allowed" if allowed else "implicitDeny"}


# --- the rights of who runs the commands


def documented(command: str) -> set[str]:
    """The rights that docs/commands.md says a command needs."""
    docs = (bundling.ROOT / "docs" / "commands.md").read_text()
    section = docs.partition(f"\n## {command}\n")[2].partition("\n## ")[0]
    needs = section.partition("It needs the AWS SDK")[2].partition("\n\n")[0]
    return set(re.findall(r"`(\w+:\w+)`", needs))


def used(deployed: Deployed, *command: str) -> set[str]:
    """The rights that a command uses, of a stack whose clusters are named, and found."""
    asked: set[tuple[str, str]] = set()
    for clusters in ("prod", "all"):
        deployed.tell(EKSWATCH_CLUSTERS=clusters, EKSWATCH_LIVE_LISTS="a=s3://lists/a,b=ssm:/b")
        deployed.answers.asked.clear()
        deployed.run(*command, functions=False)
        asked |= deployed.answers.asked
    return {privilege.IAM_ACTIONS.get(call, ":".join(call)) for call in asked}


@pytest.mark.parametrize("command", ["doctor", "status"])
def test_the_rights_of_a_command_are_documented(deployed: Deployed, command: str) -> None:
    """Those that it uses, and no other."""
    assert used(deployed, command) - {"sts:GetCallerIdentity"} == documented(command)


def test_the_rights_of_selftest_are_documented(deployed: Deployed) -> None:
    """Those that it uses, and where a hop fails some of doctor's."""
    asked = used(deployed, *SELFTEST)

    assert asked >= documented("selftest")
    assert asked <= documented("selftest") | documented("doctor")


# --- doctor


def crosses(ran: Ran) -> dict[str, str]:
    """What was seen at each cross of `doctor --format json`."""
    return {check["name"]: check["seen"] for check in ran.json["checks"] if not check["ok"]}


def test_doctor_finds_a_sound_deployment_sound(deployed: Deployed) -> None:
    """A tick for everything, and nothing else is said."""
    ran = deployed.run("doctor", "--format", "json")

    assert crosses(ran) == {}
    assert (ran.code, ran.json["ok"], ran.json["schema_version"]) == (Exit.OK, True, 1)
    assert [check["name"] for check in ran.json["checks"]] == [
        *("region", "credentials", "clock", "stack"),
        *("stream function", "stream rights", "hourly function", "hourly rights"),
        *("table", "retention", "Security Hub", "topic", "key of the topic"),
        *(
            f"{cluster}: {each}"
            for cluster in ("prod", "staging")
            for each in ("audit log", "log group", "subscription", "delivery")
        ),
    ]


def test_doctor_asks_for_each_right_that_the_template_grants(deployed: Deployed) -> None:
    """What is granted and not asked for is the key's, which only the policy itself knows."""
    asked: set[str] = set()

    def answer(params: Mapping[str, Any]) -> Mapping[str, Any]:
        found = deployed.simulator(params)
        asked.update(one["EvalActionName"] for one in found["EvaluationResults"])
        return found

    deployed.answers.give("iam", "SimulatePrincipalPolicy", answer)
    deployed.run("doctor")

    given = {
        action
        for statement in deployed.simulator.statements
        for action in statement.actions
        if statement.allows and not action.startswith("kms:")
    }
    assert asked == given


def test_doctor_names_everything_that_is_wrong(deployed: Deployed) -> None:
    """One thing that is broken hides no other one."""
    client("logs").delete_subscription_filter(logGroupName=GROUP, filterName="ekswatch")
    client("dynamodb").delete_table(TableName=deployed.names["State"])
    client("securityhub").disable_security_hub()
    client("kms").disable_key(KeyId=deployed.names["FindingsKey"])
    deployed.answers.give("iam", "SimulatePrincipalPolicy", Simulator((), deployed.simulator.roles))
    client("eks").update_cluster_config(
        name="staging", logging={"clusterLogging": [{"types": ["audit"], "enabled": False}]}
    )

    ran = deployed.run("doctor", "--format", "json")

    assert ran.code is Exit.FINDINGS
    assert set(crosses(ran)) >= {
        *("stream rights", "table", "Security Hub", "key of the topic", "prod: subscription"),
    }
    assert all(check["fix"] for check in ran.json["checks"] if not check["ok"])
    assert ran.stderr.strip().endswith("checks failed")


def test_doctor_says_which_right_the_caller_lacks(deployed: Deployed) -> None:
    """The question is a cross, and all others are asked."""
    deployed.answers.deny("kms", "DescribeKey", "kms:DescribeKey")
    deployed.answers.deny("eks", "DescribeCluster", "eks:DescribeCluster")

    assert crosses(deployed.run("doctor", "--format", "json")) == {
        "key of the topic": "not known: you may not kms:DescribeKey",
        "prod: audit log": "not known: you may not eks:DescribeCluster",
        "staging: audit log": "not known: you may not eks:DescribeCluster",
    }


def test_doctor_before_the_deployment(deployed: Deployed) -> None:
    """What a deployment needs is looked at though there is no stack yet, in this Region alone."""
    ran = deployed.run("doctor", "--stack", "other", "--cluster", "prod", "--format", "json")

    assert set(crosses(ran)) == {"stack"}
    assert [check["name"] for check in ran.json["checks"]][-3:] == [
        "prod: audit log",
        "prod: log group",
        "prod: slots",
    ]


def test_doctor_shows_a_line_per_check_and_a_command_per_cross(deployed: Deployed) -> None:
    """The command goes to the Region that was asked for."""
    client("securityhub").disable_security_hub()
    lines = deployed.run("doctor", "--region", REGION).stdout.splitlines()

    assert f"✓ region: {REGION}" in lines
    at = lines.index("✗ Security Hub: Security Hub CSPM is off here")
    assert lines[at + 1].startswith(f"    aws --region {REGION} securityhub enable-security-hub")


@pytest.mark.parametrize(("seconds", "ok"), [(299, True), (310, False)])
def test_doctor_compares_the_clock_with_that_of_aws(
    deployed: Deployed, seconds: int, ok: bool
) -> None:
    """By the Date header of AWS's answer."""
    there = datetime.now(UTC) + timedelta(seconds=seconds)
    deployed.answers.give(
        "sts",
        "GetCallerIdentity",
        {
            "Arn": "arn:aws:iam::123456789012:user/jane",
            "ResponseMetadata": {
                "HTTPHeaders": {"date": there.strftime("%a, %d %b %Y %H:%M:%S GMT")}
            },
        },
    )

    assert ("clock" not in crosses(deployed.run("doctor", "--format", "json"))) is ok


def test_doctor_without_credentials(deployed: Deployed) -> None:
    """Nothing else can be asked."""
    deployed.answers.refuse("sts", "GetCallerIdentity", "ExpiredToken", "the token is expired")
    ran = deployed.run("doctor", "--format", "json")

    assert list(crosses(ran)) == ["credentials"]
    assert len(ran.json["checks"]) == 1


def test_doctor_without_a_region(
    deployed: Deployed, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """AWS cannot be asked anything."""
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))

    assert crosses(deployed.run("doctor", "--format", "json")) == {"region": "none is set"}


def test_a_function_that_was_told_nothing(deployed: Deployed) -> None:
    """The variable is named."""
    client("lambda").update_function_configuration(
        FunctionName=deployed.names["StreamFunction"], Environment={"Variables": {}}
    )

    assert crosses(deployed.run("doctor", "--format", "json")) == {
        "functions": "EKSWATCH_TABLE_NAME is not set"
    }


# --- selftest


def hops(ran: Ran) -> dict[str, str]:
    return {hop["name"]: hop["state"] for hop in ran.json["hops"]}


def failed(ran: Ran) -> tuple[str, str, str]:
    """Name, words and fix of the first hop that failed."""
    hop = next(hop for hop in ran.json["hops"] if hop["state"] == "failed")
    return hop["name"], hop["seen"], hop["fix"]


SELFTEST = ("selftest", "--timeout", "0", "--format", "json")


def test_selftest_passes_every_hop(deployed: Deployed) -> None:
    """From the log group through the function to the table and both sinks."""
    ran = deployed.run(*SELFTEST)

    assert set(hops(ran).values()) == {"passed"}, ran.stdout
    assert list(hops(ran)) == ["log group", "stream function", "table", "Security Hub", "SNS"]
    assert (ran.code, ran.json["ok"]) == (Exit.OK, True)
    assert ran.stderr == "sending a test event to account 123456789012, us-east-1, cluster prod\n"
    (finding,) = client("securityhub").get_findings()["Findings"]
    assert finding["Id"] == ran.json["finding_id"]
    assert finding["GeneratorId"] == "ekswatch/selftest"
    assert finding["FindingProviderFields"]["Severity"]["Label"] == "INFORMATIONAL"


def test_each_selftest_is_told_of_again(deployed: Deployed) -> None:
    """A second one has a finding of its own, in the same log stream."""
    first, second = (deployed.run(*SELFTEST).json["finding_id"] for _ in range(2))

    assert first != second
    streams = client("logs").describe_log_streams(logGroupName=GROUP)["logStreams"]
    assert [one["logStreamName"] for one in streams] == [STREAM]


def test_selftest_shows_the_hops(deployed: Deployed) -> None:
    """A line each, and the cluster that was asked for."""
    ran = deployed.run("selftest", "--cluster", "staging")

    assert ran.stderr.endswith("cluster staging\n")
    lines = ran.stdout.splitlines()
    assert lines[1] == "✓ log group: the line is in /aws/eks/staging/cluster"
    assert [line[:1] for line in lines[1:]] == ["✓"] * 5


def test_selftest_without_a_log_group(deployed: Deployed) -> None:
    """The first hop, with the command that makes it."""
    client("logs").delete_log_group(logGroupName=GROUP)
    ran = deployed.run(*SELFTEST)

    assert failed(ran)[:2] == ("log group", f"there is no {GROUP}")
    assert failed(ran)[2] == f"aws logs create-log-group --log-group-name {GROUP}"
    assert ran.code is Exit.FINDINGS


def test_selftest_that_may_not_write(deployed: Deployed) -> None:
    """The right that is missing is the caller's."""
    deployed.answers.deny("logs", "PutLogEvents", "logs:PutLogEvents")

    assert failed(deployed.run(*SELFTEST))[1] == "not known: you may not logs:PutLogEvents"


def test_selftest_whose_line_is_refused(deployed: Deployed) -> None:
    """A clock that is wrong by days."""
    refused = {"rejectedLogEventsInfo": {"tooNewLogEventStartIndex": 0}}
    deployed.answers.give("logs", "PutLogEvents", refused)

    assert "tooNewLogEventStartIndex" in failed(deployed.run(*SELFTEST))[1]


def test_selftest_without_a_subscription(deployed: Deployed) -> None:
    """The event is not delivered, and the filter is why."""
    client("logs").delete_subscription_filter(logGroupName=GROUP, filterName="ekswatch")
    ran = deployed.run(*SELFTEST)

    name, seen, fix = failed(ran)
    assert (name, seen) == ("stream function", "no filter delivers to us; 0 of 2 slots used")
    words = shlex.split(fix)
    assert words[:3] == ["aws", "logs", "put-subscription-filter"]
    given = dict(zip(words[3::2], words[4::2], strict=True))
    assert given == {
        "--log-group-name": GROUP,
        "--filter-name": "ekswatch",
        "--filter-pattern": '"audit.k8s.io"',
        "--destination-arn": deployed.arn("StreamFunction"),
    }
    assert hops(ran) == {
        "log group": "passed",
        "stream function": "failed",
        "table": "not reached",
        "Security Hub": "not reached",
        "SNS": "not reached",
    }


def test_selftest_that_nobody_delivers(deployed: Deployed) -> None:
    """Where all looks well, it was too slow."""
    name, seen, fix = failed(deployed.run(*SELFTEST, functions=False))

    assert (name, seen) == ("stream function", "nothing came within the time")
    assert "--timeout" in fix


def test_selftest_with_a_broken_function(deployed: Deployed) -> None:
    """What the function said before it ended, or Lambda of it."""
    name, seen, fix = failed(deployed.run(*SELFTEST, EKSWATCH_TABLE_NAME=""))

    assert name == "stream function"
    assert seen == "[ERROR] SettingError: EKSWATCH_TABLE_NAME is not set"
    assert fix == "aws logs tail /ekswatch/ekswatch/stream --since 15m"


def test_selftest_with_an_archive_that_does_not_load(deployed: Deployed) -> None:
    """What Lambda says where the function could not."""
    said = "[ERROR] Runtime.ImportModuleError: No module named 'x'"
    log("/ekswatch/ekswatch/stream", [said])

    assert failed(deployed.run(*SELFTEST, functions=False))[1] == said


def test_selftest_with_older_rules(deployed: Deployed, tmp_path: Path) -> None:
    """The function judged the line, and has no rule that finds it."""
    older = tmp_path / "older.json"
    rules = load(deployed.ruleset.read_bytes())
    kept = tuple(rule for rule in rules.rules if rule.detection != "selftest")
    older.write_bytes(dump(replace(rules, rules=kept)))

    name, seen, fix = failed(deployed.run(*SELFTEST, EKSWATCH_RULESET=str(older)))

    assert (name, fix) == ("stream function", "npx cdk deploy")
    assert "its rules have no selftest" in seen


def test_selftest_without_a_table(deployed: Deployed) -> None:
    """The finding is delivered all the same; what was published, only the table would say."""
    client("dynamodb").delete_table(TableName=deployed.names["State"])
    ran = deployed.run(*SELFTEST)

    name, seen, fix = failed(ran)
    assert name == "table"
    assert seen.endswith(f"there is no table {deployed.names['State']}")
    assert "aws dynamodb restore-table-from-backup" in fix
    assert hops(ran) == {
        "log group": "passed",
        "stream function": "passed",
        "table": "failed",
        "Security Hub": "passed",
        "SNS": "not reached",
    }


def test_selftest_without_security_hub(deployed: Deployed) -> None:
    """The function says that Security Hub did not take it, and the hub is off."""
    client("securityhub").disable_security_hub()
    deployed.answers.refuse("securityhub", "BatchImportFindings", "InvalidAccessException", "off")
    ran = deployed.run(*SELFTEST)

    name, seen, fix = failed(ran)
    assert name == "Security Hub"
    assert "Security Hub" in seen
    assert "enable-security-hub" in fix
    assert hops(ran)["SNS"] == "passed"


def test_selftest_without_a_topic(deployed: Deployed) -> None:
    """Everything arrives but the message."""
    client("sns").delete_topic(TopicArn=deployed.names["FindingsTopic"])
    ran = deployed.run(*SELFTEST)

    assert hops(ran)["Security Hub"] == "passed"
    assert failed(ran)[0] == "SNS"
    assert "SNS did not take" in failed(ran)[1]


def test_selftest_with_a_key_that_is_disabled(deployed: Deployed) -> None:
    """What the checkup knows of the topic's key stands beside what the function said."""
    client("kms").disable_key(KeyId=deployed.names["FindingsKey"])
    deployed.answers.refuse("sns", "Publish", "KMSDisabled", "the key is disabled")
    ran = deployed.run(*SELFTEST)

    name, seen, fix = failed(ran)
    assert (name, "is Disabled" in seen) == ("SNS", True)
    assert fix.startswith("aws kms enable-key --key-id ")


def test_selftest_of_a_function_that_lacks_a_right(deployed: Deployed) -> None:
    """The hop fails, and the role is why."""
    stream = [one for one in deployed.simulator.statements if one.sid != "ImportFindings"]
    simulator = Simulator(tuple(stream), deployed.simulator.roles)
    deployed.answers.give("iam", "SimulatePrincipalPolicy", simulator)
    deployed.answers.refuse("securityhub", "BatchImportFindings", "AccessDeniedException", "no")
    ran = deployed.run(*SELFTEST)

    name, seen, fix = failed(ran)
    assert (name, fix) == ("Security Hub", "npx cdk deploy --revert-drift")
    assert seen.endswith("may not securityhub:BatchImportFindings (by its own policy)")


def test_selftest_of_sinks_that_are_off(deployed: Deployed) -> None:
    """They are no hop of the way, and the test passes without them."""
    deployed.tell(EKSWATCH_SECURITY_HUB="off", EKSWATCH_SNS_TOPIC_ARN="")
    ran = deployed.run(*SELFTEST)

    assert hops(ran) == {
        "log group": "passed",
        "stream function": "passed",
        "table": "passed",
        "Security Hub": "off",
        "SNS": "off",
    }
    assert ran.code is Exit.OK
    assert client("securityhub").get_findings()["Findings"] == []


def test_selftest_without_a_cluster(deployed: Deployed) -> None:
    """A stack that finds its clusters has none in an account without."""
    for cluster in ("prod", "staging"):
        client("eks").delete_cluster(name=cluster)
    deployed.tell(EKSWATCH_CLUSTERS="all")
    ran = deployed.run(*SELFTEST)

    assert (ran.code, ran.stderr) == (
        Exit.USAGE,
        "the stack watches no cluster: give --cluster\n",
    )


def test_selftest_of_a_stack_that_is_not_here(deployed: Deployed) -> None:
    """Wrong use: another name or Region."""
    ran = deployed.run("selftest", "--stack", "other")

    assert ran.code is Exit.USAGE
    assert "there is no stack other here" in ran.stderr


# --- status


def measured(
    cluster: str, metric: str, *, ago: timedelta, value: int = 1, service: str = "stream"
) -> None:
    client("cloudwatch").put_metric_data(
        Namespace="ekswatch",
        MetricData=[
            {
                "MetricName": metric,
                "Dimensions": [
                    {"Name": "cluster", "Value": cluster},
                    {"Name": "service", "Value": service},
                ],
                "Timestamp": datetime.now(UTC) - ago,
                "Value": value,
                "Unit": "Count",
            }
        ],
    )


def judged(deployed: Deployed, *, ago: timedelta) -> None:
    end = datetime.now(UTC) - ago
    Mark(client("dynamodb"), deployed.names["State"]).finish(
        Window(end - timedelta(hours=1), end), Progress(), started_at=end
    )


def healthy(deployed: Deployed) -> None:
    """Events of both clusters just now, and a window that was judged an hour ago."""
    for cluster in ("prod", "staging"):
        measured(cluster, "EventsReceived", ago=timedelta(minutes=6), value=100)
    judged(deployed, ago=timedelta(minutes=70))


def status(deployed: Deployed, *options: str) -> Ran:
    return deployed.run("status", *options, "--format", "json")


def test_status_of_a_healthy_stack(deployed: Deployed) -> None:
    """When things came last and how many, of both functions together."""
    healthy(deployed)
    measured("prod", "Findings", ago=timedelta(hours=3), value=2)
    measured("prod", "Findings", ago=timedelta(hours=2), value=3, service="hourly")
    measured("prod", "Findings", ago=timedelta(hours=30), value=50)

    ran = status(deployed)

    assert ran.json["troubles"] == []
    assert (ran.code, ran.json["ok"], ran.json["schema_version"]) == (Exit.OK, True, 1)
    prod, staging, none = ran.json["clusters"]
    assert (prod["cluster"], prod["events"], prod["findings"]) == ("prod", 100, 5)
    assert staging["last_finding_at"] is None
    assert none["cluster"] == "none"
    at = datetime.fromisoformat(ran.json["at"])
    found = datetime.fromisoformat(prod["last_finding_at"])
    assert timedelta(minutes=115) <= at - found <= timedelta(minutes=121)
    assert (ran.json["failed_events"], ran.json["suppressions"]) == (0, [])


def test_status_as_a_table(deployed: Deployed) -> None:
    """For people: a line per cluster, then what there is to look at."""
    healthy(deployed)
    keep(deployed.names["StreamFunction"], {"awslogs": {"data": ""}}, {})

    ran = deployed.run("status")

    assert "stack ekswatch, account 123456789012, us-east-1" in ran.stdout
    assert "prod" in ran.stdout
    assert "! failed events: 1 wait in the bucket: ekswatch replay --failed" in ran.stdout
    assert (ran.code, ran.stderr) == (Exit.FINDINGS, "1 to look at\n")


@pytest.mark.parametrize(("minutes", "troubles"), [(129, 0), (131, 1)])
def test_status_of_an_old_window(deployed: Deployed, minutes: int, troubles: int) -> None:
    """Two hours and ten minutes: a run was missed."""
    healthy(deployed)
    client("dynamodb").delete_item(TableName=deployed.names["State"], Key={"pk": {"S": "hourly"}})
    judged(deployed, ago=timedelta(minutes=minutes))

    ran = status(deployed)

    assert len(ran.json["troubles"]) == troubles
    assert not troubles or ran.json["troubles"][0].startswith("window: judged until ")


def test_status_of_functions_that_were_told_something_wrong(deployed: Deployed) -> None:
    """They fail at every event, so nothing else is asked."""
    deployed.tell(EKSWATCH_SECURITY_HUB="maybe")
    ran = status(deployed)

    assert ran.code is Exit.FINDINGS
    assert "EKSWATCH_SECURITY_HUB must be on or off, not 'maybe'" in ran.stderr


def test_status_before_the_first_window(deployed: Deployed) -> None:
    """No run has finished, and nothing has come in."""
    assert status(deployed).json["troubles"] == [
        "window: no hourly run has finished yet",
        "prod: no event for a day, 30 minutes are usual: ekswatch doctor",
        "staging: no event for a day, 30 minutes are usual: ekswatch doctor",
    ]


@pytest.mark.parametrize(("minutes", "quiet"), [(25, False), (45, True)])
def test_status_of_a_quiet_cluster(deployed: Deployed, minutes: int, quiet: bool) -> None:
    """Half an hour without an event, to the five minutes of the metric."""
    judged(deployed, ago=timedelta(minutes=70))
    measured("prod", "EventsReceived", ago=timedelta(minutes=5))
    measured("staging", "EventsReceived", ago=timedelta(minutes=minutes))

    troubles = status(deployed).json["troubles"]

    assert any(one.startswith("staging: no event since") for one in troubles) is quiet
    assert len(troubles) == quiet


def waited(deployed: Deployed, seconds: float, *, ago: timedelta) -> None:
    """How long Lambda says that an event waited for the stream function."""
    client("cloudwatch").put_metric_data(
        Namespace="AWS/Lambda",
        MetricData=[
            {
                "MetricName": "AsyncEventAge",
                "Dimensions": [{"Name": "FunctionName", "Value": deployed.names["StreamFunction"]}],
                "Timestamp": datetime.now(UTC) - ago,
                "Value": seconds * 1000,
                "Unit": "Milliseconds",
            }
        ],
    )


@pytest.mark.parametrize(("seconds", "troubles"), [(600, 0), (661, 1)])
def test_status_of_events_that_wait(deployed: Deployed, seconds: int, troubles: int) -> None:
    """As long as the hourly run waits for them, and longer; what was an hour ago is over."""
    healthy(deployed)
    waited(deployed, 9_000, ago=timedelta(minutes=70))
    waited(deployed, seconds, ago=timedelta(minutes=20))
    waited(deployed, 1, ago=timedelta(minutes=10))

    found = status(deployed).json

    assert found["lag_seconds"] == seconds
    assert [one.startswith("lag: an event waited 11 min") for one in found["troubles"]] == (
        [True] * troubles
    )


@pytest.mark.parametrize("metric", ["RuleFailures", "StateErrors", "Failures"])
def test_status_of_broken_rules(deployed: Deployed, metric: str) -> None:
    """Whatever counts failures is said with its number, per cluster or for none."""
    healthy(deployed)
    measured("prod", metric, ago=timedelta(hours=5), value=7)
    measured("none", metric, ago=timedelta(hours=5), value=2, service="hourly")

    assert status(deployed).json["troubles"] == [
        f"prod: 7 {metric} in a day: see the log groups /ekswatch/ekswatch/stream and hourly",
        f"2 {metric} in a day: see the log groups /ekswatch/ekswatch/stream and hourly",
    ]


@pytest.mark.parametrize(
    ("days", "words"),
    [
        (7, "ends in 7 days"),
        (1, "ends in 1 day"),
        (0, "ends today"),
        (-1, "ended 1 day ago"),
        (8, ""),
    ],
)
def test_status_of_a_suppression_that_ends(
    deployed: Deployed, ruleset: Path, days: int, words: str
) -> None:
    """Within a week its owner should look; the rules are those in the function's archive."""
    healthy(deployed)
    ends = datetime.now(UTC).date() + timedelta(days=days)
    rules = load(ruleset.read_bytes())
    backups = replace(rules.filters[0], name="backups", owner="jane", default=False)
    rules = replace(rules, filters=(*rules.filters, replace(backups, expires=str(ends)))).sealed()

    with serving(archive(ruleset_json=dump(rules))) as address:
        deployed.answers.give("lambda", "GetFunction", {"Code": {"Location": address}})
        found = status(deployed).json

    if not words:
        assert (found["troubles"], found["suppressions"]) == ([], [])
    else:
        assert found["troubles"] == [f"suppression backups: {words} ({ends}), ask jane"]
        assert found["suppressions"] == [
            {"name": "backups", "owner": "jane", "expires": f"{ends}", "days_left": days}
        ]


def test_status_of_suppressions_that_are_not_deployed_yet(
    deployed: Deployed, tmp_path: Path
) -> None:
    """Those of a tuning folder."""
    healthy(deployed)
    ends = datetime.now(UTC).date()
    (tmp_path / "ekswatch.yml").write_text(suppressed_until(ends))

    assert status(deployed, "--tuning", str(tmp_path)).json["troubles"] == [
        f"suppression backups: ends today ({ends}), ask jane"
    ]


def suppressed_until(day: date) -> str:
    return f"""suppressions:
  - name: backups
    rules: [secrets-listed]
    when: {{user.username: backup}}
    reason: they back up
    owner: jane
    expires: {day}
"""


def test_status_of_lists_that_are_read_at_run_time(deployed: Deployed) -> None:
    """Their age, as S3 says it, and what cannot be read."""
    healthy(deployed)
    client("s3").create_bucket(Bucket="intelligence")
    client("s3").put_object(Bucket="intelligence", Key="tor", Body=b"192.0.2.1\n")
    lists = "tor_exits=s3://intelligence/tor,threat_addresses=ssm:/gone"
    deployed.tell(EKSWATCH_LIVE_LISTS=lists)

    found = status(deployed).json

    assert [(one["name"], one["age_hours"]) for one in found["live_lists"]] == [
        ("tor_exits", 0),
        ("threat_addresses", None),
    ]
    (trouble,) = found["troubles"]
    assert trouble.startswith("list threat_addresses: not read: ")


def test_status_without_a_right(deployed: Deployed) -> None:
    """What may not be asked is not known, and everything else is."""
    healthy(deployed)
    deployed.answers.deny("cloudwatch", "GetMetricData", "cloudwatch:GetMetricData")
    deployed.answers.deny("s3", "ListObjectsV2", "s3:ListBucket")

    found = status(deployed).json

    assert (found["clusters"], found["lag_seconds"], found["failed_events"]) == (None, None, None)
    assert found["window"]["judged_until"]
    assert found["troubles"] == [
        "events: not known: you may not cloudwatch:GetMetricData",
        "lag: not known: you may not cloudwatch:GetMetricData",
        "failed events: not known: you may not s3:ListBucket",
    ]


def test_status_without_a_table(deployed: Deployed) -> None:
    """Nobody knows what was judged, and doctor says why."""
    healthy(deployed)
    client("dynamodb").delete_table(TableName=deployed.names["State"])
    ran = deployed.run("status")

    assert "window: judged" not in ran.stdout
    (trouble,) = [line for line in ran.stdout.splitlines() if line.startswith("! ")]
    assert trouble.startswith("! window: not known: ")
    assert trouble.endswith("; see ekswatch doctor")


def test_status_of_an_archive_that_nobody_gives(deployed: Deployed) -> None:
    """The suppressions are not known, with the reason, and everything else is."""
    healthy(deployed)
    with serving(b"expired", status=403) as address:
        deployed.answers.give("lambda", "GetFunction", {"Code": {"Location": address}})
        found = status(deployed).json

    assert found["suppressions"] is None
    assert found["troubles"] == [
        "suppressions: not known: the archive was not given: HTTP status 403"
    ]


def test_status_with_a_broken_tuning_folder(deployed: Deployed, tmp_path: Path) -> None:
    """The error is of the folder."""
    (tmp_path / "ekswatch.yml").write_text("supressions: []\n")

    assert status(deployed, "--tuning", str(tmp_path)).code is Exit.RULES
