"""The view webhook."""

from typing import Any

import pytest

from ekswatch.audit.views import rows
from tests.audit.examples import attack, event

CREATED = attack("validating_webhook_create", verb="create")


def with_url(url: str) -> dict[str, Any]:
    body = {**CREATED["requestObject"], "webhooks": [{"clientConfig": {"url": url}}]}
    (row,) = rows(event(CREATED, requestObject=body, responseObject=None), "webhook")
    return dict(row)


def test_a_real_webhook() -> None:
    """Where it sends what."""
    assert rows(event(CREATED), "webhook") == (
        {
            "webhook.name": "a.audit-helper.io",
            "webhook.configuration": "audit-helper",
            "webhook.failure_policy": "Ignore",
            "webhook.url": "https://203.0.113.250:8443/v",
            "webhook.external": True,
            "webhook.resources": ("secrets",),
            "webhook.api_groups": ("",),
            "webhook.operations": ("CREATE", "UPDATE"),
            "webhook.written": True,
        },
    )


@pytest.mark.parametrize(
    ("url", "external"),
    [
        ("https://127.0.0.1:23443/mutate", False),
        ("https://[::1]/x", False),
        ("https://localhost/x", False),
        ("https://hook.web.svc/x", False),
        ("https://hook.web.svc.cluster.local.:443/x", False),
        ("https://HOOK.WEB.SVC/x", False),
        ("https://hook.web.svc.cluster.local.example.com/x", True),
        ("https://127.0.0.1@example.com/x", True),
        ("https://10.0.0.5/x", True),
        ("https://example.com/svc", True),
        ("https://[broken/x", True),
        ("nonsense", True),
    ],
)
def test_a_host_outside_the_cluster_is_external(url: str, external: bool) -> None:
    """Names that only look like the cluster's do not pass."""
    assert with_url(url)["webhook.external"] is external


def test_a_service_is_in_the_cluster() -> None:
    """Without a URL there is no host to judge."""
    row = with_url("")

    assert row["webhook.external"] is False
    assert "webhook.url" not in row


BUNDLE = {"name": "a", "clientConfig": {"caBundle": "x"}}


@pytest.mark.parametrize(
    ("body", "written"),
    [
        ({"webhooks": [BUNDLE]}, False),
        ({"webhooks": [BUNDLE, {**BUNDLE, "failurePolicy": "Ignore"}]}, True),
        ({"webhooks": [{"name": "a", "clientConfig": {"caBundle": "x", "url": "u"}}]}, True),
        ({"webhooks": ["nonsense"]}, True),
        ({"metadata": {"labels": {}}}, False),
        ([{"op": "replace", "path": "/webhooks/0/clientConfig/caBundle", "value": "x"}], False),
        ([{"op": "test", "path": "/webhooks"}, {"op": "add", "path": "/metadata/labels"}], False),
        ([{"op": "replace", "path": "/webhooks/0/failurePolicy", "value": "Ignore"}], True),
        ([{"op": "remove", "path": "/webhooks/0"}], True),
        ([{"op": "replace", "path": ["x"]}], True),
    ],
)  # fmt: skip
def test_a_certificate_alone_is_no_change(body: Any, written: bool) -> None:
    """Certificate injectors renew them all day."""
    found = rows(event(CREATED, verb="patch", requestObject=body), "webhook")

    assert [row["webhook.written"] for row in found] == [written]


def test_an_update_is_a_change() -> None:
    """What it was before is not recorded."""
    (row,) = rows(event(CREATED, verb="update"), "webhook")

    assert row["webhook.written"] is True
