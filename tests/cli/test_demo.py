"""The demo shows what went the whole way, in the order in which one reads it."""

from datetime import UTC, datetime

import pytest

from ekswatch.cli.content import detections_folder
from ekswatch.cli.demo import hourly_runs, run
from ekswatch.cli.exits import Exit
from ekswatch.correlate.window import Window
from ekswatch.rules.compiler.compile import compile_ruleset


def at(hour: int, minute: int) -> datetime:
    return datetime(2026, 11, 20, hour, minute, tzinfo=UTC)


@pytest.mark.parametrize("minute", range(0, 60, 7))
def test_every_time_is_judged_by_exactly_one_run(minute: int) -> None:
    """The runs that the demo fires judge each event once."""
    (fired,) = hourly_runs([at(12, minute)])

    assert at(12, minute) in Window.of(fired)


def test_runs_are_in_order_and_each_once() -> None:
    """Two events of one window need one run."""
    assert list(hourly_runs([at(14, 0), at(12, 1), at(12, 2)])) == [at(13, 0), at(15, 0)]


def test_the_demo_shows_all_it_promises(capsys: pytest.CaptureFixture[str]) -> None:
    """Findings from Security Hub worst first, messages, suppressions and unreadable records."""
    code = run(compile_ruleset(detections_folder()))

    shown = capsys.readouterr().out
    parts = ["Security Hub:", "CRITICAL", "SNS:", "Check now", "Suppressed:", "Unreadable:"]
    places = [shown.index(part) for part in parts]
    assert code is Exit.OK
    assert places == sorted(places)
    assert "secret-read-burst" in "".join(shown.split())
    assert "not JSON" in shown
