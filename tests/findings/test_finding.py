"""Findings: identity, merging and the JSON contract."""

import hashlib
import json
from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ekswatch.findings.finding import (
    Finding,
    Scope,
    bucket,
    finding_id,
    findings,
    merge,
    stamp,
    suppressed,
    to_dict,
)
from ekswatch.rules.detection import Severity
from ekswatch.rules.match import Match
from tests.findings.examples import (
    FACTS,
    SCOPE,
    START,
    at,
    detection,
    finding,
    hostile_facts,
    match,
)

REQUIRED = {
    *("id", "detection", "title", "severity", "risk", "cluster", "account", "region", "actor"),
    *("source", "object", "outcome", "count", "first_seen", "last_seen", "tactics", "techniques"),
    *("audit_ids", "evidence", "message", "runbook", "commands", "logs_url", "partial", "samples"),
    "rules_hash",
}

IN_ONE_HOUR = st.integers(0, 2_000)
one_match = st.builds(
    lambda seconds, id_, severity, name, reason, extra: match(
        seconds,
        f"id-{id_}",
        severity=Severity(severity),
        reason=reason,
        samples=({"container.name": name},),
        partial="cut" if id_ == 3 else "",
        count=1 + extra,
    ),
    IN_ONE_HOUR,
    st.integers(0, 9),
    st.integers(0, 4),
    st.sampled_from("abc"),
    st.sampled_from(["", "person"]),
    st.sampled_from([0, 0, 5]),
)
same_finding = st.lists(one_match, min_size=1, max_size=14)


def fold(matches: list[Match]) -> Finding:
    return finding(*matches)


def test_an_id_is_the_hash_of_its_parts() -> None:
    """Anyone can compute the ID again from the scope, the slug, the key's values and the hour."""
    parts = [
        *("aws", "111122223333", "eu-west-1", "prod-eu", "privileged-workload-created"),
        ["jdoe", "pods build/debug-7f"],
        int(START.timestamp()) // 3600 * 3600,
    ]
    text = json.dumps(parts, separators=(",", ":"))

    assert finding().id == "ekswatch-" + hashlib.sha256(text.encode()).hexdigest()[:32]


@pytest.mark.parametrize(
    "scope",
    [
        Scope("aws-cn", "111122223333", "eu-west-1", "prod-eu"),
        Scope("aws", "444455556666", "eu-west-1", "prod-eu"),
        Scope("aws", "111122223333", "eu-west-2", "prod-eu"),
        Scope("aws", "111122223333", "eu-west-1", "prod-us"),
    ],
)
def test_the_same_event_elsewhere_is_another_finding(scope: Scope) -> None:
    """Partition, account, Region and cluster are in the ID."""
    assert finding(scope=scope).id != finding().id


def test_parts_of_a_key_do_not_run_together() -> None:
    """Values cannot be moved from one part of the key into the next."""
    about = detection(dedup=("a", "b"))

    assert finding_id(SCOPE, about, {"a": "x,y", "b": None}, START) != finding_id(
        SCOPE, about, {"a": "x", "b": "y"}, START
    )


@pytest.mark.parametrize(("seconds", "same"), [(2_388.7, True), (2_388.75, False)])
def test_a_period_ends_on_the_hour(seconds: float, same: bool) -> None:
    """Repeats within the deduplication period are one finding, later ones another."""
    assert (finding(match(seconds)).id == finding().id) is same


@pytest.mark.parametrize(("seconds", "length", "start"), [(3600, 3600, 3600), (7199, 3600, 3600)])
def test_periods_count_from_the_epoch(seconds: int, length: int, start: int) -> None:
    """A period starts at a multiple of its length."""
    assert bucket(START - timedelta(seconds=START.timestamp() - seconds), length) == start


def test_suppressed_and_signal_matches_are_no_findings() -> None:
    """Only matches that count alone and are not expected become findings."""
    hidden = [match(signal=True), match(suppressed_by="backup")]

    assert findings(hidden, SCOPE, "r") == []


def test_suppressed_matches_are_counted_by_filter() -> None:
    """What a filter explains away is known and attributed to it."""
    hidden = [match(suppressed_by="backup"), match(suppressed_by="backup"), match()]

    assert suppressed(hidden) == Counter({("privileged-workload-created", "backup"): 2})


def test_several_rows_of_one_request_are_one_count() -> None:
    """Two privileged containers of one pod are one request, with a sample each."""
    rows = [match(samples=({"container.name": name},)) for name in "ab"]

    assert finding(*rows).count == 1
    assert [s["container.name"] for s in finding(*rows).samples] == ["a", "b"]


def test_the_most_severe_match_speaks_first() -> None:
    """Severity, reason, facts and evidence are those of the worst match, then of the earliest."""
    mild = match(0, "a", severity=Severity.LOW, reason="mild")
    early = match(1, "b", severity=Severity.HIGH, reason="early")
    late = match(2, "c", severity=Severity.HIGH, reason="late")
    found = finding(late, mild, early)

    assert (found.severity, found.reason, found.risk) == (Severity.HIGH, "early", 81)
    assert found.first_seen == at(0)


def test_a_correlation_counts_more_than_it_lists() -> None:
    """Requests beyond the kept audit IDs stay in the count, and a repetition adds none."""
    many = finding(match(count=1_500, audit_ids=tuple(f"i{n}" for n in range(1_000))))

    assert many.count == 1_500
    assert merge(many, many).count == 1_500


@pytest.mark.parametrize(("requests", "named"), [(100, 100), (101, 100)])
def test_audit_ids_that_leave_are_bounded(requests: int, named: int) -> None:
    """The JSON names at most 100 audit IDs and counts them all."""
    told = to_dict(finding(*(match(0, f"i{n}") for n in range(requests))))

    assert len(told["audit_ids"]) == named
    assert told["count"] == requests


def test_a_record_without_audit_id_is_a_request() -> None:
    """A count is never zero."""
    assert finding(match(audit_ids=())).count == 1
    assert finding(match(audit_ids=("",))).count == 1
    assert finding(match(audit_ids=("",))).audit_ids == ()


def test_samples_are_the_first_nine_and_the_last() -> None:
    """Ten samples show how it began and how it ended."""
    found = finding(*(match(i, f"i{i}") for i in range(30)))

    assert [s["auditID"] for s in found.samples] == [*(f"i{i}" for i in range(9)), "i29"]


@given(same_finding, st.randoms(use_true_random=False))
def test_a_replay_gives_the_same_finding(matches: list[Match], random: Any) -> None:
    """Any order and any number of repetitions give the same finding, whole."""
    again = random.sample(matches, len(matches)) + matches[:3]

    assert fold(again) == fold(matches)
    assert to_dict(fold(again)) == to_dict(fold(matches))


@given(same_finding, same_finding, same_finding)
def test_merging_is_a_union(a: list[Match], b: list[Match], c: list[Match]) -> None:
    """Merging commutes, associates, repeats harmlessly and equals seeing all at once."""
    one, other, third = fold(a), fold(b), fold(c)

    assert merge(one, other) == merge(other, one)
    assert merge(merge(one, other), third) == merge(one, merge(other, third))
    assert merge(one, one) == one
    assert merge(one, merge(one, other)) == merge(one, other) == fold(a + b)


@given(st.lists(st.tuples(IN_ONE_HOUR, st.integers(0, 30)), min_size=1))
def test_the_count_is_that_of_distinct_requests(requests: list[tuple[int, int]]) -> None:
    """However matches are cut into batches, each audit ID counts once."""
    parts = [finding(match(seconds, f"i{id_}")) for seconds, id_ in requests]
    whole = parts[0]
    for part in parts[1:]:
        whole = merge(whole, part)

    assert whole.count == len({id_ for _, id_ in requests})


def test_different_findings_do_not_merge() -> None:
    """Merging two IDs is a mistake, and says which."""
    other = finding(match(facts={**FACTS, "actor.name": "joe"}))

    with pytest.raises(ValueError, match=other.id):
        merge(finding(), other)


def test_the_json_has_what_was_promised() -> None:
    """Every key of the contract is there, with values that JSON can hold."""
    told = to_dict(finding())

    assert told.keys() >= REQUIRED
    assert json.loads(json.dumps(told)) == told
    assert told["actor"]["name"] == "jdoe"
    assert told["source"] == {
        "address": "203.0.113.7",
        "class": "public",
        "userAgent": "kubectl/v1.31.0",
    }
    assert told["object"]["ref"] == "pods build/debug-7f"
    assert told["first_seen"] == "2026-11-20T02:20:11.250Z"
    assert told["message"] == "jdoe created pods build/debug-7f with a privileged container."
    assert told["commands"] == ["kubectl -n build get pod debug-7f -o yaml"]


def test_templates_may_name_the_findings_own_words() -> None:
    """Count, severity, cluster and times can stand in a message."""
    about = detection(message="{count} at {severity} in {cluster} since {first_seen}")
    found = finding(match(detection=about), match(5, "a-2", detection=about))

    assert found.message == "2 at HIGH in prod-eu since 2026-11-20T02:20:11.250Z"


@settings(max_examples=40, deadline=None)
@given(hostile_facts)
def test_any_facts_make_a_finding(facts: dict[str, Any]) -> None:
    """No value stops a finding, and its JSON stays far below a queue's limit."""
    found = finding(match(facts=facts, evidence=tuple(facts.items())[:5]))
    line = json.dumps(to_dict(found))

    assert "\n" not in line
    assert len(line) < 1_000_000
    assert found.message.isprintable()


def test_stamps_are_rfc_3339_with_milliseconds() -> None:
    """Security Hub and people read the same time."""
    assert stamp(START + timedelta(microseconds=999)) == "2026-11-20T02:20:11.250Z"
