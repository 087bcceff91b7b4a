"""Outcomes: rules on what was made of events, rather than on the events.

A rule on the view `finding` sees each request and detection that found something in it; a rule
on the view `delivery` sees each minute in which a cluster's audit log has events. What they
match are signals, for correlations that sum up risk, join tactics or miss a cluster. A rule on
the view `list` or `cluster` sees how each live list or cluster stands, as the hourly function
finds it; what it matches is found.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from ekswatch.audit.event import EPOCH, AuditEvent, Value
from ekswatch.audit.views import DELIVERY, FINDING
from ekswatch.audit.vocabulary import OUTCOMES
from ekswatch.rules.detection import Detection
from ekswatch.rules.expression import evaluator, inlined
from ekswatch.rules.match import Match
from ekswatch.rules.ruleset import Filter, Rule, Ruleset

KEPT = (
    *("actor.name", "actor.kind", "actor.arn", "actor.role", "actor.access_key_id"),
    *("impersonator", "source.address", "source.class", "userAgent", "verb", "resource"),
    *("object.namespace", "object.ref", "outcome"),
)
"""What a signal keeps of a finding's facts, beside what its rule asks for: it is one of many."""

OutcomeRow = Mapping[str, Any]


class Outcomes:
    """The rules of a ruleset that are on outcomes.

    What correlations over findings find is no such finding itself: nothing goes in circles. Nor
    is what detections find that are only logged: they are on trial.
    """

    def __init__(self, ruleset: Ruleset) -> None:
        self._rules = {
            view: tuple(_OutcomeRule(rule, ruleset) for rule in ruleset.rules if rule.view == view)
            for view in OUTCOMES
        }
        self._over = over_findings(ruleset)
        self._on_trial = frozenset(ruleset.log_only)

    def of_findings(self, matches: Iterable[Match]) -> list[Match]:
        """The signals that findings give, of the matches that make any, in order of time."""
        rules = self._rules[FINDING]
        if not rules:
            return []
        return [
            signal
            for match, row in _finding_rows(m for m in matches if self._is_finding(m))
            for rule in rules
            if (signal := rule.signal(row, match.first_seen, match.audit_ids[:1], match.partial))
        ]

    def of_events(self, events: Iterable[AuditEvent]) -> list[Match]:
        """The signals that the minutes of some events give, in order of time."""
        rules = self._rules[DELIVERY]
        if not rules:
            return []
        minutes = Counter(e.at.replace(second=0, microsecond=0) for e in events if e.at > EPOCH)
        return [
            signal
            for minute, count in sorted(minutes.items())
            for rule in rules
            if (signal := rule.signal({"delivery.events": count}, minute, (), ""))
        ]

    def of_rows(self, view: str, rows: Iterable[OutcomeRow], at: datetime) -> list[Match]:
        """The matches on the rows of a view of states, as things stand at a time."""
        made = (rule.found(row, at) for row in rows for rule in self._rules[view])
        return [match for match in made if match is not None]

    def _is_finding(self, match: Match) -> bool:
        if match.signal or match.suppressed_by or match.detection.slug in self._on_trial:
            return False
        return match.document not in self._over


def over_findings(ruleset: Ruleset) -> frozenset[str]:
    """The names of correlations that are made of the findings of others, in part at least."""
    documents = {rule.name for rule in ruleset.rules if rule.view == FINDING}
    over: set[str] = set()
    pending = list(ruleset.correlations)
    while above := [one for one in pending if not (documents | over).isdisjoint(one.rules)]:
        over |= {one.name for one in above}
        pending = [one for one in pending if one.name not in over]
    return frozenset(over)


class _OutcomeRule:
    """One rule on an outcome, with the filters that name it."""

    def __init__(self, rule: Rule, ruleset: Ruleset) -> None:
        self._rule = rule
        self._detection: Detection = rule.variant or ruleset.detection(rule.detection)
        self._holds = evaluator(inlined(rule.condition, rule.selections), _read)
        self._filters = tuple(
            (one, evaluator(inlined(one.excludes, one.selections), _read))
            for one in ruleset.filters
            if rule.name in one.rules
        )

    def signal(
        self, row: OutcomeRow, at: datetime, audit_ids: tuple[str, ...], partial: str
    ) -> Match | None:
        """The signal of a row, or None; an expected one names its filter and has no facts."""
        if not self._rule.signal or not self._holds(row):
            return None
        return self._match(row, at, audit_ids, partial, signal=True)

    def found(self, row: OutcomeRow, at: datetime) -> Match | None:
        """The match of a row that counts alone, or None."""
        if not self._rule.finding or not self._holds(row):
            return None
        return self._match(row, at, (), "", signal=False)

    def _match(
        self,
        row: OutcomeRow,
        at: datetime,
        audit_ids: tuple[str, ...],
        partial: str,
        *,
        signal: bool,
    ) -> Match:
        by = self._suppressed_by(row, at)
        return Match(
            detection=self._detection,
            document=self._rule.name,
            severity=self._rule.severity,
            reason="",
            facts={} if by else self._facts(row),
            evidence=(),
            samples=({},),
            count=1,
            first_seen=at,
            last_seen=at,
            audit_ids=audit_ids,
            partial=partial,
            suppressed_by=by,
            signal=signal,
        )

    def _suppressed_by(self, row: OutcomeRow, at: datetime) -> str:
        day = at.date().isoformat()
        holding = (one.name for one, holds in self._filters if _in_force(one, day) and holds(row))
        return next(holding, "")

    def _facts(self, row: OutcomeRow) -> dict[str, Value]:
        names = dict.fromkeys((*KEPT, *self._rule.facts))
        return {name: row[name] for name in names if row.get(name) is not None}


def _finding_rows(matches: Iterable[Match]) -> Iterator[tuple[Match, OutcomeRow]]:
    """One row per request and detection: its most severe match there, in order of time."""
    requests: defaultdict[tuple[datetime, str], dict[str, Match]] = defaultdict(dict)
    for match in matches:
        request = requests[match.first_seen, next(iter(match.audit_ids), "")]
        slug = match.detection.slug
        known = request.get(slug)
        if known is None or match.severity > known.severity:
            request[slug] = match
    for key in sorted(requests):
        found = sorted(requests[key].values(), key=_most_severe_first)
        for match in found:
            yield match, _finding_row(match, leading=match is found[0])


def _most_severe_first(match: Match) -> tuple[int, int, str]:
    return (-match.severity, -match.detection.risk(match.severity), match.detection.slug)


def _finding_row(match: Match, *, leading: bool) -> OutcomeRow:
    """A finding's own fields and facts; of the facts that many requests share, only single ones."""
    single = {name: value for name, value in match.facts.items() if not isinstance(value, tuple)}
    return {
        **single,
        "finding.detection": match.detection.slug,
        "finding.severity": match.severity.name.lower(),
        "finding.risk": match.detection.risk(match.severity),
        "finding.tactic": next(iter(match.detection.tactics), None),
        "finding.leading": leading,
    }


def _read(field: str) -> Any:
    return lambda row: row.get(field)


def _in_force(one: Filter, day: str) -> bool:
    return not one.expires or day <= one.expires
