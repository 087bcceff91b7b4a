"""One record in, one audit event out, or the reason why not. Nothing is lost unnamed."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import msgspec

from ekswatch.audit.event import AuditEvent, PartialEvent
from ekswatch.audit.recover import recover

EMPTY = "empty"
NOT_JSON = "not JSON"
NOT_AUDIT = "not an audit event"
NOTHING_LEFT = "nothing of an audit event left"

AUDIT_STREAM = "kube-apiserver-audit"
"""Prefix of the audit streams in a control plane's log group; the other types differ."""

decode_event = msgspec.json.Decoder(AuditEvent).decode
"""Raises: msgspec.DecodeError, UnicodeError, RecursionError."""

Reason = str
"""Why a record is not an audit event: one of the constants above, so that it can be counted."""

Outcome = tuple[str, AuditEvent | Reason]
"""A record's position and what it turned out to be."""


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A record that was set aside.

    Shape: `position` is a record's ID, "record 17" or "audit.jsonl:12"; `reason` has stable
    wording.
    """

    position: str
    reason: str


@dataclass(frozen=True, slots=True)
class Batch:
    """The records that came in together, each one accounted for.

    Shape: `skipped` counts records of other log types; `source` is a log stream or a file.
    """

    cluster: str
    account: str
    events: tuple[AuditEvent, ...]
    unreadable: tuple[Unreadable, ...]
    skipped: int
    source: str

    @property
    def partial(self) -> int:
        """How many events are incomplete."""
        return sum(isinstance(event, PartialEvent) for event in self.events)

    @property
    def received(self) -> int:
        """How many records came in."""
        return len(self.events) + len(self.unreadable) + self.skipped


def read_record(message: str | bytes, logged_at_ms: int = 0) -> AuditEvent | Reason:
    """Return the audit event that a record holds, or the reason why it holds none.

    `logged_at_ms` is when the log received the record, in milliseconds since 1970; it stands
    in for the stage timestamp where the record has lost its own times. Never raises.
    """
    try:
        event = decode_event(message)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return _read_damaged(message, logged_at_ms)
    if not event.is_audit:
        return NOT_AUDIT
    if event.requestReceivedTimestamp or event.stageTimestamp:
        return event
    return timed(event, logged_at_ms)


def _read_damaged(message: str | bytes, logged_at_ms: int) -> AuditEvent | Reason:
    raw = message.encode("utf-8", "replace") if isinstance(message, str) else message
    event = recover(raw)
    if event is not None:
        return event if has_time(event) else timed(event, logged_at_ms)
    text = raw.strip()
    if not text:
        return EMPTY
    if _is_json(text):
        return NOT_AUDIT
    return NOTHING_LEFT if text.startswith(b"{") else NOT_JSON


def has_time(event: AuditEvent) -> bool:
    """Return whether the record says when its request came."""
    return bool(event.requestReceivedTimestamp or event.stageTimestamp)


def timed(event: AuditEvent, logged_at_ms: int) -> AuditEvent:
    """Return the event with the time of its log record, in milliseconds since 1970, if known."""
    if not logged_at_ms:
        return event
    return msgspec.structs.replace(event, stageTimestamp=_rfc3339(logged_at_ms))


def _is_json(text: bytes) -> bool:
    try:
        msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeError):
        return False
    except RecursionError:
        return text[:1] in (b"{", b"[")
    return True


def _rfc3339(milliseconds: int) -> str:
    """Return a log event's timestamp (milliseconds since 1970) as the audit log writes time."""
    try:
        at = datetime.fromtimestamp(milliseconds / 1000, UTC)
    except (OverflowError, OSError, ValueError):
        return ""
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def batch(
    outcomes: Sequence[Outcome],
    *,
    cluster: str,
    account: str,
    source: str,
    skipped: int = 0,
    extra: Sequence[Unreadable] = (),
) -> Batch:
    """Return the outcomes as a Batch, in order; `extra` follows the unreadable."""
    events, unreadable = list[AuditEvent](), list[Unreadable]()
    for position, outcome in outcomes:
        if isinstance(outcome, str):
            unreadable.append(Unreadable(position, outcome))
        else:
            events.append(outcome)
    return Batch(
        cluster=cluster,
        account=account,
        events=tuple(events),
        unreadable=(*unreadable, *extra),
        skipped=skipped,
        source=source,
    )


def joined(parts: Sequence[Batch]) -> Batch:
    """Return the parts of one delivery as one batch."""
    if len(parts) == 1:
        return parts[0]
    return Batch(
        cluster=parts[0].cluster,
        account=parts[0].account,
        events=tuple(event for part in parts for event in part.events),
        unreadable=tuple(lost for part in parts for lost in part.unreadable),
        skipped=sum(part.skipped for part in parts),
        source=parts[0].source,
    )
