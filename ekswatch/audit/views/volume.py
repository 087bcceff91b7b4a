"""The view volume: what a pod mounts from its node and from elsewhere."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from ekswatch.audit.event import AuditEvent, Json, Value
from ekswatch.audit.lenient import at, flag, mapping, objects, text
from ekswatch.audit.resources import CORE
from ekswatch.audit.views.images import repository
from ekswatch.audit.views.paths import clean_path
from ekswatch.audit.views.row import Fields, Row
from ekswatch.audit.views.workload import Container, Pod
from ekswatch.audit.views.written import Target, Written, written

PERSISTENT = Target({"persistentvolumes": "PersistentVolume"}, groups=(CORE,))

ON_NODE = ("hostPath", "local")
"""Volume types that are a path on a node."""


@dataclass(frozen=True)
class Volume:
    """A volume of a pod: its JSON, and the containers that mount it."""

    pod: Pod
    spec: Mapping[str, Json]

    @property
    def name(self) -> str:
        return text(self.spec.get("name"))

    @property
    def type(self) -> str:
        return next((key for key, value in self.spec.items() if isinstance(value, dict)), "")

    @cached_property
    def mounts(self) -> list[tuple[Container, dict[str, Json]]]:
        containers = self.pod.containers
        return [(one, m) for one in containers for m in one.mounts if m.get("name") == self.name]

    @property
    def images(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(one.image for one, _ in self.mounts if one.image))


def pod_volume_rows(pod: Pod) -> tuple[Row, ...]:
    """A debug session writes no volume, but its container may mount one."""
    volumes = [Volume(pod, spec) for spec in objects(pod.spec.get("volumes"))]
    return tuple(
        Row((VOLUME, volume), within=pod.row)
        for volume in volumes
        if volume.mounts or not pod.debugs
    )


def persistent_rows(event: AuditEvent) -> tuple[Row, ...]:
    found = written(event, PERSISTENT)
    if found is None or not _type_on_node(found):
        return ()
    return (Row((PERSISTENT_VOLUME, found)),)


def _writable(volume: Volume) -> bool | None:
    if not volume.pod.containers:
        return None
    return any(not flag(mount.get("readOnly")) for _, mount in volume.mounts)


def _path(spec: Mapping[str, Json], kind: str) -> str:
    return clean_path(text(at(spec, (kind, "path")))) if kind in ON_NODE else ""


def _type_on_node(found: Written) -> str:
    spec = mapping(found.object.get("spec"))
    return next((one for one in ON_NODE if one in spec), "")


def _repositories(volume: Volume) -> Value:
    return tuple(dict.fromkeys(map(repository, volume.images)))


VOLUME: Fields[Volume] = Fields(
    {
        "volume.name": lambda volume: volume.name,
        "volume.type": lambda volume: volume.type,
        "volume.path": lambda volume: _path(volume.spec, volume.type),
        "volume.mounted": lambda volume: bool(volume.mounts),
        "volume.writable": _writable,
        "volume.images": lambda volume: volume.images,
        "volume.repositories": _repositories,
    }
)

PERSISTENT_VOLUME: Fields[Written] = Fields(
    {
        "volume.name": lambda found: found.name,
        "volume.type": _type_on_node,
        "volume.path": lambda found: _path(mapping(found.object.get("spec")), _type_on_node(found)),
        "volume.writable": lambda _: True,
    }
)
