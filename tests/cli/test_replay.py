"""`ekswatch replay` before it asks AWS; `tests/infra/test_replay.py` has what comes after."""

import builtins
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from ekswatch.aws import clients
from ekswatch.cli.exits import Exit
from ekswatch.cli.main import app


@pytest.fixture(autouse=True)
def nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """No credentials, no Region: what asks AWS cannot get anywhere."""
    for name in ("AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ACCESS_KEY_ID"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, "/dev/null")
    clients.forget()


def replay(*arguments: object) -> Any:
    return CliRunner(env={"COLUMNS": "200"}).invoke(app, ["replay", *map(str, arguments)])


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ((), "name records in files, or --failed"),
        (("records", "--failed"), "name records in files, or --failed"),
        (("records", "--delete"), "--delete is for the bucket"),
        (("nowhere",), "nowhere: there is no such file or folder"),
        (("--failed", "--profile", "nobody"), "nobody"),
    ],
)
def test_wrong_use_says_what_is_right(
    arguments: tuple[str, ...], why: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is asked of AWS before."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "records").mkdir()

    result = replay(*arguments)

    assert (result.exit_code, result.stdout) == (Exit.USAGE, "")
    assert why in result.stderr


def test_without_a_region_there_is_nobody_to_ask() -> None:
    """An error of AWS's own settings is one of AWS."""
    result = replay("--failed")

    assert result.exit_code == Exit.AWS
    assert "region" in result.stderr


def test_without_the_sdk_it_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """The SDK is an extra of the package."""
    real: Callable[..., Any] = builtins.__import__

    def missing(name: str, *rest: Any) -> Any:
        if name.partition(".")[0] == "botocore":
            raise ModuleNotFoundError(f"No module named {name!r}", name="botocore")
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", missing)
    result = replay("--failed")

    assert result.exit_code == Exit.USAGE
    assert "botocore is not installed: pip install 'ekswatch[demo]'" in result.stderr
