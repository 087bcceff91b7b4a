"""The view account."""

from typing import Any

import pytest

from ekswatch.audit.views import rows
from tests.audit.examples import attack, event

CREATED = attack("sa_create_kube_system", verb="create")
KEY = "eks.amazonaws.com/role-arn"
ROLE = "arn:aws:iam::111122223333:role/reports"


def test_an_account_without_a_role() -> None:
    """A create writes the annotation by leaving it out."""
    assert rows(event(CREATED), "account") == ({"account.role_written": True},)


def test_the_role_is_read_after_the_write() -> None:
    """The response has it; without one, what was sent."""
    body = {"kind": "ServiceAccount", "metadata": {"annotations": {KEY: ROLE}}}
    answered = event(CREATED, responseObject=body)
    refused = event(CREATED, requestObject=body, responseObject={"kind": "Status"})

    (after,), (sent,) = rows(answered, "account"), rows(refused, "account")

    assert (after["account.role_arn"], sent["account.role_arn"]) == (ROLE, ROLE)


@pytest.mark.parametrize(
    ("patch", "written"),
    [
        ({"metadata": {"annotations": {KEY: ROLE}}}, True),
        ({"metadata": {"annotations": {KEY: None}}}, True),
        ({"metadata": {"annotations": {"a": "b"}}}, False),
        ({"metadata": {"labels": {"a": "b"}}}, False),
        (
            [
                {
                    "op": "add",
                    "path": f"/metadata/annotations/{KEY.replace('/', '~1')}",
                    "value": "r",
                }
            ],
            True,
        ),
        ([{"op": "add", "path": "/metadata/annotations", "value": {KEY: ROLE}}], True),
        ([{"op": "add", "path": "/metadata/annotations/a", "value": "b"}], False),
    ],
)
def test_a_patch_writes_the_role_only_if_it_names_it(patch: Any, written: bool) -> None:
    """Merge patches and operations alike."""
    body = {"kind": "ServiceAccount", "metadata": {"annotations": {KEY: ROLE}}}
    given = event(CREATED, verb="patch", requestObject=patch, responseObject=body)

    (row,) = rows(given, "account")

    assert (row["account.role_arn"], row["account.role_written"]) == (ROLE, written)


def test_a_token_is_no_account() -> None:
    """Subresources have no rows."""
    reference = {**CREATED["objectRef"], "subresource": "token"}

    assert rows(event(CREATED, objectRef=reference), "account") == ()
