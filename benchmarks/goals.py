"""What must hold: the goals of the design, and no ratio more than 10 % worse than the baseline."""

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
class Verdict:
    """One row of the check: a number, the most it may be and why; None means not there.

    `needed` says that it fails when it was not measured.
    """

    row: str
    measured: float | None
    limit: float | None
    why: str
    needed: bool = False

    @property
    def holds(self) -> bool:
        """Whether it is not exceeded; what has no limit yet, or may be left out, holds."""
        if self.measured is None:
            return not self.needed
        return self.limit is None or self.measured <= self.limit

    @property
    def word(self) -> str:
        if self.measured is None:
            return "FAILED, not measured" if self.needed else "not measured"
        if self.limit is None:
            return "new"
        return "ok" if self.holds else "FAILED"


def against_goals(numbers: Mapping[str, float | None]) -> list[Verdict]:
    """A verdict for each goal; raises KeyError when a number is missing altogether."""
    return [Verdict(name, numbers[name], limit, "goal") for name, limit in GOALS.items()]


def against_baseline(ratios: Mapping[str, float], baseline: Mapping[str, float]) -> list[Verdict]:
    """A verdict for each ratio, measured or stored.

    The limit is the stored median and 10 % of it. A stored row that is no longer measured
    fails: a renamed row must not lose its limit unseen.
    """
    names = [*baseline, *(name for name in ratios if name not in baseline)]
    return [
        Verdict(
            name,
            ratios.get(name),
            _limit(baseline.get(name)),
            "baseline + 10 %",
            needed=name in baseline,
        )
        for name in names
    ]


def read_baseline(path: Path = BASELINE) -> dict[str, float]:
    """The stored ratios by row, none when nothing is stored yet."""
    if not path.exists():
        return {}
    found: dict[str, float] = json.loads(path.read_text())["ratios"]
    return found


def write_baseline(
    ratios: Mapping[str, float], machine: Mapping[str, Any], path: Path = BASELINE
) -> None:
    """Store the ratios, with the machine and the versions they were measured with."""
    rounded = {name: round(value, 4) for name, value in sorted(ratios.items())}
    path.write_text(json.dumps({"machine": machine, "ratios": rounded}, indent=2) + "\n")


def _limit(stored: float | None) -> float | None:
    return None if stored is None else stored * (1 + TOLERANCE)
