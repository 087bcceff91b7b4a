"""The two rounds: correlations over events, then those over what these and others found."""

from collections.abc import Sequence
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ekswatch.correlate.correlate import (
    SHORT,
    correlate,
    in_two,
    long_documents,
    lookback,
    told,
)
from ekswatch.correlate.signal import Signal, signals
from ekswatch.correlate.window import Window
from ekswatch.findings.finding import Scope, findings
from ekswatch.rules.detection import Severity
from ekswatch.rules.match import Match
from ekswatch.rules.matcher.outcomes import Outcomes
from ekswatch.rules.ruleset import SCHEMA, And, Check, Correlation, Rule, Ruleset, Use
from tests.correlate.examples import DAY, at, correlation, detection, match, read, window

SCOPE = Scope("aws", "111122223333", "eu-west-1", "prod")
HOUR = 3_600
DAY_SECONDS = 24 * HOUR


def finding_rule(name: str, *checks: Check) -> Rule:
    return Rule(
        name=name,
        detection="risk",
        view="finding",
        selections={"it": And(checks)},
        condition=Use("it"),
        severity=Severity.INFORMATIONAL,
        facts=(
            "finding.detection",
            "finding.risk",
            "finding.tactic",
        ),
        finding=False,
        signal=True,
    )


RISK = Correlation(
    name="risk",
    detection="risk",
    kind="value_sum",
    rules=("step",),
    timespan_seconds=DAY_SECONDS,
    severity=Severity.HIGH,
    group_by=("actor.name",),
    count=100,
    fields=("finding.risk",),
    collect=("finding.detection",),
    once_per=("finding.detection", "object.ref"),
)


def ruleset(*correlations: Correlation) -> Ruleset:
    return Ruleset(
        SCHEMA,
        (
            detection(),
            detection(slug="risk", dedup=("actor.name",), dedup_seconds=DAY_SECONDS),
            detection(slug="other"),
        ),
        (finding_rule("step"),),
        (*correlations, RISK),
        (),
        hash="r1",
    )


RULES = ruleset(correlation())


def found(
    seconds: float, slug: str = "other", about: str = "o", severity: Severity = Severity.MEDIUM
) -> Match:
    """What a detection found at once in one request of jane's."""
    return match(
        seconds,
        f"{slug}-{about}-{seconds}",
        slug,
        {"actor.name": "jane", "object.ref": about},
        detection=detection(slug=slug, severity=severity),
        severity=severity,
        signal=False,
    )


def steps(matches: Sequence[Match], rules: Ruleset = RULES) -> list[Signal]:
    """The signals of what was found at once, as the stream function writes them."""
    return signals(Outcomes(rules).of_findings(matches), batch="b", long=long_documents(rules))


def risks(matches: Sequence[Match]) -> list[Match]:
    return [m for m in matches if m.detection.slug == "risk"]


def test_findings_add_up_to_one_that_names_them() -> None:
    """Three of 49 points each are 147, with the detections behind it."""
    given_ = steps([found(0, "a"), found(60, "b"), found(120, "c")])

    (one,) = correlate(given_, RULES, DAY)

    assert one.facts["correlation.count"] == 147
    assert one.facts["finding.detection"] == ("a", "b", "c")
    assert (one.count, one.severity) == (3, Severity.HIGH)
    assert dict(one.evidence)["sum of finding.risk"] == 147


@pytest.mark.parametrize("second", [("a", "p"), ("b", "o")])
def test_two_medium_findings_stay_below_the_limit(second: tuple[str, str]) -> None:
    """Twice 49 are 98; a third is enough."""
    two = [found(0, "a", "o"), found(60, *second)]

    assert correlate(steps(two), RULES, DAY) == []
    assert len(correlate(steps([*two, found(90, "c")]), RULES, DAY)) == 1


def test_the_same_detection_on_the_same_object_counts_once() -> None:
    """However often it was found, with its worst severity."""
    again = [found(n, "a") for n in range(20)]
    worse = [*again, found(30, "a", severity=Severity.HIGH)]
    more = [*worse, found(40, "b")]

    results = [correlate(steps(matches), RULES, DAY) for matches in (again, worse, more)]

    assert [[m.facts["correlation.count"] for m in each] for each in results] == [[], [], [130]]


@pytest.mark.parametrize(("apart", "holds"), [(DAY_SECONDS, True), (DAY_SECONDS + 1, False)])
def test_risk_counts_for_a_day(apart: int, *, holds: bool) -> None:
    """A finding that is older than the timespan has no part in the sum."""
    given_ = steps([found(0, "a"), found(60, "b"), found(apart, "c")])

    matches = correlate(given_, RULES, Window.covering(at(0), at(apart)))

    assert bool(matches) is holds


def test_what_correlations_find_counts_as_well() -> None:
    """A burst is worth 49 points; with two findings of the stream that is enough."""
    burst = signals(read(200, 210, 220), batch="b")
    given_ = [*burst, *steps([found(0, "a"), found(60, "b")])]

    matches = correlate(given_, RULES, DAY)

    assert sorted(m.detection.slug for m in matches) == ["risk", "secret-read-burst"]
    (risk,) = risks(matches)
    assert risk.facts["finding.detection"] == ("a", "b", "secret-read-burst")


def test_what_an_earlier_run_found_counts_in_a_later_one() -> None:
    """The hourly function writes what its correlations tell, and reads it back for a day."""
    first = window(0, HOUR)
    burst = signals(read(200, 210, 220), batch="b")
    written = told(correlate(burst, RULES, first), RULES)
    later = steps([found(2 * HOUR, "a"), found(2 * HOUR + 60, "b")])

    alone = correlate(later, RULES, window(2 * HOUR, 3 * HOUR))
    (risk,) = correlate([*written, *later], RULES, window(2 * HOUR, 3 * HOUR))

    assert alone == []
    assert [s.document for s in written] == ["step"]
    assert risk.facts["finding.detection"] == ("secret-read-burst", "a", "b")


def test_a_run_that_is_repeated_tells_the_same() -> None:
    """So that nothing is written twice."""
    burst = signals(read(200, 210, 220), batch="b")
    first = told(correlate(burst, RULES, DAY), RULES)
    again = told(correlate([*burst, *first], RULES, DAY), RULES)

    assert first == again


def test_a_burst_that_began_in_the_window_before_is_told_in_this_one() -> None:
    """Its time is that of its first request, which the second round's window is opened for."""
    burst = signals(read(HOUR - 20, HOUR - 10, HOUR + 5), batch="b")
    given_ = [*burst, *steps([found(0, "a"), found(60, "b")])]

    matches = correlate(given_, RULES, window(HOUR, 2 * HOUR))

    assert len(risks(matches)) == 1


def test_findings_over_findings_tell_nothing_more() -> None:
    """Risk does not raise risk."""
    given_ = steps([found(0, "a"), found(60, "b"), found(120, "c")])

    assert told(correlate(given_, RULES, DAY), RULES) == []


def test_rounds_and_reach_follow_from_what_correlations_look_at() -> None:
    """The second round looks back on what the first may have found, the signals say so."""
    first, second = in_two(RULES)

    assert [one.name for one in first.correlations] == ["secret-read-burst"]
    assert [one.name for one in second.correlations] == ["risk"]
    assert long_documents(RULES) == {"step"}
    assert lookback(RULES, without=long_documents(RULES)) == timedelta(seconds=2 * 600 + HOUR)
    assert lookback(RULES) == timedelta(seconds=3 * DAY_SECONDS + 600 + HOUR)
    assert {s.reach for s in steps([found(0)])} == {"long"}


@pytest.mark.parametrize(("seconds", "long"), [(9_000, False), (9_001, True)])
def test_long_is_more_than_six_hours(seconds: int, *, long: bool) -> None:
    """Twice the timespan and the period of an hour are six hours, or a little more."""
    rules = ruleset(correlation(timespan_seconds=seconds))

    assert timedelta(seconds=2 * 9_000 + HOUR) == SHORT
    assert ("secret_read" in long_documents(rules)) is long


moments = st.lists(
    st.tuples(
        st.integers(0, 3 * DAY_SECONDS),
        st.sampled_from(["a", "b", "c"]),
        st.sampled_from(["o", "p"]),
        st.sampled_from([Severity.LOW, Severity.MEDIUM, Severity.HIGH]),
    ),
    max_size=12,
)


def ids(matches: Sequence[Match]) -> set[str]:
    return {one.id for one in findings(matches, SCOPE, "r1")}


@settings(deadline=None, max_examples=50)
@given(moments, st.lists(st.integers(0, 3 * DAY_SECONDS), max_size=4), st.randoms())
def test_order_and_cuts_do_not_matter(
    drawn: list[tuple[Any, ...]], cuts: list[int], random: Any
) -> None:
    """Windows cut anywhere give the findings of one window, signals in any order."""
    given_ = [s for one in drawn for s in steps([found(*one)])]
    edges = sorted({0, *cuts, 3 * DAY_SECONDS + 1})
    whole = ids(correlate(given_, RULES, window(0, 3 * DAY_SECONDS + 1)))
    random.shuffle(given_)

    cut = [
        one
        for start, end in pairwise(edges)
        for one in correlate(given_, RULES, window(start, end))
    ]

    assert ids(cut) == whole


def test_what_anybody_did_counts_in_every_group() -> None:
    """Jane was refused, somebody changed RBAC, jane was let in; joe was not refused."""
    sequence = correlation(
        kind="temporal_ordered",
        rules=("denied", "changed", "allowed"),
        ungrouped=("changed",),
    )
    rules = Ruleset(SCHEMA, (detection(),), (), (sequence,), ())
    given_ = [
        *read(0, document="denied"),
        *read(10, document="changed", actor="eve"),
        *read(20, document="allowed"),
        *read(20, document="allowed", actor="joe"),
    ]

    (one,) = correlate(signals(given_, batch="b"), rules, DAY)

    assert dict(one.facts)["actor.name"] == "jane"
    assert one.count == 3


@pytest.mark.parametrize(("change", "holds"), [(0, False), (1, True), (19, True), (20, False)])
def test_an_ungrouped_step_keeps_its_place(change: int, *, holds: bool) -> None:
    """It must lie between the two, later than one and earlier than the other."""
    sequence = correlation(
        kind="temporal_ordered", rules=("denied", "changed", "allowed"), ungrouped=("changed",)
    )
    rules = Ruleset(SCHEMA, (detection(),), (), (sequence,), ())
    given_ = [
        *read(0, document="denied"),
        *read(change, document="changed", actor="eve"),
        *read(20, document="allowed"),
    ]

    assert bool(correlate(signals(given_, batch="b"), rules, DAY)) is holds


ENTERED: dict[str, Any] = {
    "kind": "temporal_ordered",
    "rules": ("pod", "session"),
    "group_by": ("object.name",),
}
BY_MAKER = Ruleset(
    SCHEMA,
    (detection(dedup=("object.name",)),),
    (),
    (
        correlation(name="anybody", severity=Severity.HIGH, **ENTERED),
        correlation(name="entered", finding=False, **ENTERED),
        correlation(
            name="maker",
            kind="temporal_ordered",
            rules=("made", "entered"),
            group_by=("actor.name", "object.name"),
            severity=Severity.CRITICAL,
        ),
    ),
    (),
)


def about_pod(seconds: float, document: str, actor: str) -> Match:
    facts = {"actor.name": actor, "object.name": "web"}
    return match(seconds, f"{document}-{seconds}", document, facts)


@pytest.mark.parametrize(
    ("maker", "names"), [("jane", ["maker"]), ("joe", ["anybody"])], ids=["own", "of others"]
)
def test_a_finding_that_says_more_stands_for_both(maker: str, names: list[str]) -> None:
    """Who entered a pod of their own is told of once, and not as somebody who entered a pod."""
    given_ = [
        about_pod(0, "made", maker),
        about_pod(1, "pod", "replicaset-controller"),
        about_pod(60, "session", "jane"),
    ]

    matches = correlate(signals(given_, batch="b"), BY_MAKER, DAY)

    assert [m.document for m in matches] == names


def test_another_session_is_told_of_beside_it() -> None:
    """Requests that the more severe one does not have are not lost."""
    given_ = [
        about_pod(0, "made", "jane"),
        about_pod(1, "pod", "replicaset-controller"),
        about_pod(60, "session", "jane"),
        about_pod(90, "session", "joe"),
    ]

    matches = correlate(signals(given_, batch="b"), BY_MAKER, DAY)

    assert sorted(m.document for m in matches) == ["anybody", "maker"]


SILENT = Ruleset(
    SCHEMA,
    (detection(dedup=(), dedup_seconds=HOUR),),
    (),
    (correlation(group_by=(), rules=("minute",), timespan_seconds=900, op="lt", count=1),),
    (),
)


def spoken(*minutes: float) -> list[Signal]:
    """One signal per minute in which the log had events."""
    matches = [match(60 * m, "", "minute", {}, audit_ids=()) for m in minutes]
    return signals(matches, batch="b")


@pytest.mark.parametrize(("gap", "silent"), [(15, False), (16, True)])
def test_silence_is_longer_than_the_timespan(gap: int, *, silent: bool) -> None:
    """Fifteen minutes apart is talk, sixteen is silence."""
    assert bool(correlate(spoken(0, gap, gap + 1), SILENT, window(0, 60 * gap + 61))) is silent


def test_silence_is_told_by_the_window_in_which_it_is_known() -> None:
    """Once: not before it has lasted, and not again while it goes on."""
    given_ = spoken(*range(50))

    hours = [correlate(given_, SILENT, window(h * HOUR, (h + 1) * HOUR)) for h in range(4)]

    assert [len(each) for each in hours] == [0, 1, 0, 0]
    (one,) = hours[1]
    assert (one.first_seen, one.last_seen, one.count) == (at(49 * 60), at(49 * 60), 1)
    assert dict(one.evidence) == {"requests": 0, "threshold": "fewer than 1 within 15m"}


def test_who_never_spoke_is_not_silent() -> None:
    """Nothing is known of a cluster without a signal."""
    assert correlate([], SILENT, DAY) == []


def test_a_silence_before_another_that_is_not_over_is_told() -> None:
    """Two silences in one period: the second is not known yet."""
    given_ = spoken(0, 1, 2, 30)

    (one,) = correlate(given_, SILENT, window(0, 40 * 60))

    assert one.first_seen == at(120)
