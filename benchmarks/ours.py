"""What is measured of ours: the line of the stream function, up to the matches that count."""

from collections.abc import Sequence

from benchmarks.corpora import Payload
from ekswatch.audit.intake import read_payload
from ekswatch.correlate.baseline import Baseline, Memory
from ekswatch.rules.match import Match
from ekswatch.rules.matcher.engine import Engine
from ekswatch.rules.ruleset import Ruleset


class Ours:
    """The engine and what it knows of a cluster: the baseline of novel rules, kept in memory."""

    def __init__(self, ruleset: Ruleset) -> None:
        self._engine = Engine(ruleset)
        self._baseline = Baseline(ruleset, Memory(), "bench")

    def match(self, payload: Payload) -> list[Match]:
        """The matches of one payload."""
        events = read_payload(payload).events
        found = self._engine.match(events, self._baseline)
        return self._baseline.judge(found, events).matches


def judge(ours: Ours, made: Sequence[Payload]) -> None:
    """What the function does up to the matches."""
    for payload in made:
        ours.match(payload)
