"""What must hold: the goals of the design that were met, and no ratio more than 10 % worse.

A goal that the baseline misses is told and does not fail: a check that fails on every run says
nothing of the change that is checked.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

BASELINE = Path(__file__).with_name("baseline.json")
TOLERANCE = 0.10
"""How much worse than the baseline a median may be; rounds on a shared machine differ by less."""

GOALS: Mapping[str, float] = {
    "floor_ratio_100": 0.9,
    "adversarial_ratio": 2.5,
    "ratio_1000_to_100": 1.15,
    "peak_mib": 128,
    "init_ms": 150,
    "archive_mib": 8_000_000 / 1024**2,
    "cost_per_million_usd": 0.01,
}
"""The most that each number may be. Source: "Numbers to reach" of the design."""

NUMBERS = (
    "floor_ratio_100",
    "floor_ratio_1000",
    "ratio_1000_to_100",
    "adversarial_ratio",
    "peak_mib",
    "init_ms",
    "archive_mib",
    "events_per_second",
    "cost_per_million_usd",
)
"""The keys of the last line of output."""


@dataclass(frozen=True, slots=True)
class Baseline:
    """What was stored: the ratios by row, and the goals that were missed then."""

    ratios: Mapping[str, float]
    missed: frozenset[str] = frozenset()


NOTHING_STORED = Baseline({})


@dataclass(frozen=True, slots=True)
class Verdict:
    """One row of the check: a number, the most it may be and why; None means not there.

    `needed` says that it fails when it was not measured, `missed` that the baseline exceeds
    the limit, too.
    """

    row: str
    measured: float | None
    limit: float | None
    why: str
    needed: bool = False
    missed: bool = False

    @property
    def fits(self) -> bool:
        """Whether it is not exceeded; what has no limit yet, or may be left out, fits."""
        if self.measured is None:
            return not self.needed
        return self.limit is None or self.measured <= self.limit

    @property
    def holds(self) -> bool:
        """Whether it fits, or did not before."""
        return self.fits or self.missed

    @property
    def word(self) -> str:
        if self.measured is None:
            return "FAILED, not measured" if self.needed else "not measured"
        if self.limit is None:
            return "new"
        if self.fits:
            return "ok"
        return "missed, as before" if self.missed else "FAILED"


def against_goals(
    numbers: Mapping[str, float | None], baseline: Baseline = NOTHING_STORED
) -> list[Verdict]:
    """A verdict for each goal; raises KeyError when a number is missing altogether."""
    return [
        Verdict(name, numbers[name], limit, "goal", missed=name in baseline.missed)
        for name, limit in GOALS.items()
    ]


def against_baseline(ratios: Mapping[str, float], baseline: Baseline) -> list[Verdict]:
    """A verdict for each ratio, measured or stored.

    The limit is the stored median and 10 % of it. A stored row that is no longer measured
    fails: a renamed row must not lose its limit unseen.
    """
    stored = baseline.ratios
    return [
        Verdict(
            name,
            ratios.get(name),
            _limit(stored.get(name)),
            "baseline + 10 %",
            needed=name in stored,
        )
        for name in [*stored, *(name for name in ratios if name not in stored)]
    ]


def read_baseline(path: Path = BASELINE) -> Baseline:
    """What was stored last; nothing when nothing is yet."""
    if not path.exists():
        return NOTHING_STORED
    found = json.loads(path.read_text())
    return Baseline(found["ratios"], frozenset(found["missed"]))


def write_baseline(
    ratios: Mapping[str, float],
    numbers: Mapping[str, float | None],
    machine: Mapping[str, Any],
    path: Path = BASELINE,
) -> None:
    """Store ratios and missed goals, with the machine and the versions they were measured with."""
    rounded = {name: round(value, 4) for name, value in sorted(ratios.items())}
    missed = [verdict.row for verdict in against_goals(numbers) if not verdict.fits]
    content = {"machine": machine, "missed": missed, "ratios": rounded}
    path.write_text(json.dumps(content, indent=2) + "\n")


def _limit(stored: float | None) -> float | None:
    return None if stored is None else stored * (1 + TOLERANCE)
