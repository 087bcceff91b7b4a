"""The view volume: what a pod mounts from its node and from elsewhere."""

from collections.abc import Mapping

from ekswatch.audit.event import AuditEvent, Json, Value
from ekswatch.audit.lenient import at, flag, mapping, objects, text
from ekswatch.audit.resources import CORE
from ekswatch.audit.views.images import repository
from ekswatch.audit.views.paths import clean_path
from ekswatch.audit.views.row import Row, row
from ekswatch.audit.views.workload import Container, Pod, pod_fields, read_pod
from ekswatch.audit.views.written import written

ON_NODE = ("hostPath", "local")
"""Volume types that are a path on a node."""


def volume_rows(event: AuditEvent) -> tuple[Row, ...]:
    if event.objectRef.resource == "persistentvolumes":
        return _persistent_rows(event)
    pod = read_pod(event)
    return () if pod is None else _pod_volume_rows(pod)


def _pod_volume_rows(pod: Pod) -> tuple[Row, ...]:
    """A debug session writes no volume, but its container may mount one."""
    common = pod_fields(pod)
    fields = (_volume_fields(volume, pod) for volume in objects(pod.spec.get("volumes")))
    return tuple(
        {**common, **volume} for volume in fields if volume["volume.mounted"] or not pod.debugs
    )


def _volume_fields(volume: Mapping[str, Json], pod: Pod) -> dict[str, Value]:
    name, kind = text(volume.get("name")), _type(volume)
    mounts = [(one, mount) for one in pod.containers for mount in _mounts(one, name)]
    return row(
        {
            "volume.name": name,
            "volume.type": kind,
            "volume.path": _path(volume, kind),
            "volume.mounted": bool(mounts),
            "volume.writable": any(not flag(mount.get("readOnly")) for _, mount in mounts)
            if pod.containers
            else None,
            "volume.images": tuple(dict.fromkeys(one.image for one, _ in mounts if one.image)),
            "volume.repositories": tuple(
                dict.fromkeys(repository(one.image) for one, _ in mounts if one.image)
            ),
        }
    )


def _persistent_rows(event: AuditEvent) -> tuple[Row, ...]:
    found = written(event, {"persistentvolumes": "PersistentVolume"}, groups=(CORE,))
    spec = mapping(found.object.get("spec")) if found else {}
    kind = next((one for one in ON_NODE if one in spec), "")
    if found is None or not kind:
        return ()
    fields: dict[str, Value] = {
        "volume.name": found.name,
        "volume.type": kind,
        "volume.path": _path(spec, kind),
        "volume.writable": True,
    }
    return (row(fields),)


def _type(volume: Mapping[str, Json]) -> str:
    return next((key for key, value in volume.items() if isinstance(value, dict)), "")


def _path(volume: Mapping[str, Json], kind: str) -> str:
    return clean_path(text(at(volume, (kind, "path")))) if kind in ON_NODE else ""


def _mounts(one: Container, name: str) -> list[dict[str, Json]]:
    return [mount for mount in one.mounts if mount.get("name") == name]
