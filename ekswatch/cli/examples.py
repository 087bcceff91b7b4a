"""Examples of detections: events that must be found, and events that must not.

They lie in `<events>/<slug>/` as `match_*` and `ignore_*`, one event or a whole series each, in
any shape that `scan` reads. They are judged as the functions would: matched, and correlated on
event time where the detection counts. `severity.json` beside them may name the severity that an
example must have, as in `{"match_shell": "HIGH"}`.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import msgspec

from ekswatch.audit.event import AuditEvent
from ekswatch.audit.intake import read_file
from ekswatch.cli.misses import near_misses
from ekswatch.correlate.baseline import Baseline, Memory
from ekswatch.correlate.correlate import correlate
from ekswatch.correlate.signal import Signal, signals
from ekswatch.correlate.window import Window
from ekswatch.findings.finding import Finding, Scope, findings
from ekswatch.rules.detection import Severity
from ekswatch.rules.match import Match
from ekswatch.rules.matcher.engine import Engine
from ekswatch.rules.matcher.outcomes import Outcomes
from ekswatch.rules.ruleset import Ruleset

Kind = Literal["match", "ignore"]

SEVERITIES = "severity.json"
KINDS: tuple[Kind, ...] = ("match", "ignore")
ENDINGS = (".json", ".jsonl", ".json.gz", ".jsonl.gz")
SCOPE = Scope("aws", "000000000000", "us-east-1", "examples")


@dataclass(frozen=True, slots=True, order=True)
class Example:
    """One file of events, and whether they must be found."""

    slug: str
    kind: Kind
    path: Path
    severity: str = ""
    """The severity that its worst finding must have; empty where any will do."""

    @property
    def name(self) -> str:
        """As in `pod-exec/match_shell`."""
        return f"{self.slug}/{self.path.name.partition('.')[0]}"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of an example; `problem` says what is wrong and is empty when it passed.

    `hints` are the tests that keep the nearest event from matching, where that is the problem.
    """

    example: Example
    problem: str
    found: tuple[Finding, ...] = ()
    hints: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        return not self.problem


class UnreadableExample(ValueError):  # noqa: N818 - says what is wrong
    """A file of events that is damaged, cut or empty."""


class FailedDetection(RuntimeError):  # noqa: N818 - says what is wrong
    """A rule or a filter raised an error on an event."""


def events_folder(detections: Path) -> Path:
    """Where the examples of a folder of detections lie, whether it is there or not.

    `events` inside the folder; beside it where the folder itself is called `detections`, unless
    there is one inside.
    """
    inside = detections / "events"
    if detections.resolve().name == "detections" and not inside.is_dir():
        return detections.resolve().parent / "events"
    return inside


def find_examples(*folders: Path) -> tuple[Example, ...]:
    """The examples below some folders of events, by slug and name."""
    return tuple(sorted(example for folder in folders for example in _examples(folder)))


def strays(folder: Path, slugs: Iterable[str]) -> tuple[tuple[Path, str], ...]:
    """Files that look like examples and are none, each with the reason.

    Shape: examples of slugs that no detection has, and in the folder of a detection files that
    are named otherwise. Other folders (recordings, say) are nobody's business.
    """
    known = frozenset(slugs)
    found = [
        (example.path, f"there is no detection {example.slug!r}")
        for example in _examples(folder)
        if example.slug not in known
    ]
    for slug in known:
        found += [
            (path, "an example is named match_* or ignore_* and ends in .json or .jsonl")
            for path in _files(folder / slug)
            if _kind(path) is None and path.name != SEVERITIES
        ]
        named = {example.name.partition("/")[2] for example in _of(folder / slug)}
        found += [
            (folder / slug / SEVERITIES, f"there is no example {name!r}")
            for name in _severities(folder / slug).keys() - named
        ]
    return tuple(sorted(found))


def kinds_of(examples: Iterable[Example]) -> Mapping[str, frozenset[str]]:
    """Slug to the kinds of example it has."""
    kinds: dict[str, frozenset[str]] = {}
    for example in examples:
        kinds[example.slug] = kinds.get(example.slug, frozenset()) | {example.kind}
    return kinds


def read_events(path: Path) -> list[AuditEvent]:
    """The events of a file, through the same door as any audit log.

    Raises: UnreadableExample when a record is damaged, cut or no audit event, or there is none.
    """
    events: list[AuditEvent] = []
    try:
        for batch in read_file(path):
            for lost in batch.unreadable:
                raise UnreadableExample(f"{lost.position}: {lost.reason}")
            if batch.skipped or batch.partial:
                raise UnreadableExample(f"{path}: not every record is a whole audit event")
            events += batch.events
    except OSError as error:
        raise UnreadableExample(f"{path}: {error.strerror or error}") from error
    if not events:
        raise UnreadableExample(f"{path}: there are no audit events in it")
    return events


class Judge:
    """Says what a ruleset makes of series of events; each series stands alone."""

    def __init__(self, ruleset: Ruleset) -> None:
        self.ruleset = ruleset
        self._errors: list[str] = []
        self._engine = Engine(ruleset, on_error=self._failed)
        self._outcomes = Outcomes(ruleset)

    def matches(self, events: Sequence[AuditEvent]) -> tuple[Match, ...]:
        """Everything that the events give, suppressed matches included, signals correlated.

        Raises: FailedDetection when a rule or filter failed on an event.
        """
        found = self._baseline().judge(self._match(events), events).matches
        found += self._outcomes.of_findings(found)
        found += self._outcomes.of_events(events)
        told = signals(found, batch="examples")
        alone = (match for match in found if not match.signal or match.suppressed_by)
        if not told:
            return tuple(alone)
        return (*alone, *correlate(told, self.ruleset, _window(told)))

    def _baseline(self) -> Baseline:
        """An empty one: a series of events is all that its cluster ever saw."""
        return Baseline(self.ruleset, Memory(), "examples")

    def findings(self, events: Sequence[AuditEvent]) -> list[Finding]:
        """What the events would be reported as."""
        return findings(self.matches(events), SCOPE, self.ruleset.hash)

    def outcome(self, example: Example) -> Outcome:
        """Whether an example does what its name says, and if not, why."""
        try:
            events = read_events(example.path)
            matches = self.matches(events)
        except (UnreadableExample, FailedDetection) as error:
            return Outcome(example, str(error))
        found = tuple(
            finding
            for finding in findings(matches, SCOPE, self.ruleset.hash)
            if finding.detection.slug == example.slug
        )
        if example.kind == "ignore":
            problem = "; ".join(f"{one.severity.name} {one.message}" for one in found)
            return Outcome(example, problem, found)
        if found:
            return Outcome(example, _wrong_severity(example, found), found)
        hints = near_misses(self.ruleset, events, example.slug)
        return Outcome(example, f"no finding: {self._silence(example, events, matches)}", (), hints)

    def _silence(
        self, example: Example, events: Sequence[AuditEvent], matches: Sequence[Match]
    ) -> str:
        """Why a series of events makes no finding of its detection."""
        slug = example.slug
        mine = [match for match in matches if match.detection.slug == slug]
        if hidden := sorted({match.suppressed_by for match in mine if match.suppressed_by}):
            return f"suppressed by the filter {', '.join(hidden)}"
        wanted = {
            rule for one in self.ruleset.correlations if one.detection == slug for rule in one.rules
        }
        if told := self._not_new(events, slug):
            return told
        if counted := Counter(m.document for m in self._match(events) if m.document in wanted):
            told = ", ".join(f"{name} {count}x" for name, count in sorted(counted.items()))
            return f"what it counts matches ({told}), the correlation does not hold"
        if others := sorted({m.detection.slug for m in matches if not m.suppressed_by} - {slug}):
            return f"the condition does not hold; it does for {', '.join(others)}"
        return "the condition does not hold"

    def _not_new(self, events: Sequence[AuditEvent], slug: str) -> str:
        """What a baseline says where all that matches is known or being learnt."""
        mine = [m for m in self._match(events) if m.detection.slug == slug and m.novel]
        judged = self._baseline().judge(mine, events)
        if not mine or judged.matches:
            return ""
        return (
            f"the condition holds, but for nothing new ({judged.learning}x while learning, "
            f"{judged.known}x known)"
        )

    def _match(self, events: Sequence[AuditEvent]) -> list[Match]:
        found = self._engine.match(events)
        if self._errors:
            first = self._errors[0]
            self._errors.clear()
            raise FailedDetection(first)
        return found

    def _failed(self, document: str, audit_id: str, error: Exception) -> None:
        self._errors.append(f"{document} failed on {audit_id}: {error!r}")


def run_examples(ruleset: Ruleset, examples: Iterable[Example]) -> Iterator[Outcome]:
    """The outcome of each example, in their order."""
    judge = Judge(ruleset)
    return (judge.outcome(example) for example in examples)


def _examples(folder: Path) -> Iterator[Example]:
    for inside in folder.iterdir() if folder.is_dir() else ():
        yield from _of(inside)


def _of(folder: Path) -> Iterator[Example]:
    severities = _severities(folder)
    for path in _files(folder):
        if kind := _kind(path):
            severity = severities.get(path.name.partition(".")[0], "")
            yield Example(folder.name, kind, path, severity)


def _severities(folder: Path) -> Mapping[str, str]:
    """Raises: UnreadableExample when the file is not what the module's text says."""
    file = folder / SEVERITIES
    if not file.is_file():
        return {}
    try:
        found = msgspec.json.decode(file.read_bytes(), type=dict[str, str])
    except msgspec.DecodeError as error:
        raise UnreadableExample(f"{file}: {error}") from error
    for severity in found.values():
        if severity not in Severity.__members__:
            raise UnreadableExample(f"{file}: there is no severity {severity!r}")
    return found


def _wrong_severity(example: Example, found: Sequence[Finding]) -> str:
    worst = max(finding.severity for finding in found).name
    wanted = example.severity or worst
    return "" if worst == wanted else f"severity {worst}, expected {wanted}"


def _files(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return [path for path in folder.iterdir() if path.is_file() and path.name[0] != "."]


def _kind(path: Path) -> Kind | None:
    if not path.name.endswith(ENDINGS):
        return None
    return next((kind for kind in KINDS if path.name.startswith(f"{kind}_")), None)


def _window(told: Sequence[Signal]) -> Window:
    """The window over everything that was told."""
    first = min(signal.first_seen for signal in told)
    return Window.covering(first, max(signal.last_seen for signal in told))
