"""The view node."""

from typing import Any

import pytest

from ekswatch.audit.event import Value
from ekswatch.audit.views import rows
from tests.audit.examples import event, first

CORDONED = first(
    "benign",
    lambda d: (
        d["verb"] == "patch"
        and d["objectRef"]["resource"] == "nodes"
        and "subresource" not in d["objectRef"]
        and d["requestObject"] == {"spec": {"unschedulable": True}}
    ),
)
NAME = CORDONED["objectRef"]["name"]


def patched(body: Any, **changes: Any) -> dict[str, Value]:
    (row,) = rows(event(CORDONED, requestObject=body, responseObject=None, **changes), "node")
    return dict(row)


def test_a_real_cordon() -> None:
    """The node after the write, and that only this was written."""
    (row,) = rows(event(CORDONED), "node")

    assert row["node.name"] == NAME
    assert row["node.unschedulable"] is True
    assert row["node.unschedulable_written"] is True
    assert row["node.taints_written"] is False
    assert row["node.provider_id_written"] is False
    assert row["node.own"] is False


@pytest.mark.parametrize(
    ("body", "written", "removed"),
    [
        ({"spec": {"taints": None}}, True, True),
        ({"spec": {"taints": []}}, True, True),
        ({"spec": {"taints": [{"key": "a", "effect": "NoSchedule"}]}}, True, False),
        ([{"op": "remove", "path": "/spec/taints/0"}], True, True),
        ([{"op": "remove", "path": "/spec/taints"}], True, True),
        ({"spec": {"unschedulable": None}}, False, False),
    ],
)
def test_taints_that_a_patch_takes_away(body: Any, written: bool, removed: bool) -> None:
    """A list that stays may have lost a member; that is not known."""
    row = patched(body)

    assert (row["node.taints_written"], row["node.taints_removed"]) == (written, removed)


def test_an_update_does_not_say_what_it_removes() -> None:
    """It writes everything, and the node as it was is not recorded."""
    body = {"kind": "Node", "metadata": {"labels": {"a": "b"}}, "spec": {"providerID": "aws:///x"}}

    row = patched(body, verb="update")

    assert row["node.taints_written"] is True
    assert row["node.taints_removed"] is False
    assert row["node.provider_id"] == "aws:///x"
    assert row["node.labels_set"] == ("a",)


def test_taints_read_as_kubectl_writes_them() -> None:
    """Key, value if any, effect."""
    taints = [{"key": "a", "value": "b", "effect": "NoExecute"}, {"key": "c", "effect": "x"}, 1]

    assert patched({"spec": {"taints": taints}})["node.taints"] == ("a=b:NoExecute", "c:x")


@pytest.mark.parametrize(("user", "own"), [(f"system:node:{NAME}", True), (NAME, False)])
def test_a_node_that_writes_itself(user: str, own: bool) -> None:
    """By its full user name alone."""
    assert patched({"spec": {}}, user={"username": user})["node.own"] is own
