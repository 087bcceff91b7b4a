"""Quality: what is counted is what the recordings show."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from ekswatch.cli.quality import Quality, main, quality, tables
from ekswatch.rules.compiler.compile import compile_ruleset
from ekswatch.rules.detection import Severity
from tests.rules import build


def line(audit_id: str, verb: str) -> dict[str, Any]:
    return {
        "kind": "Event",
        "apiVersion": "audit.k8s.io/v1",
        "auditID": audit_id,
        "stage": "ResponseComplete",
        "verb": verb,
        "user": {"username": f"user-{audit_id}"},
        "objectRef": {"resource": "secrets", "name": audit_id, "namespace": "shop"},
        "requestReceivedTimestamp": "2026-11-20T10:00:00.000000Z",
    }


def write(path: Path, *lines: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    text = "".join(json.dumps(each) + "\n" for each in lines)
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())


@pytest.fixture
def measured(tmp_path: Path) -> Quality:
    """A detection of gets, medium, and one of lists, informational; three attacks, four events."""
    detections, events = tmp_path / "detections", tmp_path / "events"
    for name, verb, level in (("got", "get", "medium"), ("listed", "list", "informational")):
        selection = {"it": {"verb": verb}, "condition": "it"}
        build.detection(detections, build.document(name, selection, level=level))
    labels = {
        "found": {"attack": ["a"], "technique": "T1552.007"},
        "told": {"attack": ["b"], "technique": "T1552.007"},
        "missed": {"attack": ["c"], "technique": "T1552.007"},
        "harmless": {"attack": ["d"], "technique": None},
    }
    (events / "scenarios").mkdir(parents=True)
    (events / "scenarios" / "labels.json").write_text(json.dumps(labels))
    for name, audit_id, verb in (
        *(("found", "a", "get"), ("told", "b", "list")),
        *(("missed", "c", "watch"), ("harmless", "d", "get")),
    ):
        write(events / "scenarios" / f"{name}.jsonl.gz", line(audit_id, verb), line("x", "patch"))
    quiet = [line("1", "get"), line("2", "list"), line("3", "list"), line("4", "watch")]
    write(events / "benign.jsonl.gz", *quiet)
    for kind in ("match_one", "match_two", "ignore_one"):
        write(events / "got" / f"{kind}.json", line("e", "get"))
    return quality(compile_ruleset(detections), events, {"got": "2026-11-20"})


def test_an_attack_counts_as_found_when_more_than_information_tells_of_it(
    measured: Quality,
) -> None:
    """Look-alikes are no attacks."""
    assert (measured.attacks, measured.missed) == (3, ("missed", "told"))


def test_each_detection_has_its_numbers(measured: Quality) -> None:
    """Attacks, findings on ordinary events, examples, the day of the last change."""
    got, listed = measured.rows

    assert (got.attacks, got.alarms, dict(got.quiet)) == (("found",), 1, {Severity.MEDIUM: 1})
    assert (got.examples["match"], got.examples["ignore"], got.changed) == (2, 1, "2026-11-20")
    assert (listed.attacks, listed.alarms, sum(listed.quiet.values())) == (("told",), 0, 2)


def test_alarms_are_told_per_ten_thousand_events(measured: Quality) -> None:
    """One in four is twenty-five hundred."""
    assert (measured.events, measured.alarms, measured.alarms_per) == (4, 1, 2_500)
    assert "Labelled attacks found: 1 of 3" in list(tables(measured))


def test_what_ships_finds_every_attack_and_keeps_quiet(capsys: pytest.CaptureFixture[str]) -> None:
    """`make quality` fails otherwise."""
    assert main() == 0
    assert "Not found: none" in capsys.readouterr().out
