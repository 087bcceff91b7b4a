"""From Sigma's detection section to expressions, with pySigma doing the parsing.

pySigma reads every item, modifier and condition; what is added here is the meaning of values
on audit events, and errors that name the line. Two things differ from Sigma's own pages:
placeholders are resolved before parsing (`lists.py`), and a star alone means any value that is
not empty.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from pyparsing import ParseResults
from sigma.conditions import (
    ConditionAND,
    ConditionIdentifier,
    ConditionNOT,
    ConditionOR,
    ConditionSelector,
    SigmaCondition,
)
from sigma.exceptions import SigmaError
from sigma.modifiers import (
    SigmaContainsModifier,
    SigmaEndswithModifier,
    SigmaStartswithModifier,
    modifier_mapping,
)
from sigma.rule import SigmaDetection, SigmaDetectionItem, SigmaDetections
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

from ekswatch.rules.documents import Document
from ekswatch.rules.errors import Report
from ekswatch.rules.expression import checks
from ekswatch.rules.lists import PLACEHOLDER, Lists, any_values, expand
from ekswatch.rules.regex import BadPattern, compiled, escaped
from ekswatch.rules.ruleset import NEVER, And, Check, Expression, Not, Op, Or, Use
from ekswatch.rules.suggest import suggestion

ANCHORING = (SigmaContainsModifier, SigmaStartswithModifier, SigmaEndswithModifier)

Checker = Callable[[Check], str]
"""What is wrong with a check for the vocabulary, or an empty string."""


class Section:
    """The `detection` (or `filter`) section of a document, read item by item.

    Shape: `selections` maps names to expressions over fields; `condition` is one over
    selections, or None when it has errors, which are in the report.
    """

    def __init__(
        self, document: Document, key: str, lists: Lists, checker: Checker, report: Report
    ) -> None:
        self.document, self.key = document, key
        self.lists, self.checker, self.report = lists, checker, report
        self.data: Mapping[str, Any] = self._mapping()
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
        problem = _unreadable(modifiers, data)
        if problem:
            self._report(problem, *path)
            return NEVER
        values = any_values(data)
        if "expand" in modifiers:
            modifiers.remove("expand")
            values = [
                found
                for value in values
                for found in expand(value, self.lists, lambda text: self._report(text, *path))
            ]
        elif any(isinstance(v, str) and PLACEHOLDER.fullmatch(v) for v in values):
            self._report("a placeholder needs the modifier |expand", *path)
        try:
            item = SigmaDetectionItem.from_mapping("|".join((field, *modifiers)), values)  # type: ignore[arg-type]  # checked above
            expression = _expression(item)
        except (SigmaError, TypeError, ValueError, BadPattern) as error:
            self._report(one_line(error), *path)
            return NEVER
        for check in checks(expression):
            problem = self.checker(check)
            if problem:
                self._report(problem, *path)
        return expression

    def _condition(self) -> Expression | None:
        conditions = any_values(self.data.get("condition"))
        if not conditions or not all(isinstance(entry, str) for entry in conditions):
            self._report("the condition is missing or not a text", self.key, "condition")
            return None
        names = _names(self.selections)
        try:
            return disjunction(_parsed(str(condition), names) for condition in conditions)
        except (SigmaError, ValueError) as error:
            self._report(f"condition: {one_line(error)}", self.key, "condition")
            return None


def conjunction(parts: Iterator[Expression]) -> Expression:
    found = tuple(parts)
    return found[0] if len(found) == 1 else And(found)


def disjunction(parts: Iterator[Expression]) -> Expression:
    found = tuple(parts)
    return found[0] if len(found) == 1 else Or(found)


def _unreadable(modifiers: list[str], data: Any) -> str:
    """Why an item cannot be given to pySigma, or an empty string."""
    for modifier in modifiers:
        if modifier not in modifier_mapping:
            return f"unknown modifier {modifier!r}{suggestion(modifier, modifier_mapping)}"
    if data == []:
        return "an empty list of values; write null for an absent field"
    for value in any_values(data):
        if value is not None and not isinstance(value, str | int | float):
            return f"a value must be text, a number, true, false or null, not {value!r}"
    if "re" in modifiers and any(modifier_mapping[m] in ANCHORING for m in modifiers):
        return "|re finds its pattern anywhere in the value: use ^ and $ to anchor it"
    return ""


def _expression(item: SigmaDetectionItem) -> Expression:
    """An item's values linked as its modifiers say; no values (an empty list) match nothing."""
    field = item.field or ""
    found = tuple(_value(field, value) for value in item.value)
    if item.value_linking is ConditionAND and found:
        linked = conjunction(iter(found))
    else:
        linked = disjunction(iter(_merged(found)))
    return Not(linked) if item.negated else linked


def _merged(found: tuple[Expression, ...]) -> list[Expression]:
    """Checks that differ in their values alone as one check, in first-seen order."""
    groups: dict[object, list[Expression]] = {}
    for part in found:
        mergeable = isinstance(part, Check) and part.op != "exists"
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


def _names(selections: Mapping[str, Expression]) -> SigmaDetections:
    """pySigma's view of the selections, for conditions like `1 of sel_*`, which need names only."""
    placeholder = SigmaDetection([SigmaDetectionItem.from_mapping("any", "value")])
    return SigmaDetections(
        detections=dict.fromkeys(selections, placeholder) or {"none": placeholder},
        condition=["none"],
    )


def _parsed(condition: str, names: SigmaDetections) -> Expression:
    return _linked(SigmaCondition(condition, names).parse(postprocess=False), names)


def _linked(node: object, names: SigmaDetections) -> Expression:
    while isinstance(node, ParseResults) and len(node) == 1:
        node = node[0]
    match node:
        case ConditionIdentifier():
            return _use(node.identifier, names)
        case ConditionSelector():
            found = [_use(each.identifier, names) for each in _selected(node, names)]
            both = conjunction if node.cond_class is ConditionAND else disjunction
            return both(iter(found))
        case ConditionNOT():
            return Not(_linked(node.args[0], names))
        case ConditionAND():
            return conjunction(_linked(arg, names) for arg in node.args)
        case ConditionOR():
            return disjunction(_linked(arg, names) for arg in node.args)
    raise ValueError(f"cannot be read at {node!r}")


def _selected(selector: ConditionSelector, names: SigmaDetections) -> list[ConditionIdentifier]:
    found = selector.resolve_referenced_detections(names)
    if not found:
        raise ValueError(f"no selection is called {selector.pattern!r}")
    return found


def _use(name: str, names: SigmaDetections) -> Use:
    if name not in names.detections:
        raise ValueError(f"there is no selection {name!r}{suggestion(name, names.detections)}")
    return Use(name)


def one_line(error: Exception) -> str:
    """What an error says, on one line."""
    return re.sub(r"\s+", " ", str(error)).strip() or type(error).__name__
