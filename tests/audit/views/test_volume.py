"""The view volume."""

from typing import Any

import pytest

from ekswatch.audit.event import AuditEvent
from ekswatch.audit.views import rows
from ekswatch.audit.views.paths import clean_path
from tests.audit.examples import attack, event


def pod_event(spec: dict[str, Any], subresource: str = "") -> AuditEvent:
    reference = {"resource": "pods", "namespace": "web", "subresource": subresource}
    body = {"kind": "Pod", "metadata": {"name": "p"}, "spec": spec}
    return event({"verb": "create", "objectRef": reference, "requestObject": body})


def volumes(given: AuditEvent) -> list[dict[str, Any]]:
    found = rows(given, "volume")
    return [{k: v for k, v in row.items() if k.startswith("volume.")} for row in found]


def test_the_root_of_the_node_mounted_by_a_real_pod() -> None:
    """Path, mount and image, with the fields of the pod beside them."""
    given = event(attack("hostpath_root_pod", verb="create"))

    root = next(row for row in rows(given, "volume") if row["volume.type"] == "hostPath")

    assert root["volume.path"] == "/"
    assert root["volume.mounted"] is True
    assert root["volume.writable"] is True
    assert root["pod.name"] == "backup-helper"
    assert root["volume.images"] == root["pod.images"]


@pytest.mark.parametrize(
    ("mounts", "mounted", "writable"),
    [
        ([], False, False),
        ([{"name": "other"}], False, False),
        ([{"name": "v"}], True, True),
        ([{"name": "v", "readOnly": True}], True, False),
        ([{"name": "v", "readOnly": True}, {"name": "v"}], True, True),
        ([{"name": "v", "readOnly": "true"}], True, True),
        (["v", None, {"name": ["v"]}], False, False),
    ],
)
def test_a_volume_is_writable_when_some_mount_is(
    mounts: list[Any], mounted: bool, writable: bool
) -> None:
    """Every mount counts; only a true readOnly protects."""
    spec = {
        "volumes": [{"name": "v", "hostPath": {"path": "/etc/"}}],
        "containers": [{"image": "a", "volumeMounts": mounts}],
    }

    (row,) = volumes(pod_event(spec))

    assert row["volume.path"] == "/etc"
    assert row["volume.mounted"] is mounted
    assert row["volume.writable"] is writable
    assert row.get("volume.images") == (("a",) if mounted else None)
    assert row.get("volume.repositories") == (("docker.io/library/a",) if mounted else None)


def test_other_types_have_no_path() -> None:
    """A type is the key beside the name."""
    kinds = [
        {"name": "a", "secret": {"secretName": "s"}},
        {"name": "b", "emptyDir": {}},
        {"name": "c"},
    ]

    found = volumes(pod_event({"volumes": kinds, "containers": []}))

    assert [row.get("volume.type") for row in found] == ["secret", "emptyDir", None]
    assert not any("volume.path" in row for row in found)


@pytest.mark.parametrize("kind", ["hostPath", "local"])
def test_a_persistent_volume_on_the_node_is_writable(kind: str) -> None:
    """Who may claim it is not known, so nothing is said about mounts."""
    body = {"kind": "PersistentVolume", "metadata": {"name": "pv"}, "spec": {kind: {"path": "/a/"}}}
    given = event(
        {"verb": "create", "objectRef": {"resource": "persistentvolumes"}, "requestObject": body}
    )

    assert volumes(given) == [
        {
            "volume.name": "pv",
            "volume.type": kind,
            "volume.path": "/a",
            "volume.writable": True,
        }
    ]


def test_another_persistent_volume_has_no_row() -> None:
    """A disk of the cloud is not the node's."""
    body = {"kind": "PersistentVolume", "spec": {"csi": {"driver": "ebs.csi.aws.com"}}}
    given = event(
        {"verb": "create", "objectRef": {"resource": "persistentvolumes"}, "requestObject": body}
    )

    assert volumes(given) == []


def test_a_debug_session_shows_the_volumes_it_mounts() -> None:
    """The others were judged when the pod was created."""
    spec = {
        "volumes": [{"name": name, "hostPath": {"path": f"/{name}"}} for name in ("a", "b")],
        "containers": [{"volumeMounts": [{"name": "a"}]}],
        "ephemeralContainers": [{"volumeMounts": [{"name": "b"}]}],
    }

    assert [row["volume.name"] for row in volumes(pod_event(spec, "ephemeralcontainers"))] == ["b"]


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/", "/"),
        ("//", "/"),
        ("/./", "/"),
        ("/var//run/../run/docker.sock/", "/var/run/docker.sock"),
        ("/..", "/"),
        ("relative/./x/", "relative/x"),
        ("", ""),
    ],
)
def test_a_path_has_one_spelling(path: str, expected: str) -> None:
    """Dots and slashes hide nothing."""
    assert clean_path(path) == expected
