"""The engine of the moment: the compiled detections with the live lists as they are now."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from ekswatch.aws.live_lists import LiveList, LiveLists
from ekswatch.aws.settings import Settings
from ekswatch.rules.matcher.engine import Engine
from ekswatch.rules.matcher.live import with_lists
from ekswatch.rules.ruleset import read_artefact
from lambdas.telemetry import Counts, report

Values = dict[str, tuple[str, ...]]


class LiveEngine:
    """Makes a new engine when a list has changed, and only then."""

    def __init__(self, ruleset: Path, lists: LiveLists) -> None:
        self._ruleset = read_artefact(ruleset)
        self._lists = lists
        self._values: Values = {}
        self._engine = Engine(self._ruleset)

    def current(self, counts: Counts) -> Engine:
        """The engine for this moment; what could not be read is counted and logged."""
        lists = self._lists.current()
        failing = [each for each in lists if each.problem]
        counts.add("", LiveListErrors=len(failing))
        report("live list not read", [{"list": f.name, "why": f.problem} for f in failing])
        values = {each.name: each.values for each in lists if each.values}
        if values != self._values:
            self._engine = Engine(with_lists(self._ruleset, values))
            self._values = values
        return self._engine


def rows(settings: Settings, now: datetime) -> Iterator[dict[str, Any]]:
    """The live lists as the view `list` has them."""
    for each in LiveLists(settings.live_lists).current():
        yield _row(each, settings.live_list_hours, now)


def _row(each: LiveList, stale_hours: int, now: datetime) -> dict[str, Any]:
    age = each.age_hours(now)
    return {
        "list.name": each.name,
        "list.source": each.source,
        "list.values": len(each.values),
        "list.age_hours": age,
        "list.stale_hours": stale_hours,
        "list.stale": age is None or age > stale_hours,
        "list.problem": each.problem or None,
    }
