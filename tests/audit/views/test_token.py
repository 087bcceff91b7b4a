"""The view token."""

from typing import Any

import pytest

from ekswatch.audit.event import Value
from ekswatch.audit.views import rows
from tests.audit.examples import attack, event

ASKED = attack("token_request", stage="ResponseComplete", verb="create")
USER = "system:serviceaccount:kube-system:clusterrole-aggregation-controller"


def test_a_real_request() -> None:
    """For whom, for what and how long."""
    assert rows(event(ASKED), "token") == (
        {
            "token.user": USER,
            "token.audience": "https://kubernetes.default.svc",
            "token.expiration_seconds": 86400,
        },
    )


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({}, [{}]),
        ({"audiences": []}, [{}]),
        (
            {"audiences": ["a", "sts.amazonaws.com", "a"]},
            [{"token.audience": "a"}, {"token.audience": "sts.amazonaws.com"}],
        ),
        ({"audiences": "a", "expirationSeconds": True}, [{}]),
        (
            {"boundObjectRef": {"kind": "Pod", "name": "web"}},
            [{"token.bound_kind": "Pod", "token.bound_name": "web"}],
        ),
    ],
)
def test_one_row_per_audience(spec: Any, expected: list[dict[str, Value]]) -> None:
    """One without where none is named; a wrong type reads as absent."""
    found = rows(event(ASKED, requestObject={"spec": spec}), "token")

    assert list(found) == [{"token.user": USER, **row} for row in expected]


def test_a_request_without_body_has_a_row() -> None:
    """What was asked for is lost, that something was is not."""
    assert rows(event(ASKED, requestObject=None), "token") == ({"token.user": USER},)


def test_other_requests_have_none() -> None:
    """Neither the creation of the account itself, nor of a pod."""
    assert rows(event(attack("sa_create_kube_system")), "token") == ()
    assert rows(event(attack("priv_pod_apply", verb="create")), "token") == ()
