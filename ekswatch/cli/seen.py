"""Seen: what came of one detection on many events, in a few lines."""

from collections import Counter

from ekswatch.audit.event import AuditEvent
from ekswatch.cli.outline import Line, about, miss
from ekswatch.rules.explain import Explanation

MISSES_KEPT = 1_000
"""Different misses remembered while files are read; beyond, the farthest half is forgotten."""


class Seen:
    """Counts what came of a detection, and keeps what fired first and the nearest misses.

    Misses that lack the same tests with the same values are one; the memory is bounded.
    """

    def __init__(self, top: int) -> None:
        self._top = top
        self.outcomes: Counter[str] = Counter()
        self._suppressed: Counter[str] = Counter()
        self._told: list[Explanation] = []
        self._misses: dict[object, Explanation] = {}
        self._alike: Counter[object] = Counter()
        self.first: AuditEvent | None = None

    @property
    def count(self) -> int:
        return self.outcomes.total()

    def add(self, explanation: Explanation, event: AuditEvent) -> None:
        self.first = self.first or event
        self.outcomes[explanation.outcome] += 1
        if explanation.outcome == "no match":
            self._miss(explanation)
        elif explanation.outcome == "suppressed":
            self._suppressed[explanation.best.best.suppressed_by] += 1
        elif len(self._told) < self._top:
            self._told.append(explanation)

    def _miss(self, explanation: Explanation) -> None:
        row = explanation.best.best
        tests = tuple((m.selection, m.wanted, m.test.field, m.test.value) for m in row.missing)
        key = (explanation.best.rule, row.row == 0, tests)
        self._misses.setdefault(key, explanation)
        self._alike[key] += 1
        if len(self._misses) > MISSES_KEPT:
            near = sorted(self._misses.items(), key=lambda item: item[1].rank)
            self._misses = dict(near[: MISSES_KEPT // 2])
            self._alike = Counter({key: self._alike[key] for key in self._misses})

    def _nearest(self) -> list[tuple[object, Explanation]]:
        return sorted(self._misses.items(), key=lambda item: item[1].rank)[: self._top]

    def explanations(self) -> list[Explanation]:
        """Those that are shown: what fired first, then the nearest misses."""
        return [*self._told, *(explanation for _, explanation in self._nearest())]

    def outline(self, slug: str, title: str) -> Line:
        counts = ", ".join(f"{count:,} {outcome}" for outcome, count in self.outcomes.most_common())
        below = [Line(f"{self.count:,} events: {counts}")]
        below += [
            Line(f"{count:,} suppressed by the filter {name}")
            for name, count in self._suppressed.most_common()
        ]
        if self._told:
            told = tuple(Line(f"{one.outcome}: {about(one)}", held=True) for one in self._told)
            below.append(Line("The first; --event explains one in full", below=told))
        if nearest := self._nearest():
            missed = tuple(miss(one, name=_alike(one, self._alike[key])) for key, one in nearest)
            below.append(Line("Nearest misses", below=missed))
        return Line(f"{slug}: {title}", below=tuple(below))


def _alike(one: Explanation, count: int) -> str:
    return about(one) + (f" (and {count - 1:,} more like it)" if count > 1 else "")
