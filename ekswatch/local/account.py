"""Account: the deployed system in one process, on moto, with AWS's own limits around it.

Audit lines go in as CloudWatch Logs would deliver them, through the handlers that Lambda
runs; findings come back from Security Hub, messages from a queue behind the topic.
Time stands where the newest line or the hourly event is, so recorded logs stay as they are.
"""

import io
import json
import os
import re
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, redirect_stdout
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any
from unittest.mock import patch

import time_machine
from botocore.loaders import Loader, create_loader
from botocore.session import Session, get_session
from moto import mock_aws
from moto.sns.models import sns_backends

from ekswatch.aws import clients, settings, signals, state
from ekswatch.local import subscription
from ekswatch.local.strict import Fault, Judge, Strict
from ekswatch.rules.ruleset import Ruleset, write_artefact
from lambdas import hourly, stream, telemetry

ACCOUNT_ID = "111122223333"
REGION = "eu-central-1"
TABLE = "ekswatch"
TOPIC = "ekswatch-findings"
QUEUE = "ekswatch-findings"
SIGNALS_GROUP = "/ekswatch/signals"
AUDIT_STREAM = "kube-apiserver-audit-0123456789abcdef0123456789abcdef"
RETRIES = 2
"""How often Lambda tries an asynchronous event again."""
RECEIVED = re.compile(r'"requestReceivedTimestamp":\s*"([^"]+)"')
AFTER_NEWEST = timedelta(seconds=30)
"""From the newest audit line to its delivery."""


class InvocationFailed(Exception):  # noqa: N818  # read as a fact
    """A function failed on an event, three times; the event is in `Account.failed`."""


@dataclass(frozen=True, slots=True)
class Message:
    """One message of the topic: `finding` as machines get it, `text` as people read it."""

    subject: str
    text: str
    finding: Mapping[str, Any]
    attributes: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Context:
    """What Lambda tells a function about itself, as far as ours ask."""

    function_name: str
    log_stream_name: str = "2026/11/20/[$LATEST]0123456789abcdef0123456789abcdef"
    aws_request_id: str = "00000000-0000-4000-8000-000000000000"

    @property
    def invoked_function_arn(self) -> str:
        return f"arn:aws:lambda:{REGION}:{ACCOUNT_ID}:function:{self.function_name}"


Handler = Callable[[Mapping[str, Any], Context], object]


@dataclass(slots=True)
class Account:
    """An open account; `account` makes one. `failed` is the on-failure destination."""

    strict: Strict
    failed: list[dict[str, Any]] = field(default_factory=list)
    _session: Session = field(default_factory=lambda: _loaded(get_session()))
    _printed: io.StringIO = field(default_factory=io.StringIO)
    _now: datetime = field(default_factory=lambda: datetime.now(UTC))
    _messages: list[Message] = field(default_factory=list)
    _times: dict[str, list[datetime]] = field(default_factory=dict)

    # --- what happens in the account

    def put_audit_log(self, cluster: str, lines: Iterable[str]) -> None:
        """Write lines to the cluster's audit log, and deliver them to the stream function.

        Raises: ExceptionGroup of InvocationFailed, after every batch was delivered.
        """
        events = self._log_events(cluster, lines)
        group = subscription.log_group(cluster)
        made: list[dict[str, Any]] = []
        for batch in signals.batches(events):
            with time_machine.travel(self._now):
                self._client("logs").put_log_events(
                    logGroupName=group, logStreamName=AUDIT_STREAM, logEvents=batch
                )
            made += subscription.payloads(
                batch, group=group, stream=AUDIT_STREAM, account=ACCOUNT_ID
            )
        self._deliver(made)

    def deliver(self, payload: dict[str, Any]) -> None:
        """Hand one subscription payload to the stream function, as CloudWatch Logs would.

        Raises: ExceptionGroup of one InvocationFailed.
        """
        self._deliver([payload])

    def fire_hourly(self, time: datetime) -> None:
        """Run the hourly function for the schedule's event of this time.

        Raises: ExceptionGroup of one InvocationFailed.
        """
        self._now = time
        scheduled = {
            "source": "aws.events",
            "detail-type": "Scheduled Event",
            "account": ACCOUNT_ID,
            "region": REGION,
            "time": time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "detail": {},
        }
        self._deliver([scheduled])

    def replay(self) -> None:
        """Hand the failed events to their functions again.

        Raises: ExceptionGroup of InvocationFailed, for those that failed again.
        """
        again, self.failed = self.failed, []
        self._deliver(again)

    def put_signal(self, stream: str, line: str, *, at: datetime) -> None:
        """Write a line into the signals log group, past the functions."""
        logs = self._client("logs")
        with time_machine.travel(at):
            logs.create_log_stream(logGroupName=SIGNALS_GROUP, logStreamName=stream)
            event = {"timestamp": signals.millis(at), "message": line}
            logs.put_log_events(logGroupName=SIGNALS_GROUP, logStreamName=stream, logEvents=[event])

    # --- what there is to see

    def findings(self) -> list[dict[str, Any]]:
        """Every finding in Security Hub, as ASFF, in order of ID."""
        pages = self._client("securityhub").get_paginator("get_findings").paginate()
        found = [finding for page in pages for finding in page["Findings"]]
        return sorted(found, key=lambda finding: finding["Id"])

    def messages(self) -> list[Message]:
        """Every message of the topic so far, oldest first."""
        texts = self._texts()
        sqs = self._client("sqs")
        queue = sqs.get_queue_url(QueueName=QUEUE)["QueueUrl"]
        with time_machine.travel(self._now + timedelta(days=1)):
            while received := sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get(
                "Messages"
            ):
                for one in received:
                    self._messages.append(_message(json.loads(one["Body"]), texts))
                    sqs.delete_message(QueueUrl=queue, ReceiptHandle=one["ReceiptHandle"])
        return list(self._messages)

    def signals(self) -> list[str]:
        """Every line in the signals log group, oldest first."""
        pages = self._client("logs").get_paginator("filter_log_events")
        found = pages.paginate(logGroupName=SIGNALS_GROUP).build_full_result()["events"]
        return [event["message"] for event in found]

    def times(self, cluster: str) -> list[datetime]:
        """When the requests arrived that the cluster's audit log names, as they came in."""
        return list(self._times.get(cluster, ()))

    def logged(self) -> list[dict[str, Any]]:
        """Every line that the functions logged or printed, metrics included."""
        return [json.loads(line) for line in self._printed.getvalue().splitlines() if line]

    def metric(self, name: str, *, cluster: str) -> float:
        """The sum of one metric of a cluster over all invocations."""
        lines = [line for line in self.logged() if "_aws" in line and line["cluster"] == cluster]
        return sum(sum(line.get(name, [])) for line in lines)

    # --- what goes wrong

    def fail(self, service: str, operation: str, code: str, *, times: int | None = None) -> None:
        """Let an operation fail with an error code, always or so many times.

        The names are boto3's, as in `fail("dynamodb", "GetItem", "ThrottlingException")`.
        """
        self.strict.faults.append(Fault(service, operation, code, times))

    def refuse(self, judge: Judge) -> None:
        """Let Security Hub refuse single findings, in calls that succeed."""
        self.strict.refuse.append(judge)

    def heal(self) -> None:
        """Let everything work again."""
        self.strict.faults.clear()
        self.strict.refuse.clear()

    # --- how

    def _client(self, service: str) -> Any:
        """A client of the account itself, which is not watched and never fails on demand."""
        return self._session.create_client(service)

    def _log_events(self, cluster: str, lines: Iterable[str]) -> list[Any]:
        stamped = [(_received_at(line), line) for line in lines]
        known = [at for at, _ in stamped if at]
        self._times.setdefault(cluster, []).extend(known)
        if known:
            self._now = max(known) + AFTER_NEWEST
        ordered = sorted(((at or self._now, line) for at, line in stamped), key=lambda e: e[0])
        return [{"timestamp": signals.millis(at), "message": line} for at, line in ordered]

    def _deliver(self, events: Sequence[dict[str, Any]]) -> None:
        failures = [failure for event in events if (failure := self._invoke(event))]
        if failures:
            raise ExceptionGroup("functions failed", failures)

    def _invoke(self, event: dict[str, Any]) -> InvocationFailed | None:
        """Run the function of an event as Lambda would, and keep an event that failed."""
        name, run = _function(event)
        for attempt in range(1 + RETRIES):
            context = Context(name, aws_request_id=f"{name}-{len(self.failed)}-{attempt}")
            try:
                with time_machine.travel(self._now), redirect_stdout(self._printed):
                    run(event, context)
            except Exception as error:  # whatever a function raises, Lambda tries again
                last = error
            else:
                return None
        self.failed.append(event)
        failure = InvocationFailed(f"{name}: {type(last).__name__}: {last}")
        failure.__cause__ = last
        return failure

    def _texts(self) -> dict[str, str]:
        """What an email subscriber would have got, by message ID."""
        topic = sns_backends[ACCOUNT_ID][REGION].topics[_topic_arn()]
        return {sent[0]: json.loads(sent[1])["default"] for sent in topic.sent_notifications}


@contextmanager
def account(
    ruleset: Ruleset,
    *,
    clusters: Sequence[str] = ("demo",),
    security_hub: bool = True,
    sns: bool = True,
) -> Iterator[Account]:
    """An account with the stack deployed for the clusters, open inside the `with` block.

    Only one can be open at a time: the environment variables and the AWS clients of this
    process are the functions' own meanwhile.
    """
    with ExitStack() as opening:
        opening.enter_context(mock_aws())
        folder = Path(opening.enter_context(tempfile.TemporaryDirectory()))
        artefact = folder / "ruleset.json"
        write_artefact(artefact, ruleset)
        opening.enter_context(patch.dict(os.environ))
        _set_environment(artefact, clusters=clusters, security_hub=security_hub, sns=sns)
        opened = Account(Strict(queries=signals.QUERIES))
        _deploy(opened, clusters=clusters, security_hub=security_hub)
        opening.enter_context(_logging_to(opened))
        clients.forget()
        opening.callback(clients.forget)
        opened.strict.watch(_loaded(clients.session()))
        yield opened


def _loaded(session: Session) -> Session:
    """The session, reading AWS's API models once per process instead of once per account."""
    session.register_component("data_loader", _models())
    return session


@cache
def _models() -> Loader:
    return create_loader()


def _set_environment(
    artefact: Path, *, clusters: Sequence[str], security_hub: bool, sns: bool
) -> None:
    for name in [name for name in os.environ if name.startswith(("AWS_", "EKSWATCH_"))]:
        del os.environ[name]  # no profile, endpoint or credential of the user's reaches a client
    os.environ |= {
        "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "not-a-secret",
        "AWS_SESSION_TOKEN": "not-a-token",
        "AWS_DEFAULT_REGION": REGION,
        "AWS_REGION": REGION,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "MOTO_ACCOUNT_ID": ACCOUNT_ID,
        settings.TABLE_NAME: TABLE,
        settings.SIGNALS_LOG_GROUP: SIGNALS_GROUP,
        settings.SECURITY_HUB: "on" if security_hub else "off",
        settings.SNS_TOPIC_ARN: _topic_arn() if sns else "",
        settings.CLUSTERS: ",".join(clusters),
        settings.RULESET: str(artefact),
    }


def _deploy(account: Account, *, clusters: Sequence[str], security_hub: bool) -> None:
    """What the stack and EKS would have made."""
    logs, sns, sqs = (account._client(name) for name in ("logs", "sns", "sqs"))
    for group in (SIGNALS_GROUP, *map(subscription.log_group, clusters)):
        logs.create_log_group(logGroupName=group)
    for cluster in clusters:
        group = subscription.log_group(cluster)
        logs.create_log_stream(logGroupName=group, logStreamName=AUDIT_STREAM)
    account._client("dynamodb").create_table(
        TableName=TABLE,
        KeySchema=[{"AttributeName": state.KEY, "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": state.KEY, "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    queue = sqs.create_queue(QueueName=QUEUE)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]
    topic = sns.create_topic(Name=TOPIC)["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn["QueueArn"])
    if security_hub:
        account._client("securityhub").enable_security_hub()


@contextmanager
def _logging_to(account: Account) -> Iterator[None]:
    """The functions' log lines go to the account instead of standard output."""
    handler: Any = telemetry.logger.registered_handler
    before = handler.setStream(account._printed)
    try:
        yield
    finally:
        handler.setStream(before or handler.stream)


def _function(event: Mapping[str, Any]) -> tuple[str, Handler]:
    return ("stream", stream.handler) if "awslogs" in event else ("hourly", hourly.handler)


def _topic_arn() -> str:
    return f"arn:aws:sns:{REGION}:{ACCOUNT_ID}:{TOPIC}"


def _received_at(line: str) -> datetime | None:
    found = RECEIVED.search(line)
    try:
        return datetime.fromisoformat(found[1]) if found else None
    except ValueError:
        return None


def _message(envelope: Mapping[str, Any], texts: Mapping[str, str]) -> Message:
    attributes = envelope.get("MessageAttributes", {})
    return Message(
        subject=envelope["Subject"],
        text=texts[envelope["MessageId"]],
        finding=json.loads(envelope["Message"]),
        attributes={name: value["Value"] for name, value in attributes.items()},
    )
