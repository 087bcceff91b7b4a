"""compile_ruleset: a folder of Sigma files in, one Ruleset out.

Three passes: read every file on its own, then resolve the names that point from one document
to another, then write the ruleset, sorted by name. Errors of all passes are raised together.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
from sigma.correlations import SigmaCorrelationCondition

from ekswatch.audit.vocabulary import SUMMARY, lookup
from ekswatch.rules.attack import TACTICS, tactics, techniques
from ekswatch.rules.detection import Detection, Severity
from ekswatch.rules.documents import documents
from ekswatch.rules.drafts import (
    CorrelationDraft,
    Draft,
    File,
    FilterDraft,
    RuleDraft,
    document_id,
    read_file,
    read_filters,
)
from ekswatch.rules.errors import Report, RuleError, RuleErrors
from ekswatch.rules.lint import checker, unknown_field
from ekswatch.rules.lists import Lists, any_values, read_lists, read_model
from ekswatch.rules.ruleset import (
    SCHEMA,
    Correlation,
    Escalation,
    Filter,
    Not,
    Rule,
    Ruleset,
)
from ekswatch.rules.schema import Dedup, Tuning
from ekswatch.rules.sigma import Section
from ekswatch.rules.suggest import suggestion

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


def compile_ruleset(folder: Path, tuning: Path | None = None) -> Ruleset:
    """The detections of a folder, with the operator's changes from the tuning folder.

    Raises: RuleErrors, with every error of every file.
    """
    errors: list[RuleError] = []
    lists = read_lists(folder / "lists", tuning, errors)
    settings = _settings(tuning, errors)
    files, broken = _read_files(folder, lists, errors)
    names = _Names(files, broken, errors)
    filters = _filters(folder, tuning, lists, names, errors)
    for file in files:
        _check_file(file, names, errors)
    _check_disabled(settings, files, filters, tuning, errors)
    if errors:
        raise RuleErrors(errors)
    enabled = _enabled(files, settings, names)
    return Ruleset(
        schema=SCHEMA,
        detections=tuple(_detection(file) for file in enabled.described(names)),
        rules=tuple(_rule(draft, names, enabled) for draft in enabled.rules()),
        correlations=tuple(_correlation(draft, names) for draft in enabled.correlations()),
        filters=tuple(f for f in filters if f.name not in settings.disabled.filters),
        seed_mode=settings.seed_mode,
    ).sealed()


def _read_files(
    folder: Path, lists: Lists, errors: list[RuleError]
) -> tuple[list[File], frozenset[str]]:
    """The files without errors, and the names that documents of the others have."""
    files: list[File] = []
    broken: set[str] = set()
    for path in sorted(folder.glob("*/*.yml")):
        if path.parent.name in ("lists", "filters"):
            continue
        report = Report(path)
        file = read_file(path, lists, report)
        errors.extend(report.errors)
        if file is not None:
            files.append(file)
        else:
            broken |= {path.stem, *_document_names(path)}
    if not files and not errors:
        errors.append(RuleError(str(folder), 0, "there are no detections in the folder"))
    return sorted(files, key=lambda file: file.slug), frozenset(broken)


def _document_names(path: Path) -> list[str]:
    return [str(document.data.get("name")) for document in documents(path, Report(path))]


def _settings(tuning: Path | None, errors: list[RuleError]) -> Tuning:
    path = tuning / "ekswatch.yml" if tuning else None
    if path is None or not path.exists():
        return Tuning()
    report = Report(path)
    found = documents(path, report)
    settings = read_model(found[0], Tuning, report) if found else None
    errors.extend(report.errors)
    return settings or Tuning()


class _Names:
    """Every document by name and by ID, and who refers to whom."""

    def __init__(
        self, files: Iterable[File], broken: frozenset[str], errors: list[RuleError]
    ) -> None:
        self._broken = broken
        self.drafts: dict[str, Draft] = {}
        self.files: dict[str, File] = {}
        self._ids: dict[str, str] = {}
        for file in files:
            for draft in file.drafts:
                self._add(file, draft, errors)

    def _add(self, file: File, draft: Draft, errors: list[RuleError]) -> None:
        id_ = document_id(draft.document)
        for known, key, label in ((self.drafts, draft.name, "name"), (self._ids, id_, "id")):
            if key and key in known:
                first = self.drafts[self._ids[key] if label == "id" else key].document.file
                message = f"the {label} {key!r} is already taken by {first}"
                errors.append(_error(draft, message, label))
                return
        self.drafts[draft.name] = draft
        self.files[draft.name] = file
        if id_:
            self._ids[id_] = draft.name

    def resolve(self, reference: str) -> Draft | None:
        """The document that a name or an ID means."""
        return self.drafts.get(self._ids.get(reference.lower(), reference))

    def unknown(self, reference: str) -> str:
        """Why a reference means nothing, or an empty string; broken files have errors enough."""
        if self.resolve(reference) is not None or reference in self._broken:
            return ""
        return f"there is no document {reference!r}{suggestion(reference, self.drafts)}"

    def references(self, draft: CorrelationDraft) -> tuple[str, ...]:
        """Names of the documents that a correlation correlates."""
        found = (self.resolve(rule.reference) for rule in draft.sigma.rules or ())
        return tuple(each.name for each in found if each is not None)

    def bases(self, draft: Draft, seen: frozenset[str] = frozenset()) -> Iterator[RuleDraft]:
        """The rules that a document comes down to: itself, or those below a correlation."""
        if isinstance(draft, RuleDraft):
            yield draft
        elif draft.name not in seen:
            for name in self.references(draft):
                yield from self.bases(self.drafts[name], seen | {draft.name})

    def above(self, draft: Draft) -> list[CorrelationDraft]:
        """The correlations that refer to a document, directly or through others."""
        return [
            each
            for each in self.drafts.values()
            if isinstance(each, CorrelationDraft)
            and each is not draft
            and self._reaches(each, draft.name, frozenset())
        ]

    def _reaches(self, draft: Draft, name: str, seen: frozenset[str]) -> bool:
        if not isinstance(draft, CorrelationDraft) or draft.name in seen:
            return False
        below = self.references(draft)
        return name in below or any(
            self._reaches(self.drafts[each], name, seen | {draft.name}) for each in below
        )

    def is_circular(self, draft: Draft) -> bool:
        return self._reaches(draft, draft.name, frozenset())

    def serves_only(self, draft: Draft) -> bool:
        """Whether its own file correlates a document, without `generate`, so that it is silent."""
        own = [
            each
            for each in self.files[draft.name].drafts
            if isinstance(each, CorrelationDraft) and draft.name in self.references(each)
        ]
        return bool(own) and not any(each.sigma.generate for each in own)


@dataclass(frozen=True, slots=True)
class _Enabled:
    """What is left after disabling: `files` make findings, `needed` also what they correlate."""

    files: tuple[File, ...]
    needed: Mapping[str, Draft]

    def rules(self) -> Iterator[RuleDraft]:
        return (each for _, each in sorted(self.needed.items()) if isinstance(each, RuleDraft))

    def correlations(self) -> Iterator[CorrelationDraft]:
        return (
            each for _, each in sorted(self.needed.items()) if isinstance(each, CorrelationDraft)
        )

    def described(self, names: _Names) -> list[File]:
        """The files whose detections a match can name, in order of slug."""
        files = {names.files[name].slug: names.files[name] for name in self.needed}
        return [files[slug] for slug in sorted(files)]

    def finds(self, draft: Draft) -> bool:
        return any(draft in file.drafts for file in self.files)


def _enabled(files: Iterable[File], settings: Tuning, names: _Names) -> _Enabled:
    kept = tuple(file for file in files if file.slug not in settings.disabled.detections)
    needed: dict[str, Draft] = {}
    queue = [draft for file in kept for draft in file.drafts]
    while queue:
        draft = queue.pop()
        if draft.name not in needed:
            needed[draft.name] = draft
            if isinstance(draft, CorrelationDraft):
                queue.extend(names.drafts[name] for name in names.references(draft))
    return _Enabled(kept, needed)


# What is written


def _detection(file: File) -> Detection:
    main = file.main
    data, keys = main.document.data, main.keys
    tags = [str(tag) for tag in data.get("tags") or ()]
    folder = f"attack.{file.path.parent.name}"
    dedup = _dedup(main)
    return Detection(
        slug=file.slug,
        id=document_id(main.document),
        title=str(data["title"]),
        description=str(data["description"]).strip(),
        severity=_severity(main),
        message=keys.message or "",
        dedup=dedup.key,
        dedup_seconds=dedup.seconds,
        fields=_texts(data.get("fields")),
        impact=keys.impact,
        confidence=keys.confidence,
        tactics=tactics([folder, *tags] if file.path.parent.name in TACTICS else tags),
        techniques=techniques(tags),
        falsepositives=_texts(data.get("falsepositives")),
        references=_texts(data.get("references")),
        runbook=keys.runbook or "",
        commands=keys.commands or (),
        seed=keys.seed or "",
    )


def _variant(draft: Draft, file: File) -> Detection | None:
    """The detection with what this document states itself, None when it states nothing."""
    if draft is file.main:
        return None
    keys = draft.keys
    stated: dict[str, Any] = {
        "message": keys.message,
        "impact": keys.impact,
        "confidence": keys.confidence,
        "runbook": keys.runbook,
        "commands": keys.commands,
        "fields": _texts(draft.document.data.get("fields")) or None,
    }
    if keys.dedup is not None:
        stated |= {"dedup": keys.dedup.key, "dedup_seconds": keys.dedup.seconds}
    changed = {name: value for name, value in stated.items() if value is not None}
    return msgspec.structs.replace(_detection(file), **changed) if changed else None


def _dedup(draft: Draft) -> Dedup:
    """As stated; a correlation folds by its group unless it says otherwise."""
    if draft.keys.dedup is not None:
        return draft.keys.dedup
    if isinstance(draft, CorrelationDraft) and draft.sigma.group_by:
        return Dedup(key=tuple(draft.sigma.group_by))
    return Dedup()


def _rule(draft: RuleDraft, names: _Names, enabled: _Enabled) -> Rule:
    file = names.files[draft.name]
    return Rule(
        name=draft.name,
        detection=file.slug,
        view=draft.view,
        selections=dict(draft.selections),
        condition=draft.condition,
        severity=_severity(draft, file.main),
        escalations=tuple(
            Escalation(entry.when, Severity[entry.level.upper()]) for entry in draft.keys.severity
        ),
        facts=tuple(dict.fromkeys(_facts(draft, names))),
        finding=enabled.finds(draft) and not names.serves_only(draft),
        signal=any(each.name in enabled.needed for each in names.above(draft)),
        variant=_variant(draft, file),
    )


def _correlation(draft: CorrelationDraft, names: _Names) -> Correlation:
    file, sigma = names.files[draft.name], draft.sigma
    condition = sigma.condition
    assert isinstance(condition, SigmaCorrelationCondition)  # noqa: S101 - checked when drafted
    return Correlation(
        name=draft.name,
        detection=file.slug,
        kind=sigma.type.name.lower(),  # type: ignore[arg-type]  # checked when drafted
        rules=names.references(draft),
        timespan_seconds=sigma.timespan.seconds,
        severity=_severity(draft, file.main),
        group_by=tuple(sigma.group_by or ()),
        op=condition.op.name.lower(),  # type: ignore[arg-type]  # pySigma's names are ours
        count=int(condition.count),
        fields=_texts(condition.fieldref),
        aliases=_aliases(draft, names),
        collect=draft.keys.collect,
        finding=not names.serves_only(draft),
        variant=_variant(draft, file),
    )


def _aliases(draft: CorrelationDraft, names: _Names) -> dict[str, dict[str, str]]:
    aliases: dict[str, dict[str, str]] = {}
    for alias in draft.sigma.aliases:
        fields = {names.resolve(ref.reference): field for ref, field in alias.mapping.items()}
        aliases[alias.alias] = {each.name: field for each, field in fields.items() if each}
    return aliases


def _severity(*drafts: Draft) -> Severity:
    """The level of the first of these documents that states one."""
    stated = (draft.document.data.get("level") for draft in drafts)
    return Severity[next(str(level).upper() for level in stated if level)]


# What a document names


def _facts(draft: RuleDraft, names: _Names) -> Iterator[str]:
    """The fields that matches of a rule must keep, for its detection and its correlations."""
    mine = [draft, names.files[draft.name].main, *names.above(draft)]
    for each in mine:
        for field in _named(each, names):
            if field not in SUMMARY and lookup(field, draft.view) is not None:
                yield field


def _named(draft: Draft, names: _Names) -> Iterator[str]:
    for field, _ in _fields_by_place(draft):
        yield field
    if isinstance(draft, CorrelationDraft):
        yield from draft.sigma.group_by or ()
        for fields in _aliases(draft, names).values():
            yield from fields.values()


def _fields_by_place(draft: Draft) -> Iterator[tuple[str, tuple[str | int, ...]]]:
    """Fields that a document names outside its detection section, with the key path."""
    keys, data = draft.keys, draft.document.data
    for index, name in enumerate(_texts(data.get("fields"))):
        yield name, ("fields", index)
    for name in keys.dedup.key if keys.dedup else _dedup(draft).key:
        yield name, ("ekswatch", "dedup", "key")
    for name in keys.collect:
        yield name, ("ekswatch", "collect")
    for key, text in _templates(draft):
        for name in TEMPLATE_FIELD.findall(text):
            if name not in FINDING_WORDS:
                yield name, ("ekswatch", key)
    if isinstance(draft, CorrelationDraft):
        condition = draft.sigma.condition
        if isinstance(condition, SigmaCorrelationCondition):
            for name in _texts(condition.fieldref):
                yield name, ("correlation", "condition")


def _templates(draft: Draft) -> Iterator[tuple[str, str]]:
    keys = draft.keys
    yield "message", keys.message or ""
    yield "runbook", keys.runbook or ""
    for command in keys.commands or ():
        yield "commands", command


# What is checked once all documents are known


def _check_file(file: File, names: _Names, errors: list[RuleError]) -> None:
    views = {base.view for draft in file.drafts for base in names.bases(draft)}
    for draft in file.drafts:
        if isinstance(draft, CorrelationDraft):
            _check_correlation(draft, names, errors)
        elif draft.keys.collect:
            errors.append(_error(draft, "only correlations collect", "ekswatch", "collect"))
        mine = {base.view for base in names.bases(draft)} if draft is not file.main else views
        known = {alias for each in _correlations(file) for alias in each.sigma.aliases.aliases}
        for field, path in _fields_by_place(draft):
            problem = "" if field in known else unknown_field(field, mine or views)
            if problem:
                errors.append(_error(draft, problem, *path))


def _correlations(file: File) -> list[CorrelationDraft]:
    return [draft for draft in file.drafts if isinstance(draft, CorrelationDraft)]


def _check_correlation(draft: CorrelationDraft, names: _Names, errors: list[RuleError]) -> None:
    def problem(message: str, *path: str | int) -> None:
        errors.append(_error(draft, message, "correlation", *path))

    references = [rule.reference for rule in draft.sigma.rules or ()]
    if not references:
        problem("the correlation names no rules", "rules")
    for reference in references:
        if fault := names.unknown(reference):
            problem(fault, "rules")
    if draft.sigma.type.name.startswith("TEMPORAL") and len(set(references)) < 2:
        problem("a temporal correlation needs two rules", "rules")
    if names.is_circular(draft):
        problem("correlations refer to each other in a circle", "rules")
        return
    aliases = _aliases(draft, names)
    for base in names.bases(draft):
        for field in draft.sigma.group_by or ():
            known = aliases.get(field, {}).get(base.name, field)
            fault = unknown_field(known, {base.view})
            if fault:
                problem(f"{fault}, for the rule {base.name!r}", "group-by")


def _filters(
    folder: Path,
    tuning: Path | None,
    lists: Lists,
    names: _Names,
    errors: list[RuleError],
) -> tuple[Filter, ...]:
    paths = sorted((folder / "filters").glob("*.yml"))
    paths += sorted((tuning / "filters").glob("*.yml")) if tuning else []
    found: dict[str, Filter] = {}
    for path in paths:
        report = Report(path)
        for draft in read_filters(path, report):
            if draft.name in found:
                report.add(f"the name {draft.name!r} is already taken", draft.document.line("name"))
            made = _filter(draft, lists, names, report)
            if made is not None:
                found.setdefault(made.name, made)
        errors.extend(report.errors)
    return tuple(found[name] for name in sorted(found))


def _filter(draft: FilterDraft, lists: Lists, names: _Names, report: Report) -> Filter | None:
    document = draft.document
    rules = _filtered(draft, names, report)
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


def _filtered(draft: FilterDraft, names: _Names, report: Report) -> list[RuleDraft]:
    """The rules that a filter is for: none for all, those below a correlation it names."""
    if draft.rules == ("any",):
        return []
    rules: dict[str, RuleDraft] = {}
    for reference in draft.rules:
        found = names.resolve(reference)
        if fault := names.unknown(reference):
            report.add(fault, draft.document.line("filter", "rules"))
        elif found is not None:
            rules |= {base.name: base for base in names.bases(found)}
    return list(rules.values())


def _check_disabled(
    settings: Tuning,
    files: Iterable[File],
    filters: Iterable[Filter],
    tuning: Path | None,
    errors: list[RuleError],
) -> None:
    wanted = {
        "detection": (settings.disabled.detections, [file.slug for file in files]),
        "filter": (settings.disabled.filters, [filter_.name for filter_ in filters]),
    }
    if errors or tuning is None:  # with files missing, every name would look unknown
        return
    for kind, (disabled, known) in wanted.items():
        for name in disabled:
            if name not in known:
                message = f"disabled: there is no {kind} {name!r}{suggestion(name, known)}"
                errors.append(RuleError(str(tuning / "ekswatch.yml"), 0, message))


def _error(draft: Draft, message: str, *path: str | int) -> RuleError:
    return RuleError(str(draft.document.file), draft.document.line(*path), message)


def _texts(value: object) -> tuple[str, ...]:
    return tuple(str(entry) for entry in any_values(value) if entry is not None)
