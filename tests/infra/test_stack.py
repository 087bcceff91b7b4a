"""The whole template, under the checks of others."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_s3 as s3
from cdk_nag import AwsSolutionsChecks
from cfnlint.api import lint_all

from tests.infra.conftest import Synthesise
from tests.infra.template import Resources, name


def test_cdk_nag_finds_nothing_that_is_not_explained(synthesise: Synthesise) -> None:
    """Each finding of the AWS Solutions rules is acknowledged where it arises, with a reason."""
    synthesise(checked=True, clusters="prod,staging", email="oncall@example.com")


def test_cdk_nag_is_awake(tmp_path: Path) -> None:
    """The check above can fail: a bare bucket is refused."""
    app = cdk.App(outdir=str(tmp_path))
    s3.Bucket(cdk.Stack(app, "bare"), "Bucket")
    cdk.Validations.of(app).add_plugins(AwsSolutionsChecks(app))

    with pytest.raises(RuntimeError, match="ValidationFailed"):
        app.synth()

    assert "AwsSolutions-S10" in (tmp_path / "validation-report.json").read_text()


def test_cfn_lint_finds_nothing(assembly: Path) -> None:
    """The template is what CloudFormation's own schemas ask for.

    Left out are W3005, as CDK writes a DependsOn beside a reference to the same resource, and the
    advice on style (I...), as nobody writes this template by hand.
    """
    problems = lint_all((assembly / "ekswatch.template.json").read_text())

    assert [
        str(problem)
        for problem in problems
        if problem.rule.id != "W3005" and not problem.rule.id.startswith("I")
    ] == []


def test_the_template_is_the_same_in_every_synthesis(
    synthesise: Synthesise, template: Mapping[str, Any]
) -> None:
    """Nothing in it comes from the clock, the machine or an order that may change."""
    again = synthesise(clusters="prod,staging", email="oncall@example.com")

    assert json.loads((again / "ekswatch.template.json").read_text()) == template


def test_the_template_fits_any_account(template: Mapping[str, Any]) -> None:
    """Account and Region come at deployment; no parameter is asked for."""
    assert "Parameters" not in template
    assert "123456789012" not in json.dumps(template)


def test_a_second_stack_does_not_clash_with_the_first(synthesise: Synthesise) -> None:
    """Names that must be unique in an account carry the stack's name."""
    out = synthesise(clusters="prod", stack_name="second")
    resources = Resources.read(out)

    assert {group["LogGroupName"] for group in resources.of("AWS::Logs::LogGroup").values()} == {
        "/ekswatch/second/signals",
        "/ekswatch/second/stream",
        "/ekswatch/second/hourly",
    }
    assert resources.only("AWS::Logs::SubscriptionFilter")["FilterName"] == "second"


def test_what_was_not_analysed_and_what_was_told_outlive_the_stack(
    template: Mapping[str, Any],
) -> None:
    """All that keeps data says what becomes of it; the rest can be made again."""
    kept = {
        name(logical_id): (resource["DeletionPolicy"], resource["UpdateReplacePolicy"])
        for logical_id, resource in template["Resources"].items()
        if "DeletionPolicy" in resource
    }

    assert kept == {
        **dict.fromkeys(("State", "FailedEvents"), ("Retain", "Retain")),
        **dict.fromkeys(("Signals", "StreamLog", "HourlyLog"), ("Delete", "Delete")),
        "FindingsKey": ("Delete", "Delete"),
    }
