"""Whether a request adds a container to a workload that is there already.

The log shows an object after the write, never before. Three things still tell what is new: an
operation that inserts an element; a container that nobody but this request's field manager
owns, beside one that somebody else does; and a patch that names a container in full, beside
others that it does not name.

Source: kubernetes.io/docs/reference/using-api/server-side-apply, "Field management"; the
server's defaults belong to whoever added the container.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import timedelta

import msgspec

from ekswatch.audit.event import AuditEvent, Json, moment
from ekswatch.audit.lenient import at, mapping, objects, text
from ekswatch.audit.views.written import Written

LISTS = ("containers", "initContainers")

INSERT = re.compile(r"/(?:containers|initContainers)/(?:-|\d{1,5})$")

DEFAULTED = frozenset(
    {"imagePullPolicy", "terminationMessagePath", "terminationMessagePolicy", "resources"}
)
"""Fields that the server fills in."""

AT_THE_WRITE = timedelta(seconds=5)
"""How far the time of a field manager's entry, in whole seconds, lies from the request."""


def is_added(found: Written, template: tuple[str, ...], container: Mapping[str, Json]) -> bool:
    """Return whether the request adds the container; false for what it creates as a whole."""
    event, name = found.event, text(container.get("name"))
    if found.kind == "Pod" or event.responseStatus.code == 201 or not name:
        return False
    if event.verb not in ("patch", "update"):
        return False
    pod_spec = (*template, "spec")
    return (
        name in set(_inserted(objects(event.request)))
        or _is_owned_alone(found, pod_spec, name)
        or _is_named_in_full(found, pod_spec, container)
    )


def _inserted(operations: list[dict[str, Json]]) -> Iterator[str]:
    for operation in operations:
        if operation.get("op") == "add" and INSERT.search(text(operation.get("path"))):
            yield text(mapping(operation.get("value")).get("name"))


def _is_owned_alone(found: Written, pod_spec: tuple[str, ...], name: str) -> bool:
    """Whether only this request's manager owns the container, and not all the others."""
    ours, others = set[str](), set[str]()
    for entry in objects(at(found.object, ("metadata", "managedFields"))):
        owned = _owned(entry, pod_spec)
        (ours if _is_of(entry, found.event) else others).update(owned)
    return name in ours - others and bool(others)


def _owned(entry: Mapping[str, Json], pod_spec: tuple[str, ...]) -> Iterator[str]:
    """The names of containers that a field manager added, or applies."""
    fields = at(entry.get("fieldsV1"), tuple(f"f:{key}" for key in pod_spec))
    for kind in LISTS:
        for key, owned in mapping(mapping(fields).get(f"f:{kind}")).items():
            if "." in mapping(owned) and key.startswith("k:"):
                yield _key_name(key.removeprefix("k:"))


def _key_name(key: str) -> str:
    try:
        return text(mapping(msgspec.json.decode(key)).get("name"))
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return ""


def _is_of(entry: Mapping[str, Json], event: AuditEvent) -> bool:
    written_at = moment(text(entry.get("time")))
    if written_at is None or abs(written_at - event.at) > AT_THE_WRITE:
        return False
    return text(entry.get("manager")) == _manager(event)


def _manager(event: AuditEvent) -> str:
    """The field manager that a request names, else what its user agent begins with."""
    named = next((value for key, value in event.query if key == "fieldManager"), "")
    return named or event.userAgent.partition("/")[0]


def _is_named_in_full(
    found: Written, pod_spec: tuple[str, ...], container: Mapping[str, Json]
) -> bool:
    """Whether a patch says all that the container is, and leaves another one unnamed."""
    if found.fragment is None or isinstance(found.event.request, list):
        return False
    sent = {text(one.get("name")): one for one in _containers(found.fragment, pod_spec)}
    said = sent.get(text(container.get("name")))
    unnamed = {text(one.get("name")) for one in _containers(found.object, pod_spec)} - sent.keys()
    if not said or not unnamed or not text(said.get("image")):
        return False
    return {key for key, value in container.items() if value} - DEFAULTED <= said.keys()


def _containers(body: Mapping[str, Json], pod_spec: tuple[str, ...]) -> list[dict[str, Json]]:
    spec = mapping(at(body, pod_spec))
    return [one for kind in LISTS for one in objects(spec.get(kind))]
