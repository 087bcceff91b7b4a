"""The specification of what a rule means: pySigma's condition tree, walked plainly.

Nothing is compiled, indexed or remembered here, nothing of `ekswatch.rules` is used, and
regular expressions are Python's. The engine must give the same answer on every event.
What pySigma does not read, it is given in other words: values of lists, `utf16le`, `3 of x*`.
"""

import ipaddress
import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import yaml
from sigma.conditions import (
    ConditionAND,
    ConditionFieldEqualsValueExpression,
    ConditionNOT,
    ConditionOR,
    ConditionValueExpression,
)
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
        file.stem: next(_documents(file))["values"] for file in (folder / "lists").glob("*.yml")
    }
    documents = [
        {"name": file.stem, **document}
        for file in sorted(folder.rglob("*.yml"))
        if file.parent.name != "lists"
        for document in _documents(file)
    ]
    rules = [Naive(each, each["detection"], lists) for each in documents if "detection" in each]
    filters = [Naive(each, each["filter"], lists) for each in documents if "filter" in each]
    return sorted(rules, key=lambda r: r.name), sorted(filters, key=lambda f: f.name)


def _documents(file: Path) -> Iterator[Any]:
    return yaml.load_all(file.read_text(), Loader=yaml.CSafeLoader)


class Naive:
    """One rule, or one filter read as if its condition were a rule's."""

    def __init__(self, document: Mapping[str, Any], section: Any, lists: Lists) -> None:
        self.name = document["name"]
        self.document = document
        category = document["logsource"].get("category", "")
        self.view = "" if category == "application" else category
        names = [name for name in section if name not in ("rules", "condition")]
        detection = {name: _readable(section[name], lists) for name in names}
        conditions = section["condition"]
        conditions = conditions if isinstance(conditions, list) else [conditions]
        detection["condition"] = [_counted(each, names) for each in conditions]
        rule = SigmaRule.from_dict({**document, "detection": detection})
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


def _readable(selection: Any, lists: Lists) -> Any:
    """A selection without what pySigma does not read."""
    if isinstance(selection, list):
        return [_readable(each, lists) for each in selection]
    if not isinstance(selection, dict):
        return selection
    found = {}
    for key, values in selection.items():
        field, *modifiers = key.split("|")
        values = values if isinstance(values, list) else [values]
        if "expand" in modifiers:
            modifiers.remove("expand")
            values = [each for value in values for each in _expanded(value, lists)] or [NOTHING]
        modifiers = ["wide" if each == "utf16le" else each for each in modifiers]
        early = [each for each in modifiers if each == "fieldref"]
        late = [each for each in modifiers if each == "cased"]
        between = [each for each in modifiers if each not in ("fieldref", "cased")]
        found["|".join((field, *early, *between, *late))] = values
    return found


def _expanded(value: Any, lists: Lists) -> list[Any]:
    """A value with every combination of list entries in the place of its placeholders."""
    if not isinstance(value, str):
        return [value]
    if re.fullmatch(r"%[^%\s\\]+%", value):
        return lists[value.strip("%")]
    pieces = re.split(r"(\\%|%[^%\s\\]+%)", value)
    choices = [
        ["%"] if piece == r"\%" else lists[piece.strip("%")] if piece[:1] == "%" else [piece]
        for piece in pieces
    ]
    return ["".join(map(str, each)) for each in itertools.product(*choices)]


def _counted(condition: str, names: list[str]) -> str:
    """A condition with each `2 of x*` written out."""

    def written(found: re.Match[str]) -> str:
        pattern = "*" if found[2] == "them" else found[2]
        meant = [name for name in names if fnmatchcase(name, pattern) and name[:1] != "_"]
        ways = itertools.combinations(meant, int(found[1]))
        return "(" + " or ".join(f"({' and '.join(way)})" for way in ways) + ")"

    return re.sub(r"\b([2-9]|[1-9][0-9]+) of ([\w*]+)", written, condition)


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
            return isinstance(member, str) and _contains(member, wanted)
        case SigmaCIDRExpression():
            try:
                return isinstance(member, str) and ipaddress.ip_address(member) in wanted.network
            except ValueError:
                return False
    raise TypeError(wanted)


def _contains(text: str, wanted: SigmaRegularExpression) -> bool:
    """Python's dollar also stands before a last line break, RE2's does not."""
    flags = re.ASCII
    for flag in wanted.flags:
        flags |= getattr(re, flag.name)
    pattern = wanted.regexp.original
    if not flags & re.MULTILINE:
        pattern = re.sub(r"(\\.|\[\^?\]?[^\]]*\])|\$", lambda found: found[1] or r"\Z", pattern)
    return bool(re.search(pattern, text, flags))


def _like(member: Any, wanted: SigmaString) -> bool:
    if set(wanted.s) == {SpecialChars.WILDCARD_MULTI}:
        return member not in ("", {})
    if not isinstance(member, str):
        return False
    cased = isinstance(wanted, SigmaCasedString)
    if not wanted.contains_special():
        text = "".join(map(str, wanted.s))
        return member == text if cased else member.lower() == text.lower()
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
        numbers = isinstance(one, int | float) and isinstance(two, int | float)
        alike = isinstance(one, bool) == isinstance(two, bool)
        return exact and numbers and alike and one == two
    one, two = one.lower(), two.lower()
    if wanted.starts_with and wanted.ends_with:
        return two in one
    if wanted.starts_with:
        return one.startswith(two)
    return one.endswith(two) if wanted.ends_with else one == two


def _part(member: Any, part: str) -> int | None:
    try:
        at = datetime.fromisoformat(member)
        at = at.astimezone(UTC) if at.tzinfo else at
    except (TypeError, ValueError, OverflowError):
        return None
    return at.isocalendar().week if part == "week" else getattr(at, part)
