"""`ekswatch baseline`: history in, what is normal out, and a scan that knows it."""

import json
import os
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from botocore.session import get_session
from moto import mock_aws
from typer.testing import CliRunner

from ekswatch.aws import clients
from ekswatch.aws.baseline import Table
from ekswatch.aws.state import KEY
from ekswatch.cli.exits import Exit
from ekswatch.cli.main import app
from ekswatch.correlate.baseline import Entry
from ekswatch.correlate.baseline_file import BadBaseline, decode, encode, read_lines, to_lines
from tests.local.examples import AT, line
from tests.rules import build

NAME = "ekswatch"
REGION = "eu-central-1"
ENTRY = Entry(739_500, 739_510, "newcomer", ("jane", None, ("a", "b"), True), 30)
KEY_0 = "0" * 32


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    """A folder with one detection of who lists secrets for the first time."""
    folder = tmp_path / "detections"
    build.detection(
        folder,
        build.document(
            "newcomer",
            {"list": {"verb": "list", "resource": "secrets"}, "condition": "list"},
            ekswatch={"message": "{actor.name} is new", "novel": {"key": ["actor.name"]}},
        ),
    )
    return folder


@pytest.fixture
def table(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The table of a deployed stack, empty."""
    with mock_aws():
        for name in [name for name in os.environ if name.startswith("AWS_")]:
            monkeypatch.delenv(name)
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "not-a-secret")
        clients.forget()
        client: Any = get_session().create_client("dynamodb", region_name=REGION)
        client.create_table(
            TableName=NAME,
            KeySchema=[{"AttributeName": KEY, "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": KEY, "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
        yield client
        clients.forget()


def run(*arguments: object, stdin: str = "") -> Any:
    runner = CliRunner(env={"COLUMNS": "200"})
    return runner.invoke(app, [*map(str, arguments)], input=stdin)


def log(path: Path, *calls: tuple[float, str]) -> Path:
    """An audit log in which people list secrets, on days counted from the first."""
    lines = [
        line(f"{user}-{day}", user=user, at=AT + timedelta(days=day)) + "\n" for day, user in calls
    ]
    path.write_text("".join(lines))
    return path


def found(result: Any) -> list[str]:
    return [json.loads(text)["actor"]["name"] for text in result.stdout.splitlines()]


def test_a_scan_learns_from_the_log_itself(tmp_path: Path, rules: Path) -> None:
    """Event time counts: a week of history is a week, however fast it is read."""
    audit = log(tmp_path / "audit.jsonl", (0, "jane"), (8, "jane"), (8, "joe"))

    result = run("scan", audit, "--detections", rules, "--format", "jsonl")

    assert (found(result), result.stderr) == (["joe"], "")


def test_a_scan_says_what_it_cannot_tell(tmp_path: Path, rules: Path) -> None:
    """Silence for want of history must not look like quiet."""
    audit = log(tmp_path / "audit.jsonl", (0, "jane"), (6, "joe"))

    result = run("scan", audit, "--detections", rules, "--format", "jsonl")

    assert result.stdout == ""
    assert "1 detection waits for a baseline (newcomer)" in result.stderr


def test_a_seed_makes_a_scan_speak_at_once(tmp_path: Path, rules: Path) -> None:
    """Last month's log teaches what is normal in this month's."""
    history = log(tmp_path / "october.jsonl", (0, "jane"), (8, "jane"))
    audit = log(tmp_path / "november.jsonl", (9, "jane"), (9, "joe"))
    known = tmp_path / "baseline.jsonl"

    seeded = run("baseline", "seed", history, "--detections", rules, "-o", known)
    result = run("scan", audit, "--detections", rules, "--baseline", known, "--format", "jsonl")

    assert (seeded.exit_code, seeded.stdout) == (Exit.OK, "")
    assert "2 entries of local, from 2026-11-20 to 2026-11-28" in seeded.stderr
    assert (found(result), result.stderr) == (["joe"], "")


def test_the_order_of_history_makes_no_difference(tmp_path: Path, rules: Path) -> None:
    """Files are read as they are named, or as they lie in a folder."""
    calls = [(0.0, "jane"), (3.0, "joe"), (8.0, "jane"), (5.0, "joe")]
    files = [log(tmp_path / f"{n}.jsonl", call) for n, call in enumerate(calls)]

    outputs = [
        run("baseline", "seed", *order, "--detections", rules).stdout
        for order in (files, files[::-1])
    ]

    assert outputs[0] == outputs[1]
    assert [json.loads(text)["values"] for text in outputs[0].splitlines()] == [
        ["jane"],
        ["joe"],
        [],
    ]


def test_a_seed_goes_on_from_another(tmp_path: Path, rules: Path) -> None:
    """Logs are archived by month, and the older ones may be gone."""
    first = tmp_path / "first.jsonl"
    run("baseline", "seed", log(tmp_path / "a", (0, "jane")), "--detections", rules, "-o", first)

    again = run(
        *("baseline", "seed", log(tmp_path / "b", (4, "jane")), "--baseline", first),
        *("--detections", rules),
    )

    jane = json.loads(again.stdout.splitlines()[0])
    assert (jane["first"], jane["last"]) == ("2026-11-20", "2026-11-24")


def test_clusters_are_kept_apart(tmp_path: Path, rules: Path) -> None:
    """A baseline of one cluster says nothing of another."""
    known = tmp_path / "baseline.jsonl"
    history = log(tmp_path / "history.jsonl", (0, "jane"), (8, "jane"))
    run("baseline", "seed", history, "--detections", rules, "--cluster", "prod", "-o", known)
    audit = log(tmp_path / "audit.jsonl", (9, "joe"))

    scans = [
        run("scan", audit, "--detections", rules, "--baseline", known, "--cluster", name)
        for name in ("prod", "staging")
    ]

    assert ["joe is new" in one.stdout or "newcomer" in one.stdout for one in scans] == [
        True,
        False,
    ]


def test_damaged_history_is_said(tmp_path: Path, rules: Path) -> None:
    """The baseline is written, and is not whole."""
    history = log(tmp_path / "history.jsonl", (0, "jane"))
    history.write_text(history.read_text() + "no event\n")

    result = run("baseline", "seed", history, "--detections", rules)

    assert (result.exit_code, len(result.stdout.splitlines())) == (Exit.INCOMPLETE, 2)
    assert "1 records could not be read" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["seed"], "there is nothing to learn from"),
        (["seed", "nowhere.jsonl"], "nowhere.jsonl: there is no such file or folder"),
        (["list"], "name either a file"),
        (["list", "--baseline", "nowhere.jsonl"], "nowhere.jsonl: No such file"),
        (["list", "--baseline", "a", "--table", "b"], "name either a file"),
    ],
)
def test_wrong_use_says_what_is_missing(arguments: list[str], said: str) -> None:
    """One line, and exit code 2."""
    result = run("baseline", *arguments)

    assert (result.exit_code, result.stdout) == (Exit.USAGE, "")
    assert said in result.stderr


def test_a_file_that_is_no_baseline_is_refused(tmp_path: Path) -> None:
    """Half a baseline would make findings of the other half."""
    known = tmp_path / "baseline.jsonl"
    known.write_text(encode("prod", KEY_0, ENTRY) + "\n\n{}\n")

    result = run("scan", known, "--baseline", known)

    assert result.exit_code == Exit.USAGE
    assert f"{known}: line 3: not an entry of a baseline" in result.stderr


def test_a_list_shows_what_is_known(tmp_path: Path) -> None:
    """For people as a table, for programs as the lines of the file."""
    known = tmp_path / "baseline.jsonl"
    known.write_text(encode("prod", KEY_0, ENTRY) + "\n" + encode("test", "1" * 32, ENTRY) + "\n")

    shown = run("baseline", "list", "--baseline", known, "--cluster", "prod").stdout
    lines = run("baseline", "list", "--baseline", known, "--json").stdout
    none = run("baseline", "list", "--baseline", known, "--document", "other", "--json").stdout

    assert all(word in shown for word in ("prod", "newcomer", "jane, -", "2025-09-06"))
    assert "test" not in shown
    assert (lines, none) == (known.read_text(), "")


def test_strangers_do_not_drive_the_terminal(tmp_path: Path) -> None:
    """A client may call itself anything."""
    known = tmp_path / "baseline.jsonl"
    evil = Entry(739_500, 739_510, "newcomer", ("\x1b[2J[bold]x",), 30)
    known.write_text(encode("prod", KEY_0, evil))

    shown = run("baseline", "list", "--baseline", known).stdout

    assert "\x1b" not in shown
    assert "[bold]x" in shown


def test_a_table_is_seeded_exported_and_listed(tmp_path: Path, rules: Path, table: Any) -> None:
    """What a stack knows moves to another, or into a scan."""
    history = log(tmp_path / "history.jsonl", (0, "jane"), (8, "jane"))
    where = ("--table", NAME, "--region", REGION)

    seeded = run(*("baseline", "seed", history, "--detections", rules, "--cluster", "prod"), *where)
    again = run("baseline", "export", *where)
    known = tmp_path / "baseline.jsonl"
    known.write_text(again.stdout)

    assert (seeded.exit_code, seeded.stdout) == (Exit.OK, "")
    assert "prod: 2 of 2 entries written to ekswatch" in seeded.stderr
    assert run("baseline", "list", *where, "--json").stdout == again.stdout
    assert "0 of 2" in run("baseline", "seed", "--baseline", known, *where).stderr
    keys = read_lines(again.stdout.splitlines())["prod"]
    assert dict(Table(table, NAME, "prod").read(list(keys))) == keys


@pytest.mark.usefixtures("table")
def test_a_table_that_does_not_answer_is_an_error_of_aws() -> None:
    """Exit code 4, and what AWS said."""
    result = run("baseline", "export", "--table", "another", "--region", REGION)

    assert (result.exit_code, result.stdout) == (Exit.AWS, "")
    assert "ResourceNotFoundException" in result.stderr


def test_a_line_is_read_as_it_was_written() -> None:
    """With all its values, whatever their types."""
    assert decode(encode("prod", KEY_0, ENTRY)) == ("prod", KEY_0, ENTRY)


def test_two_lines_of_one_key_are_one_entry() -> None:
    """Files can be put together with `cat`, in any order."""
    later = Entry(739_505, 739_520, "newcomer", ENTRY.values, 30)
    lines = [encode("prod", KEY_0, later), encode("prod", KEY_0, ENTRY)]

    merged = {"prod": {KEY_0: Entry(739_500, 739_520, "newcomer", ENTRY.values, 30)}}
    assert read_lines(lines) == read_lines(lines[::-1]) == merged
    assert read_lines(to_lines(merged)) == merged


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('"v":1', '"v":2', "an entry of version 2, this ekswatch reads version 1"),
        ('"first":"2025', '"first":"2026', "last seen before it was first seen"),
        (KEY_0, "secret", "not an entry"),
        ('"forget_days":30', '"forget_days":0', "not an entry"),
        ('"cluster"', '"clusters"', "not an entry"),
        ("{", "[", "not an entry"),
        ("prod", "p" * 200_000, "too many"),
    ],
)
def test_a_line_that_is_wrong_says_how(old: str, new: str, said: str) -> None:
    """Nothing is guessed."""
    with pytest.raises(BadBaseline, match=said):
        decode(encode("prod", KEY_0, ENTRY).replace(old, new, 1))
