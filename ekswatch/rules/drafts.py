"""Drafts: each Sigma document read on its own, before names are resolved across files.

pySigma checks what the specification says of a document; what is added is what this product
needs of one: a view that exists, fields of the vocabulary, a message, a severity.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import pydantic
from sigma.correlations import SigmaCorrelationCondition, SigmaCorrelationRule
from sigma.exceptions import SigmaError
from sigma.rule import SigmaRule

from ekswatch.rules.documents import Document, documents
from ekswatch.rules.errors import Report
from ekswatch.rules.fields import VIEWS
from ekswatch.rules.lint import checker
from ekswatch.rules.lists import Lists, Model, any_values
from ekswatch.rules.ruleset import Expression
from ekswatch.rules.schema import DetectionKeys, FilterKeys, problems
from ekswatch.rules.sigma import Section, one_line
from ekswatch.rules.suggest import suggestion

KEYS = frozenset(
    {
        *("title", "id", "name", "taxonomy", "related", "status", "description", "license"),
        *("references", "tags", "author", "date", "modified", "fields", "falsepositives"),
        *("level", "scope", "logsource", "detection", "correlation", "filter", "ekswatch"),
    }
)

KINDS = ("event_count", "value_count", "temporal", "temporal_ordered")

EVENT_VIEW = ("", "application")
"""The category of public Kubernetes audit rules means the event itself, as none does."""


@dataclass(frozen=True, slots=True)
class RuleDraft:
    document: Document
    name: str
    view: str
    selections: Mapping[str, Expression]
    condition: Expression
    keys: DetectionKeys


@dataclass(frozen=True, slots=True)
class CorrelationDraft:
    document: Document
    name: str
    sigma: SigmaCorrelationRule
    keys: DetectionKeys


Draft = RuleDraft | CorrelationDraft


@dataclass(frozen=True, slots=True)
class FilterDraft:
    document: Document
    name: str
    keys: FilterKeys
    rules: tuple[str, ...]
    """Names or IDs of documents, or ("any",)."""
    view: str


@dataclass(frozen=True, slots=True)
class File:
    """A detection file: `main` is its first document, which names the detection."""

    path: Path
    main: Draft
    rest: tuple[Draft, ...]

    @property
    def slug(self) -> str:
        return self.path.stem

    @property
    def drafts(self) -> tuple[Draft, ...]:
        return (self.main, *self.rest)


def read_file(path: Path, lists: Lists, report: Report) -> File | None:
    """The drafts of a detection file, None when it has errors, which are in the report."""
    found = documents(path, report)
    if not found and not report.errors:
        report.add("the file is empty")
    drafts = [
        _guarded(document, lists, report, main=index == 0) for index, document in enumerate(found)
    ]
    if report.errors:
        return None
    whole = [draft for draft in drafts if draft is not None]
    return File(path, whole[0], tuple(whole[1:]))


def _guarded(document: Document, lists: Lists, report: Report, *, main: bool) -> Draft | None:
    try:
        return _draft(document, lists, report, main=main)
    except Exception as error:
        # pySigma trusts the shapes of a document in places; one odd file must not hide the rest.
        report.add(f"cannot be read: {type(error).__name__}: {error}", document.line())
        return None


def _draft(document: Document, lists: Lists, report: Report, *, main: bool) -> Draft | None:
    known = common(document, report)
    name = _name(document, report, default=document.file.stem if main else "")
    if main:
        _check_main(document, name, report)
    keys = _keys(document, report)
    if keys is not None and main and not keys.message:
        report.add("the main document has no message", document.line("ekswatch"))
    if not known or keys is None:
        return None
    if "correlation" in document.data:
        return _correlation(document, name, keys, report)
    return _rule(document, name, keys, lists, report)


def _rule(
    document: Document, name: str, keys: DetectionKeys, lists: Lists, report: Report
) -> RuleDraft | None:
    view = view_of(document, report)
    section = Section(document, "detection", lists, checker(view or ""), report)
    if view is None or section.condition is None:
        return None
    for index, entry in enumerate(keys.severity):
        for selection in entry.when:
            if selection not in section.selections:
                hint = suggestion(selection, section.selections)
                report.add(
                    f"severity: there is no selection {selection!r}{hint}",
                    document.line("ekswatch", "severity", index, "when"),
                )
    return RuleDraft(document, name, view, section.selections, section.condition, keys)


def _correlation(
    document: Document, name: str, keys: DetectionKeys, report: Report
) -> CorrelationDraft | None:
    def problem(message: str, *path: str | int) -> None:
        report.add(message, document.line("correlation", *path))

    try:
        sigma = SigmaCorrelationRule.from_dict(dict(document.data), collect_errors=True)
    except (SigmaError, AttributeError, TypeError, ValueError) as error:
        problem(one_line(error))
        return None
    for found in sigma.errors:
        problem(one_line(found))
    if sigma.errors:
        return None
    if str(sigma.type.name).lower() not in KINDS:
        problem(f"the type must be one of {', '.join(KINDS)}", "type")
    if not isinstance(sigma.condition, SigmaCorrelationCondition):
        problem("a condition of names is not supported: list the rules", "condition")
    if keys.severity:
        report.add("a correlation has no selections", document.line("ekswatch", "severity"))
    return CorrelationDraft(document, name, sigma, keys)


def read_filters(path: Path, report: Report) -> list[FilterDraft]:
    """The filters of a file without their selections, which need the rules they are for."""
    drafts = []
    for index, document in enumerate(documents(path, report)):
        known = common(document, report)
        name = _name(document, report, default=path.stem if index == 0 else "")
        keys = _filter_keys(document, report)
        view = view_of(document, report)
        rules = _filter_rules(document, report)
        if known and keys is not None and view is not None and rules:
            drafts.append(FilterDraft(document, name, keys, rules, view))
    return drafts


def common(document: Document, report: Report) -> bool:
    """Report what is wrong with the keys that all documents share; False when something is."""
    before = len(report.errors)
    for key in document.data:
        if key not in KEYS:
            hint = suggestion(str(key), KEYS)
            report.add(f"unknown key {str(key)!r}{hint}", document.line(str(key)))
    if "correlation" not in document.data:
        _, errors = SigmaRule.from_dict_common_params(dict(document.data), collect_errors=True)
        for error in errors:
            message = one_line(error)
            report.add(message, document.line(_key_in(message, document.data)))
    return len(report.errors) == before


def _key_in(message: str, data: Mapping[str, Any]) -> str:
    words = message.lower().split()
    named = {"identifier": "id"}
    return next((named.get(word, word) for word in words if named.get(word, word) in data), "")


def _name(document: Document, report: Report, *, default: str) -> str:
    name = document.data.get("name", default)
    if not isinstance(name, str) or not name:
        report.add("the document needs a name", document.line())
        return ""
    return name


def _check_main(document: Document, name: str, report: Report) -> None:
    slug = document.file.stem
    if name != slug:
        report.add(f"the main document must be named {slug!r}", document.line("name"))
    for key in ("id", "description", "level"):
        if not document.data.get(key):
            report.add(f"the main document has no {key}", document.line())
    if "ekswatch" not in document.data:
        report.add("the main document has no 'ekswatch' with a message", document.line())


def view_of(document: Document, report: Report) -> str | None:
    """The view that the log source names, "" for the event itself, None after an error."""
    source = document.data.get("logsource")
    if not isinstance(source, dict):
        report.add("logsource must name product and service", document.line("logsource"))
        return None
    if (source.get("product"), source.get("service")) != ("kubernetes", "audit"):
        report.add(
            "the log source must be product kubernetes, service audit", document.line("logsource")
        )
        return None
    category = str(source.get("category") or "")
    if category in EVENT_VIEW:
        return ""
    if category in VIEWS:
        return category
    report.add(
        f"there is no view {category!r}{suggestion(category, VIEWS)}",
        document.line("logsource", "category"),
    )
    return None


def _keys(document: Document, report: Report) -> DetectionKeys | None:
    return _read_keys(document, DetectionKeys, report)


def _filter_keys(document: Document, report: Report) -> FilterKeys | None:
    return _read_keys(document, FilterKeys, report)


def _read_keys(document: Document, model: type[Model], report: Report) -> Model | None:
    try:
        return model.model_validate(document.data.get("ekswatch") or {})
    except pydantic.ValidationError as error:
        for path, message in problems(error):
            unknown = message.startswith("unknown key")
            hint = suggestion(str(path[-1]), model.model_fields) if unknown else ""
            report.add(f"ekswatch: {message}{hint}", document.line("ekswatch", *path))
        return None


def _filter_rules(document: Document, report: Report) -> tuple[str, ...]:
    section = document.data.get("filter")
    rules = any_values(section.get("rules")) if isinstance(section, dict) else []
    if not rules or not all(isinstance(rule, str) and rule for rule in rules):
        report.add("filter: rules must name documents, or be 'any'", document.line("filter"))
        return ()
    return tuple("any" if str(rule).lower() == "any" else str(rule) for rule in rules)


def document_id(document: Document) -> str:
    """The ID in its usual spelling, or an empty string."""
    value = document.data.get("id")
    return str(UUID(str(value))) if value else ""
