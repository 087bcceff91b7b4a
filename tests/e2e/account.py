"""Account: the deployed system, seen and used from outside by its own APIs."""

import json
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from ekswatch.aws.signals import batches, millis
from ekswatch.local import subscription
from tests.e2e.grants import respell
from tests.e2e.local_aws import ACCOUNT, REGION, Endpoints
from tests.e2e.recordings import arrived
from tests.e2e.report import StepFailed

STACK = "ekswatch"
AUDIT_STREAM = "kube-apiserver-audit-0123456789abcdef0123456789abcdef"
QUEUE = "security-team"
WAIT_SECONDS = 60
FAILED = '"invocation failed"'
ENDED = '"END RequestId"'
TROUBLE = re.compile(r'^{"level":"(ERROR|WARNING)"|^[\w.]*(Error|Exception): |^\[ERROR\]')
SHOWN = 8
SHOWN_CHARACTERS = 1_000


@dataclass(frozen=True, slots=True)
class Message:
    """What a queue behind the topic gets of one message."""

    finding: Mapping[str, Any]
    attributes: Mapping[str, str]


class Account:
    """One account and Region. Waiting is bounded, and says what it waited for."""

    def __init__(self, endpoints: Endpoints, folder: Path) -> None:
        self._client = endpoints.client
        self._folder = folder

    # --- what EKS and the security team do

    def create_cluster(self, cluster: str) -> None:
        """A cluster with audit logging on, and the log that EKS makes for it."""
        trust = {
            "Effect": "Allow",
            "Principal": {"Service": "eks.amazonaws.com"},
            "Action": "sts:AssumeRole",
        }
        role = self._client("iam").create_role(
            RoleName=f"{cluster}-cluster",
            AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [trust]}),
        )
        self._client("eks").create_cluster(
            name=cluster,
            roleArn=role["Role"]["Arn"],
            resourcesVpcConfig={},
            logging={"clusterLogging": [{"types": ["audit"], "enabled": True}]},
        )
        logs, group = self._client("logs"), log_group(cluster)
        logs.create_log_group(logGroupName=group)
        logs.create_log_stream(logGroupName=group, logStreamName=AUDIT_STREAM)

    def switch_security_hub_on(self) -> None:
        self._client("securityhub").enable_security_hub(EnableDefaultStandards=False)

    def subscribe_queue(self) -> None:
        """A queue of the security team's own, which the topic may send to."""
        topic = self.output("FindingsTopicArn")
        arn = f"arn:aws:sqs:{REGION}:{ACCOUNT}:{QUEUE}"
        statement = {
            "Effect": "Allow",
            "Principal": {"Service": "sns.amazonaws.com"},
            "Action": "sqs:SendMessage",
            "Resource": arn,
            "Condition": {"ArnEquals": {"aws:SourceArn": topic}},
        }
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        self._client("sqs").create_queue(QueueName=QUEUE, Attributes={"Policy": policy})
        self._client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)

    def put_audit_log(self, cluster: str, lines: Sequence[str]) -> int:
        """Write lines, oldest first, and wait until the stream function has had them all.

        How many deliveries there were. Each is waited for, so that the next finds the function
        warm, as in an account where logs never stop.
        Raises: StepFailed when the function did not run.
        """
        parts = list(batches([_log_event(line) for line in lines]))
        for part in parts:
            ended = self._invocations("stream") + 1
            self._client("logs").put_log_events(
                logGroupName=log_group(cluster), logStreamName=AUDIT_STREAM, logEvents=part
            )
            self._wait_for_end("stream", ended)
        return len(parts)

    def keep_failed(self, cluster: str, lines: Sequence[str], *, at: datetime) -> int:
        """Put deliveries of these lines where Lambda puts what failed every attempt at this time.

        How many there are. MiniStack keeps no failed events itself.
        Source: AWS Lambda developer guide, "Capturing records of Lambda asynchronous invocations".
        """
        function, bucket = self.output("StreamFunction"), self.output("FailedEventsBucket")
        events = [_log_event(line) for line in lines]
        stream, group = AUDIT_STREAM, log_group(cluster)
        payloads = list(subscription.payloads(events, group=group, stream=stream, account=ACCOUNT))
        for number, payload in enumerate(payloads):
            record = {
                "version": "1.0",
                "timestamp": at.strftime("%Y-%m-%dT%H:%M:%S.000Z"),
                "requestContext": {
                    "requestId": f"00000000-0000-4000-8000-{number:012}",
                    "functionArn": f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{function}:$LATEST",
                    "condition": "RetriesExhausted",
                    "approximateInvokeCount": 3,
                },
                "requestPayload": payload,
                "responseContext": {"statusCode": 200, "functionError": "Unhandled"},
                "responsePayload": {"errorMessage": "it failed", "errorType": "DeliveryFailed"},
            }
            name = f"{at:%Y/%m/%d/%Y-%m-%dT%H.%M.%S}-{number}"
            self._client("s3").put_object(
                Bucket=bucket, Key=f"aws/lambda/async/{function}/{name}", Body=json.dumps(record)
            )
        return len(payloads)

    def stop_schedule(self) -> None:
        """Switch the stack's rule off, so that a full hour in the middle of a run starts nothing.

        Raises: StepFailed when there is no such rule that is on.
        """
        events = self._client("events")
        rules = events.list_rules(NamePrefix=f"{STACK}-")["Rules"]
        if [rule["State"] for rule in rules] != ["ENABLED"]:
            raise StepFailed("one rule of the stack, switched on", f"{rules}")
        events.disable_rule(Name=rules[0]["Name"])

    def fire_hourly(self, at: datetime) -> None:
        """Invoke the hourly function as the schedule does at this time, and wait for its end.

        Raises: StepFailed with what the function raised.
        """
        event = {
            "version": "0",
            "id": "53dc4d37-cffa-4f76-80c9-8b7d4a4d2eaa",
            "detail-type": "Scheduled Event",
            "source": "aws.events",
            "account": ACCOUNT,
            "time": at.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "region": REGION,
            "resources": [f"arn:aws:events:{REGION}:{ACCOUNT}:rule/{STACK}-EveryHour"],
            "detail": {},
        }
        answer = self._client("lambda").invoke(
            FunctionName=self.output("HourlyFunction"), Payload=json.dumps(event)
        )
        if "FunctionError" in answer:
            said = answer["Payload"].read().decode()
            raise StepFailed("the hourly function to succeed", f"{answer['FunctionError']}: {said}")

    def respell_grants(self) -> None:
        """Let MiniStack understand the roles' policies: `tests.e2e.grants`."""
        respell(self._client("iam"))

    # --- what there is to see

    def output(self, name: str) -> str:
        """An output of the stack."""
        stacks = self._client("cloudformation").describe_stacks(StackName=STACK)["Stacks"]
        outputs = {each["OutputKey"]: each["OutputValue"] for each in stacks[0]["Outputs"]}
        value: str = outputs[name]
        return value

    def physical_ids(self) -> dict[str, str]:
        """Physical IDs of the stack's resources, by logical ID."""
        found = self._client("cloudformation").describe_stack_resources(StackName=STACK)
        return {
            each["LogicalResourceId"]: each.get("PhysicalResourceId", "")
            for each in found["StackResources"]
        }

    def variables(self) -> set[str]:
        """The names of ours among the functions' environment variables."""
        functions = self._client("lambda").list_functions()["Functions"]
        names = {name for each in functions for name in each["Environment"]["Variables"]}
        return {name for name in names if name.startswith("EKSWATCH_")}

    def findings(self, cluster: str) -> dict[str, Mapping[str, Any]]:
        """The findings of a cluster in Security Hub, as ASFF, by ID."""
        pages = self._client("securityhub").get_paginator("get_findings").paginate()
        every = [finding for page in pages for finding in page["Findings"]]
        return {f["Id"]: f for f in every if f["ProductFields"]["ekswatch/cluster"] == cluster}

    def failed_events(self) -> list[str]:
        """The keys of what lies in the bucket of failed events."""
        found = self._client("s3").list_objects_v2(Bucket=self.output("FailedEventsBucket"))
        return [each["Key"] for each in found.get("Contents", ())]

    def messages(self) -> list[Message]:
        """The messages that came since the last look."""
        sqs = self._client("sqs")
        queue = sqs.get_queue_url(QueueName=QUEUE)["QueueUrl"]
        found: list[Message] = []
        while received := sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get(
            "Messages"
        ):
            for one in received:
                found.append(_message(json.loads(one["Body"])))
                sqs.delete_message(QueueUrl=queue, ReceiptHandle=one["ReceiptHandle"])
        return found

    def trouble(self) -> list[str]:
        """What the functions and MiniStack said of errors and warnings, the newest last."""
        logged = [
            f"{name}: {line}"
            for name in ("stream", "hourly")
            for line in self._logged(name)
            if TROUBLE.search(line)
        ]
        said = [f"ministack: {line}" for line in self._said() if " WARNING " in line]
        shown = [*logged[-SHOWN:], *said[-SHOWN:], *self._failures()[-SHOWN:]]
        return [line[:SHOWN_CHARACTERS] for line in dict.fromkeys(shown)]

    def remains(self) -> dict[str, list[str]]:
        """What is there of the stack's kinds of resources, by name."""
        lists: dict[str, Callable[[], list[str]]] = {
            "functions": lambda: [
                f["FunctionName"] for f in self._client("lambda").list_functions()["Functions"]
            ],
            "tables": lambda: self._client("dynamodb").list_tables()["TableNames"],
            "buckets": lambda: [b["Name"] for b in self._client("s3").list_buckets()["Buckets"]],
            "log groups": lambda: [
                g["logGroupName"] for g in self._client("logs").describe_log_groups()["logGroups"]
            ],
            "topics": lambda: [t["TopicArn"] for t in self._client("sns").list_topics()["Topics"]],
            "rules": lambda: [r["Name"] for r in self._client("events").list_rules()["Rules"]],
        }
        return {kind: sorted(names()) for kind, names in lists.items()}

    def subscriptions(self, cluster: str) -> list[str]:
        """The names of the subscription filters on a cluster's log group."""
        filters = self._client("logs").describe_subscription_filters(
            logGroupName=log_group(cluster)
        )
        return [each["filterName"] for each in filters["subscriptionFilters"]]

    def unsubscribe(self, cluster: str, name: str) -> None:
        self._client("logs").delete_subscription_filter(
            logGroupName=log_group(cluster), filterName=name
        )

    # --- how

    def _wait_for_end(self, name: str, ended: int) -> None:
        """Wait until a function has run to its end so often.

        Raises: StepFailed when it has not in time, or has failed.
        """
        deadline = time.monotonic() + WAIT_SECONDS
        while self._invocations(name) < ended:
            if time.monotonic() > deadline:
                raise StepFailed(f"run {ended} of the {name} function", f"none in {WAIT_SECONDS} s")
            time.sleep(0.2)
        if failures := self._failures():
            raise StepFailed(f"the {name} function to succeed", failures[-1])

    def _failures(self) -> list[str]:
        """Lines that tell of an invocation that failed; one that could not start has no log."""
        logged = [
            f"{name}: {line}"
            for name in ("stream", "hourly")
            for line in self._logged(name, FAILED)
        ]
        return [*logged, *(f"ministack: {line}" for line in self._said() if " ERROR " in line)]

    def _invocations(self, name: str) -> int:
        """How often a function has run to its end."""
        return sum(1 for _ in self._logged(name, ENDED))

    def _logged(self, name: str, pattern: str = "") -> Iterator[str]:
        """The lines in the log group of a function; none before the stack is there."""
        logs, group = self._client("logs"), f"/ekswatch/{STACK}/{name}"
        if logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"]:
            pages = logs.get_paginator("filter_log_events").paginate(
                logGroupName=group, filterPattern=pattern
            )
            yield from (event["message"] for page in pages for event in page["events"])

    def _said(self) -> list[str]:
        """The lines of MiniStack's own log."""
        return (self._folder / "ministack.log").read_text(errors="replace").splitlines()


def log_group(cluster: str) -> str:
    return f"/aws/eks/{cluster}/cluster"


def _log_event(line: str) -> Any:
    return {"timestamp": millis(arrived(line)), "message": line}


def _message(envelope: Mapping[str, Any]) -> Message:
    attributes = envelope.get("MessageAttributes", {})
    return Message(
        finding=json.loads(envelope["Message"]),
        attributes={name: value["Value"] for name, value in attributes.items()},
    )
