"""`ekswatch report` as a user meets it."""

import csv
import io
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from ekswatch.cli.exits import Exit
from ekswatch.cli.main import app
from ekswatch.cli.measures import Measure
from ekswatch.cli.report import read_period

EVENTS = Path(__file__).parents[2] / "events"
CHAIN = EVENTS / "scenarios" / "chain_sa_to_node.jsonl.gz"
DAMAGED = EVENTS / "damaged.jsonl"
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


def report(*arguments: object) -> tuple[int, str, str]:
    """Exit code, standard output and standard error."""
    runner = CliRunner(env={"COLUMNS": "200"})
    result = runner.invoke(app, ["report", *map(str, arguments)])
    return result.exit_code, result.stdout, result.stderr


def tables(*arguments: object) -> dict[str, list[dict[str, Any]]]:
    code, out, _ = report(*arguments, "--format", "json")
    assert code == Exit.OK
    return {one["name"]: one["rows"] for one in json.loads(out)["tables"]}


def record(**changes: Any) -> str:
    whole = {
        "kind": "Event",
        "auditID": "a-1",
        "stage": "ResponseComplete",
        "verb": "get",
        "user": {"username": "jane", "groups": ["ops"]},
        "sourceIPs": ["203.0.113.7"],
        "userAgent": "kubectl/v1.32.4",
        "objectRef": {"resource": "secrets", "namespace": "web", "name": "db"},
        "responseStatus": {"code": 200},
        "requestReceivedTimestamp": "2026-11-20T12:00:00Z",
    }
    return json.dumps(whole | changes)


def test_a_recorded_attack_shows_in_the_measures() -> None:
    """A token that leads from a pod to a node: by whom, from where, with what."""
    found = tables(CHAIN)

    account = "system:serviceaccount:data:reports"
    assert list(found) == list(Measure)
    assert {"pod-exec", "exec-attack-tool"} <= {r["detection"] for r in found["lateral-movement"]}
    assert (account, "curl") in {(r["user"], r["client"]) for r in found["clients-and-users"]}
    assert account in {r["user"] for r in found["refused-service-accounts"]}
    assert account in {r["user"] for r in found["unusual-service-accounts"]}


def test_a_measure_that_still_learns_is_named() -> None:
    """An empty table of what is new says nothing without history; other tables do not wait."""
    alone = report(CHAIN, "--only", "unusual-changes")[2]

    assert "secret-access-new-client" in alone
    assert "unusual-workload-change" in alone
    assert "first-exec-by-user" not in alone
    assert report(CHAIN, "--only", "sensitive-roles")[2] == ""


@pytest.mark.parametrize(
    ("options", "count"),
    [
        ((), 1),
        (("--since", "2026-11-20T12:00:00Z"), 1),
        (("--since", "2026-11-20T12:00:01Z"), 0),
        (("--until", "2026-11-20T12:00:00Z"), 0),
        (("--until", "2026-11-20T12:00:01Z"), 1),
        (("--since", "2026-11-20", "--until", "2026-11-21"), 1),
        (("--since", "2026-11-20T14:00:00+02:00"), 1),
        (("--since", "2026-11-20T14:00:01+02:00"), 0),
    ],
)
def test_the_period_is_half_open(tmp_path: Path, options: tuple[str, ...], count: int) -> None:
    """From since on and before until, by the time of the request."""
    audit = tmp_path / "audit.jsonl"
    audit.write_text(record())

    assert len(tables(audit, *options)["sensitive-objects"]) == count
    assert len(tables(audit, *options, "--detections", EVENTS.parent / "detections")) == len(
        Measure
    )


@pytest.mark.parametrize(
    ("given", "ago"),
    [("90m", timedelta(minutes=90)), ("24h", timedelta(hours=24)), ("7d", timedelta(days=7))],
)
def test_a_period_may_begin_so_long_ago(given: str, ago: timedelta) -> None:
    """What runs every day asks for the last day."""
    assert read_period(given, "", now=NOW).since == NOW - ago
    assert read_period(f"{given} ago", "", now=NOW).since == NOW - ago


@pytest.mark.parametrize(
    "options",
    [
        ("--since", "yesterday"),
        ("--until", "24w"),
        ("--since", "2026-11-21", "--until", "2026-11-21"),
        ("--since", "2026-11-22", "--until", "2026-11-21"),
        ("--only", "everything"),
        ("--top", "0"),
    ],
)
def test_what_is_not_understood_is_wrong_use(options: tuple[str, ...]) -> None:
    """Nothing is reported for a period or a table that nobody asked for."""
    code, out, err = report(CHAIN, *options)

    assert (code, out) == (Exit.USAGE, "")
    assert options[0] in err


def test_an_empty_period_is_refused_only_when_it_is_empty() -> None:
    """One second is a period."""
    assert read_period("2026-11-21T00:00:00", "2026-11-21T00:00:01", now=NOW).until
    with pytest.raises(typer.Exit):
        read_period("2026-11-21T00:00:01", "2026-11-21T00:00:01", now=NOW)


def test_csv_is_one_table() -> None:
    """The first column says which; columns that a table does not have are empty."""
    _, out, _ = report(
        CHAIN, "--format", "csv", "--only", "lateral-movement", "--only", "groups-and-addresses"
    )

    found = list(csv.DictReader(io.StringIO(out)))

    assert {row["table"] for row in found} == {"lateral-movement", "groups-and-addresses"}
    assert all(row["group"] for row in found if row["table"] == "groups-and-addresses")
    assert not any(row["group"] for row in found if row["table"] == "lateral-movement")


@pytest.mark.parametrize("format_", ["csv", "table", "json"])
def test_texts_of_strangers_command_nothing(tmp_path: Path, format_: str) -> None:
    """No formula in a spreadsheet, no control character on a terminal."""
    audit = tmp_path / "audit.jsonl"
    audit.write_text(record(userAgent='=cmd|"/c calc"!A1', user={"username": "\x1b[31mjane\n"}))

    _, out, _ = report(audit, "--format", format_, "--only", "clients-and-users")

    assert "\x1b" not in out
    if format_ == "csv":
        (row,) = csv.DictReader(io.StringIO(out))
        assert row["user_agents"].startswith("'=")
        assert "\n" not in row["user"]


@pytest.mark.parametrize(("top", "shown"), [(2, 2), (3, 3), (4, 3)])
def test_top_thins_the_tables(tmp_path: Path, top: int, shown: int) -> None:
    """So many rows of each, and how many there are."""
    audit = tmp_path / "audit.jsonl"
    lines = [record(auditID=f"a-{n}", user={"username": f"u{n}"}) for n in range(3)]
    audit.write_text("\n".join(lines))

    _, out, _ = report(audit, "--only", "clients-and-users", "--top", top)
    (found,) = json.loads(
        report(audit, "--only", "clients-and-users", "--top", top, "--format", "json")[1]
    )["tables"]

    assert (len(found["rows"]), found["count"]) == (shown, 3)
    assert ("and 1 more" in out) is (shown < 3)


def test_records_that_cannot_be_read_are_named() -> None:
    """A report with holes says so."""
    code, out, err = report(DAMAGED)

    assert code == Exit.INCOMPLETE
    assert "damaged.jsonl:3: not JSON" in err
    assert "Unreadable" in out


def test_a_missing_file_is_wrong_use(tmp_path: Path) -> None:
    """The message names the path."""
    code, _, err = report(tmp_path / "none.jsonl")

    assert code == Exit.USAGE
    assert "none.jsonl: there is no such file or folder" in err


def test_a_detection_that_is_switched_off_is_named(tmp_path: Path) -> None:
    """An empty table is no good news when nothing could fill it."""
    (tmp_path / "ekswatch.yml").write_text("disabled:\n  detections: [pod-exec]\n")

    _, _, err = report(CHAIN, "--tuning", tmp_path, "--only", "lateral-movement")

    assert "the detection pod-exec is not there, or switched off" in err
