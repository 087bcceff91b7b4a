"""Sliding windows, held against a definition that looks at every window by itself."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from ekswatch.correlate.spans import HOLDS, Occurrence, decided_at, spans
from ekswatch.rules.ruleset import ABSENCE, Correlation
from tests.correlate.examples import at, correlation

drawn = st.lists(
    st.tuples(
        st.integers(0, 40),
        st.sampled_from("abc"),
        st.sampled_from(["one", "two", "three"]),
        st.sampled_from(["x", "y", None, ("x", "z")]),
    ),
    max_size=14,
)
limits = st.tuples(st.integers(0, 15), st.integers(0, 4), st.sampled_from(sorted(HOLDS)))


def occurrences(seen: list[tuple[Any, ...]]) -> list[Occurrence]:
    distinct = {
        Occurrence(at(second), audit_id, document, repr(value).encode(), {"f": value})
        for second, audit_id, document, value in seen
    }
    return sorted(distinct, key=lambda one: one.order)


def enough_alone(inside: list[Occurrence], about: Correlation, count: Any) -> list[Occurrence]:
    """The last moment of a window where that is enough by itself, else the window."""
    moment = [one for one in inside if one.at == inside[-1].at]
    alone = about.op in ("gt", "gte") and HOLDS[about.op](count(moment), about.count)
    return moment if alone else inside


def windows(seen: list[Occurrence], about: Correlation) -> list[list[Occurrence]]:
    """The occurrences of the window that ends at each moment."""
    timespan = timedelta(seconds=about.timespan_seconds)
    moments = sorted({one.at for one in seen})
    return [[o for o in seen if end - timespan <= o.at <= end] for end in moments]


@given(drawn, limits)
def test_event_count_counts_the_requests_of_each_window(
    seen: list[tuple[Any, ...]], limit: tuple[int, int, str]
) -> None:
    """Exactly the windows hold whose number of distinct requests meets the condition."""
    about = correlation(timespan_seconds=limit[0], count=limit[1], op=limit[2])
    assume(not about.is_absence)
    all_ = occurrences(seen)

    def count(inside: list[Occurrence]) -> int:
        return len({one.request for one in inside})

    expected = [
        (enough_alone(inside, about, count), count(inside))
        for inside in windows(all_, about)
        if HOLDS[about.op](count(inside), about.count)
    ]

    assert [(all_[s.start : s.end], s.observed) for s in spans(all_, about)] == expected


@given(drawn, limits)
def test_value_count_counts_the_values_of_each_window(
    seen: list[tuple[Any, ...]], limit: tuple[int, int, str]
) -> None:
    """Exactly the windows hold whose number of distinct values meets the condition."""
    about = correlation(
        kind="value_count", fields=("f",), timespan_seconds=limit[0], count=limit[1], op=limit[2]
    )
    all_ = occurrences(seen)

    def count(inside: list[Occurrence]) -> int:
        each = (one.facts["f"] for one in inside)
        members = (v for m in each for v in (m if isinstance(m, tuple) else (m,)))
        return len(set(members) - {None})

    expected = [
        (enough_alone(inside, about, count), count(inside))
        for inside in windows(all_, about)
        if HOLDS[about.op](count(inside), about.count)
    ]

    assert [(all_[s.start : s.end], s.observed) for s in spans(all_, about)] == expected


@given(
    st.lists(
        st.tuples(st.integers(0, 40), st.sampled_from("abc"), st.sampled_from([1, 20, 60])),
        max_size=12,
    ),
    limits,
    st.sampled_from([(), ("key",)]),
)
def test_value_sum_adds_the_largest_number_of_each(
    seen: list[tuple[int, str, int]], limit: tuple[int, int, str], once: tuple[str, ...]
) -> None:
    """Exactly the windows hold whose sum meets the condition; equal keys add once."""
    about = correlation(
        kind="value_sum",
        fields=("risk",),
        once_per=once,
        timespan_seconds=limit[0],
        count=limit[1] * 20,
        op=limit[2],
    )
    all_ = sorted(
        {
            Occurrence(at(second), str(number), "one", b"%d" % number, {"risk": risk, "key": key})
            for number, (second, key, risk) in enumerate(seen)
        },
        key=lambda one: one.order,
    )

    def total(inside: list[Occurrence]) -> int:
        largest: dict[Any, int] = {}
        for one in inside:
            key = one.facts["key"] if once else one.request
            largest[key] = max(largest.get(key, 0), int(str(one.facts["risk"])))
        return sum(largest.values())

    expected = [
        (inside, total(inside))
        for inside in windows(all_, about)
        if HOLDS[about.op](total(inside), about.count)
    ]

    assert [(all_[s.start : s.end], s.observed) for s in spans(all_, about)] == expected


def test_what_is_no_number_adds_nothing() -> None:
    """A missing number, a text and a truth value are worth nothing."""
    about = correlation(kind="value_sum", fields=("risk",), count=0, op="gte")
    seen = [
        Occurrence(at(n), str(n), "d", b"", {"risk": value})
        for n, value in enumerate([None, "5", True, 7])
    ]

    assert [span.observed for span in spans(seen, about)] == [0, 0, 0, 7]


@given(drawn, st.integers(0, 15), st.sampled_from(ABSENCE))
def test_absence_holds_after_the_last_request_before_a_gap(
    seen: list[tuple[Any, ...]], timespan: int, condition: tuple[Any, int]
) -> None:
    """Exactly the moments hold after which nothing came for longer than the timespan."""
    about = correlation(timespan_seconds=timespan, op=condition[0], count=condition[1])
    all_ = occurrences(seen)
    moments = sorted({one.at for one in all_})
    within = timedelta(seconds=timespan)
    expected = [
        moment
        for moment in moments
        if not any(timedelta(0) < later - moment <= within for later in moments)
    ]
    found = list(spans(all_, about))

    assert [all_[span.end - 1].at for span in found] == expected
    for span in found:
        decided = decided_at(all_, span, about) - all_[span.end - 1].at
        assert decided > within


@given(drawn, st.integers(0, 15))
def test_temporal_holds_when_every_rule_is_in_the_window(
    seen: list[tuple[Any, ...]], timespan: int
) -> None:
    """Exactly the moments hold whose window has every rule, and the span is the tightest."""
    about = correlation(kind="temporal", rules=("one", "two"), timespan_seconds=timespan)
    all_ = [o for o in occurrences(seen) if o.document in about.rules]
    expected = [
        inside[-1].at
        for inside in windows(all_, about)
        if {o.document for o in inside} == set(about.rules)
    ]
    found = list(spans(all_, about))

    assert [all_[span.end - 1].at for span in found] == expected
    for span in found:
        inside = all_[span.start : span.end]
        later = [o for o in inside if o.at > inside[0].at]
        assert {o.document for o in inside} == set(about.rules)
        assert {o.document for o in later} != set(about.rules) or inside[0].at == inside[-1].at


@given(drawn, st.integers(0, 15), st.sampled_from([("one", "two"), ("one", "two", "one")]))
def test_ordered_holds_when_a_chain_is_in_the_window(
    seen: list[tuple[Any, ...]], timespan: int, rules: tuple[str, ...]
) -> None:
    """Exactly the moments hold that end a chain of later and later links within the timespan."""
    about = correlation(kind="temporal_ordered", rules=rules, timespan_seconds=timespan)
    all_ = [o for o in occurrences(seen) if o.document in rules]

    def chain(inside: list[Occurrence], left: tuple[str, ...], end: Any) -> Any:
        """The latest start of a chain of these rules that ends at this time."""
        if end not in {o.at for o in inside if o.document == left[-1]}:
            return None
        if len(left) == 1:
            return end
        starts = [chain(inside, left[:-1], o.at) for o in inside if o.at < end]
        return max((start for start in starts if start is not None), default=None)

    expected = [
        (start, inside[-1].at)
        for inside in windows(all_, about)
        if (start := chain(inside, rules, inside[-1].at)) is not None
    ]

    assert [(all_[s.start].at, all_[s.end - 1].at) for s in spans(all_, about)] == expected


@pytest.mark.parametrize(("apart", "holds"), [(600, True), (600.000001, False)])
def test_the_timespan_includes_both_ends(apart: float, holds: bool) -> None:
    """Two requests are in one window when they are at most the timespan apart."""
    seen = [Occurrence(at(s), str(s), "secret_read", b"", {}) for s in (0, apart)]

    assert bool(list(spans(seen, correlation(count=2)))) is holds


def test_one_audit_id_for_all_requests_hides_nothing() -> None:
    """A caller who sends the same Audit-ID with every request is counted by time."""
    seen = [Occurrence(at(s), "chosen", "secret_read", b"", {}) for s in (0, 1, 2)]

    assert [span.observed for span in spans(seen, correlation(count=3))] == [3]


def test_several_fields_count_as_one_value_together() -> None:
    """Distinct targets may be made of verb, resource and namespace."""
    about = correlation(kind="value_count", fields=("verb", "resource"), count=3)
    facts: list[dict[str, Any]] = [
        {"verb": "get", "resource": "pods"},
        {"verb": "list", "resource": "pods"},
        {"verb": "list"},
        {},
    ]
    seen = [Occurrence(at(i), str(i), "d", b"", f) for i, f in enumerate(facts)]

    assert [span.observed for span in spans(seen, about)] == [3, 3]
