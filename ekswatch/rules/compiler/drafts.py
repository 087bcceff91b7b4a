"""Drafts: each Sigma document read on its own, before names are resolved across files.

pySigma checks what the specification says of a document; what is added is what this product
needs of one: a view that exists, fields of the vocabulary, a message, a severity.

A file whose main document lacks the attribute `ekswatch` is a public one, written for any tool.
It loads unchanged: what it does not state has a default, and a field that no event has, a value
that never occurs or a key of somebody else's is a warning at most.
"""

import dataclasses
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from difflib import get_close_matches
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

import pydantic
from sigma.correlations import SigmaCorrelationCondition, SigmaCorrelationRule
from sigma.exceptions import SigmaError
from sigma.rule import SigmaRule

from ekswatch.audit.vocabulary import lookup
from ekswatch.rules.compiler.documents import Document, documents
from ekswatch.rules.compiler.errors import Report, RuleError, TooManyErrors, reading
from ekswatch.rules.compiler.known import checker, unknown_field
from ekswatch.rules.compiler.lists import Lists, Model, any_values
from ekswatch.rules.compiler.schema import DetectionKeys, FilterKeys, problems
from ekswatch.rules.compiler.sigma import Section, one_line
from ekswatch.rules.compiler.suggest import suggestion
from ekswatch.rules.fields import VIEWS
from ekswatch.rules.ruleset import Expression

KEYS = frozenset(
    {
        *("title", "id", "name", "taxonomy", "related", "status", "description", "license"),
        *("references", "tags", "author", "date", "modified", "fields", "falsepositives"),
        *("level", "scope", "logsource", "detection", "correlation", "filter", "ekswatch"),
    }
)

KINDS = ("event_count", "value_count", "value_sum", "temporal", "temporal_ordered")

MAX_FIELDS = 100

MAX_TIMESPAN_DAYS = 30
"""Signals are kept no longer, unless an operator wants it."""

EVENT_VIEW = ("", "application")
"""The category of public Kubernetes audit rules means the event itself, as none does."""

DEFAULT_LEVEL = "medium"
"""Of a public rule that states none; the specification leaves it open."""

NEAR = 0.8
"""Likeness from which an unknown key of a public rule is a misspelt one."""


@dataclass(frozen=True, slots=True)
class RuleDraft:
    document: Document
    name: str
    view: str
    selections: Mapping[str, Expression]
    condition: Expression
    keys: DetectionKeys
    warnings: tuple[RuleError, ...] = ()


@dataclass(frozen=True, slots=True)
class CorrelationDraft:
    document: Document
    name: str
    sigma: SigmaCorrelationRule
    keys: DetectionKeys
    warnings: tuple[RuleError, ...] = ()


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

    @property
    def warnings(self) -> tuple[RuleError, ...]:
        """What loads, but may stay silent."""
        return tuple(warning for draft in self.drafts for warning in draft.warnings)


def read_file(path: Path, lists: Lists, report: Report) -> File | None:
    """The drafts of a detection file, None when it has errors, which are in the report."""
    drafts: list[Draft | None] = []
    with suppress(TooManyErrors):
        found = documents(path, report)
        if not found and not report.errors:
            report.add("the file is empty")
        public = bool(found) and "ekswatch" not in found[0].data
        for index, document in enumerate(found):
            drafts.append(_guarded(document, lists, report, _Place(index, public)))
    if report.errors:
        return None
    whole = [draft for draft in drafts if draft is not None]
    return File(path, whole[0], tuple(whole[1:]))


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a document stands: its number in the file, and whether that is a public one."""

    index: int
    public: bool

    @property
    def is_main(self) -> bool:
        return self.index == 0

    def default_name(self, document: Document) -> str:
        """The name of a document that states none, empty where it must."""
        stem = document.file.stem
        if self.is_main:
            return stem
        return f"{stem}-{self.index + 1}" if self.public else ""


def _guarded(document: Document, lists: Lists, report: Report, place: _Place) -> Draft | None:
    """Raises: TooManyErrors."""
    before = len(report.warnings)
    draft = None
    with reading(report, document.line()):
        draft = _draft(document, lists, report, place)
    warnings = tuple(report.warnings[before:])
    return dataclasses.replace(draft, warnings=warnings) if draft is not None else None


def _draft(document: Document, lists: Lists, report: Report, place: _Place) -> Draft | None:
    known = common(document, report, public=place.public)
    name = _name(document, report, default=place.default_name(document))
    keys = _keys(document, report)
    if place.public:
        document, keys = _completed(document, keys, report, place)
    elif place.is_main:
        _check_main(document, name, keys, report)
    if not known or keys is None:
        return None
    if "correlation" in document.data:
        return _correlation(document, name, keys, report)
    return _rule(document, name, keys, lists, report, public=place.public)


def _completed(
    document: Document, keys: DetectionKeys | None, report: Report, place: _Place
) -> tuple[Document, DetectionKeys | None]:
    """A document of a public file with defaults, without sample fields that no event has."""
    stated = {key: value for key, value in document.data.items() if value is not None}
    title = str(stated.get("title", ""))
    defaults = {"description": title, "level": DEFAULT_LEVEL} if place.is_main else {}
    sampled = {"fields": list(_sampled(document, report))} if "fields" in stated else {}
    if keys is not None and place.is_main:
        plain = title.replace("{", "(").replace("}", ")")  # it is no template
        keys = keys.model_copy(update={"message": f"{{actor.name}}: {plain}"})
    return dataclasses.replace(document, data={**defaults, **stated, **sampled}), keys


def _sampled(document: Document, report: Report) -> Iterator[object]:
    """The entries of `fields` that a view has; a warning for each other one."""
    source = document.data.get("logsource")
    category = str(source.get("category") or "") if isinstance(source, dict) else ""
    views = [category] if category in VIEWS else ["", *VIEWS] if source is None else [""]
    for index, field in enumerate(any_values(document.data.get("fields"))[:MAX_FIELDS]):
        problem = unknown_field(str(field), views)
        if problem:
            report.warn(f"{problem}: left out", document.line("fields", index))
        else:
            yield field


def _rule(
    document: Document,
    name: str,
    keys: DetectionKeys,
    lists: Lists,
    report: Report,
    *,
    public: bool,
) -> RuleDraft | None:
    view = view_of(document, report)
    lacks = partial(_lacks, view=view or "") if public else None
    section = Section(document, "detection", lists, checker(view or ""), report, lacks=lacks)
    if view is None or section.condition is None:
        return None
    for path, selection in _escalating(keys):
        if selection not in section.selections:
            hint = suggestion(selection, section.selections)
            report.add(
                f"{path[0]}: there is no selection {selection!r}{hint}",
                document.line("ekswatch", *path),
            )
    return RuleDraft(document, name, view, section.selections, section.condition, keys)


def _escalating(keys: DetectionKeys) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """The selections that `ekswatch:` names, each with the key path."""
    for index, entry in enumerate(keys.severity):
        for selection in entry.when:
            yield ("severity", index, "when"), selection
    for selection in keys.novel.when if keys.novel else ():
        yield ("novel", "when"), selection


def _lacks(field: str, view: str) -> bool:
    """Whether no event of a view has a field."""
    return lookup(field, view) is None


def _correlation(
    document: Document, name: str, keys: DetectionKeys, report: Report
) -> CorrelationDraft | None:
    def problem(message: str, *path: str | int) -> None:
        report.add(message, document.line("correlation", *path))

    if fault := _misshapen(document.data["correlation"]):
        problem(*fault)
        return None
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
    if not 0 < sigma.timespan.seconds <= MAX_TIMESPAN_DAYS * 86_400:
        problem(f"the timespan must be more than 0 and at most {MAX_TIMESPAN_DAYS}d", "timespan")
    if keys.severity:
        report.add("a correlation has no selections", document.line("ekswatch", "severity"))
    if keys.novel is not None:
        report.add("only a rule on events can be novel", document.line("ekswatch", "novel"))
    return CorrelationDraft(document, name, sigma, keys)


def _misshapen(section: object) -> tuple[str, str] | None:
    """What pySigma takes on trust of a correlation and is not so, with its key."""
    if not isinstance(section, dict):
        return "a correlation must be a mapping", ""
    for key in ("rules", "group-by"):
        if not all(isinstance(each, str) for each in any_values(section.get(key) or [])):
            return f"{key} must be names", key
    condition = section.get("condition")
    stated = condition.get("field") if isinstance(condition, dict) else None
    if not all(isinstance(each, str) for each in any_values(stated or [])):
        return "the field of a condition must be a name", "condition"
    aliases = section.get("aliases") or {}
    fields = aliases.values() if isinstance(aliases, dict) else ()
    named = [
        isinstance(name, str) for one in fields if isinstance(one, dict) for name in one.values()
    ]
    return None if all(named) else ("an alias must map rules to fields", "aliases")


def read_filters(path: Path, report: Report) -> list[FilterDraft]:
    """The filters of a file without their selections, which need the rules they are for.

    Raises: TooManyErrors.
    """
    drafts = []
    for index, document in enumerate(documents(path, report)):
        with reading(report, document.line()):
            known = common(document, report)
            name = _name(document, report, default=path.stem if index == 0 else "")
            keys = _filter_keys(document, report)
            view = view_of(document, report)
            rules = _filter_rules(document, report)
            if known and keys is not None and view is not None and rules:
                drafts.append(FilterDraft(document, name, keys, rules, view))
    return drafts


def common(document: Document, report: Report, *, public: bool = False) -> bool:
    """Report what is wrong with the keys that all documents share; False when something is.

    Sigma lets anyone add keys; a public document has those that look like no key of Sigma's.
    """
    before = len(report.errors)
    if len(any_values(document.data.get("fields"))) > MAX_FIELDS:
        report.add(f"more than {MAX_FIELDS} fields", document.line("fields"))
        return False
    for key in map(str, document.data):
        if key not in KEYS and (not public or get_close_matches(key.lower(), KEYS, 1, NEAR)):
            report.add(f"unknown key {key!r}{suggestion(key, KEYS)}", document.line(key))
    if not isinstance(document.data.get("id", ""), str):
        report.add("the id must be a UUID", document.line("id"))
    elif "correlation" not in document.data:
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


def _check_main(document: Document, name: str, keys: DetectionKeys | None, report: Report) -> None:
    slug = document.file.stem
    if name != slug:
        report.add(f"the main document must be named {slug!r}", document.line("name"))
    for key in ("id", "description", "level"):
        if not document.data.get(key):
            report.add(f"the main document has no {key}", document.line())
    if keys is not None and not keys.message:
        report.add("the main document has no message", document.line("ekswatch"))


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
