"""The views grant and subject."""

from typing import Any

import pytest

from ekswatch.audit.views import rows
from tests.audit.examples import attack, event, first

WILDCARD = attack("clusterrole_wildcard", verb="create")
BINDING = attack("rb_default_sa_admin", verb="create")
AGGREGATED = first(
    "token_request",
    lambda d: isinstance(d.get("requestObject"), list) and "/clusterroles/" in d["requestURI"],
)


def test_a_wildcard_role() -> None:
    """One row per rule."""
    found = rows(event(WILDCARD), "grant")

    assert any(row["grant.verbs"] == ("*",) for row in found)
    assert {row["role.kind"] for row in found} == {"ClusterRole"}
    assert {row["role.name"] for row in found} == {"app-manager"}
    assert all(row["grant.written"] for row in found)


def test_all_parts_of_a_rule() -> None:
    """The core group is an empty text, and stays one."""
    rule = {
        "verbs": ["get", 5],
        "resources": ["secrets"],
        "apiGroups": [""],
        "resourceNames": ["db"],
        "nonResourceURLs": ["/metrics"],
    }
    body = {"kind": "Role", "metadata": {"name": "r"}, "rules": [rule, "nonsense"]}
    reference = {
        "resource": "roles",
        "apiGroup": "rbac.authorization.k8s.io",
        "namespace": "web",
    }

    (row,) = rows(event({"verb": "update", "objectRef": reference, "requestObject": body}), "grant")

    assert row == {
        "grant.verbs": ("get",),
        "grant.resources": ("secrets",),
        "grant.api_groups": ("",),
        "grant.resource_names": ("db",),
        "grant.non_resource_urls": ("/metrics",),
        "grant.written": True,
        "role.kind": "Role",
        "role.name": "r",
        "role.namespace": "web",
        "role.labels_written": True,
    }


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ({"rbac.authorization.k8s.io/aggregate-to-admin": "true"}, ("admin",)),
        (
            {
                "rbac.authorization.k8s.io/aggregate-to-edit": "true",
                "rbac.authorization.k8s.io/aggregate-to-own": "true",
            },
            ("edit", "own"),
        ),
        ({"rbac.authorization.k8s.io/aggregate-to-admin": "false"}, None),
        ({"rbac.authorization.k8s.io/aggregate-to-admin": True}, None),
        ({"app": "true"}, None),
        ([], None),
    ],
)
def test_labels_say_which_roles_collect_the_rules(labels: Any, expected: Any) -> None:
    """Only the value true counts, and only as a text."""
    body = {"kind": "ClusterRole", "metadata": {"labels": labels}, "rules": [{"verbs": ["get"]}]}

    (row,) = rows(event(WILDCARD, requestObject=body, responseObject=None), "grant")

    assert row.get("role.aggregates_to") == expected


@pytest.mark.parametrize(
    ("patch", "written"),
    [
        ({"metadata": {"labels": {"a": "b"}}, "rules": [{}]}, True),
        ({"metadata": {"annotations": {"a": "b"}}, "rules": [{}]}, False),
    ],
)
def test_a_patch_writes_labels_only_if_it_touches_them(patch: Any, written: bool) -> None:
    """An annotation on a role changes nobody's rights."""
    given = event(WILDCARD, verb="patch", requestObject=patch)

    assert rows(given, "grant")[0]["role.labels_written"] is written


def test_a_patched_role_shows_all_rules_after_the_write() -> None:
    """A JSON patch adds one rule to many."""
    found = rows(event(AGGREGATED), "grant")

    assert len(found) > 5
    assert any(row["grant.resources"] == ("secrets",) for row in found)
    assert all(row["grant.written"] for row in found)


@pytest.mark.parametrize("body", [{"metadata": {"labels": {"a": "b"}}}, {"aggregationRule": {}}])
def test_a_patch_beside_the_rules_does_not_write_them(body: dict[str, Any]) -> None:
    """A label on a powerful role grants nothing."""
    found = rows(event(AGGREGATED, requestObject=body), "grant")

    assert found
    assert not any(row["grant.written"] for row in found)


def test_a_refused_patch_shows_the_rules_it_asked_for() -> None:
    """The response is a Status."""
    refused = {"kind": "Status", "status": "Failure"}

    (row,) = rows(event(AGGREGATED, responseObject=refused), "grant")

    assert row["grant.resources"] == ("secrets",)
    assert row["role.name"] == AGGREGATED["objectRef"]["name"]


def test_a_service_account_is_bound() -> None:
    """Subject, role and binding in one row."""
    assert rows(event(BINDING), "subject") == (
        {
            "subject.kind": "ServiceAccount",
            "subject.name": "default",
            "subject.namespace": "web",
            "subject.ref": "ServiceAccount web/default",
            "subject.written": True,
            "role.kind": "ClusterRole",
            "role.name": "admin",
            "binding.kind": "RoleBinding",
            "binding.name": "default-admin",
            "binding.namespace": "web",
        },
    )


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("crb_cluster_admin_user", "User contractor@example.com"),
        ("rb_anonymous", "User system:anonymous"),
    ],
)
def test_users_and_groups_are_named_with_their_kind(name: str, expected: str) -> None:
    """A user may be called like a group."""
    (row,) = rows(event(attack(name, verb="create")), "subject")

    assert row["subject.ref"] == expected
    assert "subject.namespace" not in row


@pytest.mark.parametrize(
    ("body", "written"),
    [
        ({"subjects": []}, True),
        ({"roleRef": {}}, True),
        ({"metadata": {"annotations": {"a": "b"}}}, False),
        ([{"op": "add", "path": "/subjects/-", "value": {"kind": "User"}}], True),
        ([{"op": "add", "path": "/metadata/labels/a", "value": "b"}], False),
    ],
)
def test_a_patch_writes_subjects_only_if_it_touches_them(body: Any, written: bool) -> None:
    """A label on a binding binds nobody."""
    found = rows(event(BINDING, verb="patch", requestObject=body), "subject")

    assert [row["subject.written"] for row in found] == [written]
