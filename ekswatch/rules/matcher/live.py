"""Live lists: values that change without a deployment, put in the place of compiled ones.

A compiled test knows the list that its values came from. Only what is compared as a whole can
be replaced: addresses and networks, texts and parts of texts. Tests whose values are mixed from
several lists stay as they were compiled.
"""

import difflib
import ipaddress
from collections.abc import Iterable, Iterator, Mapping

import msgspec

from ekswatch.rules.expression import checks
from ekswatch.rules.ruleset import And, Check, Expression, Filter, Not, Or, Rule, Ruleset

REPLACEABLE = frozenset({"equals", "startswith", "endswith", "contains", "cidr"})


def listed(ruleset: Ruleset) -> frozenset[str]:
    """The names of the lists that live values can replace."""
    found: set[str] = set()
    for expression in _expressions(ruleset):
        found |= {check.lists[0] for check in checks(expression) if _is_replaceable(check)}
    return frozenset(found)


def not_live(ruleset: Ruleset, names: Iterable[str]) -> Iterator[str]:
    """What to say of names that live values could not replace."""
    known = listed(ruleset)
    for name in sorted(set(names) - known):
        near = difflib.get_close_matches(name, known, 1)
        hint = f"did you mean {near[0]}?" if near else "take one that a detection compares with"
        yield f"no detection uses a list {name!r} that can be live, {hint}"


def with_lists(ruleset: Ruleset, lists: Mapping[str, Iterable[str]]) -> Ruleset:
    """The ruleset with other values for these lists; its hash says so.

    Values that a test cannot use, as a network that is none, are left out.
    """
    values = {name: tuple(dict.fromkeys(given)) for name, given in lists.items()}
    return msgspec.structs.replace(
        ruleset,
        rules=tuple(_rule(rule, values) for rule in ruleset.rules),
        filters=tuple(_filter(each, values) for each in ruleset.filters),
    ).sealed()


def _rule(rule: Rule, values: Mapping[str, tuple[str, ...]]) -> Rule:
    selections = {name: _replaced(each, values) for name, each in rule.selections.items()}
    return msgspec.structs.replace(rule, selections=selections)


def _filter(each: Filter, values: Mapping[str, tuple[str, ...]]) -> Filter:
    selections = {name: _replaced(one, values) for name, one in each.selections.items()}
    return msgspec.structs.replace(each, selections=selections)


def _replaced(expression: Expression, values: Mapping[str, tuple[str, ...]]) -> Expression:
    match expression:
        case And(args):
            return And(tuple(_replaced(arg, values) for arg in args))
        case Or(args):
            return Or(tuple(_replaced(arg, values) for arg in args))
        case Not(arg):
            return Not(_replaced(arg, values))
        case Check() if _is_replaceable(expression) and expression.lists[0] in values:
            fitting = tuple(_fitting(expression, values[expression.lists[0]]))
            return msgspec.structs.replace(expression, values=fitting)
    return expression


def _is_replaceable(check: Check) -> bool:
    return len(check.lists) == 1 and check.op in REPLACEABLE


def _fitting(check: Check, given: Iterable[str]) -> Iterator[str]:
    for value in given:
        if check.op != "cidr":
            yield value if check.cased else value.lower()
        elif is_network(value):
            yield value


def is_network(text: str) -> bool:
    """Whether a text is an address or a network without host bits."""
    try:
        ipaddress.ip_network(text)
    except ValueError:
        return False
    return True


def _expressions(ruleset: Ruleset) -> Iterator[Expression]:
    for rule in ruleset.rules:
        yield from rule.selections.values()
    for each in ruleset.filters:
        yield from each.selections.values()
