"""Outcomes: what findings and deliveries tell to the correlations over them."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from ekswatch.audit.event import AuditEvent
from ekswatch.audit.records import read_record
from ekswatch.audit.vocabulary import STATES
from ekswatch.rules.detection import Detection, Severity
from ekswatch.rules.match import Match
from ekswatch.rules.matcher.outcomes import KEPT, Outcomes, over_findings
from ekswatch.rules.ruleset import SCHEMA, And, Check, Correlation, Filter, Rule, Ruleset, Use

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


def detection(slug: str = "secrets-listed", **changes: Any) -> Detection:
    fields: dict[str, Any] = {
        "slug": slug,
        "id": slug,
        "title": slug,
        "description": "",
        "severity": Severity.MEDIUM,
        "message": "",
        "dedup": ("actor.name",),
        "dedup_seconds": 3600,
        "tactics": ("Credential Access", "Discovery"),
    }
    return Detection(**(fields | changes))


def found(
    slug: str = "secrets-listed",
    severity: Severity = Severity.MEDIUM,
    audit_id: str = "a",
    **changes: Any,
) -> Match:
    fields: dict[str, Any] = {
        "detection": detection(slug),
        "document": slug,
        "severity": severity,
        "reason": "",
        "facts": {"actor.name": "jane", "object.ref": "secrets payments/*", "verb": "list"},
        "evidence": (),
        "samples": ({},),
        "count": 1,
        "first_seen": NOON,
        "last_seen": NOON,
        "audit_ids": (audit_id,),
    }
    return Match(**(fields | changes))


def rule(view: str, *checks: Check, name: str = "step", **changes: Any) -> Rule:
    fields: dict[str, Any] = {
        "name": name,
        "detection": "risk",
        "view": view,
        "selections": {"it": And(checks)},
        "condition": Use("it"),
        "severity": Severity.INFORMATIONAL,
        "facts": (
            *("finding.detection", "finding.severity", "finding.risk", "finding.tactic"),
            "finding.leading",
        ),
        "finding": False,
        "signal": True,
    }
    return Rule(**(fields | changes))


def ruleset(*rules: Rule, **changes: Any) -> Ruleset:
    fields: dict[str, Any] = {
        "schema": SCHEMA,
        "detections": (detection("risk"), detection("secrets-listed")),
        "rules": rules,
        "correlations": (),
        "filters": (),
    }
    return Ruleset(**(fields | changes))


def event(at: datetime, audit_id: str = "a") -> AuditEvent:
    stamp = at.isoformat()
    record = {
        "kind": "Event",
        "apiVersion": "audit.k8s.io/v1",
        "auditID": audit_id,
        "stage": "ResponseComplete",
        "verb": "get",
        "requestReceivedTimestamp": stamp,
        "stageTimestamp": stamp,
    }
    read = read_record(json.dumps(record))
    assert isinstance(read, AuditEvent)
    return read


ANY = Outcomes(ruleset(rule("finding")))


def test_a_finding_becomes_one_compact_signal() -> None:
    """It says which detection, how severe, how risky, of what tactic, about whom and what."""
    (signal,) = ANY.of_findings([found()])

    assert signal.signal
    assert (signal.document, signal.audit_ids, signal.first_seen) == ("step", ("a",), NOON)
    assert signal.facts == {
        "actor.name": "jane",
        "object.ref": "secrets payments/*",
        "verb": "list",
        "finding.detection": "secrets-listed",
        "finding.severity": "medium",
        "finding.risk": 49,
        "finding.tactic": "Credential Access",
        "finding.leading": True,
    }


def test_other_facts_of_a_finding_are_left_behind() -> None:
    """There are many such signals, and they live long."""
    (signal,) = ANY.of_findings([found(facts={"actor.name": "jane", "container.image": "x"})])

    assert "container.image" not in signal.facts
    assert signal.facts.keys() <= {*KEPT, *rule("finding").facts}


def test_the_most_severe_finding_of_a_request_leads() -> None:
    """The others of the same request do not; another request has its own."""
    matches = [
        found("first", Severity.LOW),
        found("second", Severity.HIGH),
        found("third", Severity.LOW, "b"),
    ]

    signals = ANY.of_findings(matches)

    leads = {s.facts["finding.detection"]: s.facts["finding.leading"] for s in signals}
    assert leads == {"first": False, "second": True, "third": True}


def test_several_matches_of_a_detection_in_a_request_are_one() -> None:
    """Two containers of one pod are one finding, of the worse severity."""
    matches = [found(severity=Severity.MEDIUM), found(severity=Severity.HIGH)]

    (signal,) = ANY.of_findings(matches)

    assert signal.facts["finding.severity"] == "high"


@pytest.mark.parametrize("changes", [{"signal": True}, {"suppressed_by": "auditor"}])
def test_what_is_no_finding_tells_nothing(changes: dict[str, Any]) -> None:
    """Neither signals nor what is expected count."""
    assert ANY.of_findings([found(**changes)]) == []


def test_what_is_only_logged_tells_nothing() -> None:
    """A detection on trial must not make others fire."""
    on_trial = Outcomes(ruleset(rule("finding"), log_only=("secrets-listed",)))

    assert on_trial.of_findings([found()]) == []
    assert len(on_trial.of_findings([found("other")])) == 1


def test_nothing_goes_in_circles() -> None:
    """What a correlation over findings found, directly or by a chain, is no such finding."""
    sums = Correlation("sums", "risk", "value_sum", ("step",), 60, Severity.HIGH)
    chain = Correlation("chain", "risk", "temporal", ("sums", "x"), 60, Severity.HIGH)
    other = Correlation("other", "risk", "event_count", ("x",), 60, Severity.HIGH)
    rules = ruleset(rule("finding"), correlations=(chain, other, sums))

    assert over_findings(rules) == {"sums", "chain"}
    assert Outcomes(rules).of_findings([found(document="chain"), found(document="sums")]) == []
    assert len(Outcomes(rules).of_findings([found(document="other")])) == 1


def test_a_condition_and_a_filter_are_on_the_finding() -> None:
    """A filter that names the rule keeps the finding, and explains the signal away."""
    serious = rule("finding", Check("finding.severity", "equals", ("medium", "high")))
    jane = Filter(
        name="jane",
        title="",
        reason="",
        owner="",
        selections={"it": Check("actor.name", "equals", ("jane",))},
        excludes=Use("it"),
        rules=("step",),
        expires="2026-11-20",
    )
    outcomes = Outcomes(ruleset(serious, filters=(jane,)))
    day_after = NOON + timedelta(days=1)

    low, expected, expired = (
        outcomes.of_findings([match])
        for match in (
            found(severity=Severity.LOW),
            found(),
            found(first_seen=day_after, last_seen=day_after),
        )
    )

    assert low == []
    assert [(s.suppressed_by, dict(s.facts)) for s in expected] == [("jane", {})]
    assert [s.suppressed_by for s in expired] == [""]


def test_facts_of_many_requests_are_left_out() -> None:
    """A correlation's finding has lists where its requests differ: they are nobody's address."""
    facts = {"actor.name": "jane", "source.address": ("10.0.0.1", "10.0.0.2")}

    (signal,) = ANY.of_findings([found(facts=facts)])

    assert "source.address" not in signal.facts
    assert signal.facts["actor.name"] == "jane"


def test_each_minute_with_events_is_told_once() -> None:
    """By the time of the events, in order."""
    times = [NOON + timedelta(seconds=s) for s in (61, 0, 59.9, 119)]
    spoken = rule("delivery", Check("delivery.events", "gte", (1,)), name="minute", facts=())

    signals = Outcomes(ruleset(spoken)).of_events(map(event, times))

    assert [s.first_seen for s in signals] == [NOON, NOON + timedelta(minutes=1)]
    assert all(s.signal and s.document == "minute" and s.facts == {} for s in signals)


@pytest.mark.parametrize("view", STATES)
def test_how_things_stand_is_found_at_once(view: str) -> None:
    """Of each row that holds, with the facts that the rule names, at the time of the look."""
    bad = Check(f"{view}.bad", "equals", (True,))
    state = rule(view, bad, facts=(f"{view}.name",), finding=True, signal=False)
    other = rule(next(other for other in STATES if other != view), finding=True, signal=False)
    rows = [{f"{view}.name": name, f"{view}.bad": name != "b"} for name in "abc"]

    matches = Outcomes(ruleset(state, other)).of_rows(view, rows, NOON)

    assert [match.facts for match in matches] == [{f"{view}.name": "a"}, {f"{view}.name": "c"}]
    assert not any(match.signal for match in matches)
    assert {(match.first_seen, match.last_seen) for match in matches} == {(NOON, NOON)}


def test_a_state_that_is_expected_names_its_filter() -> None:
    """It is counted as suppressed, and found no more."""
    state = rule("cluster", name="state", finding=True, signal=False)
    lab = Filter(
        name="lab",
        title="",
        reason="",
        owner="",
        selections={"it": Check("cluster.name", "equals", ("lab",))},
        excludes=Use("it"),
        rules=("state",),
    )
    outcomes = Outcomes(ruleset(state, filters=(lab,)))

    matches = outcomes.of_rows("cluster", [{"cluster.name": "lab"}, {"cluster.name": "x"}], NOON)

    assert [match.suppressed_by for match in matches] == ["lab", ""]


def test_a_ruleset_without_such_rules_costs_nothing() -> None:
    """Nothing is told where nobody asks."""
    plain = Outcomes(ruleset())

    assert plain.of_findings([found()]) == []
    assert plain.of_events([event(NOON)]) == []


def test_a_rule_that_no_correlation_uses_is_silent() -> None:
    """A rule on findings finds nothing alone."""
    unused = msgspec.structs.replace(rule("finding"), signal=False)

    assert Outcomes(ruleset(unused)).of_findings([found()]) == []
