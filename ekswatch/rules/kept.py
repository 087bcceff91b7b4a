"""What a match keeps of a field's value: bounded, redacted, never a part of a body."""

import re
from collections.abc import Callable, Iterable
from hashlib import sha256
from typing import Any

from ekswatch.audit.event import Value
from ekswatch.audit.redact import redact

MEMBERS = 50
MEMBER_CHARACTERS = 512
"""Of a list; `redact` bounds a text that stands alone."""

AUDIT_ID_CHARACTERS = 64
"""The API server's own have 36; a caller can choose one of any length (header Audit-ID)."""
DIGEST_DIGITS = 16

MEMO_ENTRIES = 4_096
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


class Keeper:
    """Makes values fit to be kept; remembers short texts, which are mostly the same ones."""

    __slots__ = ("_memo",)

    def __init__(self) -> None:
        self._memo: dict[str, str] = {}

    def snapshot(
        self,
        fields: Iterable[tuple[str, Callable[[Any], Any]]],
        source: Any,
        known: dict[str, Value] | None = None,
    ) -> dict[str, Value]:
        """Each field that is there, read from the source, as a match keeps it.

        What is in `known` was read from this source before; what was not is added to it.
        """
        known = {} if known is None else known
        taken: dict[str, Value] = {}
        for name, read in fields:
            if name in known:
                kept = known[name]
            else:
                value = read(source)
                kept = self._memo.get(value) if type(value) is str else None
                if kept is None and value is not None:
                    kept = value if name in PLAIN else self.keep(value)
                known[name] = kept
            if kept is not None:
                taken[name] = kept
        return taken

    def keep(self, value: Any) -> Value:
        """The value as a match keeps it; None for nothing, and for an empty list."""
        if isinstance(value, str):
            return self._text(value)
        if isinstance(value, list | tuple):
            return tuple([self._member(one) for one in value[:MEMBERS] if one is not None]) or None
        if isinstance(value, bool | int | float):
            return value
        return "(object)" if isinstance(value, dict) else None

    def _member(self, value: Any) -> str:
        return str(self.keep(value))[:MEMBER_CHARACTERS]

    def _text(self, text: str) -> str:
        known = self._memo.get(text)
        if known is None:
            known = redact(text)
            if len(text) <= MEMO_CHARACTERS:
                if len(self._memo) >= MEMO_ENTRIES:
                    self._memo.clear()
                self._memo[text] = known
        return known
