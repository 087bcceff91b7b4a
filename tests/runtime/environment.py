"""An execution environment: the archive under Lambda's own runtime client, and nothing else.

The process sees the archive, the packages that the runtime brings (the AWS SDK and the client
itself) and the standard library. What the archive forgot is not found in the developer's packages.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement

from tests.runtime.runtime_api import Answer, RuntimeApi

BROUGHT_BY_THE_RUNTIME = ("awslambdaric", "boto3")
"""Source: AWS Lambda developer guide, "Runtime dependencies in Python"."""

ACCOUNT, REGION = "111122223333", "eu-central-1"


@dataclass(frozen=True, slots=True)
class Environment:
    """A running function."""

    api: RuntimeApi
    started_at: float

    def invoke(self, event: Any) -> Answer:
        """Raises: Silent."""
        return self.api.invoke(event)

    def since_start(self) -> float:
        """Seconds since the process was started."""
        return time.monotonic() - self.started_at


def lambda_runtime(folder: Path) -> Path:
    """Fill a folder with links to what Lambda's Python runtime brings, from the packages here."""
    folder.mkdir()
    for found in _with_requirements(*BROUGHT_BY_THE_RUNTIME):
        for top in {Path(file).parts[0] for file in found.files or ()} - {"..", "__pycache__"}:
            with suppress(FileExistsError):
                (folder / top).symlink_to(Path(str(found.locate_file(top))))
    return folder


@contextmanager
def running(
    handler: str,
    *,
    code: Path,
    runtime: Path,
    variables: Mapping[str, str],
    options: Sequence[str] = (),
    log: int = 2,
) -> Iterator[Environment]:
    """Start `handler` as Lambda would, with `variables` as the function's own.

    What it writes goes to the file descriptor `log`; `options` are the interpreter's.
    """
    name = handler.split(".")[1] if "." in handler else handler
    with RuntimeApi.serving(f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{name}") as api:
        started_at = time.monotonic()
        process = subprocess.Popen(  # noqa: S603  # this interpreter
            [sys.executable, "-S", *options, "-m", "awslambdaric", handler],
            cwd=code,  # the first place that the client imports from
            env=_given(api.address, name, runtime) | dict(variables),
            stdout=log,
            stderr=log,
        )
        try:
            yield Environment(api, started_at)
        finally:
            process.send_signal(signal.SIGKILL)  # as Lambda does, without a word
            process.wait()


def _given(api: str, name: str, runtime: Path) -> dict[str, str]:
    """What every function finds in its environment.

    Source: AWS Lambda developer guide, "Defined runtime environment variables".
    """
    return {
        "AWS_LAMBDA_RUNTIME_API": api,
        "AWS_LAMBDA_FUNCTION_NAME": name,
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512",
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_LOG_GROUP_NAME": f"/ekswatch/ekswatch/{name}",
        "AWS_LAMBDA_LOG_STREAM_NAME": "2026/11/20/[$LATEST]0123456789abcdef0123456789abcdef",
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_SESSION_TOKEN": "testing",
        "LANG": "en_US.UTF-8",
        "TZ": ":UTC",
        "PATH": os.defpath,
        "PYTHONPATH": str(runtime),
        "PYTHONDONTWRITEBYTECODE": "1",  # the code's folder is read-only in Lambda
    }


def _with_requirements(*names: str) -> list[Distribution]:
    """The distributions of these names, and all that they need here."""
    found: dict[str, Distribution] = {}
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        try:
            found[name] = distribution(name)
        except PackageNotFoundError:
            raise AssertionError(f"{name} is not installed: run `make setup`") from None
        for required in map(Requirement, found[name].requires or ()):
            if required.marker is None or required.marker.evaluate({"extra": ""}):
                waiting.append(required.name)
    return list(found.values())
