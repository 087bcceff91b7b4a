"""Medians, quartiles and alternation."""

import pytest

from benchmarks.corpora import payloads, recorded
from benchmarks.rounds import Spread, alternate, floor, one_round, ratios, spread


def test_spread_is_median_and_quartiles() -> None:
    """One slow round moves neither the median nor the quartiles far."""
    assert spread([1.0, 2.0, 3.0, 4.0, 100.0]) == Spread(median=3.0, low=2.0, high=4.0)


def test_one_round_has_no_spread() -> None:
    """Its quartiles are itself."""
    assert spread([2.5]) == Spread(2.5, 2.5, 2.5)


def test_no_rounds_are_an_error() -> None:
    """A number without a measurement must not come out of it."""
    with pytest.raises(ValueError, match="no rounds"):
        spread([])


def test_ratios_are_taken_within_a_round() -> None:
    """A machine that slows down for one round slows both sides."""
    assert ratios([2.0, 20.0, 4.0], [1.0, 10.0, 2.0]) == Spread(2.0, 2.0, 2.0)


def test_ratios_of_unequal_rounds_are_an_error() -> None:
    """A round that only one side had has no ratio."""
    with pytest.raises(ValueError, match="shorter"):
        ratios([1.0, 2.0], [1.0])


def test_each_round_begins_with_another_one() -> None:
    """None is always measured first."""
    order: list[str] = []
    works = {name: (lambda name=name: order.append(name)) for name in "abc"}

    for number in range(3):
        one_round(works, number)

    assert "".join(order) == "abcbcacab"


def test_the_first_round_is_kept_apart() -> None:
    """It warms up, and is not in the medians."""
    asked: list[int] = []

    def works(number: int) -> dict[str, object]:
        asked.append(number)
        return {"nothing": lambda: None}

    first, times = alternate(works, 7)  # type: ignore[arg-type]

    assert asked == [*range(8)]
    assert first["nothing"] >= 0
    assert len(times["nothing"]) == 7


def test_the_floor_reads_every_event() -> None:
    """An event that is not JSON shows that it was parsed."""
    floor(payloads(recorded()[:10], 5))

    with pytest.raises(ValueError, match="unexpected"):
        floor(payloads(["{} no"], 1))
