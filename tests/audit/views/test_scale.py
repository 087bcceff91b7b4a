"""The view scale."""

from typing import Any

import pytest

from ekswatch.audit.views import rows
from tests.audit.examples import attack, event

TO_ZERO = attack("deployment_scaled_to_zero", verb="patch")
DEPLOYMENT = {"resource": "deployments", "apiGroup": "apps", "namespace": "web", "name": "web"}
AUTOSCALER = {"resource": "horizontalpodautoscalers", "apiGroup": "autoscaling", "name": "web"}


def answer(kind: str, spec: Any, status: Any) -> dict[str, Any]:
    return {"kind": kind, "spec": spec, "status": status}


def test_a_real_scaling_to_zero() -> None:
    """The API server leaves a count of zero out of its answer."""
    assert rows(event(TO_ZERO), "scale") == (
        {"scale.kind": "Deployment", "scale.to": 0, "scale.from": 2, "scale.factor": 0},
    )


@pytest.mark.parametrize(
    ("wanted", "observed", "factor"),
    [(500, 50, 10), (501, 50, 11), (50, 0, 50), (3, 3, 1), (1, 4, 1)],
)
def test_the_factor_is_rounded_up(wanted: int, observed: int, factor: int) -> None:
    """More than ten times as many is a factor of eleven; from none counts as from one."""
    given = event(
        TO_ZERO,
        requestObject={"spec": {"replicas": wanted}},
        responseObject=answer("Scale", {"replicas": wanted}, {"replicas": observed}),
    )

    (row,) = rows(given, "scale")

    assert row["scale.factor"] == factor


@pytest.mark.parametrize(
    ("reference", "request_body", "response_body", "expected"),
    [
        (
            DEPLOYMENT,
            {"spec": {"replicas": 0}},
            answer("Deployment", {"replicas": 0}, {"replicas": 3}),
            ("Deployment", 0, 3),
        ),
        (
            DEPLOYMENT,
            [{"op": "replace", "path": "/spec/replicas", "value": 60}],
            answer("Deployment", {"replicas": 60}, {}),
            ("Deployment", 60, 0),
        ),
        (
            AUTOSCALER,
            {"spec": {"maxReplicas": 200}},
            answer("HorizontalPodAutoscaler", {"maxReplicas": 200}, {"currentReplicas": 2}),
            ("HorizontalPodAutoscaler", 200, 2),
        ),
        (DEPLOYMENT, {"spec": {"replicas": 0}}, None, ("Deployment", 0, None)),
        (
            DEPLOYMENT | {"subresource": "scale"},
            {"spec": {"replicas": 9}},
            {"kind": "Status", "code": 403},
            ("Deployment", 9, None),
        ),
    ],
)
def test_where_a_count_may_be_written(
    reference: dict[str, str], request_body: Any, response_body: Any, expected: Any
) -> None:
    """In the workload, in its autoscaler, with or without an answer."""
    given = event(
        TO_ZERO, objectRef=reference, requestObject=request_body, responseObject=response_body
    )

    (row,) = rows(given, "scale")

    assert (row["scale.kind"], row["scale.to"], row["scale.from"]) == expected


@pytest.mark.parametrize(
    ("reference", "verb", "body"),
    [
        (DEPLOYMENT, "patch", {"spec": {"template": {"metadata": {"labels": {"a": "b"}}}}}),
        (DEPLOYMENT, "create", {"spec": {"replicas": 60}}),
        (AUTOSCALER, "patch", {"spec": {"minReplicas": 2}}),
        (DEPLOYMENT | {"subresource": "status"}, "update", {"spec": {"replicas": 60}}),
        ({"resource": "pods", "namespace": "web", "name": "web"}, "patch", {"spec": {}}),
    ],
)
def test_other_writes_scale_nothing(reference: dict[str, str], verb: str, body: Any) -> None:
    """What a new workload starts with is no scaling, and neither is a write beside the count."""
    given = event(TO_ZERO, objectRef=reference, verb=verb, requestObject=body, responseObject=None)

    assert rows(given, "scale") == ()
