"""The account that the tests of the functions run in."""

from collections.abc import Iterator

import pytest

from ekswatch.local import Account, account
from tests.local.examples import RULESET


@pytest.fixture
def aws() -> Iterator[Account]:
    """An account with the stack deployed for the cluster `prod`."""
    with account(RULESET, clusters=("prod", "staging")) as opened:
        yield opened
