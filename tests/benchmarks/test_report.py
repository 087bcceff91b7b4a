"""The report: the last line of output, the tables and the page, from a run made by hand."""

import io
import json
from dataclasses import replace

import pytest
from rich.console import Console

from benchmarks.archive import Archive
from benchmarks.corpora import recorded
from benchmarks.cost import compute_usd, ingestion_usd, lambda_usd, requests_usd
from benchmarks.fresh import Peak, Start
from benchmarks.goals import NUMBERS
from benchmarks.machine import machine
from benchmarks.matrix import READING, Cell, Measured
from benchmarks.page import MEANING, page
from benchmarks.peers import Peer
from benchmarks.report import Report, numbers, stored_ratios, tables
from benchmarks.rounds import Spread
from benchmarks.rulesets import shipped
from benchmarks.signals import Signals, written
from benchmarks.tables import Table, markdown, show


def about(value: float) -> Spread:
    return Spread(value, value * 0.9, value * 1.1)


def cell(corpus: str, rules: str, us: float) -> Cell:
    return Cell(corpus, 100, rules, 1000, about(10.0), about(us), about(us / 10), us / 5, 12.5)


def start(*, compiled: bool) -> Start:
    times = [about(value) for value in (100, 5, 7, 112, 30, 40)]
    return Start(compiled, 100, 5, *times)


CELLS = tuple(
    cell(corpus, rules, us)
    for corpus, factor in (("benign mix", 1), ("adversarial", 2))
    for rules, us in ((READING, 5.0), ("10", 6.0), ("100", 8.0 * factor), ("1000", 9.0 * factor))
)
REPORT = Report(
    machine={"date": "2026-11-20", "processor": "some | processor"},
    rounds=7,
    corpora=[("benign mix", "recorded", 1000)],
    rules={"10": 10, "100": 100, "1000": 1000},
    shipped=24,
    event_bytes=2300.0,
    signals=Signals(400.0, 6.0),
    measured=Measured(CELLS, {("benign mix", 100, "1000 to 100"): about(1.125)}),
    starts=[start(compiled=True), start(compiled=False)],
    peak=Peak(20_000, 5_500_000, 5, about(90), about(0.5)),
    archive=Archive(2 * 1024 * 1024, 8 * 1024 * 1024, "as given"),
    peers=[Peer("CEL", "-", "not run", 25, 2000, None, None, "not installed")],
)


def test_the_last_line_has_exactly_the_agreed_numbers() -> None:
    """Whoever reads the line finds every key, and no other."""
    found = numbers(REPORT)

    assert tuple(found) == NUMBERS
    assert json.loads(json.dumps(found)) == {
        "floor_ratio_100": 0.8,
        "floor_ratio_1000": 0.9,
        "ratio_1000_to_100": 1.125,
        "adversarial_ratio": 1.6,
        "peak_mib": 90,
        "init_ms": 112,
        "archive_mib": 2.0,
        "events_per_second": 125_000,
        "cost_per_million_usd": pytest.approx(8 * 1.727 * 0.0000133334 + 0.002, rel=1e-3),
    }


def test_an_archive_that_was_not_built_is_null() -> None:
    """The key stays."""
    assert numbers(replace(REPORT, archive=None))["archive_mib"] is None


def test_the_baseline_gets_ratios_only() -> None:
    """Every row of batches of 100, named as in the table, and the growth."""
    found = stored_ratios(REPORT)

    assert found["benign mix, 1,000 rules"] == pytest.approx(0.9)
    assert found["benign mix, reading"] == pytest.approx(0.5)
    assert found["benign mix, 1,000 to 100 rules"] == 1.125
    assert len(found) == len(CELLS) + 1


def test_every_number_is_explained_on_the_page() -> None:
    """A reader of the page does not see the JSON keys."""
    assert set(MEANING) == set(NUMBERS)


def test_the_page_says_what_was_missed() -> None:
    """A goal that is not met stands there as such."""
    slow = replace(REPORT, peak=replace(REPORT.peak, peak=about(129)))

    assert "| 90 | 128 | met |" in page(REPORT)
    assert "| 129 | 128 | missed |" in page(slow)


def test_the_page_has_every_table() -> None:
    """And ends in one line break."""
    text = page(REPORT)

    assert [t.title for t in tables(REPORT) if f"## {t.title}\n" not in text] == []
    assert text.endswith("\n")
    assert not text.endswith("\n\n")


def test_a_peer_that_is_not_installed_says_so() -> None:
    """Its row stays, without numbers."""
    assert "| CEL | - | not run | - | - | - | not installed |" in page(REPORT)


def test_every_row_has_a_cell_for_each_column() -> None:
    """A shifted row would put a number under another heading."""
    assert [
        table.title
        for table in tables(REPORT)
        if {len(row) for row in table.rows} != {len(table.columns)}
    ] == []


def test_bars_in_a_cell_do_not_make_columns() -> None:
    """Markdown separates cells with them."""
    table = Table("T", ("What", "Value"), (("a|b", "1"),))

    assert "| a\\|b | 1 |" in [*markdown(table)]


def test_brackets_are_shown_as_they_are() -> None:
    """A terminal table must not take them for styles."""
    out = io.StringIO()

    show([Table("T", ("What",), (("[bold]x[/bold]",),), note="[red]n")], Console(file=out))

    assert "[bold]x[/bold]" in out.getvalue()
    assert "[red]n" in out.getvalue()


def test_costs_are_per_million_events() -> None:
    """One vCPU second per million events costs 1.727 GiB-seconds; requests come per batch."""
    assert compute_usd(1.0) == pytest.approx(1.727 * 0.0000133334)
    assert requests_usd(100) == pytest.approx(0.002)
    assert requests_usd(10) == pytest.approx(0.02)
    assert lambda_usd(11.5, 100) == pytest.approx(0.002265, abs=1e-6)
    assert ingestion_usd(2500) == pytest.approx(1.25)


def test_the_machine_names_what_moves_the_numbers() -> None:
    """Date, processor, Python and the libraries that read."""
    assert {"date", "processor", "python", "isal", "msgspec", "orjson"} <= set(machine())


def test_signals_are_paid_for() -> None:
    """What is written and read again stands beside compute: here $0.20, and six passes."""
    cost = next(table for table in tables(REPORT) if table.title == "Cost")

    rows = {row[0]: row for row in cost.rows}
    assert rows["CloudWatch Logs ingestion of our signals"][1] == "$0.20"
    assert rows["Logs Insights, the hourly passes over our signals"][1] == "$0.0120"


def test_what_is_written_is_measured() -> None:
    """Smaller batches fold less, so that more is written."""
    lines = recorded()[:400]

    one, many = written(shipped(), lines, 10), written(shipped(), lines, 200)

    assert one.bytes_per_event > many.bytes_per_event > 0
    assert one.passes > 1
