"""An AWS account on loopback for a function in a process of its own."""

import json
import logging
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

import boto3
from moto.logs.logs_query import ParsedEvent
from moto.server import ThreadedMotoServer

from ekswatch.local.strict import insights_time
from tests.runtime.environment import REGION

TABLE, SIGNALS, CLUSTER = "state", "/ekswatch/ekswatch/signals", "prod"

Fields = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Account:
    """What the stack makes, and a queue that listens to the topic."""

    endpoint: str
    topic: str
    queue: str

    @property
    def variables(self) -> Mapping[str, str]:
        """What the stack tells its functions, and where this account is."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "EKSWATCH_CLUSTERS": CLUSTER,
            "EKSWATCH_SIGNALS_LOG_GROUP": SIGNALS,
            "EKSWATCH_SNS_TOPIC_ARN": self.topic,
            "EKSWATCH_TABLE_NAME": TABLE,
            "POWERTOOLS_METRICS_NAMESPACE": "ekswatch",
        }

    def findings(self) -> list[dict[str, Any]]:
        """Every finding in Security Hub, as ASFF."""
        pages = self.client("securityhub").get_paginator("get_findings").paginate()
        return [finding for page in pages for finding in page["Findings"]]

    def messages(self) -> list[dict[str, Any]]:
        """The findings that the topic told its queue, each once."""
        received: list[dict[str, Any]] = []
        while batch := self._batch():
            received += [json.loads(json.loads(message["Body"])["Message"]) for message in batch]
        return received

    def client(self, service: str) -> Any:
        return boto3.client(
            service,
            REGION,
            endpoint_url=self.endpoint,
            aws_access_key_id="testing",
            aws_secret_access_key="testing",
        )

    def _batch(self) -> list[dict[str, Any]]:
        sqs = self.client("sqs")
        batch: list[dict[str, Any]] = sqs.receive_message(
            QueueUrl=self.queue, MaxNumberOfMessages=10
        ).get("Messages", [])
        for message in batch:
            sqs.delete_message(QueueUrl=self.queue, ReceiptHandle=message["ReceiptHandle"])
        return batch


@contextmanager
def account() -> Iterator[Account]:
    """An empty account with table, log group, topic and queue."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # a line for each call otherwise
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    with patch.object(ParsedEvent, "_create_fields", _as_insights_writes(_FIELDS)):
        server.start()
        try:
            host, port = server.get_host_and_port()
            yield _filled(f"http://{host}:{port}")
        finally:
            server.stop()


_FIELDS = ParsedEvent._create_fields


def _as_insights_writes(fields: Callable[[ParsedEvent], Fields]) -> Callable[[ParsedEvent], Fields]:
    """moto gives the time of an event in milliseconds, Logs Insights as text."""

    def written(event: ParsedEvent) -> Fields:
        row = fields(event)
        return {
            name: insights_time(value) if name == "@timestamp" else value
            for name, value in row.items()
        }

    return written


def _filled(endpoint: str) -> Account:
    reset = urllib.request.Request(f"{endpoint}/moto-api/reset", method="POST")  # noqa: S310
    urllib.request.urlopen(reset).close()  # noqa: S310  # our own server
    bare = Account(endpoint, "", "")
    bare.client("dynamodb").create_table(
        TableName=TABLE,
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    bare.client("logs").create_log_group(logGroupName=SIGNALS)
    topic = bare.client("sns").create_topic(Name="findings")["TopicArn"]
    queue = bare.client("sqs").create_queue(QueueName="listener")["QueueUrl"]
    arn = topic.replace(":sns:", ":sqs:").replace(":findings", ":listener")
    bare.client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    return Account(endpoint, topic, queue)
