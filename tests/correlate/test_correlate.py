"""Correlations: what matches they make, and that time, order and repetition do not matter."""

from collections.abc import Sequence
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ekswatch.correlate.correlate import MAX_AUDIT_IDS, correlate, duration, lookback
from ekswatch.correlate.signal import decode, encode
from ekswatch.correlate.window import Window
from ekswatch.findings.finding import Finding, Scope, findings
from ekswatch.rules.detection import Severity
from ekswatch.rules.match import Match
from ekswatch.rules.ruleset import Ruleset
from tests.correlate.examples import (
    DAY,
    as_signals,
    at,
    correlation,
    detection,
    match,
    read,
    ruleset,
    window,
)

SCOPE = Scope("aws", "111122223333", "eu-west-1", "prod")

BURST = ruleset(correlation())
CHAIN = ruleset(
    correlation(name="denials", rules=("denied",), timespan_seconds=300, finding=False),
    correlation(
        name="denied-then-read",
        kind="temporal_ordered",
        rules=("denials", "secret_read"),
        timespan_seconds=900,
    ),
)
MANY = ruleset(
    correlation(),
    correlation(name="fast", timespan_seconds=60, severity=Severity.HIGH),
    correlation(name="both", kind="temporal", rules=("secret_read", "denied")),
    *CHAIN.correlations,
)

bursts = st.lists(
    st.tuples(
        st.integers(0, 9_000),
        st.sampled_from([1, 20, 150, 400]),
        st.integers(1, 6),
        st.sampled_from(["secret_read", "denied"]),
        st.sampled_from(["jane", "joe", None]),
    ),
    max_size=10,
)
"""Start, seconds between requests, requests, document, actor."""


def judged(matches: Sequence[Match], rules: Ruleset, *windows: Window) -> dict[str, Finding]:
    """What each finding was when a run last told of it."""
    last: dict[str, Finding] = {}
    for one in windows:
        found = findings(correlate(as_signals(matches), rules, one), SCOPE, "r1")
        last |= {finding.id: finding for finding in found}
    return last


def made(drawn: Sequence[tuple[Any, ...]]) -> list[Match]:
    return [
        one
        for start, step, number, document, actor in drawn
        for one in read(*range(start, start + step * number, step), document=document, actor=actor)
    ]


@pytest.mark.parametrize(("requests", "holds"), [(2, False), (3, True)])
def test_a_count_holds_from_its_threshold_on(requests: int, holds: bool) -> None:
    """One request fewer than the threshold is quiet."""
    assert bool(correlate(as_signals(read(*range(requests))), BURST, DAY)) is holds


def test_a_match_says_who_how_often_when_and_why() -> None:
    """The match has the group, the numbers, the run's times and the lists of what differed."""
    (found,) = correlate(as_signals(read(0, 10, 20, 9_000)), BURST, DAY)

    assert found.facts == {
        "actor.name": "jane",
        "object.name": ("s0", "s10", "s20"),
        "correlation.count": 3,
    }
    assert (found.count, found.first_seen, found.last_seen) == (3, at(0), at(20))
    assert found.audit_ids == ("secret_read-jane-0", "secret_read-jane-10", "secret_read-jane-20")
    assert found.evidence == (("requests", 3), ("threshold", "at least 3 within 10m"))
    assert [sample["object.name"] for sample in found.samples] == ["s0", "s10", "s20"]
    assert found.samples[0]["auditID"] == "secret_read-jane-0"
    assert not found.signal
    assert not found.suppressed_by


def test_the_same_request_in_two_signals_counts_once() -> None:
    """Two containers of one pod, or a batch delivered twice, are one request."""
    rows = [match(0, "a", facts={"actor.name": "jane", "container.name": c}) for c in "xyz"]
    signals = as_signals([*rows, match(1, "b"), match(1, "b")], size=1)

    assert correlate(signals, BURST, DAY) == []
    assert correlate(signals, ruleset(correlation(count=2)), DAY)[0].count == 2


def test_a_missing_group_field_is_a_group() -> None:
    """Requests without the field count together, apart from those that have it."""
    (found,) = correlate(as_signals(read(0, 1, 2, actor=None) + read(3)), BURST, DAY)

    assert found.count == 3
    assert "actor.name" not in found.facts


def test_groups_are_counted_apart() -> None:
    """Two people below the threshold are not one above it."""
    assert correlate(as_signals(read(0, 1) + read(2, 3, actor="joe")), BURST, DAY) == []


def test_values_are_counted_with_their_case() -> None:
    """Kubernetes names differ by case in the few places where case is possible."""
    rules = ruleset(correlation(kind="value_count", fields=("object.name",), count=2))
    upper = match(1, "b", facts={"actor.name": "jane", "object.name": "DB"})
    (found,) = correlate(as_signals([match(0, "a"), upper]), rules, DAY)

    assert found.evidence[0] == ("distinct object.name", 2)


def test_the_most_severe_correlation_speaks_for_a_group() -> None:
    """Two correlations of a detection in one period make one match, with the higher severity."""
    rules = ruleset(correlation(), correlation(name="high", count=4, severity=Severity.HIGH))
    (found,) = correlate(as_signals(read(0, 1, 2, 3)), rules, DAY)

    assert (found.severity, found.document, found.reason) == (Severity.HIGH, "high", "high")
    assert found.count == 4


def test_different_groupings_of_one_detection_are_apart() -> None:
    """By actor and by address are two entities, and two matches."""
    rules = ruleset(correlation(), correlation(name="by-name", group_by=("object.name",)))
    found = correlate(as_signals([match(i, str(i)) for i in range(3)]), rules, DAY)

    assert {m.document for m in found} == {"secret-read-burst", "by-name"}


@pytest.mark.parametrize(("start", "found"), [(20, 1), (20.5, 0)])
def test_a_match_is_reported_by_the_window_of_its_deciding_event(start: float, found: int) -> None:
    """Looking back crosses the window's start, but what was decided before is not told again."""
    signals = as_signals(read(0, 10, 20))

    assert len(correlate(signals, BURST, window(start, 3_600))) == found
    assert correlate(signals, BURST, window(0, 20)) == []


def test_a_sequence_needs_its_order() -> None:
    """Denied and then read is a sequence; read and then denied is not."""
    rules = ruleset(correlation(kind="temporal_ordered", rules=("denied", "secret_read")))
    forward = read(0, document="denied") + read(60)
    backward = read(0) + read(60, document="denied")

    (found,) = correlate(as_signals(forward), rules, DAY)

    assert found.evidence[0] == ("rules", ("denied", "secret_read"))
    assert found.count == 2
    assert correlate(as_signals(backward), rules, DAY) == []


def test_a_chain_holds_every_request_behind_it() -> None:
    """A correlation over another one counts and lists the base requests of both."""
    denied = read(0, 1, 2, document="denied")
    (found,) = correlate(as_signals(denied + read(100)), CHAIN, DAY)

    assert found.count == 4
    assert found.first_seen == at(0)
    assert correlate(as_signals(denied[1:] + read(100)), CHAIN, DAY) == []


def test_rules_may_call_a_group_field_differently() -> None:
    """Aliases name the group's field per rule."""
    rules = ruleset(
        correlation(
            kind="temporal",
            rules=("minted", "used"),
            group_by=("credential",),
            aliases={"credential": {"minted": "issued", "used": "presented"}},
        )
    )
    minted = match(0, "a", "minted", {"issued": "JTI=1"})
    used = match(9, "b", "used", {"presented": "JTI=1"})
    other = match(9, "c", "used", {"presented": "JTI=2"})

    (found,) = correlate(as_signals([minted, used, other]), rules, DAY)

    assert found.facts["credential"] == "JTI=1"
    assert found.audit_ids == ("a", "b")


def test_collected_fields_are_always_lists() -> None:
    """A ledger has lists, also where there is only one value, at most 50 of them."""
    rules = ruleset(correlation(collect=("object.name", "verb"), timespan_seconds=3_600))
    same = [match(i, str(i)) for i in range(3)]
    many = read(*range(60), actor="joe")

    found = {m.facts["actor.name"]: m for m in correlate(as_signals(same + many), rules, DAY)}

    assert found["jane"].facts["object.name"] == ("db",)
    assert "verb" not in found["jane"].facts
    assert found["joe"].facts["object.name"] == tuple(f"s{i}" for i in range(50))


def test_audit_ids_are_bounded_and_the_count_is_not() -> None:
    """A match lists the first 1,000 audit IDs and counts every request."""
    requests = [match(i / 10, f"id-{i}") for i in range(MAX_AUDIT_IDS + 5)]
    (found,) = correlate(as_signals(requests, size=400), BURST, DAY)

    assert len(found.audit_ids) == MAX_AUDIT_IDS
    assert found.count == MAX_AUDIT_IDS + 5
    assert len(found.samples) == 10


def test_partial_records_make_a_partial_match() -> None:
    """A match that rests on an incomplete record says so."""
    (found,) = correlate(as_signals([*read(0, 1), match(2, "c", partial="cut")]), BURST, DAY)

    assert found.partial == "cut"


def test_a_key_outside_the_group_becomes_the_group() -> None:
    """A late event must not change the ID, so only group-by fields make the key."""
    rules = ruleset(correlation(), about=detection(dedup=("actor.name", "object.ref")))
    (found,) = correlate(as_signals(read(0, 1, 2)), rules, DAY)

    assert found.detection.dedup == ("actor.name",)


def test_lookback_adds_up_along_chains() -> None:
    """The hourly function reads signals as far back as any correlation can look."""
    assert lookback(BURST) == timedelta(seconds=2 * 600 + 3_600)
    assert lookback(CHAIN) == timedelta(seconds=2 * 1_200 + 3_600)
    assert lookback(ruleset()) == timedelta(0)


def test_circles_are_refused() -> None:
    """Correlations that refer to each other in a circle name the circle."""
    rules = ruleset(correlation(name="a", rules=("b",)), correlation(name="b", rules=("a",)))

    with pytest.raises(ValueError, match="a -> b -> a"):
        correlate([], rules, DAY)


@settings(max_examples=150, deadline=None)
@given(bursts, st.randoms(use_true_random=False), st.integers(1, 7))
def test_order_batches_and_repetition_do_not_matter(
    drawn: list[tuple[Any, ...]], random: Any, size: int
) -> None:
    """Shuffled, re-cut, repeated and written signals give the same matches."""
    matches = made(drawn)
    expected = correlate(as_signals(matches), MANY, DAY)
    repeated = as_signals(random.sample(matches, len(matches)), size) + as_signals(matches[:5])
    random.shuffle(repeated)

    assert correlate([decode(encode(s)) for s in repeated], MANY, DAY) == expected


@settings(max_examples=150, deadline=None)
@given(bursts, st.lists(st.integers(-600, 12_600), max_size=4))
def test_windows_may_be_cut_anywhere(drawn: list[tuple[Any, ...]], cuts: list[int]) -> None:
    """Runs over any pieces of time tell at last what one run over all tells."""
    matches = made(drawn)
    windows = [window(a, b) for a, b in pairwise([-1_000, *sorted(set(cuts)), 15_000])]
    whole = judged(matches, MANY, window(-1_000, 15_000))

    assert judged(matches, MANY, *windows) == whole


@settings(max_examples=150, deadline=None)
@given(bursts, bursts, st.integers(-600, 12_600))
def test_late_events_are_judged_by_the_next_run(
    drawn: list[tuple[Any, ...]], late: list[tuple[Any, ...]], cut: int
) -> None:
    """A run widened to the earliest late event ends where a run with everything would have."""
    early, everything = made(drawn), made(drawn) + made(late)
    first = judged(early, MANY, window(-1_000, cut))
    since = min([cut, *(seconds for seconds, *_ in late)])
    told = first | judged(everything, MANY, window(cut, 15_000).widened(at(since)))
    whole = judged(everything, MANY, window(-1_000, 15_000))

    assert {id_: told[id_] for id_ in whole} == whole


@settings(max_examples=150, deadline=None)
@given(bursts, st.integers(-600, 12_600))
def test_lookback_is_far_enough(drawn: list[tuple[Any, ...]], start: int) -> None:
    """Signals from before the look-back change nothing."""
    matches = made(drawn)
    one = window(start, 15_000)
    since = one.start - lookback(MANY)
    near = [m for m in matches if m.first_seen >= since]

    assert correlate(as_signals(near), MANY, one) == correlate(as_signals(matches), MANY, one)


def test_a_ledger_is_by_the_hour() -> None:
    """With a threshold of one, each request is in the record of its own hour, and in no other."""
    rules = ruleset(correlation(count=1, timespan_seconds=3_600, collect=("object.name",)))
    found = correlate(as_signals(read(*range(0, 7_200, 600))), rules, DAY)

    assert [m.count for m in found] == [6, 6]
    assert [m.first_seen for m in found] == [at(0), at(3_600)]


def test_a_burst_across_the_hour_is_one_match() -> None:
    """A window belongs to the period of its first request, also when it is decided later."""
    (found,) = correlate(as_signals(read(-5, -4, -3, 1, 2)), BURST, DAY)

    assert (found.count, found.first_seen) == (5, at(-5))


def test_a_chain_belongs_to_the_period_of_its_first_request() -> None:
    """The requests behind a chained correlation decide the period, not the moment it held."""
    denied = read(-3, -2, 1, 1_000, 1_001, 1_002, document="denied")
    found = correlate(as_signals(denied + read(100, 1_100)), CHAIN, DAY)

    assert [(m.first_seen, m.count) for m in found] == [(at(-3), 4), (at(1_000), 4)]


def test_a_later_run_tells_the_whole_period() -> None:
    """What the run before told of a period is in the lists of the next one, too."""
    signals = as_signals(read(0, 1, 2, 1_000, 1_001, 1_002))
    (found,) = correlate(signals, BURST, window(500, 2_000))

    assert found.count == 6
    assert found.first_seen == at(0)
    assert correlate(signals, BURST, window(1_500, 2_000)) == []


@pytest.mark.parametrize(
    ("seconds", "words"), [(45, "45s"), (90, "90s"), (600, "10m"), (3600, "1h"), (172_800, "2d")]
)
def test_durations_read_as_rules_write_them(seconds: int, words: str) -> None:
    """A timespan is told in the largest unit that fits it exactly."""
    assert duration(seconds) == words
