"""Sinks: all are tried, all failures are told."""

from collections.abc import Callable, Sequence

import pytest

from ekswatch.aws.sinks import DeliveryFailed, NotDelivered, Rejected, attempt, deliver
from ekswatch.findings.finding import Finding
from tests.aws.examples import finding


def failing(error: Exception) -> Callable[[Sequence[Finding]], None]:
    def sink(_: Sequence[Finding]) -> None:
        raise error

    return sink


def test_a_failing_sink_does_not_keep_the_next_from_its_findings() -> None:
    """The second sink gets the findings although the first one raised."""
    got: list[Finding] = []

    with pytest.raises(DeliveryFailed):
        deliver([finding()], {"first": failing(OSError("down")), "second": got.extend})

    assert got == [finding()]


def test_all_failures_are_raised_together() -> None:
    """The message names every sink and every finding that it did not take."""
    refused = NotDelivered("Security Hub", [Rejected("f-1", "InvalidInput", "no title")])

    with pytest.raises(DeliveryFailed) as raised:
        deliver([finding()], {"hub": failing(refused), "bus": failing(OSError("down"))})

    assert len(raised.value.exceptions) == 2
    assert "Security Hub did not take 1: f-1 (InvalidInput: no title)" in str(raised.value)
    assert "bus: OSError: down" in str(raised.value)


def test_groups_of_failures_are_flattened() -> None:
    """A step that is itself a delivery adds its failures, not a group in a group."""
    with pytest.raises(DeliveryFailed) as raised:
        attempt({"findings": lambda: deliver([], {"bus": failing(OSError("down"))})})

    assert [type(error) for error in raised.value.exceptions] == [OSError]


def test_nothing_fails_without_a_failure() -> None:
    """Steps that return leave nothing to raise."""
    done: list[str] = []

    attempt({"one": lambda: done.append("one"), "two": lambda: done.append("two")})

    assert done == ["one", "two"]
