"""The entry point, as the CDK command line starts it."""

import ast
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.infra.conftest import FLAGS, ROOT


def start(
    context: dict[str, Any], out: Path, *, bundled: bool = False
) -> subprocess.CompletedProcess[str]:
    """Run app.py as the CDK does, without bundling unless asked for."""
    context = {**FLAGS, **context, "aws:cdk:bundling-stacks": ["**"] if bundled else []}
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
    assert result.stderr.startswith("ekswatch: the settings cannot be deployed:\n")
    assert "clusters: is missing, for example -c clusters=prod,staging" in result.stderr
    assert "Traceback" not in result.stderr


def test_what_only_the_stack_knows_ends_with_a_message_too(tmp_path: Path) -> None:
    """Live lists that are too long for a function's environment."""
    lists = ",".join(f"list_{number}=s3://intel/{'x' * 100}" for number in range(40))

    result = start({"clusters": "prod", "live_lists": lists}, tmp_path)

    assert result.returncode == 1
    assert "clusters, live_lists, filter: have " in result.stderr
    assert "Traceback" not in result.stderr


def test_a_mistake_in_a_file_ends_with_its_line(tmp_path: Path) -> None:
    """The context names the file; what it says is all that is missing."""
    file = tmp_path / "deploy.yml"
    file.write_text("clusters: all\nstack_name: 1\n")

    result = start({"config": str(file)}, tmp_path)

    assert result.returncode == 1
    assert result.stderr.splitlines()[1:] == [
        f"  stack_name ({file}:2): '1' is not a stack name: a letter, then letters, digits and '-',"
        " at most 64 characters"
    ]


@pytest.mark.parametrize("kind", ["term", "narrow"])
def test_rules_that_are_refused_end_with_their_errors(tmp_path: Path, kind: str) -> None:
    """No traceback of ours or of the CDK's, wherever the rules are compiled first."""
    (tmp_path / "ekswatch.yml").write_text("detections:\n  no-such: {enabled: false}\n")
    tuned = {"clusters": "prod", "tuning": str(tmp_path), "filter": kind}

    result = start(tuned, tmp_path / "out", bundled=True)

    assert result.returncode == 1
    assert f"{tmp_path / 'ekswatch.yml'}:2: detections: there is no detection 'no-such'" in (
        result.stderr
    )
    assert "ekswatch: detections, tuning or live_lists have errors" in result.stderr
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
