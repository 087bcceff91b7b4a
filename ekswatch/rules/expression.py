"""Expressions taken apart for the header, and turned into functions for the rest."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from ekswatch.rules.predicate import predicate, references
from ekswatch.rules.ruleset import And, Check, Expression, Not, Or, Use

Source = Any
"""Where a getter finds a field's value: an event and its row, or the values of a column."""

Holds = Callable[[Source], bool]

KEYWORDS = ""
"""The field of a check for keywords."""


def inlined(expression: Expression, selections: Mapping[str, Expression]) -> Expression:
    """The expression with every selection written out."""
    match expression:
        case Use(selection):
            return inlined(selections[selection], selections)
        case And(args):
            return And(tuple(inlined(arg, selections) for arg in args))
        case Or(args):
            return Or(tuple(inlined(arg, selections) for arg in args))
        case Not(arg):
            return Not(inlined(arg, selections))
    return expression


def split(expression: Expression) -> Iterator[Expression]:
    """Expressions that must all hold for this one to hold; as many and as small as possible."""
    match expression:
        case And(args):
            for arg in args:
                yield from split(arg)
        case Or((arg,)):
            yield from split(arg)
        case Not(Or(args)):
            for arg in args:
                yield from split(Not(arg))
        case Not(And((arg,))):
            yield from split(Not(arg))
        case Not(Not(arg)):
            yield from split(arg)
        case _:
            yield expression


ALWAYS = And(())
NEVER = Or(())


def implied(expression: Expression, keep: Callable[[str], bool]) -> Expression:
    """Something over the kept fields alone that holds whenever the expression holds.

    What it says of other fields is left open; `ALWAYS` where nothing is left.
    """
    return _bound(expression, keep, open_=ALWAYS)


def _bound(expression: Expression, keep: Callable[[str], bool], *, open_: Expression) -> Expression:
    """The expression with tests of other fields taken for `open_`, simplified."""
    match expression:
        case Not(arg):
            other = NEVER if open_ == ALWAYS else ALWAYS
            inner = _bound(arg, keep, open_=other)
            if inner in (ALWAYS, NEVER):
                return NEVER if inner == ALWAYS else ALWAYS
            return Not(inner)
        case And(args):
            parts = tuple(_bound(arg, keep, open_=open_) for arg in args)
            left = tuple(part for part in parts if part != ALWAYS)
            return NEVER if NEVER in left else And(left)
        case Or(args):
            parts = tuple(_bound(arg, keep, open_=open_) for arg in args)
            left = tuple(part for part in parts if part != NEVER)
            return ALWAYS if ALWAYS in left else Or(left)
    return expression if all(map(keep, fields_of(expression))) else open_


def checks(expression: Expression) -> Iterator[Check]:
    """Every check inside an expression, in order; selections are not followed."""
    match expression:
        case Check():
            yield expression
        case And(args) | Or(args):
            for arg in args:
                yield from checks(arg)
        case Not(arg):
            yield from checks(arg)


def uses(expression: Expression) -> Iterator[tuple[str, bool]]:
    """Every selection an expression names, and whether it counts there by holding."""
    match expression:
        case Use(selection):
            yield selection, True
        case And(args) | Or(args):
            for arg in args:
                yield from uses(arg)
        case Not(arg):
            for name, positive in uses(arg):
                yield name, not positive


def fields_of(expression: Expression) -> tuple[str, ...]:
    """The fields an expression reads, once each, in order; `KEYWORDS` is one of them."""
    names: dict[str, None] = {}
    for check in checks(expression):
        names[check.field] = None
        if check.op.startswith("fieldref"):
            names[str(check.values[0])] = None
    return tuple(names)


def itself(source: Source) -> Any:
    """How a field is read from a source that is its value."""
    return source


def only(_: str) -> Callable[[Source], Any]:
    """The getter of every field, where a source is the value of one."""
    return itself


def evaluator(expression: Expression, getter: Callable[[str], Callable[[Source], Any]]) -> Holds:
    """The function that says whether an expression without selections holds.

    `getter` gives, for a field, the function that reads it from a source.
    """
    match expression:
        case Check():
            return _of_check(expression, getter)
        case And((only,)) | Or((only,)):
            return evaluator(only, getter)
        case And(args):
            return _every(tuple(evaluator(arg, getter) for arg in args))
        case Or(args):
            return _some(tuple(evaluator(arg, getter) for arg in args))
        case Not(arg):
            part = evaluator(arg, getter)
            return lambda source: not part(source)
    raise TypeError(f"{expression!r} must be written out first")


def _every(parts: tuple[Holds, ...]) -> Holds:
    def holds(source: Source) -> bool:
        for part in parts:  # noqa: SIM110 - all() with a generator costs twice as much here
            if not part(source):
                return False
        return True

    return holds


def _some(parts: tuple[Holds, ...]) -> Holds:
    def holds(source: Source) -> bool:
        for part in parts:  # noqa: SIM110 - as in _every
            if part(source):
                return True
        return False

    return holds


def _of_check(check: Check, getter: Callable[[str], Callable[[Source], Any]]) -> Holds:
    read = getter(check.field)
    related = references(check)
    if related is None:
        holds = predicate(check)
        return holds if read is itself else lambda source: holds(read(source))
    read_other = getter(str(check.values[0]))
    return lambda source: related(read(source), read_other(source))
