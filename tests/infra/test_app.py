"""The entry point, as the CDK command line starts it."""

import ast
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.infra.conftest import FLAGS, ROOT


def start(context: dict[str, Any], out: Path) -> subprocess.CompletedProcess[str]:
    """Run app.py as the CDK does, without bundling."""
    context = {**FLAGS, **context, "aws:cdk:bundling-stacks": []}
    environment = os.environ | {
        "CDK_CONTEXT_JSON": json.dumps(context),
        "CDK_OUTDIR": str(out),
        "JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION": "20",
    }
    return subprocess.run(  # this interpreter, our own file
        [sys.executable, "app.py"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_context_in_stack_out(tmp_path: Path) -> None:
    """The stack carries the name of the context, and no AWS account is asked for anything."""
    result = start({"clusters": "prod", "stack_name": "audit"}, tmp_path)

    assert result.returncode == 0, result.stderr
    assert (tmp_path / "audit.template.json").is_file()


def test_a_mistake_ends_with_one_clear_message(tmp_path: Path) -> None:
    """No traceback: the operator reads what is missing and what to write."""
    result = start({}, tmp_path)

    assert result.returncode == 1
    assert result.stderr.startswith("ekswatch: the CDK context cannot be deployed:\n")
    assert "clusters: is missing, for example -c clusters=prod,staging" in result.stderr
    assert "Traceback" not in result.stderr


def test_cdk_json_starts_this_file() -> None:
    """The command line finds the entry point, and prefers the environment that `make` built."""
    settings = json.loads((ROOT / "cdk.json").read_text())

    assert settings["app"].endswith("python3 app.py")
    assert ".venv/bin" in settings["app"]


def test_infra_imports_nothing_of_the_analyzer() -> None:
    """What runs and where it runs meet in handler names and environment variables only."""
    sources = [ROOT / "app.py", *(ROOT / "infra").glob("*.py")]

    imported = {
        name.partition(".")[0]
        for source in sources
        for node in ast.walk(ast.parse(source.read_text()))
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }
    assert {"ekswatch", "lambdas"}.isdisjoint(imported)
    assert "infra" in imported
