"""Review: what lint says of detections and filters that compile.

`sources` finds what cannot be read; here is what can be read and still would not do what was
meant: a condition that no event meets, an exclusion that excuses the attacker, a filter past
its day. Errors never may stay; a warning may, when the document says why (`ekswatch: lint:`).
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Literal

from ekswatch.audit.vocabulary import STATES
from ekswatch.rules.compiler import attack
from ekswatch.rules.compiler.attack import TACTIC_IDS
from ekswatch.rules.compiler.databases import FIELDS, unknown
from ekswatch.rules.compiler.documents import Document
from ekswatch.rules.compiler.drafts import Draft, File, FilterDraft, RuleDraft, document_id
from ekswatch.rules.compiler.folders import yaml_files
from ekswatch.rules.compiler.lists import PLACEHOLDER, Lists
from ekswatch.rules.compiler.mentions import texts
from ekswatch.rules.compiler.schema import DetectionKeys
from ekswatch.rules.compiler.sources import Sources
from ekswatch.rules.compiler.suggest import suggestion
from ekswatch.rules.expression import fields_of, inlined
from ekswatch.rules.lint import logic
from ekswatch.rules.ruleset import Expression, Filter

Level = Literal["error", "warning"]

EXPIRES_SOON_DAYS = 14
OLD_DATABASE_DAYS = 90

CODES: Mapping[str, tuple[Level, str]] = {
    "always-matches": ("error", "The condition holds for every event, or the filter excludes all."),
    "attack-mapping": (
        "warning",
        "A tag names a technique that was revoked or deprecated, or that belongs to none of the "
        "tactics tagged.",
    ),
    "attack-unknown": ("error", "A tag names a tactic or technique that ATT&CK does not have."),
    "chosen-exclusion": (
        "warning",
        "An exclusion rests on nothing but what whoever makes the request chooses.",
    ),
    "dead-severity": ("warning", "An entry of `severity` never decides, or changes nothing."),
    "duplicate-id": ("error", "Two documents have one ID."),
    "duplicate-title": ("warning", "Two documents have one title."),
    "empty-list": ("warning", "The condition cannot hold while a list that it needs is empty."),
    "expired-filter": ("error", "The filter's last day is over: it excludes nothing any more."),
    "expiring-filter": ("warning", f"The filter expires within {EXPIRES_SOON_DAYS} days."),
    "idle-filter": ("warning", "The filter can never hold for a match of a rule it names."),
    "impossible-verb": ("warning", "A resource does not have the verb."),
    "missing-example": ("error", "A detection has no `match_` or no `ignore_` example."),
    "missing-metadata": (
        "warning",
        "The main document lacks `status`, `references`, `falsepositives`, an ATT&CK technique "
        "or a `runbook`.",
    ),
    "never-matches": ("error", "No event can meet the condition."),
    "no-database": (
        "warning",
        "A condition tests where addresses lie, or a list of yours is for such tests alone, and "
        "the settings name no database that says so.",
    ),
    "not-logged": (
        "error",
        "EKS does not log such requests, or not with the body that the condition needs.",
    ),
    "old-database": (
        "warning",
        f"A database of places was built more than {OLD_DATABASE_DAYS} days ago.",
    ),
    "public-rule": ("warning", "A public rule loads, but a part of it never holds or is left out."),
    "unknown-resource": (
        "warning",
        "Neither Kubernetes nor an extension we know of has the resource, or its API group has.",
    ),
    "unproven-severity": (
        "warning",
        "The status says that the rule is not proven or not supported, its severity that people "
        "are to be woken.",
    ),
    "unused-acceptance": ("warning", "`lint` accepts a warning that is not there."),
    "unused-list": ("warning", "No document uses the list."),
    "unused-selection": ("warning", "Neither the condition nor `severity` uses the selection."),
    "verb-not-restricted": (
        "warning",
        "A rule on a view of written objects does not say which writes it is about.",
    ),
}
"""Every code: its level, and what it says."""

OF_SETTINGS = frozenset({"no-database"})
"""Codes that settings mend: a document may accept one that these settings do not give rise to."""

EXAMPLE_KINDS = ("match", "ignore")

WAKING = frozenset({"high", "critical"})

UNPROVEN = frozenset({"experimental", "deprecated", "unsupported"})


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One thing that lint says; `line` counts from 1, and is 0 where it is not known."""

    file: str
    line: int
    level: Level
    code: str
    message: str


def problem(code: str, message: str, document: Document, *path: str | int) -> Problem:
    """A problem at a key path of a document."""
    return Problem(str(document.file), document.line(*path), CODES[code][0], code, message)


def review(
    sources: Sources, *, examples: Mapping[str, frozenset[str]], today: date
) -> tuple[Problem, ...]:
    """What lint says beyond `sources.errors`, sorted by place.

    `examples` maps slug to the kinds of example there are; `today` is what a filter's last day
    and a database's first are compared with. What a document accepts is left out.
    """
    found: list[Problem] = []
    for file in sources.files:
        for draft in file.drafts:
            mine = [*_of_draft(draft, file, sources), *_of_main(draft, file, examples)]
            found += _accepted(mine, draft.keys.lint, draft.document)
    for filter_, excluded in zip(sources.filters, sources.exclusions, strict=True):
        mine = list(_of_filter(filter_, excluded, sources, today))
        found += _accepted(mine, filter_.keys.lint, filter_.document)
    found += _duplicates(sources)
    found += _unused_lists(sources)
    found += _old_databases(sources, today)
    found += _lists_of_no_database(sources)
    return tuple(sorted(set(found)))


def _of_draft(draft: Draft, file: File, sources: Sources) -> Iterator[Problem]:
    document = draft.document
    for warning in draft.warnings:
        yield Problem(warning.file, warning.line, "warning", "public-rule", warning.message)
    tactic = file.path.parent.name
    yield from _tags(document, tactic if tactic in TACTIC_IDS else "")
    yield from _severity(draft, str(file.main.document.data.get("level")), sources.lists)
    if isinstance(draft, RuleDraft):
        yield from (
            problem(each.code, each.message, document, *each.path)
            for each in logic.of_rule(draft, sources.lists)
            if each.code != "never-matches" or not draft.warnings  # these say why, and suffice
        )
        yield from _unplaced(document, inlined(draft.condition, draft.selections), sources)


def _unplaced(document: Document, condition: Expression, sources: Sources) -> Iterator[Problem]:
    for field in unknown(fields_of(condition), sources.databases):
        message = f"no event has {field}: the settings name no database, geo.{FIELDS[field]}"
        yield problem("no-database", message, document, "detection")


def _severity(draft: Draft, level: str, lists: Lists) -> Iterator[Problem]:
    document = draft.document
    level = str(document.data.get("level") or level)
    if isinstance(draft, RuleDraft):
        for index, message in logic.dead_entries(draft, level, lists):
            yield problem("dead-severity", message, document, "ekswatch", "severity", index)
    status = str(document.data.get("status")).lower()
    highest = WAKING & {level, *(entry.level for entry in draft.keys.severity)}
    if status in UNPROVEN and highest:
        message = f"the status is {status}, the severity {' or '.join(sorted(highest))}"
        yield problem("unproven-severity", message, document, "status")


def _tags(document: Document, tactic: str) -> Iterator[Problem]:
    tags = texts(document.data.get("tags"))
    for tag, fault in attack.faults(tags, tactic).items():
        code = "attack-unknown" if fault.unknown else "attack-mapping"
        yield problem(code, fault.message, document, "tags", tags.index(tag))


def _of_main(draft: Draft, file: File, examples: Mapping[str, frozenset[str]]) -> Iterator[Problem]:
    """What a detection lacks; a public rule, written for any tool, need not have it."""
    document = draft.document
    if draft is not file.main or "ekswatch" not in document.data:
        return
    for kind in EXAMPLE_KINDS:
        shown = isinstance(draft, RuleDraft) and draft.view in STATES  # by no audit event
        if not shown and kind not in examples.get(file.slug, frozenset()):
            message = f"there is no example events/{file.slug}/{kind}_*.json"
            yield problem("missing-example", message, document, "name")
    for what in _missing(document.data, draft.keys):
        yield problem("missing-metadata", f"the document has no {what}", document)


def _missing(data: Mapping[str, object], keys: DetectionKeys) -> Iterator[str]:
    for key in ("status", "references", "falsepositives"):
        if not data.get(key):
            yield key
    if not any(map(attack.is_technique, texts(data.get("tags")))):
        yield "tag of an ATT&CK technique"
    if not keys.runbook:
        yield "runbook"


def _of_filter(
    draft: FilterDraft, excluded: Filter, sources: Sources, today: date
) -> Iterator[Problem]:
    document, expires = draft.document, draft.keys.expires
    rules = [
        rule
        for name in excluded.rules
        if isinstance(rule := sources.names.drafts.get(name), RuleDraft)
    ]
    yield from (
        problem(each.code, each.message, document, *each.path)
        for each in logic.of_filter(draft, excluded, rules, sources.lists)
    )
    yield from _unplaced(document, inlined(excluded.excludes, excluded.selections), sources)
    if expires is None:
        return
    place = ("ekswatch", "expires")
    if expires < today:
        yield problem("expired-filter", f"the filter expired on {expires}", document, *place)
    elif (left := (expires - today).days) <= EXPIRES_SOON_DAYS:
        message = f"the filter expires on {expires}, {_days(left)}"
        yield problem("expiring-filter", message, document, *place)


def _days(left: int) -> str:
    return {0: "today", 1: "tomorrow"}.get(left, f"in {left} days")


def _accepted(
    found: Iterable[Problem], accepted: Mapping[str, str], document: Document
) -> Iterator[Problem]:
    """The problems that a document does not accept, and what is wrong with its accepting."""
    used = set()
    for each in found:
        if each.code in accepted and each.level == "warning":
            used.add(each.code)
        else:
            yield each
    for code in accepted:
        place = ("ekswatch", "lint", code)
        if code not in CODES:
            message = f"there is no code {code!r}{suggestion(code, CODES)}"
            yield problem("unused-acceptance", message, document, *place)
        elif CODES[code][0] == "error":
            message = f"{code} is an error, which cannot be accepted"
            yield problem("unused-acceptance", message, document, *place)
        elif code not in used and code not in OF_SETTINGS:
            message = f"nothing here is {code}"
            yield problem("unused-acceptance", message, document, *place)


def _duplicates(sources: Sources) -> Iterator[Problem]:
    """Documents, filters among them, that share an ID or a title."""
    drafts = [draft for file in sources.files for draft in file.drafts]
    documents = [each.document for each in (*drafts, *sources.filters)]
    ids: dict[str, Document] = {}
    titles: dict[str, list[Document]] = defaultdict(list)
    for document in documents:
        titles[str(document.data.get("title")).casefold()].append(document)
        id_ = document_id(document)
        if id_ and ids.setdefault(id_, document) is not document:
            message = f"the id {id_!r} is already taken by {_place(ids[id_])}"
            yield problem("duplicate-id", message, document, "id")
    for first, *others in titles.values():
        for document in others:
            message = f"the title is already taken by {_place(first)}"
            yield problem("duplicate-title", message, document, "title")


def _place(document: Document) -> str:
    return f"{document.file}:{document.line()}"


def _unused_lists(sources: Sources) -> Iterator[Problem]:
    used = {name for section in _sections(sources) for _, name in _tests(section)}
    if sources.errors:  # a file that is left out may be the one that uses it
        return
    for file in (each for folder in sources.list_folders for each in yaml_files(folder, [])):
        if file.stem not in used:
            yield _at(file, "unused-list", f"no document uses the list {file.stem!r}")


def _sections(sources: Sources) -> Iterator[object]:
    """What the documents test, as it is written."""
    drafts: list[Draft | FilterDraft] = [draft for file in sources.files for draft in file.drafts]
    for draft in (*drafts, *sources.filters):
        for section in ("detection", "filter"):
            yield draft.document.data.get(section)


def _old_databases(sources: Sources, today: date) -> Iterator[Problem]:
    for each in sources.databases:
        days = (today - date.fromisoformat(each.built)).days
        if days > OLD_DATABASE_DAYS and sources.settings_document is not None:
            message = f"{each.type} was built on {each.built}, {days} days ago; fetch a newer one"
            yield problem("old-database", message, sources.settings_document, "geo", each.gives)


def _lists_of_no_database(sources: Sources) -> Iterator[Problem]:
    """Lists of the operator's that change nothing, as no event has a field they are for."""
    tested: dict[str, set[str]] = defaultdict(set)
    for section in _sections(sources):
        for field, name in _tests(section):
            tested[name].add(field)
    there = sources.databases
    idle = {name for name, fields in tested.items() if {*unknown(fields, there)} == fields}
    message = "no event has what this list is for: the settings name no database, geo"
    for name in idle & sources.settings.lists.keys():
        if sources.settings_document is not None:
            yield problem("no-database", message, sources.settings_document, "lists", name)
    for file in yaml_files(sources.tuning / "lists", []) if sources.tuning else ():
        if file.stem in idle:
            yield _at(file, "no-database", message)


def _tests(section: object, field: str = "") -> Iterator[tuple[str, str]]:
    """Each field that is compared with a list, and the list."""
    if isinstance(section, str):
        yield from ((field, name) for name in PLACEHOLDER.findall(section))
    elif isinstance(section, dict):
        for key, value in section.items():
            yield from _tests(value, str(key).partition("|")[0])
    elif isinstance(section, list):
        for value in section:
            yield from _tests(value, field)


def _at(file: Path, code: str, message: str) -> Problem:
    return Problem(str(file), 1, CODES[code][0], code, message)
