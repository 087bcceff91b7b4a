"""Which modifiers go together, and which values they take."""

from typing import Any

import pytest
from sigma.modifiers import modifier_mapping

from ekswatch.rules.compiler.modifiers import arranged, known, misfit, unfit

SPECIFIED = {
    *("all", "startswith", "endswith", "contains", "exists", "cased", "neq", "windash"),
    *("re", "i", "m", "s", "base64", "base64offset", "utf16le", "utf16be", "utf16", "wide"),
    *("lt", "lte", "gt", "gte", "minute", "hour", "day", "week", "month", "year"),
    *("cidr", "expand", "fieldref"),
}
"""The modifiers of specification 2.1."""


def test_every_modifier_of_the_specification_is_known() -> None:
    """Nothing of Sigma 2.1 is missing, whatever pySigma has."""
    assert set(known()) >= SPECIFIED
    assert set(known()) - SPECIFIED == {"ignorecase", "multiline", "dotall"}
    assert [
        name for name in SPECIFIED if unfit("f", ["re", name] if name in "ims" else [name])
    ] == []


@pytest.mark.parametrize(
    ("field", "modifiers", "reason"),
    [
        ("f", ["gte", "contains"], "|gte and |contains do not combine"),
        ("f", ["exists", "cased"], "|exists and |cased do not combine"),
        ("f", ["hour", "gte"], "|gte and |hour do not combine"),
        ("f", ["re", "cased"], "|re and |cased do not combine"),
        ("f", ["fieldref", "base64"], "|fieldref and |base64 do not combine"),
        ("f", ["fieldref", "cased"], "|fieldref and |cased do not combine"),
        ("", ["exists"], "|exists needs a field"),
        ("", ["fieldref"], "|fieldref needs a field"),
        ("", ["hour"], "|hour needs a field"),
        ("", ["cidr"], ""),
        ("f", ["expand", "cidr", "neq", "all"], ""),
        ("f", ["all", "re", "i", "m", "s", "neq"], ""),
        ("f", ["startswith", "fieldref", "neq"], ""),
        ("f", ["cased", "windash", "contains", "all"], ""),
    ],
)
def test_modifiers_of_one_key(field: str, modifiers: list[str], reason: str) -> None:
    """What would have no effect, or none that is meant, has a reason against it."""
    assert unfit(field, modifiers) == reason


@pytest.mark.parametrize(
    ("modifier", "taken", "not_taken"),
    [
        ("minute", [0, 59], [-1, 60, 1.5, "1", True]),
        ("hour", [0, 23], [-1, 24]),
        ("day", [1, 31], [0, 32]),
        ("week", [1, 53], [0, 54]),
        ("month", [1, 12], [0, 13]),
        ("year", [1, 9999], [0, 10_000]),
        ("lt", [-1, 0, 2.5], ["1", True, None]),
        ("exists", [True, False], ["true", 1, None]),
        ("contains", ["", "a"], [1, 1.5, True, None]),
        ("base64", ["a"], [1, None]),
        ("neq", ["a", 1, True, None], []),
        ("all", ["a", 1, True, None], []),
    ],
)
def test_the_values_of_a_modifier(modifier: str, taken: list[Any], not_taken: list[Any]) -> None:
    """Each modifier has its type, times their range."""
    assert [value for value in taken if misfit([modifier], [value])] == []
    assert [value for value in not_taken if not misfit([modifier], [value])] == []


def test_the_order_in_which_modifiers_apply() -> None:
    """The rest keeps its order; nothing is left that pySigma does not know."""
    assert arranged(["cased", "utf16le", "base64offset", "contains"]) == [
        *("wide", "base64offset", "contains", "cased"),
    ]
    assert arranged(["startswith", "fieldref"]) == ["fieldref", "startswith"]
    assert set(arranged(known())) == set(modifier_mapping)
