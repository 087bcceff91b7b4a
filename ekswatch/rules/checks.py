"""What is checked once all documents are known: fields of each base's view, and references."""

from collections.abc import Iterator

from ekswatch.rules.drafts import CorrelationDraft, File
from ekswatch.rules.errors import RuleError
from ekswatch.rules.lint import unknown_field
from ekswatch.rules.mentions import fields_by_place
from ekswatch.rules.names import Names, error_at


def check_file(file: File, names: Names) -> Iterator[RuleError]:
    """What is wrong with a file among the others."""
    views = {base.view for draft in file.drafts for base in names.bases(draft)}
    known = {alias for each in _correlations(file) for alias in each.sigma.aliases.aliases}
    for draft in file.drafts:
        if isinstance(draft, CorrelationDraft):
            yield from _check_correlation(draft, names)
        elif draft.keys.collect:
            yield error_at(draft, "only correlations collect", "ekswatch", "collect")
        mine = {base.view for base in names.bases(draft)} if draft is not file.main else views
        for field, path in fields_by_place(draft):
            problem = "" if field in known else unknown_field(field, mine or views)
            if problem:
                yield error_at(draft, problem, *path)


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
    if draft.sigma.type.name.startswith("TEMPORAL") and len(set(references)) < 2:
        yield problem("a temporal correlation needs two rules", "rules")
    if names.is_circular(draft):
        yield problem("correlations refer to each other in a circle", "rules")
        return
    aliases = names.aliases(draft)
    for base in names.bases(draft):
        for field in draft.sigma.group_by or ():
            known = aliases.get(field, {}).get(base.name, field)
            fault = unknown_field(known, {base.view})
            if fault:
                yield problem(f"{fault}, for the rule {base.name!r}", "group-by")
