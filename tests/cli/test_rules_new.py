"""`ekswatch rules new`: what it writes passes as it is, and it never writes over anything."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pytest
import yaml
from typer.testing import CliRunner

from ekswatch.audit.views import VIEWS
from ekswatch.audit.vocabulary import OUTCOMES
from ekswatch.cli.examples import find_examples, kinds_of, run_examples
from ekswatch.cli.exits import Exit
from ekswatch.cli.main import app
from ekswatch.cli.scaffold import SLUG_CHARS, Kind, is_slug, technique_of, write
from ekswatch.cli.starts import STARTS
from ekswatch.rules.compiler.attack import TACTIC_IDS, entries
from ekswatch.rules.compiler.compile import compile_ruleset

TODAY = datetime.now(UTC).date()


def rules(*arguments: object) -> tuple[int, str, str]:
    """Exit code, standard output and standard error of `ekswatch rules`."""
    result = CliRunner().invoke(app, ["rules", *map(str, arguments)])
    return result.exit_code, result.stdout, result.stderr


def files(folder: Path) -> Mapping[Path, str]:
    return {path: path.read_text() for path in folder.rglob("*") if path.is_file()}


def test_every_view_has_a_start() -> None:
    """A view that is added needs one before it can be offered."""
    assert STARTS.keys() == VIEWS.keys() - {*OUTCOMES}  # no event has rows in these


@pytest.mark.parametrize("kind", list(Kind))
@pytest.mark.parametrize("view", list(STARTS))
def test_a_new_detection_passes_unchanged(kind: Kind, view: str, tmp_path: Path) -> None:
    """Of every kind and on every view: it compiles, and all of its examples do what they say."""
    write(tmp_path, "my-rule", kind=kind, view=view, tactic="", today=TODAY)

    examples = find_examples(tmp_path / "events")
    outcomes = list(run_examples(compile_ruleset(tmp_path), examples))
    assert [outcome.problem for outcome in outcomes] == [""] * len(examples)
    assert kinds_of(examples) == {"my-rule": {"match", "ignore"}}
    messages = [finding.message for outcome in outcomes for finding in outcome.found]
    assert messages
    assert not any("{" in message for message in messages)


@pytest.mark.parametrize("kind", list(Kind))
@pytest.mark.parametrize("view", list(STARTS))
def test_a_new_detection_has_nothing_to_warn_of(kind: Kind, view: str, tmp_path: Path) -> None:
    """Lint is quiet about it, warnings included."""
    write(tmp_path, "my-rule", kind=kind, view=view, tactic="", today=TODAY)

    assert rules("lint", tmp_path, "--strict")[:2] == (Exit.OK, "")


@pytest.mark.parametrize("tactic", list(TACTIC_IDS))
def test_a_new_detection_has_a_technique_of_its_tactic(tactic: str, tmp_path: Path) -> None:
    """Whatever the tactic, its tags say no nonsense."""
    write(tmp_path, "my-rule", kind=Kind.STREAM, view="pod", tactic=tactic, today=TODAY)

    assert tactic in entries()[technique_of(tactic).upper()].tactics
    assert (tmp_path / tactic / "my-rule.yml").exists()
    assert rules("lint", tmp_path, "--strict")[:2] == (Exit.OK, "")


def test_new_says_what_it_wrote_and_what_to_do_next(tmp_path: Path) -> None:
    """The paths go to standard output, the advice to standard error."""
    folder = tmp_path / "mine"

    code, out, err = rules("new", "my-rule", "--view", "container", "--folder", folder)

    assert code == Exit.OK
    assert [Path(line) for line in out.splitlines()] == [
        folder / "privilege-escalation" / "my-rule.yml",
        folder / "events" / "my-rule" / "match_example.json",
        folder / "events" / "my-rule" / "ignore_harmless_capability.json",
    ]
    assert "change the condition" in err
    assert f"ekswatch rules test my-rule --detections {folder}" in err


def test_new_detections_are_told_apart(tmp_path: Path) -> None:
    """Each document has an ID of its own and today's date."""
    for slug in ("one", "two"):
        rules("new", slug, "--kind", "sequence", "--folder", tmp_path)

    documents = [
        document
        for path in tmp_path.glob("*/*.yml")
        for document in yaml.safe_load_all(path.read_text())
    ]
    assert len({UUID(document["id"]) for document in documents}) == len(documents) == 6
    assert {document["date"] for document in documents if "date" in document} == {TODAY}


@pytest.mark.parametrize("tactic", ["execution", "impact"])
def test_nothing_is_written_over(tactic: str, tmp_path: Path) -> None:
    """A slug is taken in whatever tactic it lies, and the files stay as they are."""
    rules("new", "my-rule", "--tactic", "execution", "--folder", tmp_path)
    before = files(tmp_path)

    code, out, err = rules("new", "my-rule", "--tactic", tactic, "--folder", tmp_path)

    assert (code, out) == (Exit.USAGE, "")
    assert "my-rule.yml is already there; nothing was written" in err
    assert files(tmp_path) == before


def test_examples_are_not_written_over_either(tmp_path: Path) -> None:
    """Where examples of that name lie, nothing is written at all."""
    (tmp_path / "events" / "my-rule").mkdir(parents=True)

    assert rules("new", "my-rule", "--folder", tmp_path)[0] == Exit.USAGE
    assert files(tmp_path) == {}


@pytest.mark.parametrize(
    ("slug", "expected"),
    [
        ("pod-exec", True),
        ("t1611", True),
        ("a" * SLUG_CHARS, True),
        ("a" * (SLUG_CHARS + 1), False),
        ("Pod-Exec", False),
        ("pod_exec", False),
        ("-pod", False),
        ("pod-", False),
        ("pod--exec", False),
        ("../pod", False),
        ("pod\n", False),
        ("", False),
    ],
)
def test_a_slug_is_lower_case_words_joined_by_hyphens(slug: str, expected: bool) -> None:
    """A name that is a path or hard to type is refused."""
    assert is_slug(slug) is expected


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("My-Rule",), "use lower case words joined by hyphens"),
        (("my-rule", "--view", "containers"), "did you mean 'container'?"),
        (("my-rule", "--view", "finding"), "no event has rows in the view 'finding'"),
        (("my-rule", "--tactic", "execusion"), "did you mean 'execution'?"),
        (("my-rule", "--kind", "stream", "--folder", "/proc/none"), "/proc/none"),
    ],
)
def test_wrong_use_is_explained(arguments: tuple[str, ...], said: str) -> None:
    """Nothing is written, and the message says what would do."""
    code, out, err = rules("new", *arguments)

    assert (code, out) == (Exit.USAGE, "")
    assert said in err


def test_examples_hold_no_identifier_of_anybody(tmp_path: Path) -> None:
    """Accounts, addresses and registries are those reserved for documentation."""
    write(tmp_path, "my-rule", kind=Kind.WINDOW, view="container", tactic="", today=TODAY)

    for path in (tmp_path / "events" / "my-rule").iterdir():
        for line in path.read_text().splitlines():
            event = json.loads(line)
            assert event["sourceIPs"] == ["198.51.100.77"]
            assert "111122223333" in event["user"]["username"]


def test_a_new_detection_of_the_tuning_folder_passes_with_those_that_ship(tmp_path: Path) -> None:
    """The commands that it names at the end do what they say."""
    tuning = tmp_path / "tuning"

    code, out, told = rules("new", "root-shell", "--view", "command", "--tuning", tuning)

    rule, *examples = map(Path, out.split())
    assert code == Exit.OK
    assert rule == tuning / "detections" / "execution" / "root-shell.yml"
    assert {path.parent for path in examples} == {tuning / "events" / "root-shell"}
    assert f"lint --tuning {tuning} && ekswatch rules test root-shell --tuning {tuning}" in told
    assert rules("lint", "--tuning", tuning, "--strict")[0] == Exit.OK
    code, out, _ = rules("test", "root-shell", "--tuning", tuning)
    assert (code, out.count("pass  root-shell/")) == (Exit.OK, len(examples))
    code, out, _ = rules("show", "root-shell", "--tuning", tuning, "--format", "json")
    assert len(json.loads(out)["examples"]) == len(examples)


def test_a_detection_that_ships_is_not_written_again(tmp_path: Path) -> None:
    """Its name would be taken when both are loaded."""
    code, _, told = rules("new", "pod-exec", "--tuning", tmp_path)

    assert code == Exit.USAGE
    assert "pod-exec.yml is already there; nothing was written" in told
    assert not list(tmp_path.iterdir())


def test_a_new_detection_lies_in_one_place(tmp_path: Path) -> None:
    """Two folders are one too many."""
    code, _, told = rules("new", "mine", "--tuning", tmp_path, "--folder", tmp_path)

    assert code == Exit.USAGE
    assert "either --folder or --tuning" in told
