"""Detections against events: examples, recorded attacks, a recorded quiet day.

Nobody writes code to add a detection: its examples are found by the name of their folder.
"""

import json
from collections import Counter
from functools import cache
from pathlib import Path

import pytest

from ekswatch.audit.vocabulary import STATES
from ekswatch.cli.examples import Example, Judge, find_examples, read_events, strays
from ekswatch.findings.finding import Finding, Scope, findings
from ekswatch.rules.compiler.compile import compile_ruleset
from ekswatch.rules.detection import Severity
from ekswatch.rules.match import Match
from ekswatch.rules.ruleset import Ruleset

ROOT = Path(__file__).parents[1]
EVENTS = ROOT / "events"
EXAMPLES = find_examples(EVENTS)
SCOPE = Scope("aws", "111122223333", "eu-west-1", "demo")

LEDGER = "sensitive-object-access"
"""A record of who touched what, so it holds attacks and ordinary work alike."""


@cache
def ruleset() -> Ruleset:
    return compile_ruleset(ROOT / "detections")


@cache
def judge() -> Judge:
    return Judge(ruleset())


@cache
def matches(file: Path) -> tuple[Match, ...]:
    """Everything that a file of events gives, suppressed matches included, signals correlated."""
    return judge().matches(read_events(file))


def judged(file: Path) -> list[Finding]:
    return findings(matches(file), SCOPE, ruleset().hash)


@cache
def expected() -> dict[str, list[str]]:
    """What of each recorded attack is found, by recording; looked through by hand."""
    return json.loads((EVENTS / "scenarios" / "expected.json").read_text())


@cache
def labels() -> dict[str, dict[str, list[str]]]:
    return json.loads((EVENTS / "scenarios" / "labels.json").read_text())


def scenario(name: str) -> Path:
    return EVENTS / "scenarios" / f"{name}.jsonl.gz"


def alarms(found: list[Finding]) -> list[str]:
    """Findings that somebody is expected to look at, as text for a failing test."""
    return [f"{f.severity.name} {f.message}" for f in found if f.severity >= Severity.MEDIUM]


def told(finding: Finding, field: str) -> tuple[object, ...]:
    """What a finding says of a field: one value, several, or none."""
    value = finding.facts.get(field, ())
    return value if isinstance(value, tuple) else (value,)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.name)
def test_example(example: Example):
    """A match_ example gives a finding of its folder's detection, an ignore_ example none."""
    assert judge().outcome(example).problem == ""


def test_no_example_is_out_of_place():
    """Every example belongs to a detection, and every file beside one is an example."""
    assert strays(EVENTS, {detection.slug for detection in ruleset().detections}) == ()


def test_every_detection_has_examples_of_both_kinds():
    """At least two events show what each detection finds, and two what it leaves alone."""
    counted = Counter((example.slug, example.kind) for example in EXAMPLES)
    slugs = {detection.slug for detection in ruleset().detections}
    slugs -= {rule.detection for rule in ruleset().rules if rule.view in STATES}  # no event

    assert {slug for slug, _ in counted} == slugs
    for slug in slugs:
        assert min(counted[slug, "match"], counted[slug, "ignore"]) >= 2, slug


def test_every_default_exclusion_is_shown_at_work():
    """Each shipped filter suppresses something in an example or on the recorded day."""
    files = [*(example.path for example in EXAMPLES), EVENTS / "benign.jsonl.gz"]
    used = {match.suppressed_by for file in files for match in matches(file)} - {""}

    assert {filter_.name for filter_ in ruleset().filters} - used == set()


def attack_alerts(name: str) -> list[Finding]:
    """The findings of a recording that are about requests of the attacker, without the ledger."""
    attack = set(labels()[name]["attack"])
    found = judged(scenario(name))
    return [f for f in found if attack & set(f.audit_ids) and f.detection.slug != LEDGER]


@pytest.mark.parametrize("name", sorted(name for name in labels() if labels()[name]["technique"]))
def test_recorded_attack(name: str):
    """A recorded attack gives exactly the expected detections, each about the attack alone.

    What controllers then did to the attacker's objects, and what led up to it, is part of it.
    """
    label = labels()[name]
    ours = {*label["attack"], *label.get("derived", ()), *label.get("related", ())}
    alerts = attack_alerts(name)

    assert sorted({f.detection.slug for f in alerts}) == expected()[name]
    for alert in alerts:
        assert set(alert.audit_ids) <= ours, alert.detection.slug


def test_no_recorded_attack_is_missed():
    """Each is found, and by more than the ledger."""
    assert [name for name, slugs in expected().items() if not slugs] == []
    assert set(expected()) == {name for name in labels() if labels()[name]["technique"]}


@pytest.mark.parametrize("name", sorted(n for n in labels() if n.startswith("lookalike_")))
def test_recorded_lookalike(name: str):
    """What looks like an attack and is none disturbs nobody."""
    assert alarms(judged(scenario(name))) == []


def test_recorded_quiet_day():
    """Nearly twenty thousand ordinary events give at most one finding to look at."""
    found = judged(EVENTS / "benign.jsonl.gz")

    assert len(alarms(found)) <= 1, alarms(found)
