"""Correlations: what signals say together, exactly, on event time.

Every window that holds is put into the deduplication period of its first request. One match
comes of a group and a period, with all of that period up to now: a run that is repeated,
widened or cut differently gives the same findings, and the last one is whole.
"""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import reduce

import msgspec

from ekswatch.audit.event import Value
from ekswatch.correlate.signal import Signal
from ekswatch.correlate.signal import signals as signals_of
from ekswatch.correlate.spans import Occurrence, Span, decided_at, earliest, field_of, spans
from ekswatch.correlate.window import Window
from ekswatch.rules.detection import Detection
from ekswatch.rules.match import Match
from ekswatch.rules.matcher.outcomes import Outcomes, over_findings
from ekswatch.rules.ruleset import Correlation, Ruleset

SHORT = timedelta(hours=6)
"""Signals that count for no longer are many; those that count for longer are few."""
NO_TIME = timedelta(0)
TOLD = "correlations"
"""What the signals of correlations were read from."""

MAX_AUDIT_IDS = 1_000
MAX_VALUES = 50
FIRST_SAMPLES = 9

WORDS = {
    "lt": "fewer than",
    "lte": "at most",
    "gt": "more than",
    "gte": "at least",
    "eq": "exactly",
    "neq": "other than",
}

Request = tuple[datetime, str]

Group = tuple[tuple[str, Value], ...]
"""The group-by fields with their values; an absent field is None."""


@dataclass(frozen=True, slots=True)
class Hit:
    """A correlation that held for a group in one period, with everything that made it hold."""

    correlation: Correlation
    detection: Detection
    group: Group
    period: int
    observed: int
    occurrences: tuple[Occurrence, ...]
    last_decided: datetime

    @property
    def rank(self) -> tuple[int, str]:
        """Order among the correlations of one detection: the most severe first."""
        return (-self.correlation.severity, self.correlation.name)


def correlate(signals: Iterable[Signal], ruleset: Ruleset, window: Window) -> list[Match]:
    """The matches of all correlations that an event in the window decides, or decides again.

    Shape: signals of one cluster, in any order, repeated or not, from `lookback` before the
    window on. A match holds every request of its period up to the window's end, each once.
    Correlations over findings come second: they also count what the others just found.
    Raises: ValueError when correlations refer to each other in a circle.
    """
    signals = tuple(signals)
    first, second = in_two(ruleset)
    matches = _correlated(signals, first, window)
    if second.correlations:
        found = told(matches, ruleset)
        opened = reduce(Window.widened, (one.first_seen for one in found), window)
        matches += _correlated((*signals, *found), second, opened)
    return sorted(matches, key=lambda m: (m.first_seen, m.document, m.audit_ids, m.last_seen))


def told(matches: Iterable[Match], ruleset: Ruleset) -> list[Signal]:
    """The signals that the matches of correlations give to correlations over findings.

    They count in this window and, once they are written, in later ones.
    """
    return signals_of(
        Outcomes(ruleset).of_findings(matches), batch=TOLD, long=long_documents(ruleset)
    )


def in_two(ruleset: Ruleset) -> tuple[Ruleset, Ruleset]:
    """The ruleset with its correlations over events, and with those over findings."""
    over = over_findings(ruleset)
    first = tuple(one for one in ruleset.correlations if one.name not in over)
    second = tuple(one for one in ruleset.correlations if one.name in over)
    return (
        msgspec.structs.replace(ruleset, correlations=first),
        msgspec.structs.replace(ruleset, correlations=second),
    )


def _correlated(signals: Iterable[Signal], ruleset: Ruleset, window: Window) -> list[Match]:
    by_name = {correlation.name: correlation for correlation in ruleset.correlations}
    since = Window(_earlier(window.start, _lookback(ruleset)), window.end)
    known = Occurrences(by_name, occurred(signals, since))
    together: defaultdict[tuple[str, Group, int], list[Hit]] = defaultdict(list)
    for correlation in ruleset.correlations:
        if correlation.finding:
            detection = _detection(correlation, ruleset)
            for hit in _hits(correlation, detection, known, until=window.end):
                together[detection.slug, hit.group, hit.period].append(hit)
    return [
        _match(hits)
        for hits in _not_contained(together.values(), by_name)
        if any(hit.last_decided in window for hit in hits)
    ]


def lookback(ruleset: Ruleset, *, without: Collection[str] = ()) -> timedelta:
    """How long before a window signals still count, those of some documents left out.

    A period that an event of the window decides began up to a timespan and a period earlier,
    and whether a window belongs to that period shows one timespan before. Chains add up, and
    so do the two rounds of `correlate`.
    Raises: ValueError when correlations refer to each other in a circle.
    """
    backs = _lookbacks(ruleset)
    return max((back for name, back in backs.items() if name not in without), default=NO_TIME)


def long_documents(ruleset: Ruleset) -> frozenset[str]:
    """The documents whose signals count for longer than `SHORT`, and are read apart."""
    return frozenset(name for name, back in _lookbacks(ruleset).items() if back > SHORT)


def _lookbacks(ruleset: Ruleset) -> dict[str, timedelta]:
    """How long the signals of each document count."""
    first, second = in_two(ruleset)
    extra = _lookback(first, times=1) if second.correlations else NO_TIME
    backs: dict[str, timedelta] = {}
    for half, more in ((first, NO_TIME), (second, extra)):
        by_name = {one.name: one for one in half.correlations}
        for one in half.correlations:
            back = _back(one, by_name, half, times=2) + more
            for name in _bases(one, by_name):
                backs[name] = max(back, backs.get(name, NO_TIME))
    return backs


def _lookback(half: Ruleset, *, times: int = 2) -> timedelta:
    """How far back correlations look; once over their timespans is where a match can begin."""
    by_name = {one.name: one for one in half.correlations}
    backs = (_back(one, by_name, half, times=times) for one in half.correlations)
    return max(backs, default=NO_TIME)


def _back(
    one: Correlation, by_name: Mapping[str, Correlation], ruleset: Ruleset, *, times: int
) -> timedelta:
    seconds = times * _reach(one, by_name, ()) + _detection(one, ruleset).dedup_seconds
    return timedelta(seconds=seconds)


def _bases(one: Correlation, by_name: Mapping[str, Correlation]) -> Iterator[str]:
    """The rules below a correlation; there is no circle in them."""
    for name in one.rules:
        if name in by_name:
            yield from _bases(by_name[name], by_name)
        else:
            yield name


class Occurrences:
    """The occurrences of each document, and of each correlation that others refer to."""

    def __init__(
        self, correlations: Mapping[str, Correlation], read: Mapping[str, list[Occurrence]]
    ) -> None:
        self._correlations = correlations
        self._known: dict[str, list[Occurrence]] = dict(read)

    def of(self, name: str) -> list[Occurrence]:
        if name not in self._known:
            correlation = self._correlations.get(name)
            self._known[name] = list(self._decided(correlation)) if correlation else []
        return self._known[name]

    def groups(self, correlation: Correlation) -> dict[Group, list[Occurrence]]:
        """The occurrences that a correlation looks at, by group, in order of time."""
        groups: defaultdict[Group, list[Occurrence]] = defaultdict(list)
        anybody: list[Occurrence] = []
        for rule in dict.fromkeys(correlation.rules):
            if rule in correlation.ungrouped:
                anybody += self.of(rule)
                continue
            for occurrence in self.of(rule):
                groups[_group(occurrence, correlation)].append(occurrence)
        anybody.sort(key=lambda occurrence: occurrence.at)
        for occurrences in groups.values():
            occurrences.sort(key=lambda occurrence: occurrence.order)
            occurrences += _between(anybody, occurrences[0].at, occurrences[-1].at)
            occurrences.sort(key=lambda occurrence: occurrence.order)
        return groups

    def _decided(self, correlation: Correlation) -> Iterator[Occurrence]:
        """One occurrence for each window in which a correlation holds, at its end."""
        for group, occurrences in self.groups(correlation).items():
            for span in spans(occurrences, correlation):
                last = occurrences[span.end - 1]
                facts = {**last.facts, **dict(group)}
                yield Occurrence(
                    at=last.at,
                    audit_id=last.audit_id,
                    document=correlation.name,
                    facts_key=_key(facts),
                    facts=facts,
                    parts=(occurrences, span.start, span.end),
                )


def occurred(signals: Iterable[Signal], window: Window) -> dict[str, list[Occurrence]]:
    """What happened in a window, by document, each occurrence once."""
    distinct: dict[Occurrence, None] = {}
    for signal in signals:
        if signal.last_seen < window.start or signal.first_seen >= window.end:
            continue
        facts_key = _key(signal.facts)
        for at, audit_id in signal.requests:
            if at in window:
                one = Occurrence(
                    at, audit_id, signal.document, facts_key, signal.facts, signal.partial
                )
                distinct.setdefault(one)
    by_document: defaultdict[str, list[Occurrence]] = defaultdict(list)
    for occurrence in distinct:
        by_document[occurrence.document].append(occurrence)
    return by_document


def _not_contained(
    together: Iterable[list[Hit]], by_name: Mapping[str, Correlation]
) -> Iterator[list[Hit]]:
    """The hits without those that a more severe one of the same detection says more about.

    A detection may look at the same rules by several groups: a pod was entered, and it was
    entered by whoever had made it. What has all their requests, and their rules, stands for both.
    """
    looks = [_Look.at(hits, by_name) for hits in together]
    by_request: defaultdict[tuple[str, Request], list[_Look]] = defaultdict(list)
    for look in looks:
        for request in look.requests:
            by_request[look.slug, request].append(look)
    for look in looks:
        rivals = by_request[look.slug, next(iter(look.requests))]
        if not any(look.is_part_of(other) for other in rivals):
            yield look.hits


@dataclass(frozen=True, slots=True)
class _Look:
    """What the hits of one group and period are about."""

    hits: list[Hit]
    slug: str
    severity: int
    rules: frozenset[str]
    requests: frozenset[Request]

    @classmethod
    def at(cls, hits: list[Hit], by_name: Mapping[str, Correlation]) -> "_Look":
        return cls(
            hits,
            hits[0].detection.slug,
            max(hit.correlation.severity for hit in hits),
            frozenset(name for hit in hits for name in _bases(hit.correlation, by_name)),
            frozenset(one.request for hit in hits for one in hit.occurrences),
        )

    def is_part_of(self, other: "_Look") -> bool:
        return (
            self.severity < other.severity
            and self.rules <= other.rules
            and self.requests <= other.requests
        )


def _between(
    occurrences: Sequence[Occurrence], first: datetime, last: datetime
) -> Sequence[Occurrence]:
    """Those of some occurrences in order of time that lie from one time to another."""
    start = bisect_left(occurrences, first, key=lambda one: one.at)
    return occurrences[start : bisect_right(occurrences, last, key=lambda one: one.at)]


def _hits(
    correlation: Correlation, detection: Detection, known: Occurrences, *, until: datetime
) -> Iterator[Hit]:
    """The periods in which a correlation held for a group, as far as that is known by a time."""
    for group, occurrences in known.groups(correlation).items():
        periods: defaultdict[int, list[Span]] = defaultdict(list)
        for span in spans(occurrences, correlation):
            if decided_at(occurrences, span, correlation) >= until:
                continue
            first_seen = earliest(occurrences, span.start, span.end)
            periods[_period(first_seen, detection)].append(span)
        for period, held in periods.items():
            yield Hit(
                correlation,
                detection,
                group,
                period,
                max(span.observed for span in held),
                tuple(_expanded(_covered(occurrences, held))),
                last_decided=decided_at(occurrences, held[-1], correlation),
            )


def _covered(occurrences: Sequence[Occurrence], held: Iterable[Span]) -> Iterator[Occurrence]:
    """The occurrences inside any of the spans, each once; starts and ends never go back."""
    done = 0
    for span in held:
        yield from occurrences[max(done, span.start) : span.end]
        done = max(done, span.end)


def _expanded(occurrences: Iterable[Occurrence]) -> Iterator[Occurrence]:
    """The occurrences of base documents behind these, those of chained correlations unfolded."""
    for occurrence in occurrences:
        if occurrence.parts is None:
            yield occurrence
        else:
            within, start, end = occurrence.parts
            yield from _expanded(within[start:end])


def _match(hits: Sequence[Hit]) -> Match:
    """One match of all correlations of a detection that held for a group in a period."""
    leading = min(hits, key=lambda hit: hit.rank)
    occurrences = sorted(
        {one for hit in hits for one in hit.occurrences}, key=lambda one: one.order
    )
    requests = dict.fromkeys(one.request for one in occurrences)
    audit_ids = dict.fromkeys(audit_id for _, audit_id in requests if audit_id)
    return Match(
        detection=leading.detection,
        document=leading.correlation.name,
        severity=leading.correlation.severity,
        reason=leading.correlation.name if len({hit.correlation.name for hit in hits}) > 1 else "",
        facts=_facts(leading, occurrences),
        evidence=_evidence(leading),
        samples=_samples(leading.detection, occurrences),
        count=len(requests),
        first_seen=occurrences[0].at,
        last_seen=occurrences[-1].at,
        audit_ids=tuple(audit_ids)[:MAX_AUDIT_IDS],
        partial="; ".join(sorted({one.partial for one in occurrences if one.partial})),
    )


def _facts(hit: Hit, occurrences: Sequence[Occurrence]) -> dict[str, Value]:
    """The facts that all share, those that differ as lists, the collected ones, the group."""
    values: defaultdict[str, dict[Value, None]] = defaultdict(dict)
    for facts in {one.facts_key: one.facts for one in occurrences}.values():
        for name, value in facts.items():
            if value is not None:
                values[name].setdefault(value)
    shared: dict[str, Value] = {
        name: next(iter(distinct)) if len(distinct) == 1 else _members(distinct)
        for name, distinct in values.items()
    }
    collected = {name: _members(values[name]) for name in hit.correlation.collect if name in values}
    group = {name: value for name, value in hit.group if value is not None}
    return {**shared, **collected, **group, "correlation.count": hit.observed}


def _members(values: Iterable[Value]) -> tuple[str, ...]:
    """Every distinct value as text, in the order of first appearance, at most 50."""
    members = (
        member for value in values for member in (value if isinstance(value, tuple) else (value,))
    )
    return tuple(dict.fromkeys(map(_text, members)))[:MAX_VALUES]


def _text(value: Value) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _evidence(hit: Hit) -> tuple[tuple[str, Value], ...]:
    correlation = hit.correlation
    within = duration(correlation.timespan_seconds)
    if correlation.kind == "temporal":
        return (("rules", correlation.rules), ("threshold", f"all within {within}"))
    if correlation.kind == "temporal_ordered":
        return (("rules", correlation.rules), ("threshold", f"in this order within {within}"))
    counted = "requests"
    if correlation.kind == "value_count":
        counted = f"distinct {', '.join(correlation.fields)}"
    if correlation.kind == "value_sum":
        counted = f"sum of {', '.join(correlation.fields)}"
    threshold = f"{WORDS[correlation.op]} {correlation.count} within {within}"
    return ((counted, hit.observed), ("threshold", threshold))


def duration(seconds: int) -> str:
    """A timespan as rules write it: 90s, 10m, 1h, 2d, in the largest unit that is whole."""
    for unit, length in (("d", 86_400), ("h", 3_600), ("m", 60)):
        if seconds >= length and seconds % length == 0:
            return f"{seconds // length}{unit}"
    return f"{seconds}s"


def _samples(
    detection: Detection, occurrences: Sequence[Occurrence]
) -> tuple[Mapping[str, Value], ...]:
    """The first nine requests and the last, with the fields that the detection shows."""
    first_of_each = list({one.request: one for one in reversed(occurrences)}.values())[::-1]
    shown = first_of_each[:FIRST_SAMPLES] + first_of_each[FIRST_SAMPLES:][-1:]
    return tuple(
        {
            "requestReceivedTimestamp": one.at.isoformat(timespec="microseconds"),
            "auditID": one.audit_id,
            **{name: one.facts[name] for name in detection.fields if name in one.facts},
        }
        for one in shown
    )


def _detection(correlation: Correlation, ruleset: Ruleset) -> Detection:
    """The detection that a correlation's matches carry, with a key that its group decides.

    A field outside the group differs from request to request, and a finding would get
    another ID with each late event: where the key names one, the group itself is the key.
    """
    detection = correlation.variant or ruleset.detection(correlation.detection)
    if set(detection.dedup) <= set(correlation.group_by):
        return detection
    return msgspec.structs.replace(detection, dedup=correlation.group_by)


def _group(occurrence: Occurrence, correlation: Correlation) -> Group:
    """The group of an occurrence; a list of one value is the same group as that value."""
    values = ((name, field_of(occurrence, name, correlation)) for name in correlation.group_by)
    return tuple(
        (name, value[0] if isinstance(value, tuple) and len(value) == 1 else value)
        for name, value in values
    )


def _period(at: datetime, detection: Detection) -> int:
    """The start of the deduplication period that a time falls in, in Unix seconds."""
    length = max(1, detection.dedup_seconds)
    return int(at.timestamp()) // length * length


def _reach(
    correlation: Correlation, by_name: Mapping[str, Correlation], above: tuple[str, ...]
) -> int:
    """Seconds that a correlation looks back, with the correlations it refers to."""
    if correlation.name in above:
        circle = " -> ".join([*above, correlation.name])
        raise ValueError(f"correlations refer to each other in a circle: {circle}")
    path = (*above, correlation.name)
    below = (_reach(by_name[rule], by_name, path) for rule in correlation.rules if rule in by_name)
    return correlation.timespan_seconds + max(below, default=0)


def _earlier(at: datetime, by: timedelta) -> datetime:
    """A time before another, or the first there is."""
    try:
        return at - by
    except OverflowError:
        return datetime.min.replace(tzinfo=at.tzinfo)


def _key(facts: Mapping[str, Value]) -> bytes:
    return msgspec.json.encode(facts, order="sorted")
