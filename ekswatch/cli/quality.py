"""How good the detections are, measured on what is recorded: `python -m ekswatch.cli.quality`.

Per detection the labelled attacks in which it finds requests of the attacker, its findings on
the quiet recording, and its examples; for all of them together the attacks that nothing finds.
"""

import json
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from ekswatch.cli.content import detections_folder
from ekswatch.cli.examples import Example, Judge, events_folder, find_examples, read_events
from ekswatch.findings.finding import Finding
from ekswatch.rules.compiler.compile import compile_ruleset
from ekswatch.rules.compiler.sources import read_sources
from ekswatch.rules.detection import Severity
from ekswatch.rules.ruleset import Ruleset

PER = 10_000
"""Findings are told per so many ordinary events."""


@dataclass(frozen=True, slots=True)
class Row:
    """What is measured of one detection.

    Shape: `attacks` are the labelled recordings in which it finds a request of the attacker;
    `quiet` counts its findings on the quiet recording by severity; `examples` by kind.
    """

    slug: str
    severity: Severity
    attacks: tuple[str, ...]
    quiet: Mapping[Severity, int]
    examples: Mapping[str, int]
    changed: str

    @property
    def alarms(self) -> int:
        """Findings on the quiet recording that somebody is expected to look at."""
        return sum(count for severity, count in self.quiet.items() if severity >= Severity.MEDIUM)


@dataclass(frozen=True, slots=True)
class Quality:
    """What is measured of all detections.

    `missed` are the attacks of which nothing above informational tells: neither of the
    attacker's requests nor of what controllers did next.
    """

    rows: tuple[Row, ...]
    attacks: int
    missed: tuple[str, ...]
    events: int

    @property
    def alarms(self) -> int:
        return sum(row.alarms for row in self.rows)

    @property
    def alarms_per(self) -> float:
        """Per ten thousand ordinary events."""
        return self.alarms * PER / self.events if self.events else 0.0


def changes(detections: Path) -> dict[str, str]:
    """Slug to the day on which its file says that it was changed last."""
    files = read_sources(detections, None).files
    heads = {file.slug: file.main.document.data for file in files}
    return {slug: str(head.get("modified") or head.get("date")) for slug, head in heads.items()}


def quality(ruleset: Ruleset, events: Path, changed: Mapping[str, str]) -> Quality:
    """Measure the detections of a ruleset on the recordings and examples in a folder."""
    judge = Judge(ruleset)
    labels = json.loads((events / "scenarios" / "labels.json").read_text())
    attacks = {name: frozenset(label["attack"]) for name, label in labels.items()}
    attacks = {name: ids for name, ids in attacks.items() if ids and _is_attack(labels[name])}
    found: dict[str, list[str]] = defaultdict(list)
    missed: list[str] = []
    for name, ids in sorted(attacks.items()):
        recorded = judge.findings(read_events(events / "scenarios" / f"{name}.jsonl.gz"))
        for slug in sorted({finding.detection.slug for finding in _about(recorded, ids)}):
            found[slug].append(name)
        consequences = ids | frozenset(labels[name].get("derived", ()))
        if not any(f.severity > Severity.INFORMATIONAL for f in _about(recorded, consequences)):
            missed.append(name)
    quiet = read_events(events / "benign.jsonl.gz")
    rows = _rows(ruleset, found, judge.findings(quiet), find_examples(events), changed)
    return Quality(rows, len(attacks), tuple(missed), len(quiet))


def _is_attack(label: Mapping[str, object]) -> bool:
    """Look-alikes are labelled, too, without a technique."""
    return label["technique"] is not None


def _about(found: Iterable[Finding], requests: frozenset[str]) -> list[Finding]:
    return [finding for finding in found if requests & set(finding.audit_ids)]


def _rows(
    ruleset: Ruleset,
    attacks: Mapping[str, Sequence[str]],
    quiet: Iterable[Finding],
    examples: Iterable[Example],
    changed: Mapping[str, str],
) -> tuple[Row, ...]:
    alarms: defaultdict[str, Counter[Severity]] = defaultdict(Counter)
    for finding in quiet:
        alarms[finding.detection.slug][finding.severity] += 1
    kinds: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for example in examples:
        kinds[example.slug][example.kind] += 1
    return tuple(
        Row(
            slug=detection.slug,
            severity=detection.severity,
            attacks=tuple(attacks.get(detection.slug, ())),
            quiet=alarms[detection.slug],
            examples=kinds[detection.slug],
            changed=changed.get(detection.slug, ""),
        )
        for detection in ruleset.detections
    )


def tables(measured: Quality) -> Iterator[Table | str]:
    """What `make quality` prints."""
    table = Table(title="Detections, measured on the recordings")
    for name in ("Detection", "Severity", "Changed"):
        table.add_column(name, no_wrap=True)
    for name in ("Attacks", "Quiet: medium+", "Quiet: all", "match", "ignore"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in measured.rows:
        table.add_row(
            row.slug,
            row.severity.name,
            row.changed,
            str(len(row.attacks)),
            str(row.alarms),
            str(sum(row.quiet.values())),
            str(row.examples["match"]),
            str(row.examples["ignore"]),
        )
    yield table
    seen = measured.attacks - len(measured.missed)
    yield f"Labelled attacks found: {seen} of {measured.attacks}"
    yield f"Not found: {', '.join(measured.missed) or 'none'}"
    yield (
        f"Findings of medium or above per {PER:,} ordinary events: {measured.alarms_per:.2f} "
        f"({measured.alarms} in {measured.events:,})"
    )


def main() -> int:
    """1 when a labelled attack is missed, or the quiet recording is not quiet."""
    folder = detections_folder()
    measured = quality(compile_ruleset(folder), events_folder(folder), changes(folder))
    console = Console(width=110)
    for part in tables(measured):
        console.print(part)
    return int(bool(measured.missed) or measured.alarms_per > 1)


if __name__ == "__main__":
    sys.exit(main())
