"""Selftest: a marked line through the deployed pipeline, and how far it came.

The line goes where EKS writes, the cluster's own log group, so that the subscription, the stream
function, the table and every sink do what they do for a real event. No API server writes such a
line: its user belongs to no group. The detection `selftest` finds it, and none other does.
"""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import islice
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from ekswatch.audit.event import AuditEvent
from ekswatch.audit.records import AUDIT_STREAM, decode_event
from ekswatch.aws import checkup
from ekswatch.aws.answers import missing_right
from ekswatch.aws.audit_logs import creating
from ekswatch.aws.checkup import Check, unanswered
from ekswatch.aws.clients import client
from ekswatch.aws.clusters import log_group
from ekswatch.aws.settings import Settings
from ekswatch.aws.signals import millis
from ekswatch.aws.stack import Function, Stack
from ekswatch.aws.state import KEY
from ekswatch.findings.finding import Finding, findings, stamp
from ekswatch.rules.matcher.engine import Engine
from ekswatch.rules.ruleset import Ruleset

SLUG = "selftest"
STREAM = f"{AUDIT_STREAM}-ekswatch-selftest"
"""The log stream of the marked lines; what does not begin like the API server's is not read."""
USER = "ekswatch:selftest"
PATH = "/ekswatch-selftest/"
LOG_GROUP, FUNCTION, TABLE = "log group", "stream function", "table"
HUB, SNS = "Security Hub", "SNS"
"""The hops, in the order of the way."""
POLL_SECONDS = 2.0
BEFORE = timedelta(seconds=5)
"""How much earlier the function's log is read: its clock need not be ours."""
LINES_READ = 5_000
SAID_CHARS = 300
TROUBLE = ("WARNING", "ERROR", "CRITICAL")


class State(StrEnum):
    """What became of a hop."""

    PASSED = "passed"
    FAILED = "failed"
    NOT_REACHED = "not reached"
    OFF = "off"


@dataclass(frozen=True, slots=True)
class Hop:
    """One part of the way: `seconds` since the line was sent, None where it did not get there."""

    name: str
    state: State
    seen: str = ""
    fix: str = ""
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Marked:
    """A marked line, and the finding that must come of it."""

    at: datetime
    line: str
    finding: Finding


@dataclass(frozen=True, slots=True)
class Way:
    """Where a marked line goes: a cluster's log, and the stack that is subscribed to it.

    `told` is what the hourly function was told, who knows more than the stream function.
    """

    stack: Stack
    cluster: str
    stream: Function
    told: Settings


@dataclass(slots=True)
class _Watch:
    """What was found of a line so far, by hop, and what AWS would not say."""

    arrived: dict[str, float] = field(default_factory=dict)
    refused: dict[str, Exception] = field(default_factory=dict)


def marked(way: Way, ruleset: Ruleset, *, token: str, at: datetime) -> Marked:
    """The line of one test, told from every other by its token, and its finding.

    Raises: ValueError when the rules find anything else in it than the test.
    """
    event = {
        "kind": "Event",
        "apiVersion": "audit.k8s.io/v1",
        "level": "Metadata",
        "auditID": token,
        "stage": "ResponseComplete",
        "requestURI": f"{PATH}{token}",
        "verb": "get",
        "user": {"username": USER},
        "sourceIPs": ["127.0.0.1"],
        "responseStatus": {"metadata": {}, "code": 404},
        "requestReceivedTimestamp": stamp(at),
        "stageTimestamp": stamp(at),
    }
    line = json.dumps(event, separators=(",", ":"))
    read: AuditEvent = decode_event(line)
    found = findings(Engine(ruleset).match((read,)), way.stack.scope(way.cluster), ruleset.hash)
    if [one.detection.slug for one in found] != [SLUG]:
        raise ValueError(f"the test line gives {[one.detection.slug for one in found]}")
    return Marked(at, line, found[0])


def send(way: Way, test: Marked) -> Hop:
    """Write the line into the log group of the cluster, in a log stream of the tests."""
    logs, group = client("logs"), log_group(way.cluster)
    try:
        with suppress(logs.exceptions.ResourceAlreadyExistsException):
            logs.create_log_stream(logGroupName=group, logStreamName=STREAM)
        answer = logs.put_log_events(
            logGroupName=group,
            logStreamName=STREAM,
            logEvents=[{"timestamp": millis(test.at), "message": test.line}],
        )
    except logs.exceptions.ResourceNotFoundException:
        seen = f"there is no {group}"
        return Hop(LOG_GROUP, State.FAILED, seen, creating(way.cluster))
    except (ClientError, BotoCoreError) as error:
        why = unanswered(LOG_GROUP, error)
        return Hop(LOG_GROUP, State.FAILED, why.seen, why.fix)
    if refused := answer.get("rejectedLogEventsInfo"):
        seen = f"CloudWatch Logs refused the line: {refused}"
        return Hop(LOG_GROUP, State.FAILED, seen, "see that the clock of this machine is right")
    return Hop(LOG_GROUP, State.PASSED, f"the line is in {group}", seconds=0.0)


def follow(
    way: Way,
    test: Marked,
    *,
    timeout_seconds: float,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> list[Hop]:
    """The hops of a line that was sent, once all are passed or the time is over.

    Where a hop failed, its `seen` is what the functions and AWS say of it.
    """
    started, watch = clock(), _Watch()
    looks = _looks(way, test)
    while True:
        _look(looks, watch, lambda: clock() - started)
        left = timeout_seconds - (clock() - started)
        if watch.arrived.keys() >= looks.keys() or left <= 0:
            break
        sleep(min(POLL_SECONDS, left))
    return [*_hops(way, test, watch, looks)]


Look = Callable[[], bool]


def _looks(way: Way, test: Marked) -> dict[str, Look]:
    """How to see that the line came to a hop, in the order of the way."""
    looks: dict[str, Look] = {
        FUNCTION: lambda: bool(_logged(way, test, term=test.finding.id)),
        TABLE: lambda: bool(_item(way, test)),
    }
    if way.told.security_hub:
        looks[HUB] = lambda: _imported(test)
    if way.told.sns_topic_arn:
        looks[SNS] = lambda: _item(way, test).get("notified_count", {}).get("N", "0") != "0"
    return looks


def _look(looks: Mapping[str, Look], watch: _Watch, seconds: Callable[[], float]) -> None:
    for name, look in looks.items():
        if name in watch.arrived:
            continue
        try:
            if look():
                watch.arrived[name] = seconds()
            watch.refused.pop(name, None)
        except (ClientError, BotoCoreError) as error:
            watch.refused[name] = error
    if any(name in watch.arrived for name in looks if name != FUNCTION):
        watch.arrived.setdefault(FUNCTION, seconds())  # who else would have made it


def _hops(way: Way, test: Marked, watch: _Watch, looks: Mapping[str, Look]) -> Sequence[Hop]:
    hops: list[Hop] = []
    before = True
    for name in (FUNCTION, TABLE, HUB, SNS):
        if name not in looks:
            hops.append(Hop(name, State.OFF, "switched off at deployment"))
        elif name in watch.arrived:
            hops.append(Hop(name, State.PASSED, seconds=round(watch.arrived[name], 1)))
        elif not before:
            hops.append(Hop(name, State.NOT_REACHED))
        elif name == SNS and TABLE not in watch.arrived:
            hops.append(Hop(name, State.NOT_REACHED, "only the table says what was published"))
        else:
            why = _why(name, way, test, watch.refused.get(name))
            hops.append(Hop(name, State.FAILED, why.seen, why.fix))
            before = name != FUNCTION  # the sinks do not wait for each other
    return hops


# --- what there is to see


def _logged(way: Way, test: Marked, *, term: str = "") -> list[str]:
    """What the stream function logged since the line was sent, or what of it has a term."""
    pages = (
        client("logs")
        .get_paginator("filter_log_events")
        .paginate(
            logGroupName=way.stack.log_group("stream"),
            startTime=millis(test.at - BEFORE),
            filterPattern=f'"{term}"' if term else "",
        )
    )
    lines = (event["message"] for page in pages for event in page["events"])
    return [line for line in islice(lines, LINES_READ) if term in line]


def _item(way: Way, test: Marked) -> Mapping[str, Any]:
    answer = client("dynamodb").get_item(
        TableName=way.stack.state_table, Key={KEY: {"S": test.finding.id}}, ConsistentRead=True
    )
    return answer.get("Item", {})


def _imported(test: Marked) -> bool:
    answer = client("securityhub").get_findings(
        Filters={"Id": [{"Value": test.finding.id, "Comparison": "EQUALS"}]}
    )
    return any(each["Id"] == test.finding.id for each in answer["Findings"])


# --- why it did not get there


def _why(name: str, way: Way, test: Marked, refusal: Exception | None) -> Check:
    """What is known of a hop that the line did not pass, or that AWS did not let us look at."""
    if refusal and missing_right(refusal):
        return unanswered(name, refusal)
    said = _said(way, test)
    for check in _checks(name, way):
        if not check.ok:
            return Check(name, False, "; ".join((*said[:1], check.seen)), check.fix)
    if said:
        tail = f"aws logs tail {way.stack.log_group('stream')} --since 15m"
        return Check(name, False, said[0], tail)
    if name == FUNCTION and _judged(way, test):
        seen = (
            f"the function judged the line, and its rules have no {SLUG} that finds it:"
            " they are older, or your tuning switches it off"
        )
        return Check(name, False, seen, "npx cdk deploy")
    if refusal:
        return unanswered(name, refusal)
    return Check(name, False, "nothing came within the time", "wait longer: --timeout 600")


def _checks(name: str, way: Way) -> Sequence[Check]:
    """What the checkup says of a hop. A question that is not answered explains nothing."""
    questions: dict[str, Sequence[Callable[[], Check]]] = {
        FUNCTION: (
            lambda: checkup.runs("stream", way.stream),
            lambda: checkup.subscription(way.cluster, way.told),
            lambda: checkup.delivery(way.cluster, way.stack, way.stream),
        ),
        TABLE: (lambda: checkup.table(way.stack.state_table),),
        HUB: (checkup.security_hub,),
        SNS: (lambda: checkup.key_of_topic(way.told.sns_topic_arn),),
    }
    questions["rights"] = (lambda: checkup.may("stream", way.stream, way.stack, way.told),)
    answers = []
    for ask in (*questions[name], *questions["rights"]):
        with suppress(ClientError, BotoCoreError):
            answers.append(ask())
    return answers


def _said(way: Way, test: Marked) -> list[str]:
    """What the stream function complained of since then, the newest first."""
    with suppress(ClientError, BotoCoreError):
        return [said for line in reversed(_logged(way, test)) if (said := _complaint(line))]
    return []


def _complaint(line: str) -> str:
    """What a log line complains of: one of the function's own, or Lambda's about it."""
    try:
        read = json.loads(line)
    except ValueError:
        loud = "[ERROR]" in line or "Task timed out" in line or "Unable to import" in line
        return line.strip().splitlines()[0][:SAID_CHARS] if loud else ""
    if not isinstance(read, dict) or read.get("level") not in TROUBLE:
        return ""
    return f"{read.get('message', '')}: {read.get('error', '')}".strip(": ")[:SAID_CHARS]


def _judged(way: Way, test: Marked) -> bool:
    with suppress(ClientError, BotoCoreError):
        return any(f"{log_group(way.cluster)}:{STREAM}" in line for line in _logged(way, test))
    return False
