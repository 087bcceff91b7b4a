"""`ekswatch rules` lint, list, show and compile, as a user meets them."""

import json
import os
import shutil
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from ekswatch.cli.exits import Exit
from ekswatch.cli.linting import home_of
from ekswatch.cli.main import app
from ekswatch.cli.portrait import (
    Condition,
    Count,
    ExampleFile,
    FilterUsed,
    ListUsed,
    Portrait,
    Row,
)
from ekswatch.cli.readable import period, selection, words
from ekswatch.cli.rules import app as rules_app
from ekswatch.cli.rules import slugs
from ekswatch.cli.scaffold import Kind, write
from ekswatch.rules.detection import Detection
from ekswatch.rules.ruleset import load
from tests.rules import build

SHIPPED = Path(__file__).parents[2] / "detections"
TODAY = date(2026, 11, 20)
DOCS = SHIPPED.parent / "docs"
SHAPES = (Row, Portrait, Condition, Count, ListUsed, FilterUsed, ExampleFile, Detection)
ROW_KEYS = [
    *("slug", "title", "severity", "tactics", "techniques", "kind", "views", "status"),
    *("maturity", "file"),
]


def rules(*arguments: object, columns: int = 160) -> tuple[int, str, str]:
    """Exit code, standard output and standard error of `ekswatch rules`."""
    runner = CliRunner(env={"COLUMNS": str(columns)})
    result = runner.invoke(app, ["rules", *map(str, arguments)])
    return result.exit_code, result.stdout, result.stderr


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    """A folder with one detection of each kind."""
    folder = tmp_path / "mine"
    for kind in Kind:
        write(folder, f"my-{kind}", kind=kind, view="pod", tactic="", today=TODAY)
    return folder


def break_one(folder: Path) -> Path:
    """Give a rule of the folder a field that does not exist; the file."""
    (file,) = folder.glob("*/my-stream.yml")
    file.write_text(file.read_text().replace("pod.host_pid", "pod.host_pit"))
    return file


def switch_off(slug: str, folder: Path) -> Path:
    """A tuning folder that switches a detection off."""
    folder.mkdir()
    (folder / "ekswatch.yml").write_text(f"disabled: {{detections: [{slug}]}}\n")
    return folder


# list


def test_the_list_has_every_detection_that_ships() -> None:
    """One object per file, by slug, with the documented keys."""
    code, out, err = rules("list", "--format", "json")

    listed = json.loads(out)
    assert (code, err, listed["schema_version"]) == (Exit.OK, "", 1)
    assert [row["slug"] for row in listed["detections"]] == sorted(
        file.stem
        for file in SHIPPED.glob("*/*.yml")
        if file.parent.name not in ("lists", "filters")
    )
    assert all(list(row) == ROW_KEYS for row in listed["detections"])


def test_the_list_says_how_a_detection_works(mine: Path) -> None:
    """Stream, window and sequence are told apart, with the views below them."""
    _, out, _ = rules("list", "--detections", mine, "--format", "json")

    rows = {row["slug"]: row for row in json.loads(out)["detections"]}
    assert {slug: row["kind"] for slug, row in rows.items()} == {
        "my-stream": "stream",
        "my-window": "window",
        "my-sequence": "sequence",
    }
    assert rows["my-sequence"]["views"] == ["event", "pod"]
    assert rows["my-stream"]["maturity"] == "experimental"


@pytest.mark.parametrize(
    ("option", "value", "expected"),
    [
        ("--tactic", "privilege-escalation", True),
        ("--tactic", "Privilege Escalation", True),
        ("--tactic", "discovery", False),
        ("--severity", "medium", True),
        ("--severity", "HIGH", False),
    ],
)
def test_the_list_is_thinned(mine: Path, option: str, value: str, expected: bool) -> None:
    """By tactic and by severity; what does not fit is left out."""
    _, out, _ = rules("list", "--detections", mine, option, value)

    assert ("my-stream" in out) is expected


def test_a_detection_that_is_switched_off_is_listed_on_request(mine: Path, tmp_path: Path) -> None:
    """`--status all` shows it, marked as off."""
    tuning = switch_off("my-window", tmp_path / "tuning")
    options = ("--detections", mine, "--tuning", tuning)

    assert "my-window" not in rules("list", *options)[1]
    assert "my-window (off)" in rules("list", *options, "--status", "all")[1]
    listed = json.loads(rules("list", *options, "--status", "all", "--format", "json")[1])
    assert {row["slug"] for row in listed["detections"] if row["status"] == "off"} == {"my-window"}


def test_what_eks_does_not_log_is_marked() -> None:
    """The one row that the log of EKS feeds in part says so; all others that ship are live."""
    listed = json.loads(rules("list", "--format", "json")[1])["detections"]

    elsewhere = {row["slug"] for row in listed if row["status"] != "live"}
    assert elsewhere == {"events-deleted"}
    assert {row["status"] for row in listed} == {"live", "live for other sources"}
    assert "events of the core group" in rules("show", "events-deleted")[1]


def test_a_narrow_terminal_keeps_the_slugs_whole() -> None:
    """At 80 characters the table leaves out columns and breaks no slug."""
    _, out, _ = rules("list", columns=80)

    assert "secret-read-unusual-user-agent" in out
    assert max(map(len, out.splitlines())) <= 80


def test_an_unknown_tactic_is_wrong_use() -> None:
    """The message names the nearest one."""
    code, out, err = rules("list", "--tactic", "descovery")

    assert (code, out) == (Exit.USAGE, "")
    assert "did you mean 'discovery'?" in err


@pytest.mark.parametrize("command", ["list", "coverage", "test"])
def test_broken_files_are_named_and_the_others_shown(mine: Path, command: str) -> None:
    """Every error goes to standard error, what loads to standard output, the code is 3."""
    break_one(mine)
    (mine / "discovery").mkdir()
    (mine / "discovery" / "other.yml").write_text("title: [")

    code, out, err = rules(command, "--detections", mine)

    assert code == Exit.RULES
    assert "my-window" in out
    assert "did you mean 'pod.host_pid'?" in err
    assert "other.yml:2: not valid YAML" in err
    assert len(err.splitlines()) >= 2


def test_a_folder_that_is_not_there_is_wrong_use(tmp_path: Path) -> None:
    """The message names the path."""
    code, _, err = rules("list", "--detections", tmp_path / "none")

    assert code == Exit.USAGE
    assert "none: there is no such file or folder" in err


# show


def test_show_tells_a_person_everything() -> None:
    """Severities, selections, lists, filters, false positives, examples stand in the text."""
    code, out, _ = rules("show", "privileged-workload-created")

    assert code == Exit.OK
    for told in (
        "MEDIUM, risk 49, stream, stable, live",
        "T1611 Escape to Host",
        "HIGH when person and own_command",
        "verb is create or update or patch",
        "pod.host_paths starts with one of the list sensitive_host_path_prefixes",
        "- privileged-node-agents (ships with ekswatch): ",
        "Build runners that need Docker inside Docker.",
        "match_pod.json",
    ):
        assert told in out
    assert "values, " in next(line for line in out.splitlines() if "- shell_commands: " in line)


def test_show_says_what_a_correlation_counts() -> None:
    """Number, field, time and group are a sentence."""
    _, out, _ = rules("show", "secret-read-burst")

    assert "at least 10 different object.ref of secret-read-burst-read, within 10m" in out
    assert "for the same actor.name, source.address, userAgent" in out


def test_show_says_the_order_of_a_sequence(mine: Path) -> None:
    """The steps stand in their order."""
    _, out, _ = rules("show", "my-sequence", "--detections", mine)

    assert "my-sequence-asked then my-sequence-done, within 10m" in out


def test_show_as_sigma_is_the_file() -> None:
    """What is printed is the file, byte for byte."""
    _, out, _ = rules("show", "pod-exec", "--format", "sigma")

    assert out == (SHIPPED / "execution" / "pod-exec.yml").read_text()


def test_show_as_json_has_the_row_and_the_detection() -> None:
    """A program finds every part under its documented key."""
    _, out, _ = rules("show", "secret-read-burst", "--format", "json")

    shown = json.loads(out)
    assert {*ROW_KEYS, "schema_version", "description", "falsepositives"} <= shown.keys()
    assert shown["severity"] == "MEDIUM"
    assert [one["name"] for one in shown["conditions"]] == [
        "secret-read-burst-read",
        "secret-read-burst-routine-read",
    ]
    assert shown["correlations"][0]["count"] == 10
    assert {"name", "size", "file", "source", "tuned_by"} == shown["lists"][0].keys()
    assert {one["kind"] for one in shown["examples"]} == {"match", "ignore"}


def test_show_says_what_the_operator_changed(tmp_path: Path) -> None:
    """A tuned list has its new size and names the file that changed it."""
    (tmp_path / "lists").mkdir()
    (tmp_path / "lists" / "shell_commands.yml").write_text("replace: [one, two]\n")

    _, out, _ = rules("show", "privileged-workload-created", "--tuning", tmp_path)

    (line,) = (line for line in out.splitlines() if "shell_commands: " in line)
    assert "2 values" in line


def test_a_list_of_the_operators_own_is_shown_where_it_lies(tmp_path: Path) -> None:
    """It is no change of another, and lint says its place when nobody uses it."""
    rules("new", "mine", "--tuning", tmp_path)
    (rule,) = (tmp_path / "detections").rglob("mine.yml")
    (tmp_path / "lists").mkdir()
    vaults = tmp_path / "lists" / "vaults.yml"
    vaults.write_text("description: Ours.\nvalues: [one, two]\n")

    code, out, _ = rules("lint", "--tuning", tmp_path)
    assert f"{vaults}:1: warning unused-list no document uses the list 'vaults'" in out
    rule.write_text(
        rule.read_text().replace(
            "detection:\n", "detection:\n  v: {object.name|expand: '%vaults%'}\n"
        )
    )
    code, out, _ = rules("show", "mine", "--tuning", tmp_path, "--format", "json")

    assert code == Exit.OK
    (shown,) = (one for one in json.loads(out)["lists"] if one["name"] == "vaults")
    assert (shown["size"], shown["file"], shown["tuned_by"]) == (2, str(vaults), "")


def test_an_unknown_slug_is_wrong_use() -> None:
    """The message names the nearest one."""
    code, out, err = rules("show", "pod-exce")

    assert (code, out) == (Exit.USAGE, "")
    assert err == "there is no detection 'pod-exce'; did you mean 'pod-exec'?\n"


def test_a_detection_with_errors_is_no_unknown_one(mine: Path) -> None:
    """Its errors are told, not that there is none of that name."""
    break_one(mine)

    for command in ("show", "test"):
        code, out, err = rules(command, "my-stream", "--detections", mine)

        assert (code, out) == (Exit.RULES, "")
        assert "pod.host_pit" in err
        assert "there is no detection" not in err


def test_slugs_are_completed() -> None:
    """A shell offers detections, not lists or filters."""
    assert slugs("secret-read-un") == [
        "secret-read-unlisted-caller",
        "secret-read-unusual-user-agent",
    ]
    assert slugs("shells") == slugs("nodes") == []


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("verb", "get", "verb is get"),
        ("verb", ["get", "list"], "verb is get or list"),
        ("pod.host_pid", True, "pod.host_pid is true"),
        ("userAgent", None, "userAgent is absent"),
        ("actor.pod", "*", "actor.pod has a value"),
        ("grant.verbs|all", ["get", "list"], "grant.verbs is get and list"),
        ("userAgent|contains", "curl", "userAgent contains curl"),
        ("sourceIPs|cidr", "10.0.0.0/8", "sourceIPs is in the network 10.0.0.0/8"),
        ("responseStatus.code|gte", 400, "responseStatus.code is at least 400"),
        ("actor.pod|exists", False, "actor.pod exists: false"),
        ("container.image|expand", "%a%", "container.image is one of the list a"),
        ("container.image|expand", "%a%/%b%", "container.image is <a>/<b>"),
        ("verb", [], "verb is nothing"),
    ],
)
def test_a_test_reads_as_a_sentence(key: str, value: object, said: str) -> None:
    """Field, comparison and values, without Sigma's modifiers."""
    assert words(key, value) == said


def test_alternatives_of_a_selection_are_marked() -> None:
    """A list of mappings holds when one of them does; keywords are anything said."""
    assert selection([{"verb": "get", "stage": "Panic"}, {"verb": "list"}, "curl"]) == [
        "verb is get and stage is Panic",
        "or verb is list",
        "or anything says curl",
    ]


@pytest.mark.parametrize(
    ("seconds", "said"), [(59, "59s"), (60, "1m"), (5400, "90m"), (3600, "1h"), (86_400, "1d")]
)
def test_a_period_is_said_in_its_largest_unit(seconds: int, said: str) -> None:
    """As the file of a detection would have it."""
    assert period(seconds) == said


# compile


def test_compile_writes_what_the_functions_read(mine: Path, tmp_path: Path) -> None:
    """The artefact loads, and the printed hash is its own."""
    file = tmp_path / "ruleset.json"

    code, out, _ = rules("compile", "-o", file, "--detections", mine)

    ruleset = load(file.read_bytes())
    assert code == Exit.OK
    assert out == f"hash {ruleset.hash}\n3 detections, 4 rules, 2 correlations, 0 filters\n"


def test_compile_writes_nothing_when_anything_is_wrong(mine: Path, tmp_path: Path) -> None:
    """What is deployed compiles whole or not at all."""
    break_one(mine)

    code, out, err = rules("compile", "-o", tmp_path / "ruleset.json", "--detections", mine)

    assert (code, out) == (Exit.RULES, "")
    assert "pod.host_pit" in err
    assert not (tmp_path / "ruleset.json").exists()


def test_compile_says_why_it_cannot_write(mine: Path, tmp_path: Path) -> None:
    """A folder that is not there is wrong use."""
    code, _, err = rules("compile", "-o", tmp_path / "none" / "x.json", "--detections", mine)

    assert code == Exit.USAGE
    assert "x.json: No such file or directory" in err


# lint


def test_what_ships_has_no_errors() -> None:
    """The detections of this repository pass their own lint."""
    code, _, err = rules("lint")

    assert code == Exit.OK
    assert err.startswith("0 errors, ")


def test_lint_names_file_line_level_and_code(mine: Path) -> None:
    """An error is one line that an editor can jump to, and the code is 3."""
    file = break_one(mine)

    code, out, _ = rules("lint", mine)

    (line,) = (line for line in out.splitlines() if " error " in line)
    number = 1 + next(
        i for i, text in enumerate(file.read_text().splitlines()) if "pod.host_pit" in text
    )
    assert code == Exit.RULES
    assert line.startswith(f"{file}:{number}: error does-not-load unknown field 'pod.host_pit'")


def test_lint_as_json_counts_what_it_found(mine: Path) -> None:
    """Each problem has its parts under their own keys."""
    break_one(mine)

    _, out, _ = rules("lint", mine, "--format", "json")

    told = json.loads(out)
    errors = [one for one in told["problems"] if one["level"] == "error"]
    assert told["schema_version"] == 1
    assert (told["errors"], len(errors)) == (1, 1)
    assert list(errors[0]) == ["file", "line", "level", "code", "message"]


def test_warnings_fail_only_when_asked(mine: Path) -> None:
    """A selection that nothing uses is worth a warning; `--strict` makes that count."""
    (file,) = mine.glob("*/my-stream.yml")
    file.write_text(file.read_text().replace("detection:\n", "detection:\n  idle: {verb: get}\n"))

    assert rules("lint", mine)[0] == Exit.OK
    assert rules("lint", mine, "--strict")[0] == Exit.RULES
    assert "warning unused-selection" in rules("lint", mine)[1]


def test_lint_wants_examples_of_both_kinds(mine: Path) -> None:
    """A detection that nobody showed at work is an error, where its file is."""
    for file in (mine / "events" / "my-stream").glob("ignore_*"):
        file.unlink()

    code, out, _ = rules("lint", mine)

    assert code == Exit.RULES
    assert "my-stream.yml" in out
    assert "error missing-example" in out


def test_lint_of_one_file_is_about_that_file(mine: Path) -> None:
    """Errors of its neighbours are not told, names and lists beside it are known."""
    broken = break_one(mine)
    (other,) = mine.glob("*/my-window.yml")

    assert rules("lint", other)[:2] == (Exit.OK, "")
    assert rules("lint", broken)[0] == Exit.RULES


def test_lint_of_a_missing_path_is_wrong_use(tmp_path: Path) -> None:
    """A misspelt path is not an empty folder."""
    assert rules("lint", tmp_path / "none")[0] == Exit.USAGE


@pytest.mark.parametrize(
    ("path", "home"),
    [
        ("mine", "mine"),
        ("mine/execution", "mine"),
        ("mine/execution/rule.yml", "mine"),
        ("mine/lists/rule.yml", "mine"),
        ("mine/rule.yml", "mine"),
    ],
)
def test_a_path_belongs_to_the_folder_above_tactics_lists_and_filters(
    path: str, home: str, tmp_path: Path
) -> None:
    """That folder has the lists and the documents that a rule refers to."""
    file = tmp_path / path
    (file.parent if file.suffix else file).mkdir(parents=True, exist_ok=True)

    assert home_of(file) == tmp_path / home


def test_lint_of_the_folder_one_stands_in(mine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A path without a name, and a file in a folder of a tactic, find their way up."""
    monkeypatch.chdir(break_one(mine).parent)

    assert rules("lint", ".")[0] == Exit.RULES
    assert "my-stream.yml:" in rules("lint", "my-stream.yml")[1]
    assert rules("lint", "my-window.yml")[:2] == (Exit.OK, "")


def test_a_file_behind_a_link_is_linted_where_the_link_is(mine: Path, tmp_path: Path) -> None:
    """Links are how a folder borrows a file; its errors are not lost."""
    file = break_one(mine)
    elsewhere = tmp_path / "elsewhere.yml"
    shutil.move(file, elsewhere)
    file.symlink_to(elsewhere)

    assert rules("lint", mine)[0] == Exit.RULES
    assert rules("lint", file)[0] == Exit.RULES


def test_errors_in_the_tuning_folder_are_told(mine: Path, tmp_path: Path) -> None:
    """Whatever path was named, as it bears on all of them."""
    tuning = switch_off("my-steam", tmp_path / "tuning")

    code, out, _ = rules("lint", next(mine.glob("*/my-window.yml")), "--tuning", tuning)

    assert code == Exit.RULES
    assert "ekswatch.yml" in out
    assert "did you mean 'my-stream'?" in out


def test_every_command_and_key_is_documented() -> None:
    """A pipeline can be written from docs/commands.md alone."""
    page = (DOCS / "commands.md").read_text()
    names = [one.name or one.callback.__name__ for one in rules_app.registered_commands]
    keys = {field for shape in SHAPES for field in shape.__struct_fields__} - {"row", "detection"}

    assert [name for name in names if f"## rules {name}\n" not in page] == []
    assert [key for key in sorted(keys) if f"`{key}`" not in page] == []


def test_results_can_be_piped_into_other_programs(mine: Path) -> None:
    """What is printed as sigma is YAML again."""
    _, out, _ = rules("show", "my-window", "--detections", mine, "--format", "sigma")

    assert [one["name"] for one in yaml.safe_load_all(out)] == ["my-window", "my-window-request"]


def shell(command: str) -> subprocess.CompletedProcess[str]:
    """A shell command in which `$RULES` is `ekswatch rules`, as a process of its own."""
    environment = os.environ | {"RULES": f"{sys.executable} -m ekswatch.cli.main rules"}
    return subprocess.run(  # noqa: S603  # this interpreter, by a shell for its pipes
        ["/bin/bash", "-c", f"set -o pipefail; {command}"],
        env=environment,
        cwd=SHIPPED.parent,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("command", ["list", "coverage", "show pod-exec", "list --format json"])
def test_a_reader_that_leaves_early_is_no_error(command: str) -> None:
    """`| head` ends the output; the exit code is that of the command."""
    done = shell(f"$RULES {command} | head -c 1")

    assert (done.returncode, done.stderr) == (Exit.OK, "")


def test_a_full_disk_is_said() -> None:
    """A list that could not be written is an error in words."""
    done = shell("$RULES list >/dev/full")

    assert done.returncode == Exit.USAGE
    assert done.stderr == "standard output: No space left on device\n"


def test_what_must_be_new_is_shown(tmp_path: Path) -> None:
    """The key, how long it is remembered, and who learns on their own."""
    novel = {"key": ["verb"], "per": ["actor.name"], "when": "read", "forget": "9d", "learn": "2d"}
    read = {"read": {"verb": "get"}, "condition": "read"}
    keys = {"message": "{actor.name} did it", "novel": novel}
    build.detection(tmp_path, build.document("newcomer", read, ekswatch=keys))

    _, text, _ = rules("show", "newcomer", "--detections", tmp_path)
    _, listed, _ = rules("list", "--detections", tmp_path, "--format", "json")
    _, shown, _ = rules("show", "newcomer", "--detections", tmp_path, "--format", "json")

    assert "only when this is new to the cluster: verb" in text
    assert "not seen for 9 days; the first 2 days are quiet" in text
    assert "so are the first 2 of any new actor.name" in text
    assert "counts where read, otherwise it only teaches" in text
    assert json.loads(listed)["detections"][0]["kind"] == "novel"
    assert json.loads(shown)["conditions"][0]["novel"]["forget_days"] == 9
