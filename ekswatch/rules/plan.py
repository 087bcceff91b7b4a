"""Plan: how one rule is evaluated beyond the header, and what its matches keep."""

import dataclasses
from collections.abc import Mapping, Sequence
from functools import cached_property, partial

import msgspec

from ekswatch.audit.event import AuditEvent, Value
from ekswatch.audit.views import rows
from ekswatch.audit.vocabulary import SUMMARY, reader
from ekswatch.rules.detection import Detection, Severity
from ekswatch.rules.expression import (
    KEYWORDS,
    Holds,
    checks,
    evaluator,
    fields_of,
    inlined,
    uses,
)
from ekswatch.rules.fields import Getter, Row, Subject, getter, is_row_field
from ekswatch.rules.kept import Keeper, bounded_id
from ekswatch.rules.match import Match
from ekswatch.rules.ruleset import And, Check, Expression, Filter, Rule
from ekswatch.rules.screen import VIEW_NEEDS, Failed, Screen, header_split

NO_ROW: Row = {}

SUMMARY_READERS = tuple((name, reader(name)) for name in SUMMARY)

Fields = Sequence[tuple[str, Getter]]


class Case:
    """One event under judgement, with what several rules need of it, each made once."""

    __slots__ = ("_facts", "_filters", "_rows", "event", "keeper", "suppression")

    def __init__(self, event: AuditEvent, suppression: "Suppression", keeper: Keeper) -> None:
        self.event = event
        self.suppression = suppression
        self.keeper = keeper
        self._rows: dict[str, Sequence[Row]] = {"": (NO_ROW,)}
        self._facts: dict[str, Value] = {}
        self._filters = -1

    def rows(self, view: str) -> Sequence[Row]:
        if view not in self._rows:
            self._rows[view] = rows(self.event, view)
        return self._rows[view]

    def summary(self) -> Mapping[str, Value]:
        """The summary facts, as a match keeps them."""
        if not self._facts:
            self._facts = self.keeper.snapshot(SUMMARY_READERS, self.event)
        return self._facts

    def filters(self, failed: Failed) -> int:
        """The filters that the event's header leaves possible, as a bitset."""
        if self._filters < 0:
            self._filters = self.suppression.screen.possible(self.event, failed)
        return self._filters


class Suppression:
    """The filters of a ruleset; bit i stands for the i-th."""

    def __init__(self, filters: Sequence[Filter]) -> None:
        self.filters = tuple(filters)
        split = [header_split(inlined(each.excludes, each.selections)) for each in filters]
        self.screen = Screen(
            (f.name, header) for f, (header, _) in zip(filters, split, strict=True)
        )
        self._left = [And(tuple(left)) for _, left in split]
        self._tests: dict[tuple[int, str], Holds] = {}

    def mask(self, rule: Rule, *, seeded: bool) -> int:
        """The filters that are for a rule."""
        return sum(
            1 << index
            for index, filter_ in enumerate(self.filters)
            if (not filter_.rules or rule.name in filter_.rules)
            and filter_.view in ("", rule.view)
            and not (seeded and filter_.default)
        )

    def by(self, bits: int, view: str, subject: Subject, failed: Failed) -> str:
        """The name of the first of these filters that holds, or an empty string."""
        while bits:
            bit = bits & -bits
            bits ^= bit
            index = bit.bit_length() - 1
            filter_ = self.filters[index]
            if filter_.expires and subject[0].at.date().isoformat() > filter_.expires:
                continue
            try:
                if self._test(index, view)(subject):
                    return filter_.name
            except Exception as error:
                # A broken filter suppresses nothing; it is counted like a broken rule.
                failed(filter_.name, subject[0], error)
        return ""

    def _test(self, index: int, view: str) -> Holds:
        if (index, view) not in self._tests:
            get = partial(getter, view=view)
            self._tests[index, view] = evaluator(self._left[index], get)
        return self._tests[index, view]


class Plan:
    """One rule: `header` for the screen, `matches` for the events that pass it."""

    def __init__(
        self, rule: Rule, detection: Detection, suppression: Suppression, *, seed_mode: bool
    ) -> None:
        seeded = seed_mode and bool(detection.seed)
        self.rule = rule
        self.detection = _seed_folding(rule.variant or detection, seeded=seeded)
        self._filters = suppression.mask(rule, seeded=seeded)
        self._get = partial(getter, view=rule.view)
        condition = inlined(rule.condition, rule.selections)
        self.header, left = header_split(And((*VIEW_NEEDS.get(rule.view, ()), condition)))
        on_row = [part for part in left if self._reads_row(part)]
        on_event = [part for part in left if part not in on_row]
        self._on_event = evaluator(And(tuple(on_event)), self._get) if on_event else None
        self._on_row = evaluator(And(tuple(on_row)), self._get) if on_row else None

    def _reads_row(self, expression: Expression) -> bool:
        return any(is_row_field(field, self.rule.view) for field in fields_of(expression))

    def matches(self, case: Case, failed: Failed) -> list[Match]:
        """The matches on an event whose header the rule accepts."""
        if self._on_event is not None and not self._on_event((case.event, NO_ROW)):
            return []
        found: list[Match] = []
        for row in case.rows(self.rule.view):
            subject = (case.event, row)
            if self._on_row is None or self._on_row(subject):
                found += self._made(case, subject, failed)
        return found

    def _made(self, case: Case, subject: Subject, failed: Failed) -> list[Match]:
        event = case.event
        filters = self._filters & case.filters(failed) if self._filters else 0
        suppressed_by = case.suppression.by(filters, self.rule.view, subject, failed)
        told = self.rule.finding or not suppressed_by  # a suppressed signal is only counted
        severity, deciding = self._severity(subject) if told else (self.rule.severity, ())
        facts = self._facts(case, subject) if told else {}
        match = Match(
            detection=self.detection,
            document=self.rule.name,
            severity=severity,
            reason=" and ".join(deciding),
            facts=facts,
            evidence=self._evidence(case, subject, deciding) if told else (),
            samples=({name: facts[name] for name in self.detection.fields if name in facts},),
            count=1,
            first_seen=event.at,
            last_seen=event.at,
            audit_ids=(bounded_id(event.auditID),) if event.auditID else (),
            partial=event.partial,
            suppressed_by=suppressed_by,
            signal=not self.rule.finding,
        )
        if self.rule.finding and self.rule.signal:
            return [match, dataclasses.replace(match, signal=True)]
        return [match]

    def _facts(self, case: Case, subject: Subject) -> Mapping[str, Value]:
        return {**case.summary(), **case.keeper.snapshot(self._fact_fields, subject)}

    def _severity(self, subject: Subject) -> tuple[Severity, tuple[str, ...]]:
        for escalation in self.rule.escalations:
            if all(self._selections[name](subject) for name in escalation.when):
                return escalation.severity, escalation.when
        return self.rule.severity, ()

    def _evidence(
        self, case: Case, subject: Subject, deciding: tuple[str, ...]
    ) -> tuple[tuple[str, Value], ...]:
        """The fields of the tests that held, in selections that held and count."""
        fields: dict[str, Getter] = {}
        holding = [name for name in self._positive if self._selections[name](subject)]
        for name in (*holding, *deciding):
            for holds, tested in self._tests[name]:
                if holds(subject):
                    fields.update(tested)
        return tuple(case.keeper.snapshot(fields.items(), subject).items())

    # What follows is for matches only, which are rare, and made at the first one.

    @cached_property
    def _positive(self) -> Sequence[str]:
        """The selections that the condition wants to hold, not those behind a `not`."""
        return [*dict.fromkeys(name for name, wanted in uses(self.rule.condition) if wanted)]

    @cached_property
    def _selections(self) -> Mapping[str, Holds]:
        selections = self.rule.selections
        return {
            name: evaluator(inlined(e, selections), self._get) for name, e in selections.items()
        }

    @cached_property
    def _tests(self) -> Mapping[str, Sequence[tuple[Holds, Mapping[str, Getter]]]]:
        """Per selection its tests, each with the fields it reads."""
        return {
            name: [(evaluator(check, self._get), self._read_by(check)) for check in checks(e)]
            for name, e in self.rule.selections.items()
        }

    def _read_by(self, check: Check) -> Mapping[str, Getter]:
        return {field: self._get(field) for field in fields_of(check) if field != KEYWORDS}

    @cached_property
    def _fact_fields(self) -> Fields:
        """What a match keeps beyond the summary; fields of other views are not among them."""
        return [(name, self._get(name)) for name in self.rule.facts]


def _seed_folding(detection: Detection, *, seeded: bool) -> Detection:
    if not seeded or not detection.fields:
        return detection
    return msgspec.structs.replace(detection, dedup=detection.fields)
