"""What is checked once all documents are known: fields of each base's view, and references."""

from collections.abc import Iterator
from typing import TypeGuard

from sigma.correlations import SigmaCorrelationCondition

from ekswatch.audit.vocabulary import OUTCOMES, STATES, lookup
from ekswatch.rules.compiler.drafts import CorrelationDraft, Draft, File, RuleDraft
from ekswatch.rules.compiler.errors import RuleError
from ekswatch.rules.compiler.known import unknown_field
from ekswatch.rules.compiler.mentions import fields_by_place, texts
from ekswatch.rules.compiler.names import Names, error_at


def check_file(file: File, names: Names) -> Iterator[RuleError]:
    """What is wrong with a file among the others."""
    views = {base.view for draft in file.drafts for base in names.bases(draft)}
    known = {alias for each in _correlations(file) for alias in each.sigma.aliases.aliases}
    for draft in file.drafts:
        if _is_for_correlations(draft) and not names.above(draft):
            view = f"a rule on the view {draft.view} serves correlations only"
            yield error_at(draft, f"{view}, and none names it", "logsource", "category")
        if isinstance(draft, CorrelationDraft):
            yield from _check_correlation(draft, names)
        elif draft.keys.collect:
            yield error_at(draft, "only correlations collect", "ekswatch", "collect")
        elif draft.keys.ungrouped:
            yield error_at(draft, "only correlations have groups", "ekswatch", "ungrouped")
        elif draft.keys.once_per:
            yield error_at(draft, "only sums count once per something", "ekswatch", "once_per")
        if draft.keys.keep and not (isinstance(draft, RuleDraft) and names.serves_only(draft)):
            problem = "only rules that serve correlations alone keep less"
            yield error_at(draft, problem, "ekswatch", "keep")
        if isinstance(draft, RuleDraft) and draft.keys.novel and draft.view in OUTCOMES:
            yield error_at(draft, "only a rule on events can be novel", "ekswatch", "novel")
        mine = {base.view for base in names.bases(draft)} if draft is not file.main else views
        for field, path in fields_by_place(draft):
            problem = "" if field in known else unknown_field(field, mine or views)
            if problem:
                yield error_at(draft, problem, *path)


def _unsummable(draft: CorrelationDraft, names: Names) -> Iterator[str]:
    """Why what a sum adds up is no number."""
    condition = draft.sigma.condition
    fields = texts(condition.fieldref) if isinstance(condition, SigmaCorrelationCondition) else ()
    if len(fields) != 1:
        yield "a sum needs one field"
    for name in fields:
        for base in names.bases(draft):
            known = lookup(name, base.view)
            if known is not None and known.type != "int":
                yield f"{name} is no number"


def _correlations(file: File) -> list[CorrelationDraft]:
    return [draft for draft in file.drafts if isinstance(draft, CorrelationDraft)]


def _check_correlation(draft: CorrelationDraft, names: Names) -> Iterator[RuleError]:
    def problem(message: str, *path: str | int) -> RuleError:
        return error_at(draft, message, "correlation", *path)

    references = [rule.reference for rule in draft.sigma.rules or ()]
    if not references:
        yield problem("the correlation names no rules", "rules")
    for reference in references:
        if fault := names.unknown(reference):
            yield problem(fault, "rules")
    if lost := [repr(each) for each in references if names.is_broken(each)]:
        yield problem(f"left out, as what it correlates has errors: {', '.join(lost)}", "rules")
    kind = draft.sigma.type.name
    if kind.startswith("TEMPORAL") and len(set(references)) < 2:
        yield problem("a temporal correlation needs two rules", "rules")
    if kind == "VALUE_SUM":
        for fault in _unsummable(draft, names):
            yield problem(fault, "condition")
    elif draft.keys.once_per:
        yield error_at(draft, "only sums count once per something", "ekswatch", "once_per")
    if names.is_circular(draft):
        yield problem("correlations refer to each other in a circle", "rules")
        return
    aliases = names.aliases(draft)
    ungrouped = names.named(draft.keys.ungrouped)
    for name in draft.keys.ungrouped:
        if not {*names.named((name,))} & {*names.references(draft)}:
            yield error_at(draft, f"{name!r} is none of its rules", "ekswatch", "ungrouped")
    for base in names.bases(draft):
        if base.name in ungrouped:
            continue
        for field in draft.sigma.group_by or ():
            known = aliases.get(field, {}).get(base.name, field)
            fault = unknown_field(known, {base.view})
            if fault:
                yield problem(f"{fault}, for the rule {base.name!r}", "group-by")


def _is_for_correlations(draft: Draft) -> TypeGuard[RuleDraft]:
    """Whether a rule can only make signals: what is on states is found at once."""
    return isinstance(draft, RuleDraft) and draft.view in {*OUTCOMES} - {*STATES}
