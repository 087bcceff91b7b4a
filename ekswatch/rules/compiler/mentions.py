"""The fields that a document names outside its detection section: in texts, keys and groups."""

import re
from collections.abc import Iterator

from sigma.correlations import SigmaCorrelationCondition

from ekswatch.audit.vocabulary import lookup
from ekswatch.rules.compiler.drafts import CorrelationDraft, Draft, RuleDraft
from ekswatch.rules.compiler.lists import any_values
from ekswatch.rules.compiler.names import Names
from ekswatch.rules.compiler.schema import Dedup

TEMPLATE_FIELD = re.compile(r"\{([A-Za-z][A-Za-z0-9_.\-/]*)\}")
"""`{actor.name}`; what starts otherwise, as in the JSON path `{.status}`, is left alone."""

FINDING_WORDS = frozenset(
    {
        "count",
        "severity",
        "cluster",
        "account",
        "region",
        "first_seen",
        "last_seen",
        "audit_id",
        "correlation.count",
    }
)
"""What a template may name beside fields: the words of the finding."""


def facts(draft: RuleDraft, names: Names) -> tuple[str, ...]:
    """The fields that its detection and its correlations name, which its matches must keep.

    Of a rule that says what to keep, that and what its correlations need.
    """
    above = names.above(draft)
    main = names.files[draft.name].main
    if draft.keys.keep:
        needed = (field for each in above for field in _needed(each, names))
        found = [*draft.keys.keep, *dedup(main).key, *needed]
    else:
        mine = [draft, main, *above]
        found = [field for each in mine for field in _named(each, names)]
    return tuple(dict.fromkeys(field for field in found if lookup(field, draft.view) is not None))


def _named(draft: Draft, names: Names) -> Iterator[str]:
    for field, _ in fields_by_place(draft):
        yield field
    if isinstance(draft, CorrelationDraft):
        yield from _needed(draft, names)


def _needed(draft: CorrelationDraft, names: Names) -> Iterator[str]:
    """What a correlation groups by, counts and folds by."""
    yield from draft.sigma.group_by or ()
    yield from dedup(draft).key
    for fields in names.aliases(draft).values():
        yield from fields.values()
    yield from draft.keys.once_per
    if isinstance(draft.sigma.condition, SigmaCorrelationCondition):
        yield from texts(draft.sigma.condition.fieldref)


def fields_by_place(draft: Draft) -> Iterator[tuple[str, tuple[str | int, ...]]]:
    """The fields that a document names outside its detection section, with the key path."""
    keys, data = draft.keys, draft.document.data
    for index, name in enumerate(texts(data.get("fields"))):
        yield name, ("fields", index)
    for name in keys.dedup.key if keys.dedup is not None else ():
        yield name, ("ekswatch", "dedup", "key")
    if keys.novel is not None:
        for name in keys.novel.key:
            yield name, ("ekswatch", "novel", "key")
        for name in keys.novel.per:
            yield name, ("ekswatch", "novel", "per")
    for name in keys.collect:
        yield name, ("ekswatch", "collect")
    for name in keys.keep:
        yield name, ("ekswatch", "keep")
    for name in keys.once_per:
        yield name, ("ekswatch", "once_per")
    for key, text in _templates(draft):
        for name in TEMPLATE_FIELD.findall(text):
            if name not in FINDING_WORDS:
                yield name, ("ekswatch", key)
    if isinstance(draft, CorrelationDraft):
        condition = draft.sigma.condition
        if isinstance(condition, SigmaCorrelationCondition):
            for name in texts(condition.fieldref):
                yield name, ("correlation", "condition")


def dedup(draft: Draft) -> Dedup:
    """As stated; a correlation folds by its group unless it says otherwise."""
    if draft.keys.dedup is not None:
        return draft.keys.dedup
    if isinstance(draft, CorrelationDraft) and draft.sigma.group_by:
        return Dedup(key=tuple(draft.sigma.group_by))
    return Dedup()


def _templates(draft: Draft) -> Iterator[tuple[str, str]]:
    keys = draft.keys
    yield "message", keys.message or ""
    yield "runbook", keys.runbook or ""
    for command in keys.commands or ():
        yield "commands", command


def texts(value: object) -> tuple[str, ...]:
    """A Sigma value as texts: one value is a list of one, null is none."""
    return tuple(str(entry) for entry in any_values(value) if entry is not None)
