"""Screen: the tests of many rules at once, as bitsets.

What a rule asks for falls into parts that must all hold. Parts of many rules that read the
same fields make a column: it remembers per value one integer, in which bit i says that rule i
is still possible. A rule without a part in a column keeps its bit.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from operator import itemgetter
from typing import Any

from ekswatch.audit.event import AuditEvent
from ekswatch.audit.memory import Memory
from ekswatch.audit.views import View
from ekswatch.audit.vocabulary import is_header
from ekswatch.rules.expression import KEYWORDS, Holds, evaluator, fields_of, itself, only
from ekswatch.rules.fields import Getter, Subject
from ekswatch.rules.matcher.profile import is_steady
from ekswatch.rules.ruleset import Check, Expression, Not, Or

MEMO_ENTRIES = 512
"""Values remembered per column. The recorded log needs less than 300."""

MEMO_CHARACTERS = 256
MEMO_MEMBERS = 32
"""Longer values are judged again each time, so that no event can fill the memory."""

COLUMN_FIELDS = 5
"""A part that reads more fields than this is judged each time, unless the profile decides it;
so is one that reads a path of a body."""

EARLY_FIELDS = (
    *("objectRef.resource", "verb", "verb.class", "objectRef.subresource", "resource"),
    *("outcome", "responseStatus.code", "actor.kind", "objectRef.apiGroup"),
)
"""Fields of few values, read first."""

NOTHING_KNOWN = (0, 0)
"""Of a value no part was judged, and none does not hold."""

Failed = Callable[[str, AuditEvent, Exception], None]
"""Told of the document that raised, the event, and what."""

Part = tuple[str, int, Expression]
"""Name and bit of a rule, and something that must hold for it."""


class Screen:
    """Columns over parts of rules, in the order in which they are cheapest to ask.

    Where reading a field or a test raises, the rule is out for this event and `failed` is told.
    """

    def __init__(self, parts: Iterable[Part], getter: Callable[[str], Getter]) -> None:
        found: defaultdict[object, list[Part]] = defaultdict(list)
        for part in parts:
            found[_place(part[2])].append(part)
        columns = (Column(group, getter) for group in found.values())
        self._columns = tuple(sorted(columns, key=_rank))
        self.constrained = 0
        """The bits that some column can take."""
        for column in self._columns:
            self.constrained |= column.constrained

    def passing(self, subject: Subject, alive: int, failed: Failed) -> int:
        """Those of the bits `alive` for which all parts hold."""
        for column in self._columns:
            if alive & column.constrained:
                alive &= column.passing(subject, alive, failed)
        return alive


def _place(part: Expression) -> object:
    """What parts of one column have in common: their fields, or all of it if it is alone."""
    fields = _fields(part)
    few = len(fields) <= COLUMN_FIELDS and all(map(is_typed, fields))
    return fields if few or all(map(is_steady, fields)) else part


def is_typed(field: str) -> bool:
    """Whether a field has values of one type: in a body 1, 1.0 and true may stand, which are one
    key of a memory, and three values to a rule."""
    return not field.startswith(("requestObject.", "responseObject."))


def _fields(part: Expression) -> tuple[str, ...]:
    return tuple(sorted(fields_of(part)))


class Column:
    """The parts of rules that read the same fields, and the memory of their answers.

    A part is judged when the first event with a value comes whose rule is still possible then,
    so that values which nobody asks about cost nothing. What compares one field with texts is
    looked up for all rules at once. A part of many fields is judged on each subject.
    """

    __slots__ = (
        *("_index", "_inside", "_known", "_memo", "_parts", "_read", "_tests"),
        *("constrained", "fields", "remembers"),
    )

    def __init__(self, parts: Sequence[Part], getter: Callable[[str], Getter]) -> None:
        self.fields = _fields(parts[0][2])
        self.remembers = _place(parts[0][2]) == self.fields
        """Whether answers are kept by value."""
        self.constrained = 0
        self._read: Callable[[Subject], Any] = itself
        self._inside: Callable[[str], Callable[[Any], Any]] = getter
        if self.remembers:
            self._read = _reader(self.fields, getter)
            self._inside = _value_of(self.fields)
        by_bit: defaultdict[int, list[Part]] = defaultdict(list)
        for part in parts:
            by_bit[part[1]].append(part)
            self.constrained |= part[1]
        alone = [same[0] for same in by_bit.values() if len(same) == 1 and self.remembers]
        self._index = Index(alone)
        self._parts = by_bit
        self._tests: dict[int, tuple[str, tuple[Holds, ...]]] = {}
        """Made when they are first needed: most of them never are."""
        self._memo: Memory[Any, tuple[int, int]] = Memory(MEMO_ENTRIES)
        self._known = self._memo.get if self.remembers else _nothing

    def __len__(self) -> int:
        """How many values are remembered."""
        return len(self._memo)

    def passing(self, subject: Subject, alive: int, failed: Failed) -> int:
        """The bits that this subject's value leaves possible, of those that are `alive`."""
        try:
            value = self._read(subject)
        except Exception as error:
            # A fact that cannot be computed fails the rules that need it, on this event only.
            for bit in bits_of(alive & self.constrained):
                failed(self._name(bit), subject.event, error)
            return ~self.constrained
        tested, out = self._known(value) or NOTHING_KNOWN
        asked = alive & self.constrained & ~tested
        if asked:
            if asked & self._index.constrained:
                asked |= self._index.constrained
                out |= self._index.out(value)
            false, broken = self._out(value, asked & ~self._index.constrained, subject, failed)
            if self.remembers:
                self._remember(value, tested | (asked & ~broken), out | false)
            out |= false | broken
        return ~out

    def _out(self, value: Any, asked: int, subject: Subject, failed: Failed) -> tuple[int, int]:
        """Of the bits asked for: those whose parts do not hold, and those that raised."""
        false = broken = 0
        for bit in bits_of(asked):
            name, tests = self._tests.get(bit) or self._made(bit)
            try:
                for holds in tests:
                    if not holds(value):
                        false |= bit
                        break
            except Exception as error:
                # One broken rule must not lose the batch: it is counted, and alarmed on.
                broken |= bit
                failed(name, subject.event, error)
        return false, broken

    def _remember(self, value: Any, tested: int, out: int) -> None:
        if is_short(value):
            self._memo.put(value, (tested, out))

    def _made(self, bit: int) -> tuple[str, tuple[Holds, ...]]:
        parts = self._parts[bit]
        tests = tuple(evaluator(part, self._inside) for _, _, part in parts)
        made = self._tests[bit] = (self._name(bit), tests)
        return made

    def _name(self, bit: int) -> str:
        return self._parts[bit][0][0]


class Index:
    """Comparisons of one field with texts: from a text to the rules that it is out for.

    Shape: of rules, each with one part; those it cannot hold are left alone.
    """

    __slots__ = ("_equal", "_unequal", "_wanting", "constrained")

    def __init__(self, parts: Iterable[Part]) -> None:
        self.constrained = self._wanting = 0
        self._equal: dict[str, int] = {}
        """By text, the rules that want it."""
        self._unequal: dict[str, int] = {}
        """By text, the rules that want anything else."""
        for _, bit, part in parts:
            check = part.arg if isinstance(part, Not) else part
            if not isinstance(check, Check) or not _is_plain(check):
                continue
            self.constrained |= bit
            self._wanting |= 0 if isinstance(part, Not) else bit
            index = self._unequal if isinstance(part, Not) else self._equal
            for text in check.values:
                index[str(text)] = index.get(str(text), 0) | bit

    def out(self, value: Any) -> int:
        """The bits of the rules whose part does not hold for the value."""
        wanted = unwanted = 0
        for text in value if isinstance(value, tuple) else (value,):
            if isinstance(text, str):
                lower = text.lower()
                wanted |= self._equal.get(lower, 0)
                unwanted |= self._unequal.get(lower, 0)
        return (self._wanting & ~wanted) | unwanted


def _is_plain(check: Check) -> bool:
    texts = all(isinstance(value, str) for value in check.values)
    return check.op == "equals" and not check.cased and texts and check.field != KEYWORDS


def _nothing(value: Any) -> None:
    """What a column knows of a value that does not remember any."""


def bits_of(mask: int) -> Iterator[int]:
    """The bits that are set, lowest first."""
    while mask:
        bit = mask & -mask
        yield bit
        mask ^= bit


def _rank(column: Column) -> tuple[bool, bool, int, int, int, tuple[str, ...]]:
    first = column.fields[0] if column.fields else ""
    early = EARLY_FIELDS.index(first) if first in EARLY_FIELDS else len(EARLY_FIELDS)
    return (
        not all(field != KEYWORDS and is_header(field) for field in column.fields),
        not column.remembers,
        early,
        len(column.fields),
        -column.constrained.bit_count(),
        column.fields,
    )


def _reader(fields: Sequence[str], getter: Callable[[str], Getter]) -> Callable[[Subject], Any]:
    """The function that reads the field's value, or a tuple of the values of all fields."""
    getters = [getter(field) for field in fields]
    if len(fields) == 1:
        return getters[0]
    if not fields or KEYWORDS in fields:
        return lambda subject: tuple([get(subject) for get in getters])
    return itemgetter(*fields)


def _value_of(fields: tuple[str, ...]) -> Callable[[str], Callable[[Any], Any]]:
    """How a test finds a field's value in what a column has read."""
    if len(fields) == 1:
        return only
    return lambda field: itemgetter(fields.index(field))


def is_short(value: Any) -> bool:
    """Whether a value may be remembered."""
    size = len(value) if type(value) is str else _size(value)
    return size <= MEMO_CHARACTERS


def _size(value: Any) -> int:
    """Characters of all texts; a member of a tuple counts as some more."""
    if isinstance(value, str):
        return len(value)
    if not isinstance(value, tuple):
        return 0
    size = MEMO_CHARACTERS // MEMO_MEMBERS * len(value)
    for member in value:
        if isinstance(member, str):
            size += len(member)
        elif isinstance(member, tuple):
            size += _size(member)
    return size


def needs(view: View) -> tuple[Expression, ...]:
    """What the header of an event must have for the view to have rows.

    Added to every rule on it, so that rules on pods are not asked about leases. A record that
    lost its object reference is let through.
    """
    found: list[Expression] = []
    if view.verbs:
        found.append(Check("verb", "equals", view.verbs))
    if view.resources:
        absent = Check("objectRef.resource", "null")
        found.append(Or((absent, Check("objectRef.resource", "equals", view.resources))))
    if view.subresources:
        absent = Check("objectRef.subresource", "null")
        found.append(Or((absent, Check("objectRef.subresource", "equals", view.subresources))))
    return tuple(found)
