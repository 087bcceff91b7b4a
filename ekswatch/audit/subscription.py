"""What CloudWatch Logs delivers to a subscribed function.

Shape: {"awslogs": {"data": base64(gzip(envelope))}}, the envelope being the records of one
log stream. Source: Lambda developer guide, "Using Lambda with CloudWatch Logs".
"""

from binascii import a2b_base64
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec
import orjson
import pybase64

from ekswatch.audit.event import AUDIT_API, AuditEvent
from ekswatch.audit.inflate import GZIP_MAGIC, GzipError, inflate, inflated_at_once
from ekswatch.audit.records import (
    AUDIT_STREAM,
    NOT_JSON,
    Batch,
    Outcome,
    Unreadable,
    batch,
    decode_event,
    joined,
    read_record,
)
from ekswatch.audit.scan import elements, members, repaired

MAX_INFLATED_BYTES = 64 * 1024 * 1024
"""Decompressed size at which a payload is cut: ten times what a delivery can hold."""

WHOLE_BYTES = 4 * 1024 * 1024
PART_RECORDS = 500
"""What is larger decompressed is read in parts of so many records."""

OVER_LIMIT = "over 64 MiB decompressed"
CAREFUL_FEED_BYTES = 256
CONTROL_MESSAGE = "CONTROL_MESSAGE"


class PayloadError(ValueError):
    """What the function was invoked with is not a CloudWatch Logs subscription payload."""


class Envelope(msgspec.Struct, frozen=True):
    """What a payload says of its records. Account-level policies add keys that we do not need."""

    messageType: str = ""  # noqa: N815 (the payload's own name)
    owner: str = ""
    logGroup: str = ""  # noqa: N815 (the payload's own name)
    logStream: str = ""  # noqa: N815 (the payload's own name)


class RawEnvelope(Envelope, frozen=True):
    """The same with its records unread."""

    logEvents: tuple[msgspec.Raw, ...] = ()  # noqa: N815 (the payload's own name)


LogEvent = dict[str, Any]
"""A record: `message`, its `id`, and `timestamp` in milliseconds since 1970."""

_decode_raw = msgspec.json.Decoder(RawEnvelope).decode

BAD_JSON = (msgspec.DecodeError, orjson.JSONDecodeError, UnicodeError, RecursionError)
BAD_SHAPE = (TypeError, KeyError, AttributeError)
"""What reading raises for values of the wrong type, and for keys that are not there."""


def read_payload(payload: Mapping[str, Any]) -> Batch:
    """Return the records of one delivery.

    A delivery that is damaged yields what is whole and one Unreadable for the rest.
    Units: at most 64 MiB decompressed. Raises: PayloadError.
    """
    return joined([*read_parts(payload)])


def read_parts(payload: Mapping[str, Any]) -> Iterator[Batch]:
    """Yield the records of one delivery; a large one in parts, so that memory stays bounded.

    Shape: at least one part, all of the same cluster and source. Raises: PayloadError.
    """
    raw, damage = _raw(payload)
    if raw is None:
        yield _nothing(damage)
        return
    if not damage and len(raw) > WHOLE_BYTES:
        try:
            envelope = _decode_raw(raw)
            if not envelope.logStream.startswith(AUDIT_STREAM):
                raise msgspec.DecodeError  # nothing of it is read, so nothing is saved
            yield from _read_raw(envelope)
            return
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            pass
    yield read_envelope(raw, damage)


def _raw(payload: Mapping[str, Any]) -> tuple[bytes | None, str]:
    """Return the decompressed envelope, None when there is none; and what is wrong with it."""
    try:
        data = payload["awslogs"]["data"]
    except (KeyError, TypeError, IndexError) as error:
        raise PayloadError("not a CloudWatch Logs subscription payload") from error
    if not isinstance(data, str):
        raise PayloadError("not a CloudWatch Logs subscription payload: awslogs.data is no text")
    packed = _unpacked(data)
    if packed is None:
        return None, "invalid base64"
    return _inflated(packed) if packed else (None, "empty payload")


def read_envelope(raw: bytes, damage: str = "") -> Batch:
    """Return the records of a decompressed payload; `damage` says why it is not all there."""
    if not damage:
        try:
            return _read_whole(orjson.loads(raw))
        except (*BAD_JSON, *BAD_SHAPE):
            pass
    return _read_damaged(raw, damage)


def cluster_of(log_group: str) -> str:
    """Return the cluster whose control plane logs there; another group stands for itself."""
    if log_group.startswith("/aws/eks/") and log_group.endswith("/cluster"):
        return log_group.removeprefix("/aws/eks/").removesuffix("/cluster")
    return log_group


def _unpacked(data: str) -> bytes | None:
    """Return the decoded bytes; of damaged text what still begins like gzip, else None."""
    try:
        return pybase64.b64decode(data, validate=True)
    except ValueError:
        pass
    try:
        packed = a2b_base64(data)
    except ValueError:
        return None
    return packed if packed.startswith(GZIP_MAGIC) else None


def _inflated(packed: bytes) -> tuple[bytes, str]:
    """Return the data and why it is not all there, if it is not."""
    raw = inflated_at_once(packed, MAX_INFLATED_BYTES)
    if raw is not None:
        return raw, ""
    raw, damage = _inflated_by(packed, len(packed))
    # damaged data is read again in small steps, to keep more of what precedes the damage
    return (raw, damage) if damage in ("", OVER_LIMIT) else _inflated_by(packed, CAREFUL_FEED_BYTES)


def _inflated_by(packed: bytes, feed_bytes: int) -> tuple[bytes, str]:
    parts, size = list[bytes](), 0
    try:
        for part in inflate((packed,), feed_bytes=feed_bytes):
            parts.append(part)
            size += len(part)
            if size > MAX_INFLATED_BYTES:
                return b"".join(parts)[:MAX_INFLATED_BYTES], OVER_LIMIT
    except GzipError as error:
        return b"".join(parts), str(error)
    return b"".join(parts), ""


def _read_whole(payload: Any) -> Batch:
    """Raises: one of BAD_JSON or BAD_SHAPE for values of the wrong type."""
    envelope = msgspec.convert(payload, Envelope)
    records: list[LogEvent] = payload.get("logEvents") or []
    if envelope.messageType == CONTROL_MESSAGE:
        return _batch_of(envelope, ())
    if not envelope.logStream.startswith(AUDIT_STREAM):
        return _batch_of(envelope, (), skipped=len(records))
    return _batch_read(envelope, records, 1)


def _batch_read(envelope: Envelope, records: Iterable[LogEvent], first: int) -> Batch:
    """Return the records as a batch; `first` is the number of the first. Raises: as above."""
    events, unreadable = list[AuditEvent](), list[Unreadable]()
    for number, record in enumerate(records, first):
        message = record["message"]
        try:
            event = decode_event(message)
            whole = event.kind == "Event" and event.apiVersion.startswith(AUDIT_API)
            if whole and event.requestReceivedTimestamp:
                events.append(event)
                continue
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            pass
        outcome = read_record(message, _milliseconds(record))  # another shape, or damaged
        if isinstance(outcome, str):
            unreadable.append(Unreadable(str(record.get("id") or f"record {number}"), outcome))
        else:
            events.append(outcome)
    return Batch(
        cluster=cluster_of(envelope.logGroup),
        account=envelope.owner,
        events=tuple(events),
        unreadable=tuple(unreadable),
        skipped=0,
        source=_source(envelope),
    )


def _milliseconds(record: LogEvent) -> int:
    found = record.get("timestamp")
    return found if isinstance(found, int) else 0


def _read_raw(envelope: RawEnvelope) -> Iterator[Batch]:
    """Yield the batches of a large envelope, each read only when it is asked for."""
    for start in range(0, max(1, len(envelope.logEvents)), PART_RECORDS):
        part = envelope.logEvents[start : start + PART_RECORDS]
        yield _read_part(envelope, part, start + 1)


def _read_part(envelope: Envelope, part: Sequence[msgspec.Raw], first: int) -> Batch:
    try:
        return _batch_read(envelope, [orjson.loads(bytes(raw)) for raw in part], first)
    except (*BAD_JSON, *BAD_SHAPE):
        outcomes = [_read_element(bytes(raw), number) for number, raw in enumerate(part, first)]
        return _batch_of(envelope, outcomes)


def _read_damaged(raw: bytes, damage: str) -> Batch:
    """Return what a payload holds that is cut, or has values of the wrong type."""
    found, closed = members(raw)
    parts = {member.key: member.value for member in found}
    envelope = Envelope(
        messageType=_text(parts.get("messageType", b"")),
        owner=_text(parts.get("owner", b"")),
        logGroup=_text(parts.get("logGroup", b"")),
        logStream=_text(parts.get("logStream", b"")),
    )
    if envelope.messageType == CONTROL_MESSAGE and not damage:
        return _batch_of(envelope, ())
    whole, all_there = elements(parts.get("logEvents", b""))
    lost: tuple[Unreadable, ...] = ()
    if not parts:
        lost = (Unreadable("payload", damage or NOT_JSON),)
    elif damage or not (closed and all_there):
        lost = (Unreadable(f"record {len(whole) + 1}", damage or "cut, with all that follows"),)
    if envelope.logStream and not envelope.logStream.startswith(AUDIT_STREAM):
        return _batch_of(envelope, (), skipped=len(whole), extra=lost)
    outcomes = [_read_element(one, number) for number, one in enumerate(whole, 1)]
    return _batch_of(envelope, outcomes, extra=lost)


def _read_element(raw: bytes, number: int) -> Outcome:
    """Read one record by itself, so that a bad neighbour costs it nothing."""
    parts = {member.key: member.value for member in members(raw)[0]}
    position = _text(parts.get("id", b"")) or f"record {number}"
    message = parts.get("message", b"")
    if not message.startswith(b"{"):
        message = _text(message).encode()
    if not message and not parts.get("message", b"").startswith(b'"'):
        return position, "no message"
    return position, read_record(message, _number(parts.get("timestamp", b"")))


def _text(value: bytes) -> str:
    try:
        return msgspec.json.decode(repaired(value), type=str)
    except (msgspec.DecodeError, RecursionError):
        return ""


def _number(value: bytes) -> int:
    try:
        return msgspec.json.decode(value, type=int)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return 0


def _batch_of(
    envelope: Envelope,
    outcomes: Sequence[Outcome],
    *,
    skipped: int = 0,
    extra: tuple[Unreadable, ...] = (),
) -> Batch:
    return batch(
        outcomes,
        cluster=cluster_of(envelope.logGroup),
        account=envelope.owner,
        source=_source(envelope),
        skipped=skipped,
        extra=extra,
    )


def _source(envelope: Envelope) -> str:
    return f"{envelope.logGroup}:{envelope.logStream}"


def _nothing(reason: str) -> Batch:
    lost = (Unreadable("payload", reason),)
    return batch((), cluster="", account="", source="", extra=lost)
