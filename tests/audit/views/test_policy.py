"""The view policy."""

from typing import Any

import pytest

from ekswatch.audit.views import rows
from tests.audit.examples import attack, event

WEBHOOK = attack("validating_webhook_create")
GROUP = "admissionregistration.k8s.io"


def row_of(kind: str, spec: Any, *, verb: str = "create", request: Any = None) -> dict[str, Any]:
    """The row of a write after which the object has this spec."""
    plural = f"{kind[:-1].lower()}ies" if kind.endswith("y") else f"{kind.lower()}s"
    body = {"kind": kind, "metadata": {"name": "no-privileged"}, "spec": spec}
    document = event(
        WEBHOOK,
        verb=verb,
        objectRef={"resource": plural, "apiGroup": GROUP, "apiVersion": "v1"},
        requestObject=body if request is None else request,
        responseObject=body,
    )
    (row,) = rows(document, "policy")
    return row


def test_a_binding() -> None:
    """What follows from a violation is said by the binding."""
    row = row_of(
        "ValidatingAdmissionPolicyBinding",
        {"policyName": "no-privileged", "validationActions": ["Deny", "Audit"]},
    )

    assert row == {
        "policy.kind": "ValidatingAdmissionPolicyBinding",
        "policy.name": "no-privileged",
        "policy.bound": "no-privileged",
        "policy.actions": ("Deny", "Audit"),
        "policy.actions_written": True,
        "policy.failure_written": True,
        "policy.written": True,
    }


def test_a_mutating_policy() -> None:
    """Both kinds of expression count."""
    mutations = [
        {"applyConfiguration": {"expression": "Object{}"}},
        {"jsonPatch": {"expression": "[JSONPatch{}]"}},
        {"jsonPatch": None},
    ]
    row = row_of("MutatingAdmissionPolicy", {"failurePolicy": "Ignore", "mutations": mutations})

    assert row["policy.failure_policy"] == "Ignore"
    assert row["policy.mutations"] == ("Object{}", "[JSONPatch{}]")


SELECTOR = {"matchExpressions": [{"key": "team", "operator": "NotIn", "values": ["web"]}]}


@pytest.mark.parametrize(
    ("spec", "exclusions"),
    [
        ({"matchConstraints": {"namespaceSelector": {}, "objectSelector": {}}}, None),
        ({"matchConstraints": {"namespaceSelector": SELECTOR}}, ("namespaceSelector",)),
        ({"matchResources": {"objectSelector": SELECTOR}}, ("objectSelector",)),
        ({"matchResources": {"excludeResourceRules": [{}]}}, ("excludeResourceRules",)),
        ({"matchConditions": [{"name": "a", "expression": "true"}]}, ("matchConditions",)),
        ({"matchConditions": []}, None),
        ({"matchConstraints": 7, "matchConditions": 7}, None),
        (7, None),
    ],
)
def test_how_requests_are_left_out(spec: Any, exclusions: tuple[str, ...] | None) -> None:
    """The empty selectors that the API server fills in leave nothing out."""
    row = row_of("ValidatingAdmissionPolicy", spec)

    assert row.get("policy.exclusions") == exclusions
    assert "policy.exclusions_written" not in row


@pytest.mark.parametrize(
    ("request_body", "written"),
    [
        ({"metadata": {"labels": {"a": "b"}}}, set()),
        ({"spec": {"failurePolicy": "Ignore"}}, {"written", "failure_written"}),
        ({"spec": {"validationActions": ["Warn"]}}, {"written", "actions_written"}),
        ([{"op": "remove", "path": "/spec/validationActions/0"}], {"written", "actions_written"}),
    ],
)
def test_what_a_patch_writes(request_body: Any, written: set[str]) -> None:
    """A label beside the spec relaxes nothing."""
    kind = "ValidatingAdmissionPolicyBinding"
    row = row_of(kind, {"validationActions": ["Warn"]}, verb="patch", request=request_body)

    parts = ("written", "failure_written", "actions_written")
    assert {part for part in parts if row[f"policy.{part}"]} == written


def test_what_a_patch_leaves_out() -> None:
    """Only what the patch says itself, not what was there before."""
    spec = {"matchConstraints": {"objectSelector": SELECTOR}, "matchConditions": [{"name": "a"}]}
    patch = {"spec": {"matchConditions": [{"name": "a"}]}}

    row = row_of("ValidatingAdmissionPolicy", spec, verb="patch", request=patch)

    assert row["policy.exclusions"] == ("objectSelector", "matchConditions")
    assert row["policy.exclusions_written"] == ("matchConditions",)


def test_webhooks_are_no_policies() -> None:
    """They have a view of their own."""
    assert rows(event(WEBHOOK), "policy") == ()
