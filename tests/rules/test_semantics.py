"""What each construct of Sigma means on audit events."""

from pathlib import Path
from typing import Any

import pytest

from ekswatch.rules.predicate import ADDRESS_CHARACTERS, address_of, predicate
from ekswatch.rules.ruleset import Check
from tests.rules import build

ABSENT = object()


def matches(folder: Path, key: str, value: Any, held: Any) -> bool:
    """Whether `requestObject.x<key>: value` matches a request whose body has x as held."""
    condition = {"s": {f"requestObject.x{key}": value}, "condition": "s"}
    build.detection(folder, build.document("rule", condition))
    body = {} if held is ABSENT else {"x": held}
    return bool(build.engine(folder).match([build.event(requestObject=body)]))


TABLE = [
    # text
    ("", "Value", "value", True),
    ("", "value", "values", False),
    ("|cased", "Value", "value", False),
    ("|cased", "Value", "Value", True),
    ("", "a*z", "abcz", True),
    ("", "a*z", "abczy", False),
    ("", "a*z", "a\nz", True),
    ("", "a?z", "abz", True),
    ("", "a?z", "az", False),
    ("", "a.z", "abz", False),
    ("", r"a\*z", "a*z", True),
    ("", r"a\*z", "abz", False),
    ("", r"a\\*", "a\\z", True),
    ("", r"a\b", r"a\b", True),
    ("|cased", "A*z", "Abcz", True),
    ("|cased", "A*z", "abcz", False),
    # the star
    ("", "*", "anything", True),
    ("", "*", "", False),
    ("", "*", ABSENT, False),
    ("", "*", 0, True),
    ("", "*", {"k": 1}, True),
    ("", r"\*", "*", True),
    ("", r"\*", "x", False),
    ("", r"*/\*", "pods/*", True),
    # parts
    ("|contains", "DD", "addle", True),
    ("|contains", ["xx", "le"], "addle", True),
    ("|contains|all", ["xx", "le"], "addle", False),
    ("|contains|all", ["ad", "le"], "addle", True),
    ("|startswith", "ad", "Addle", True),
    ("|startswith", "le", "addle", False),
    ("|endswith", "LE", "addle", True),
    ("|contains", "a*e", "xaddlex", True),
    ("|startswith|cased", "ad", "Addle", False),
    # empty and absent
    ("", None, ABSENT, True),
    ("", None, None, True),
    ("", None, [], True),
    ("", None, "", False),
    ("", "", "", True),
    ("", "", ABSENT, True),
    ("", "", "x", False),
    ("|exists", True, ABSENT, False),
    ("|exists", True, "x", True),
    ("|exists", True, False, True),
    ("|exists", False, ABSENT, True),
    ("|exists", False, 0, False),
    # types
    ("", 5, 5, True),
    ("", 5, 5.0, True),
    ("", 5, "5", False),
    ("", "5", 5, False),
    ("", 1, True, False),
    ("", True, True, True),
    ("", True, 1, False),
    ("", True, "true", False),
    ("", False, False, True),
    ("", False, ABSENT, False),
    # comparisons
    ("|lt", 5, 4, True),
    ("|lt", 5, 5, False),
    ("|lte", 5, 5, True),
    ("|gt", 5, 5, False),
    ("|gt", 5, 5.5, True),
    ("|gte", 5, 5, True),
    ("|gte", 5, "6", False),
    ("|gte", 0, True, False),
    ("|gte", 5, ABSENT, False),
    # not equal
    ("|neq", "a", "b", True),
    ("|neq", "a", "A", False),
    ("|neq", "a", ABSENT, True),
    ("|neq", "a", ["a", "b"], False),
    ("|neq", ["a", "b"], "b", False),
    ("|startswith|neq", "a", "bad", True),
    # several values
    ("", "b", ["a", "b"], True),
    ("", ["b", "c"], ["a", "b"], True),
    ("|all", ["a", "b"], ["a", "b", "c"], True),
    ("|all", ["a", "d"], ["a", "b", "c"], False),
    ("", "b", [["a"], ["b"]], True),
    # regular expressions
    ("|re", "b+", "abbc", True),
    ("|re", "^b+", "abbc", False),
    ("|re", "B", "abc", False),
    ("|re|i", "B", "abc", True),
    ("|re", "a.c", "a\nc", False),
    ("|re|s", "a.c", "a\nc", True),
    ("|re", "^c", "a\nc", False),
    ("|re|m", "^c", "a\nc", True),
    ("|re", r"\d+", 42, False),
    ("|re", ["x", "b"], ["a", "b"], True),
    # networks
    ("|cidr", "10.0.0.0/8", "10.1.2.3", True),
    ("|cidr", "10.0.0.0/8", "11.1.2.3", False),
    ("|cidr", ["10.0.0.0/8", "192.0.2.0/24"], "192.0.2.9", True),
    ("|cidr", "2001:db8::/32", "2001:db8::1", True),
    ("|cidr", "2001:db8::/32", "10.1.2.3", False),
    ("|cidr", "10.0.0.0/8", "10.1.2", False),
    ("|cidr", "0.0.0.0/0", "no address", False),
    ("|cidr", "0.0.0.0/0", 167772161, False),
    ("|cidr", "2001:db8::/32", "2001:db8::1%" + "z" * 80, True),
    # encodings
    ("|windash|contains", " -f", "tar /f x", True),
    ("|windash|contains|all", [" -f", " -x"], "tar /f -x", True),
    ("|windash|contains|all", [" -f", " -y"], "tar /f -x", False),
    ("|base64", "foobar", "Zm9vYmFy", True),
    ("|base64offset|contains", "foobar", "eGZvb2Jhcg==", True),
    ("|wide|base64", "ab", "YQBiAA==", True),
    # times
    ("|hour", 9, "2026-11-20T10:30:00+01:00", True),
    ("|minute", 30, "2026-11-20T10:30:00Z", True),
    ("|year", 2026, "no time", False),
]


@pytest.mark.parametrize(("key", "value", "held", "expected"), TABLE)
def test_a_value_with_modifiers(
    tmp_path: Path, key: str, value: Any, held: Any, expected: bool
) -> None:
    """A check holds for exactly the values its modifiers say."""
    assert matches(tmp_path, key, value, held) is expected


CONDITIONS = [
    ("a and b", {"a", "b"}, True),
    ("a and b", {"a"}, False),
    ("a or b", {"b"}, True),
    ("not a", set(), True),
    ("not a", {"a"}, False),
    ("a and not (b or c)", {"a"}, True),
    ("a and not (b or c)", {"a", "c"}, False),
    ("not (a and b)", {"a"}, True),
    ("not not a", {"a"}, True),
    ("a or b and c", {"a"}, True),
    ("(a or b) and c", {"a"}, False),
    ("1 of sel_*", {"sel_y"}, True),
    ("1 of sel_*", {"a"}, False),
    ("all of sel_*", {"sel_x"}, False),
    ("all of sel_*", {"sel_x", "sel_y"}, True),
    ("a and not 1 of sel_*", {"a"}, True),
    ("1 of them", {"c"}, True),
    ("1 of them", set(), False),
    ("all of them", {"a", "b", "c", "sel_x"}, False),
    ("all of them", {"a", "b", "c", "sel_x", "sel_y"}, True),
]


@pytest.mark.parametrize(("condition", "holding", "expected"), CONDITIONS)
def test_a_condition(tmp_path: Path, condition: str, holding: set[str], expected: bool) -> None:
    """A condition combines its selections as Sigma says."""
    names = ("a", "b", "c", "sel_x", "sel_y")
    selections = {name: {f"requestObject.{name}": True} for name in names}
    rule = build.document("rule", {**selections, "condition": condition})
    build.detection(tmp_path, rule)
    body = dict.fromkeys(holding, True)

    found = build.engine(tmp_path).match([build.event(requestObject=body)])

    assert bool(found) is expected


def test_several_conditions_are_alternatives(tmp_path: Path) -> None:
    """A list of conditions matches when one of them does."""
    detection = {
        "a": {"verb": "get"},
        "b": {"verb": "list"},
        "condition": ["a", "b"],
    }
    build.detection(tmp_path, build.document("rule", detection))
    engine = build.engine(tmp_path)

    found = [bool(engine.match([build.event(verb=verb)])) for verb in ("get", "list", "watch")]

    assert found == [True, True, False]


def test_a_list_of_mappings_is_a_choice_of_conjunctions(tmp_path: Path) -> None:
    """Maps in a list are linked by or, the keys in each by and."""
    choice = [{"verb": "get", "level": "Request"}, {"verb": "list"}]
    build.detection(tmp_path, build.document("rule", {"s": choice, "condition": "s"}))
    engine = build.engine(tmp_path)

    found = [
        bool(engine.match([build.event(verb=verb, level=level)]))
        for verb, level in (("get", "Request"), ("get", "Metadata"), ("list", "Metadata"))
    ]

    assert found == [True, False, True]


@pytest.mark.parametrize(
    ("keywords", "expected"),
    [
        ("curl", True),
        (["wget", "CURL"], True),
        ("wget", False),
        ({"|all": ["curl", "kube-system"]}, True),
        ({"|all": ["curl", "default"]}, False),
        ({"|re": "curl/[0-9]"}, True),
        ("c*l/8", True),
    ],
)
def test_keywords_are_looked_for_in_the_summary(
    tmp_path: Path, keywords: Any, expected: bool
) -> None:
    """A value without a field may stand anywhere in the texts that describe the event."""
    build.detection(tmp_path, build.document("rule", {"k": keywords, "condition": "k"}))
    event = build.event(userAgent="curl/8.1", objectRef={"namespace": "kube-system"})

    assert bool(build.engine(tmp_path).match([event])) is expected


@pytest.mark.parametrize(
    ("key", "x", "y", "expected"),
    [
        ("|fieldref", "a", "A", True),
        ("|fieldref", "a", "b", False),
        ("|fieldref", ["a", "b"], ["c", "b"], True),
        ("|fieldref", 1, 1, True),
        ("|fieldref", 1, True, False),
        ("|fieldref", ABSENT, ABSENT, False),
        ("|fieldref|startswith", "abc", "ab", True),
        ("|fieldref|endswith", "abc", "ab", False),
        ("|fieldref|contains", "xabc", "ab", True),
    ],
)
def test_a_field_against_another(tmp_path: Path, key: str, x: Any, y: Any, expected: bool) -> None:
    """A field reference compares members of two fields, types kept apart."""
    check = {f"requestObject.x{key}": "requestObject.y"}
    build.detection(tmp_path, build.document("rule", {"s": check, "condition": "s"}))
    body = {name: held for name, held in (("x", x), ("y", y)) if held is not ABSENT}

    found = build.engine(tmp_path).match([build.event(requestObject=body)])

    assert bool(found) is expected


@pytest.mark.parametrize(
    ("key", "entries", "value", "held", "expected"),
    [
        ("|expand", ["a", "b"], "%names%", "B", True),
        ("|expand", ["a*"], "%names%", "abc", True),
        ("|expand", [], "%names%", "a", False),
        ("|expand", [], "%names%", ABSENT, False),
        ("|expand", [], ["%names%", "c"], "c", True),
        ("|expand|neq", [], "%names%", "a", True),
        ("|expand|all", [], "%names%", "a", False),
        ("|expand|all", ["a", "b"], "%names%", ["a", "b"], True),
        ("|expand|all", ["a", "b"], "%names%", ["a"], False),
        ("|expand|startswith", ["a", "b"], "%names%", "bcd", True),
        ("|contains|expand", ["a", "b"], "%names%", "xbx", True),
        ("|expand|endswith", ["a", "b"], "/%names%", "x/b", True),
        ("|expand", ["a", "b"], "%names%-%names%", "a-b", True),
        ("|cidr|expand", ["10.0.0.0/8"], "%names%", "10.1.1.1", True),
        ("|re|expand", ["a+", "b+"], "^%names%$", "bbb", True),
        ("|expand", [5, 6], "%names%", 6, True),
    ],
)
def test_a_placeholder_means_the_entries_of_its_list(
    tmp_path: Path, key: str, entries: list[Any], value: Any, held: Any, expected: bool
) -> None:
    """A placeholder stands for each entry, with every modifier; an empty list matches nothing."""
    build.values(tmp_path, "names", entries)

    assert matches(tmp_path, key, value, held) is expected


def test_a_row_must_meet_all_checks_itself(tmp_path: Path) -> None:
    """On a view, a condition holds for one row, not for several together."""
    checks = {"container.privileged": True, "container.name": "b"}
    rule = build.document("rule", {"s": checks, "condition": "s"}, view="container")
    build.detection(tmp_path, rule)
    containers = [
        {"name": "a", "image": "x", "securityContext": {"privileged": True}},
        {"name": "b", "image": "x"},
    ]
    pod = {"kind": "Pod", "apiVersion": "v1", "spec": {"containers": containers}}
    event = build.event(verb="create", objectRef={"resource": "pods"}, requestObject=pod)

    assert build.engine(tmp_path).match([event]) == []


def test_the_request_is_judged_when_its_outcome_is_known(tmp_path: Path) -> None:
    """The stage RequestReceived never matches, the later stages do."""
    rule = build.document("rule", {"s": {"verb": "get"}, "condition": "s"})
    build.detection(tmp_path, rule)
    engine = build.engine(tmp_path)

    found = {
        stage: len(engine.match([build.event(stage=stage)]))
        for stage in ("RequestReceived", "ResponseStarted", "ResponseComplete", "Panic")
    }

    assert found == {
        "RequestReceived": 0,
        "ResponseStarted": 1,
        "ResponseComplete": 1,
        "Panic": 1,
    }


@pytest.mark.parametrize(
    ("characters", "remembered"), [(ADDRESS_CHARACTERS, 1), (ADDRESS_CHARACTERS + 1, 0)]
)
def test_long_addresses_are_not_remembered(characters: int, remembered: int) -> None:
    """An address with a long zone is an address, but does not fill the memory."""
    address_of.cache_clear()
    inside = predicate(Check("sourceIPs", "cidr", ("2001:db8::/32",)))
    address = "2001:db8::1%".ljust(characters, "z")

    assert inside(address)
    assert address_of.cache_info().currsize == remembered
