"""Commands that the documentation shows, run as they stand there, with the local AWS as AWS."""

import json
import os
import re
import shlex
import subprocess
from collections.abc import Sequence
from itertools import takewhile
from pathlib import Path
from typing import Any

from tests.e2e.local_aws import ROOT, Endpoints
from tests.e2e.processes import running
from tests.e2e.report import StepFailed

LIMIT_SECONDS = 120
QUIET = {
    "CI": "true",
    "CDK_DISABLE_CLI_TELEMETRY": "true",
    "NPM_CONFIG_LOGS_MAX": "0",
    "NO_COLOR": "1",
}


def shown(page: str, section: str) -> list[list[str]]:
    """The commands in a section's code blocks that name no language, split into words.

    A command that goes over several lines is none that this can run, and ends the list.
    Raises: ValueError when there is no such section, or no command in it.
    """
    text = (ROOT / page).read_text()
    found = re.search(rf"^## {re.escape(section)}$(.*?)(?=^## |\Z)", text, re.DOTALL | re.MULTILINE)
    blocks = re.findall(
        r"^```(\w*)$(.*?)^```$", found[1] if found else "", re.DOTALL | re.MULTILINE
    )
    lines = (line for language, block in blocks if not language for line in block.splitlines())
    commands = (shlex.split(line, comments=True) for line in lines)
    runnable = list(takewhile(lambda words: words[:1] != ["for"], filter(None, commands)))
    if not runnable:
        raise ValueError(f"{page} has no command under {section!r}")
    return runnable


class Shell:
    """Runs commands in the repository; what they write goes to `folder`."""

    def __init__(self, endpoints: Endpoints, folder: Path) -> None:
        self._folder = folder
        self._environment = (
            dict(os.environ)
            | endpoints.environment()
            | QUIET
            | {"TMPDIR": str(folder), "CDK_HOME": str(folder / "cdk-home")}
        )

    def run(self, command: Sequence[str]) -> str:
        """What the command printed. A CDK command gets what makes it local, and no question.

        Raises: StepFailed when it fails, with the end of what it printed.
        """
        command = self._local(command)
        log = self._folder / "command.log"
        with running(command, environment=self._environment, folder=ROOT, log=log) as process:
            try:
                code: int | str = process.wait(LIMIT_SECONDS)
            except subprocess.TimeoutExpired:
                code = f"no end within {LIMIT_SECONDS} s"
        printed = log.read_text(errors="replace")
        if code != 0:
            raise StepFailed(f"`{shlex.join(command)}` to succeed", f"{code}\n{printed[-4000:]}")
        return printed

    def template(self, stack: str) -> Any:
        """The template of a stack, as it was synthesised last."""
        return json.loads((self._folder / "cdk.out" / f"{stack}.template.json").read_text())

    def _local(self, command: Sequence[str]) -> list[str]:
        if command[0] == "ekswatch":
            return [str(ROOT / ".venv" / "bin" / "ekswatch"), *command[1:]]
        if list(command[:2]) != ["npx", "cdk"]:
            return list(command)
        more = ["-c", "target=local", "--output", str(self._folder / "cdk.out")]
        if command[2] == "deploy":
            more += ["--require-approval", "never"]
        if command[2] == "destroy":
            more += ["--force"]
        return [*command, *more]
