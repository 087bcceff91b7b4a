"""The view quota."""

from typing import Any

import pytest

from ekswatch.audit.views import rows
from ekswatch.audit.views.quota import LONGEST, quantity
from tests.audit.examples import attack, event

BASE = attack("nodeport_service", verb="create")
REF = {"resource": "resourcequotas", "namespace": "payments", "name": "compute", "apiVersion": "v1"}


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("10", 10.0),
        (10, 10.0),
        ("1.5", 1.5),
        (".5", 0.5),
        ("500m", 0.5),
        ("10k", 10_000.0),
        ("10Gi", 10 * 1024.0**3),
        ("2E", 2e18),
        ("2Ei", 2 * 1024.0**6),
        ("1e3", 1000.0),
        ("1E3", 1000.0),
        ("1" * LONGEST, float("1" * LONGEST)),
        ("1" * (LONGEST + 1), None),
        ("1K", None),
        ("1e", None),
        ("-1", None),
        ("", None),
        ("many", None),
        (None, None),
        (True, None),
        ("\u0661", None),
    ],
)
def test_quantities(text: Any, amount: float | None) -> None:
    """As Kubernetes writes them; anything else is no amount."""
    assert quantity(text) == (None if amount is None else pytest.approx(amount))


def row_of(hard: Any, before: Any, *, request: Any = None) -> dict[str, Any]:
    answer = {
        "kind": "ResourceQuota",
        "metadata": {"name": "compute"},
        "spec": {"hard": hard},
        "status": {"hard": before},
    }
    body = {"spec": {"hard": {}}} if request is None else request
    document = event(BASE, verb="patch", objectRef=REF, requestObject=body, responseObject=answer)
    (row,) = rows(document, "quota")
    return row


@pytest.mark.parametrize(
    ("hard", "before", "factor"),
    [
        ({"pods": "100"}, {"pods": "10"}, 10),
        ({"pods": "109"}, {"pods": "10"}, 10),
        ({"pods": "110"}, {"pods": "10"}, 11),
        ({"pods": "5", "limits.cpu": "8"}, {"pods": "10", "limits.cpu": "500m"}, 16),
        ({"pods": "100"}, {}, None),
        ({"pods": "100"}, {"pods": "0"}, None),
        ({"pods": "100"}, None, None),
        (7, {"pods": "10"}, None),
    ],
)
def test_how_many_times_as_much(hard: Any, before: Any, factor: int | None) -> None:
    """The greatest rise decides; from nothing there is none."""
    assert row_of(hard, before).get("quota.factor") == factor


def test_limits_that_are_lifted() -> None:
    """What was in force, and is asked for no more."""
    row = row_of({"pods": "10"}, {"pods": "10", "limits.cpu": "8"})

    assert row["quota.lifted"] == ("limits.cpu",)


def test_a_patch_beside_the_limits_changes_none() -> None:
    """An older change that is not in force yet is not this one's."""
    label = {"metadata": {"labels": {"a": "b"}}}

    row = row_of({"pods": "500"}, {"pods": "10", "limits.cpu": "8"}, request=label)

    assert row == {"quota.name": "compute"}
