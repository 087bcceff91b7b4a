"""Strict: the limits that AWS documents and moto does not hold, and faults on demand.

Hooks on a botocore session, so every client made from it is watched, whoever makes it.
A refused call raises what AWS would answer.
Sources: the API references of each service; Security Hub partner guide.
"""

import json
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from botocore.exceptions import ClientError
from botocore.session import Session

from ekswatch.findings.asff_model import check

FINDINGS_PER_CALL = 100
FINDINGS_CALL_BYTES = 6_000_000
MESSAGE_BYTES = 262_144
SUBJECT = re.compile(r"[!-~][ -~]{0,98}")
PUT_BYTES = 1_048_576
PUT_OVERHEAD_BYTES = 26
PUT_EVENTS = 10_000
PUT_SPAN_MILLIS = 24 * 3_600_000

Params = Mapping[str, Any]
Judge = Callable[[Mapping[str, Any]], tuple[str, str] | None]
"""From an ASFF record to the code and message it is refused with, or None."""


@dataclass(slots=True)
class Fault:
    """An operation that fails with an error code, `times` more times, or always when None."""

    service: str
    operation: str
    code: str
    times: int | None = None


@dataclass(slots=True)
class Strict:
    """The watch over one session. `queries` are the only Logs Insights texts accepted.

    `faults` and `refuse` may change while it is on; `calls` lists every call that was made.
    """

    queries: Collection[str]
    faults: list[Fault] = field(default_factory=list)
    refuse: list[Judge] = field(default_factory=list)
    calls: list[tuple[str, str]] = field(default_factory=list)
    _updated_at: dict[str, str] = field(default_factory=dict)

    def watch(self, session: Session) -> None:
        """Put every client that the session makes from now on under watch."""
        hooks: dict[str, Any] = {
            "provide-client-params.*.*": self._before_any,
            "provide-client-params.sns.Publish": check_publish,
            "provide-client-params.logs.PutLogEvents": check_put_log_events,
            "provide-client-params.logs.StartQuery": self._check_start_query,
            "after-call.logs.GetQueryResults": write_times_as_insights,
            "before-call.securityhub.BatchImportFindings": self._import,
            "after-call.securityhub.BatchImportFindings": _add_refused,
        }
        for event, hook in hooks.items():
            session.register(event, hook)

    def _before_any(self, model: Any, **_: Any) -> None:
        service, operation = model.service_model.service_name, model.name
        self.calls.append((service, operation))
        for fault in self.faults:
            if (fault.service, fault.operation) == (service, operation) and fault.times != 0:
                if fault.times is not None:
                    fault.times -= 1
                raise _error(fault.code, "a fault was asked for", operation)

    def _check_start_query(self, params: Params, **_: Any) -> None:
        if params["queryString"] not in self.queries:
            raise _error("MalformedQueryException", "not in the closed set", "StartQuery")
        if params["endTime"] < params["startTime"]:
            raise _error("InvalidParameterException", "ends before it starts", "StartQuery")

    def _import(
        self, params: dict[str, Any], context: dict[str, Any], **_: Any
    ) -> tuple[AWSResponse, dict[str, Any]] | None:
        """Take out what Security Hub would refuse or ignore; the rest goes on to moto."""
        check_import_size(params["body"])
        taken, failed, ignored = [], [], 0
        for record in json.loads(params["body"])["Findings"]:
            if reason := self._refusal(record):
                code, words = reason
                failed.append({"Id": record["Id"], "ErrorCode": code, "ErrorMessage": words})
            elif record["UpdatedAt"] <= self._updated_at.get(record["Id"], ""):
                ignored += 1
            else:
                self._updated_at[record["Id"]] = record["UpdatedAt"]
                taken.append(record)
        context["ekswatch"] = {"failed": failed, "ignored": ignored}
        if taken:
            params["body"] = json.dumps({"Findings": taken}).encode()
            return None
        nothing = {"FailedCount": 0, "SuccessCount": 0, "FailedFindings": []}
        return AWSResponse("", 200, HTTPHeaders(), None), nothing

    def _refusal(self, record: Mapping[str, Any]) -> tuple[str, str] | None:
        for judge in (*self.refuse, refusal_of_record):
            if reason := judge(record):
                return reason
        return None


def refusal_of_record(record: Mapping[str, Any]) -> tuple[str, str] | None:
    """Why Security Hub would not take this ASFF record, or None."""
    try:
        check(record)
    except ValueError as error:
        return "InvalidInput", str(error)
    return None


def check_import_size(body: bytes | str) -> None:
    """Raises: ClientError for a call of more than 100 findings or 6 MB."""
    count = len(json.loads(body)["Findings"])
    if count > FINDINGS_PER_CALL or len(body) > FINDINGS_CALL_BYTES:
        words = f"{count} findings in {len(body)} bytes"
        raise _error("InvalidInputException", words, "BatchImportFindings")


def check_publish(params: Params, **_: Any) -> None:
    """Raises: ClientError for a subject, size, structure or attribute that SNS does not take."""
    wrong = list(_wrong_in_publish(params))
    if wrong:
        raise _error("InvalidParameter", "; ".join(wrong), "Publish")


def check_put_log_events(params: Params, **_: Any) -> None:
    """Raises: ClientError for a batch that CloudWatch Logs does not take."""
    events = params["logEvents"]
    stamps = [event["timestamp"] for event in events]
    size = sum(len(e["message"].encode()) + PUT_OVERHEAD_BYTES for e in events)
    wrong = []
    if not 1 <= len(events) <= PUT_EVENTS:
        wrong.append(f"{len(events)} events")
    if size > PUT_BYTES:
        wrong.append(f"{size} bytes")
    if stamps != sorted(stamps):
        wrong.append("not in the order of time")
    if stamps and max(stamps) - min(stamps) > PUT_SPAN_MILLIS:
        wrong.append("more than 24 hours")
    if not all(event["message"] for event in events):
        wrong.append("an empty message")
    if wrong:
        raise _error("InvalidParameterException", ", ".join(wrong), "PutLogEvents")


def write_times_as_insights(parsed: dict[str, Any], **_: Any) -> None:
    """moto gives milliseconds where Logs Insights writes `2026-11-20 12:00:00.000`."""
    for row in parsed.get("results", []):
        for cell in row:
            if cell["field"] == "@timestamp" and cell["value"].isdigit():
                cell["value"] = insights_time(int(cell["value"]))


def insights_time(millis: int) -> str:
    """Milliseconds since the epoch as Logs Insights writes them."""
    at = datetime.fromtimestamp(millis / 1000, UTC)
    return at.strftime("%Y-%m-%d %H:%M:%S.") + f"{millis % 1000:03d}"


def _wrong_in_publish(params: Params) -> Sequence[str]:
    wrong = []
    if not SUBJECT.fullmatch(params.get("Subject", "none")):
        wrong.append("the subject is not 1 to 99 characters of printable ASCII")
    attributes = params.get("MessageAttributes", {})
    size = len(params["Message"].encode())
    size += sum(
        len((name + value["DataType"] + value["StringValue"]).encode())
        for name, value in attributes.items()
    )
    if size > MESSAGE_BYTES:
        wrong.append(f"{size} bytes with attributes")
    if not all(value["StringValue"] for value in attributes.values()):
        wrong.append("an empty attribute")
    if params.get("MessageStructure") == "json":
        bodies = json.loads(params["Message"])
        if not bodies.get("default") or not all(isinstance(b, str) for b in bodies.values()):
            wrong.append("no default body, or a body that is no string")
    return wrong


def _add_refused(parsed: dict[str, Any], context: dict[str, Any], **_: Any) -> None:
    refused = context.get("ekswatch")
    if refused and "FailedCount" in parsed:
        parsed["FailedCount"] += len(refused["failed"])
        parsed["FailedFindings"] = parsed.get("FailedFindings", []) + refused["failed"]
        parsed["SuccessCount"] += refused["ignored"]


def _error(code: str, message: str, operation: str) -> ClientError:
    answer: Any = {
        "Error": {"Code": code, "Message": message},
        "ResponseMetadata": {"HTTPStatusCode": 400},
    }
    return ClientError(answer, operation)
