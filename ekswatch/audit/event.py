"""AuditEvent: one record of the Kubernetes API server's audit log, decoded lazily.

The header is decoded at once into typed fields; the request and response bodies, nine
tenths of the bytes, stay raw until a detection needs them.
Every field is optional, because older clusters, other collectors and cut records leave
fields out; a field that is there must have its type.

Source: k8s.io/apiserver/pkg/apis/audit/v1, type Event.
"""

# ruff: noqa: N815 (field names are the API's own)

from datetime import UTC, datetime
from functools import cached_property
from typing import Any, ClassVar
from urllib.parse import parse_qsl

import msgspec

Json = Any
"""A decoded JSON value: dict, list, str, int, float, bool or None."""

Value = str | int | float | bool | tuple[str, ...] | None
"""What a field of the vocabulary holds: a scalar, several strings, or None when absent."""

NO_BODY = msgspec.Raw(b"null")


class User(msgspec.Struct, frozen=True, gc=False):
    """Who made a request, as the authenticator named them. `extra` values are lists of strings."""

    username: str = ""
    uid: str = ""
    groups: tuple[str, ...] = ()
    extra: dict[str, tuple[str, ...]] = {}


class ObjectRef(msgspec.Struct, frozen=True, gc=False):
    """What a request is about. A list, a watch and most creates have no `name`."""

    resource: str = ""
    subresource: str = ""
    namespace: str = ""
    name: str = ""
    apiGroup: str = ""
    apiVersion: str = ""
    uid: str = ""
    resourceVersion: str = ""


class ResponseStatus(msgspec.Struct, frozen=True, gc=False):
    """The HTTP outcome; `code` is 0 when the record has none."""

    code: int = 0
    status: str = ""
    reason: str = ""
    message: str = ""


class AuditEvent(msgspec.Struct, frozen=True, dict=True):
    """One audit event. Field names are the API's own; the properties below are derived.

    `partial` is empty, or says why the record is incomplete: only `PartialEvent` sets it,
    never the JSON of a record.
    """

    partial: ClassVar[str] = ""

    kind: str = ""
    apiVersion: str = ""
    level: str = ""
    auditID: str = ""
    stage: str = ""
    requestURI: str = ""
    verb: str = ""
    user: User = User()
    impersonatedUser: User | None = None
    sourceIPs: tuple[str, ...] = ()
    userAgent: str = ""
    objectRef: ObjectRef = ObjectRef()
    responseStatus: ResponseStatus = ResponseStatus()
    requestObject: msgspec.Raw = NO_BODY
    responseObject: msgspec.Raw = NO_BODY
    requestReceivedTimestamp: str = ""
    stageTimestamp: str = ""
    annotations: dict[str, str] = {}

    @property
    def is_audit(self) -> bool:
        """Whether this is an audit event: by its kind, or by a verb and whom or what it names."""
        if self.kind == "Event" and self.apiVersion.startswith("audit.k8s.io/"):
            return True
        named = self.user.username or self.objectRef.resource or self.requestURI
        return bool(self.verb and named)

    @cached_property
    def request(self) -> Json:
        """The decoded request body, None when there is none or it cannot be decoded."""
        return _body(self.requestObject)

    @cached_property
    def response(self) -> Json:
        """The decoded response body, None when there is none or it cannot be decoded."""
        return _body(self.responseObject)

    @cached_property
    def actor(self) -> User:
        """Whom the request acts as: the impersonated user when there is one, else the user."""
        return self.user if self.impersonatedUser is None else self.impersonatedUser

    @cached_property
    def query(self) -> tuple[tuple[str, str], ...]:
        """The parameters of the request URI in order, percent and plus decoded."""
        _, _, query = self.requestURI.partition("?")
        return tuple(parse_qsl(query, keep_blank_values=True)) if query else ()

    @cached_property
    def at(self) -> datetime:
        """When the request arrived, in UTC: the same for every stage of one request.

        The epoch when the record carries no readable time.
        """
        return moment(self.requestReceivedTimestamp) or moment(self.stageTimestamp) or EPOCH


class PartialEvent(AuditEvent, frozen=True, dict=True):
    """What could be saved of a record that was cut or has fields of the wrong type."""

    partial: str = ""  # type: ignore[misc]  # a field here, a constant in the base


EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _body(raw: msgspec.Raw) -> Json:
    try:
        return msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def moment(text: str) -> datetime | None:
    """The written time in UTC, which is also meant where no zone is named; None for no time."""
    try:
        at = datetime.fromisoformat(text)
        return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except (ValueError, OverflowError):  # no time, or one that only another zone's calendar has
        return None
