"""What a check may say about audit events."""

import pytest

from ekswatch.audit.vocabulary import FIELDS
from ekswatch.rules.compiler.known import VALUES, checker, unknown_field
from ekswatch.rules.ruleset import Check, Op, Scalar


def said(field: str, op: Op, *values: Scalar, view: str = "", cased: bool = False) -> str:
    lowered = tuple(v.lower() if isinstance(v, str) and not cased else v for v in values)
    return checker(view)(Check(field, op, lowered, cased))


WRONG: list[tuple[str, str, Op, tuple[Scalar, ...], str, str]] = [
    ("misspelt", "objectRef.resorce", "equals", ("x",), "", "did you mean 'objectRef.resource'?"),
    ("of a view", "container.image", "equals", ("x",), "", "unknown field 'container.image'"),
    ("of another view", "grant.verbs", "equals", ("x",), "pod", "in the view pod"),
    ("compared field", "verb", "fieldref", ("verbb",), "", "did you mean 'verb'?"),
    ("word for a number", "responseStatus.code", "equals", ("ok",), "", "is a number"),
    ("number for a word", "verb", "equals", (5,), "", "is text"),
    ("word for true", "pod.host_pid", "equals", ("true",), "pod", "is true or false"),
    ("number in a list of texts", "user.groups", "equals", (5,), "", "is text"),
    ("verb", "verb", "equals", ("udpate",), "", "verb is never 'udpate'; did you mean 'update'?"),
    ("actor", "actor.kind", "equals", ("person",), "", "actor.kind is never 'person'"),
    ("service", "service.type", "equals", ("Nodeports",), "service", "did you mean 'nodeport'?"),
    ("kind", "pod.kind", "equals", ("Daemonsets",), "pod", "did you mean 'daemonset'?"),
    ("start of nothing", "verb", "startswith", ("upd8",), "", "no value of verb meets 'upd8'"),
    ("part of nothing", "outcome", "contains", ("denyed",), "", "no value of outcome meets"),
    ("pattern of nothing", "source.class", "like", ("pub(?s:.)x",), "", "no value of source.class"),
]


@pytest.mark.parametrize(
    ("field", "op", "values", "view", "expected"),
    [case[1:] for case in WRONG],
    ids=[case[0] for case in WRONG],
)
def test_what_can_never_hold_is_said(
    field: str, op: Op, values: tuple[Scalar, ...], view: str, expected: str
) -> None:
    """Unknown fields, wrong types and impossible values are named, with the nearest right one."""
    assert expected in said(field, op, *values, view=view)


RIGHT: list[tuple[str, Op, tuple[Scalar, ...], str]] = [
    ("verb", "equals", ("GET", "post"), ""),
    ("verb", "startswith", ("up", "nothing"), ""),
    ("verb", "re", ("^UPD",), ""),
    ("verb", "any", (), ""),
    ("verb", "null", (), ""),
    ("objectRef.resource", "startswith", ("anything",), ""),
    ("responseStatus.code", "gte", (400,), ""),
    ("requestObject.spec.replicas", "equals", (0,), ""),
    ("requestObject.spec.replicas", "equals", ("0",), ""),
    ("annotations.pod-security.kubernetes.io/exempt", "equals", ("user",), ""),
    ("container.image", "endswith", (":latest",), "container"),
    ("verb", "equals", ("get",), "container"),
    ("requestReceivedTimestamp", "hour", (3,), ""),
    ("", "contains", ("anything",), ""),
]


@pytest.mark.parametrize(("field", "op", "values", "view"), RIGHT)
def test_what_can_hold_is_let_pass(
    field: str, op: Op, values: tuple[Scalar, ...], view: str
) -> None:
    """A check that some event may meet is not remarked on."""
    assert said(field, op, *values, view=view) == ""


def test_a_pattern_that_minds_the_case_is_not_judged() -> None:
    """The possible values are kept in lower case, so a cased pattern is left alone."""
    assert said("service.type", "startswith", "Node", view="service", cased=True) == ""


def test_every_field_with_few_values_exists() -> None:
    """The table of values names fields of the vocabulary, with values in lower case."""
    assert set(VALUES) <= set(FIELDS)
    assert [v for values in VALUES.values() for v in values if v != v.lower()] == []


def test_a_field_may_be_of_any_of_several_views() -> None:
    """A template that serves several rules may name what any of their views has."""
    assert unknown_field("container.image", {"", "container"}) == ""
    assert "in the view grant, pod" in unknown_field("container.image", {"pod", "grant"})
