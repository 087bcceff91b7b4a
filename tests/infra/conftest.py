"""One synthesis for all tests of the stack: no bundling, no network, no AWS account."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_lambda as lambda_
from cdk_nag import AwsSolutionsChecks

from infra import bundling
from infra.config import read_config
from infra.stack import EkswatchStack
from tests.infra.template import Resources

ROOT = Path(__file__).resolve().parents[2]
FLAGS: Mapping[str, Any] = json.loads((ROOT / "cdk.json").read_text())["context"]

Synthesise = Callable[..., Path]


@pytest.fixture(scope="session")
def synthesise(tmp_path_factory: pytest.TempPathFactory) -> Synthesise:
    """Synthesise a context into a folder, under cdk-nag if asked, and return the folder."""
    code = tmp_path_factory.mktemp("code")
    (code / "nothing.py").touch()

    def synthesise(*, checked: bool = False, **settings: Any) -> Path:
        out = tmp_path_factory.mktemp("assembly")
        app = cdk.App(context={**FLAGS, **settings, "aws:cdk:bundling-stacks": []}, outdir=str(out))
        config = read_config(app.node.get_all_context())
        EkswatchStack(app, "ekswatch", config=config, code=lambda_.Code.from_asset(str(code)))
        if checked:
            cdk.Validations.of(app).add_plugins(AwsSolutionsChecks(app))
        app.synth()
        return out

    return synthesise


@pytest.fixture(scope="session")
def assembly(synthesise: Synthesise) -> Path:
    """The stack of two clusters with everything on."""
    return synthesise(clusters="prod,staging", email="oncall@example.com")


@pytest.fixture(scope="session")
def template(assembly: Path) -> Mapping[str, Any]:
    return json.loads((assembly / "ekswatch.template.json").read_text())


@pytest.fixture(scope="session")
def resources(template: Mapping[str, Any]) -> Resources:
    return Resources(template)


@pytest.fixture(scope="session")
def ruleset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The compiled detections, for functions that run outside of an archive."""
    file = tmp_path_factory.mktemp("ruleset") / "ruleset.json"
    bundling.compile_ruleset(file, None)
    return file
