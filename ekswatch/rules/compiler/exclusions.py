"""From a filter draft to a Filter: its selections, read for the views of the rules it is for."""

from ekswatch.rules.compiler.drafts import FilterDraft, RuleDraft
from ekswatch.rules.compiler.errors import Report
from ekswatch.rules.compiler.known import checker
from ekswatch.rules.compiler.lists import Lists
from ekswatch.rules.compiler.names import Names
from ekswatch.rules.compiler.sigma import Section
from ekswatch.rules.ruleset import Filter, Not


def exclusion(draft: FilterDraft, lists: Lists, names: Names, report: Report) -> Filter | None:
    """The filter as data.

    None when it has errors, which are in the report, and when every rule it is for is left out:
    without any, it would be for all.
    """
    document = draft.document
    rules = _filtered(draft, names, report)
    if not rules and not _is_for_all(draft):
        return None
    views = {draft.view} if draft.view or not rules else {rule.view for rule in rules}
    section = Section(document, "filter", lists, checker(*sorted(views)), report)
    condition = section.condition
    if condition is None:
        return None
    line = document.line("filter", "condition")
    if not str(document.data["filter"].get("condition")).lstrip().startswith("not "):
        report.add("the condition of a filter must start with 'not'", line)
        return None
    if not isinstance(condition, Not):
        report.add("the condition of a filter must be one 'not (...)'", line)
        return None
    for rule in rules:
        if draft.view not in ("", rule.view):
            report.add(f"the rule {rule.name!r} is not on the view {draft.view!r}", line)
    if report.errors:
        return None
    return Filter(
        name=draft.name,
        title=str(document.data["title"]),
        reason=draft.keys.reason,
        owner=draft.keys.owner,
        selections=dict(section.selections),
        excludes=condition.arg,
        rules=tuple(sorted({rule.name for rule in rules})),
        view=draft.view,
        expires=draft.keys.expires.isoformat() if draft.keys.expires else "",
        default=draft.keys.default,
    )


def _is_for_all(draft: FilterDraft) -> bool:
    return draft.rules == ("any",)


def _filtered(draft: FilterDraft, names: Names, report: Report) -> list[RuleDraft]:
    """The rules that a filter is for: none for all, those below a correlation it names."""
    if _is_for_all(draft):
        return []
    rules: dict[str, RuleDraft] = {}
    for reference in draft.rules:
        found = names.resolve(reference)
        if fault := names.unknown(reference):
            report.add(fault, draft.document.line("filter", "rules"))
        elif found is not None:
            rules |= {base.name: base for base in names.bases(found)}
    return list(rules.values())
