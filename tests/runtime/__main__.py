"""`make runtime`: how long the archive takes to answer, cold and warm, under Lambda's client.

Lambda runs on other machines: these times compare one state of the code with another.
"""

import statistics
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from infra import bundling
from infra.target import Target
from tests.runtime import payloads
from tests.runtime.account import Account, account
from tests.runtime.environment import lambda_runtime, running

SCENARIO = "priv_pod_create"
COLD, WARM = 5, 20
"""Starts of each function, and further invocations of each start."""


def main() -> None:
    """Build the archive for this machine, run both functions, print a table of medians."""
    with tempfile.TemporaryDirectory() as temporary, account() as aws:
        folder = Path(temporary)
        code = folder / "code"
        code.mkdir()
        bundling.build(code, None, Target.LOCAL)
        brought = lambda_runtime(folder / "packages")
        log = (folder / "log").open("wb")
        _say("function", "cold ms", "warm ms")
        for handler, event in _events():
            cold, warm = _seconds(handler, event, aws, code, brought, log.fileno())
            _say(handler, _millis(cold), _millis(warm))


def _events() -> Iterator[tuple[str, Any]]:
    now = datetime.now(UTC)
    yield "stream", next(payloads.stream(SCENARIO, until=now - timedelta(minutes=5)))
    yield "hourly", payloads.scheduled(now)


def _seconds(
    handler: str, event: Any, aws: Account, code: Path, brought: Path, log: int
) -> tuple[list[float], list[float]]:
    """Seconds from the start of the process to its first answer, and of each further one."""
    cold, warm = [], []
    for _ in range(COLD):
        with running(
            f"lambdas.{handler}.handler",
            code=code,
            runtime=brought,
            variables=aws.variables,
            log=log,
        ) as function:
            function.invoke(event)
            cold.append(function.since_start())
            for _ in range(WARM):
                began = time.monotonic()
                function.invoke(event)
                warm.append(time.monotonic() - began)
    return cold, warm


def _millis(seconds: list[float]) -> str:
    return f"{statistics.median(seconds) * 1000:.0f} (n={len(seconds)})"


def _say(function: str, cold: str, warm: str) -> None:
    print(f"{function:10}{cold:>16}{warm:>16}")  # noqa: T201  # this program's output


if __name__ == "__main__":
    main()
