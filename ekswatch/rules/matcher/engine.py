"""Engine: which rules match an event.

Almost every event is told apart by its header. What its caller, client, verb, resource and
outcome leave possible is remembered as one integer, in which bit i says that rule i is still
possible (`profile.py`). The rest of the header, bodies and the rows of views take further bits
away, each read only when a rule that is still possible asks (`screen.py`). What is left are
matches (`plan.py`), of which filters may say that they are expected (`suppression.py`). Where
no body is left to be read, those are remembered, too (`target.py`).

What a rule means does not depend on any of this: `tests/rules/naive.py` says it in the plain
way, and both must agree.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from functools import cached_property, partial
from operator import attrgetter, itemgetter

from ekswatch.audit.event import AuditEvent, locate
from ekswatch.audit.places import Places
from ekswatch.audit.views import EventRow
from ekswatch.audit.vocabulary import OUTCOMES
from ekswatch.rules.expression import ALWAYS, implied
from ekswatch.rules.fields import Subject, getter
from ekswatch.rules.match import Match
from ekswatch.rules.matcher.kept import Keeper
from ekswatch.rules.matcher.plan import Case, Plan
from ekswatch.rules.matcher.profile import (
    Profile,
    Profiles,
    action_key,
    is_of_action,
    is_of_event,
    is_steady,
    profile_key,
    reads_only,
)
from ekswatch.rules.matcher.screen import Part, Screen, bits_of
from ekswatch.rules.matcher.suppression import Suppression
from ekswatch.rules.matcher.target import Target, Targets, target_key
from ekswatch.rules.novelty import Settled, day_of
from ekswatch.rules.ruleset import DATABASES, Ruleset

OnError = Callable[[str, str, Exception], None]
"""Called with the document's name, the audit ID and what it raised."""


class Engine:
    """Matches events against a ruleset.

    In seed mode the detections that implement a seed document do without the default filters,
    and fold by all of their `fields`, as their originals do.
    `errors` counts what rules and filters raised, by document name and type of exception; such
    a rule does not match that event, and the others are not affected. What a database of places
    raised is counted under `geo`; the event is then judged without its place.
    """

    def __init__(
        self, ruleset: Ruleset, *, seed_mode: bool = False, on_error: OnError | None = None
    ) -> None:
        self.ruleset = ruleset
        self.errors: Counter[tuple[str, str]] = Counter()
        self._on_error = on_error
        seed_mode = seed_mode or ruleset.seed_mode
        detections = {detection.slug: detection for detection in ruleset.detections}
        suppression = Suppression(ruleset.filters)
        self._plans = tuple(
            Plan(rule, detections[rule.detection], suppression, 1 << index, seed_mode=seed_mode)
            for index, rule in enumerate(
                rule for rule in ruleset.rules if rule.view not in OUTCOMES
            )  # `Outcomes` judges the others
        )
        self._every = (1 << len(self._plans)) - 1
        self._of_action, self._of_caller, self._varying, self._rows = _screens(self._plans)
        self._constrained = self._varying.constrained
        self._on_rows = sum(plan.bit for plan in self._plans if plan.rule.view)
        self._novel = sum(plan.bit for plan in self._plans if plan.is_steadily_novel)
        self._bits = {plan.rule.name: plan.bit for plan in self._plans}
        self._profiles = Profiles()
        self._targets = Targets()
        self._keeper = Keeper()
        self._places = ruleset.places()

    def match(self, events: Iterable[AuditEvent], settled: Settled | None = None) -> list[Match]:
        """The matches of all rules on all events, suppressed ones and signals included.

        Order: by event, then by the name of the rule, then by row. Two rows of one event make
        two matches; so does a rule that makes both findings and signals. The stage
        RequestReceived is left out: a later stage reports the same request, with its outcome.
        What a novel rule sees and `settled` says is decided for that day makes no match.
        """
        found: list[Match] = []
        lately, novel = self._profiles.lately, self._novel
        cluster = None if settled is None else settled.cluster
        for event in self._located(events, self._places) if self._places else events:
            if event.stage == "RequestReceived":
                continue
            key = profile_key(event)
            profile = lately(key) or self._profiles.profile(key)
            if profile is None:
                profile = self._profile(event, key)
                found += self._judge(event, profile, profile.rules, settled)
                continue
            bits = profile.rules
            if settled is not None and bits & novel:
                bits &= ~profile.resting(settled.cluster, day_of(event))
            if not bits:
                continue
            key = target_key(event, profile, cluster)
            if key is None:
                found += self._judge(event, profile, bits, settled)
            elif target := self._targets.get(key):
                found += self._again(event, profile, target, bits, settled)
            else:
                found += self._first(event, profile, key, bits, settled)
        return found

    def _located(self, events: Iterable[AuditEvent], places: Places) -> Iterator[AuditEvent]:
        """The events, each knowing where its source lies."""
        for event in events:
            try:
                locate(event, places)
            except Exception as error:
                # A damaged database must not lose the batch: it is counted, and alarmed on.
                self._failed(DATABASES, event, error)
            yield event

    def _profile(self, event: AuditEvent, key: Hashable) -> Profile:
        failures = self.errors.total()
        itself = EventRow(event)
        rules = self._action(itself)
        rules = self._of_caller.passing(itself, rules, self._failed)
        if self.errors.total() == failures:  # else each such event is to be counted
            self._profiles.remember(event, key, Profile(rules))
        return Profile(rules)  # what is worked out for one that never comes again is not kept

    def _action(self, itself: EventRow) -> int:
        key = action_key(itself.event)
        rules = self._profiles.action(key)
        if rules is None:
            failures = self.errors.total()
            rules = self._of_action.passing(itself, self._every, self._failed)
            if self.errors.total() == failures:
                self._profiles.remember_action(itself.event, key, rules)
        return rules

    def _first(
        self,
        event: AuditEvent,
        profile: Profile,
        key: Hashable,
        bits: int,
        settled: Settled | None,
    ) -> list[Match]:
        """The matches of a target's first event; what others will have, too, is remembered."""
        failures = self.errors.total()
        made = self._judge(event, profile, bits, settled)
        if self.errors.total() == failures:  # else each such event is to be counted
            open_ = self._open(bits, made)
            again = [match for match in made if not open_ & self._bits[match.document]]
            self._targets.remember(event, key, Target(again, open_))
        return made

    def _again(
        self,
        event: AuditEvent,
        profile: Profile,
        target: Target,
        bits: int,
        settled: Settled | None,
    ) -> list[Match]:
        """The matches of another event of a target."""
        told = target.told(event, self._keeper)
        if not bits & target.open:
            return told
        made = self._judge(event, profile, bits & target.open, settled)
        target.open = self._open(target.open, made)
        return sorted([*told, *made], key=attrgetter("document")) if made else told

    def _open(self, bits: int, made: Iterable[Match]) -> int:
        """Of the rules that were asked, those whose answer another event may change."""
        novel = {match.document for match in made if match.novel}
        plans = (self._plans[bit.bit_length() - 1] for bit in bits_of(bits))
        return sum(p.bit for p in plans if not p.is_of_target or p.rule.name in novel)

    def _judge(
        self, event: AuditEvent, profile: Profile, bits: int, settled: Settled | None
    ) -> list[Match]:
        """The matches of the rules that a profile leaves possible."""
        if not bits:
            return []
        itself = EventRow(event)
        if bits & self._constrained:
            bits = self._varying.passing(itself, bits, self._failed)
        found: list[Match] = []
        if bits:
            case = Case(itself, profile, self._keeper, settled)
            for bit, subject in self._hits(case, bits):
                self._add(found, case, bit, subject)
        event.let_go()
        return found

    def _add(self, found: list[Match], case: Case, bit: int, subject: Subject) -> None:
        plan = self._plans[bit.bit_length() - 1]
        try:
            plan.add(found, case, subject, self._failed)
        except Exception as error:
            # One broken rule must not lose the batch: it is counted, and alarmed on.
            self._failed(plan.rule.name, case.event, error)

    def _hits(self, case: Case, bits: int) -> list[tuple[int, Subject]]:
        """The rules that match, as bits in order, each with what it matches."""
        on_rows = bits & self._on_rows
        hits: list[tuple[int, Subject]] = [(bit, case.itself) for bit in bits_of(bits ^ on_rows)]
        if not on_rows:
            return hits
        for rows in self._rows:
            if on_rows & rows.mask:
                screen = rows.screen
                for row in case.rows(rows.view):
                    left = screen.passing(row, on_rows & rows.mask, self._failed)
                    hits += [(bit, row) for bit in bits_of(left)]
        return sorted(hits, key=itemgetter(0))

    def _failed(self, document: str, event: AuditEvent, error: Exception) -> None:
        self.errors[document, type(error).__name__] += 1
        if self._on_error is not None:
            self._on_error(document, event.auditID, error)


KINDS: tuple[Callable[[str], bool], ...] = (is_of_action, is_steady, is_of_event)
"""What is asked in turn, the dearest last: of a part that reads more, what it needs of these."""


class RowScreen:
    """A view, the bits of the rules on it, and the screen over their parts that read its rows.

    The screen is made when the first event comes that has such rows.
    """

    def __init__(self, view: str, mask: int, parts: Sequence[Part]) -> None:
        self.view = view
        self.mask = mask
        self._parts = parts

    @cached_property
    def screen(self) -> Screen:
        return Screen(self._parts, partial(getter, view=self.view))


def _screens(plans: Sequence[Plan]) -> tuple[Screen, Screen, Screen, list[RowScreen]]:
    """Screens over what actions, callers, events and rows decide.

    A part is judged where all that it reads is known, and before that by what must hold for it.
    """
    parts: list[tuple[str, Part]] = [
        (plan.rule.view, (plan.rule.name, plan.bit, part)) for plan in plans for part in plan.parts
    ]
    stages: tuple[list[Part], list[Part], list[Part]] = ([], [], [])
    of_rows: defaultdict[str, list[Part]] = defaultdict(list)
    for view, (name, bit, part) in parts:
        for stage, kind in zip(stages, KINDS, strict=True):
            if reads_only(part, kind):
                stage.append((name, bit, part))
                break
            if (needed := implied(part, kind)) != ALWAYS:
                stage.append((name, bit, needed))
        else:
            of_rows[view].append((name, bit, part))
    of_action, of_caller, varying = (Screen(stage, partial(getter, view="")) for stage in stages)
    masks: Counter[str] = Counter()
    for plan in plans:
        masks[plan.rule.view] += plan.bit
    rows = [RowScreen(view, masks[view], of_rows[view]) for view in sorted(masks) if view]
    return of_action, of_caller, varying, rows
