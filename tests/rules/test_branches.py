"""Branches of conditions, and what is called impossible, against events that happened."""

from collections import defaultdict
from functools import partial
from itertools import combinations
from pathlib import Path

import msgspec
import pytest

from ekswatch.audit.event import AuditEvent
from ekswatch.audit.views import EventRow, Rows
from ekswatch.rules.compiler.drafts import RuleDraft
from ekswatch.rules.compiler.sources import read_sources
from ekswatch.rules.expression import evaluator
from ekswatch.rules.fields import getter
from ekswatch.rules.lint.branches import (
    MAX_COMPARISONS,
    Branch,
    Demand,
    branches,
    candidates,
    contradiction,
    possible,
)
from ekswatch.rules.lint.reach import why_silent
from ekswatch.rules.ruleset import NEVER, And, Check, Expression, Not, Or

ROOT = Path(__file__).parents[2]
EVENT = msgspec.json.Decoder(AuditEvent)

GET = Check("verb", "equals", ("get",))
LIST = Check("verb", "equals", ("list",))
NAMED = Check("objectRef.name", "any")
NAMELESS = Check("objectRef.name", "null")


def test_the_ways_of_an_expression() -> None:
    """A choice is several ways, a negated conjunction too; tests are there once."""
    given = And((GET, Or((NAMED, LIST)), Not(And((NAMELESS, LIST))), GET))

    assert branches(given) == (
        (Demand(GET, True), Demand(NAMED, True), Demand(NAMELESS, False)),
        (Demand(GET, True), Demand(NAMED, True), Demand(LIST, False)),
        (Demand(GET, True), Demand(LIST, True), Demand(NAMELESS, False)),
        (Demand(GET, True), Demand(LIST, True), Demand(LIST, False)),
    )
    assert branches(NEVER) == ()
    assert branches(And(())) == ((),)


POSSIBLE: list[tuple[str, Expression, bool]] = [
    ("two values", And((GET, LIST)), False),
    ("one of two values", And((GET, Check("verb", "equals", ("list", "get")))), True),
    ("not the value", And((GET, Not(GET))), False),
    ("not another value", And((GET, Not(LIST))), True),
    ("present and absent", And((NAMED, NAMELESS)), False),
    ("neither present nor absent", And((Not(NAMED), Not(NAMELESS))), True),  # the empty text
    ("absent twice", And((NAMELESS, Check("objectRef.name", "exists", (False,)))), True),
    ("not existing and a value", And((GET, Not(Check("verb", "exists", (True,))))), False),
    ("a value and its pattern", And((GET, Check("verb", "startswith", ("g",)))), True),
    ("a value and no such pattern", And((GET, Check("verb", "re", ("^l",)))), False),
    ("a cased value", And((GET, Check("verb", "equals", ("GET",), cased=True))), True),
    ("a cased pattern", And((GET, Check("verb", "startswith", ("G",), cased=True))), True),
    ("a number and a bound", And(
        (Check("responseStatus.code", "equals", (403,)), Check("responseStatus.code", "lt", (400,)))
    ), False),
    ("true and false", And((
        Check("controller_child", "equals", (True,)),
        Check("controller_child", "equals", (False,)),
    )), False),
    ("members of a list", And(
        (Check("user.groups", "equals", ("a",)), Check("user.groups", "equals", ("b",)))
    ), True),
    ("parts of a body", And(
        (Check("requestObject.kind", "equals", ("a",)), Check("requestObject.kind", "null"))
    ), True),
    ("another field", And((GET, Check("verb", "fieldref", ("objectRef.name",)))), True),
    ("keywords", And((Check("", "contains", ("a",)), Check("", "contains", ("b",)))), True),
]  # fmt: skip


@pytest.mark.parametrize(
    ("expression", "expected"),
    [case[1:] for case in POSSIBLE],
    ids=[case[0] for case in POSSIBLE],
)
def test_possible(expression: Expression, expected: bool) -> None:
    """An expression is impossible when every way asks one value for what it cannot be."""
    assert possible(expression, "") is expected


def test_candidates_are_what_all_tests_leave() -> None:
    """The values of one test, without those that the others refuse; None when there is no end."""
    writes = Check("verb", "equals", ("create", "update", "patch"))
    branch: Branch = (
        Demand(writes, True),
        Demand(Check("verb", "startswith", ("up",)), False),
        Demand(NAMED, True),
    )

    assert candidates(branch, "verb", "") == {"create", "patch"}
    assert candidates(branch, "objectRef.name", "") is None
    assert contradiction(branch, "") == ""


def test_long_lists_are_compared_up_to_a_limit() -> None:
    """Two lists are compared value by value until that would take long; then all is possible."""

    def both(names: int) -> Branch:
        texts = tuple(f"a{number}" for number in range(names))
        starts = tuple(f"b{number}" for number in range(MAX_COMPARISONS // 1_000 - 1_000))
        return (
            Demand(Check("objectRef.name", "equals", texts), True),
            Demand(Check("objectRef.name", "startswith", starts), True),
        )

    assert MAX_COMPARISONS == 1_000 * 2_000
    assert contradiction(both(1_000), "") != ""
    assert contradiction(both(1_001), "") == ""


def happened() -> list[AuditEvent]:
    """The events of all examples."""
    files = [
        file
        for kind in ("match", "ignore")
        for file in sorted((ROOT / "events").glob(f"*/{kind}_*.json*"))
    ]
    return [EVENT.decode(line) for file in files for line in file.read_bytes().splitlines()]


def selections() -> dict[str, dict[Expression, str]]:
    """The shipped selections by view, each with its name; those of filters in their view."""
    sources = read_sources(ROOT / "detections", None)
    found: dict[str, dict[Expression, str]] = defaultdict(dict)
    for draft in (draft for file in sources.files for draft in file.drafts):
        if isinstance(draft, RuleDraft):
            found[draft.view] |= {s: f"{draft.name}: {n}" for n, s in draft.selections.items()}
    for each in sources.exclusions:
        found[each.view] |= {s: f"{each.name}: {n}" for n, s in each.selections.items()}
    return found


APART_STEP = 12
"""Of so many pairs that no event meets one is looked at, to see that lint calls some impossible."""


def test_what_is_called_impossible_never_happened() -> None:
    """No event meets two shipped selections of which lint says that together none can."""
    events, silent = happened(), 0
    for view, named in selections().items():
        subjects = [row for event in events for row in Rows(EventRow(event))[view]]
        met = {
            selection: {i for i, subject in enumerate(subjects) if holds(subject)}
            for selection in named
            for holds in [evaluator(selection, partial(getter, view=view))]
        }
        for turn, (one, other) in enumerate(combinations(named, 2)):
            together = met[one] & met[other]
            if together or turn % APART_STEP == 0:
                ways = (why_silent(branch, view) for branch in branches(And((one, other))))
                impossible = all(code for code, _ in ways)
                silent += impossible
                assert not (impossible and together), f"{named[one]}, {named[other]}"

    assert len(events) > 500
    assert silent > 150
