"""The check: each side of every goal, and of 10 % over the baseline."""

import json
from pathlib import Path

import pytest

from benchmarks.goals import (
    GOALS,
    NOTHING_STORED,
    NUMBERS,
    Baseline,
    against_baseline,
    against_goals,
    read_baseline,
    write_baseline,
)

GOOD: dict[str, float | None] = {name: GOALS.get(name, 1.0) for name in NUMBERS}


def failed(numbers: dict[str, float | None]) -> list[str]:
    return [verdict.row for verdict in against_goals(numbers) if not verdict.holds]


def test_a_number_at_its_goal_holds() -> None:
    """The goal says "at most"."""
    assert failed(GOOD) == []


@pytest.mark.parametrize("name", GOALS)
def test_a_number_over_its_goal_fails(name: str) -> None:
    """Each goal is checked by itself."""
    assert failed({**GOOD, name: GOALS[name] * 1.001}) == [name]


def test_a_goal_that_the_baseline_missed_does_not_fail_and_is_told() -> None:
    """The check is about what changed; another goal fails as ever, and one that is met is."""
    baseline = Baseline({}, frozenset({"init_ms", "peak_mib"}))
    numbers = {**GOOD, "init_ms": GOALS["init_ms"] * 2, "archive_mib": 1e6}

    said = {verdict.row: verdict for verdict in against_goals(numbers, baseline)}

    assert (said["init_ms"].word, said["init_ms"].holds) == ("missed, as before", True)
    assert (said["archive_mib"].word, said["archive_mib"].holds) == ("FAILED", False)
    assert said["peak_mib"].word == "ok"
    assert failed(numbers) == ["init_ms", "archive_mib"]


def test_the_archive_may_have_eight_million_bytes() -> None:
    """The goal is in MB, the number in MiB."""
    assert failed({**GOOD, "archive_mib": 8_000_000 / 1024 / 1024}) == []
    assert failed({**GOOD, "archive_mib": 8_000_001 / 1024 / 1024}) == ["archive_mib"]


def test_what_was_not_measured_does_not_fail_and_says_so() -> None:
    """Offline there is no archive; the rest still counts."""
    verdicts = against_goals({**GOOD, "archive_mib": None})

    (archive,) = [verdict for verdict in verdicts if verdict.row == "archive_mib"]
    assert (archive.holds, archive.word) == (True, "not measured")


def test_a_missing_number_is_an_error() -> None:
    """A renamed key must not make its goal disappear."""
    numbers = {name: value for name, value in GOOD.items() if name != "init_ms"}

    with pytest.raises(KeyError, match="init_ms"):
        against_goals(numbers)


@pytest.mark.parametrize(
    ("measured", "word"), [(0.5, "ok"), (1.0, "ok"), (1.0999, "ok"), (1.1001, "FAILED")]
)
def test_a_ratio_may_be_ten_percent_worse_than_the_baseline(measured: float, word: str) -> None:
    """Better is always right; more than 10 % worse is not."""
    (verdict,) = against_baseline({"leases": measured}, Baseline({"leases": 1.0}))

    assert verdict.word == word
    assert verdict.holds == (word == "ok")


def test_a_new_row_holds_and_is_told() -> None:
    """A row that the baseline lacks fails nothing before it is saved."""
    (verdict,) = against_baseline({"new": 99.0}, NOTHING_STORED)

    assert (verdict.row, verdict.holds, verdict.word) == ("new", True, "new")


def test_a_stored_row_that_is_gone_fails() -> None:
    """A renamed row must not lose its limit unseen."""
    (verdict,) = against_baseline({}, Baseline({"old": 1.0}))

    assert (verdict.row, verdict.holds, verdict.word) == ("old", False, "FAILED, not measured")


def test_the_baseline_holds_ratios_and_where_they_come_from(tmp_path: Path) -> None:
    """No absolute time is stored: another machine has others."""
    file = tmp_path / "baseline.json"

    numbers = {**GOOD, "init_ms": 1e6}
    write_baseline({"b": 1.23456, "a": 2.0}, numbers, {"python": "CPython 3.11"}, file)

    assert json.loads(file.read_text()) == {
        "machine": {"python": "CPython 3.11"},
        "missed": ["init_ms"],
        "ratios": {"a": 2.0, "b": 1.2346},
    }
    assert read_baseline(file) == Baseline({"a": 2.0, "b": 1.2346}, frozenset({"init_ms"}))


def test_without_a_baseline_there_is_nothing_to_compare(tmp_path: Path) -> None:
    """The first run has only the goals."""
    assert read_baseline(tmp_path / "none.json") == NOTHING_STORED
