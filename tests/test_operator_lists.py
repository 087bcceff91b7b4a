"""Lists that operators fill: what the shipped detections make of them."""

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from ekswatch.rules.compiler.compile import compile_ruleset
from ekswatch.rules.matcher.engine import Engine
from ekswatch.rules.ruleset import Ruleset, dump, load
from tests.audit.examples import attack, event, first

DETECTIONS = Path(__file__).parents[1] / "detections"

ACCOUNT = "111122223333"
LISTED = {
    "own_accounts": f"replace: ['{ACCOUNT}']",
    "node_roles": f"replace: ['arn:aws:iam::{ACCOUNT}:role/eks-node-role']",
    "own_addresses": "replace: ['203.0.113.7', '198.51.100.*', '2001:db8:1234:5600:*']",
    "threat_addresses": "replace: [192.0.2.9, 192.0.2.64/26, '2001:db8:1::/48']",
    "trusted_addresses": "replace: [192.0.2.65]",
    "tor_exits": "replace: [192.0.2.10]",
}

TOKEN = attack("sa_token_used_outside", verb="list")
LEASE = first(
    "benign",
    lambda d: d["user"]["username"].startswith("system:node:") and d["verb"] == "update",
)


@pytest.fixture(scope="module")
def tuned(tmp_path_factory: pytest.TempPathFactory) -> Ruleset:
    """The shipped detections with the operator's lists, as the functions read them."""
    folder = tmp_path_factory.mktemp("tuning")
    (folder / "lists").mkdir()
    for name, content in LISTED.items():
        (folder / "lists" / f"{name}.yml").write_text(content)
    return load(dump(compile_ruleset(DETECTIONS, folder)))


@cache
def shipped() -> Ruleset:
    return compile_ruleset(DETECTIONS)


@pytest.fixture(scope="module")
def found(tuned: Ruleset) -> Callable[..., set[str]]:
    """Slugs that hold for an event with other header values."""
    engine = Engine(tuned)

    def slugs(document: dict[str, Any], **changes: Any) -> set[str]:
        matches = engine.match([event(document, **changes)])
        return {match.detection.slug for match in matches if not match.suppressed_by}

    return slugs


def identity(name: str, role: str, session: str, account: str = ACCOUNT) -> dict[str, Any]:
    return {
        "username": name,
        "uid": f"aws-iam-authenticator:{account}:AROAEXAMPLE0000000001",
        "extra": {
            "arn": [f"arn:aws:sts::{account}:assumed-role/{role}/{session}"],
            "canonicalArn": [f"arn:aws:iam::{account}:role/{role}"],
        },
    }


@pytest.mark.parametrize(
    ("address", "is_found"),
    [
        ("203.0.113.7", False),
        ("198.51.100.200", False),
        ("203.0.113.8", True),
        ("2001:db8:1234:5600::7", False),
        ("2001:db8:1234:5601::7", True),
    ],
)
def test_own_addresses_are_not_outside(
    found: Callable[..., set[str]], address: str, is_found: bool
) -> None:
    """NAT gateways and public nodes are named whole, or with a star for their end."""
    assert ("system-identity-public-ip" in found(TOKEN, sourceIPs=[address])) is is_found


@pytest.mark.parametrize(("account", "is_found"), [(ACCOUNT, True), ("444455556666", False)])
def test_a_role_of_aws_is_not_in_an_own_account(
    found: Callable[..., set[str]], account: str, is_found: bool
) -> None:
    """The role of EKS's managers lies in an account of AWS, whatever its name says."""
    role = "AWSWesleyClusterManagerLambda-Add-AddonManagerRole-1EXAMPLE2ABC"
    user = identity("eks:addon-manager", role, "1763670011223344556", account)

    slugs = found(TOKEN, user=user, sourceIPs=["192.0.2.1"])

    assert ("reserved-identity-spoofed" in slugs) is is_found
    assert ("system-identity-public-ip" in slugs) is is_found


@pytest.mark.parametrize(("role", "is_found"), [("eks-node-role", False), ("build-hosts", True)])
def test_a_node_has_one_of_the_node_roles(
    found: Callable[..., set[str]], role: str, is_found: bool
) -> None:
    """Another instance's role under a node's name is found once the roles are named."""
    user = identity(LEASE["user"]["username"], role, "i-0123456789abcdef0")

    assert ("reserved-identity-spoofed" in found(LEASE, user=user)) is is_found


@pytest.mark.parametrize(
    ("addresses", "is_found"),
    [
        (["192.0.2.9"], True),
        (["192.0.2.8"], False),
        (["192.0.2.64"], True),
        (["192.0.2.127"], True),
        (["192.0.2.63"], False),
        (["192.0.2.128"], False),
        (["192.0.2.10"], True),
        (["2001:db8:1:2::3"], True),
        (["2001:db8:2::3"], False),
        (["192.0.2.9", "192.0.2.1"], True),
        (["192.0.2.65"], False),
        (["192.0.2.9", "192.0.2.65"], False),
        (["192.0.2.65", "192.0.2.9"], True),
        (["2001:db8:bad::7"], False),
        ([], False),
    ],
)
def test_a_replaced_list_of_addresses_counts_at_once(
    found: Callable[..., set[str]], addresses: list[str], is_found: bool
) -> None:
    """Addresses and networks mix; what shipped is gone; trusted wins by the last one only."""
    slugs = found(TOKEN, sourceIPs=addresses)

    assert ("request-from-listed-address" in slugs) is is_found


def test_what_ships_trusts_nothing_of_an_operator() -> None:
    """Without lists the same token is found from every public address."""
    (event_outside,) = [event(TOKEN, sourceIPs=["203.0.113.7"])]

    slugs = {match.detection.slug for match in Engine(shipped()).match([event_outside])}

    assert "system-identity-public-ip" in slugs
