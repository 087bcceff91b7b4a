"""A mocked account for the modules of the AWS edge, and credentials that are none."""

from collections.abc import Iterator

import botocore.session
import pytest
from moto import mock_aws


@pytest.fixture
def session(monkeypatch: pytest.MonkeyPatch) -> Iterator[botocore.session.Session]:
    """A session of its own in an empty account."""
    with mock_aws():
        for name, value in {
            "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
            "AWS_SECRET_ACCESS_KEY": "not-a-secret",
            "AWS_DEFAULT_REGION": "eu-central-1",
        }.items():
            monkeypatch.setenv(name, value)
        yield botocore.session.Session()
