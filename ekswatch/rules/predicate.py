"""What a check means for a value: the comparison half of Sigma, as plain functions.

A field is absent, holds one value, or holds several, of which any may match. Absent and
without members are the same. Types never mix: a number only equals a number, and true only
true. Text compares without case unless the check is cased.
"""

import ipaddress
import operator
from collections.abc import Callable, Collection
from datetime import datetime
from functools import lru_cache
from typing import Any

from ekswatch.audit.event import moment
from ekswatch.rules.regex import Pattern, compiled, finds
from ekswatch.rules.ruleset import Check

Predicate = Callable[[Any], bool]
"""Of a field's value: None, a scalar, a sequence of them, or part of a body."""

Member = Callable[[Any], bool]
"""Of one member that is not None."""

ADDRESS_CHARACTERS = 64
"""A longer text is read again each time; no address has so many, but its zone may."""


def predicate(check: Check) -> Predicate:
    """The test of one field's value. Raises KeyError for comparisons of two fields."""
    match check.op:
        case "null":
            return lambda value: not has_member(value)
        case "exists":
            return _exists if check.values[0] else lambda value: not has_member(value)
        case "empty":
            return lambda value: not has_member(value) or _any_member(value, _is_empty_text)
    return _lifted(MEMBERS[check.op](check))


def references(check: Check) -> Callable[[Any, Any], bool] | None:
    """The test of one field's value against another field's, None for other checks."""
    compare = REFERENCES.get(check.op)
    if compare is None:
        return None

    def related(value: Any, other: Any) -> bool:
        return _any_member(value, lambda one: _any_member(other, lambda two: compare(one, two)))

    return related


def has_member(value: Any) -> bool:
    if isinstance(value, list | tuple):
        return any(has_member(member) for member in value)
    return value is not None


_exists = has_member


def _any_member(value: Any, member: Member) -> bool:
    if isinstance(value, list | tuple):
        return any(_any_member(each, member) for each in value)
    return value is not None and member(value)


def _lifted(member: Member) -> Predicate:
    def holds(value: Any) -> bool:
        if value is None:
            return False
        if isinstance(value, (tuple, list)):
            return any(map(holds, value))
        return member(value)

    return holds


def _is_empty_text(member: Any) -> bool:
    return bool(member == "")


def _is_number(member: Any) -> bool:
    return isinstance(member, int | float) and not isinstance(member, bool)


def _texts(check: Check) -> tuple[str, ...]:
    return tuple(value for value in check.values if isinstance(value, str))


def _folded(check: Check, text: Callable[[str], bool]) -> Member:
    """A test of text that first drops the case, unless the check is cased."""
    if check.cased:
        return lambda member: isinstance(member, str) and text(member)
    return lambda member: isinstance(member, str) and text(member.lower())


def _equals(check: Check) -> Member:
    texts = frozenset(_texts(check))
    truths = [value for value in check.values if isinstance(value, bool)]
    numbers = [value for value in check.values if _is_number(value)]

    def same(member: Any) -> bool:
        if isinstance(member, str):
            return (member if check.cased else member.lower()) in texts
        if isinstance(member, bool):
            return member in truths
        return _is_number(member) and member in numbers

    return same


def _startswith(check: Check) -> Member:
    texts = _texts(check)
    return _folded(check, lambda text: text.startswith(texts))


def _endswith(check: Check) -> Member:
    texts = _texts(check)
    return _folded(check, lambda text: text.endswith(texts))


def _contains(check: Check) -> Member:
    texts = _texts(check)
    return _folded(check, lambda text: any(part in text for part in texts))


def _like(check: Check) -> Member:
    found = _any_of(_texts(check)).fullmatch
    return _folded(check, lambda text: finds(found, text))


def _re(check: Check) -> Member:
    found = _any_of(_texts(check)).search
    return lambda member: isinstance(member, str) and finds(found, member)


def _any_of(patterns: Collection[str]) -> Pattern:
    """One pattern for all, each with its own flags: a text is read once."""
    return compiled("|".join(f"(?:{pattern})" for pattern in patterns))


def _cidr(check: Check) -> Member:
    """Whether an address is in one of the networks: a look-up per length of prefix, not per
    network, as a list of addresses has thousands."""
    inside: dict[tuple[int, int], set[int]] = {}
    for network in map(ipaddress.ip_network, _texts(check)):
        host_bits = network.max_prefixlen - network.prefixlen
        prefix = int(network.network_address) >> host_bits
        inside.setdefault((network.version, host_bits), set()).add(prefix)

    def held(member: Any) -> bool:
        if not isinstance(member, str):
            return False
        read = address_of if len(member) <= ADDRESS_CHARACTERS else address_of.__wrapped__
        version, number = read(member)
        return any(
            number >> host_bits in prefixes
            for (of_version, host_bits), prefixes in inside.items()
            if of_version == version
        )

    return held


@lru_cache(maxsize=1_024)
def address_of(text: str) -> tuple[int, int]:
    """Version and number of an address; zeros for a text that is none."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return 0, 0
    return address.version, int(address)


def _any(_: Check) -> Member:
    return lambda member: member != "" and member != {}


def _compares(compare: Callable[[Any, Any], bool]) -> Callable[[Check], Member]:
    def build(check: Check) -> Member:
        return lambda member: (
            _is_number(member) and any(compare(member, value) for value in check.values)
        )

    return build


def _part(part: Callable[[datetime], int]) -> Callable[[Check], Member]:
    def build(check: Check) -> Member:
        def same(member: Any) -> bool:
            at = moment(member) if isinstance(member, str) else None
            return at is not None and part(at) in check.values

        return same

    return build


MEMBERS: dict[str, Callable[[Check], Member]] = {
    "equals": _equals,
    "startswith": _startswith,
    "endswith": _endswith,
    "contains": _contains,
    "like": _like,
    "re": _re,
    "cidr": _cidr,
    "any": _any,
    "lt": _compares(operator.lt),
    "lte": _compares(operator.le),
    "gt": _compares(operator.gt),
    "gte": _compares(operator.ge),
    "minute": _part(lambda at: at.minute),
    "hour": _part(lambda at: at.hour),
    "day": _part(lambda at: at.day),
    "week": _part(lambda at: at.isocalendar().week),
    "month": _part(lambda at: at.month),
    "year": _part(lambda at: at.year),
}


def _same(one: Any, two: Any) -> bool:
    if isinstance(one, str) and isinstance(two, str):
        return one.lower() == two.lower()
    if isinstance(one, bool) or isinstance(two, bool):
        return one is two
    return _is_number(one) and _is_number(two) and bool(one == two)


def _of_texts(compare: Callable[[str, str], bool]) -> Callable[[Any, Any], bool]:
    return lambda one, two: (
        isinstance(one, str) and isinstance(two, str) and compare(one.lower(), two.lower())
    )


REFERENCES: dict[str, Callable[[Any, Any], bool]] = {
    "fieldref": _same,
    "fieldref_startswith": _of_texts(str.startswith),
    "fieldref_endswith": _of_texts(str.endswith),
    "fieldref_contains": _of_texts(str.__contains__),
}
