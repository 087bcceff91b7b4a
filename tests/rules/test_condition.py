"""How a condition is read, and where reading stops."""

import pytest

from ekswatch.rules.compiler.condition import MAX_DEPTH, MAX_WAYS, BadCondition, condition
from ekswatch.rules.ruleset import And, Not, Or, Use

A, B, C = Use("a"), Use("b"), Use("c")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a", A),
        (" ( (a) )\n", A),
        ("not a", Not(A)),
        ("not not a", Not(Not(A))),
        ("a and b and c", And((A, B, C))),
        ("a or b and c", Or((A, And((B, C))))),
        ("(a or b)and c", And((Or((A, B)), C))),
        ("not a or b", Or((Not(A), B))),
        ("1 of them", Or((A, B, C))),
        ("all of them", And((A, B, C))),
        ("3 of them", And((A, B, C))),
        ("2 of them", Or((And((A, B)), And((A, C)), And((B, C))))),
        ("1 of a*", A),
        ("all of a*", A),
        ("not 1 of them and a", And((Not(Or((A, B, C))), A))),
    ],
)
def test_a_condition_as_an_expression(text: str, expected: object) -> None:
    """Links of one kind are one link; parentheses that change nothing leave nothing."""
    assert condition(text, "abc") == expected


@pytest.mark.parametrize("name", ["notable", "android", "or-else", "of", "all", "any", "them", "1"])
def test_a_selection_may_be_called_like_an_operator(name: str) -> None:
    """Words of the grammar are whole words, and some are only words in their place."""
    assert condition(f"{name} and a", [name, "a"]) == And((Use(name), A))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "a selection is missing at the end"),
        ("a b", "'and' or 'or' is missing before 'b'"),
        ("a and or b", "a selection is missing before 'or'"),
        ("not", "a selection is missing at the end"),
        ("()", "a selection is missing before ')'"),
        ("a)", "'and' or 'or' is missing before ')'"),
        ("NOT a", "there is no selection 'NOT'; write 'not'"),
        ("1 of", "a pattern or 'them' is missing at the end"),
        ("0 of them", "before 'of' stands a number, 'any' or 'all', not '0'"),
        ("-1 of them", "before 'of' stands a number, 'any' or 'all', not '-1'"),
        ("some of them", "before 'of' stands a number, 'any' or 'all', not 'some'"),
        ("4 of them", "'4 of them' never holds: it means 3"),
        ("a | near b", "aggregations behind a '|'"),
    ],
)
def test_what_cannot_be_read(text: str, message: str) -> None:
    """The reason names the word at which reading stopped."""
    with pytest.raises(BadCondition) as raised:
        condition(text, "abc")

    assert message in str(raised.value)


@pytest.mark.parametrize(
    "nested", ["(" * MAX_DEPTH + "a" + ")" * MAX_DEPTH, "not " * MAX_DEPTH + "a"]
)
def test_the_depth_of_a_condition_is_bounded(nested: str) -> None:
    """Fifty levels are read, one more is not."""
    condition(nested, "a")

    with pytest.raises(BadCondition, match=f"deeper than {MAX_DEPTH}"):
        condition(f"not ({nested})", "a")


def test_the_ways_in_which_so_many_hold_are_bounded() -> None:
    """Two of 45 selections hold in 990 ways, two of 46 in 1,035."""
    names = [f"s{number}" for number in range(46)]

    found = condition("2 of them", names[:45])

    assert isinstance(found, Or)
    assert len(found.args) == 990 < MAX_WAYS
    with pytest.raises(BadCondition, match="more than 1,000 ways"):
        condition("2 of them", names)
