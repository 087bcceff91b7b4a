"""Written: the object that a request creates or changes, as it is after the write.

The response is the object when the API server answered with it. Otherwise (the write was
refused, or the response was lost) what the client sent stands in: a whole object, or the
fragment of a patch. Operations of a JSON patch are applied to an empty object.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import msgspec

from ekswatch.audit.event import LAST_APPLIED, AuditEvent, Json
from ekswatch.audit.lenient import at, has, mapping, objects, text

WRITES = frozenset({"create", "update", "patch"})

POINTER_DEPTH = 64
"""Steps of a JSON pointer that we follow; no field of a built-in object lies deeper."""


@dataclass(frozen=True)
class Written:
    """One object under the hands of a request.

    Shape: `object` is never None but may be a fragment.
    """

    event: AuditEvent
    kind: str
    object: Mapping[str, Json]

    @property
    def subresource(self) -> str:
        return self.event.objectRef.subresource

    @property
    def name(self) -> str:
        return self.event.objectRef.name or _name(self.object) or _name(self.request)

    @property
    def namespace(self) -> str:
        found = self.event.objectRef.namespace
        return found or text(at(self.object, ("metadata", "namespace")))

    @cached_property
    def request(self) -> Mapping[str, Json]:
        """What the client sent; empty when that is not there."""
        return _request(self.event)

    @property
    def fragment(self) -> Mapping[str, Json] | None:
        """What a patch changes; None for a create or an update, which write everything."""
        patched = self.event.verb == "patch" and self.event.request is not None
        return self.request if patched else None

    @property
    def last_applied(self) -> str:
        """The text of kubectl's last-applied annotation in what the client sent."""
        if bytes(self.event.requestObject).startswith(b"["):  # a JSON patch
            return text(at(self.request, ("metadata", "annotations", LAST_APPLIED)))
        return self.event.request_head.metadata.annotations.last_applied

    def touches(self, path: tuple[str, ...]) -> bool:
        """Return whether the request writes what lies at the path."""
        return self.fragment is None or has(self.fragment, path)


@dataclass(frozen=True, slots=True)
class Target:
    """The objects whose writing a view is about. `kinds` maps resource to kind."""

    kinds: Mapping[str, str]
    groups: Collection[str]
    subresources: Collection[str] = ("",)


def written(event: AuditEvent, target: Target) -> Written | None:
    """Return the object that the event writes if it is a target, else None.

    Decided on the header, so that other events cost no decoding; a record that lost its
    reference is judged by the kind of its body.
    """
    ref = event.objectRef
    if event.verb not in WRITES or ref.subresource not in target.subresources:
        return None
    if ref.resource:
        if ref.resource not in target.kinds or ref.apiGroup not in target.groups:
            return None
        kind = target.kinds[ref.resource]
    else:
        kind = event.request_head.kind or event.response_head.kind
        if kind not in target.kinds.values():
            return None
    return _read(event, kind)


def _read(event: AuditEvent, kind: str) -> Written | None:
    response = mapping(event.response)
    found = response if text(response.get("kind")) == kind else _request(event)
    return Written(event, kind, found) if found else None


def _request(event: AuditEvent) -> dict[str, Json]:
    if isinstance(event.request, list):
        # decoded anew, because applying operations changes the values in place
        return apply_to_nothing(objects(msgspec.json.decode(event.requestObject)))
    return mapping(event.request)


def _name(body: Mapping[str, Json]) -> str:
    metadata = mapping(body.get("metadata"))
    return text(metadata.get("name")) or text(metadata.get("generateName"))


def apply_to_nothing(operations: list[dict[str, Json]]) -> dict[str, Json]:
    """Return what JSON patch operations write, as if the object had been empty.

    An array index is a position where there is such a member, and the end where not.
    Removing leaves a null behind, so that the path still shows as touched.
    Source: RFC 6902, RFC 6901.
    """
    document: Json = {}
    for operation in operations:
        if operation.get("op") in ("add", "replace", "remove"):
            document = _put(document, _pointer(operation.get("path")), operation.get("value"))
    return mapping(document)


def _pointer(path: Json) -> list[str]:
    parts = text(path).split("/")[1 : POINTER_DEPTH + 1]
    return [part.replace("~1", "/").replace("~0", "~") for part in parts]


def _put(document: Json, keys: list[str], value: Json) -> Json:
    if not keys:
        return value if isinstance(value, dict) else document
    parent = document
    for key, following in pairwise(keys):
        parent = _child(parent, key, [] if _is_index(following) else {})
    _set(parent, keys[-1], value)
    return document


def _child(parent: Json, key: str, empty: Json) -> Json:
    """Return the object or array under a key, made when there is none."""
    found = _get(parent, key)
    if isinstance(found, dict | list):
        return found
    _set(parent, key, empty)
    return empty


def _get(parent: Json, key: str) -> Json:
    if isinstance(parent, dict):
        return parent.get(key)
    position = _position(parent, key)
    return None if position is None else parent[position]


def _set(parent: Json, key: str, value: Json) -> None:
    if isinstance(parent, dict):
        parent[key] = value
        return
    position = _position(parent, key)
    if position is None:
        parent.append(value)
    else:
        parent[position] = value


def _position(array: list[Json], key: str) -> int | None:
    index = int(key) if key.isdecimal() and len(key) < 6 else len(array)
    return index if index < len(array) else None


def _is_index(key: str) -> bool:
    return key == "-" or (key.isascii() and key.isdecimal())
