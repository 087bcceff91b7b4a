"""The view ingress."""

from typing import Any

import pytest

from ekswatch.audit.views import rows
from tests.audit.examples import attack, event

PLAIN = attack("ingress_without_tls", verb="create")
NGINX = "nginx.ingress.kubernetes.io"


def test_a_real_ingress() -> None:
    """Without certificates, with one path to one service."""
    assert rows(event(PLAIN), "ingress") == (
        {
            "ingress.hosts": ("admin.example.com",),
            "ingress.paths": ("/",),
            "ingress.backends": ("frontend",),
            "ingress.tls": False,
            "ingress.tls_written": True,
            "ingress.written": True,
        },
    )


def test_class_certificates_and_settings() -> None:
    """Annotations come as they are set, but for kubectl's own."""
    body = {
        "metadata": {
            "annotations": {
                "kubernetes.io/ingress.class": "nginx",
                "kubectl.kubernetes.io/last-applied-configuration": "{}",
            }
        },
        "spec": {"tls": [{"secretName": "web"}], "defaultBackend": {"service": {"name": "web"}}},
    }

    (row,) = rows(event(PLAIN, requestObject=body, responseObject=None), "ingress")

    assert row["ingress.class"] == "nginx"
    assert row["ingress.tls"] is True
    assert row["ingress.backends"] == ("web",)
    assert row["ingress.settings"] == ("kubernetes.io/ingress.class=nginx",)


def test_the_former_api_names_backends_otherwise() -> None:
    """Objects of extensions/v1beta1 still reach clusters that are old enough."""
    backend = {"serviceName": "old", "servicePort": 80}
    body = {"spec": {"backend": backend, "rules": [{"http": {"paths": [{"backend": backend}]}}]}}
    ref = {"resource": "ingresses", "apiGroup": "extensions", "namespace": "web"}

    (row,) = rows(event(PLAIN, objectRef=ref, requestObject=body, responseObject=None), "ingress")

    assert row["ingress.backends"] == ("old",)


@pytest.mark.parametrize(
    ("body", "settings"),
    [
        ({"metadata": {"annotations": {f"{NGINX}/x": "a"}}}, (f"{NGINX}/x=a",)),
        ({"metadata": {"annotations": {f"{NGINX}/x": None}}}, None),
        ({"metadata": {"annotations": {"$patch": "replace"}}}, None),
        ({"spec": {"tls": []}}, None),
        (
            [
                {
                    "op": "add",
                    "path": "/metadata/annotations/nginx.ingress.kubernetes.io~1x",
                    "value": "a",
                }
            ],
            (f"{NGINX}/x=a",),
        ),
    ],
)
def test_a_patch_sets_what_it_names(body: Any, settings: tuple[str, ...] | None) -> None:
    """What the ingress had before is not of this request."""
    answer = {"kind": "Ingress", "metadata": {"annotations": {f"{NGINX}/old": "b"}}, "spec": {}}

    (row,) = rows(event(PLAIN, verb="patch", requestObject=body, responseObject=answer), "ingress")

    assert row["ingress.settings"] == settings
    assert row[f"ingress.annotations.{NGINX}/old"] == "b"


@pytest.mark.parametrize("body", [{"spec": {"tls": None}}, [{"op": "remove", "path": "/spec/tls"}]])
def test_a_patch_may_take_the_certificates_away(body: Any) -> None:
    """The answer shows the rest, without any."""
    answer = {"kind": "Ingress", "spec": {"rules": [{"host": "shop.example.com"}]}}

    (row,) = rows(event(PLAIN, verb="patch", requestObject=body, responseObject=answer), "ingress")

    assert (row["ingress.tls"], row["ingress.tls_written"]) == (False, True)
