"""Engine: which rules match an event.

Almost every event is told apart by its header: a few integers, one per header field, are
ANDed, and mostly no rule is left (`screen.py`). For the rules that are left the remaining
tests run, and only those decode a body or build the rows of a view (`plan.py`).

What a rule means does not depend on any of this: `tests/rules/naive.py` says it in the plain
way, and both must agree.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path

from ekswatch.audit.event import AuditEvent
from ekswatch.rules.kept import Keeper
from ekswatch.rules.match import Match
from ekswatch.rules.plan import Case, Plan, Suppression
from ekswatch.rules.ruleset import Ruleset
from ekswatch.rules.screen import Screen

OnError = Callable[[str, str, Exception], None]
"""Called with the document's name, the audit ID and what it raised."""


class Engine:
    """Matches events against a ruleset.

    In seed mode the detections that implement a seed document do without the default filters,
    and fold by all of their `fields`, as their originals do.
    `errors` counts what rules and filters raised, by document name and type of exception; such
    a rule does not match that event, and the others are not affected.
    """

    def __init__(
        self, ruleset: Ruleset, *, seed_mode: bool = False, on_error: OnError | None = None
    ) -> None:
        self.ruleset = ruleset
        self.errors: Counter[tuple[str, str]] = Counter()
        self._on_error = on_error
        seed_mode = seed_mode or ruleset.seed_mode
        detections = {detection.slug: detection for detection in ruleset.detections}
        self._suppression = Suppression(ruleset.filters)
        self._plans = tuple(
            Plan(rule, detections[rule.detection], self._suppression, seed_mode=seed_mode)
            for rule in ruleset.rules
        )
        self._screen = Screen((plan.rule.name, plan.header) for plan in self._plans)
        self._keeper = Keeper()

    def match(self, events: Iterable[AuditEvent]) -> list[Match]:
        """The matches of all rules on all events, suppressed ones and signals included.

        Order: by event, then by the name of the rule, then by row. Two rows of one event make
        two matches; so does a rule that makes both findings and signals. The stage
        RequestReceived is left out: a later stage reports the same request, with its outcome.
        """
        found: list[Match] = []
        possible, failed = self._screen.possible, self._failed
        for event in events:
            if event.stage != "RequestReceived":
                bits = possible(event, failed)
                if bits:
                    self._judge(event, bits, found)
        return found

    def _judge(self, event: AuditEvent, bits: int, found: list[Match]) -> None:
        """Run what the header left open, rule by rule."""
        case = Case(event, self._suppression, self._keeper)
        while bits:
            bit = bits & -bits
            bits ^= bit
            plan = self._plans[bit.bit_length() - 1]
            try:
                found += plan.matches(case, self._failed)
            except Exception as error:
                # One broken rule must not lose the batch: it is counted, and alarmed on.
                self._failed(plan.rule.name, event, error)

    def _failed(self, document: str, event: AuditEvent, error: Exception) -> None:
        self.errors[document, type(error).__name__] += 1
        if self._on_error is not None:
            self._on_error(document, event.auditID, error)


def compile_and_load(folder: Path, tuning: Path | None = None) -> Engine:
    """An engine for the detections in a folder. Raises: RuleErrors, with everything wrong."""
    from ekswatch.rules.compile import compile_ruleset  # pySigma only where Sigma is read

    return Engine(compile_ruleset(folder, tuning))
