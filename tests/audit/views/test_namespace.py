"""The view namespace."""

from typing import Any

import pytest

from ekswatch.audit.views import rows
from tests.audit.examples import attack, event

ENFORCE = "pod-security.kubernetes.io/enforce"
LABELLED = attack("psa_label_to_privileged", verb="patch")


def test_a_real_label() -> None:
    """The levels after the write, and what the request wrote."""
    assert rows(event(LABELLED), "namespace") == (
        {
            "namespace.enforce": "privileged",
            "namespace.labels_set": (ENFORCE,),
            "namespace.labels.kubernetes.io/metadata.name": "payments",
            f"namespace.labels.{ENFORCE}": "privileged",
            "namespace.labels.team": "payments",
        },
    )


@pytest.mark.parametrize(
    ("body", "set_", "removed"),
    [
        ({"metadata": {"labels": {"a": "b", "c": None}}}, ("a",), ("c",)),
        ({"metadata": {"labels": None}}, None, ("*",)),
        ({"metadata": {"labels": {"$patch": "replace", "a": "b"}}}, ("a",), ("*",)),
        ({"metadata": {"annotations": {"a": "b"}}}, None, None),
        ([{"op": "remove", "path": "/metadata/labels/a.b~1c"}], None, ("a.b/c",)),
        ([{"op": "remove", "path": "/metadata/labels"}], None, ("*",)),
        ([{"op": "add", "path": "/metadata/labels/a", "value": "b"}], ("a",), None),
        ([{"op": "test", "path": "/metadata/labels/a", "value": "b"}], None, None),
    ],
)
def test_what_a_patch_does_to_labels(body: Any, set_: Any, removed: Any) -> None:
    """Merge patches, strategic ones and operations say it in different ways."""
    (row,) = rows(event(LABELLED, requestObject=body), "namespace")

    assert (row.get("namespace.labels_set"), row.get("namespace.labels_removed")) == (set_, removed)


def test_an_update_writes_all_labels() -> None:
    """What it leaves out cannot be known."""
    body = {"kind": "Namespace", "metadata": {"labels": {"a": "b"}, "annotations": {"x/y": "z"}}}
    (row,) = rows(
        event(LABELLED, verb="update", requestObject=body, responseObject=body), "namespace"
    )

    assert row == {
        "namespace.labels_set": ("a",),
        "namespace.labels.a": "b",
        "namespace.annotations.x/y": "z",
    }
