"""The engine and the plain specification agree on every event.

A run takes a share of the recorded events and some invented ones; with `DIFFERENTIAL=all` in
the environment, as `make differential` has it, it takes all of them and many more.
"""

import functools
import gzip
import itertools
import os
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ekswatch.audit.event import AuditEvent
from ekswatch.audit.intake import read_file
from ekswatch.audit.views import rows
from ekswatch.rules.compiler.compile import compile_ruleset
from ekswatch.rules.matcher.engine import Engine
from ekswatch.rules.ruleset import dump, load
from tests.rules import build, naive
from tests.rules.invented import (
    CONDITIONED,
    EVENTS,
    LISTS,
    ROW_FIELDS,
    ROWED,
    RULES,
    SELECTION_NAMES,
    TESTS,
)

ROOT = Path(__file__).parents[2]
DATA = Path(__file__).parent / "data"
SCENARIOS = sorted((ROOT / "events" / "scenarios").glob("*.jsonl.gz"))
BENIGN = ROOT / "events" / "benign.jsonl.gz"
EXAMPLES = sorted(
    path for kind in ("match", "ignore") for path in (ROOT / "events").glob(f"*/{kind}_*.json*")
)

ALL = os.environ.get("DIFFERENTIAL") == "all"
LINES_PER_SCENARIO = 1_000_000 if ALL else 30
BENIGN_STEP = 1 if ALL else 20
MANY = 20 if ALL else 1
"""How many times more examples of property tests."""


def audit_events() -> Iterator[AuditEvent]:
    """A share of each scenario, and writes beyond it, which are rarer."""
    for path in SCENARIOS:
        with gzip.open(path) as lines:
            for index, line in enumerate(lines):
                if index < LINES_PER_SCENARIO or (b'"verb":"create"' in line and index % 3 == 0):
                    yield msgspec.json.decode(line, type=AuditEvent)


def ordinary_events() -> Iterator[AuditEvent]:
    """A share of the recording in which nobody attacks."""
    with gzip.open(BENIGN) as lines:
        for index, line in enumerate(lines):
            if index % BENIGN_STEP == 0:
                yield msgspec.json.decode(line, type=AuditEvent)


def example_events() -> Iterator[AuditEvent]:
    """The events of the examples that detections are tested with, of a series those at its ends."""
    for path in EXAMPLES:
        series = [event for batch in read_file(path) for event in batch.events]
        yield from series if ALL else series[:: max(1, len(series) - 1)]


@functools.cache
def recorded() -> list[AuditEvent]:
    """No fixture, which Hypothesis would write out with an example that fails."""
    return list(audit_events())


@functools.cache
def rowed() -> list[AuditEvent]:
    """Those with rows in one of the views that the invented rules are about."""
    return [event for event in recorded() if any(rows(event, view) for view in ROW_FIELDS if view)]


class Both:
    """A folder's detections, as the engine has them and as the specification reads them."""

    def __init__(self, folder: Path) -> None:
        self.engine = Engine(load(dump(compile_ruleset(folder))))
        self.rules, self.filters = naive.load(folder)

    def fast(self, event: AuditEvent) -> Counter[tuple[str, str]]:
        """How many rows match, by rule and by the filter that suppresses them."""
        matches = self.engine.match([event])
        once = {rule.name: rule.finding for rule in self.engine.ruleset.rules}
        return Counter(
            (match.document, match.suppressed_by)
            for match in matches
            if not (match.signal and once[match.document])
        )

    def plain(self, event: AuditEvent) -> Counter[tuple[str, str]]:
        return Counter(
            (rule.name, self._filter(rule, event, row))
            for rule in self.rules
            for row in rule.rows(event)
            if rule.holds(event, row)
        )

    def _filter(self, rule: naive.Naive, event: AuditEvent, row: Any) -> str:
        """The first filter for the rule whose condition, which starts with not, does not hold."""
        for each in self.filters:
            wanted = each.document["filter"]["rules"]
            wanted = [wanted] if isinstance(wanted, str) else wanted
            if (
                (wanted == ["any"] or rule.name in self._rules(wanted))
                and each.view in ("", rule.view)
                and not each.holds(event, row)
            ):
                return each.name
        return ""

    def _rules(self, names: list[str]) -> set[str]:
        """The rules that names mean: those below a correlation stand for it."""
        below = {each.name: each.rules for each in self.engine.ruleset.correlations}
        found: set[str] = set()
        for name in names:
            found |= self._rules(list(below[name])) if name in below else {name}
        return found


@pytest.fixture(scope="module")
def both() -> Both:
    return Both(DATA)


def test_every_rule_of_the_table_on_recorded_events(both: Both) -> None:
    """Each rule matches as many rows, under the same filters, as the specification says."""
    seen: Counter[str] = Counter()
    for event in recorded():
        expected = both.plain(event)
        seen.update({document for document, _ in expected})

        assert both.fast(event) == expected, event

    assert both.engine.errors == Counter()
    assert {rule.name for rule in both.rules} - set(seen) <= {"dashes", "empty-list", "times"}


@pytest.fixture(scope="module")
def shipped() -> Both:
    return Both(ROOT / "detections")


def test_the_shipped_detections_on_recorded_events(shipped: Both) -> None:
    """The detections of this repository mean to the engine what they mean to Sigma."""
    events = [*(recorded() if ALL else recorded()[::2]), *ordinary_events()]

    different = [event for event in events if shipped.fast(event) != shipped.plain(event)]

    assert different == []
    assert shipped.engine.errors == Counter()


def test_the_shipped_detections_on_their_examples(shipped: Both) -> None:
    """The same holds for the events that each detection must find, and must not."""
    found = list(example_events())

    different = [event for event in found if shipped.fast(event) != shipped.plain(event)]

    assert different == []
    assert len(found) >= len(EXAMPLES) > 100
    assert shipped.engine.errors == Counter()


SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]


@settings(max_examples=150 * MANY, deadline=None, suppress_health_check=SLOW)
@given(record=EVENTS)
def test_every_rule_of_the_table_on_invented_events(both: Both, record: dict[str, Any]) -> None:
    """Engine and specification agree on events that nobody would write."""
    event = decoded(record)

    assert both.fast(event) == both.plain(event)
    assert both.engine.errors == Counter()


RECORDS = st.lists(EVENTS | ROWED, min_size=1, max_size=4)


@settings(max_examples=60 * MANY, deadline=None, suppress_health_check=SLOW)
@given(
    rules=st.lists(TESTS, min_size=6, max_size=12), records=RECORDS, chosen=st.integers(0, 9_999)
)
def test_invented_tests(rules: list[Any], records: list[Any], chosen: int) -> None:
    """A test of any field, with any modifiers, has one answer on every event."""
    met = [*map(decoded, records), *some_of(recorded(), chosen), *some_of(rowed(), chosen)]

    assert_agreement(rules, met)


@settings(max_examples=25 * MANY, deadline=None, suppress_health_check=SLOW)
@given(rules=st.lists(CONDITIONED, min_size=4, max_size=8))
def test_invented_conditions(rules: list[Any]) -> None:
    """A condition has one answer, whichever of its selections hold."""
    holding = [
        dict.fromkeys(names, True)
        for count in range(len(SELECTION_NAMES) + 1)
        for names in itertools.combinations(SELECTION_NAMES, count)
    ]

    assert_agreement(rules, [build.event(requestObject=each) for each in holding])


@settings(max_examples=40 * MANY, deadline=None, suppress_health_check=SLOW)
@given(rules=st.lists(RULES, min_size=1, max_size=4), records=RECORDS, chosen=st.integers(0, 9_999))
def test_invented_rules(rules: list[Any], records: list[Any], chosen: int) -> None:
    """Whatever a rule combines, both agree on invented events and on some recorded ones."""
    met = [*map(decoded, records), *some_of(recorded(), chosen), *some_of(rowed(), chosen)]

    assert_agreement(rules, met)


def decoded(record: Any) -> AuditEvent:
    return msgspec.json.decode(msgspec.json.encode(record), type=AuditEvent)


def some_of(events: list[AuditEvent], chosen: int) -> list[AuditEvent]:
    return [events[(chosen + 97 * step) % len(events)] for step in range(8)]


def assert_agreement(rules: list[Any], met: list[AuditEvent]) -> None:
    """Both evaluators count the same rows of every event for each rule."""
    with tempfile.TemporaryDirectory() as folder:
        for index, rule in enumerate(rules):
            build.write(Path(folder) / f"rule{index}.yml", rule)
        for name, entries in LISTS.items():
            build.values(Path(folder), name, entries)
        invented = Both(Path(folder))

    different = [event for event in met if invented.fast(event) != invented.plain(event)]

    assert different == []
    assert invented.engine.errors == Counter()
