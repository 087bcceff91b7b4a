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
