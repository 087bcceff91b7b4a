"""The view network."""

from typing import Any

import pytest

from ekswatch.audit.views import rows
from tests.audit.examples import Document, event, first


def is_new_policy(document: Document) -> bool:
    is_policy = document.get("objectRef", {}).get("resource") == "networkpolicies"
    return is_policy and document["verb"] == "create" and "responseObject" in document


CREATED = first("benign", is_new_policy)

WORLD = {"ipBlock": {"cidr": "0.0.0.0/0"}}
EVERY_POD = {"namespaceSelector": {}}


def policy(**spec: Any) -> Document:
    body = {"kind": "NetworkPolicy", "metadata": {"name": "web"}, "spec": spec}
    return {**CREATED, "requestObject": body, "responseObject": body}


def row_of(document: Document, **changes: Any) -> dict[str, Any]:
    (row,) = rows(event(document, **changes), "network")
    return row


def test_a_real_default_deny() -> None:
    """A policy without rules lets nobody in."""
    assert row_of(CREATED) == {
        "network.name": "default-deny",
        "network.types": ("Ingress",),
        "network.whole_namespace": True,
        "network.written": True,
        "network.types_written": True,
        "network.rules_written": True,
        "network.selector_written": True,
    }


@pytest.mark.parametrize(
    ("rule", "open_to_all", "partly", "inside"),
    [
        ({}, True, False, False),
        ({"from": []}, True, False, False),
        ({"from": [WORLD]}, True, False, False),
        ({"from": [{"ipBlock": {"cidr": "::/0"}}]}, True, False, False),
        ({"from": [{"ipBlock": {"cidr": "128.0.0.0/1"}}]}, True, False, False),
        ({"from": [{"ipBlock": {"cidr": "128.0.0.0/2"}}]}, False, False, False),
        ({"from": [{"ipBlock": {"cidr": "everything"}}]}, False, False, False),
        ({"from": [{"ipBlock": {"cidr": 7}}]}, False, False, False),
        ({"from": [WORLD], "ports": [{"port": 443}]}, False, True, False),
        ({"ports": [{"port": 443}]}, False, True, False),
        (
            {"from": [{"ipBlock": {"cidr": "0.0.0.0/0", "except": ["10.0.0.0/8"]}}]},
            False,
            True,
            False,
        ),
        (
            {"from": [WORLD, {"ipBlock": {"cidr": "0.0.0.0/0", "except": ["10.0.0.0/8"]}}]},
            True,
            False,
            False,
        ),
        ({"from": [EVERY_POD]}, False, False, True),
        ({"from": [{**EVERY_POD, "podSelector": {}}]}, False, False, True),
        ({"from": [EVERY_POD], "ports": [{"port": 53}]}, False, False, False),
        (
            {"from": [{**EVERY_POD, "podSelector": {"matchLabels": {"app": "web"}}}]},
            False,
            False,
            False,
        ),
        ({"from": [{"podSelector": {}}]}, False, False, False),
        ({"from": [{"namespaceSelector": {"matchLabels": {"a": "b"}}}]}, False, False, False),
    ],
)
def test_whom_a_rule_lets_in(rule: Any, open_to_all: bool, partly: bool, inside: bool) -> None:
    """No peers are all peers, two halves of all addresses are all, ports and exceptions limit."""
    row = row_of(policy(podSelector={}, ingress=[rule]))

    assert row.get("network.open") == (("ingress",) if open_to_all else None)
    assert row.get("network.partly_open") == (("ingress",) if partly else None)
    assert row.get("network.open_inside") == (("ingress",) if inside else None)


def test_directions_are_told_apart() -> None:
    """The peers of a rule for traffic to the outside are called otherwise."""
    row = row_of(policy(podSelector={}, ingress=[{"to": [WORLD]}], egress=[{"from": []}]))

    assert row["network.open"] == ("ingress", "egress")


@pytest.mark.parametrize(
    ("selector", "whole"),
    [
        ({}, True),
        (None, True),
        ({"matchLabels": {"app": "web"}}, False),
        ({"matchExpressions": [{"key": "app", "operator": "Exists"}]}, False),
    ],
)
def test_an_empty_selector_means_the_namespace(selector: Any, whole: bool) -> None:
    """One without a selector selects all pods, too."""
    assert row_of(policy(podSelector=selector))["network.whole_namespace"] is whole


@pytest.mark.parametrize(
    ("body", "written"),
    [
        ({"metadata": {"labels": {"a": "b"}}}, set()),
        ({"spec": {"ingress": [{}]}}, {"written", "rules_written"}),
        ({"spec": {"egress": None}}, {"written", "rules_written"}),
        ({"spec": {"policyTypes": ["Ingress"]}}, {"written", "types_written"}),
        ({"spec": {"podSelector": {}}}, {"written", "selector_written"}),
        ([{"op": "remove", "path": "/spec/policyTypes/1"}], {"written", "types_written"}),
        ([{"op": "add", "path": "/spec/ingress/-", "value": {}}], {"written", "rules_written"}),
    ],
)
def test_what_a_patch_writes(body: Any, written: set[str]) -> None:
    """An open policy that only gets a label was not opened."""
    row = row_of(CREATED, verb="patch", requestObject=body)

    parts = ("written", "rules_written", "types_written", "selector_written")
    assert {part for part in parts if row[f"network.{part}"]} == written


@pytest.mark.parametrize("spec", [None, 7, {"ingress": {}}, {"ingress": [7]}])
def test_a_broken_spec_opens_nothing(spec: Any) -> None:
    """What cannot be read lets nobody in."""
    body = {"kind": "NetworkPolicy", "spec": spec}

    row = row_of(CREATED, requestObject=body, responseObject=body)

    assert "network.open" not in row


def test_policies_of_calico_are_another_kind() -> None:
    """They share the name of the resource."""
    ref = {**CREATED["objectRef"], "apiGroup": "projectcalico.org"}

    assert rows(event(CREATED, objectRef=ref), "network") == ()
