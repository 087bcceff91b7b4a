"""Tally: the signals in files, for people who ask how near a correlation came to firing."""

from collections import Counter, defaultdict
from collections.abc import Mapping
from typing import Any

from ekswatch.audit.event import AuditEvent
from ekswatch.correlate.signal import Signal, signals
from ekswatch.correlate.standing import Standing, standings
from ekswatch.rules.explain import correlations_of, rules_of
from ekswatch.rules.matcher.engine import Engine
from ekswatch.rules.matcher.outcomes import Outcomes
from ekswatch.rules.ruleset import Correlation, Ruleset


class Tally:
    """The signals of a detection's rules, by cluster, and what filters kept from counting."""

    def __init__(self, ruleset: Ruleset, slug: str, *, seed_mode: bool) -> None:
        self.correlations = correlations_of(ruleset, slug)
        self._ruleset, self._slug = ruleset, slug
        rules = [rule for rule in rules_of(ruleset, slug) if rule.signal]
        self._rules = {rule.name for rule in rules}
        self._findings = {rule.name for rule in rules if rule.finding}
        self._engine = Engine(ruleset, seed_mode=seed_mode)
        self._outcomes = Outcomes(ruleset)
        self._signals: defaultdict[str, list[Signal]] = defaultdict(list)
        self._suppressed: Counter[tuple[str, str]] = Counter()

    def add(self, cluster: str, event: AuditEvent) -> None:
        if not self.correlations:
            return
        matches = self._engine.match([event])
        matches += self._outcomes.of_findings(matches)
        matches += self._outcomes.of_events([event])
        found = [m for m in matches if m.document in self._rules]
        self._signals[cluster] += signals(found, batch="")
        for match in found:  # one that is a finding and a signal counts as one
            if match.suppressed_by and match.signal is not (match.document in self._findings):
                self._suppressed[match.document, match.suppressed_by] += 1

    def standings(self) -> list[tuple[str, Standing]]:
        """Every group with its cluster, the nearest of each correlation first."""
        return [
            (cluster, one)
            for cluster, seen in sorted(self._signals.items())
            for one in standings(seen, self._ruleset, self._slug)
        ]

    def uncounted(self, correlation: Correlation) -> Mapping[str, int]:
        """Matches that were suppressed, by filter."""
        counts: Counter[str] = Counter()
        for (document, name), count in self._suppressed.items():
            if document in correlation.rules:
                counts[name] += count
        return counts


def standing_data(cluster: str, one: Standing) -> dict[str, Any]:
    """A standing as plain values, for JSON."""
    return {
        "correlation": one.correlation.name,
        "cluster": cluster,
        "kind": one.correlation.kind,
        "op": one.correlation.op,
        "count": one.correlation.count,
        "timespan_seconds": one.correlation.timespan_seconds,
        "group": dict(one.group),
        "signals": one.occurrences,
        "observed": one.observed,
        "missing": one.missing,
        "holds": one.holds,
        "absent": one.absent,
        "first_seen": one.first_seen.isoformat(),
        "last_seen": one.last_seen.isoformat(),
    }
