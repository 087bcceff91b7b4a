"""Where in a group's sequence of occurrences a correlation holds: exact sliding windows.

A window ends at the time of an occurrence and reaches back over the timespan, both ends
included. Every such window is judged, so the result does not depend on where event time is
cut, and an occurrence that arrives late changes exactly the windows it lies in.
"""

import operator
from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import groupby, pairwise
from typing import NamedTuple

from ekswatch.audit.event import Value
from ekswatch.rules.ruleset import Correlation

HOLDS = {
    "lt": operator.lt,
    "lte": operator.le,
    "gt": operator.gt,
    "gte": operator.ge,
    "eq": operator.eq,
    "neq": operator.ne,
}

LATEST = datetime.max.replace(tzinfo=UTC)

GROWING = ("gt", "gte")
"""Conditions that more requests never undo."""


class Span(NamedTuple):
    """Occurrences `start` to `end`, half open, for which a correlation holds.

    `observed` is the count that was compared, or the number of rules of a temporal one.
    """

    start: int
    end: int
    observed: int


@dataclass(frozen=True, slots=True)
class Occurrence:
    """A request for which one document held; ordered by time, then by content.

    `facts_key` stands for the facts in comparisons. An occurrence of a correlation has the
    occurrences that made it hold as `parts`.
    """

    at: datetime
    audit_id: str
    document: str
    facts_key: bytes
    facts: Mapping[str, Value] = field(compare=False)
    partial: str = ""
    parts: tuple[Sequence["Occurrence"], int, int] | None = field(default=None, compare=False)

    @property
    def since(self) -> datetime:
        """When the earliest of the requests behind this was made."""
        return earliest(*self.parts) if self.parts else self.at

    @property
    def order(self) -> tuple[datetime, str, str, bytes, str]:
        return (self.at, self.audit_id, self.document, self.facts_key, self.partial)

    @property
    def request(self) -> tuple[datetime, str]:
        """What makes two occurrences one request.

        The audit ID alone would not do, because a caller may choose it (header Audit-ID) and
        send the same one with every request.
        """
        return (self.at, self.audit_id)


def spans(occurrences: Sequence[Occurrence], correlation: Correlation) -> Iterator[Span]:
    """Each window for which the correlation holds, in order of its end.

    Shape: `occurrences` are those of one group, in order of time; starts never go back.
    """
    match correlation.kind:
        case "temporal":
            return _together(occurrences, correlation)
        case "temporal_ordered":
            return _in_order(occurrences, correlation)
        case "value_sum":
            return _summed(occurrences, correlation)
        case _ if correlation.is_absence:
            return _silences(occurrences, correlation)
        case _:
            return _counted(occurrences, correlation)


def earliest(occurrences: Sequence[Occurrence], start: int, end: int) -> datetime:
    """When the first request behind the occurrences of a range was made."""
    if occurrences[start].parts is None:
        return occurrences[start].at
    return min(one.since for one in occurrences[start:end])


def field_of(occurrence: Occurrence, name: str, correlation: Correlation) -> Value:
    """A field of an occurrence, under the name that its document has for it."""
    alias = correlation.aliases.get(name, {}).get(occurrence.document, name)
    return occurrence.facts.get(alias)


def _counted(occurrences: Sequence[Occurrence], correlation: Correlation) -> Iterator[Span]:
    """Windows whose number of requests, or of distinct values, meets the condition.

    Where the requests of one moment are enough, as for a threshold of one, the span is that
    moment: what came before is another case of its own.
    """
    holds = HOLDS[correlation.op]
    timespan = timedelta(seconds=correlation.timespan_seconds)
    seen: Counter[Hashable] = Counter()
    start = 0
    for first, end in _moments(occurrences):
        for entering in occurrences[first:end]:
            seen.update(_counted_values(entering, correlation))
        while occurrences[first].at - occurrences[start].at > timespan:
            for leaving in _counted_values(occurrences[start], correlation):
                seen[leaving] -= 1
                if not seen[leaving]:
                    del seen[leaving]
            start += 1
        if holds(len(seen), correlation.count):
            alone = {v for one in occurrences[first:end] for v in _counted_values(one, correlation)}
            enough = correlation.op in GROWING and holds(len(alone), correlation.count)
            yield Span(first if enough else start, end, len(seen))


def _counted_values(occurrence: Occurrence, correlation: Correlation) -> Iterable[Hashable]:
    """What an occurrence adds to a count: its request, or its values of the counted fields.

    Each member of a field with several values counts; an absent field does not.
    """
    if correlation.kind == "event_count":
        return (occurrence.request,)
    values = tuple(field_of(occurrence, name, correlation) for name in correlation.fields)
    if all(value is None for value in values):
        return ()
    if len(values) == 1 and isinstance(values[0], tuple):
        return values[0]
    return (values[0],) if len(values) == 1 else (values,)


def _summed(occurrences: Sequence[Occurrence], correlation: Correlation) -> Iterator[Span]:
    """Windows whose sum of a field's numbers meets the condition.

    Each value of `once_per` adds the largest of its numbers in the window; without it each
    request adds its own.
    """
    holds = HOLDS[correlation.op]
    timespan = timedelta(seconds=correlation.timespan_seconds)
    numbers: defaultdict[Hashable, Counter[int]] = defaultdict(Counter)
    total = start = 0
    for first, end in _moments(occurrences):
        for entering in occurrences[first:end]:
            total += _changed(numbers, entering, correlation, 1)
        while occurrences[first].at - occurrences[start].at > timespan:
            total += _changed(numbers, occurrences[start], correlation, -1)
            start += 1
        if holds(total, correlation.count):
            yield Span(start, end, total)


def _changed(
    numbers: dict[Hashable, Counter[int]], one: Occurrence, correlation: Correlation, by: int
) -> int:
    """How much a sum changes when an occurrence enters (1) or leaves (-1)."""
    number = _number(one, correlation)
    if number is None:
        return 0
    inside = numbers[_counted_once(one, correlation)]
    before = max(inside, default=0)
    inside[number] += by
    if not inside[number]:
        del inside[number]
    return max(inside, default=0) - before


def _number(one: Occurrence, correlation: Correlation) -> int | None:
    value = field_of(one, correlation.fields[0], correlation)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _counted_once(one: Occurrence, correlation: Correlation) -> Hashable:
    if not correlation.once_per:
        return one.request
    return tuple(field_of(one, name, correlation) for name in correlation.once_per)


def _silences(occurrences: Sequence[Occurrence], correlation: Correlation) -> Iterator[Span]:
    """The last moment before each stretch in which nothing came for longer than the timespan.

    The one that follows the last moment of all is among them: whether it is over the timespan
    by now is for the window under judgement to say (`decided_at`).
    """
    timespan = timedelta(seconds=correlation.timespan_seconds)
    moments = list(_moments(occurrences))
    for (first, end), (following, _) in pairwise([*moments, (len(occurrences), 0)]):
        if following == len(occurrences) or (
            occurrences[following].at - occurrences[first].at > timespan
        ):
            yield Span(first, end, 0)


def decided_at(occurrences: Sequence[Occurrence], span: Span, correlation: Correlation) -> datetime:
    """When it is known that a correlation holds: at the last request, or a timespan after it."""
    last = occurrences[span.end - 1].at
    if not correlation.is_absence:
        return last
    after = timedelta(seconds=correlation.timespan_seconds, microseconds=1)
    return last + after if LATEST - last > after else LATEST


def _together(occurrences: Sequence[Occurrence], correlation: Correlation) -> Iterator[Span]:
    """The tightest window, at each moment, that holds an occurrence of every rule."""
    timespan = timedelta(seconds=correlation.timespan_seconds)
    rules = set(correlation.rules)
    latest: dict[str, int] = {}
    for first, end in _moments(occurrences):
        for index in range(first, end):
            latest[occurrences[index].document] = index
        if rules <= latest.keys():
            start = _first_at(occurrences, min(latest[rule] for rule in rules))
            if occurrences[first].at - occurrences[start].at <= timespan:
                yield Span(start, end, len(rules))


def _in_order(occurrences: Sequence[Occurrence], correlation: Correlation) -> Iterator[Span]:
    """The tightest window, at each end of a chain, in which the rules follow each other.

    Each link of the chain is later than the one before, so one request is never two links.
    `starts[n]` is where the latest chain of the first n+1 rules begins.
    """
    timespan = timedelta(seconds=correlation.timespan_seconds)
    rules = correlation.rules
    starts: list[int | None] = [None] * len(rules)
    for first, end in _moments(occurrences):
        documents = {occurrence.document for occurrence in occurrences[first:end]}
        before = [first, *starts]
        for link, rule in enumerate(rules):
            if rule in documents and before[link] is not None:
                starts[link] = before[link]
        start = starts[-1]
        if rules[-1] not in documents or start is None:
            continue
        if occurrences[first].at - occurrences[start].at <= timespan:
            yield Span(start, end, len(rules))


def _moments(occurrences: Sequence[Occurrence]) -> Iterator[tuple[int, int]]:
    """Runs of occurrences at one time, as half-open ranges."""
    start = 0
    for _, same in groupby(occurrences, key=lambda occurrence: occurrence.at):
        end = start + sum(1 for _ in same)
        yield start, end
        start = end


def _first_at(occurrences: Sequence[Occurrence], index: int) -> int:
    """The first occurrence at the time of this one."""
    while index and occurrences[index - 1].at == occurrences[index].at:
        index -= 1
    return index
