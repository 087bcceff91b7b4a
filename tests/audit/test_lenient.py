"""Reading values of which nothing may be assumed."""

from typing import Any

import pytest

from ekswatch.audit.lenient import at, flag, has, items, mapping, objects, text, texts, walk

STRANGE = [None, True, 0, 1.5, "x", [], [1, "a", {}], {}, {"a": 1}]


@pytest.mark.parametrize("value", STRANGE)
def test_a_wrong_type_reads_as_absent(value: Any) -> None:
    """No accessor raises, and each returns its own type."""
    assert isinstance(mapping(value), dict)
    assert isinstance(items(value), list)
    assert all(isinstance(one, dict) for one in objects(value))
    assert isinstance(text(value), str)
    assert all(isinstance(one, str) for one in texts(value))
    assert flag(value) is (value is True)
    assert at(value, ("a", "b")) is None
    assert has(value, ("a", "b")) is False


def test_a_null_at_a_path_is_there() -> None:
    """A merge patch removes a field by naming it."""
    assert has({"spec": {"tls": None}}, ("spec", "tls"))
    assert at({"spec": {"tls": None}}, ("spec", "tls")) is None


def test_walking_ten_thousand_arrays_needs_no_recursion() -> None:
    """Attackers choose the nesting."""
    deep: Any = {"a": 1}
    for _ in range(10_000):
        deep = [deep]

    assert walk(deep, ("a",)) == ("1",)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"a": []}, ()),
        ({"a": {}}, ()),
        ({"a": None}, None),
        ({}, None),
        ({"a": [True, None, 1, "x", {"k": 1}]}, ("true", "1", "x", "k")),
    ],
)
def test_empty_is_not_absent(value: Any, expected: Any) -> None:
    """Absent is None; present and empty is an empty tuple; members read in JSON's spelling."""
    assert walk(value, ("a",)) == expected
