"""The archive, built twice: once for this machine, to run it, and once as it is deployed."""

from pathlib import Path

import pytest

from infra import bundling
from infra.target import Target
from tests.runtime import environment


@pytest.fixture(scope="session")
def local(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The archive with wheels for this interpreter."""
    return _built(tmp_path_factory.mktemp("local") / "code", Target.LOCAL)


@pytest.fixture(scope="session")
def production(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The archive that `cdk deploy` uploads."""
    return _built(tmp_path_factory.mktemp("production") / "code", Target.AWS)


@pytest.fixture(scope="session")
def brought(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What Lambda's runtime brings beside the archive."""
    return environment.lambda_runtime(tmp_path_factory.mktemp("runtime") / "packages")


def _built(out: Path, target: Target) -> Path:
    out.mkdir()
    bundling.build(out, None, target)
    return out
