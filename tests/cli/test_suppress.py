"""`ekswatch suppress`: what is added, what it hides, and what it must not hide."""

from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner, Result

from ekswatch.cli.main import app
from tests.rules import build

SLUG = "exec-seen"
HARMLESS = ("--when", "actor.name=nobody-at-all")
ATTACK = ("--when", "objectRef.subresource=exec")


@pytest.fixture
def detections(tmp_path: Path) -> Path:
    """One detection, of two documents, that finds every exec."""
    folder = tmp_path / "shipped"
    seen = {"exec": {"objectRef.subresource": "exec"}, "condition": "exec"}
    other = {"ran": {"command.text": "*"}, "condition": "ran"}
    build.detection(
        folder,
        build.document(SLUG, seen),
        build.document(f"{SLUG}-command", other, view="command", ekswatch=None),
    )
    return folder


def suppress(detections: Path, *arguments: object) -> Result:
    tuning = detections.parent / "tuning"
    given = [str(each) for each in arguments]
    paths = ["--tuning", str(tuning), "--detections", str(detections)]
    return CliRunner().invoke(app, ["suppress", *given, *paths])


def add(detections: Path, name: str, *arguments: object) -> Result:
    why = ("--reason", "it is known", "--owner", "platform")
    return suppress(detections, "add", name, "--rule", SLUG, *why, *arguments)


def settings(detections: Path) -> str:
    return (detections.parent / "tuning" / "ekswatch.yml").read_text()


def test_a_suppression_is_added_to_the_settings(detections: Path) -> None:
    """With everything that was said, values of their types."""
    result = add(
        detections,
        "ci",
        *("--when", "actor.name|startswith=system:serviceaccount:ci:"),
        *("--when", "verb=get", "--when", "verb=create", "--when", "responseStatus.code=101"),
        *("--expires", "2027-01-31"),
    )

    assert result.exit_code == 0, result.output
    (written,) = yaml.safe_load(settings(detections))["suppressions"]
    assert str(written.pop("expires")) == "2027-01-31"
    assert written == {
        "name": "ci",
        "rules": [SLUG],
        "when": {
            "actor.name|startswith": "system:serviceaccount:ci:",
            "verb": ["get", "create"],
            "responseStatus.code": 101,
        },
        "reason": "it is known",
        "owner": "platform",
    }


def test_the_rest_of_the_settings_stays_as_it_is(detections: Path) -> None:
    """Comments and switches survive; a second suppression stands beside the first."""
    tuning = detections.parent / "tuning"
    tuning.mkdir()
    (tuning / "ekswatch.yml").write_text("# ours\nseed_mode: false  # for now")

    for name in ("one", "two"):
        assert add(detections, name, *HARMLESS).exit_code == 0

    assert settings(detections).startswith("# ours\nseed_mode: false  # for now\nsuppressions:\n")
    names = [each["name"] for each in yaml.safe_load(settings(detections))["suppressions"]]
    assert sorted(names) == ["one", "two"]


def test_what_hides_a_recorded_attack_is_refused(detections: Path) -> None:
    """It says which attack, and writes nothing; --force writes it."""
    refused = add(detections, "all", *ATTACK)

    assert refused.exit_code == 1
    assert "requests of the recorded attack exec_spdy" in refused.stderr
    assert not (detections.parent / "tuning").exists()
    assert add(detections, "all", *ATTACK, "--force").exit_code == 0


def test_a_detection_means_all_its_documents(detections: Path) -> None:
    """Of two documents that see an exec, none is left."""
    assert add(detections, "all", *ATTACK, "--force").exit_code == 0

    checked = suppress(detections, "check")

    assert checked.exit_code == 1
    hides = [line for line in checked.stdout.splitlines() if "requests of the recorded" in line]
    assert hides
    assert "exec-seen" in checked.stdout


def test_what_hides_nothing_is_no_fault(detections: Path) -> None:
    """And is said."""
    add(detections, "nobody", *HARMLESS)

    checked = suppress(detections, "check", "nobody")

    assert checked.exit_code == 0
    assert "hides nothing" in checked.stdout


def test_the_list_says_when_each_ends(detections: Path) -> None:
    """What ends first stands first; what is over says so."""
    add(detections, "for-ever", *HARMLESS)
    add(detections, "later", *HARMLESS, "--expires", "2999-01-01")
    add(detections, "over", *HARMLESS, "--expires", "2026-01-01")

    listed = suppress(detections, "list", "--json")
    shown = suppress(detections, "list")

    assert [each["name"] for each in yaml.safe_load(listed.stdout)] == ["over", "later", "for-ever"]
    assert "over" in shown.stdout
    assert "never" in shown.stdout


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("--when", "actor.name"), 2, "write field=value"),
        (("--when", "actor.nam=x"), 3, "did you mean 'actor.name'"),
        (("--when", "verb=gett"), 3, "never 'gett'"),
        ((*HARMLESS, "--on", "/nowhere"), 2, "no such file"),
        ((*HARMLESS, "--expires", "soon"), 2, "does not match"),
    ],
)
def test_wrong_use_is_said(
    detections: Path, arguments: tuple[str, ...], code: int, said: str
) -> None:
    """Nothing is written."""
    result = add(detections, "x", *arguments)

    assert result.exit_code == code
    assert said in result.stderr
    assert not (detections.parent / "tuning").exists()


def test_a_name_is_taken_once(detections: Path) -> None:
    """Two suppressions of one name would be counted as one."""
    add(detections, "one", *HARMLESS)

    result = add(detections, "one", *HARMLESS)

    assert result.exit_code == 3
    assert "already taken" in result.stderr


def test_an_unknown_suppression_cannot_be_checked(detections: Path) -> None:
    """It is a spelling mistake."""
    add(detections, "one", *HARMLESS)

    assert suppress(detections, "check", "two").exit_code == 2
