"""The specification of what a rule means: pySigma's condition tree, walked plainly.

Nothing is compiled, indexed or remembered here, nothing of `ekswatch.rules` is used, and
regular expressions are Python's. The engine must give the same answer on every event.
"""

import ipaddress
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from unittest.mock import patch

import yaml
from sigma.conditions import (
    ConditionAND,
    ConditionFieldEqualsValueExpression,
    ConditionNOT,
    ConditionOR,
    ConditionValueExpression,
)
from sigma.processing.pipeline import ProcessingItem, ProcessingPipeline
from sigma.processing.transformations import ValueListPlaceholderTransformation
from sigma.rule import SigmaRule
from sigma.types import (
    SigmaBool,
    SigmaCasedString,
    SigmaCIDRExpression,
    SigmaCompareExpression,
    SigmaExists,
    SigmaExpansion,
    SigmaFieldReference,
    SigmaNull,
    SigmaNumber,
    SigmaRegularExpression,
    SigmaString,
    SigmaTimestampPart,
    SpecialChars,
)

from ekswatch.audit.event import AuditEvent
from ekswatch.audit.views import rows
from ekswatch.audit.vocabulary import SUMMARY, reader

Lists = Mapping[str, list[Any]]

NOTHING = "\N{SYMBOL FOR NULL} no such value"
"""Stands for the entries of an empty list."""


def load(folder: Path) -> tuple[list["Naive"], list["Naive"]]:
    """The rules and the filters of a folder; correlations are not evaluated on events."""
    lists = {
        file.stem: yaml.safe_load(file.read_text())["values"]
        for file in (folder / "lists").glob("*.yml")
    }
    documents = [
        (file, document)
        for file in sorted(folder.rglob("*.yml"))
        if file.parent.name != "lists"
        for document in yaml.safe_load_all(file.read_text())
    ]
    rules = [Naive(each, each["detection"], lists) for _, each in documents if "detection" in each]
    filters = [Naive(each, each["filter"], lists) for _, each in documents if "filter" in each]
    return sorted(rules, key=lambda r: r.name), sorted(filters, key=lambda f: f.name)


class Naive:
    """One rule, or one filter read as if its condition were a rule's."""

    def __init__(self, document: Mapping[str, Any], section: Any, lists: Lists) -> None:
        self.name = document["name"]
        self.document = document
        category = document["logsource"].get("category", "")
        self.view = "" if category == "application" else category
        detection = {key: value for key, value in section.items() if key != "rules"}
        rule = SigmaRule.from_dict({**document, "detection": detection})
        names = {name: values or [NOTHING] for name, values in lists.items()}
        item = ProcessingItem(ValueListPlaceholderTransformation())
        with patch.object(SigmaString, "max_placeholder_expansions", 100_000):
            ProcessingPipeline(items=[item], vars=names).apply(rule)
        self.conditions = [each.parsed for each in rule.detection.parsed_condition]

    def count(self, event: AuditEvent) -> int:
        """How many rows of the event match."""
        return sum(self.holds(event, row) for row in self.rows(event))

    def rows(self, event: AuditEvent) -> Sequence[Mapping[str, Any]]:
        if event.stage == "RequestReceived":
            return ()
        return rows(event, self.view)

    def holds(self, event: AuditEvent, row: Mapping[str, Any]) -> bool:
        return any(_holds(condition, event, row) for condition in self.conditions)


def _holds(node: Any, event: AuditEvent, row: Mapping[str, Any]) -> bool:
    match node:
        case ConditionAND():
            return all(_holds(arg, event, row) for arg in node.args)
        case ConditionOR():
            return any(_holds(arg, event, row) for arg in node.args)
        case ConditionNOT():
            return not _holds(node.args[0], event, row)
        case ConditionFieldEqualsValueExpression():
            return _meets(_field(node.field, event, row), node.value, event, row)
        case ConditionValueExpression():
            texts = [text for name in SUMMARY for text in _members(reader(name)(event))]
            return any(_found(text, node.value) for text in texts if isinstance(text, str))
    raise TypeError(node)


def _field(name: str, event: AuditEvent, row: Mapping[str, Any]) -> Any:
    if name in row:
        return row[name]
    try:
        return reader(name)(event)
    except KeyError:  # a field of the row, which this row does not have
        return None


def _members(value: Any) -> Iterator[Any]:
    if isinstance(value, list | tuple):
        for each in value:
            yield from _members(each)
    elif value is not None:
        yield value


def _meets(value: Any, wanted: Any, event: AuditEvent, row: Mapping[str, Any]) -> bool:
    members = list(_members(value))
    match wanted:
        case SigmaExpansion():
            return any(_meets(value, each, event, row) for each in wanted.values)
        case SigmaNull():
            return not members
        case SigmaExists():
            return bool(members) == wanted.exists
        case SigmaString() if not wanted.s:
            return not members or "" in members
        case SigmaFieldReference():
            others = list(_members(_field(wanted.field, event, row)))
            return any(_refers(one, two, wanted) for one in members for two in others)
    return any(_is(member, wanted) for member in members)


def _is(member: Any, wanted: Any) -> bool:
    number = isinstance(member, int | float) and not isinstance(member, bool)
    match wanted:
        case SigmaString():
            return _like(member, wanted)
        case SigmaTimestampPart():  # a kind of number
            return _part(member, wanted.timestamp_part.name.lower()) == wanted.number
        case SigmaNumber():
            return number and member == wanted.number
        case SigmaBool():
            return isinstance(member, bool) and member == wanted.boolean
        case SigmaCompareExpression():
            return number and _compared(member, wanted)
        case SigmaRegularExpression():
            flags = re.ASCII
            for flag in wanted.flags:
                flags |= getattr(re, flag.name)
            return isinstance(member, str) and bool(
                re.search(wanted.regexp.original, member, flags)
            )
        case SigmaCIDRExpression():
            try:
                return ipaddress.ip_address(member) in wanted.network
            except ValueError:
                return False
    raise TypeError(wanted)


def _like(member: Any, wanted: SigmaString) -> bool:
    if set(wanted.s) == {SpecialChars.WILDCARD_MULTI}:
        return member not in ("", {})
    if not isinstance(member, str):
        return False
    cased = isinstance(wanted, SigmaCasedString)
    wild = {SpecialChars.WILDCARD_MULTI: ".*", SpecialChars.WILDCARD_SINGLE: "."}
    pattern = "".join(
        wild[part]
        if isinstance(part, SpecialChars)
        else re.escape(str(part) if cased else str(part).lower())
        for part in wanted.s
    )
    return bool(re.fullmatch(pattern, member if cased else member.lower(), re.DOTALL))


def _found(text: str, wanted: Any) -> bool:
    """A keyword stands anywhere in a text."""
    if isinstance(wanted, SigmaNumber):
        return str(wanted.number) in text
    if isinstance(wanted, SigmaString):
        return _like(text, SpecialChars.WILDCARD_MULTI + wanted + SpecialChars.WILDCARD_MULTI)
    return _is(text, wanted)


def _compared(member: float, wanted: SigmaCompareExpression) -> bool:
    other = wanted.number.number
    return {
        "LT": member < other,
        "LTE": member <= other,
        "GT": member > other,
        "GTE": member >= other,
    }[wanted.op.name]


def _refers(one: Any, two: Any, wanted: SigmaFieldReference) -> bool:
    if not isinstance(one, str) or not isinstance(two, str):
        exact = not (wanted.starts_with or wanted.ends_with)
        return exact and type(one) is type(two) and one == two
    one, two = one.lower(), two.lower()
    if wanted.starts_with and wanted.ends_with:
        return two in one
    if wanted.starts_with:
        return one.startswith(two)
    return one.endswith(two) if wanted.ends_with else one == two


def _part(member: Any, part: str) -> int | None:
    try:
        at = datetime.fromisoformat(member).astimezone(UTC)
    except (TypeError, ValueError):
        return None
    return at.isocalendar().week if part == "week" else getattr(at, part)
