"""Trial: an expression tried on one row of an event, test by test, with real values.

The engine stops at the first test that decides; here every test is made, so that a person sees
what held, what did not, and how many tests stand between a result and its opposite. Each test
is the engine's own function for it.
"""

import math
import re
from collections.abc import Iterator, Mapping
from functools import cached_property, partial
from typing import Any, Literal

import msgspec

from ekswatch.audit.event import Value
from ekswatch.rules.expression import Holds, evaluator, only
from ekswatch.rules.fields import Getter, Subject, getter
from ekswatch.rules.matcher.kept import Keeper
from ekswatch.rules.ruleset import And, Check, Expression, Not, Op, Or, Scalar, Use

EXPECTED_SHOWN = 20
"""Values of a test that are listed; a list may hold hundreds."""

VALUELESS: tuple[Op, ...] = ("null", "any", "empty", "exists")

WITH_WILDCARDS: tuple[Op, ...] = ("equals", "startswith", "endswith", "contains", "like")

_WILDCARDS = {"(?s:.*)": "*", "(?s:.)": "?"}


class Test(msgspec.Struct, frozen=True, tag="test", tag_field="node", omit_defaults=True):
    """One check and what came of it.

    Shape: `value` is what the event has, redacted and bounded as in a finding, None when absent.
    `expected` are the first values that would do, of `expected_count`; `met` is the one that
    did, and `members` those of several values of the event that met one.
    `other` is the value of the field that a comparison of two fields names.
    `error` says what the test raised; such a test does not hold.
    """

    __test__ = False  # nothing for pytest to collect

    field: str
    op: Op
    held: bool
    value: Value = None
    expected: tuple[Scalar, ...] = ()
    expected_count: int = 0
    lists: tuple[str, ...] = ()
    cased: bool = False
    met: Scalar | None = None
    members: tuple[str, ...] = ()
    other: Value = None
    error: str = ""


class Group(msgspec.Struct, frozen=True, tag="group", tag_field="node"):
    """All of, any of, or not its parts."""

    kind: Literal["all", "any", "not"]
    held: bool
    parts: "tuple[Node, ...]"


class Selection(msgspec.Struct, frozen=True, tag="selection", tag_field="node"):
    """A selection by its name, and what is in it."""

    name: str
    held: bool
    part: "Node"


Node = Test | Group | Selection


class Flip(msgspec.Struct, frozen=True):
    """A test that would have to come out otherwise: `wanted` is what it would have to be."""

    selection: str
    wanted: bool
    test: Test


class Comparison:
    """A check on a view, made once: how it reads, what it wants, what meets it."""

    def __init__(self, check: Check, view: str) -> None:
        self.check = check
        self.holds: Holds = evaluator(check, partial(getter, view=view))
        self.read: Getter = getter(check.field, view)
        self.other: Getter | None = None
        if check.op.startswith("fieldref"):
            self.other = getter(str(check.values[0]), view)
        self.expected = tuple(_readable(check, value) for value in check.values[:EXPECTED_SHOWN])
        self.is_of_values = self.other is None and check.op not in VALUELESS

    @cached_property
    def met_by(self) -> Holds:
        """Whether a value, wherever it came from, meets the check."""
        return evaluator(self.check, only)

    @cached_property
    def _each(self) -> tuple[tuple[Scalar, Holds], ...]:
        values = self.check.values
        one = (msgspec.structs.replace(self.check, values=(value,)) for value in values)
        return tuple((v, evaluator(c, only)) for v, c in zip(values, one, strict=True))

    def met(self, raw: Any) -> Scalar | None:
        """The first wanted value that a value meets; None where the check wants none by name."""
        if not self.is_of_values:
            return None
        found = next((value for value, holds in self._each if holds(raw)), None)
        return None if found is None else _readable(self.check, found)

    def members(self, raw: Any) -> list[Any]:
        """The members that meet the check, of a value that has several."""
        if not self.is_of_values or not isinstance(raw, list | tuple) or len(raw) < 2:
            return []
        return [member for member in raw if self.met_by(member)]


class Tester:
    """Tries expressions; keeps what it makes of each check, as many events need the same ones."""

    def __init__(self) -> None:
        self._keeper = Keeper()
        self._getters: dict[tuple[str, str], Getter] = {}
        self._comparisons: dict[tuple[str, Check], Comparison] = {}

    def tried(
        self,
        expression: Expression,
        selections: Mapping[str, Expression],
        view: str,
        subject: Subject,
    ) -> Node:
        """What came of every part of an expression on one row."""

        def node(part: Expression) -> Node:
            match part:
                case Check():
                    return self._test(part, view, subject)
                case Use(name):
                    inner = node(selections[name])
                    return Selection(name, inner.held, inner)
                case And(args):
                    parts = tuple(map(node, args))
                    return Group("all", all(each.held for each in parts), parts)
                case Or(args):
                    parts = tuple(map(node, args))
                    return Group("any", any(each.held for each in parts), parts)
                case Not(arg):
                    inner = node(arg)
                    return Group("not", not inner.held, (inner,))

        return node(expression)

    def value(self, field: str, view: str, subject: Subject) -> Value:
        """A field's value as a finding would keep it."""
        if (field, view) not in self._getters:
            self._getters[field, view] = getter(field, view)
        return self._keeper.keep(self._getters[field, view](subject))

    def _test(self, check: Check, view: str, subject: Subject) -> Test:
        try:
            return self._made(self._comparison(check, view), subject)
        except Exception as error:
            # The engine counts such a rule as failed on this event; here it is said where.
            said = str(self._keeper.keep(f"{type(error).__name__}: {error}"))
            return Test(check.field, check.op, held=False, lists=check.lists, error=said)

    def _made(self, comparison: Comparison, subject: Subject) -> Test:
        check, other = comparison.check, comparison.other
        held, raw = comparison.holds(subject), comparison.read(subject)
        return Test(
            field=check.field,
            op=check.op,
            held=held,
            value=self._keeper.keep(raw),
            expected=comparison.expected,
            expected_count=len(check.values),
            lists=check.lists,
            cased=check.cased,
            met=comparison.met(raw) if held else None,
            members=self._kept(comparison.members(raw)) if held else (),
            other=self._keeper.keep(other(subject)) if other else None,
        )

    def _kept(self, members: list[Any]) -> tuple[str, ...]:
        kept = self._keeper.keep(members)
        return tuple(dict.fromkeys(kept))[:EXPECTED_SHOWN] if isinstance(kept, tuple) else ()

    def _comparison(self, check: Check, view: str) -> Comparison:
        found = self._comparisons.get((view, check))
        if found is None:
            found = self._comparisons[view, check] = Comparison(check, view)
        return found


def flips(node: Node, *, wanted: bool = True) -> float:
    """How few tests would have to come out otherwise for a node to be as wanted.

    Zero when it is; infinite when no value of any field would do, as with an empty list. A
    selection that a condition names twice counts at each place.
    """
    match node:
        case Test(held=held):
            return int(held is not wanted)
        case Selection(part=part):
            return flips(part, wanted=wanted)
        case Group(kind="not", parts=(part,)):
            return flips(part, wanted=not wanted)
    costs = [flips(part, wanted=wanted) for part in node.parts]
    return sum(costs) if _needs_every(node, wanted) else min(costs, default=math.inf)


def deciding(node: Node, *, wanted: bool = True, selection: str = "") -> tuple[Flip, ...]:
    """The fewest tests that keep a node from being as wanted; the first such where several are."""
    match node:
        case Test(held=held):
            return () if held is wanted else (Flip(selection, wanted, node),)
        case Selection(name=name, part=part):
            return deciding(part, wanted=wanted, selection=name)
        case Group(kind="not", parts=(part,)):
            return deciding(part, wanted=not wanted, selection=selection)
    parts: tuple[Node, ...] = node.parts
    if parts and not _needs_every(node, wanted):
        parts = (min(parts, key=lambda part: flips(part, wanted=wanted)),)
    found = (deciding(part, wanted=wanted, selection=selection) for part in parts)
    return tuple(flip for each in found for flip in each)


def leaves(node: Node) -> Iterator[Test]:
    """Every test inside a node, in order."""
    match node:
        case Test():
            yield node
        case Selection(part=part):
            yield from leaves(part)
        case Group(parts=parts):
            for part in parts:
                yield from leaves(part)


def _needs_every(group: Group, wanted: bool) -> bool:
    return (group.kind == "all") is wanted


def _readable(check: Check, value: Scalar) -> Scalar:
    """A value as a detection writes it: wildcards as such, and literal stars escaped."""
    if not isinstance(value, str) or check.op not in WITH_WILDCARDS:
        return value
    if check.op != "like":
        return _literal(value)
    pieces = re.split(r"(\(\?s:\.\*?\))", value)
    return "".join(_WILDCARDS.get(p) or _literal(re.sub(r"\\(.)", r"\1", p)) for p in pieces)


def _literal(text: str) -> str:
    return re.sub(r"([*?])", r"\\\1", text)
