"""AuditEvent: one record of the Kubernetes API server's audit log, decoded lazily.

The header is decoded at once into typed fields; the request and response bodies, nine
tenths of the bytes, stay raw until a detection needs them.
Every field is optional, because older clusters, other collectors and cut records leave
fields out; a field that is there must have its type.

Source: k8s.io/apiserver/pkg/apis/audit/v1, type Event.
"""

# ruff: noqa: N815 (field names are the API's own)

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import cached_property
from typing import ClassVar, TypeVar
from urllib.parse import parse_qsl

import msgspec

from ekswatch.audit.lenient import Json as Json
from ekswatch.audit.lenient import Value as Value
from ekswatch.audit.lenient import flag, mapping, objects, text
from ekswatch.audit.memory import Memory
from ekswatch.audit.places import NOWHERE, Place, Places

T = TypeVar("T")

AUDIT_API = "audit.k8s.io/"

NO_BODY = msgspec.Raw(b"null")

Extra = Mapping[str, tuple[str, ...]]
Annotations = Mapping[str, str]


class User(msgspec.Struct, frozen=True, gc=False):
    """Who made a request, as the authenticator named them."""

    username: str = ""
    uid: str = ""
    groups: tuple[str, ...] = ()
    extra_json: msgspec.Raw = msgspec.field(default=NO_BODY, name="extra")

    @property
    def extra(self) -> Extra:
        """What the authenticator adds, lists of strings by key; what is neither is left out."""
        return _extra(bytes(self.extra_json))


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


class Owner(msgspec.Struct, frozen=True, gc=False):
    """What an object belongs to."""

    apiVersion: str = ""
    kind: str = ""
    controller: bool = False


LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
"""The annotation in which `kubectl apply` keeps the whole object as it was given."""


class ObjectAnnotations(msgspec.Struct, frozen=True, gc=False):
    """The one annotation of an object that is read apart from its body."""

    last_applied: str = msgspec.field(default="", name=LAST_APPLIED)


class Metadata(msgspec.Struct, frozen=True, gc=False):
    """What is read of an object's metadata before its body is decoded."""

    name: str = ""
    generateName: str = ""
    ownerReferences: tuple[Owner, ...] = ()
    annotations: ObjectAnnotations = ObjectAnnotations()


class Head(msgspec.Struct, frozen=True, gc=False):
    """The beginning of a body that is a Kubernetes object."""

    kind: str = ""
    metadata: Metadata = Metadata()


BODIES = ("request", "response")


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
    annotations_json: msgspec.Raw = msgspec.field(default=NO_BODY, name="annotations")

    @cached_property
    def annotations(self) -> Annotations:
        """The annotations of the event (not of the object); what is no text is left out."""
        return _annotations(bytes(self.annotations_json))

    @property
    def is_audit(self) -> bool:
        """Whether this is an audit event: by its kind, or by a verb and whom or what it names."""
        if self.kind == "Event" and self.apiVersion.startswith(AUDIT_API):
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

    def let_go(self) -> None:
        """Forget the decoded bodies, which are large; who asks again has them decoded again."""
        for body in BODIES:
            self.__dict__.pop(body, None)

    @cached_property
    def request_head(self) -> Head:
        """The head of the request body, at a tenth of the cost of the body; empty without one."""
        return _head(self.requestObject)

    @cached_property
    def response_head(self) -> Head:
        """The head of the response body; empty without one."""
        return _head(self.responseObject)

    @property
    def actor(self) -> User:
        """Whom the request acts as: the impersonated user when there is one, else the user."""
        return self.user if self.impersonatedUser is None else self.impersonatedUser

    @cached_property
    def place(self) -> Place:
        """Where the last source address lies: nowhere, unless `locate` was told."""
        return NOWHERE

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


def locate(event: AuditEvent, places: Places) -> None:
    """Note where the last source address of an event lies, before its facts are read.

    No record says that itself. Raises: what `Places.of` raises.
    """
    event.__dict__["place"] = places.of(event.sourceIPs[-1] if event.sourceIPs else "")


EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


_decode_head = msgspec.json.Decoder(Head).decode


def _head(raw: msgspec.Raw) -> Head:
    if raw == NO_BODY:
        return Head()
    try:
        return _decode_head(raw)
    except msgspec.ValidationError:  # a null, a wrong type or no object: what can be read of it
        return _lenient_head(_body(raw))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return Head()


def _lenient_head(body: Json) -> Head:
    metadata = mapping(mapping(body).get("metadata"))
    owners = objects(metadata.get("ownerReferences"))
    return Head(
        kind=text(mapping(body).get("kind")),
        metadata=Metadata(
            name=text(metadata.get("name")),
            generateName=text(metadata.get("generateName")),
            ownerReferences=tuple(
                Owner(
                    apiVersion=text(owner.get("apiVersion")),
                    kind=text(owner.get("kind")),
                    controller=flag(owner.get("controller")),
                )
                for owner in owners
            ),
            annotations=ObjectAnnotations(
                text(mapping(metadata.get("annotations")).get(LAST_APPLIED))
            ),
        ),
    )


MEMO_ENTRIES = 512
MEMO_BYTES = 2_048
"""Longer texts than these are read again each time, so that no event can fill the memory."""


def _remembered(read: Callable[[Json], T]) -> Callable[[bytes], T]:
    """The reader of a JSON object that mostly repeats, as of the caller's token."""
    memory: Memory[bytes, T] = Memory(MEMO_ENTRIES)

    def reader(raw: bytes) -> T:
        found = memory.get(raw)
        if found is None:
            found = read(_body(msgspec.Raw(raw)))
            if len(raw) <= MEMO_BYTES:
                memory.put(raw, found)
        return found

    return reader


def _read_extra(value: Json) -> Extra:
    lists = value.items() if isinstance(value, dict) else ()
    return {
        key: tuple(member for member in members if isinstance(member, str))
        for key, members in lists
        if isinstance(members, list)
    }


def _read_annotations(value: Json) -> Annotations:
    texts = value.items() if isinstance(value, dict) else ()
    return {key: text for key, text in texts if isinstance(text, str)}


_extra = _remembered(_read_extra)
_annotations = _remembered(_read_annotations)


def _body(raw: msgspec.Raw) -> Json:
    try:
        return msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def moment(text: str) -> datetime | None:
    """The written time in UTC, which is also meant where no zone is named; None for no time."""
    try:
        at = datetime.fromisoformat(text)
        if at.tzinfo is UTC:
            return at
        return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except (ValueError, OverflowError):  # no time, or one that only another zone's calendar has
        return None
