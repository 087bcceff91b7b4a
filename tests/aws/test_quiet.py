"""The mark of an event that is handed in again without messages."""

import pytest

from ekswatch.aws.quiet import aloud, is_quiet, quietly

EVENT = {"awslogs": {"data": "x"}}


def test_the_mark_is_a_key_beside_the_data() -> None:
    """What AWS sent stays as it is."""
    marked = quietly(EVENT)

    assert (is_quiet(marked), is_quiet(EVENT)) == (True, False)
    assert marked["awslogs"] is EVENT["awslogs"]
    assert aloud(marked) == EVENT


def test_a_mark_in_a_record_does_not_survive() -> None:
    """A quiet event that failed, and is replayed with messages, is not quiet any more."""
    assert aloud(quietly(quietly(EVENT))) == EVENT


@pytest.mark.parametrize(
    "mark", [None, True, "quiet", [], {}, {"notify": None}, {"notify": 0}, {"notify": "false"}]
)
def test_anything_else_is_not_quiet(mark: object) -> None:
    """In doubt people are told."""
    assert not is_quiet({**EVENT, "ekswatch": mark})


def test_the_mark_inside_the_data_is_nothing() -> None:
    """Whoever writes log lines fills what is inside `awslogs`, and silences nobody."""
    assert not is_quiet({"awslogs": {"data": "x", "ekswatch": {"notify": False}}})
