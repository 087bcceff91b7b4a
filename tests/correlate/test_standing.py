"""Standings: what a person is told of correlations that stay silent."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ekswatch.correlate.correlate import Occurrences, occurred
from ekswatch.correlate.spans import spans
from ekswatch.correlate.standing import distance, standings
from ekswatch.rules.match import Match
from ekswatch.rules.ruleset import Correlation
from tests.correlate.examples import DAY, as_signals, at, correlation, match, read, ruleset

SLUG = "secret-read-burst"

TOGETHER = correlation(kind="temporal", rules=("secret_read", "denied"))
IN_ORDER = correlation(kind="temporal_ordered", rules=("secret_read", "denied", "exec"))
DISTINCT = correlation(kind="value_count", fields=("object.name",))

requests = st.lists(
    st.tuples(
        st.integers(0, 1_500),
        st.sampled_from(["secret_read", "denied", "exec"]),
        st.sampled_from(["jane", "joe", None]),
    ),
    min_size=1,
    max_size=12,
)


def told(one: Correlation, matches: Sequence[Match]):
    return standings(as_signals(matches), ruleset(one), SLUG)


def test_the_nearest_group_comes_first() -> None:
    """Who asks why nothing fired sees the group that came closest, and how close."""
    found = told(correlation(), [*read(0, actor="joe"), *read(0, 60, 5_000, 9_000)])

    assert [dict(one.group)["actor.name"] for one in found] == ["jane", "joe"]
    assert (found[0].observed, found[0].missing, found[0].occurrences) == (2, 1, 4)
    assert (found[0].first_seen, found[0].last_seen) == (at(0), at(60))


@pytest.mark.parametrize(("last", "holds"), [(600, True), (601, False)])
def test_the_timespan_is_the_correlation_s(last: int, holds: bool) -> None:
    """A window reaches over the timespan and no further."""
    (found,) = told(correlation(), read(0, 300, last))

    assert (found.holds, found.observed) == (holds, 3 if holds else 2)


def test_distinct_values_are_counted_once() -> None:
    """A request that is repeated does not bring a count of distinct values nearer."""
    (found,) = told(DISTINCT, [match(second, f"a{second}") for second in range(3)])

    assert (found.observed, found.missing, found.occurrences) == (1, 2, 3)


def test_a_group_without_the_counted_field_has_counted_nothing() -> None:
    """Signals that lack the field are there, and count for nothing."""
    (found,) = told(DISTINCT, [match(facts={"actor.name": "jane"})])

    assert (found.observed, found.missing) == (0, 3)


def test_rules_that_did_not_come_are_named() -> None:
    """A temporal correlation says which of its rules it still waited for."""
    (together,) = told(TOGETHER, read(0))
    (in_order,) = told(IN_ORDER, [*read(0, document="denied"), *read(5), *read(9, document="exec")])

    assert (together.missing, together.absent) == (1, ("denied",))
    assert (in_order.missing, in_order.absent) == (2, ("denied", "exec"))


@pytest.mark.parametrize(
    ("op", "expected"),
    [
        ("gte", [2, 1, 0, 0]),
        ("gt", [3, 2, 1, 0]),
        ("lte", [0, 0, 0, 1]),
        ("lt", [0, 0, 1, 2]),
        ("eq", [2, 1, 0, 1]),
        ("neq", [0, 0, 1, 0]),
    ],
)
def test_distance_on_each_side_of_the_condition(op: str, expected: list[int]) -> None:
    """What is missing is counted from the first number that would do."""
    assert [distance(correlation(op=op), observed) for observed in (1, 2, 3, 4)] == expected


@given(
    requests,
    st.sampled_from(
        [
            *(correlation(op=op) for op in ("gte", "gt", "lte", "lt", "eq", "neq")),
            *(TOGETHER, IN_ORDER, DISTINCT),
        ]
    ),
)
def test_a_standing_holds_where_the_correlation_does(
    seen: list[tuple[int, str, str | None]], one: Correlation
) -> None:
    """What is said of a group is what the correlation decides."""
    told_by = as_signals(
        [m for at_, rule, actor in seen for m in read(at_, document=rule, actor=actor)]
    )
    groups = Occurrences({one.name: one}, occurred(told_by, DAY)).groups(one)

    found = {standing.group: standing.holds for standing in standings(told_by, ruleset(one), SLUG)}

    assert found == {group: any(spans(each, one)) for group, each in groups.items()}


def test_no_signals_have_no_standing() -> None:
    """A file without a single signal says nothing."""
    assert standings([], ruleset(correlation()), SLUG) == ()


@pytest.mark.parametrize(("last", "missing"), [(600, 1), (601, 0)])
def test_a_silence_that_is_over_holds(last: int, missing: int) -> None:
    """One that goes on at the end of what was seen is not known to be one."""
    about = ruleset(correlation(op="lt", count=1, timespan_seconds=600))

    (one,) = standings(as_signals(read(0, last)), about, "secret-read-burst")

    assert (one.missing, one.holds) == (missing, missing == 0)
