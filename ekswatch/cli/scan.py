"""The analyzer over files: the line of the functions, files at one end, a report at the other."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from ekswatch.audit.event import EPOCH
from ekswatch.audit.intake import Batch, Unreadable
from ekswatch.correlate.correlate import correlate
from ekswatch.correlate.signal import Signal, signals
from ekswatch.correlate.window import Window
from ekswatch.findings.finding import Finding, Scope, findings, merge, suppressed
from ekswatch.rules.engine import Engine
from ekswatch.rules.match import Match
from ekswatch.rules.ruleset import Ruleset

Place = Callable[[str], Scope]
"""From the cluster a batch names (empty for plain files) to the scope of its findings."""


@dataclass(frozen=True, slots=True)
class Report:
    """What one scan saw and found; `findings` are worst first."""

    findings: tuple[Finding, ...]
    events: int
    partial: int
    skipped: int
    unreadable: tuple[Unreadable, ...]
    suppressed: Counter[tuple[str, str]]
    rule_failures: Counter[tuple[str, str]]
    """By document and error: events that a detection could not judge."""
    first_at: datetime | None
    last_at: datetime | None
    seconds: float = 0.0


class Scan:
    """Takes batches one by one and keeps only findings and signals, so that memory stays flat.

    Windowed detections are judged when the last batch is in, in the windows that the hourly
    function would have judged.
    """

    def __init__(self, ruleset: Ruleset, place: Place, *, seed_mode: bool = False) -> None:
        self._ruleset = ruleset
        self._engine = Engine(ruleset, seed_mode=seed_mode)
        self._place = place
        self._findings: dict[str, Finding] = {}
        self._signals: dict[str, list[Signal]] = defaultdict(list)
        self._suppressed: Counter[tuple[str, str]] = Counter()
        self._unreadable: list[Unreadable] = []
        self._events = self._partial = self._skipped = 0
        self._first_at: datetime | None = None
        self._last_at: datetime | None = None

    @property
    def events(self) -> int:
        """Events read so far."""
        return self._events

    def add(self, batch: Batch) -> None:
        """Match one batch, keep its findings and signals, count the rest."""
        matches = self._engine.match(batch.events)
        self._keep(matches, batch.cluster)
        self._signals[batch.cluster] += signals(matches, batch=batch.source)
        self._suppressed += suppressed(matches)
        self._unreadable += batch.unreadable
        self._events += len(batch.events)
        self._partial += batch.partial
        self._skipped += batch.skipped
        for at in (event.at for event in batch.events if event.at > EPOCH):
            self._first_at = min(self._first_at or at, at)
            self._last_at = max(self._last_at or at, at)

    def report(self, *, seconds: float = 0.0) -> Report:
        """Judge the windowed detections over everything added and return the whole report."""
        for cluster, seen in self._signals.items():
            for window in _windows(seen):
                self._keep(correlate(seen, self._ruleset, window), cluster)
        return Report(
            findings=tuple(worst_first(self._findings.values())),
            events=self._events,
            partial=self._partial,
            skipped=self._skipped,
            unreadable=tuple(self._unreadable),
            suppressed=self._suppressed,
            rule_failures=self._engine.errors,
            first_at=self._first_at,
            last_at=self._last_at,
            seconds=seconds,
        )

    def _keep(self, matches: Sequence[Match], cluster: str) -> None:
        for new in findings(matches, self._place(cluster), self._ruleset.hash):
            known = self._findings.get(new.id)
            self._findings[new.id] = merge(known, new) if known else new


def worst_first(found: Iterable[Finding]) -> list[Finding]:
    """Findings by severity, risk and time: what to read first stands first."""
    return sorted(found, key=lambda f: (-f.severity, -f.risk, f.first_seen, f.id))


def _windows(seen: Sequence[Signal]) -> Iterator[Window]:
    if seen:
        first = min(signal.first_seen for signal in seen)
        last = max(signal.last_seen for signal in seen)
        yield from Window.covering(first, last)


def audit_files(paths: Iterable[Path]) -> list[Path]:
    """The files to read: those named, and in named folders every file that is not hidden.

    Raises: FileNotFoundError for a path that is not there.
    """
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            inside = (p for p in path.rglob("*") if p.is_file())
            found += sorted(p for p in inside if not _hidden(p.relative_to(path)))
        elif path.exists() or str(path) == "-":
            found.append(path)
        else:
            raise FileNotFoundError(path)
    return found


def _hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)
