"""The view service."""

from typing import Any

import pytest

from ekswatch.audit.views import rows
from tests.audit.examples import attack, event

NODE_PORT = attack("nodeport_service", verb="create")


def test_a_real_node_port() -> None:
    """The number that the API server chose is in the response."""
    assert rows(event(NODE_PORT), "service") == (
        {
            "service.type": "NodePort",
            "service.ports": ("9229:30117/TCP",),
            "service.node_ports": ("30117",),
            "service.selector": ("app=debug-np",),
            "service.internet_facing": False,
            "service.exposure_written": True,
            "service.written": True,
        },
    )


def test_addresses_and_ranges() -> None:
    """Each list as written; ports as kubectl prints them."""
    spec = {
        "type": "LoadBalancer",
        "ports": [{"port": 53, "protocol": "UDP"}, {"port": "x"}, None],
        "externalIPs": ["203.0.113.9"],
        "loadBalancerSourceRanges": ["0.0.0.0/0"],
    }

    (row,) = rows(event(NODE_PORT, requestObject={"spec": spec}, responseObject=None), "service")

    assert row == {
        "service.type": "LoadBalancer",
        "service.ports": ("53/UDP",),
        "service.external_ips": ("203.0.113.9",),
        "service.source_ranges": ("0.0.0.0/0",),
        "service.internet_facing": True,
        "service.exposure_written": True,
        "service.written": True,
    }


@pytest.mark.parametrize(
    ("body", "written"),
    [({"spec": {"type": "NodePort"}}, True), ({"metadata": {"labels": {"a": "b"}}}, False)],
)
def test_a_patch_writes_the_service_only_if_it_touches_the_spec(body: Any, written: bool) -> None:
    """A label on a public service is no exposure."""
    (row,) = rows(event(NODE_PORT, verb="patch", requestObject=body), "service")

    assert row["service.written"] is written


PREFIX = "service.beta.kubernetes.io"


@pytest.mark.parametrize(
    ("annotations", "spec", "facing"),
    [
        ({}, {}, True),
        ({}, {"type": "NodePort"}, False),
        ({f"{PREFIX}/aws-load-balancer-internal": "true"}, {}, False),
        ({f"{PREFIX}/aws-load-balancer-internal": "0.0.0.0/0"}, {}, False),
        ({f"{PREFIX}/aws-load-balancer-internal": "false"}, {}, True),
        ({f"{PREFIX}/aws-load-balancer-type": "nlb"}, {}, True),
        ({f"{PREFIX}/aws-load-balancer-type": "external"}, {}, False),
        ({f"{PREFIX}/aws-load-balancer-type": "nlb-ip"}, {}, False),
        ({}, {"loadBalancerClass": "service.k8s.aws/nlb"}, False),
        ({}, {"loadBalancerClass": "eks.amazonaws.com/nlb"}, False),
        (
            {f"{PREFIX}/aws-load-balancer-scheme": "internet-facing"},
            {"loadBalancerClass": "service.k8s.aws/nlb"},
            True,
        ),
        ({f"{PREFIX}/aws-load-balancer-scheme": "internal"}, {}, False),
    ],
)
def test_who_makes_the_load_balancer_decides_whether_it_is_public(
    annotations: dict[str, str], spec: dict[str, str], facing: bool
) -> None:
    """The controller in Kubernetes makes it public by default, those of AWS internal."""
    body = {
        "kind": "Service",
        "metadata": {"annotations": annotations},
        "spec": {"type": "LoadBalancer", **spec},
    }

    (row,) = rows(event(NODE_PORT, requestObject=body, responseObject=body), "service")

    assert row["service.internet_facing"] is facing


def test_ranges_may_stand_in_an_annotation() -> None:
    """The field counts where both are there, as the controllers have it."""
    notes = {f"{PREFIX}/load-balancer-source-ranges": "10.0.0.0/8, 0.0.0.0/0"}
    body = {"metadata": {"annotations": notes}, "spec": {"type": "LoadBalancer"}}

    (row,) = rows(event(NODE_PORT, requestObject=body, responseObject=None), "service")

    assert row["service.source_ranges"] == ("10.0.0.0/8", "0.0.0.0/0")


@pytest.mark.parametrize(
    ("body", "written"),
    [
        ({"spec": {"type": "LoadBalancer"}}, True),
        ({"spec": {"loadBalancerSourceRanges": None}}, True),
        ({"spec": {"selector": {"app": "web"}}}, False),
        ({"metadata": {"annotations": {f"{PREFIX}/aws-load-balancer-internal": None}}}, True),
        ({"metadata": {"annotations": None}}, True),
        ({"metadata": {"annotations": {"team": "web"}}}, False),
        ({"metadata": {"finalizers": ["service.k8s.aws/resources"]}}, False),
        ([{"op": "replace", "path": "/spec/type", "value": "LoadBalancer"}], True),
        (
            [
                {
                    "op": "remove",
                    "path": "/metadata/annotations/"
                    "service.beta.kubernetes.io~1aws-load-balancer-internal",
                }
            ],
            True,
        ),
    ],
)
def test_a_patch_writes_the_exposure_only_if_it_touches_what_decides(
    body: Any, written: bool
) -> None:
    """Taking the internal annotation away is as good as setting the public one."""
    (row,) = rows(event(NODE_PORT, verb="patch", requestObject=body), "service")

    assert row["service.exposure_written"] is written
