"""The view mapping: what people write into aws-auth, and what attackers might."""

import json
from typing import Any

import pytest

from ekswatch.audit.event import Value
from ekswatch.audit.views import rows
from ekswatch.audit.views.mapping import entries
from tests.audit.examples import attack, event

PATCHED = attack("aws_auth_patch_masters")
NODE_ROLE = "arn:aws:iam::111122223333:role/eks-node-role"


def test_a_real_patch() -> None:
    """Each entry by itself, with whether the request wrote the part that it stands in."""
    nodes, user = rows(event(PATCHED), "mapping")

    assert nodes["mapping.groups"] == ("system:bootstrappers", "system:nodes")
    assert nodes["mapping.arn"] == NODE_ROLE
    assert nodes["mapping.foreign"] is False
    assert nodes["mapping.written"] is False
    assert user == {
        "mapping.kind": "user",
        "mapping.arn": "arn:aws:iam::999988887777:user/backdoor",
        "mapping.account": "999988887777",
        "mapping.foreign": True,
        "mapping.username": "admin2",
        "mapping.groups": ("system:masters",),
        "mapping.text": "userarn: arn:aws:iam::999988887777:user/backdoor\n"
        "username: admin2\ngroups:\n- system:masters",
        "mapping.plain": True,
        "mapping.written": True,
    }


def read(written: str) -> list[tuple[Any, ...]]:
    return [(e.arn, e.value("username"), e.groups, e.plain) for e in entries(written)]


X = "arn:aws:iam::111122223333:role/x"


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("", []),
        (f"- rolearn: {X}\n  username: u\n  groups:\n    - a\n", [(X, "u", ("a",), True)]),
        (f"- groups:\n  - a\n  - b\n  rolearn: {X}\n", [(X, "", ("a", "b"), True)]),
        (f'  - rolearn: {X}\n    groups: [a, "b"]\n', [(X, "", ("a", "b"), True)]),
        (f'- "groups":\n  - "a"\n  "rolearn": "{X}"\n', [(X, "", ("a",), True)]),
        (f"-\n  rolearn: {X}\n", [(X, "", (), True)]),
        (f"# note\n---\n- rolearn: {X} # who\n", [(X, "", (), True)]),
        (f"- roleARN: {X}\n  Groups: [a]\n", [(X, "", ("a",), True)]),
        (f"- rolearn: {X}\n- rolearn: {X}y\n", [(X, "", (), True), (f"{X}y", "", (), True)]),
        ("- username: system:node:{{X}}\n", [("", "system:node:{{X}}", (), True)]),
    ],
)
def test_yaml_as_it_is_written(written: str, expected: list[tuple[Any, ...]]) -> None:
    """As eksctl, Terraform and people write it; keys without regard to case."""
    assert read(written) == expected


@pytest.mark.parametrize(
    "written",
    [
        f"- {{rolearn: {X}, groups: [system:masters]}}\n",
        f"- rolearn: {X}\n  groups: &g\n  - a\n",
        f"- rolearn: {X}\n  groups: *g\n",
        f'- rolearn: {X}\n  groups: ["system\\x3amasters"]\n',
        f"- rolearn: {X}\n  ? groups\n  : [a]\n",
        f"- rolearn: {X}\n  username: >-\n    u\n",
        f"- rolearn: {X}\n  <<: x\n",
        "nonsense",
    ],
)
def test_forms_that_may_hide_something_are_not_plain(written: str) -> None:
    """Nobody needs them, and what they say is not read."""
    assert [entry.plain for entry in entries(written)] == [False]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ([{"rolearn": X, "username": "u", "groups": ["a"]}], [(X, "u", ("a",), True)]),
        ([{"userARN": X}], [(X, "", (), True)]),
        (["x"], [("", "", (), False)]),
        ([{"rolearn": 5, "groups": "a"}], [("", "", ("a",), True)]),
    ],
)
def test_json_is_yaml(value: Any, expected: list[tuple[Any, ...]]) -> None:
    """Tools write it, and keys are read without regard to case as the authenticator does."""
    assert read(json.dumps(value)) == expected


@pytest.mark.parametrize(
    ("written", "account", "plain"),
    [
        ('- "111122223333"\n', "111122223333", True),
        ("- 111122223333\n", "111122223333", True),
        ('["111122223333"]', "111122223333", True),
        ("- x\n", "x", False),
    ],
)
def test_accounts(written: str, account: str, plain: bool) -> None:
    """All users of an account may be mapped at once."""
    (entry,) = entries(written)

    assert (entry.value("account"), entry.plain) == (account, plain)


def test_broken_json_is_not_plain() -> None:
    """What cannot be read is shown as it is."""
    (entry,) = entries('[{"rolearn"')

    assert not entry.plain
    assert entry.text == '[{"rolearn"'


@pytest.mark.parametrize(
    "reference",
    [
        {"resource": "configmaps", "namespace": "web", "name": "aws-auth"},
        {"resource": "configmaps", "namespace": "kube-system", "name": "coredns"},
        {"resource": "secrets", "namespace": "kube-system", "name": "aws-auth"},
    ],
)
def test_other_objects_have_no_row(reference: dict[str, str]) -> None:
    """Only one config map maps principals."""
    assert rows(event(PATCHED, objectRef=reference), "mapping") == ()


@pytest.mark.parametrize(
    ("uid", "foreign"),
    [
        ("aws-iam-authenticator:999988887777:AIDA", False),
        ("aws-iam-authenticator:111122223333:AROA", True),
        ("5ed87210", None),
    ],
)
def test_foreign_is_another_account_than_the_callers(uid: str, foreign: Value) -> None:
    """Without an account of the caller nothing is said."""
    user = {"username": "x", "uid": uid}
    found = rows(event(PATCHED, user=user), "mapping")[1]

    assert found.get("mapping.foreign") is foreign
