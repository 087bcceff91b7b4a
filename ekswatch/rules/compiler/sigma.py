"""From Sigma's detection section to expressions, with pySigma doing the parsing.

pySigma reads every item and applies its modifiers; what is added here is the meaning of values
on audit events, and errors that name the line. Placeholders are resolved before parsing
(`lists.py`), conditions are read in `condition.py`. docs/sigma.md says what each construct means.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import msgspec
from sigma.conditions import ConditionAND
from sigma.exceptions import SigmaError
from sigma.rule import SigmaDetectionItem
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
    SigmaType,
    SpecialChars,
)

from ekswatch.rules.compiler.condition import condition
from ekswatch.rules.compiler.documents import Document
from ekswatch.rules.compiler.errors import Report
from ekswatch.rules.compiler.lists import PLACEHOLDER, Lists, any_values, expand
from ekswatch.rules.compiler.modifiers import arranged, misfit, unfit
from ekswatch.rules.expression import checks
from ekswatch.rules.predicate import predicate
from ekswatch.rules.regex import BadPattern, compiled, escaped
from ekswatch.rules.ruleset import NEVER, And, Check, Expression, Not, Op, Or

ALWAYS = And(())
"""What holds for every event."""

PERCENT, PLAIN_PERCENT = r"\%", "\ue000"
"""A percent sign that belongs to no placeholder, and what stands for it until these are gone."""

Checker = Callable[[Check], str]
"""What is wrong with a check for the vocabulary, or an empty string."""

Lacks = Callable[[str], bool]
"""Whether no event has a field."""


class Section:
    """The `detection` (or `filter`) section of a document, read item by item.

    Shape: `selections` maps names to expressions over fields; `condition` is one over
    selections, or None when it has errors, which are in the report.
    With `lacks`, as for public rules, what the checker finds is a warning only, and a field that
    no event has counts as absent.
    """

    def __init__(
        self,
        document: Document,
        key: str,
        lists: Lists,
        checker: Checker,
        report: Report,
        *,
        lacks: Lacks | None = None,
    ) -> None:
        self.document, self.key = document, key
        self.lists, self.checker, self.report, self.lacks = lists, checker, report, lacks
        self.data: Mapping[str, Any] = self._mapping()
        if "timeframe" in self.data:
            self._report("'timeframe' is no longer part of Sigma: write a correlation", key)
        names = [name for name in self.data if name not in ("condition", "rules", "timeframe")]
        if not names:
            self._report(f"{key!r} has no selections")
        self.selections = {
            name: self._definition(self.data[name], (key, name)) for name in map(str, names)
        }
        self.condition = self._condition()

    def _mapping(self) -> Mapping[str, Any]:
        data = self.document.data.get(self.key)
        if not isinstance(data, dict):
            self._report(f"{self.key!r} must be a mapping of selections and a condition")
            return {}
        return {str(name): value for name, value in data.items()}

    def _report(self, message: str, *path: str | int) -> None:
        self.report.add(message, self.document.line(*(path or (self.key,))))

    def _doubt(self, message: str, *path: str | int) -> None:
        """Report what would be silent: an error, unless the document is allowed that."""
        note = self.report.add if self.lacks is None else self.report.warn
        note(message, self.document.line(*path))

    def _definition(self, data: Any, path: tuple[str | int, ...]) -> Expression:
        """A selection: a mapping is a conjunction, a list a disjunction, a value a keyword."""
        if isinstance(data, dict):
            if not data:
                self._report("the selection is empty", *path)
            return conjunction(self._item(str(k), v, (*path, str(k))) for k, v in data.items())
        if isinstance(data, list) and any(isinstance(entry, dict | list) for entry in data):
            return disjunction(
                self._definition(entry, (*path, index)) for index, entry in enumerate(data)
            )
        return self._item("", data, path)

    def _item(self, key: str, data: Any, path: tuple[str | int, ...]) -> Expression:
        """One key with modifiers and its values."""
        field, *modifiers = key.split("|")
        if problem := unfit(field, modifiers) or _unreadable(field, data):
            self._report(problem, *path)
            return NEVER
        values, lists = any_values(data), tuple[str, ...]()
        if "expand" in modifiers:
            values, lists = self._expanded(values, path)
            modifiers = [modifier for modifier in modifiers if modifier != "expand"]
        elif any(isinstance(v, str) and PLACEHOLDER.fullmatch(v) for v in values):
            self._doubt("a placeholder needs the modifier |expand", *path)
        if problem := misfit(modifiers, values):
            self._report(problem, *path)
            return NEVER
        try:
            keyed = "|".join((field, *arranged(modifiers)))
            item = SigmaDetectionItem.from_mapping(keyed, values)  # type: ignore[arg-type]  # checked above
            expression = _from_lists(_expression(item), lists)
        except (SigmaError, TypeError, ValueError, BadPattern) as error:
            self._report(one_line(error), *path)
            return NEVER
        for check in checks(expression):
            if problem := self.checker(check):
                self._doubt(problem, *path)
        return expression if self.lacks is None else without(expression, self.lacks)

    def _expanded(
        self, values: list[object], path: tuple[str | int, ...]
    ) -> tuple[list[object], tuple[str, ...]]:
        """The values that some with placeholders stand for, and the lists that they name."""
        hidden = [v.replace(PERCENT, PLAIN_PERCENT) if isinstance(v, str) else v for v in values]
        found = [
            each
            for value in hidden
            for each in expand(value, self.lists, lambda text: self._report(text, *path))
        ]
        shown = [v.replace(PLAIN_PERCENT, "%") if isinstance(v, str) else v for v in found]
        return shown, _list_names(hidden)

    def _condition(self) -> Expression | None:
        conditions = any_values(self.data.get("condition"))
        if not conditions or not all(isinstance(entry, str) for entry in conditions):
            self._report("the condition is missing or not a text", self.key, "condition")
            return None
        try:
            return disjunction(condition(str(entry), self.selections) for entry in conditions)
        except ValueError as error:
            self._report(f"condition: {one_line(error)}", self.key, "condition")
            return None


def conjunction(parts: Iterator[Expression]) -> Expression:
    found = tuple(parts)
    return found[0] if len(found) == 1 else And(found)


def disjunction(parts: Iterator[Expression]) -> Expression:
    found = tuple(parts)
    return found[0] if len(found) == 1 else Or(found)


def _unreadable(field: str, data: Any) -> str:
    """Why values cannot be given to pySigma, or an empty string."""
    if data == []:
        return "an empty list of values; write null for an absent field"
    for value in any_values(data):
        if value is not None and not isinstance(value, str | int | float):
            hint = "; a field inside another is written with a dot" if type(value) is dict else ""
            return f"a value must be text, a number, true, false or null, not {value!r}{hint}"
        if not field and (value is None or isinstance(value, bool)):
            return "a keyword must be text or a number"
    return ""


def without(expression: Expression, lacks: Lacks) -> Expression:
    """The expression with each test of a field that no event has replaced by its answer."""
    match expression:
        case Check(field, op, values) if op.startswith("fieldref"):
            return NEVER if lacks(field) or lacks(str(values[0])) else expression
        case Check(field) if field and lacks(field):
            return ALWAYS if predicate(expression)(None) else NEVER
        case And(args):
            return And(tuple(without(arg, lacks) for arg in args))
        case Or(args):
            return Or(tuple(without(arg, lacks) for arg in args))
        case Not(arg):
            return Not(without(arg, lacks))
    return expression


def _expression(item: SigmaDetectionItem) -> Expression:
    """An item's values linked as its modifiers say; no values (an empty list) match nothing."""
    field = item.field or ""
    found = tuple(_value(field, value) for value in item.value)
    if item.value_linking is ConditionAND and found:
        linked = conjunction(iter(found))
    else:
        linked = disjunction(iter(_merged(found)))
    return Not(linked) if item.negated else linked


def _list_names(values: list[object]) -> tuple[str, ...]:
    """The lists that values with placeholders name, once each, in order."""
    texts = (value for value in values if isinstance(value, str))
    return tuple(dict.fromkeys(name for text in texts for name in PLACEHOLDER.findall(text)))


def _from_lists(expression: Expression, lists: tuple[str, ...]) -> Expression:
    """The expression with the names of the lists that its item's values came from."""
    match expression:
        case Check() if lists:
            return msgspec.structs.replace(expression, lists=lists)
        case And(args) if lists:
            return And(tuple(_from_lists(arg, lists) for arg in args))
        case Or(args) if lists:
            return Or(tuple(_from_lists(arg, lists) for arg in args))
        case Not(arg) if lists:
            return Not(_from_lists(arg, lists))
    return expression


def _merged(found: tuple[Expression, ...]) -> list[Expression]:
    """Checks that differ in their values alone as one check, in first-seen order."""
    groups: dict[object, list[Expression]] = {}
    for part in found:
        mergeable = isinstance(part, Check) and not part.op.startswith(("exists", "fieldref"))
        key = (part.field, part.op, part.cased) if mergeable else id(part)  # type: ignore[union-attr]
        groups.setdefault(key, []).append(part)
    return [_one(parts) for parts in groups.values()]


def _one(parts: list[Expression]) -> Expression:
    first = parts[0]
    if not isinstance(first, Check):
        return first
    values = [value for part in parts if isinstance(part, Check) for value in part.values]
    typed = {(type(value), value): value for value in values}  # 1, 1.0 and true are not one
    return Check(first.field, first.op, tuple(typed.values()), first.cased)


def _value(field: str, value: SigmaType) -> Expression:
    match value:
        case SigmaExpansion():
            return disjunction(iter(_merged(tuple(_value(field, v) for v in value.values))))
        case SigmaString():
            return _text(field, value)
        case SigmaTimestampPart():  # a kind of number
            return Check(field, _op(value.timestamp_part.name), (value.number,))
        case SigmaNumber() if not field:
            return Check(field, "contains", (str(value),))
        case SigmaNumber():
            return Check(field, "equals", (value.number,))
        case SigmaBool() if field:
            return Check(field, "equals", (value.boolean,))
        case SigmaNull() if field:
            return Check(field, "null")
        case SigmaExists():
            return Check(field, "exists", (bool(value),))
        case SigmaRegularExpression():
            return Check(field, "re", (_pattern(value),))
        case SigmaCIDRExpression():
            return Check(field, "cidr", (str(value.network),))
        case SigmaCompareExpression():
            return Check(field, _op(value.op.name), (value.number.number,))
        case SigmaFieldReference():
            return Check(field, _reference(value), (value.field,))
    raise ValueError(f"{value!r} cannot be compared with {field or 'keywords'}")


def _text(field: str, value: SigmaString) -> Check:
    """A string with wildcards, as the cheapest comparison that means the same."""
    cased = isinstance(value, SigmaCasedString)
    if not field:  # a keyword may stand anywhere
        value = SpecialChars.WILDCARD_MULTI + value + SpecialChars.WILDCARD_MULTI
    match _parts(value, cased):
        case []:
            return Check(field, "empty")
        case [None]:
            return Check(field, "any")
        case [str() as text]:
            return Check(field, "equals", (text,), cased)
        case [str() as text, None]:
            return Check(field, "startswith", (text,), cased)
        case [None, str() as text]:
            return Check(field, "endswith", (text,), cased)
        case [None, str() as text, None]:
            return Check(field, "contains", (text,), cased)
        case parts:
            return Check(field, "like", ("".join(map(_as_pattern, parts)),), cased)


Part = str | None | SpecialChars


def _parts(value: SigmaString, cased: bool) -> list[Part]:
    """Text, None for any run of characters, WILDCARD_SINGLE for one; neighbours joined."""
    parts: list[Part] = []
    for piece in value.s:
        if piece is SpecialChars.WILDCARD_MULTI:
            if not parts or parts[-1] is not None:
                parts.append(None)
        elif isinstance(piece, SpecialChars):
            parts.append(piece)
        else:
            text = str(piece) if cased else str(piece).lower()
            if parts and isinstance(parts[-1], str):
                parts[-1] += text
            elif text:
                parts.append(text)
    return parts


def _as_pattern(part: Part) -> str:
    if part is None:
        return "(?s:.*)"
    return "(?s:.)" if isinstance(part, SpecialChars) else escaped(part)


def _pattern(value: SigmaRegularExpression) -> str:
    flags = "".join(sorted(value.sigma_to_re_flag[flag] for flag in value.flags))
    pattern = f"(?{flags}){value.regexp.original}" if flags else value.regexp.original
    compiled(pattern)
    return pattern


def _op(name: str) -> Op:
    return name.lower()  # type: ignore[return-value]  # the names of pySigma's enumerations


def _reference(value: SigmaFieldReference) -> Op:
    if value.starts_with and value.ends_with:
        return "fieldref_contains"
    if value.starts_with:
        return "fieldref_startswith"
    return "fieldref_endswith" if value.ends_with else "fieldref"


def one_line(error: Exception) -> str:
    """What an error says, on one line."""
    return re.sub(r"\s+", " ", str(error)).strip() or type(error).__name__
