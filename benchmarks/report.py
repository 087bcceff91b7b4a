"""The report: what was measured, as tables and as the one line of JSON."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from benchmarks.archive import MIB, Archive
from benchmarks.cost import (
    FORMULA,
    PRICES,
    USD_GUARDDUTY_PER_MILLION,
    compute_usd,
    ingestion_usd,
    lambda_usd,
    requests_usd,
    scan_usd,
)
from benchmarks.fresh import Peak, Start
from benchmarks.goals import NUMBERS, Verdict
from benchmarks.matrix import READING, Measured
from benchmarks.peers import Peer
from benchmarks.signals import Signals
from benchmarks.tables import Table, range_of

BENIGN, RENEWED, ADVERSARIAL = "benign mix", "renewed mix", "adversarial"
BATCH = 100
"""Events per batch of the headline numbers."""


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that one run measured. `corpora` says what each corpus is."""

    machine: Mapping[str, str]
    rounds: int
    corpora: Sequence[tuple[str, str, int]]
    rules: Mapping[str, int]
    shipped: int
    event_bytes: float
    signals: Signals
    measured: Measured
    starts: Sequence[Start]
    peak: Peak
    archive: Archive | None
    peers: Sequence[Peer]

    @property
    def us(self) -> float:
        """CPU per event of the headline: benign mix, batches of 100, all detections."""
        return self.measured.cell(BENIGN, BATCH, "100").us.median


def numbers(report: Report) -> dict[str, float | None]:
    """The last line of output; None stands for what was not measured."""
    measured, start = report.measured, report.starts[0]
    values: dict[str, float | None] = {
        "floor_ratio_100": measured.cell(BENIGN, BATCH, "100").ratio.median,
        "floor_ratio_1000": measured.cell(BENIGN, BATCH, "1000").ratio.median,
        "ratio_1000_to_100": measured.growth[BENIGN, BATCH, "1000 to 100"].median,
        "adversarial_ratio": measured.cell(ADVERSARIAL, BATCH, "100").ratio.median,
        "peak_mib": report.peak.peak.median,
        "init_ms": start.init.median,
        "archive_mib": report.archive.zipped_bytes / MIB if report.archive else None,
        "events_per_second": 1e6 / report.us,
        "cost_per_million_usd": lambda_usd(report.us, BATCH),
    }
    return {name: _rounded(values[name]) for name in NUMBERS}


def stored_ratios(report: Report) -> dict[str, float]:
    """The medians that the baseline keeps: every ratio of batches of 100, and the growth."""
    cells = [cell for cell in report.measured.cells if cell.batch == BATCH]
    ratios = {f"{cell.corpus}, {_rules(cell.rules)}": cell.ratio.median for cell in cells}
    growth = report.measured.growth[BENIGN, BATCH, "1000 to 100"].median
    return ratios | {f"{BENIGN}, 1,000 to 100 rules": growth}


def tables(report: Report) -> list[Table]:
    """All tables, in the order in which they are read."""
    return [
        machine_table(report),
        corpora_table(report),
        matrix_table(report),
        growth_table(report),
        start_table(report),
        peak_table(report),
        archive_table(report),
        *([peers_table(report)] if report.peers else []),
        cost_table(report),
        prices_table(),
    ]


def machine_table(report: Report) -> Table:
    rows = tuple(report.machine.items())
    return Table("Machine and versions", ("What", "Value"), rows, words=frozenset({0, 1}))


def corpora_table(report: Report) -> Table:
    rows = tuple((name, about, f"{size:,}") for name, about, size in report.corpora)
    note = f"The recorded events are {report.event_bytes:,.0f} bytes in the mean."
    columns = ("Corpus", "What it is", "Events per pass")
    return Table("Corpora", columns, rows, words=frozenset({0, 1}), note=note)


def matrix_table(report: Report) -> Table:
    """Every corpus, batch size and rule set."""
    rows = tuple(
        (
            cell.corpus,
            f"{cell.batch:,}",
            _rules(cell.rules),
            f"{cell.floor_us.median:.1f}",
            f"{cell.us.median:.1f}",
            f"{1e6 / cell.us.median:,.0f}",
            f"{cell.ratio.median:.2f}",
            range_of(cell.ratio),
            f"{cell.first:.2f}",
            f"{cell.matches:.1f}",
        )
        for cell in report.measured.cells
    )
    columns = (
        *("Corpus", "Batch", "Rules", "Floor us/event", "us/event", "Events/s"),
        *("x floor", "Quartiles", "First pass", "Matches per 1,000"),
    )
    note = (
        f"Medians of {report.rounds} rounds. The 10 rules are the first of the {report.shipped}"
        f" shipped ones, the {report.rules['100']} are all of them, filled up with variants to at"
        f" least 100, the {report.rules['1000']:,} likewise. `{READING}` is our reading without"
        " rules; the first pass begins with nothing kept from earlier events."
    )
    return Table("Events against the floor", columns, rows, words=frozenset({0, 2}), note=note)


def growth_table(report: Report) -> Table:
    rows = tuple(
        (corpus, f"{batch:,}", pair, f"{value.median:.2f}", range_of(value))
        for (corpus, batch, pair), value in report.measured.growth.items()
    )
    columns = ("Corpus", "Batch", "Rules", "Times", "Quartiles")
    return Table("Growth with the number of rules", columns, rows, words=frozenset({0, 2}))


def start_table(report: Report) -> Table:
    rows = tuple(
        (
            "yes, as deployed" if start.compiled else "no",
            f"{start.rules:,}",
            f"{start.imports.median:.0f}",
            f"{start.load.median:.1f}",
            f"{start.build.median:.1f}",
            f"{start.init.median:.0f}",
            range_of(start.init, 0),
            f"{start.first_payload.median:.0f}",
            f"{start.peak.median:.0f}",
        )
        for start in report.starts
    )
    columns = (
        *("Bytecode", "Rules", "Import ms", "Load rules ms", "Build engine ms"),
        *("Init ms", "Quartiles", "First 100 events ms", "Peak MiB"),
    )
    note = (
        f"CPU of fresh processes, {report.starts[0].runs} runs, without the AWS SDK, which is"
        " loaded when there is something to send. The archive holds bytecode; the rows without"
        " show what each cold start would pay, as Lambda cannot keep what it compiles."
    )
    return Table("Start", columns, rows, note=note)


def peak_table(report: Report) -> Table:
    peak = report.peak
    rows = (
        (
            f"{peak.payload_bytes:,}",
            f"{peak.events:,}",
            f"{peak.peak.median:.0f}",
            range_of(peak.peak, 0),
            f"{peak.seconds.median:.2f}",
        ),
    )
    columns = ("Payload bytes", "Events", "Peak MiB", "Quartiles", "CPU s")
    note = f"Fresh processes, {peak.runs} runs, resident memory at most, without the AWS SDK."
    return Table("Memory of the largest payload", columns, rows, words=frozenset(), note=note)


def archive_table(report: Report) -> Table:
    found = report.archive
    rows = (
        (
            found.built if found else "not measured in this run",
            f"{found.zipped_bytes / MIB:.2f}" if found else "-",
            f"{found.unzipped_bytes / MIB:.2f}" if found else "-",
        ),
    )
    return Table("Lambda archive", ("Archive", "Zipped MiB", "Unzipped MiB"), rows)


def peers_table(report: Report) -> Table:
    rows = tuple(
        (peer.name, peer.version, peer.what, "-", "-", "-", peer.agreement)
        if peer.ratio is None or peer.us is None
        else (
            peer.name,
            peer.version,
            peer.what,
            f"{peer.us.median:,.1f}",
            f"{peer.ratio.median:.2f}",
            range_of(peer.ratio),
            peer.agreement,
        )
        for peer in report.peers
    )
    columns = ("Who", "Version", "What was measured", "us/event", "x floor", "Quartiles", "Hits")
    first = report.peers[0]
    note = (
        f"The same {first.rules} rules on the same {first.events:,} recorded events,"
        " reading included, each against the floor of its own rounds."
        " Rules of this size are header tests and a few fields of request bodies, since not"
        " every language reaches further; views and facts of ours are not in it."
    )
    return Table("Other ways to do it", columns, rows, words=frozenset({0, 1, 2, 6}), note=note)


def cost_table(report: Report) -> Table:
    """What a million events cost, each part by itself."""
    signals = report.signals
    rows = (
        ("Lambda compute, this run", _usd(compute_usd(report.us)), f"{report.us:.1f} CPU s"),
        ("Lambda requests, 100 events each", _usd(requests_usd(100)), "10,000 requests"),
        ("Lambda requests, 10 events each", _usd(requests_usd(10)), "100,000 requests"),
        (
            "CloudWatch Logs ingestion of our signals",
            _usd(ingestion_usd(signals.bytes_per_event)),
            f"{signals.bytes_per_event / 1000:.2f} GB, {BATCH} events each; what correlations need",
        ),
        (
            "Logs Insights, the hourly passes over our signals",
            _usd(scan_usd(signals.bytes_per_event) * signals.passes),
            f"each signal is read by about {signals.passes:.0f} runs",
        ),
        (
            "CloudWatch Logs ingestion of the audit log",
            _usd(ingestion_usd(report.event_bytes)),
            f"{report.event_bytes / 1000:.2f} GB; paid for having the log, with or without us",
        ),
        (
            "Logs Insights, each full pass over the raw events",
            _usd(scan_usd(report.event_bytes)),
            "not what we do: the hourly function reads the signals",
        ),
        (
            "GuardDuty EKS Protection, first tier",
            _usd(USD_GUARDDUTY_PER_MILLION),
            "reads its own copy of the stream, no audit log needed",
        ),
    )
    columns = ("Per million events", "USD", "Note")
    note = (
        f"Formula: {FORMULA}. With batches of 100 that is {_usd(lambda_usd(report.us, 100))} per"
        " million events. No factor is applied for arm64: CPU seconds are those of this machine."
        " Who already ships the audit log to CloudWatch pays only the first five rows for the"
        " analyzer, most of it for signals; who does not pays for ingestion first, which alone is"
        " near GuardDuty's price."
    )
    return Table("Cost", columns, rows, words=frozenset({0, 2}), note=note)


def prices_table() -> Table:
    rows = tuple((price.what, price.usd, price.source) for price in PRICES)
    columns = ("Price, us-east-1", "USD", "Source")
    return Table("Prices", columns, rows, words=frozenset({0, 1, 2}))


def verdict_table(verdicts: Sequence[Verdict]) -> Table:
    """The rows of the check: what was measured and the most that it may be."""
    rows = tuple((v.row, _number(v.measured), _number(v.limit), v.why, v.word) for v in verdicts)
    columns = ("Row", "Measured", "At most", "Because of", "Verdict")
    return Table("Check", columns, rows, words=frozenset({0, 3, 4}))


def _rules(name: str) -> str:
    if name == READING:
        return name
    count, _, where = name.partition(" ")
    return " ".join(filter(None, (f"{int(count):,}", "rules", where)))


def _usd(value: float) -> str:
    return f"${value:.4f}" if value < 0.1 else f"${value:.2f}"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4g}"


def _rounded(value: float | None) -> float | None:
    """Four digits: more would say more than was measured."""
    return None if value is None else float(f"{value:.4g}")
