"""The command line: measure, print tables, end with one line of JSON."""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from benchmarks import ROOT, goals
from benchmarks.archive import archive
from benchmarks.corpora import corpora, recorded
from benchmarks.fresh import peak, starts
from benchmarks.machine import machine
from benchmarks.matrix import measure, rule_sets
from benchmarks.page import page
from benchmarks.peers.compare import compare
from benchmarks.report import BATCH, Report, numbers, stored_ratios, tables, verdict_table
from benchmarks.rulesets import shipped
from benchmarks.signals import written
from benchmarks.tables import show

PAGE = ROOT / "docs" / "benchmarks.md"
WIDTH = 160


@dataclass(frozen=True, slots=True)
class Scale:
    """How much is measured; the method is the same. `peer_events` 0 leaves the peers out."""

    events: int
    batches: tuple[int, ...]
    rounds: int
    runs: int
    peer_events: int
    build_archive: bool


FULL = Scale(1_000_000, (10, 100, 1000), rounds=7, runs=7, peer_events=2000, build_archive=True)
CHECK = Scale(8000, (100,), rounds=7, runs=5, peer_events=0, build_archive=True)
QUICK = Scale(3000, (100,), rounds=5, runs=3, peer_events=0, build_archive=False)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what the arguments ask for; 1 when the check fails."""
    options = _parser().parse_args(arguments)
    talk = Console(stderr=True)
    scale = CHECK if options.check or options.save else QUICK if options.quick else FULL
    report = run(scale, options.archive, talk)
    console = Console(width=None if sys.stdout.isatty() else WIDTH)
    show(tables(report), console)
    if options.write_docs:
        PAGE.write_text(page(report))
    ok = judged(report, console) if options.check else True
    if options.save:
        goals.write_baseline(stored_ratios(report), numbers(report), report.machine)
    sys.stdout.write(json.dumps(numbers(report)) + "\n")
    return 0 if ok else 1


def run(scale: Scale, given_archive: Path | None, talk: Console) -> Report:
    """Measure everything; `talk` hears what is going on."""

    def told(what: str) -> None:
        talk.print(f"measuring: {what}", style="dim")

    talked_about = corpora(min(scale.events, len(recorded())))
    measured = measure(talked_about, scale.batches, scale.rounds, in_body=scale is FULL, told=told)
    told("start in fresh processes")
    started = starts(scale.runs)
    told("memory of the largest payload")
    largest = peak(min(scale.runs, 5))
    told("Lambda archive")
    built = archive(given_archive, build=scale.build_archive)
    if scale.peer_events:
        told("others")
    peers = compare(scale.peer_events, scale.rounds) if scale.peer_events else ()
    lines = recorded()
    return Report(
        machine=machine(),
        rounds=scale.rounds,
        corpora=tuple((corpus.name, corpus.about, corpus.size) for corpus in talked_about),
        rules={name: len(ruleset.rules) for name, ruleset in rule_sets().items()},
        shipped=len(shipped().rules),
        signals=written(shipped(), lines, BATCH),
        event_bytes=sum(len(line.encode()) for line in lines) / len(lines),
        measured=measured,
        starts=started,
        peak=largest,
        archive=built,
        peers=peers,
    )


def judged(report: Report, console: Console) -> bool:
    """Print the verdicts; return whether every goal and every ratio of the baseline holds."""
    baseline = goals.read_baseline()
    verdicts = [
        *goals.against_goals(numbers(report), baseline),
        *goals.against_baseline(stored_ratios(report), baseline),
    ]
    show([verdict_table(verdicts)], console)
    failed = [verdict for verdict in verdicts if not verdict.holds]
    for one in failed:
        measured = "not measured" if one.measured is None else f"{one.measured:.4g}"
        told = f"FAILED {one.row}: {measured}, at most {one.limit:.4g} ({one.why})"
        console.print(told, markup=False)
    return not failed


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="under a minute, without peers")
    parser.add_argument("--archive", type=Path, help="measure this archive, folder or zip file")
    parser.add_argument(
        "--check", action="store_true", help="reduced run; compare with goals and baseline"
    )
    parser.add_argument("--save", action="store_true", help="reduced run; rewrite the baseline")
    parser.add_argument("--write-docs", action="store_true", help="rewrite docs/benchmarks.md")
    return parser


if __name__ == "__main__":
    sys.exit(main())
