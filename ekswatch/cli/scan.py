"""The analyzer over files: the line of the functions, files at one end, a report at the other."""

import os
import stat
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from ekswatch.audit.event import EPOCH
from ekswatch.audit.files import STDIN
from ekswatch.audit.intake import Batch, Unreadable, read_file
from ekswatch.audit.records import batch
from ekswatch.correlate.baseline import Baseline, Entry, Memory, day
from ekswatch.correlate.correlate import correlate
from ekswatch.correlate.signal import Signal, signals
from ekswatch.correlate.window import Window
from ekswatch.findings.finding import Finding, Scope, findings, merge, suppressed
from ekswatch.rules.match import Match
from ekswatch.rules.matcher.engine import Engine
from ekswatch.rules.matcher.outcomes import Outcomes
from ekswatch.rules.ruleset import Ruleset

UNREADABLE_SHOWN = 20
"""Records named one by one; a file of another kind may hold millions."""

Place = Callable[[str], Scope]
"""From the cluster a batch names (empty for plain files) to the scope of its findings."""


@dataclass(frozen=True, slots=True)
class Report:
    """What one scan saw and found; `findings` are worst first.

    `unreadable` counts the records that could not be read, `unreadable_shown` are the first.
    """

    findings: tuple[Finding, ...]
    events: int
    partial: int
    skipped: int
    unreadable: int
    unreadable_shown: tuple[Unreadable, ...]
    suppressed: Counter[tuple[str, str]]
    rule_failures: Counter[tuple[str, str]]
    """By document and error: events that a detection could not judge."""
    first_at: datetime | None
    last_at: datetime | None
    seconds: float = 0.0
    learning: tuple[str, ...] = ()
    """Slugs of detections that are quiet at the end, as they still learn what is normal."""


class Scan:
    """Takes batches one by one and keeps only findings and signals, so that memory stays flat.

    Windowed detections are judged when the last batch is in, in one window over everything: the
    same findings as those of the hourly function's windows together. With `gaps`, a file in
    which nothing happens for long is a log that went silent, which an excerpt always seems to be.
    What is new is new to `baselines`, the entries of each cluster by its name, and to the
    batches before: those of one day may come in any order, days must follow each other.
    """

    def __init__(
        self,
        ruleset: Ruleset,
        place: Place,
        *,
        seed_mode: bool = False,
        gaps: bool = False,
        baselines: Mapping[str, Mapping[str, Entry]] | None = None,
    ) -> None:
        self._ruleset = ruleset
        self._memories = {name: Memory(known) for name, known in (baselines or {}).items()}
        self._baselines: dict[str, Baseline] = {}
        self._engine = Engine(ruleset, seed_mode=seed_mode)
        self._outcomes = Outcomes(ruleset)
        self._gaps = gaps
        self._place = place
        self._findings: dict[str, Finding] = {}
        self._signals: dict[str, list[Signal]] = defaultdict(list)
        self._suppressed: Counter[tuple[str, str]] = Counter()
        self._unreadable_shown: list[Unreadable] = []
        self._events = self._partial = self._skipped = self._unreadable = 0
        self._first_at: datetime | None = None
        self._last_at: datetime | None = None

    @property
    def events(self) -> int:
        """Events read so far."""
        return self._events

    def add(self, batch: Batch) -> None:
        """Match one batch, keep its findings and signals, count the rest."""
        baseline = self._baseline(batch.cluster)
        matches = self._engine.match(batch.events, baseline)
        matches = baseline.judge(matches, batch.events).matches
        self._keep(matches, batch.cluster)
        matches += self._outcomes.of_findings(matches)
        self._signals[batch.cluster] += signals(matches, batch=batch.source)
        if self._gaps:
            minutes = self._outcomes.of_events(batch.events)
            self._signals[batch.cluster] += signals(minutes, batch=batch.source)
        self._suppressed += suppressed(matches)
        self._unreadable += len(batch.unreadable)
        room = UNREADABLE_SHOWN - len(self._unreadable_shown)
        self._unreadable_shown += batch.unreadable[:room]
        self._events += len(batch.events)
        self._partial += batch.partial
        self._skipped += batch.skipped
        for at in (event.at for event in batch.events if event.at > EPOCH):
            self._first_at = min(self._first_at or at, at)
            self._last_at = max(self._last_at or at, at)

    def report(self, *, seconds: float = 0.0) -> Report:
        """Judge the windowed detections over everything added and return the whole report."""
        for cluster, seen in self._signals.items():
            if seen:
                self._keep(correlate(seen, self._ruleset, _window(seen)), cluster)
        return Report(
            findings=tuple(worst_first(self._findings.values())),
            events=self._events,
            partial=self._partial,
            skipped=self._skipped,
            unreadable=self._unreadable,
            unreadable_shown=tuple(self._unreadable_shown),
            suppressed=self._suppressed,
            rule_failures=self._engine.errors,
            first_at=self._first_at,
            last_at=self._last_at,
            seconds=seconds,
            learning=self._learning(),
        )

    @property
    def baselines(self) -> Mapping[str, Mapping[str, Entry]]:
        """What is known of each cluster by now, by its name."""
        return {name: memory.entries for name, memory in self._memories.items()}

    def _baseline(self, named: str) -> Baseline:
        cluster = self._place(named).cluster
        if cluster not in self._baselines:
            memory = self._memories.setdefault(cluster, Memory())
            self._baselines[cluster] = Baseline(self._ruleset, memory, cluster)
        return self._baselines[cluster]

    def _learning(self) -> tuple[str, ...]:
        if self._last_at is None:
            return ()
        on = day(self._last_at)
        quiet = {document for one in self._baselines.values() for document in one.learning(on)}
        return tuple(sorted({rule.detection for rule in self._ruleset.rules if rule.name in quiet}))

    def _keep(self, matches: Sequence[Match], cluster: str) -> None:
        for new in findings(matches, self._place(cluster), self._ruleset.hash):
            if new.detection.slug in self._ruleset.log_only:
                continue
            known = self._findings.get(new.id)
            self._findings[new.id] = merge(known, new) if known else new


def worst_first(found: Iterable[Finding]) -> list[Finding]:
    """Findings by severity, risk and time: what to read first stands first."""
    return sorted(found, key=lambda f: (-f.severity, -f.risk, f.first_seen, f.id))


def _window(seen: Sequence[Signal]) -> Window:
    first = min(signal.first_seen for signal in seen)
    last = max(signal.last_seen for signal in seen)
    return Window.covering(first, last)


def audit_files(paths: Iterable[Path]) -> list[Path]:
    """The files to read: those named, and in named folders every file that is not hidden.

    Raises: FileNotFoundError for a path that is not there.
    """
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            found += sorted(_inside(path))
        elif path.exists() or (str(path) == STDIN and sys.stdin is not None):
            found.append(path)
        else:
            raise FileNotFoundError(path)
    return found


def batches(file: Path) -> Iterator[Batch]:
    """The batches of a file; what cannot be opened or read to its end counts as unreadable."""
    try:
        yield from read_file(file)
    except OSError as error:
        lost = (str(file), error.strerror or str(error))
        yield batch((lost,), cluster="", account="", source=str(file))


def _inside(folder: Path) -> Iterator[Path]:
    """The files below a folder, and the folders that cannot be listed: reading names them."""
    closed: list[Path] = []
    for root, folders, names in os.walk(folder, onerror=lambda e: closed.append(Path(e.filename))):
        folders[:] = [name for name in folders if not name.startswith(".")]
        paths = (Path(root, name) for name in names if not name.startswith("."))
        yield from (path for path in paths if _may_be_file(path))
    yield from closed


def _may_be_file(path: Path) -> bool:
    """Whether this is a regular file, or nobody may know."""
    try:
        return stat.S_ISREG(path.stat().st_mode)
    except FileNotFoundError:  # a link to nowhere
        return False
    except OSError:
        return True
