"""From drafts to the data of a ruleset: what is enabled, and how it is written, sorted by name."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
from sigma.correlations import SigmaCorrelationCondition

from ekswatch.rules.compiler.attack import ATTACK_RELEASE, TACTICS, tactics, techniques
from ekswatch.rules.compiler.drafts import CorrelationDraft, Draft, File, RuleDraft, document_id
from ekswatch.rules.compiler.mentions import dedup, facts, texts
from ekswatch.rules.compiler.names import Names
from ekswatch.rules.compiler.schema import DetectionTuning
from ekswatch.rules.compiler.sources import Sources
from ekswatch.rules.detection import Detection, Severity
from ekswatch.rules.ruleset import SCHEMA, Correlation, Escalation, Novel, Rule, Ruleset


def written(sources: Sources) -> Ruleset:
    """What the files say, without what the settings switch off."""
    names, settings = sources.names, sources.settings
    enabled = _enabled(sources)
    off = settings.disabled.filters
    return Ruleset(
        schema=SCHEMA,
        detections=tuple(_detection(file, sources) for file in enabled.described(names)),
        rules=tuple(_rule(draft, sources, enabled) for draft in enabled.rules()),
        correlations=tuple(_correlation(draft, sources) for draft in enabled.correlations()),
        filters=tuple(each for each in sources.exclusions if each.name not in off),
        seed_mode=settings.seed_mode,
        log_only=tuple(sorted(s for s, t in settings.detections.items() if t.mode == "log")),
        attack=ATTACK_RELEASE,
        databases=sources.databases,
    ).sealed()


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

    def described(self, names: Names) -> list[File]:
        """The files whose detections a match can name, in order of slug."""
        files = {names.files[name].slug: names.files[name] for name in self.needed}
        return [files[slug] for slug in sorted(files)]

    def finds(self, file: File) -> bool:
        return file in self.files


def _enabled(sources: Sources) -> _Enabled:
    names, off = sources.names, {*sources.settings.disabled.detections}
    off |= {slug for slug, tuned in sources.settings.detections.items() if not tuned.enabled}
    kept = tuple(file for file in sources.files if file.slug not in off)
    needed: dict[str, Draft] = {}
    queue = [draft for file in kept for draft in file.drafts]
    while queue:
        draft = queue.pop()
        if draft.name not in needed:
            needed[draft.name] = draft
            if isinstance(draft, CorrelationDraft):
                queue.extend(names.drafts[name] for name in names.references(draft))
    return _Enabled(kept, needed)


def _detection(file: File, sources: Sources) -> Detection:
    main = file.main
    tuned = sources.settings.detections.get(file.slug, DetectionTuning())
    data, keys = main.document.data, main.keys
    tags = [str(tag) for tag in data.get("tags") or ()]
    folds = dedup(main)
    return Detection(
        slug=file.slug,
        id=document_id(main.document),
        title=str(data["title"]),
        description=str(data["description"]).strip(),
        severity=_severity(tuned, main),
        message=keys.message or "",
        dedup=folds.key,
        dedup_seconds=folds.seconds,
        fields=texts(data.get("fields")),
        impact=keys.impact,
        confidence=keys.confidence,
        tactics=tactics([*_tactic_of_folder(file, sources.root_of(file)), *tags]),
        techniques=techniques(tags),
        falsepositives=texts(data.get("falsepositives")),
        references=texts(data.get("references")),
        runbook=keys.runbook or "",
        commands=keys.commands or (),
        seed=keys.seed or "",
    )


def _tactic_of_folder(file: File, root: Path) -> list[str]:
    """The tag of the innermost folder that is named by a tactic, if one is."""
    inside = file.path.parent.relative_to(root).parts
    return [f"attack.{name}" for name in reversed(inside) if name in TACTICS][:1]


def _variant(draft: Draft, file: File, sources: Sources) -> Detection | None:
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
        "fields": texts(draft.document.data.get("fields")) or None,
    }
    if keys.dedup is not None:
        stated |= {"dedup": keys.dedup.key, "dedup_seconds": keys.dedup.seconds}
    changed = {name: value for name, value in stated.items() if value is not None}
    return msgspec.structs.replace(_detection(file, sources), **changed) if changed else None


def _rule(draft: RuleDraft, sources: Sources, enabled: _Enabled) -> Rule:
    names = sources.names
    file = names.files[draft.name]
    tuned = sources.settings.detections.get(file.slug, DetectionTuning())
    return Rule(
        name=draft.name,
        detection=file.slug,
        view=draft.view,
        selections=dict(draft.selections),
        condition=draft.condition,
        severity=_severity(tuned, draft, file.main),
        escalations=tuple(
            Escalation(entry.when, Severity[entry.level.upper()])
            for entry in draft.keys.severity
            if tuned.severity is None
        ),
        facts=facts(draft, names),
        brief=bool(draft.keys.keep),
        finding=enabled.finds(file) and not names.serves_only(draft) and tuned.mode != "signal",
        signal=any(each.name in enabled.needed for each in names.above(draft)),
        variant=_variant(draft, file, sources),
        novel=_novel(draft),
    )


def _novel(draft: RuleDraft) -> Novel | None:
    novel = draft.keys.novel
    if novel is None:
        return None
    return Novel(novel.key, novel.forget_days, novel.learn_days, novel.per, novel.when)


def _correlation(draft: CorrelationDraft, sources: Sources) -> Correlation:
    names = sources.names
    file, sigma = names.files[draft.name], draft.sigma
    condition = sigma.condition
    assert isinstance(condition, SigmaCorrelationCondition)  # noqa: S101 - checked when drafted
    tuned = sources.settings.detections.get(file.slug, DetectionTuning())
    return Correlation(
        name=draft.name,
        detection=file.slug,
        kind=sigma.type.name.lower(),  # type: ignore[arg-type]  # checked when drafted
        rules=names.references(draft),
        timespan_seconds=sigma.timespan.seconds,
        severity=_severity(tuned, draft, file.main),
        group_by=tuple(sigma.group_by or ()),
        op=condition.op.name.lower(),  # type: ignore[arg-type]  # pySigma's names are ours
        count=int(condition.count),
        fields=texts(condition.fieldref),
        aliases=names.aliases(draft),
        collect=draft.keys.collect,
        once_per=draft.keys.once_per,
        ungrouped=names.named(draft.keys.ungrouped),
        finding=not names.serves_only(draft) and tuned.mode != "signal",
        variant=_variant(draft, file, sources),
    )


def _severity(tuned: DetectionTuning, *drafts: Draft) -> Severity:
    """The operator's, else the level of the first of these documents that states one."""
    stated = (tuned.severity, *(draft.document.data.get("level") for draft in drafts))
    return Severity[next(str(level).upper() for level in stated if level)]
