"""Columns of parts: right for every value, and bounded whatever the events hold."""

from functools import partial

from ekswatch.audit.event import AuditEvent
from ekswatch.audit.views import VIEWS, EventRow
from ekswatch.rules.expression import ALWAYS, implied, split
from ekswatch.rules.fields import Subject, getter
from ekswatch.rules.matcher.screen import (
    COLUMN_FIELDS,
    MEMO_CHARACTERS,
    MEMO_ENTRIES,
    Column,
    Part,
    Screen,
    needs,
)
from ekswatch.rules.ruleset import And, Check, Expression, Not, Or
from tests.rules import build

EVENT = partial(getter, view="")


def failed(name: str, _: AuditEvent, error: Exception) -> None:
    raise AssertionError(name) from error


def subject(**fields: object) -> Subject:
    return EventRow(build.event(**fields))


def parts(*expressions: Expression) -> list[Part]:
    return [
        (str(index), 1 << index, part)
        for index, each in enumerate(expressions)
        for part in split(each)
    ]


def column(expression: Expression) -> Column:
    return Column(parts(expression), EVENT)


def test_each_rule_has_a_bit() -> None:
    """A bit stays set exactly where all parts of its rule hold."""
    agent = Check("userAgent", "startswith", ("curl",))
    both = Screen(parts(And((Check("verb", "equals", ("get",)), agent)), Not(agent)), EVENT)

    bits = [
        both.passing(subject(verb=verb, userAgent=text), 0b11, failed)
        for verb, text in (("get", "curl/8"), ("get", "wget"), ("list", "curl/8"))
    ]

    assert bits == [0b01, 0b10, 0b00]


def test_only_the_bits_alive_are_asked() -> None:
    """What nobody asked about yet is judged when somebody does, with what was known kept."""
    verb, other = Check("verb", "equals", ("get",)), Check("verb", "startswith", ("g",))
    both = Screen(parts(verb, other, Not(verb)), EVENT)

    for alive, bits in ((0b010, 0b010), (0b101, 0b001), (0b111, 0b011), (0b100, 0b000)):
        assert both.passing(subject(verb="get"), alive, failed) == bits
    for alive, bits in ((0b100, 0b100), (0b011, 0b000), (0b111, 0b100)):
        assert both.passing(subject(verb="list"), alive, failed) == bits


def test_comparisons_with_texts_are_looked_up_for_all_rules_at_once() -> None:
    """Equal, unequal, several values, several members, none: as if each was judged alone."""
    a, b = Check("user.groups", "equals", ("a",)), Check("user.groups", "equals", ("a", "b"))
    cased = Check("user.groups", "equals", ("A",), cased=True)
    all_ = Screen(parts(a, b, Not(a), Not(b), cased), EVENT)

    found = {
        groups: all_.passing(subject(user={"groups": list(groups)}), 0b11111, failed)
        for groups in ((), ("A",), ("b", "c"), ("c",))
    }

    assert found == {(): 0b01100, ("A",): 0b10011, ("b", "c"): 0b00110, ("c",): 0b01100}


def test_two_parts_of_one_rule_on_one_field_must_both_hold() -> None:
    """A rule may ask twice about the same field."""
    twice = And((Check("verb", "equals", ("get", "list")), Not(Check("verb", "equals", ("get",)))))
    screen = Screen(parts(twice), EVENT)

    assert [screen.passing(subject(verb=v), 1, failed) for v in ("get", "list", "x")] == [0, 1, 0]


def test_a_part_of_many_fields_is_judged_each_time() -> None:
    """Its values hardly repeat, so they are not remembered; unless the profile decides them."""
    fields = (
        *("requestURI", "objectRef.apiVersion", "objectRef.name", "objectRef.uid"),
        *("user.uid", "objectRef.resourceVersion"),
    )
    many = column(Or(tuple(Check(field, "any") for field in fields)))
    steady = column(
        Or(tuple(Check(f, "any") for f in ("verb", "userAgent", "outcome", "resource")))
    )

    assert len(fields) > COLUMN_FIELDS
    assert many.passing(subject(requestURI="/x"), 1, failed) & 1
    assert not many.passing(subject(), 1, failed) & 1
    assert len(many) == 0
    assert steady.passing(subject(verb="get"), 1, failed) & 1
    assert len(steady) == 1


def test_the_memory_of_a_column_is_bounded() -> None:
    """Unique values empty the memory when it is full; it never grows beyond."""
    agents = column(Check("userAgent", "any"))

    sizes = []
    for number in range(2 * MEMO_ENTRIES + 10):
        agents.passing(subject(userAgent=f"agent-{number}"), 1, failed)
        sizes.append(len(agents))

    assert max(sizes) == 2 * MEMO_ENTRIES
    assert sizes[-1] == MEMO_ENTRIES + 10


def test_long_values_are_not_remembered() -> None:
    """A value beyond the limit is judged each time and leaves nothing behind."""
    agents = column(Check("userAgent", "any"))

    for length, remembered in ((MEMO_CHARACTERS, 1), (MEMO_CHARACTERS + 1, 1)):
        assert agents.passing(subject(userAgent="x" * length), 1, failed) & 1
        assert len(agents) == remembered


def test_long_lists_are_not_remembered() -> None:
    """Many groups are no key either, however short they are."""
    groups = column(Check("user.groups", "any"))

    groups.passing(subject(user={"groups": [""] * 10_000}), 1, failed)
    assert len(groups) == 0

    groups.passing(subject(user={"groups": ["system:masters"]}), 1, failed)
    assert len(groups) == 1


def test_a_view_is_asked_only_for_events_that_can_have_rows() -> None:
    """Writes of its resources, and records that lost their reference."""
    pods = Screen(parts(And(needs(VIEWS["pod"]))), EVENT)
    pod, lease = {"resource": "pods"}, {"resource": "leases"}

    found = [
        pods.passing(subject(verb=verb, objectRef=ref), 1, failed)
        for verb, ref in (
            *(("create", pod), ("create", {}), ("get", pod), ("create", lease)),
            ("create", {**pod, "subresource": "status"}),
        )
    ]

    assert found == [1, 1, 0, 0, 0]


HEADER = Check("verb", "equals", ("get",))
OTHER = Check("objectRef.name", "equals", ("x",))


def is_verb(field: str) -> bool:
    return field == "verb"


def test_what_must_hold_is_told_by_the_fields_that_are_known() -> None:
    """Tests of other fields are left open, on either side of a not."""
    cases: dict[Expression, Expression] = {
        HEADER: HEADER,
        OTHER: ALWAYS,
        And((HEADER, OTHER)): And((HEADER,)),
        Or((HEADER, OTHER)): ALWAYS,
        Or((And((HEADER, OTHER)), And((Not(HEADER), OTHER)))): Or(
            (And((HEADER,)), And((Not(HEADER),)))
        ),
        Not(And((HEADER, OTHER))): ALWAYS,
        Not(Or((HEADER, OTHER))): Not(Or((HEADER,))),
        Not(OTHER): ALWAYS,
        Not(Not(And((HEADER, OTHER)))): Not(Not(And((HEADER,)))),
        And((OTHER, Or(()))): Or(()),
    }

    for expression, needed in cases.items():
        assert implied(expression, is_verb) == needed
