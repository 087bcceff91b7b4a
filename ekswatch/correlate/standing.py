"""Standings: how near each group came to a correlation, for people who ask why it is silent."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

import msgspec

from ekswatch.correlate.correlate import Group, Occurrences, occurred
from ekswatch.correlate.signal import Signal
from ekswatch.correlate.spans import Occurrence, Span, earliest, spans
from ekswatch.correlate.window import Window
from ekswatch.rules.ruleset import Correlation, Ruleset

ANY_COUNT = -1
"""What no count equals: with `neq`, every window is one that holds."""


@dataclass(frozen=True, slots=True)
class Standing:
    """One group of one correlation, in the window that came nearest.

    Shape: `occurrences` counts those of the whole group, `observed` is what was compared in
    that window: requests, distinct values, or rules. `missing` is how far `observed` is from
    what the condition asks for, zero where it holds; `absent` names the rules that did not come.
    """

    correlation: Correlation
    group: Group
    occurrences: int
    observed: int
    missing: int
    first_seen: datetime
    last_seen: datetime
    absent: tuple[str, ...] = ()

    @property
    def holds(self) -> bool:
        return self.missing == 0


def standings(signals: Sequence[Signal], ruleset: Ruleset, slug: str) -> tuple[Standing, ...]:
    """Every group of every correlation of a detection; by correlation, the nearest group first.

    Shape: all signals of one cluster, in any order.
    """
    if not signals:
        return ()
    first = min(signal.first_seen for signal in signals)
    last = max(signal.last_seen for signal in signals)
    by_name = {correlation.name: correlation for correlation in ruleset.correlations}
    known = Occurrences(by_name, occurred(signals, Window.covering(first, last)))
    found = [
        _standing(correlation, group, occurrences)
        for correlation in ruleset.correlations
        if correlation.detection == slug
        for group, occurrences in known.groups(correlation).items()
    ]
    return tuple(sorted(found, key=_rank))


def _rank(one: Standing) -> tuple[str, int, int, str]:
    return (one.correlation.name, one.missing, -one.occurrences, repr(one.group))


def _standing(
    correlation: Correlation, group: Group, occurrences: Sequence[Occurrence]
) -> Standing:
    best = min(_windows(correlation, occurrences), key=partial(_nearness, correlation))
    return Standing(
        correlation=correlation,
        group=group,
        occurrences=len(occurrences),
        observed=best.observed,
        missing=distance(correlation, best.observed),
        first_seen=earliest(occurrences, best.start, best.end),
        last_seen=occurrences[best.end - 1].at,
        absent=_absent(correlation, occurrences[best.start : best.end], best.observed),
    )


def _nearness(correlation: Correlation, span: Span) -> tuple[int, int]:
    """Order among windows: the nearest to the condition, of several the one with the most."""
    return (distance(correlation, span.observed), -span.observed)


def distance(correlation: Correlation, observed: int) -> int:
    """How many more or fewer would have to be observed for the condition to hold."""
    if correlation.kind == "temporal":
        return len(set(correlation.rules)) - observed
    if correlation.kind == "temporal_ordered":
        return len(correlation.rules) - observed
    away = observed - correlation.count
    match correlation.op:
        case "gte":
            return max(0, -away)
        case "gt":
            return max(0, 1 - away)
        case "lte":
            return max(0, away)
        case "lt":
            return max(0, away + 1)
        case "eq":
            return abs(away)
        case "neq":
            return int(away == 0)


def _windows(correlation: Correlation, occurrences: Sequence[Occurrence]) -> Iterator[Span]:
    """Every window of a group, with what was observed in it, whether that is enough or not."""
    match correlation.kind:
        case "temporal":
            yield from _rules_together(correlation, occurrences)
        case "temporal_ordered":
            yield from _rules_in_order(correlation, occurrences)
        case _ if correlation.is_absence:
            silences = [
                one for one in spans(occurrences, correlation) if one.end < len(occurrences)
            ]
            yield from silences or [Span(0, len(occurrences), 1)]
        case _:
            counting = msgspec.structs.replace(correlation, op="neq", count=ANY_COUNT)
            yield from spans(occurrences, counting)


def _rules_together(correlation: Correlation, occurrences: Sequence[Occurrence]) -> Iterator[Span]:
    """The windows that end at an occurrence, with the number of rules in each."""
    timespan = timedelta(seconds=correlation.timespan_seconds)
    inside: Counter[str] = Counter()
    start = 0
    for end, entering in enumerate(occurrences, 1):
        inside[entering.document] += 1
        while entering.at - occurrences[start].at > timespan:
            inside[occurrences[start].document] -= 1
            start += 1
        yield Span(start, end, len(+inside))


def _rules_in_order(correlation: Correlation, occurrences: Sequence[Occurrence]) -> Iterator[Span]:
    """The first window of the longest run of the rules, from the first rule on."""
    for length in range(len(correlation.rules), 0, -1):
        begun = msgspec.structs.replace(correlation, rules=correlation.rules[:length])
        for span in spans(occurrences, begun):
            yield span
            return
    yield Span(0, 1, 0)


def _absent(
    correlation: Correlation, inside: Sequence[Occurrence], observed: int
) -> tuple[str, ...]:
    """The rules that a temporal correlation still waited for."""
    match correlation.kind:
        case "temporal":
            came = {occurrence.document for occurrence in inside}
            return tuple(rule for rule in dict.fromkeys(correlation.rules) if rule not in came)
        case "temporal_ordered":
            return correlation.rules[observed:]
    return ()
