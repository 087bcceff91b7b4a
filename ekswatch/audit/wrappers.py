"""Documents that carry audit events inside: lists, payloads, query results, log records."""

from collections.abc import Iterator
from enum import Enum

import msgspec

from ekswatch.audit.event import AuditEvent, moment
from ekswatch.audit.records import (
    AUDIT_STREAM,
    NOT_AUDIT,
    NOTHING_LEFT,
    Batch,
    Reason,
    read_record,
)
from ekswatch.audit.scan import elements, members, repaired
from ekswatch.audit.subscription import PayloadError, read_envelope, read_payload

LISTS = ("items", "Records", "events", "results")
"""Keys of arrays of records: EventList, S3 and Firehose records, aws logs, Logs Insights."""

MESSAGES = ("message", "@message")
MAX_DEPTH = 4
"""Wrappers in wrappers that we open: failure record, payload, list, log record."""

CUT = "cut, with all that follows"


class Skipped(Enum):
    """A record that says itself that it is of another log type."""

    OTHER_STREAM = "other stream"


Part = AuditEvent | Reason | Batch | Skipped


def read_value(raw: bytes, logged_at_ms: int = 0, depth: int = 0) -> Iterator[Part]:
    """Yield what a JSON value holds: itself if it is an audit event, else what is inside it."""
    outcome = read_record(raw, logged_at_ms)
    if outcome not in (NOT_AUDIT, NOTHING_LEFT) or depth == MAX_DEPTH:
        yield outcome
        return
    inside = _array(raw, depth) if raw.startswith(b"[") else _object(raw, depth)
    first = next(inside, None)
    if first is None and not _is_empty_list(raw):
        yield outcome
    elif first is not None:
        yield first
        yield from inside


def _object(raw: bytes, depth: int) -> Iterator[Part]:
    parts = {member.key: member.value for member in members(raw)[0]}
    if "awslogs" in parts:
        yield from _payload(raw)
    elif "requestPayload" in parts:
        # what Lambda sends to an on-failure destination
        yield from read_value(parts["requestPayload"], 0, depth + 1)
    elif "logEvents" in parts:
        yield read_envelope(raw)
    elif key := next((key for key in LISTS if parts.get(key, b"").startswith(b"[")), ""):
        yield from _array(parts[key], depth)
    elif key := next((key for key in MESSAGES if key in parts), ""):
        yield from _log_record(parts, parts[key], depth)


def _array(raw: bytes, depth: int) -> Iterator[Part]:
    """An array of records, or one row of Logs Insights: an array of field and value."""
    inside, closed = elements(raw)
    cells = {name: value for name, value in map(_cell, inside) if name}
    if "@message" in cells:
        yield from _log_record(cells, cells["@message"], depth)
        return
    for element in inside:
        yield from read_value(element, 0, depth + 1)
    if not closed:
        yield CUT


def _cell(raw: bytes) -> tuple[str, bytes]:
    if not raw.startswith(b'{"field"') and b'"field"' not in raw[:64]:
        return "", b""
    parts = {member.key: member.value for member in members(raw)[0]}
    return _text(parts.get("field", b"")), parts.get("value", b"")


def _log_record(parts: dict[str, bytes], message: bytes, depth: int) -> Iterator[Part]:
    """A record of CloudWatch Logs; its message is text that holds JSON, or that JSON."""
    stream = _text(parts.get("logStreamName", parts.get("@logStream", b"")))
    if stream and not stream.startswith(AUDIT_STREAM):
        yield Skipped.OTHER_STREAM
        return
    body = message if message.startswith(b"{") else _text(message).encode()
    stamp = parts.get("timestamp", parts.get("@timestamp", b""))
    yield from read_value(body, _milliseconds(stamp), depth + 1)


def _payload(raw: bytes) -> Iterator[Part]:
    try:
        yield read_payload(msgspec.json.decode(raw, type=dict))
    except (PayloadError, msgspec.DecodeError, UnicodeError, RecursionError):
        return


def _is_empty_list(raw: bytes) -> bool:
    parts = {member.key: member.value for member in members(raw)[0]}
    return any(elements(parts.get(key, b"")) == ([], True) for key in LISTS)


def _milliseconds(value: bytes) -> int:
    if value.isdigit():
        return int(value)
    return milliseconds(_text(value))


def milliseconds(text: str) -> int:
    """Return a written time (UTC when it names no zone) in milliseconds since 1970, or 0."""
    at = moment(text)
    return int(at.timestamp() * 1000) if at else 0


def _text(value: bytes) -> str:
    try:
        return msgspec.json.decode(repaired(value), type=str)
    except (msgspec.DecodeError, RecursionError):
        return ""
