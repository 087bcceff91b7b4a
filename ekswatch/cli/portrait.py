"""What a detection says of itself, gathered from its file: a row of a list, or the whole.

The shapes here are the JSON of `rules list` and `rules show`; their keys are documented in
docs/commands.md and stay.
"""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from ekswatch.cli.examples import Example
from ekswatch.rules.compiler.documents import documents
from ekswatch.rules.compiler.drafts import CorrelationDraft, Draft, File, RuleDraft
from ekswatch.rules.compiler.errors import Report
from ekswatch.rules.compiler.lists import PLACEHOLDER
from ekswatch.rules.compiler.schema import Tuning
from ekswatch.rules.compiler.sources import Sources
from ekswatch.rules.compiler.writing import written
from ekswatch.rules.detection import Detection
from ekswatch.rules.explain import correlations_of, is_for, rules_of
from ekswatch.rules.ruleset import Correlation, Filter, Novel, Rule, Ruleset

VERSION = 1
"""Of the JSON that `list`, `show` and `coverage` write."""


LIVE = "live"
ELSEWHERE = "live for other sources"
"""It runs, but the audit policy of EKS leaves out what feeds it, in whole or in part."""
OFF = "off"


class Row(msgspec.Struct, frozen=True):
    """A detection as one line of a list.

    Shape: `kind` is stream, novel, window or sequence; `views` has "event" for the event itself;
    `status` is live, "live for other sources" or off; `maturity` is Sigma's status.
    """

    slug: str
    title: str
    severity: str
    tactics: tuple[str, ...]
    techniques: tuple[str, ...]
    kind: str
    views: tuple[str, ...]
    status: str
    maturity: str
    file: str

    @property
    def is_on(self) -> bool:
        return self.status != OFF


class Level(msgspec.Struct, frozen=True):
    """The severity where all of these selections hold."""

    severity: str
    when: tuple[str, ...]


class Condition(msgspec.Struct, frozen=True):
    """One Sigma rule: its selections as they are written, and the condition over them."""

    name: str
    title: str
    view: str
    selections: dict[str, Any]
    condition: str
    severity: str
    levels: tuple[Level, ...]
    novel: Novel | None = None
    """What must be new to the cluster, where the rule asks for that."""


class Count(msgspec.Struct, frozen=True):
    """One correlation, in the words of Sigma."""

    name: str
    title: str
    kind: str
    rules: tuple[str, ...]
    group_by: tuple[str, ...]
    timespan_seconds: int
    op: str
    count: int
    fields: tuple[str, ...]
    severity: str


class ListUsed(msgspec.Struct, frozen=True):
    """A list that a condition uses, as the operator's changes leave it."""

    name: str
    size: int
    file: str
    source: str
    tuned_by: str


class FilterUsed(msgspec.Struct, frozen=True):
    """A filter that may explain a match away."""

    name: str
    reason: str
    owner: str
    expires: str
    default: bool
    enabled: bool


class ExampleFile(msgspec.Struct, frozen=True):
    kind: str
    file: str


class Portrait(msgspec.Struct, frozen=True):
    """Everything about one detection."""

    row: Row
    detection: Detection
    risk: int
    conditions: tuple[Condition, ...]
    correlations: tuple[Count, ...]
    lists: tuple[ListUsed, ...]
    filters: tuple[FilterUsed, ...]
    examples: tuple[ExampleFile, ...]
    unlogged: str
    """What of it the audit policy of EKS does not log."""

    def as_json(self) -> dict[str, Any]:
        """One flat object; levels by name."""
        found = msgspec.to_builtins(self)
        detection = found.pop("detection")
        techniques = detection.pop("techniques")
        return {
            "schema_version": VERSION,
            **detection,
            **found.pop("row"),
            "techniques": techniques,
            **found,
        }


@dataclasses.dataclass(frozen=True, slots=True)
class Gallery:
    """The detections of some sources, those that are switched off included."""

    sources: Sources
    everything: Ruleset

    @classmethod
    def of(cls, sources: Sources) -> "Gallery":
        return cls(sources, written(dataclasses.replace(sources, settings=Tuning())))

    @property
    def rows(self) -> tuple[Row, ...]:
        """One row per detection, by slug."""
        return tuple(self._row(file) for file in self.sources.files)

    def portrait(self, slug: str, examples: Iterable[Example]) -> Portrait:
        """Everything about a detection. Raises: KeyError when there is none of this slug."""
        detection = self.everything.detection(slug)
        rules = rules_of(self.everything, slug)
        return Portrait(
            row=self._row(self._file(slug)),
            detection=detection,
            risk=detection.risk(detection.severity),
            conditions=tuple(map(self._condition, rules)),
            correlations=tuple(map(self._count, correlations_of(self.everything, slug))),
            lists=self._lists(rules),
            filters=tuple(
                self._filter(each)
                for each in self.everything.filters
                if any(is_for(each, rule) for rule in rules)
            ),
            examples=tuple(
                ExampleFile(one.kind, str(one.path)) for one in examples if one.slug == slug
            ),
            unlogged=self._file(slug).main.keys.unlogged or "",
        )

    def _status(self, file: File) -> str:
        if file.slug in self.sources.settings.disabled.detections:
            return OFF
        return ELSEWHERE if file.main.keys.unlogged else LIVE

    def _row(self, file: File) -> Row:
        detection = self.everything.detection(file.slug)
        views = {rule.view or "event" for rule in rules_of(self.everything, file.slug)}
        return Row(
            slug=file.slug,
            title=detection.title,
            severity=detection.severity.name,
            tactics=detection.tactics,
            techniques=tuple(technique.id for technique in detection.techniques),
            kind=kind_of(file.main),
            views=tuple(sorted(views)),
            status=self._status(file),
            maturity=str(file.main.document.data.get("status") or ""),
            file=str(file.path),
        )

    def _file(self, slug: str) -> File:
        return next(file for file in self.sources.files if file.slug == slug)

    def _document(self, name: str) -> Mapping[str, Any]:
        return self.sources.names.drafts[name].document.data

    def _condition(self, rule: Rule) -> Condition:
        data = self._document(rule.name)
        section = {str(key): value for key, value in data["detection"].items()}
        return Condition(
            name=rule.name,
            title=str(data.get("title") or ""),
            view=rule.view or "event",
            condition=_one(section.pop("condition", "")),
            selections=section,
            severity=rule.severity.name,
            levels=tuple(Level(each.severity.name, each.when) for each in rule.escalations),
            novel=rule.novel,
        )

    def _count(self, correlation: Correlation) -> Count:
        return Count(
            name=correlation.name,
            title=str(self._document(correlation.name).get("title") or ""),
            kind=correlation.kind,
            rules=correlation.rules,
            group_by=correlation.group_by,
            timespan_seconds=correlation.timespan_seconds,
            op=correlation.op,
            count=correlation.count,
            fields=correlation.fields,
            severity=correlation.severity.name,
        )

    def _lists(self, rules: Iterable[Rule]) -> tuple[ListUsed, ...]:
        used = {
            name for rule in rules for name in placeholders(self._document(rule.name)["detection"])
        }
        return tuple(self._list(name) for name in sorted(used))

    def _list(self, name: str) -> ListUsed:
        files = [_yaml(folder, name) for folder in self.sources.list_folders]
        file, tuned, *_ = (*filter(None, files), None, None)
        data = documents(file, Report(file)) if file else ()
        return ListUsed(
            name=name,
            size=len(self.sources.lists[name]),
            file=str(file or ""),
            source=str(data[0].data.get("source") or "") if data else "",
            tuned_by=str(tuned or ""),
        )

    def _filter(self, filter_: Filter) -> FilterUsed:
        return FilterUsed(
            name=filter_.name,
            reason=filter_.reason,
            owner=filter_.owner,
            expires=filter_.expires,
            default=filter_.default,
            enabled=filter_.name not in self.sources.settings.disabled.filters,
        )


def kind_of(main: Draft) -> str:
    """How a detection comes to its findings, by its main document."""
    if isinstance(main, RuleDraft):
        return "novel" if main.keys.novel else "stream"
    assert isinstance(main, CorrelationDraft)  # noqa: S101 - for the type checker
    return "sequence" if main.sigma.type.name == "TEMPORAL_ORDERED" else "window"


def placeholders(value: object) -> frozenset[str]:
    """The names of the lists that a part of a document uses."""
    if isinstance(value, str):
        return frozenset(PLACEHOLDER.findall(value))
    if isinstance(value, Mapping):
        return frozenset().union(
            *(placeholders(each) for key, each in value.items() if _expands(key, each))
        )
    if isinstance(value, Sequence):
        return frozenset().union(*map(placeholders, value))
    return frozenset()


def _expands(key: object, value: object) -> bool:
    """Whether placeholders mean lists here: in nested parts, and behind `|expand`."""
    nested = isinstance(value, Mapping) or (
        isinstance(value, Sequence) and any(isinstance(each, Mapping) for each in value)
    )
    return nested or "expand" in str(key).split("|")


def _yaml(folder: Path, name: str) -> Path | None:
    """The YAML file of this name below a folder."""
    found = [path for end in ("yml", "yaml") for path in sorted(folder.rglob(f"{name}.{end}"))]
    return next(iter(found), None)


def _one(condition: object) -> str:
    """A condition as text; Sigma allows a list of them, any of which may hold."""
    if isinstance(condition, list):
        return " or ".join(f"({each})" for each in condition)
    return str(condition)
