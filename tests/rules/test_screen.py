"""The header columns: right for every value, and bounded whatever the events hold."""

from ekswatch.audit.event import AuditEvent
from ekswatch.rules.ruleset import And, Check, Expression, Not, Or
from ekswatch.rules.screen import (
    COLUMN_FIELDS,
    MEMO_CHARACTERS,
    MEMO_ENTRIES,
    Column,
    Screen,
    header_split,
)
from tests.rules import build


def failed(name: str, _: AuditEvent, error: Exception) -> None:
    raise AssertionError(name) from error


def screen(*expressions: Expression) -> Screen:
    return Screen((str(index), header_split(each)[0]) for index, each in enumerate(expressions))


def test_each_rule_has_a_bit() -> None:
    """A bit stays set exactly where the header tests of its rule hold."""
    agent = Check("userAgent", "startswith", ("curl",))
    both = screen(And((Check("verb", "equals", ("get",)), agent)), Not(agent))

    bits = [
        both.possible(build.event(verb=verb, userAgent=text), failed)
        for verb, text in (("get", "curl/8"), ("get", "wget"), ("list", "curl/8"))
    ]

    assert bits == [0b01, 0b10, 0b00]


def test_what_reads_a_body_is_left_over() -> None:
    """Only tests of header fields are screened, and only of a few at a time."""
    header = Check("verb", "equals", ("get",))
    body = Check("requestObject.x", "any")
    many = Or(tuple(Check(f, "any") for f in ("verb", "level", "userAgent", "stage")))

    columns, left = header_split(And((header, body, many, Or((header, body)))))

    assert COLUMN_FIELDS < 4
    assert columns == [(("verb",), header)]
    assert left == [body, many, Or((header, body))]


def test_the_memory_of_a_column_is_bounded() -> None:
    """Unique values empty the memory when it is full; it never grows beyond."""
    column = Column(("userAgent",), [(1, "rule", lambda value: value is not None)])

    sizes = []
    for number in range(MEMO_ENTRIES + 10):
        column.possible(build.event(userAgent=f"agent-{number}"), failed)
        sizes.append(len(column))

    assert max(sizes) == MEMO_ENTRIES
    assert sizes[-1] == 10


def test_long_values_are_not_remembered() -> None:
    """A value beyond the limit is judged each time and leaves nothing behind."""
    column = Column(("userAgent",), [(1, "rule", lambda value: value is not None)])

    for length, remembered in ((MEMO_CHARACTERS, 1), (MEMO_CHARACTERS + 1, 1)):
        assert column.possible(build.event(userAgent="x" * length), failed) & 1
        assert len(column) == remembered


def test_long_lists_are_not_remembered() -> None:
    """Many groups are no key either, however short they are."""
    column = Column(("user.groups",), [(1, "rule", lambda value: value is not None)])

    column.possible(build.event(user={"groups": [""] * 10_000}), failed)
    assert len(column) == 0

    column.possible(build.event(user={"groups": ["system:masters"]}), failed)
    assert len(column) == 1
