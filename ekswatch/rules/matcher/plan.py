"""Plan: what must hold for one rule, and what its matches keep."""

from collections.abc import Hashable, Mapping, Sequence
from functools import cached_property, partial
from typing import NamedTuple

import msgspec

from ekswatch.audit.event import Value
from ekswatch.audit.views import VIEWS, EventRow, Rows
from ekswatch.audit.vocabulary import SIGNAL_SUMMARY, SUMMARY
from ekswatch.rules.detection import Detection, Severity
from ekswatch.rules.expression import (
    KEYWORDS,
    Holds,
    checks,
    evaluator,
    fields_of,
    inlined,
    split,
    uses,
)
from ekswatch.rules.fields import Getter, Row, Subject, getter
from ekswatch.rules.match import Match
from ekswatch.rules.matcher.kept import Keeper, Kept, ids_of
from ekswatch.rules.matcher.profile import Profile, is_steady
from ekswatch.rules.matcher.screen import Failed, is_short, is_typed, needs
from ekswatch.rules.matcher.suppression import Suppression
from ekswatch.rules.matcher.target import OF_MOMENT, OF_REQUEST
from ekswatch.rules.novelty import Settled, Sighting, day_of, sighting
from ekswatch.rules.ruleset import Check, Expression, Rule, Use

NOTHING: Mapping[str, Value] = {}
NO_SAMPLES: tuple[Mapping[str, Value], ...] = (NOTHING,)

STEADY_SUMMARY = tuple(name for name in SUMMARY if is_steady(name))
VARYING_SUMMARY = tuple(name for name in SUMMARY if not is_steady(name))

VERDICTS = 64
"""Verdicts remembered per rule and profile."""


class Verdict(NamedTuple):
    """What the selections of a rule say of a match; `reason` names those that set the severity."""

    severity: Severity | None
    reason: str
    evidence: tuple[tuple[str, Value], ...]


UNTOLD = Verdict(None, "", ())
"""Of a match that is only counted."""


class Standing:
    """What a profile says of the matches of a rule.

    `by` is the filter that suppresses them all, or empty; `unsure` are filters, as bits, that
    come before it and may hold for some. `verdicts` are those that were made, by the values of
    what the profile does not decide; `facts` are those of a match that it does decide.
    `sighting` is what a novel rule sees, once known, where the profile decides it.
    """

    __slots__ = ("by", "facts", "sighting", "unsure", "verdicts")

    def __init__(self, unsure: int, by: str) -> None:
        self.unsure = unsure
        self.by = by
        self.facts: dict[str, Value] | None = None
        self.sighting: Sighting | None = None
        self.verdicts: dict[Hashable, Verdict] = {}


class Case:
    """One event under judgement, with what several rules need of it, each made once."""

    __slots__ = (
        *("_facts", "_rows", "audit_ids", "event", "itself", "keeper", "kept", "profile"),
        "settled",
    )

    def __init__(
        self, itself: EventRow, profile: Profile, keeper: Keeper, settled: Settled | None
    ) -> None:
        self.event = itself.event
        self.audit_ids = ids_of(itself.event)
        self.itself = itself
        self.profile = profile
        self.keeper = keeper
        self.settled = settled
        self.kept = Kept(keeper, itself)
        self._rows: Rows | None = None
        self._facts: dict[str, Value] | None = None

    def rows(self, view: str) -> Sequence[Row]:
        if self._rows is None:
            self._rows = Rows(self.itself)
        return self._rows[view]

    def kept_of(self, subject: Subject) -> Kept:
        """What matches keep of the event, or of one of its rows."""
        if subject is self.itself:
            return self.kept
        return Kept(self.keeper, subject, self.kept)

    def steady(self) -> Mapping[str, Value]:
        """The summary facts that the profile decides, as a match keeps them."""
        if self.profile.facts is None:
            self.profile.facts = self.kept.those(STEADY_SUMMARY)
        return self.profile.facts

    def varying(self) -> Mapping[str, Value]:
        """The other summary facts."""
        if self._facts is None:
            self._facts = self.kept.those(VARYING_SUMMARY)
        return self._facts


class Plan:
    """One rule: `parts` for the screens, `add` for what passes them all; `bit` stands for it."""

    def __init__(
        self,
        rule: Rule,
        detection: Detection,
        suppression: Suppression,
        bit: int,
        *,
        seed_mode: bool,
    ) -> None:
        seeded = seed_mode and bool(detection.seed)
        self.rule = rule
        self.detection = _seed_folding(rule.variant or detection, seeded=seeded)
        self.bit = bit
        self.parts = (
            *needs(VIEWS[rule.view]),
            *split(inlined(rule.condition, rule.selections)),
        )
        self._suppression = suppression
        self._get = partial(getter, view=rule.view)
        self._filters = suppression.mask(rule, seeded=seeded)
        named = (*rule.novel.key, *rule.novel.per) if rule.novel else ()
        self.is_steadily_novel = bool(named) and all(map(is_steady, named))
        self._novel_fields = tuple(dict.fromkeys(named))

    def add(self, found: list[Match], case: Case, subject: Subject, failed: Failed) -> None:
        """Add the matches on a subject for which all parts hold.

        There is none where what the rule sees is settled for the event's day; where the profile
        decides what it sees, the rule rests then.
        """
        rule, profile = self.rule, case.profile
        standing = profile.standings.get(rule.name) or self._standing(case, failed)
        seen = self._sighting(case, subject, standing) if rule.novel else None
        if seen and case.settled and case.settled(seen.key, day_of(case.event)):
            if standing.sighting is not None:
                profile.rest(self.bit)
            return
        if seen and not self._counts(subject):
            seen = msgspec.structs.replace(seen, counts=False)
        by = standing.by
        if standing.unsure:
            by = self._suppression.by(standing.unsure, rule.view, subject, failed) or by
        if by:
            found.append(self._match(case, UNTOLD, NOTHING, by, not rule.finding, seen))
            return
        verdict = self._verdict(case, subject, standing.verdicts)
        facts = self._facts(case, subject, standing)
        if rule.finding:
            found.append(self._match(case, verdict, facts, "", False, seen))
        if rule.signal:
            found.append(self._match(case, verdict, facts, "", True, seen))

    def _standing(self, case: Case, failed: Failed) -> Standing:
        profile, filters = case.profile, self._suppression
        standing = Standing(*filters.standing(case.itself, profile, self._filters, failed))
        case.profile.standings[self.rule.name] = standing
        return standing

    def _sighting(self, case: Case, subject: Subject, standing: Standing) -> Sighting | None:
        """What a novel rule sees; remembered where the profile decides it."""
        if standing.sighting is not None or self.rule.novel is None:
            return standing.sighting
        values = case.kept_of(subject).those(self._novel_fields)
        seen = sighting(self.rule.name, self.rule.novel, values)
        if self.is_steadily_novel:
            standing.sighting = seen
        return seen

    def _match(
        self,
        case: Case,
        verdict: Verdict,
        facts: Mapping[str, Value],
        suppressed_by: str,
        signal: bool,
        seen: Sighting | None,
    ) -> Match:
        event, rule = case.event, self.rule
        at, sampled = event.at, self.detection.fields
        samples = self._samples(facts) if sampled and facts and not signal else NO_SAMPLES
        return Match(
            self.detection,
            rule.name,
            rule.severity if verdict.severity is None else verdict.severity,
            verdict.reason,
            facts,
            verdict.evidence,
            samples,
            1,
            at,
            at,
            case.audit_ids,
            event.partial,
            suppressed_by,
            signal,
            seen,
        )

    def _facts(self, case: Case, subject: Subject, standing: Standing) -> Mapping[str, Value]:
        if standing.facts is None:
            own = case.kept.those(self._steady_facts)
            standing.facts = {**case.steady(), **own} if self.rule.finding else own
        if self.rule.brief and not self._varying_facts:
            return standing.facts
        varying = case.kept_of(subject).those(self._varying_facts)
        if self.rule.finding:
            return {**standing.facts, **case.varying(), **varying}
        return {**standing.facts, **varying}

    def _samples(self, facts: Mapping[str, Value]) -> tuple[Mapping[str, Value]]:
        return ({name: facts[name] for name in self.detection.fields if name in facts},)

    def _verdict(self, case: Case, subject: Subject, known: dict[Hashable, Verdict]) -> Verdict:
        judged_by = self._judged_by
        values = tuple([get(subject) for get in judged_by]) if judged_by else ()
        verdict = known.get(values) if self._is_typed else None
        if verdict is None:
            severity, deciding = self._severity(subject)
            evidence = self._evidence(case, subject, deciding)
            verdict = Verdict(severity, " and ".join(deciding), evidence)
            if len(known) < VERDICTS and is_short(values):
                known[values] = verdict
        return verdict

    def _severity(self, subject: Subject) -> tuple[Severity, tuple[str, ...]]:
        for escalation in self.rule.escalations:
            if all(self._selections[name](subject) for name in escalation.when):
                return escalation.severity, escalation.when
        return self.rule.severity, ()

    def _evidence(
        self, case: Case, subject: Subject, deciding: tuple[str, ...]
    ) -> tuple[tuple[str, Value], ...]:
        """The fields of the tests that held, in selections that held and count.

        None for a signal, which tells facts alone.
        """
        if not self.rule.finding:
            return ()
        fields: dict[str, None] = {}
        holding = [n for n in self._positive if n in self._sure or self._selections[n](subject)]
        for name in (*holding, *deciding):
            for holds, tested in self._tests[name]:
                if holds is None or holds(subject):
                    fields.update(tested)
        return tuple(case.kept_of(subject).those(fields).items())

    @cached_property
    def is_of_target(self) -> bool:
        """Whether a target decides all that the rule reads, to match and for its matches."""
        read = {*self._novel_fields, *self._suppression.fields(self._filters)}
        for each in self.rule.selections.values():
            read.update(fields_of(each))
        kept = {*self.rule.facts} - OF_REQUEST
        return read.isdisjoint(OF_MOMENT) and kept.isdisjoint(OF_MOMENT)

    # What follows is for matches only, which are rare, and made at the first one.

    @cached_property
    def _judging(self) -> Sequence[str]:
        """The fields that severity and evidence depend on, beside the profile."""
        named = {name for each in self.rule.escalations for name in each.when}
        if self.rule.finding:
            named.update(self._positive)
        fields = {field for name in sorted(named) for field in fields_of(self._inlined[name])}
        return [field for field in sorted(fields) if not is_steady(field)]

    @cached_property
    def _judged_by(self) -> Sequence[Getter]:
        return [self._get(field) for field in self._judging]

    @cached_property
    def _is_typed(self) -> bool:
        return all(map(is_typed, self._judging))

    @cached_property
    def _inlined(self) -> Mapping[str, Expression]:
        selections = self.rule.selections
        return {name: inlined(each, selections) for name, each in selections.items()}

    @cached_property
    def _positive(self) -> Sequence[str]:
        """The selections that the condition wants to hold, not those behind a `not`."""
        return [*dict.fromkeys(name for name, wanted in uses(self.rule.condition) if wanted)]

    @cached_property
    def _sure(self) -> frozenset[str]:
        """The selections that hold wherever the rule matches."""
        parts = split(self.rule.condition)
        return frozenset(part.selection for part in parts if isinstance(part, Use))

    def _counts(self, subject: Subject) -> bool:
        """Whether a match of a novel rule is more than a sighting."""
        named = self.rule.novel.when if self.rule.novel else ()
        return all(self._selections[name](subject) for name in named)

    @cached_property
    def _selections(self) -> Mapping[str, Holds]:
        return {name: evaluator(each, self._get) for name, each in self._inlined.items()}

    @cached_property
    def _tests(self) -> Mapping[str, Sequence[tuple[Holds | None, Mapping[str, None]]]]:
        """Per selection its tests, each with the fields it reads; None for one that holds
        wherever the selection does."""
        found: dict[str, list[tuple[Holds | None, Mapping[str, None]]]] = {}
        for name, selection in self.rule.selections.items():
            sure = [part for part in split(selection) if isinstance(part, Check)]
            found[name] = [
                (None if check in sure else evaluator(check, self._get), _read_by(check))
                for check in checks(selection)
            ]
        return found

    @cached_property
    def _steady_facts(self) -> Sequence[str]:
        """Of what a match keeps, what the profile decides."""
        return [name for name in self._own_facts if is_steady(name)]

    @cached_property
    def _varying_facts(self) -> Sequence[str]:
        """Of what a match keeps, what the event or row decides."""
        return [name for name in self._own_facts if not is_steady(name)]

    @cached_property
    def _own_facts(self) -> Sequence[str]:
        """What a match keeps: all for a signal, what is beyond the summary for a finding.

        Fields of other views are not among them.
        """
        if not self.rule.finding:
            summary = () if self.rule.brief else SIGNAL_SUMMARY
            return [*dict.fromkeys((*summary, *self.rule.facts))]
        return [name for name in self.rule.facts if name not in SUMMARY]


def _read_by(check: Check) -> Mapping[str, None]:
    return {field: None for field in fields_of(check) if field != KEYWORDS}


def _seed_folding(detection: Detection, *, seeded: bool) -> Detection:
    if not seeded or not detection.fields:
        return detection
    return msgspec.structs.replace(detection, dedup=detection.fields)
