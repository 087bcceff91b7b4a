"""`ekswatch scan` with detections that do not all load: every error said, the rest judged."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ekswatch.cli.content import detections_folder
from ekswatch.cli.exits import Exit
from ekswatch.cli.main import app

EVENTS = Path(__file__).parents[2] / "events"
ATTACK = EVENTS / "scenarios" / "crb_cluster_admin_user.jsonl.gz"
FOUND = "cluster-admin-binding-created"


def scan(*arguments: object) -> tuple[int, str, str]:
    """Exit code, standard output and standard error of `ekswatch scan`."""
    result = CliRunner(env={"COLUMNS": "80"}).invoke(app, ["scan", *map(str, arguments)])
    return result.exit_code, result.stdout, result.stderr


def found(text: str) -> set[str]:
    return {json.loads(line)["detection"] for line in text.splitlines()}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with links to all that ships, for a test to add a bad file to."""
    folder = tmp_path / "detections"
    folder.mkdir()
    for each in detections_folder().iterdir():
        (folder / each.name).symlink_to(each)
    return folder


def test_a_bad_detection_costs_itself_only(folder: Path) -> None:
    """The others judge, every error is named with its place, and the exit code says so."""
    first, second = folder / "first.yml", folder / "second.yml"
    first.write_text("title: [\n")
    second.write_text("a: &x 1\nb: *x\n")

    code, out, err = scan(ATTACK, "--detections", folder, "--format", "jsonl")

    assert code == Exit.RULES
    assert FOUND in found(out)
    assert f"{first}:2: not valid YAML" in err
    assert f"{second}:2: YAML aliases are not read" in err
    assert "2 files with errors left out" in err.splitlines()


def test_findings_above_the_bar_come_before_bad_detections(folder: Path) -> None:
    """What was found is worth more to a pipeline than what could not be judged."""
    (folder / "bad.yml").write_text("title: [\n")

    assert scan(ATTACK, "--detections", folder, "--fail-on", "high")[0] == Exit.FINDINGS


def test_a_bad_filter_hides_no_finding(tmp_path: Path) -> None:
    """The operator's filter that cannot be read is left out, and its match is a finding."""
    (tmp_path / "filters").mkdir()
    (tmp_path / "filters" / "mine.yml").write_text(f"filter: {{rules: [{FOUND}], condition: x}}\n")

    code, out, err = scan(ATTACK, "--tuning", tmp_path, "--format", "jsonl")

    assert (code, FOUND in found(out)) == (Exit.RULES, True)
    assert "mine.yml" in err


@pytest.mark.parametrize(
    "text", ["disabled: {detections: [no-such]}\n", "disabled: [\n", "disable: {}\n"]
)
def test_bad_settings_judge_nothing(tmp_path: Path, text: str) -> None:
    """What the operator switched off is not guessed."""
    (tmp_path / "ekswatch.yml").write_text(text)

    code, out, err = scan(ATTACK, "--tuning", tmp_path)

    assert (code, out) == (Exit.RULES, "")
    assert "ekswatch.yml" in err


def test_an_error_never_drives_a_terminal(folder: Path) -> None:
    """Control codes that a file holds come out spelled."""
    (folder / "bad.yml").write_text('ekswatch: {message: m}\n"\\e[2Jx": 1\n')

    code, out, err = scan(ATTACK, "--detections", folder)

    assert code == Exit.RULES
    assert "[2Jx" in err
    assert "\x1b" not in out + err
