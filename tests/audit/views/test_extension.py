"""The view extension."""

from typing import Any

import pytest

from ekswatch.audit.event import AuditEvent, Value
from ekswatch.audit.views import rows
from tests.audit.examples import made

GROUPS = {
    "apiservices": "apiregistration.k8s.io",
    "customresourcedefinitions": "apiextensions.k8s.io",
}
SERVICE = {"namespace": "kube-system", "name": "metrics-server", "port": 443}


def written(resource: str, body: Any, verb: str = "create", after: Any = None) -> AuditEvent:
    return made(
        verb=verb,
        objectRef={"resource": resource, "apiGroup": GROUPS[resource], "name": "x"},
        requestObject=body,
        responseObject=after,
    )


def row_of(found: AuditEvent) -> dict[str, Value]:
    (row,) = rows(found, "extension")
    return dict(row)


def test_an_api_with_a_server_of_its_own() -> None:
    """Which group goes where, and whether the server proves who it is."""
    spec = {"group": "metrics.k8s.io", "service": SERVICE, "insecureSkipTLSVerify": True}

    assert row_of(written("apiservices", {"spec": spec})) == {
        "extension.kind": "APIService",
        "extension.group": "metrics.k8s.io",
        "extension.service": "kube-system/metrics-server",
        "extension.external": False,
        "extension.insecure": True,
        "extension.written": True,
    }


def test_a_conversion_webhook() -> None:
    """Its URL, judged as those of admission webhooks are."""
    client = {"url": "https://example.net/convert"}
    conversion = {"strategy": "Webhook", "webhook": {"clientConfig": client}}
    body = {"spec": {"group": "example.com", "conversion": conversion}}

    assert row_of(written("customresourcedefinitions", body)) == {
        "extension.kind": "CustomResourceDefinition",
        "extension.group": "example.com",
        "extension.url": "https://example.net/convert",
        "extension.external": True,
        "extension.insecure": False,
        "extension.conversion": "Webhook",
        "extension.written": True,
    }


CLIENT = "/spec/conversion/webhook/clientConfig"


@pytest.mark.parametrize(
    ("resource", "body", "redirects"),
    [
        ("apiservices", {"spec": {"service": {"name": "x"}}}, True),
        ("apiservices", {"spec": {"insecureSkipTLSVerify": True}}, True),
        ("apiservices", {"spec": {"caBundle": "x"}}, False),
        ("apiservices", {"metadata": {"labels": {"a": "b"}}}, False),
        ("apiservices", [{"op": "replace", "path": "/spec/service/name", "value": "x"}], True),
        ("customresourcedefinitions", {"spec": {"conversion": {"strategy": "Webhook"}}}, True),
        ("customresourcedefinitions", {"spec": {"versions": []}}, False),
        (
            "customresourcedefinitions",
            [{"op": "replace", "path": f"{CLIENT}/caBundle", "value": "x"}],
            False,
        ),
        (
            "customresourcedefinitions",
            [{"op": "add", "path": f"{CLIENT}/url", "value": "https://example.net"}],
            True,
        ),
    ],
)
def test_a_patch_redirects_only_if_it_writes_the_place(
    resource: str, body: Any, redirects: bool
) -> None:
    """Certificates are renewed all day, labels change."""
    row = row_of(written(resource, body, "patch"))

    assert row["extension.written"] is redirects


def test_other_objects_have_no_row() -> None:
    """The same name in another group is another thing."""
    event = made(
        verb="create",
        objectRef={"resource": "apiservices", "apiGroup": "example.com"},
        requestObject={"spec": {"group": "x"}},
    )

    assert rows(event, "extension") == ()
