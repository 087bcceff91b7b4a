"""The matcher of filter patterns against the user guide's own examples."""

import json
from typing import Any

import pytest

from tests.logs_filter import MAX_CHARACTERS, BadPattern, matches

LINES = (
    "[ERROR 400] BAD REQUEST",
    "[ERROR 401] UNAUTHORIZED REQUEST",
    "[ERROR 419] MISSING ARGUMENTS",
    "[ERROR 420] INVALID ARGUMENTS",
    "[INFO 200] STARTED",
)


@pytest.mark.parametrize(
    ("pattern", "matched"),
    [
        ("", (0, 1, 2, 3, 4)),
        ("ERROR", (0, 1, 2, 3)),
        ("error", ()),
        ("ERROR ARGUMENTS", (2, 3)),
        ("?ARGUMENTS ?STARTED", (2, 3, 4)),
        ('"ERROR 401"', (1,)),
        ("AUTHORIZED", (1,)),
        ("ERROR -ARGUMENTS", (0, 1)),
        ('ERROR -"INVALID ARGUMENTS"', (0, 1, 2)),
        ('"ERROR" - "MISSING"', (0, 1, 3)),
        ("-ERROR", (4,)),
        ('" "', (0, 1, 2, 3, 4)),
        ("?STARTED ?ARGUMENTS REQUEST", (0, 1)),
    ],
)
def test_terms(pattern: str, matched: tuple[int, ...]) -> None:
    """All terms must be there, excluded ones must not, of optional ones any; case counts."""
    assert tuple(n for n, line in enumerate(LINES) if matches(pattern, line)) == matched


TRAIL = {
    "eventType": "UpdateTrail",
    "sourceIPAddress": "111.111.111.111",
    "arrayKey": ["value", "another value"],
    "objectList": [{"name": "a", "id": 1}, {"name": "b", "id": 2}],
    "SomeObject": None,
    "ThisFlag": True,
    "cluster.name": "c",
}
PEOPLE = {
    "user": {"id": 1, "email": "John.Stiles@example.com"},
    "users": [
        {"id": 2, "email": "John.Doe@example.com"},
        {"id": 3, "email": "Jane.Doe@example.com"},
    ],
    "actions": ["GET", "PUT", "DELETE"],
    "coordinates": [[0, 1, 2], [4, 5, 6], [7, 8, 9]],
}
NUMBERS = {"latency": 500, "numbers": [0.5], "errorCode": 400, "processes": [{"runtime": 55.5}]}
EVENTS = {"eventName": "PutEvent"}


@pytest.mark.parametrize(
    ("pattern", "record", "expected"),
    [
        ('{ $.eventType = "UpdateTrail" }', TRAIL, True),
        ("{ $.eventType = UpdateTrail }", TRAIL, True),
        ('{ $.eventType = "updatetrail" }', TRAIL, False),
        ("{ $.sourceIPAddress != 123.123.* }", TRAIL, True),
        ("{ $.sourceIPAddress != 111.111.* }", TRAIL, False),
        ('{ $.arrayKey[0] = "value" }', TRAIL, True),
        ('{ $.arrayKey[2] = "value" }', TRAIL, False),
        ('{ $.eventType[0] = "value" }', TRAIL, False),
        ("{ $.objectList[1].id = 2 }", TRAIL, True),
        ('{ $.arrayKey[*] = "another value" }', TRAIL, True),
        ('{ $.arrayKey[*] = "other" }', TRAIL, False),
        ("{ $.objectList[*].id = 2 }", TRAIL, True),
        ('{ $.* = "111.111*" }', TRAIL, True),
        ("{ $.* = 111.112* }", TRAIL, False),
        ("{ $.eventType[*] = U }", TRAIL, False),
        ("{ $.nothing[*] = U }", TRAIL, False),
        ("{ $.['cluster.name'] = \"c\" }", TRAIL, True),
        ('{ $.cluster.name = "c" }', TRAIL, False),
        ("{ $.SomeObject IS NULL }", TRAIL, True),
        ("{ $.SomeOtherObject IS NULL }", TRAIL, False),
        ("{ $.SomeOtherObject NOT EXISTS }", TRAIL, True),
        ("{ $.SomeObject NOT EXISTS }", TRAIL, False),
        ("{ $.ThisFlag IS TRUE }", TRAIL, True),
        ("{ $.ThisFlag IS FALSE }", TRAIL, False),
        ("{ $.objectList = 1 }", TRAIL, False),
        ("{ $.objectList != 1 }", TRAIL, False),
        ("{ $.objectList[0] != 1 }", TRAIL, False),
        ('{ ($.user.id = 1) && ($.users[0].email = "John.Doe@example.com") }', PEOPLE, True),
        ('{ ($.user.id = 2 && $.users[0].email = "x") || $.actions[2] = "GET" }', PEOPLE, False),
        (
            '{ $.user.email = "John.Stiles@example.com" || $.coordinates[0][1] = nonmatch'
            " && $.actions[2] = nomatch }",
            PEOPLE,
            True,
        ),
        (
            '{ ($.user.email = "John.Stiles@example.com" || $.coordinates[0][1] = nonmatch)'
            " && $.actions[2] = nomatch }",
            PEOPLE,
            False,
        ),
        ("{ $.coordinates[1][2] = 6 }", PEOPLE, True),
        ("{ $.latency >= 500 }", NUMBERS, True),
        ("{ $.latency < 500 }", NUMBERS, False),
        ("{ $.latency = 5e+2 }", NUMBERS, True),
        ("{ $.numbers[0] != 1e-3 }", NUMBERS, True),
        ("{ $.latency > +1000 }", NUMBERS, False),
        ("{ $.latency = * }", NUMBERS, True),
        ("{ $.numbers[0] < 10e3 }", NUMBERS, True),
        ("{ $.numbers[0] < 10e-3 }", NUMBERS, False),
        ("{ $.processes[0].runtime <= 55.5 }", NUMBERS, True),
        ("{ $.errorCode = 400 }", NUMBERS, True),
        ("{ $.errorCode != 500 }", NUMBERS, True),
        ("{ $.errorCode = 4* }", NUMBERS, True),
        ("{ $.eventName = *Event }", EVENTS, True),
        ("{ $.eventName = Put* }", EVENTS, True),
        ('{ $.eventName = "*tEv*" }', EVENTS, True),
        ("{ $.eventName = Pu*ent }", EVENTS, False),
        ("{ $.eventName = Pu*ent }", {"eventName": "Pu*ent"}, True),
        ("{ $.eventName = Event* }", EVENTS, False),
    ],
)
def test_json(pattern: str, record: Any, expected: bool) -> None:
    """A selector finds one value, and && binds closer than ||."""
    assert matches(pattern, json.dumps(record)) is expected


@pytest.mark.parametrize("message", ["", "not JSON", '{"eventType":"UpdateTr'])
def test_a_json_pattern_matches_json_only(message: str) -> None:
    """A record that was cut has no fields."""
    assert not matches("{ $.stage NOT EXISTS }", message)


@pytest.mark.parametrize("differs", [True, False])
def test_what_is_not_equal_to_nothing_is_the_callers_to_say(differs: bool) -> None:
    """The guide leaves it open."""
    assert matches('{ $.stage != "Panic" }', "{}", differs=differs) is differs


@pytest.mark.parametrize(
    "pattern",
    [
        "a-b",
        '"a\\"b"',
        '"a',
        "{ $.a = 1",
        "{ }",
        "{ $.a }",
        "{ $.a = }",
        "{ $.a EXISTS }",
        "{ $.a IS NOT NULL }",
        "{ $.a < b }",
        "{ ($.a = 1 }",
        "{ $.a = 1 $.b = 2 }",
        "{ a = 1 }",
        "{ $.a/b = 1 }",
        "{ $.a = %x% }",
        "{ $.a[*].b[*] = 1 }",
        "{ $.a[*] != 1 }",
        "{ $.a[*] NOT EXISTS }",
        "{ $.a[*] = 1 || $.b[*] = 1 || $.* = 1 || $.c[*] = 1 }",
        "[a, b]",
        "%a%",
    ],
)
def test_what_the_guide_does_not_have_is_refused(pattern: str) -> None:
    """A test cannot pass on text that the service refuses, or reads in its own way."""
    with pytest.raises(BadPattern):
        matches(pattern, "{}")


def test_the_longest_pattern() -> None:
    """1,024 characters are taken, one more is not."""
    assert matches("a" * MAX_CHARACTERS, "a" * MAX_CHARACTERS)
    with pytest.raises(BadPattern, match="1025"):
        matches("a" * (MAX_CHARACTERS + 1), "")
