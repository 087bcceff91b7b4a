"""`ekswatch explain`: why a detection fired on an event, or why it did not."""

import json
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import islice
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from ekswatch.audit.event import AuditEvent
from ekswatch.audit.inflate import GzipError
from ekswatch.audit.intake import Unreadable, read_lines
from ekswatch.audit.places import BadDatabase
from ekswatch.cli.content import detections_folder
from ekswatch.cli.exits import Exit
from ekswatch.cli.given import Given, kept, line_of, read_finding
from ekswatch.cli.options import Detections, SeedMode, Tuning
from ekswatch.cli.outline import Line, drawn_lines, outline, overview, standings_outline, tree
from ekswatch.cli.scan import UNREADABLE_SHOWN, Scan, audit_files, batches
from ekswatch.cli.seen import Seen
from ekswatch.cli.streams import Stream, results, stop, talk
from ekswatch.cli.tally import Tally, standing_data
from ekswatch.correlate.standing import Standing
from ekswatch.findings.finding import Scope, to_dict
from ekswatch.rules.compiler.compile import compile_what_loads
from ekswatch.rules.compiler.errors import RuleError, RuleErrors
from ekswatch.rules.compiler.suggest import suggestion
from ekswatch.rules.explain import Explainer, Explanation, correlations_of
from ekswatch.rules.matcher.kept import bounded_id
from ekswatch.rules.ruleset import Ruleset

SCHEMA_VERSION = 1
"""Of `--format json`; raised with every change that a reader of the older one would misread."""

EVENTS_OF_FINDING = 3
"""Of a finding's requests, those that are explained; the others differ in little."""

FINDING_ID = re.compile(r"ekswatch-[0-9a-f]{4,32}")

EXPLAIN_EXITS = """Exit codes: 0 explained; 2 wrong use: no such event, detection or finding;
3 a detection or database has errors; 5 a record could not be read."""


class Format(StrEnum):
    """How explanations are written."""

    TEXT = "text"
    JSON = "json"


@dataclass(slots=True)
class Answer:
    """What is shown: an outline for people, the same as data for programs.

    `incomplete` is set where records that could not be read might have changed the answer.
    """

    lines: list[Line] = field(default_factory=list)
    data: dict[str, Any] = field(default_factory=dict)
    explanations: list[Explanation] = field(default_factory=list)
    correlations: list[dict[str, Any]] = field(default_factory=list)
    incomplete: bool = False


def lines(explanation: Explanation) -> list[str]:
    """An explanation as lines of at most 100 characters, without colour."""
    return drawn_lines(outline(explanation))


def explain(
    audit: Annotated[
        Path,
        typer.Argument(help="A file or folder of audit logs; '-' reads standard input."),
    ],
    event: Annotated[
        str, typer.Option(metavar="AUDIT_ID", help="The event with this audit ID.")
    ] = "",
    line: Annotated[
        int | None, typer.Option(min=1, help="The event on this line, in a file of one per line.")
    ] = None,
    finding: Annotated[
        str,
        typer.Option(
            metavar="FILE|ID",
            help="The events of a finding: a file with its JSON, or its ID in a scan of AUDIT.",
        ),
    ] = "",
    detection: Annotated[
        str, typer.Option(metavar="SLUG", help="This detection; alone, over all events.")
    ] = "",
    top: Annotated[int, typer.Option(min=1, help="How many misses and groups are shown.")] = 5,
    detections: Detections = None,
    tuning: Tuning = None,
    seed_mode: SeedMode = False,
    format_: Annotated[Format, typer.Option("--format", help="How to write it.")] = Format.TEXT,
) -> None:
    """Show why a detection fired on an event, or why it did not, the nearest miss first."""
    if sum(map(bool, (event, line, finding))) > 1:
        raise stop(Exit.USAGE, "--event, --line and --finding each say which event: give one")
    ruleset, errors = _ruleset(detections or detections_folder(), tuning)
    with kept(audit) as path, Stream(stderr=True).status("Reading events"):
        asked = Question(ruleset, errors, _files(path), seed_mode=seed_mode, top=top)
        try:
            if finding:
                answer = asked.of_finding(finding, detection)
            elif event:
                answer = asked.of_events(asked.with_id(event), asked.known(detection))
            elif line is not None:
                answer = asked.of_events(asked.on_line(line), asked.known(detection))
            else:
                answer = asked.of_all(asked.known(detection))
        except BadDatabase as bad:
            raise stop(Exit.RULES, str(bad)) from None
    with results():
        _write(answer, ruleset, format_)
    asked.tell_unreadable(answer)
    if errors:
        raise typer.Exit(Exit.RULES)
    raise typer.Exit(Exit.INCOMPLETE if answer.incomplete else Exit.OK)


class Question:
    """What is asked of some files: reads their events and explains them."""

    def __init__(
        self,
        ruleset: Ruleset,
        errors: Sequence[RuleError],
        files: Sequence[Path],
        *,
        seed_mode: bool,
        top: int,
    ) -> None:
        self._ruleset, self._errors, self._files = ruleset, errors, files
        self._seed_mode, self._top = seed_mode, top
        self._explainer = Explainer(ruleset, seed_mode=seed_mode)
        self._unreadable: list[Unreadable] = []
        self._lost = 0

    # Which events

    def known(self, slug: str) -> str:
        """The slug, or nothing where none is asked for. Stops for one that there is not."""
        slugs = [detection.slug for detection in self._ruleset.detections]
        if slug in slugs or not slug:
            return slug
        documents = {
            **{each.name: each.detection for each in self._ruleset.rules},
            **{each.name: each.detection for each in self._ruleset.correlations},
        }
        if slug in documents:
            message = f"{slug!r} is a document of the detection {documents[slug]!r}"
            raise stop(Exit.USAGE, message)
        code = Exit.RULES if self._errors else Exit.USAGE
        raise stop(code, f"there is no detection {slug!r}{suggestion(slug, slugs)}")

    def with_id(self, audit_id: str) -> list[AuditEvent]:
        """The events with an audit ID, one for each stage that was recorded."""
        found, count = list[AuditEvent](), 0
        for _, each in self._events():
            count += 1
            if audit_id in (each.auditID, bounded_id(each.auditID)):
                found.append(each)
        if found:
            return found
        message = f"none of the {count:,} events in {self._names()} has the audit ID {audit_id!r}"
        if self._lost:
            raise stop(Exit.INCOMPLETE, f"{message}, and {self._lost:,} records are unreadable")
        raise stop(Exit.USAGE, message)

    def on_line(self, number: int) -> list[AuditEvent]:
        """The event on a line, or the several that a wrapper on it holds."""
        if len(self._files) != 1:
            raise stop(Exit.USAGE, f"--line needs one file, {self._names()} are several")
        place = f"{self._names()}:{number}"
        try:
            raw = line_of(self._files[0], number)
        except (OSError, GzipError) as error:
            raise stop(Exit.INCOMPLETE, f"{place}: {error}") from None
        if raw is None:
            raise stop(Exit.USAGE, f"{place}: there is no such line")
        read = list(read_lines([raw], source=self._names()))
        found = [each for batch in read for each in batch.events]
        if not found:
            reasons = [each.reason for batch in read for each in batch.unreadable]
            reason = reasons[0] if reasons else "not a record of the audit log"
            hint = "; --line is for files with one record per line, see --event"
            raise stop(Exit.INCOMPLETE, f"{place}: {reason}{hint}")
        return found

    def _events(self) -> Iterator[tuple[str, AuditEvent]]:
        """Every event with the cluster that its batch names; counts what is unreadable anew."""
        self._unreadable, self._lost = [], 0
        for file in self._files:
            for batch in batches(file):
                self._lost += len(batch.unreadable)
                room = UNREADABLE_SHOWN - len(self._unreadable)
                self._unreadable += batch.unreadable[:room]
                for event in batch.events:
                    yield batch.cluster, event

    def _names(self) -> str:
        return ", ".join(str(file) for file in self._files[:3])

    # What is said of them

    def of_events(self, events: Sequence[AuditEvent], slug: str) -> Answer:
        """Each event: one detection in full, or all of them with the nearest misses."""
        answer = Answer()
        for event in events:
            if slug:
                one = self._explainer.explain(event, slug)
                answer.explanations.append(one)
                answer.lines.append(outline(one))
            else:
                every = self._explainer.nearest(event)
                answer.lines.append(overview(every[0].request, every, top=self._top))
                others = [each for each in every if each.outcome != "no match"]
                answer.explanations += every[: len(others) + self._top]
        if slug and correlations_of(self._ruleset, slug):
            self._add_groups(answer, events, slug)
        return answer

    def of_finding(self, given: str, slug: str) -> Answer:
        """The first of a finding's events, those that say most before the others."""
        finding = self._finding(given)
        slug = self.known(slug or finding.detection)
        wanted = {audit_id for audit_id in finding.audit_ids if audit_id}
        events = [e for _, e in self._events() if bounded_id(e.auditID) in wanted]
        if not events:
            names = f"none of its {len(wanted)} audit IDs is in {self._names()}"
            raise stop(Exit.USAGE, f"the finding {finding.id} is not about this file: {names}")
        judged = [(self._explainer.explain(event, slug), event) for event in events]
        judged.sort(key=lambda pair: (*pair[0].rank[:2], pair[0].worst, pair[1].at))
        shown = [event for _, event in judged[:EVENTS_OF_FINDING]]
        answer = self.of_events(shown, slug)
        requests = len({event.auditID for event in shown})
        said = f"Finding {finding.id} of {slug}: {requests} of its {len(wanted)} requests"
        trees, counted = answer.lines[: len(shown)], answer.lines[len(shown) :]
        heading = Line(said, below=tuple(self._about_rules(finding)))
        answer.lines = [heading, *counted, *trees]
        answer.data["finding"] = finding.id
        return answer

    def _about_rules(self, finding: Given) -> Iterator[Line]:
        if finding.rules_hash and finding.rules_hash != self._ruleset.hash:
            yield Line(
                f"Made by other rules ({finding.rules_hash[:12]}) than these"
                f" ({self._ruleset.hash[:12]}): the result may differ",
                held=False,
            )

    def of_all(self, slug: str) -> Answer:
        """One detection over every event; a single event is explained in full."""
        if not slug:
            return self.of_events([self._only_event()], "")
        seen = Seen(self._top)
        tally = Tally(self._ruleset, slug, seed_mode=self._seed_mode)
        for cluster, event in self._events():
            seen.add(self._explainer.explain(event, slug), event)
            tally.add(cluster, event)
        if seen.first is None:
            raise self._no_events()
        if seen.count == 1:
            answer = self.of_events([seen.first], slug)
        else:
            title = self._ruleset.detection(slug).title
            answer = Answer([seen.outline(slug, title)], explanations=seen.explanations())
            answer.data = {"events": seen.count, "outcomes": dict(seen.outcomes)}
            self._add_standings(answer, tally, tally.standings())
        answer.incomplete = bool(self._lost)
        return answer

    def _only_event(self) -> AuditEvent:
        """The event of files that hold one."""
        found = [event for _, event in islice(self._events(), 2)]
        if not found:
            raise self._no_events()
        if len(found) > 1:
            raise stop(
                Exit.USAGE,
                f"{self._names()}: which of its events? Name one with --event, --line or"
                " --finding, or a detection with --detection",
            )
        return found[0]

    def _no_events(self) -> typer.Exit:
        for one in self._unreadable:
            talk(f"{one.position}: {one.reason}")
        code = Exit.INCOMPLETE if self._lost else Exit.USAGE
        return stop(code, f"{self._names()}: there are no audit events")

    def _finding(self, given: str) -> Given:
        if FINDING_ID.fullmatch(given) and not Path(given).exists():
            return self._scanned(given)
        return read_finding(given)

    def _scanned(self, finding_id: str) -> Given:
        """A finding by its ID, from a scan with the default cluster, account and Region."""

        def place(named: str) -> Scope:
            return Scope("aws", "000000000000", "us-east-1", named or "local")

        scan = Scan(self._ruleset, place, seed_mode=self._seed_mode)
        for file in self._files:
            for batch in batches(file):
                scan.add(batch)
        found = [each for each in scan.report().findings if each.id.startswith(finding_id)]
        if len(found) != 1:
            what = "several findings" if found else "no finding"
            raise stop(
                Exit.USAGE,
                f"a scan of {self._names()} gives {what} with the ID {finding_id!r}; an ID holds"
                " cluster, account and Region, so give a file with the finding's JSON instead",
            )
        return msgspec.convert(to_dict(found[0]), Given)

    # Correlations

    def _add_groups(self, answer: Answer, events: Sequence[AuditEvent], slug: str) -> None:
        """The groups that these events are counted in, over all events of the files."""
        own = Tally(self._ruleset, slug, seed_mode=self._seed_mode)
        for event in events:
            own.add("", event)
        groups = {(one.correlation.name, one.group) for _, one in own.standings()}
        if not groups:
            return
        tally = Tally(self._ruleset, slug, seed_mode=self._seed_mode)
        for cluster, event in self._events():
            tally.add(cluster, event)
        wanted = [
            (cluster, one)
            for cluster, one in tally.standings()
            if (one.correlation.name, one.group) in groups
        ]
        self._add_standings(answer, tally, wanted, only={name for name, _ in groups})
        answer.incomplete = bool(self._lost)

    def _add_standings(
        self,
        answer: Answer,
        tally: Tally,
        found: Sequence[tuple[str, Standing]],
        *,
        only: set[str] | None = None,
    ) -> None:
        for correlation in tally.correlations:
            if only is None or correlation.name in only:
                of_it = [(c, one) for c, one in found if one.correlation.name == correlation.name]
                of_it.sort(key=lambda pair: pair[1].missing)
                groups = [one for _, one in of_it]
                left = tally.uncounted(correlation)
                answer.lines.append(standings_outline(correlation, groups, left, self._top))
                answer.correlations += [standing_data(c, one) for c, one in of_it[: self._top]]

    def tell_unreadable(self, answer: Answer) -> None:
        """Name on standard error the records that the answer lacks."""
        if answer.incomplete:
            for one in self._unreadable:
                talk(f"{one.position}: {one.reason}")
            if (more := self._lost - len(self._unreadable)) > 0:
                talk(f"... and {more:,} more")


def _ruleset(folder: Path, tuning: Path | None) -> tuple[Ruleset, tuple[RuleError, ...]]:
    """What loads; errors of the rest go to standard error."""
    try:
        ruleset, errors = compile_what_loads(folder, tuning)
    except RuleErrors as error:
        raise stop(Exit.RULES, str(error)) from None
    for each in errors:
        talk(str(each))
    return ruleset, errors


def _files(path: Path) -> list[Path]:
    try:
        return audit_files([path])
    except FileNotFoundError as missing:
        raise stop(Exit.USAGE, f"{missing}: there is no such file or folder") from None


def _write(answer: Answer, ruleset: Ruleset, format_: Format) -> None:
    if format_ is Format.JSON:
        whole = {
            "schema_version": SCHEMA_VERSION,
            "rules_hash": ruleset.hash,
            **answer.data,
            "explanations": msgspec.to_builtins(answer.explanations),
            "correlations": answer.correlations,
        }
        typer.echo(json.dumps(whole, indent=2))
        return
    if sys.stdout.isatty():
        console = Stream()
        for line in answer.lines:
            console.print(tree(line))
        return
    for line in answer.lines:
        typer.echo("\n".join(drawn_lines(line)))
