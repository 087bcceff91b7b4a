"""What a match keeps of a field's value: bounded, redacted, never a part of a body."""

import re
from collections.abc import Iterable
from hashlib import sha256
from typing import Any

from ekswatch.audit.event import AuditEvent, Value
from ekswatch.audit.memory import Memory
from ekswatch.audit.redact import redact
from ekswatch.audit.views import Row
from ekswatch.rules.matcher.profile import is_of_event

MEMBERS = 50
MEMBER_CHARACTERS = 512
"""Of a list; `redact` bounds a text that stands alone."""

AUDIT_ID_CHARACTERS = 64
"""The API server's own have 36; a caller can choose one of any length (header Audit-ID)."""
DIGEST_DIGITS = 16

MEMO_ENTRIES = 2_048
MEMO_CHARACTERS = 256

PLAIN = frozenset({"requestReceivedTimestamp", "stageTimestamp"})
"""Fields that hold nothing a client chooses, and hardly the same text twice."""

_is_uuid = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}").fullmatch


def bounded_id(audit_id: str) -> str:
    """An audit ID, redacted and short; what that takes away a hash replaces, to stay distinct."""
    if _is_uuid(audit_id):
        return audit_id
    shown = redact(audit_id)
    if shown == audit_id and len(audit_id) <= AUDIT_ID_CHARACTERS:
        return audit_id
    digest = sha256(audit_id.encode("utf-8", "replace")).hexdigest()[:DIGEST_DIGITS]
    return f"{shown[: AUDIT_ID_CHARACTERS - DIGEST_DIGITS - 2]}…#{digest}"


def ids_of(event: AuditEvent) -> tuple[str, ...]:
    """The audit ID of an event, as its matches keep it; none where it has none."""
    return (bounded_id(event.auditID),) if event.auditID else ()


class Keeper:
    """Makes values fit to be kept; remembers short texts, which are mostly the same ones."""

    __slots__ = ("_memo",)

    def __init__(self) -> None:
        self._memo: Memory[str, str] = Memory(MEMO_ENTRIES)

    def keep(self, value: Any) -> Value:
        """The value as a match keeps it; None for nothing, and for an empty list."""
        if isinstance(value, str):
            return self._memo.get(value) or self._text(value)
        if isinstance(value, list | tuple):
            return tuple([self._member(one) for one in value[:MEMBERS] if one is not None]) or None
        if isinstance(value, bool | int | float):
            return value
        return "(object)" if isinstance(value, dict) else None

    def _member(self, value: Any) -> str:
        return str(self.keep(value))[:MEMBER_CHARACTERS]

    def _text(self, text: str) -> str:
        known = redact(text)
        if len(text) <= MEMO_CHARACTERS:
            self._memo.put(text, known)
        return known


class Kept(dict[str, Value]):
    """What a match keeps of a row's fields, each made when it is first asked for.

    A row of another view than the event's shares what is kept of the event.
    """

    __slots__ = ("_event", "_keeper", "_row")

    def __init__(self, keeper: Keeper, row: Row, event: "Kept | None" = None) -> None:
        self._keeper = keeper
        self._row = row
        self._event = event

    def __missing__(self, field: str) -> Value:
        if self._event is not None and is_of_event(field):
            kept = self._event[field]
        elif (kept := self._row[field]) is not None and field not in PLAIN:
            kept = self._keeper.keep(kept)
        self[field] = kept
        return kept

    def those(self, fields: Iterable[str]) -> dict[str, Value]:
        """Each of the fields that is there."""
        return {name: value for name in fields if (value := self[name]) is not None}
