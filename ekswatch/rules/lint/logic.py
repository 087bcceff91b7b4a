"""Logic: what lint says of conditions, exclusions and severities, branch by branch."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ekswatch.audit.views import VIEWS
from ekswatch.rules.compiler.drafts import FilterDraft, RuleDraft
from ekswatch.rules.compiler.lists import PLACEHOLDER, Lists, any_values
from ekswatch.rules.compiler.suggest import suggestion
from ekswatch.rules.expression import checks, inlined, uses
from ekswatch.rules.lint.branches import Branch, TooMany, branches, contradiction, possible
from ekswatch.rules.lint.chosen import only_chosen, reason
from ekswatch.rules.lint.reach import WRITTEN_IN, reach, says_what, why_silent, wrong_verbs
from ekswatch.rules.lint.resources import groups, groups_of, names, paths, subresources
from ekswatch.rules.ruleset import And, Check, Expression, Filter, Not, Or, Use

RESOURCE_FIELDS = ("objectRef.resource", "resource", "grant.resources", "webhook.resources")

REASONS_SHOWN = 3
"""Why an unmet condition is unmet, when each of its ways has another reason."""

KeyPath = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Remark:
    """What is to be said at a key path of the document."""

    code: str
    message: str
    path: KeyPath


def of_rule(draft: RuleDraft, lists: Lists) -> Iterator[Remark]:
    """What is to be said of a rule's condition and selections."""
    data, section = draft.document.data.get("detection"), "detection"
    condition = inlined(draft.condition, draft.selections)
    place = (section, "condition")
    used = {name for name, _ in uses(draft.condition)}
    used |= {name for entry in draft.keys.severity for name in entry.when}
    used |= set(draft.keys.novel.when if draft.keys.novel else ())
    yield from _unused(draft.selections, used, section)
    yield from _resources(draft.selections, data, section)
    try:
        ways = branches(condition)
        yield from _constant(condition, ways, draft.view, _empty_lists(data, lists), place)
        yield from _requests(ways, draft.view, place)
        for excluded in _excluded(draft.condition):
            written_out = inlined(excluded, draft.selections)
            yield from _chosen(branches(written_out), draft.view, _path(excluded, section))
    except TooMany:
        return


def of_filter(
    draft: FilterDraft, excluded: Filter, rules: Sequence[RuleDraft], lists: Lists
) -> Iterator[Remark]:
    """What is to be said of a filter; `rules` are those it names, none for all."""
    data, section = draft.document.data.get("filter"), "filter"
    view = draft.view or next((rule.view for rule in rules), "")
    condition = inlined(excluded.excludes, excluded.selections)
    place = (section, "condition")
    yield from _unused(excluded.selections, {name for name, _ in uses(excluded.excludes)}, section)
    yield from _resources(excluded.selections, data, section)
    try:
        ways = branches(condition)
        yield from _constant(condition, ways, view, _empty_lists(data, lists), place)
        yield from _verbs(ways, view, place)
        yield from _chosen(ways, view, place)
    except TooMany:
        return
    for rule in rules:
        if not _may_meet(condition, rule):
            message = f"no match of {rule.name} can meet the filter"
            yield Remark("idle-filter", message, (section, "rules"))


def _may_meet(excludes: Expression, rule: RuleDraft) -> bool:
    """Whether a match of a rule may be excluded; a rule that never matches has its own remark."""
    condition = inlined(rule.condition, rule.selections)
    try:
        return possible(And((condition, excludes)), rule.view) or not possible(condition, rule.view)
    except TooMany:
        return True


# Constants


def _constant(
    condition: Expression,
    ways: Iterable[Branch],
    view: str,
    empty: Sequence[str],
    place: KeyPath,
) -> Iterator[Remark]:
    """A condition that no event meets, or that every event does."""
    ways = list(ways)
    silent = [why_silent(branch, view) for branch in ways]
    if not all(code for code, _ in silent):
        if not possible(Not(condition), view):
            yield Remark("always-matches", "every event meets the condition", place)
        return
    if empty:
        message = f"no event meets the condition while a list is empty: {', '.join(empty)}"
        yield Remark("empty-list", message, place)
        return
    reasons = list(dict.fromkeys(silent)) or [("never-matches", "no value would do")]
    for code, why in reasons[:REASONS_SHOWN]:
        yield Remark(code, f"no event meets the condition: {why}", place)


def _empty_lists(data: object, lists: Lists) -> tuple[str, ...]:
    named = (name for text in _texts_in(data) for name in PLACEHOLDER.findall(text))
    return tuple(dict.fromkeys(name for name in named if not lists.get(name)))


def _texts_in(data: object) -> Iterator[str]:
    if isinstance(data, str):
        yield data
    elif isinstance(data, dict | list):
        for each in data.values() if isinstance(data, dict) else data:
            yield from _texts_in(each)


# Requests


def _requests(ways: Iterable[Branch], view: str, place: KeyPath) -> Iterator[Remark]:
    ways = [branch for branch in ways if not contradiction(branch, view)]
    yield from _verbs(ways, view, place)
    several = view in WRITTEN_IN and len(VIEWS[view].verbs) > 1
    if several and not all(map(says_what, ways)):
        message = f"the view {view} has rows for every write: say which verbs are meant"
        yield Remark("verb-not-restricted", message, place)


def _verbs(ways: Iterable[Branch], view: str, place: KeyPath) -> Iterator[Remark]:
    found = (message for branch in ways for message in wrong_verbs(reach(branch, view)))
    for message in dict.fromkeys(found):
        yield Remark("impossible-verb", message, place)


def _resources(selections: Mapping[str, Expression], data: Any, section: str) -> Iterator[Remark]:
    for name, selection in selections.items():
        for check in checks(selection):
            for value, message in _unknown(check):
                yield Remark(
                    "unknown-resource", message, _within(data, section, name, check.field, value)
                )
        for check in checks(selection):
            yield from _foreign(check, selection, data, section, name)


def _unknown(check: Check) -> Iterator[tuple[str, str]]:
    """The values of a check that are no resource, subresource or API group we know."""
    known = _known(check.field)
    if not known or check.op != "equals":
        return
    for value in map(str, check.values):
        if value in known or not value or "*" in value:
            continue
        if check.field == "objectRef.resource" and "/" in value:
            yield value, f"{check.field} never holds a subresource: use resource for {value!r}"
        else:
            what = "API group" if check.field == "objectRef.apiGroup" else "resource"
            yield value, f"there is no {what} {value!r}{suggestion(value, known)}"


def _known(field: str) -> frozenset[str]:
    if field in RESOURCE_FIELDS:
        return names() if field == "objectRef.resource" else paths()
    if field == "objectRef.subresource":
        return subresources()
    return groups() if field in ("objectRef.apiGroup", "grant.api_groups") else frozenset()


def _foreign(
    check: Check, selection: Expression, data: Any, section: str, name: str
) -> Iterator[Remark]:
    """Resources that are in none of the API groups that the same selection asks for."""
    if check.field != "objectRef.apiGroup" or check.op != "equals":
        return
    asked = {str(value) for value in check.values}
    for other in checks(selection):
        if other.field != "objectRef.resource" or other.op != "equals":
            continue
        for value in map(str, other.values):
            theirs = groups_of(value)
            if theirs and asked <= groups() and not asked & theirs:
                message = (
                    f"{value} is in the API group {' or '.join(sorted(theirs)) or 'core'}, "
                    f"not in {' or '.join(sorted(asked))}"
                )
                path = _within(data, section, name, check.field, next(iter(asked)))
                yield Remark("unknown-resource", message, path)


def _within(data: Any, section: str, name: str, field: str, value: str) -> KeyPath:
    """The key path, below a selection, of an item that tests a field, with a value if it can."""
    below = data.get(name) if isinstance(data, dict) else None
    found = [(path, given) for path, given in _items(below, (section, name)) if _is(path, field)]
    for path, given in found:
        for index, each in enumerate(any_values(given)):
            if str(each).lower() == value.lower():
                return (*path, index) if isinstance(given, list) else path
    return found[0][0] if found else (section, name)


def _items(data: object, path: KeyPath) -> Iterator[tuple[KeyPath, object]]:
    if isinstance(data, dict):
        for key, value in data.items():
            yield (*path, str(key)), value
    elif isinstance(data, list):
        for index, each in enumerate(data):
            yield from _items(each, (*path, index))


def _is(path: KeyPath, field: str) -> bool:
    return str(path[-1]).partition("|")[0] == field


# Exclusions


def _excluded(condition: Expression) -> Iterator[Expression]:
    """What a condition excludes: whatever must not hold, as a whole."""
    match condition:
        case Not(arg):
            yield arg
        case And(args) | Or(args):
            for arg in args:
                yield from _excluded(arg)


def _path(excluded: Expression, section: str) -> KeyPath:
    return (section, excluded.selection) if isinstance(excluded, Use) else (section, "condition")


def _chosen(ways: Iterable[Branch], view: str, place: KeyPath) -> Iterator[Remark]:
    """The ways in which an exclusion holds by nothing but what an attacker chooses."""
    found = (only_chosen(branch, view) for branch in ways if not contradiction(branch, view))
    for fields in dict.fromkeys(found):
        if fields:
            why = "; ".join(dict.fromkeys(reason(field, view) for field in fields))
            message = f"the exclusion rests on {' and '.join(fields)} alone: {why}"
            yield Remark("chosen-exclusion", message, place)


# Severities


def dead_entries(draft: RuleDraft, level: str, lists: Lists) -> Iterator[tuple[int, str]]:
    """The entries of `severity` that never decide or change nothing, by index.

    One that waits for a list to be filled is left in peace.
    """
    condition = inlined(draft.condition, draft.selections)
    section = draft.document.data.get("detection", {})
    entries = draft.keys.severity
    for index, entry in enumerate(entries):
        earlier = [each.when for each in entries[:index]]
        if _empty_lists([section.get(name) for name in entry.when], lists):
            continue
        if covering := next((each for each in earlier if {*each} <= {*entry.when}), None):
            yield index, f"never decides: the entry for {' and '.join(covering)} comes first"
        elif not _may_hold(condition, draft, entry.when, earlier):
            yield index, "never decides: it excludes the condition, or earlier entries cover it"
    if entries and entries[-1].level == level:
        yield len(entries) - 1, f"changes nothing: the level is {level} anyway"


def _may_hold(
    condition: Expression,
    draft: RuleDraft,
    when: Sequence[str],
    earlier: Iterable[Sequence[str]],
) -> bool:
    """Whether an event may meet a condition and an entry, and none of the entries before it."""

    def every(selections: Sequence[str]) -> Expression:
        return And(tuple(inlined(Use(name), draft.selections) for name in selections))

    whole = And((condition, every(when), *(Not(every(each)) for each in earlier)))
    try:
        return possible(whole, draft.view)
    except TooMany:
        return _alone(And((condition, every(when))), draft.view)


def _alone(expression: Expression, view: str) -> bool:
    try:
        return possible(expression, view)
    except TooMany:
        return True


def _unused(selections: Mapping[str, Expression], used: set[str], section: str) -> Iterator[Remark]:
    for name in selections:
        if name not in used:
            yield Remark("unused-selection", f"nothing uses the selection {name}", (section, name))
