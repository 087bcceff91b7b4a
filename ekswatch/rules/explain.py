"""Explain: why a detection fired on an event, or why it did not, as data.

The verdicts are the engine's; `tests/rules/test_explain.py` compares them on every example.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Literal

import msgspec

from ekswatch.audit.event import AuditEvent, Value, locate
from ekswatch.audit.views import EventRow, Row, Rows
from ekswatch.audit.vocabulary import EVENT
from ekswatch.rules.detection import Severity
from ekswatch.rules.expression import evaluator, inlined
from ekswatch.rules.fields import Subject, getter, is_row_field
from ekswatch.rules.matcher.kept import bounded_id
from ekswatch.rules.ruleset import Correlation, Escalation, Expression, Filter, Rule, Ruleset
from ekswatch.rules.trial import Flip, Node, Selection, Tester, deciding, flips, leaves

Outcome = Literal[
    "finding", "signal", "finding and signal", "suppressed", "no match", "not judged", "failed"
]
"""What comes out of a rule on a row. `not judged`: the condition holds, at a stage that is left
out. `failed`: the condition raised, which the engine counts and alarms on."""

MATCHED: tuple[Outcome, ...] = ("finding", "signal", "finding and signal")

ORDER: tuple[Outcome, ...] = (*MATCHED, "suppressed", "not judged", "failed", "no match")
"""From what says most to what says least."""

LEFT_OUT = (
    "the stage RequestReceived is left out: "
    "a later stage reports the same request, with its outcome"
)

NAMED_BY = ("{view}.name", "{view}.text", "subject.ref", "grant.resources")
"""Fields by which a person knows a row, the first that it has."""


class Request(msgspec.Struct, frozen=True):
    """What an event was about, redacted as in a finding."""

    audit_id: str
    stage: str
    at: datetime
    actor: Value
    verb: Value
    resource: Value
    object: Value
    outcome: Value
    partial: str


class Suppressor(msgspec.Struct, frozen=True):
    """A filter that is for the rule, and whether it holds.

    `decided` marks the one that suppressed the match. `unused` says why one that holds does not
    count: it has expired, or seed mode does without it. `missing` are the fewest tests that keep
    a filter from holding.
    """

    name: str
    title: str
    reason: str
    owner: str
    expires: str
    default: bool
    held: bool
    decided: bool
    unused: str
    missing: tuple[Flip, ...]
    condition: Node


class Level(msgspec.Struct, frozen=True):
    """An entry of `severity`: it decides when all its selections hold and none before it did."""

    severity: str
    decided: bool
    when: tuple[Node, ...]


class Counted(msgspec.Struct, frozen=True):
    """A correlation that counts the signal, and the group that it counts it in."""

    correlation: str
    detection: str
    kind: str
    op: str
    count: int
    timespan_seconds: int
    group: dict[str, Value]
    values: dict[str, Value]
    """Of a count of distinct values: the fields that are counted."""


class News(msgspec.Struct, frozen=True):
    """What must be new to the cluster for a match of a novel rule to count.

    `counts` is false where the selections named in `when` do not all hold: such a match only
    teaches the baseline.
    """

    fields: tuple[tuple[str, Value], ...]
    forget_days: int
    counts: bool
    when: tuple[str, ...] = ()


class RowTrial(msgspec.Struct, frozen=True):
    """A rule on one row of its view.

    `row` counts from 1 and is 0 where the view has no rows for the event; the tests of the event
    are shown all the same. `flips` is how few tests would have to come out otherwise for the
    condition to hold, None when no value would do; `missing` are these tests.
    `severity` and what follows it are those of a match.
    """

    row: int
    label: str
    outcome: Outcome
    flips: int | None
    missing: tuple[Flip, ...]
    condition: Node
    suppressed_by: str = ""
    filters: tuple[Suppressor, ...] = ()
    severity: str = ""
    levels: tuple[Level, ...] = ()
    counted: tuple[Counted, ...] = ()
    news: News | None = None


class RuleTrial(msgspec.Struct, frozen=True):
    """One Sigma document on every row of its view.

    `detection` is the slug that its own findings have: another one where a correlation of the
    detection that is explained counts rules of others.
    """

    rule: str
    detection: str
    view: str
    rows: tuple[RowTrial, ...]

    @property
    def best(self) -> RowTrial:
        """The row that says most."""
        return min(self.rows, key=_row_rank)


class Explanation(msgspec.Struct, frozen=True):
    """A detection on an event. `note` says why nothing can come of this event, or is empty."""

    detection: str
    title: str
    request: Request
    note: str
    outcome: Outcome
    flips: int | None
    rules: tuple[RuleTrial, ...]

    @property
    def best(self) -> RuleTrial:
        """The rule that says most: what fired, else the nearest miss."""
        return min(self.rules, key=lambda rule: (*_row_rank(rule.best), rule.rule))

    @property
    def worst(self) -> int:
        """Order by severity, the most severe first; misses have none and come last."""
        return _worst(self.best.best)

    @property
    def rank(self) -> tuple[int, float, str]:
        """Order among explanations of one event: matches, then misses, the nearest first."""
        return (ORDER.index(self.outcome), _number(self.flips), self.detection)


class Explainer:
    """Explains events; keeps what several events need, so that a file is read in one go."""

    def __init__(self, ruleset: Ruleset, *, seed_mode: bool = False) -> None:
        self.ruleset = ruleset
        self._seed_mode = seed_mode or ruleset.seed_mode
        self._seeded = {d.slug for d in ruleset.detections if d.seed} if self._seed_mode else set()
        self._tester = Tester()
        self._places = ruleset.places()
        self._rules: dict[str, tuple[Rule, ...]] = {}

    def explain(self, event: AuditEvent, slug: str) -> Explanation:
        """Why a detection fires on an event, or why not. Raises: KeyError for an unknown slug."""
        return self._explained(self._rows(event), slug)

    def _rows(self, event: AuditEvent) -> Rows:
        if self._places:
            locate(event, self._places)
        return Rows(EventRow(event))

    def _explained(self, rows: Rows, slug: str) -> Explanation:
        detection, (itself,) = self.ruleset.detection(slug), rows[EVENT]
        event = itself.event
        judged = event.stage != "RequestReceived"
        if slug not in self._rules:
            self._rules[slug] = rules_of(self.ruleset, slug)
        trials = tuple(self._rule(rule, slug, rows, judged=judged) for rule in self._rules[slug])
        best = min((trial.best for trial in trials), key=_row_rank)
        return Explanation(
            detection=slug,
            title=detection.title,
            request=self._request(itself),
            note="" if judged else LEFT_OUT,
            outcome=best.outcome,
            flips=best.flips,
            rules=trials,
        )

    def nearest(self, event: AuditEvent) -> tuple[Explanation, ...]:
        """Every detection on an event: what matches, what is suppressed, then the misses.

        Order of misses: by `flips`, the fewest first, then by slug.
        """
        slugs = [detection.slug for detection in self.ruleset.detections]
        rows = self._rows(event)
        found = (self._explained(rows, slug) for slug in slugs)
        return tuple(sorted(found, key=lambda each: each.rank))

    def _request(self, itself: Row) -> Request:
        event = itself.event

        def value(field: str) -> Value:
            return self._tester.value(field, "", itself)

        return Request(
            audit_id=bounded_id(event.auditID),
            stage=event.stage,
            at=event.at,
            actor=value("actor.name"),
            verb=value("verb"),
            resource=value("resource"),
            object=value("object.ref"),
            outcome=value("outcome"),
            partial=event.partial,
        )

    def _rule(self, rule: Rule, slug: str, rows: Rows, *, judged: bool) -> RuleTrial:
        if rule.detection != slug:  # what it finds by itself is no finding of this detection
            rule = msgspec.structs.replace(rule, finding=False)
        trials = [
            self._row(rule, row, number, judged=judged)
            for number, row in enumerate(rows[rule.view], 1)
        ]
        if any(trial.outcome == "failed" for trial in trials):  # one row costs the others
            trials = [msgspec.structs.replace(trial, outcome="failed") for trial in trials]
        trials = trials or [self._rowless(rule, rows[EVENT][0])]
        return RuleTrial(rule.name, rule.detection, rule.view, tuple(trials))

    def _rowless(self, rule: Rule, itself: Row) -> RowTrial:
        """A rule on an event that its view has no rows for: a row is one more thing missing."""
        node = self._tester.tried(rule.condition, rule.selections, rule.view, itself)
        needed = _whole(flips(node))
        missing = () if needed is None else deciding(node)
        return RowTrial(0, "", "no match", None if needed is None else needed + 1, missing, node)

    def _row(self, rule: Rule, subject: Subject, number: int, *, judged: bool) -> RowTrial:
        node = self._tester.tried(rule.condition, rule.selections, rule.view, subject)
        label = self._label(rule.view, subject)
        outcome = self._unmatched(rule, node, subject, judged=judged)
        if outcome is not None:
            needed = _whole(flips(node))
            missing = () if needed is None else deciding(node)
            return RowTrial(number, label, outcome, needed, missing, node)
        filters = self._filters(rule, subject)
        decided = next((each.name for each in filters if each.decided), "")
        levels = self._levels(rule, subject)
        severity = next((level.severity for level in levels if level.decided), rule.severity.name)
        return RowTrial(
            row=number,
            label=label,
            outcome="suppressed" if decided else _told(rule),
            flips=0,
            missing=(),
            condition=node,
            suppressed_by=decided,
            filters=filters,
            severity=severity,
            levels=levels,
            counted=tuple(self._counted(rule, subject)) if rule.signal else (),
            news=self._news(rule, subject),
        )

    def _unmatched(
        self, rule: Rule, node: Node, subject: Subject, *, judged: bool
    ) -> Outcome | None:
        """Why a rule does not match, None when it does."""
        try:
            held = _held(node, rule.condition, rule.selections, rule.view, subject)
        except Exception:
            # As in the engine, a broken rule costs itself only; its test says what it raised.
            return "failed"
        if held:
            return None if judged else "not judged"
        return "no match"

    def _label(self, view: str, subject: Subject) -> str:
        """What a person calls the row."""
        for pattern in NAMED_BY if view else ():
            field = pattern.format(view=view)
            if is_row_field(field, view) and (value := self._tester.value(field, view, subject)):
                return ", ".join(value) if isinstance(value, tuple) else str(value)
        return ""

    def _filters(self, rule: Rule, subject: Subject) -> tuple[Suppressor, ...]:
        found: list[Suppressor] = []
        for filter_ in self.ruleset.filters:
            if is_for(filter_, rule):
                decided = any(each.decided for each in found)
                found.append(self._filter(filter_, rule, subject, decided=decided))
        return tuple(found)

    def _filter(
        self, filter_: Filter, rule: Rule, subject: Subject, *, decided: bool
    ) -> Suppressor:
        node = self._tester.tried(filter_.excludes, filter_.selections, rule.view, subject)
        unused = self._unused(filter_, rule, subject.event)
        try:
            held = _held(node, filter_.excludes, filter_.selections, rule.view, subject)
        except Exception:
            # As in the engine, a broken filter suppresses nothing.
            held, unused = False, "a test of it raised"
        return Suppressor(
            name=filter_.name,
            title=filter_.title,
            reason=filter_.reason,
            owner=filter_.owner,
            expires=filter_.expires,
            default=filter_.default,
            held=held,
            decided=held and not unused and not decided,
            unused=unused,
            missing=() if math.isinf(flips(node)) else deciding(node),
            condition=node,
        )

    def _unused(self, filter_: Filter, rule: Rule, event: AuditEvent) -> str:
        if filter_.default and rule.detection in self._seeded:
            return "seed mode does without default filters"
        if filter_.expires and event.at.date().isoformat() > filter_.expires:
            return f"it expired on {filter_.expires}"
        return ""

    def _news(self, rule: Rule, subject: Subject) -> News | None:
        if rule.novel is None:
            return None
        novel = rule.novel
        read = (self._tester.value(field, rule.view, subject) for field in novel.key)
        tried = (
            self._tester.tried(rule.selections[name], rule.selections, rule.view, subject)
            for name in novel.when
        )
        counts = all(node.held for node in tried)
        fields = tuple(zip(novel.key, read, strict=True))
        return News(fields, novel.forget_days, counts, novel.when)

    def _levels(self, rule: Rule, subject: Subject) -> tuple[Level, ...]:
        levels: list[Level] = []
        for entry in rule.escalations:
            when = self._when(entry, rule, subject)
            first = not any(level.decided for level in levels)
            decided = first and all(node.held for node in when)
            levels.append(Level(entry.severity.name, decided, when))
        return tuple(levels)

    def _when(self, entry: Escalation, rule: Rule, subject: Subject) -> tuple[Node, ...]:
        nodes: list[Node] = []
        for name in entry.when:
            tried = self._tester.tried(rule.selections[name], rule.selections, rule.view, subject)
            nodes.append(Selection(name, tried.held, tried))
        return tuple(nodes)

    def _counted(self, rule: Rule, subject: Subject) -> Iterator[Counted]:
        def values(
            names: Sequence[str], aliases: Mapping[str, Mapping[str, str]]
        ) -> dict[str, Value]:
            fields = {name: aliases.get(name, {}).get(rule.name, name) for name in names}
            return {n: self._tester.value(f, rule.view, subject) for n, f in fields.items()}

        for each in self.ruleset.correlations:
            if rule.name in each.rules:
                yield Counted(
                    correlation=each.name,
                    detection=each.detection,
                    kind=each.kind,
                    op=each.op,
                    count=each.count,
                    timespan_seconds=each.timespan_seconds,
                    group=values(each.group_by, each.aliases),
                    values=values(each.fields, each.aliases),
                )


def explain(
    ruleset: Ruleset, event: AuditEvent, slug: str, *, seed_mode: bool = False
) -> Explanation:
    """Why a detection fires on an event, or why not. Raises: KeyError for an unknown slug."""
    return Explainer(ruleset, seed_mode=seed_mode).explain(event, slug)


def nearest(
    ruleset: Ruleset, event: AuditEvent, *, seed_mode: bool = False
) -> tuple[Explanation, ...]:
    """Every detection on an event: matches, suppressed ones, then misses, the nearest first."""
    return Explainer(ruleset, seed_mode=seed_mode).nearest(event)


def rules_of(ruleset: Ruleset, slug: str) -> tuple[Rule, ...]:
    """The rules of a detection, and those that its correlations count, by name."""
    by_name = {each.name: each for each in ruleset.correlations}
    names = {rule.name for rule in ruleset.rules if rule.detection == slug}
    left = [name for each in correlations_of(ruleset, slug) for name in each.rules]
    while left:
        name = left.pop()
        if name not in names:
            names.add(name)
            left += by_name[name].rules if name in by_name else ()
    return tuple(rule for rule in ruleset.rules if rule.name in names)


def correlations_of(ruleset: Ruleset, slug: str) -> tuple[Correlation, ...]:
    """The correlations of a detection, by name."""
    return tuple(each for each in ruleset.correlations if each.detection == slug)


def is_for(filter_: Filter, rule: Rule) -> bool:
    """Whether a filter may suppress the matches of a rule."""
    named = not filter_.rules or rule.name in filter_.rules
    return named and filter_.view in ("", rule.view)


def _held(
    node: Node,
    expression: Expression,
    selections: Mapping[str, Expression],
    view: str,
    subject: Subject,
) -> bool:
    """Whether an expression holds. Raises what a test raises that is needed to say so."""
    if not any(test.error for test in leaves(node)):
        return node.held
    return evaluator(inlined(expression, selections), partial(getter, view=view))(subject)


def _told(rule: Rule) -> Outcome:
    if rule.finding:
        return "finding and signal" if rule.signal else "finding"
    return "signal"


def _row_rank(row: RowTrial) -> tuple[int, int, float]:
    """Order among rows: what fired, the most severe first, then misses, the nearest first."""
    return (ORDER.index(row.outcome), _worst(row), _number(row.flips))


def _worst(row: RowTrial) -> int:
    return -Severity[row.severity] if row.severity else 1


def _whole(count: float) -> int | None:
    return None if math.isinf(count) else int(count)


def _number(count: int | None) -> float:
    return math.inf if count is None else count
