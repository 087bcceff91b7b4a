"""Branches: the ways in which an expression can hold, each a list of tests that must all come out.

`lint` reasons on them: whether some way is possible at all, what every way requires, what a
way rests on. Only single values are reasoned about; a field with several members may meet
tests that exclude each other.
"""

import math
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, product
from typing import Any

import msgspec

from ekswatch.audit.vocabulary import lookup
from ekswatch.rules.expression import KEYWORDS, evaluator
from ekswatch.rules.ruleset import And, Check, Expression, Not, Or, Scalar, Use

MAX_BRANCHES = 2_000
"""More ways than this are not listed: nothing is said about such an expression."""

MAX_COMPARISONS = 2_000_000
"""Values of lists, times what they are compared with; beyond that all are taken for possible."""

Candidate = Scalar | None
"""A value that a field may have; None when it is absent."""


@dataclass(frozen=True, slots=True)
class Demand:
    """A check, and whether it must hold or must not."""

    check: Check
    holds: bool


Branch = tuple[Demand, ...]


class TooMany(Exception):  # noqa: N818 - says what there is
    """An expression can hold in more ways than are listed."""


def branches(expression: Expression) -> tuple[Branch, ...]:
    """The ways in which an expression without selections can hold; none when it cannot.

    A way may still ask for what excludes itself, see `contradiction`.
    Raises: TooMany.
    """
    return tuple(_ways(expression, holds=True))


def _ways(expression: Expression, *, holds: bool) -> list[Branch]:
    match expression:
        case Check():
            return [(Demand(msgspec.structs.replace(expression, lists=()), holds),)]
        case Not(arg):
            return _ways(arg, holds=not holds)
        case And(args):
            parts = [_ways(arg, holds=holds) for arg in args]
            return _every(parts) if holds else _any(parts)
        case Or(args):
            parts = [_ways(arg, holds=holds) for arg in args]
            return _any(parts) if holds else _every(parts)
        case Use():
            raise TypeError(f"{expression!r} must be written out first")


def _any(parts: Sequence[list[Branch]]) -> list[Branch]:
    return _bounded([branch for part in parts for branch in part])


def _every(parts: Sequence[list[Branch]]) -> list[Branch]:
    if math.prod(map(len, parts)) > MAX_BRANCHES:
        raise TooMany
    return [tuple(dict.fromkeys(chain.from_iterable(way))) for way in product(*parts)]


def _bounded(ways: list[Branch]) -> list[Branch]:
    if len(ways) > MAX_BRANCHES:
        raise TooMany
    return ways


def possible(expression: Expression, view: str) -> bool:
    """Whether some way of an expression without selections asks for nothing impossible.

    Raises: TooMany.
    """
    return any(not contradiction(branch, view) for branch in branches(expression))


def contradiction(branch: Branch, view: str) -> str:
    """Why no event can meet all tests of a branch, or an empty string."""
    by_field: dict[str, list[Demand]] = defaultdict(list)
    for test in branch:
        by_field[test.check.field].append(test)
    for field, tests in by_field.items():
        if len(tests) > 1 and any(Demand(each.check, not each.holds) in tests for each in tests):
            return f"{_name(field)} must meet a test and fail it"
        values = candidates(branch, field, view) if len(tests) > 1 else None
        if values is not None and not values:
            return f"no value of {_name(field)} meets all its tests"
    return ""


def candidates(branch: Branch, field: str, view: str) -> frozenset[Candidate] | None:
    """The values of a field that meet all its tests in a branch; None when they are not finite.

    Text is in lower case, as tests without case have it.
    """
    tests = [test for test in branch if test.check.field == field]
    if field == KEYWORDS or not _is_single(field, view):
        return None
    finite = [found for test in tests if (found := _finite(test)) is not None]
    if not finite:
        return None
    judges = [(test.holds, judge) for test in tests if (judge := _judge(test.check)) is not None]
    values = frozenset.intersection(*finite)
    if len(values) * sum(len(test.check.values) for test in tests) > MAX_COMPARISONS:
        return values
    return frozenset(
        value for value in values if all(judge(value) is holds for holds, judge in judges)
    )


def is_present(branch: Branch, field: str) -> bool:
    """Whether a branch asks that a field have a value."""
    tests = (test for test in branch if test.check.field == field)
    judges = ((test.holds, judge) for test in tests if (judge := _judge(test.check)) is not None)
    return any(judge(None) is not holds for holds, judge in judges)


def fields_in(branch: Branch) -> Iterator[str]:
    """The fields of a branch, once each."""
    yield from dict.fromkeys(test.check.field for test in branch)


def _is_single(field: str, view: str) -> bool:
    known = lookup(field, view)
    return known is not None and known.type in ("string", "int", "bool")


def _finite(test: Demand) -> frozenset[Candidate] | None:
    """The only values that can meet a test, None when there are too many to say."""
    check, holds = test.check, test.holds
    if check.op == "equals" and holds:
        return frozenset(_lower(value) for value in check.values)
    absent = (check.op == "null" and holds) or (
        check.op == "exists" and bool(check.values[0]) is not holds
    )
    return frozenset({None}) if absent else None


def _lower(value: Scalar) -> Scalar:
    return value.lower() if isinstance(value, str) else value


def _judge(check: Check) -> Callable[[Any], bool] | None:
    """The test of a value on its own; None where another field, or the case, has a say."""
    if check.op.startswith("fieldref") or check.cased:
        return None
    return evaluator(check, lambda _: lambda value: value)


def _name(field: str) -> str:
    return field or "a keyword"
