"""Screen: the header tests of many rules at once, as bitsets.

For each header field, or few fields that are tested together, a column remembers per value
one integer, in which bit i says that rule i is still possible. A rule without a test of the
column keeps its bit.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from operator import attrgetter
from typing import Any

from ekswatch.audit.event import AuditEvent
from ekswatch.audit.resources import WORKLOADS
from ekswatch.audit.vocabulary import is_header, reader
from ekswatch.rules.expression import KEYWORDS, Holds, evaluator, fields_of, split
from ekswatch.rules.ruleset import Check, Expression, Or

MEMO_ENTRIES = 4_096
"""Values remembered per column; when it is full it is emptied, as attackers choose the values."""

MEMO_CHARACTERS = 256
MEMO_MEMBERS = 32
"""Longer values are judged again each time, so that no event can fill the memory."""

COLUMN_FIELDS = 3
"""A test of more header fields than this is left over."""

EARLY_FIELDS = ("outcome", "responseStatus.code", "actor.kind")
"""Fields of few values, read before those that most rules test."""

LEADING = attrgetter("verb", "objectRef.resource", "objectRef.subresource", "objectRef.apiGroup")
LEADING_FIELDS = frozenset(
    {
        *("verb", "verb.class", "resource"),
        *("objectRef.resource", "objectRef.subresource", "objectRef.apiGroup"),
    }
)
"""What the four leading values decide alone: one look-up for all columns of these fields."""

Failed = Callable[[str, AuditEvent, Exception], None]
"""Told of the document that raised, the event, and what."""

Test = tuple[int, str, Holds]
"""Bit and name of a rule, and its test of a column's value."""


def header_split(
    expression: Expression,
) -> tuple[list[tuple[tuple[str, ...], Expression]], list[Expression]]:
    """What must hold for an expression to hold: (header fields, part) pairs, and what is left."""
    header, left = [], []
    for part in split(expression):
        fields = tuple(sorted(fields_of(part)))
        if 0 < len(fields) <= COLUMN_FIELDS and all(map(_is_header, fields)):
            header.append((fields, part))
        else:
            left.append(part)
    return header, left


def _is_header(field: str) -> bool:
    return field != KEYWORDS and is_header(field)


class Screen:
    """Columns over the header parts of named expressions; bit i stands for the i-th.

    Events that lost a fact, because computing it raised, are out for the rules that need it,
    and `failed` is told.
    """

    def __init__(
        self, parts: Iterable[tuple[str, Iterable[tuple[tuple[str, ...], Expression]]]]
    ) -> None:
        tests: dict[tuple[str, ...], list[Test]] = {}
        self.every = 0
        for index, (name, header) in enumerate(parts):
            self.every |= 1 << index
            for fields, expression in header:
                holds = evaluator(expression, _column_getter(fields))
                tests.setdefault(fields, []).append((1 << index, name, holds))
        made = sorted((Column(*each) for each in tests.items()), key=_rank)
        self.leading = tuple(each for each in made if LEADING_FIELDS.issuperset(each.fields))
        self.others = tuple(each for each in made if each not in self.leading)
        self._memo: dict[tuple[str, ...], int] = {}

    def possible(self, event: AuditEvent, failed: Failed) -> int:
        """The bits that the event's header leaves possible."""
        key = LEADING(event)
        bits = self._memo.get(key)
        if bits is None:
            bits = self._led(key, event, failed)
        for column in self.others:
            if bits & column.constrained:
                bits &= column.possible(event, failed)
        return bits

    def _led(self, key: tuple[str, ...], event: AuditEvent, failed: Failed) -> int:
        bits = self.every
        for column in self.leading:
            bits &= column.possible(event, failed)
        if all(len(text) <= MEMO_CHARACTERS for text in key):
            if len(self._memo) >= MEMO_ENTRIES:
                self._memo.clear()
            self._memo[key] = bits
        return bits


class Column:
    """The tests of the same header fields, and the memory of their answers."""

    __slots__ = ("_memo", "_read", "_tests", "constrained", "fields")

    def __init__(self, fields: tuple[str, ...], tests: Sequence[Test]) -> None:
        self.fields = fields
        self._read = _column_reader(fields)
        self._tests = tuple(tests)
        self._memo: dict[Any, int] = {}
        self.constrained = 0
        for bit, _, _ in tests:
            self.constrained |= bit

    def __len__(self) -> int:
        """How many values are remembered."""
        return len(self._memo)

    def possible(self, event: AuditEvent, failed: Failed) -> int:
        """The rules that this event leaves possible; bits of other rules are set."""
        try:
            value = self._read(event)
        except Exception as error:
            # A fact that cannot be computed fails the rules that need it, on this event only.
            for _, name, _ in self._tests:
                failed(name, event, error)
            return ~self.constrained
        bits = self._memo.get(value)
        return self._judged(value, event, failed) if bits is None else bits

    def _judged(self, value: Any, event: AuditEvent, failed: Failed) -> int:
        bits, broken = -1, False
        for bit, name, holds in self._tests:
            try:
                if not holds(value):
                    bits &= ~bit
            except Exception as error:
                # One broken rule must not lose the batch: it is counted, and alarmed on.
                bits, broken = bits & ~bit, True
                failed(name, event, error)
        if not broken and _is_short(value):
            if len(self._memo) >= MEMO_ENTRIES:
                self._memo.clear()
            self._memo[value] = bits
        return bits


def _rank(column: Column) -> tuple[int, int, int, tuple[str, ...]]:
    first = column.fields[0]
    early = EARLY_FIELDS.index(first) if first in EARLY_FIELDS else len(EARLY_FIELDS)
    return (len(column.fields), early, -column.constrained.bit_count(), column.fields)


def _column_reader(fields: tuple[str, ...]) -> Callable[[AuditEvent], Any]:
    readers = [reader(field) for field in fields]
    if len(readers) == 1:
        return readers[0]
    return lambda event: tuple([read(event) for read in readers])


def _column_getter(fields: tuple[str, ...]) -> Callable[[str], Callable[[Any], Any]]:
    if len(fields) == 1:
        return lambda _: lambda value: value
    return lambda field: partial(_nth, fields.index(field))


def _nth(index: int, values: Sequence[Any]) -> Any:
    return values[index]


def _is_short(value: Any) -> bool:
    return not isinstance(value, str | tuple) or sum(_sizes(value)) <= MEMO_CHARACTERS


def _sizes(value: Any) -> Iterator[int]:
    if isinstance(value, str):
        yield len(value)
    elif isinstance(value, tuple):
        yield MEMO_CHARACTERS // MEMO_MEMBERS * len(value)
        for member in value:
            yield from _sizes(member)


def _written(*resources: str, subresources: tuple[str, ...] = ()) -> tuple[Expression, ...]:
    """What the header of an event must have for a view of written objects to have rows."""
    absent = Check("objectRef.resource", "null")
    whole = Check("objectRef.subresource", "null")
    return (
        Or((absent, Check("objectRef.resource", "equals", resources))),
        Or((whole, Check("objectRef.subresource", "equals", subresources))),
    )


_PODS = _written(*WORKLOADS, subresources=("ephemeralcontainers",))

VIEW_NEEDS: Mapping[str, tuple[Expression, ...]] = {
    "pod": _PODS,
    "container": _PODS,
    "volume": _written(*WORKLOADS, "persistentvolumes", subresources=("ephemeralcontainers",)),
    "grant": _written("roles", "clusterroles"),
    "subject": _written("rolebindings", "clusterrolebindings"),
    "webhook": _written("mutatingwebhookconfigurations", "validatingwebhookconfigurations"),
    "service": _written("services"),
    "command": (
        Or(
            (
                Check("objectRef.resource", "null"),
                Check("objectRef.resource", "equals", ("pods",)),
            )
        ),
    ),
}
"""Header tests without which a view has no rows, added to every rule on it: rules on pods
need not be asked about leases. A record that lost its object reference is let through."""
