"""What can be saved of a record that a strict decoder refuses.

Large records arrive cut (CloudWatch limits an event to 1 MB), other collectors write nulls
and wrong types, and an attacker would like a record to be dropped. Each field is judged by
itself: what is whole and of its type stays, what is not is dropped and named in `partial`.
A body that is cut keeps the part before the cut.
"""

import re
from itertools import islice
from typing import Any

import jiter
import msgspec

from ekswatch.audit.event import AuditEvent, ObjectRef, PartialEvent, ResponseStatus, User
from ekswatch.audit.scan import Member, members, repaired
from ekswatch.audit.scan import values as stream_values

TRUNCATED_SUFFIX = re.compile(rb"\s*\[Truncated\.\.\.\]\s*$")
"""What EKS writes behind a record that it cut."""

Parts = dict[str, Any]
"""Field name to type: a Struct, `Texts`, or what msgspec decodes a value to."""

Texts = dict[str, str]
TextLists = dict[str, tuple[str, ...]]

FIELDS: dict[type, Parts] = {
    struct: {field.encode_name: field.type for field in msgspec.structs.fields(struct)}
    for struct in (AuditEvent, User, ObjectRef, ResponseStatus)
}
FIELDS[AuditEvent] |= {"impersonatedUser": User, "annotations": Texts}
FIELDS[User]["extra"] = TextLists

ATTRIBUTES = {"annotations": "annotations_json", "extra": "extra_json"}
"""What a field is called in Python where that differs."""

PIECE_BYTES = 64 * 1024

_TRAILING_NUMBER = re.compile(rb"[0-9.eE+-]+$")


def recover(raw: bytes) -> AuditEvent | None:
    """Return what the record holds, None when nothing of an audit event is left.

    A PartialEvent says in `partial` what it lost; a record with nothing worse than nulls,
    which mean absent, is a plain AuditEvent.
    """
    text, cut = TRUNCATED_SUFFIX.subn(b"", raw)
    losses: list[str] = []
    values = _struct(AuditEvent, text, "", losses)
    if cut and not any(loss.startswith("cut") for loss in losses):
        losses.append("cut")
    if not losses and _goes_on(text):
        losses.append("text after the record")
    event = AuditEvent(**values)
    if not event.is_audit or not (event.auditID or event.verb or event.requestURI):
        return None
    return PartialEvent(**values, partial="; ".join(losses)) if losses else event


def _goes_on(text: bytes) -> bool:
    """Return whether a second value follows the first; hostile text may hold millions."""
    pieces = (text[start : start + PIECE_BYTES] for start in range(0, len(text), PIECE_BYTES))
    return next(islice(stream_values(pieces), 1, None), None) is not None


def _struct(kind: type, raw: bytes, path: str, losses: list[str]) -> dict[str, Any]:
    """Return the fields of an object that can be read."""
    parts, found = FIELDS[kind], {}
    inside, closed = members(raw)
    for member in inside:
        if member.key in parts and member.value != b"null":
            value = _value(parts[member.key], member, _join(path, member.key), losses)
            if value is not None:
                found[ATTRIBUTES.get(member.key, member.key)] = value
    if not closed and not any(loss.startswith("cut") for loss in losses):
        losses.append(f"cut in {path}" if path else "cut")
    return found


def _value(kind: Any, member: Member, path: str, losses: list[str]) -> Any:
    """Return the value as the field's type has it, None when it cannot be read."""
    is_object = member.value.startswith(b"{")
    if kind is msgspec.Raw:
        return _body(member, path, losses)
    if kind in FIELDS and is_object:
        return kind(**_struct(kind, member.value, path, losses))
    if kind in (Texts, TextLists) and is_object:
        return msgspec.Raw(msgspec.json.encode(_mapping(kind, member.value, path, losses)))
    if not member.whole:
        losses.append(f"cut in {path}")
        return None
    return _decoded(kind, member.value, path, losses)


def _mapping(kind: Any, raw: bytes, path: str, losses: list[str]) -> dict[str, Any]:
    value_kind = kind.__args__[1]
    found = {}
    inside, closed = members(raw)
    for member in inside:
        if member.value != b"null":
            value = _value(value_kind, member, _join(path, member.key), losses)
            if value is not None:
                found[member.key] = value
    if not closed and not any(loss.startswith("cut") for loss in losses):
        losses.append(f"cut in {path}")
    return found


def _decoded(kind: Any, value: bytes, path: str, losses: list[str]) -> Any:
    try:
        return msgspec.json.decode(value, type=kind)
    except (msgspec.ValidationError, RecursionError):
        losses.append(f"{path} has the wrong type")
        return None
    except (msgspec.DecodeError, UnicodeDecodeError):
        pass
    try:
        mended = msgspec.json.decode(repaired(value), type=kind)
    except (msgspec.DecodeError, RecursionError):
        losses.append(f"{path} is not JSON")
        return None
    losses.append(f"{path} has invalid characters")
    return mended


def _body(member: Member, path: str, losses: list[str]) -> msgspec.Raw | None:
    if not member.whole:
        losses.append(f"cut in {path}")
        return _prefix(member.value)
    try:
        msgspec.json.decode(member.value)
    except RecursionError:
        losses.append(f"{path} is nested too deeply")
        return None
    except (msgspec.DecodeError, UnicodeDecodeError):
        value = _decoded(Any, member.value, path, losses)
        return None if value is None else msgspec.Raw(msgspec.json.encode(value))
    return msgspec.Raw(member.value)


def _prefix(value: bytes) -> msgspec.Raw | None:
    """Return the readable part of a body that was cut, as whole JSON.

    A number at the cut is left out: `100` may have been the beginning of `1000`.
    """
    text = _TRAILING_NUMBER.sub(b"", value).decode("utf-8", "replace")
    try:
        found = jiter.from_json(text.encode(), partial_mode=True)
    except ValueError:
        return None
    return msgspec.Raw(msgspec.json.encode(found)) if found else None


def _join(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key
